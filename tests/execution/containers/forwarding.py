"""Other ways to an engine that runs here: over TCP, over TLS, over ``ssh``."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET = "/var/run/docker.sock"


@contextmanager
def forwarded(tls: ssl.SSLContext | None = None, *, to: str = SOCKET) -> Iterator[int]:
    """The port on the loopback that leads to the engine's socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, tls, to), daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        # Wakes who accepts, which closing it does not.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(listener: socket.socket, tls: ssl.SSLContext | None, to: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_join, args=(client, tls, to), daemon=True).start()


def _join(client: socket.socket, tls: ssl.SSLContext | None, to: str) -> None:
    engine = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(OSError), client, engine:
        engine.connect(to)
        if tls is not None:
            _join_tls(tls.wrap_socket(client, server_side=True), engine)
            return
        back = threading.Thread(target=_pump, args=(engine, client), daemon=True)
        back.start()
        _pump(client, engine)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _join_tls(client: ssl.SSLSocket, engine: socket.socket) -> None:
    """In one thread: two must not be in one TLS connection at a time."""
    import select

    client.setblocking(False)
    engine.setblocking(True)
    waiting = select.poll()
    waiting.register(client, select.POLLIN)
    waiting.register(engine, select.POLLIN)
    while True:
        ready = {fd for fd, _ in waiting.poll()}
        if client.fileno() in ready:
            with contextlib.suppress(ssl.SSLWantReadError):
                while data := client.recv(65536):
                    engine.sendall(data)
                return
        if engine.fileno() in ready:
            data = engine.recv(65536)
            if not data:
                return
            client.setblocking(True)
            client.sendall(data)
            client.setblocking(False)


def ssh(folder: Path) -> None:
    """An ``ssh`` in ``folder`` that is on this machine already."""
    program = folder / "ssh"
    program.write_text(
        '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift 2\n'
        'exec env -u DOCKER_HOST PATH=/usr/bin:/bin sh -c "$*"\n'
    )
    program.chmod(0o755)
