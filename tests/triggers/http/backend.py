"""A real HTTP server for integrations to call."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Backend:
    """``url`` without a path; ``seen`` holds one dict a request. What a path answers:

    ``/status/N``, ``/slow`` (after half a second), ``/gzip``, ``/bytes`` (a PNG's first ones),
    ``/large``, ``/redirect``, ``/cut`` (breaks off); anything else: what was sent, as JSON.
    """

    url: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)


PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


@contextlib.contextmanager
def backend() -> Iterator[Backend]:
    state = Backend()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            seen = {
                "method": self.command,
                "path": self.path,
                "headers": [list(pair) for pair in self.headers.items()],
                "body": self.rfile.read(length).decode("utf-8", "replace"),
            }
            state.seen.append(seen)
            self.reply(self.path.partition("?")[0], seen)

        def reply(self, path: str, seen: dict[str, Any]) -> None:
            status, headers = 200, {"Content-Type": "application/json", "X-App": "a"}
            body = json.dumps(seen).encode()
            if path.startswith("/status/"):
                status, body = int(path.rsplit("/", 1)[1]), b'{"error": {"code": "E7"}}'
            elif path == "/slow":
                time.sleep(0.5)
            elif path == "/gzip":
                headers["Content-Encoding"], body = "gzip", gzip.compress(b'{"zipped": true}')
            elif path == "/bytes":
                headers["Content-Type"], body = "image/png", PNG
            elif path == "/large":
                body = b"x" * (10 * 1024 * 1024 + 1)
            elif path == "/redirect":
                status, headers["Location"] = 302, "/elsewhere"
            elif path == "/cut":
                self.close_connection = True
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Set-Cookie", "a=1")
            self.send_header("Set-Cookie", "b=2")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = handle_one

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Who called may have given up waiting."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
