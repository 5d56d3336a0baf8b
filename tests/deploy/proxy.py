"""A proxy before AWS that knows which call it is, and can end whoever makes it in the midst."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_READS = re.compile(r"(Get|List|Describe|Batch(Get|Describe)|Head)")


@dataclass
class Proxy:
    """:ivar url: where it listens.
    :ivar writes: the calls that change something, in the order in which they came.
    :ivar before: called with the number of each such call before AWS hears of it.
    :ivar after: called with it when AWS has done it, before the caller hears of that.
    :ivar refuse: gives the code and the message that a call is refused with (403), where it is.
    """

    url: str = ""
    calls: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    before: Callable[[int], None] = lambda number: None
    after: Callable[[int], None] = lambda number: None
    refuse: Callable[[str], tuple[str, str] | None] = lambda call: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        with self.lock:
            self.calls.clear()
            self.writes.clear()


@contextlib.contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy before ``upstream``."""
    found = Proxy()
    target = urllib.parse.urlsplit(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            what, changes = _call(self.command, self.path, self.headers, body)
            number = -1
            with found.lock:
                found.calls.append(what)
                if changes:
                    number = len(found.writes)
                    found.writes.append(what)
            if changes:
                found.before(number)
            if (refusal := found.refuse(what)) is not None:
                self._refuse(*refusal)
                return
            connection = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
            try:
                connection.putrequest(
                    self.command, self.path, skip_host=True, skip_accept_encoding=True
                )
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
            if changes:
                found.after(number)
            with contextlib.suppress(OSError):
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def _refuse(self, code: str, message: str) -> None:
            content = json.dumps({"__type": code, "message": message}).encode()
            self.send_response(403)
            self.send_header("x-amzn-ErrorType", code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _call(method: str, path: str, headers: Any, body: bytes) -> tuple[str, bool]:
    """What a request asks for, and whether it changes anything."""
    signed = re.search(r"Credential=(?:[^/]+/){3}([^/]+)/", headers.get("Authorization", ""))
    service = signed[1] if signed else "?"
    operation = headers.get("X-Amz-Target", "").rpartition(".")[2]
    if not operation and body.startswith(b"Action="):
        operation = urllib.parse.parse_qs(body.decode())["Action"][0]
    elif not operation and b"Action=" in body[:2000] and not body.startswith(b"{"):
        values = urllib.parse.parse_qs(body.decode("latin-1"))
        operation = values.get("Action", [""])[0]
    if operation:
        return f"{service} {operation}", not _READS.match(operation)
    return f"{service} {method} {path.partition('?')[0]}", method not in ("GET", "HEAD")
