"""TLS and plain HTTP on one port: the first byte of a connection tells them apart.

A plain connection goes to its protocol after the first read and costs nothing from then on. TLS is
spoken here, over :class:`ssl.MemoryBIO`, because ``loop.start_tls`` cannot be given the bytes that
were read to find out.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any, cast

from lambdactl.errors import LambdactlError

HANDSHAKE = 0x16
"""A TLS record of the handshake (https://www.rfc-editor.org/rfc/rfc8446#section-5.1); no HTTP
method begins with this byte."""

FIRST_BYTE_S = 75.0
"""How long a connection may say nothing at all, as between two requests."""
HANDSHAKE_S = 15.0

_READ = 64 * 1024

Factory = Callable[[], asyncio.Protocol]


def sniffing(factory: Factory, context: Callable[[], ssl.SSLContext]) -> Factory:
    """A protocol factory that takes both plain and TLS connections to what ``factory`` makes.

    :param context: gives the TLS context when the first client wants it.
    """
    return lambda: _Sniffer(factory, context)


class _Sniffer(asyncio.Protocol):
    """Waits for the first byte."""

    __slots__ = ("_context", "_factory", "_timer", "_transport")

    def __init__(self, factory: Factory, context: Callable[[], ssl.SSLContext]) -> None:
        self._factory = factory
        self._context = context

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(FIRST_BYTE_S, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._timer.cancel()
        protocol: asyncio.Protocol
        if data[0] == HANDSHAKE:
            try:
                context = self._context()
            except LambdactlError:
                self._transport.close()
                return
            protocol = _Tls(self._factory, context)
        else:
            protocol = self._factory()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(data)


class _Tls(asyncio.Protocol):
    """The server's side of one TLS connection. The protocol above gets its transport, and is told
    of nothing, when the handshake is done."""

    def __init__(self, factory: Factory, context: ssl.SSLContext) -> None:
        self._factory = factory
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_side=True)
        self.above: asyncio.Protocol | None = None
        self.closing = False
        self.paused = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.below = cast(asyncio.Transport, transport)
        self._timer = self._loop.call_later(HANDSHAKE_S, self.below.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self.above is not None:
            self.above.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._in.write(data)
        if self.above is None and not self._shake_hands():
            return
        self._read()

    def eof_received(self) -> bool:
        return self.above is not None and self._end()

    def pause_writing(self) -> None:
        if self.above is not None:
            self.above.pause_writing()

    def resume_writing(self) -> None:
        if self.above is not None:
            self.above.resume_writing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data and not self.closing:
            try:
                self.tls.write(data)
            except ssl.SSLError:
                self.below.abort()
                return
            self._send()

    def close(self) -> None:
        if self.closing:
            return
        self.closing = True
        # The client's own goodbye is not waited for.
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        self._send()
        self.below.close()

    def resume(self) -> None:
        """Read on, beginning with what was decrypted already."""
        if self.paused:
            self.paused = False
            self.below.resume_reading()
            self._loop.call_soon(self._read)

    def pause(self) -> None:
        if not self.paused:
            self.paused = True
            self.below.pause_reading()

    def _shake_hands(self) -> bool:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send()
            return False
        except ssl.SSLError:
            # What is in the buffer tells the client why.
            self._send()
            self.below.close()
            return False
        self._send()
        if self._timer is not None:
            self._timer.cancel()
        self.above = self._factory()
        self.above.connection_made(_Transport(self))
        return True

    def _read(self) -> None:
        while self.above is not None and not (self.closing or self.paused or self._ended):
            try:
                data = self.tls.read(_READ)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                data = b""
            except ssl.SSLError:
                self._send()
                self.below.abort()
                return
            if not data:
                if not self._end():
                    self.close()
                return
            self.above.data_received(data)
        if not self.closing:
            # New keys, say, that reading has made.
            self._send()

    def _end(self) -> bool:
        """The client is done; whether the protocol above has something to say still."""
        if self._ended or self.above is None:
            return False
        self._ended = True
        return bool(self.above.eof_received())

    def _send(self) -> None:
        if self._out.pending:
            self.below.write(self._out.read())


class _Transport(asyncio.Transport):
    """What the protocol above writes to."""

    __slots__ = ("_tls",)

    def __init__(self, tls: _Tls) -> None:
        super().__init__()
        self._tls = tls

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "ssl_object":
            return self._tls.tls
        if name == "sslcontext":
            return self._tls.tls.context
        return self._tls.below.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._tls.write(data)

    def close(self) -> None:
        self._tls.close()

    def abort(self) -> None:
        self._tls.closing = True
        self._tls.below.abort()

    def is_closing(self) -> bool:
        return self._tls.closing or self._tls.below.is_closing()

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self._tls.pause()

    def resume_reading(self) -> None:
        self._tls.resume()

    def is_reading(self) -> bool:
        return not (self._tls.paused or self.is_closing())

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._tls.above is not None
        return self._tls.above

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._tls.above = cast(asyncio.Protocol, protocol)

    def get_write_buffer_size(self) -> int:
        return self._tls.below.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._tls.below.get_write_buffer_limits()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._tls.below.set_write_buffer_limits(high, low)
