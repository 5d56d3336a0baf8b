"""The engine's attach stream of one container, read in one thread and written to in another.

The SDK gives a socket, or what looks like one, and reads it in a way that leaves what TLS has
decrypted already, and waits over ``ssh://`` until a buffer is full.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import docker

# https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
_HEADER = struct.Struct(">BxxxL")
_READ_BYTES = 256 * 1024
_ALL = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}


class AttachStream:
    """See the module. Blocks while it is made.

    :raises docker.errors.APIError: the engine refuses.
    """

    def __init__(self, client: docker.APIClient, container: str) -> None:
        # Held, because the connection ends with it.
        self._given: Any = client.attach_socket(container, params=_ALL)
        # Below http.client's wrapper.
        self._socket: Any = getattr(self._given, "_sock", self._given)
        # Over ssh it is the process of `ssh`.
        self._process: Any = getattr(self._given, "proc", None)
        # Two threads must not be in one TLS connection at a time.
        self._lock = threading.Lock()
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.setblocking(False)
        elif self._process is None:
            # The client's time limit is for answers.
            self._socket.settimeout(None)

    def send(self, data: bytes) -> None:
        """Write a few bytes.

        :raises OSError: it is closed.
        """
        with self._lock:
            self._socket.sendall(data)

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """What comes, until it ends: 1 (standard output) or 2 (standard error), and bytes.

        :raises OSError: the connection is broken, or was closed. (And ValueError.)
        """
        data = bytearray()
        try:
            while piece := self._receive():
                data += piece
                while len(data) >= _HEADER.size:
                    kind, size = _HEADER.unpack_from(data)
                    end = _HEADER.size + size
                    if len(data) < end:
                        break
                    yield kind, bytes(data[_HEADER.size : end])
                    del data[:end]
        finally:
            # By who reads: under its hands the number could become another file's.
            for one in (self._given, self._socket):
                with contextlib.suppress(OSError):
                    one.close()

    def close(self) -> None:
        """End it, also for the thread that waits in it."""
        with contextlib.suppress(OSError):
            if self._process is None:
                self._socket.shutdown(socket.SHUT_RDWR)
            else:
                self._given.close()

    def _receive(self) -> bytes:
        received: bytes
        if self._process is not None:
            received = self._process.stdout.read1(_READ_BYTES)
            return received
        if not isinstance(self._socket, ssl.SSLSocket):
            received = self._socket.recv(_READ_BYTES)
            return received
        while True:
            with self._lock, contextlib.suppress(ssl.SSLWantReadError):
                return self._socket.recv(_READ_BYTES)
            waiting = select.poll()
            waiting.register(self._socket, select.POLLIN)
            waiting.poll()
