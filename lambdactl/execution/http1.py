"""HTTP/1.1 on an asyncio transport: the least that a Runtime API server needs, and no less.

Parsing is httptools' (llhttp in C); this module adds what is around it: keep-alive, pipelining,
``Expect: 100-continue``, chunked bodies with trailers, a bound on buffered bodies. One
:class:`Connection` serves one socket and hands each complete :class:`Request` to a handler
function; the handler answers with :meth:`Connection.respond`, at once or any time later.

Why this and not a framework: docs/decisions/0001-runtime-api-server.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

REASONS = {
    200: b"OK",
    202: b"Accepted",
    400: b"Bad Request",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    410: b"Gone",
    413: b"Request Entity Too Large",
    500: b"Internal Server Error",
}


BodySink = Callable[[bytes], None]
"""Takes a request's body piece by piece instead of having it buffered."""


class Request:
    """One request. ``headers`` has lower-case names and, after the body, the trailers too.
    ``body`` is complete when the handler is called; ``body_size`` counts all of its bytes,
    also those beyond the buffer's bound, which are dropped."""

    __slots__ = ("body", "body_size", "headers", "method", "path", "sink")

    def __init__(self) -> None:
        self.method = b""
        self.path = b""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.body_size = 0
        self.sink: BodySink | None = None


Handler = Callable[["Connection", Request], None]


class Connection(asyncio.Protocol):
    """One client of the server.

    :param handler: called with each complete request, in order of arrival.
    :param on_head: called when a request's headers are there and its body is not; it may set
        ``request.sink`` to take the body as it comes.
    :param max_body: bytes of a body that are kept when there is no sink.
    """

    __slots__ = (
        "_chunks",
        "_handler",
        "_held",
        "_kept",
        "_last",
        "_max_body",
        "_on_head",
        "_on_lost",
        "_parser",
        "_request",
        "_whole",
        "polls",
        "shortcut",
        "transport",
    )

    def __init__(
        self,
        handler: Handler,
        on_head: Handler,
        on_lost: Callable[[Connection], None],
        max_body: int,
    ) -> None:
        self._handler = handler
        self._on_head = on_head
        self._on_lost = on_lost
        self._max_body = max_body
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._chunks: list[bytes] = []
        self._kept = 0
        self._last = False
        self._held = b""
        self._whole = True
        """No request is half received."""
        self.shortcut: Callable[[Connection, bytes], bool] | None = None
        """Looks at what is received between two requests; True when it has dealt with all of it."""
        self.polls = False
        """The client waits for the answer to a long poll, so what is held can go with that."""
        self.transport: asyncio.Transport | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        if self._whole and self.shortcut is not None and self.shortcut(self, data):
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
        except httptools.HttpParserCallbackError as error:
            self._last = True
            self.respond(500, b"")
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a Runtime API call failed", "exception": error.__context__}
            )
        except httptools.HttpParserError:
            self._last = True
            self.respond(400, b"")
        if self._held:
            self.end_of_data()

    def _decline(self, rest: bytes) -> None:
        """Serve a request as if it had not offered another protocol (as HTTP/2, which Java's
        client and ``curl --http2`` offer). The parser takes what follows the head for that
        protocol, so it starts anew."""
        request = self._request
        self._parser = httptools.HttpRequestParser(self)
        if request.headers.pop(b"upgrade", None) is None:
            # CONNECT: refused already, and whatever follows is none of ours.
            if self.transport is not None:
                self.transport.close()
            return
        lines = [b"%s %s HTTP/1.1" % (request.method, request.path)]
        lines += [b"%s: %s" % header for header in request.headers.items()]
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    # httptools callbacks

    def on_message_begin(self) -> None:
        self._whole = False
        self._request = Request()
        self._chunks = []
        self._kept = 0

    def on_url(self, url: bytes) -> None:
        self._request.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        request = self._request
        request.method = self._parser.get_method()
        if request.method == b"POST" and not (
            b"upgrade" in request.headers and self._parser.should_upgrade()
        ):
            self._on_head(self, request)
            if request.headers.get(b"expect", b"").lower() == b"100-continue" and self.transport:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        request = self._request
        request.body_size += len(body)
        if request.sink is not None:
            request.sink(body)
        elif self._kept + len(body) <= self._max_body:
            self._kept += len(body)
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        self._whole = True
        if b"upgrade" in self._request.headers and self._parser.should_upgrade():
            return
        chunks = self._chunks
        if chunks:
            self._request.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if not self._parser.should_keep_alive():
            self._last = True
        self._handler(self, self._request)

    # answers

    def send(self, data: bytes) -> None:
        """Write a whole answer that is already in wire form."""
        if self.transport is not None:
            if self._held:
                data = self._held + data
                self._held = b""
            self.transport.write(data)
            if self._last:
                self.transport.close()

    def send_along(self, data: bytes) -> None:
        """An answer that nobody waits for by itself: it goes with the next one if the client has
        pipelined a long poll behind it, else at the end of what has just been received."""
        if self._last:
            self.send(data)
        else:
            self._held += data

    def end_of_data(self) -> None:
        """All that has been received is dealt with: write what no poll will take along."""
        if not self.polls:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        held, self._held = self._held, b""
        if held and self.transport is not None:
            self.transport.write(held)

    def respond(self, status: int, body: bytes, content_type: bytes = b"application/json") -> None:
        """Answer the oldest unanswered request of this connection."""
        self.send(
            b"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (status, REASONS[status], content_type, len(body), body)
        )
