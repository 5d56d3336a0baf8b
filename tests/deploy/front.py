"""A server before a moto server: some of AWS's answers are a test's own, the others moto's."""

from __future__ import annotations

import contextlib
import http.client
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Wire = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body of an answer."""

_OF_A_CONNECTION = ("content-length", "transfer-encoding", "connection")


@contextlib.contextmanager
def front(answer: Callable[[BaseHTTPRequestHandler, bytes], Wire]) -> Iterator[str]:
    """Serve what ``answer`` gives, for a request and its body; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = answer(self, body)
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in _OF_A_CONNECTION:
                    self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD" and status != 204:
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    # How long its end is waited for.
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def forward(
    upstream: str, command: str, path: str, headers: Mapping[str, str], body: bytes
) -> Wire:
    """What the server at ``upstream`` answers."""
    target = urllib.parse.urlsplit(upstream)
    connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=30)
    try:
        connection.request(command, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    finally:
        connection.close()
