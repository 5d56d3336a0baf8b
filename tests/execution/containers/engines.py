"""Stand-ins for container engines: HTTP servers that answer as much as says who they are."""

from __future__ import annotations

import http.server
import json
import platform
import re
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VERSION: dict[str, Any] = {
    "Platform": {"Name": "Docker Engine - Community"},
    "Components": [{"Name": "Engine", "Version": "27.1.1"}],
    "Version": "27.1.1",
    "ApiVersion": "1.46",
    "MinAPIVersion": "1.24",
    "Os": "linux",
    "Arch": "amd64",
}
INFO: dict[str, Any] = {
    "Name": "workstation",
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
    "KernelVersion": platform.release(),
    "SecurityOptions": ["name=seccomp,profile=builtin"],
    "Architecture": "x86_64",
}
BRIDGE = {
    "Name": "bridge",
    "Driver": "bridge",
    "IPAM": {"Config": [{"Subnet": "127.0.0.0/8", "Gateway": "127.0.0.1"}]},
}
"""A bridge on which this machine is sure to have an address."""

Answers = Mapping[str, Any]
"""Paths without the API's version to JSON documents, or to ``(status, document)``."""


def answers(
    version: Answers | None = None, info: Answers | None = None, **more: Any
) -> dict[str, Any]:
    """What an engine answers; ``more`` are paths with ``__`` for each slash."""
    paths = {f"/{name.replace('__', '/')}": document for name, document in more.items()}
    return {
        "/version": {**VERSION, **(version or {})},
        "/info": {**INFO, **(info or {})},
        "/networks/bridge": BRIDGE,
        **paths,
    }


def _handler(known: Answers) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        # Of HTTP/1.0, so that no connection outlives the engine.
        def do_GET(self) -> None:
            path = re.sub(r"^/v1\.\d+", "", self.path.partition("?")[0])
            found = known.get(path, (404, {"message": f"no such thing: {path}"}))
            status, document = found if isinstance(found, tuple) else (200, found)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        def address_string(self) -> str:
            return "engine"

    return Handler


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def on_socket(path: Path, known: Answers) -> Iterator[str]:
    """An engine on a unix socket (its path has at most 107 bytes); gives its DOCKER_HOST."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    server = _Unix(str(path), _handler(known))
    with _serving(server):
        yield f"unix://{path}"


@contextmanager
def on_port(known: Answers, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """An engine on a port of the loopback; gives its DOCKER_HOST."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(known))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with _serving(server):
        yield f"tcp://127.0.0.1:{server.server_address[1]}"


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
