"""A Runtime API that a test drives by hand, over plain sockets.

It shows what the real server hides: which requests a bootstrap sends, on which connection, with
which headers, and which of them arrive in one piece. Nothing here knows the states of Lambda.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_S = 20.0
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:hello"
REQUEST_ID = "8f507cfc-0000-4697-b07a-ac58fc914c95"
ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'


@dataclass
class Request:
    """One request as it came. Names of headers and trailers are in lower case."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    trailers: dict[str, str]
    chunks: list[bytes]
    connection: socket.socket
    reads: tuple[int, int]
    """The first and the last read (numbered over the connection) that this request came in."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        return json.loads(self.body)

    def answer(self, data: bytes) -> None:
        self.connection.sendall(data)


@dataclass
class Frame:
    """One record of the telemetry descriptor. ``time_us`` is None where the format has no time."""

    type: int
    time_us: int | None
    text: str


class _Reader:
    """Requests of one connection, in order."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.data = b""
        self.reads = 0

    def more(self) -> None:
        data = self.connection.recv(65536)
        if not data:
            raise EOFError
        self.reads += 1
        self.data += data

    def until(self, mark: bytes) -> bytes:
        while mark not in self.data:
            self.more()
        found, _, self.data = self.data.partition(mark)
        return found

    def take(self, size: int) -> bytes:
        while len(self.data) < size:
            self.more()
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def request(self) -> Request:
        if not self.data:
            self.more()
        first = self.reads
        start, *lines = self.until(b"\r\n\r\n").decode().split("\r\n")
        method, path, _version = start.split(" ")
        headers = [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines)]
        known = dict(headers)
        trailers: dict[str, str] = {}
        chunks: list[bytes] = []
        if known.get("transfer-encoding") == "chunked":
            while (size := int(self.until(b"\r\n"), 16)) > 0:
                chunks.append(self.take(size))
                self.take(2)
            while line := self.until(b"\r\n").decode():
                name, _, value = line.partition(":")
                trailers[name.lower()] = value.strip()
            body = b"".join(chunks)
        else:
            body = self.take(int(known.get("content-length", 0)))
        reads = (first, self.reads)
        return Request(method, path, headers, body, trailers, chunks, self.connection, reads)


class ScriptedApi:
    """Listens on a free port; every request lands in one queue."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.requests: queue.Queue[Request] = queue.Queue()
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        reader = _Reader(connection)
        try:
            while True:
                self.requests.put(reader.request())
        except (EOFError, OSError):
            return

    def take(self, method: str, path_end: str) -> Request:
        """The next request, which has to be this one."""
        request = self.requests.get(timeout=PATIENCE_S)
        assert (request.method, request.path.endswith(path_end)) == (method, True), request
        return request

    def close(self) -> None:
        if self._server.fileno() < 0:
            return
        # A close() alone lets the accept() that waits in the other thread take one more.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def event_answer(payload: bytes, headers: Mapping[str, str | None] | None = None) -> bytes:
    """The answer to /next. A header set to None is left out."""
    all_headers: dict[str, str | None] = {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": REQUEST_ID,
        "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 3000),
        "Lambda-Runtime-Invoked-Function-Arn": ARN,
        "Lambda-Runtime-Trace-Id": "Root=1-5e9b1b1b-000000000000000000000000;Sampled=0",
        "Content-Length": str(len(payload)),
        **(headers or {}),
    }
    lines = [f"{name}: {value}" for name, value in all_headers.items() if value is not None]
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode() + payload


@dataclass
class Session:
    """A bootstrap that runs a function against a scripted API."""

    api: ScriptedApi
    process: subprocess.Popen[bytes]
    output: _Output
    pending: Request | None = field(default=None)

    def next(self) -> Request:
        """The poll for work that waits for an answer."""
        if self.pending is None:
            self.pending = self.api.take("GET", "/runtime/invocation/next")
        return self.pending

    def give(self, event: Any, headers: Mapping[str, str | None] | None = None) -> None:
        """Answer the poll with an event."""
        poll = self.next()
        self.pending = None
        poll.answer(event_answer(json.dumps(event).encode(), headers))

    def result(self) -> Request:
        """What the function gives: a POST to /response or /error; it is accepted."""
        request = self.api.requests.get(timeout=PATIENCE_S)
        assert request.method == "POST", request
        request.answer(ACCEPTED)
        return request

    def invoke(self, event: Any, headers: Mapping[str, str | None] | None = None) -> Request:
        """Give an event and wait for its result."""
        self.give(event, headers)
        return self.result()

    def next_request(self, patience_s: float) -> Request | None:
        """Whatever comes next; None when the process has ended instead.

        :raises queue.Empty: nothing has come.
        """
        deadline = time.monotonic() + patience_s
        while True:
            ended = self.process.poll() is not None
            try:
                return self.api.requests.get(timeout=0.02)
            except queue.Empty:
                if ended:
                    return None
                if time.monotonic() > deadline:
                    raise

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE_S)

    def frames(self) -> list[Frame]:
        """All records so far; complete when the process has ended."""
        return self.output.frames()

    def log(self) -> list[str]:
        """The text of all records so far."""
        return [frame.text for frame in self.frames()]

    def wait_for_log(self, count: int) -> list[str]:
        deadline = time.monotonic() + PATIENCE_S
        while len(lines := self.log()) < count:
            assert time.monotonic() < deadline, lines
            time.sleep(0.005)
        return lines


class _Output:
    """What a process writes to the pipe that is its stdout, stderr and telemetry descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.data = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while chunk := os.read(self._fd, 65536):
            self.data += chunk
        os.close(self._fd)

    def join(self) -> None:
        self._thread.join(PATIENCE_S)

    def frames(self) -> list[Frame]:
        data, found = self.data, []
        while data:
            if data[:3] == b"\xa5\x5a\x00" and len(data) >= 16:
                kind, length, at = struct.unpack(">IIQ", data[:16])
                if len(data) < 16 + length:
                    break
                found.append(Frame(kind, at, data[16 : 16 + length].decode()))
                data = data[16 + length :]
            else:
                line, end, data = data.partition(b"\n")
                if end:
                    found.append(Frame(0, None, line.decode()))
        return found


def environment(api: ScriptedApi, root: Path, handler: str) -> dict[str, str]:
    """What Lambda gives a runtime, for a function called hello."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(root),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": "hello",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/21/[$LATEST]0123456789abcdef0123456789abcdef",
        "AWS_LAMBDA_LOG_FORMAT": "Text",
    }


@contextmanager
def run(
    command: Sequence[str],
    root: Path,
    handler: str,
    env: Mapping[str, str] | None = None,
    *,
    telemetry: bool = True,
) -> Iterator[Session]:
    """Run a bootstrap in ``root``; nothing of it is left afterwards."""
    api = ScriptedApi()
    read, write = os.pipe()
    variables = environment(api, root, handler)
    if telemetry:
        variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(write)
    process = subprocess.Popen(
        command,
        cwd=root,
        env={**variables, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=write,
        pass_fds=[write],
    )
    os.close(write)
    session = Session(api, process, _Output(read))
    try:
        yield session
    finally:
        api.close()
        process.kill()
        process.wait(PATIENCE_S)
        session.output.join()
