"""Clients of debuggers, as editors are: the Debug Adapter Protocol and V8's inspector.

https://microsoft.github.io/debug-adapter-protocol/specification and
https://chromedevtools.github.io/devtools-protocol/v8/Debugger. Both block: use them in a thread.
"""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

WAIT_S = 30.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Dap:
    """A session with debugpy. Everything it says is read only when something is waited for."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self._file = self._socket.makefile("rb")
        self._sequence = 0
        self._unread: list[dict[str, Any]] = []
        self._attached = False

    def __enter__(self) -> Dap:
        return self

    def __exit__(self, *_: object) -> None:
        if self._attached:
            with suppress(OSError):
                self.request("disconnect", terminateDebuggee=False)
        # The file holds the socket open.
        self._file.close()
        self._socket.close()

    def attach(self, file: Path, line: int, *, remote: tuple[Path, str] | None = None) -> None:
        """As VS Code does it: one breakpoint, and go.

        :param remote: a folder here, and where the debuggee has it.
        """
        mappings = (
            [{"localRoot": str(remote[0]), "remoteRoot": remote[1]}] if remote is not None else []
        )
        self._send("initialize", clientID="test", adapterID="debugpy", pathFormat="path")
        self._send("attach", justMyCode=False, subProcess=False, pathMappings=mappings)
        self._find(lambda message: message.get("event") == "initialized")
        self.request("setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line}])
        self.request("configurationDone")
        self._attached = True

    def stopped(self) -> int:
        """Wait until the debuggee stops; returns its thread."""
        event = self._find(lambda message: message.get("event") == "stopped")
        thread: int = event["body"]["threadId"]
        return thread

    def value(self, thread: int, expression: str) -> str:
        """What an expression is worth where ``thread`` has stopped."""
        frame = self.request("stackTrace", threadId=thread)["stackFrames"][0]["id"]
        found: str = self.request("evaluate", expression=expression, frameId=frame)["result"]
        return found

    def go_on(self, thread: int) -> None:
        # Nobody is left to answer where the function's end is the end of everything.
        self._send("continue", threadId=thread)

    def request(self, command: str, **arguments: Any) -> dict[str, Any]:
        number = self._send(command, **arguments)
        answer = self._find(lambda message: message.get("request_seq") == number)
        assert answer["success"], answer
        body: dict[str, Any] = answer.get("body") or {}
        return body

    def _send(self, command: str, **arguments: Any) -> int:
        self._sequence += 1
        body = json.dumps(
            {"seq": self._sequence, "type": "request", "command": command, "arguments": arguments}
        ).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        return self._sequence

    def _find(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        for message in self._unread:
            if wanted(message):
                self._unread.remove(message)
                return message
        while True:
            length = 0
            while (head := self._file.readline().strip()) != b"":
                name, _, value = head.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if not length:
                raise ConnectionError("debugpy has closed the connection")
            message = json.loads(self._file.read(length))
            if wanted(message):
                return message
            self._unread.append(message)


class Inspector:
    """A session with Node.js."""

    def __init__(self, port: int) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=WAIT_S) as answer:
            (target,) = json.load(answer)
        self._url = f"ws://127.0.0.1:{port}/{target['id']}"
        self._stack = ExitStack()
        self._sequence = 0
        self._unread: list[dict[str, Any]] = []

    def __enter__(self) -> Inspector:
        opened = connect(self._url, max_size=None, open_timeout=WAIT_S, compression=None)
        self._socket = self._stack.enter_context(opened)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def attach(self, file: str, line: int) -> None:
        """One breakpoint, and go. ``file`` ends the URL of the script."""
        self.request("Debugger.enable")
        pattern = f".*{file.replace('.', '[.]')}$"
        self.request("Debugger.setBreakpointByUrl", urlRegex=pattern, lineNumber=line - 1)
        self.request("Runtime.runIfWaitingForDebugger")

    def stopped(self) -> dict[str, Any]:
        """Wait until it stops at a breakpoint; returns the innermost frame."""
        while True:
            paused = self._find(lambda message: message.get("method") == "Debugger.paused")
            if paused["params"]["hitBreakpoints"]:
                frame: dict[str, Any] = paused["params"]["callFrames"][0]
                return frame
            # --inspect-brk stops at the first line of all.
            self.go_on()

    def value(self, frame: dict[str, Any], expression: str) -> Any:
        answer = self.request(
            "Debugger.evaluateOnCallFrame",
            callFrameId=frame["callFrameId"],
            expression=expression,
            returnByValue=True,
        )
        return answer["result"]["value"]

    def go_on(self) -> None:
        self.request("Debugger.resume")

    def request(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._sequence += 1
        number = self._sequence
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        answer = self._find(lambda message: message.get("id") == number)
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _find(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        for message in self._unread:
            if wanted(message):
                self._unread.remove(message)
                return message
        while True:
            message = json.loads(self._socket.recv(timeout=WAIT_S))
            if wanted(message):
                return message
            self._unread.append(message)
