"""HTTP/1.1 on sockets, for front doors: requests in, answers out, in order.

Parsing is httptools' (llhttp in C). One :class:`Connection` serves one client: it keeps the
connection alive, takes pipelined requests one after the other, bounds what a client may send and
how long it may take, and hands each complete request to its listener's handler, which runs by
itself. A client that leaves cancels nothing: as in AWS, the function runs to its end.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from lambdactl.execution.handoff import drive
from lambdactl.triggers.http.answers import StreamedBody, head, is_bodiless
from lambdactl.triggers.http.exchange import Body, Headers, Request, Response, TakenOver
from lambdactl.triggers.http.listener import Listener

_JOINED = 65536
"""Up to this size one copy is cheaper than one more system call."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_MAX_WAITING = 32
_LOW_WAITING = 8


class Connection(asyncio.Protocol):
    """One client. Also the :class:`~lambdactl.triggers.http.exchange.Wire` of its requests."""

    __slots__ = (
        "_chunks",
        "_current",
        "_expects",
        "_head_size",
        "_headers",
        "_keep",
        "_last",
        "_listener",
        "_loop",
        "_lost",
        "_parser",
        "_phase",
        "_received",
        "_rest",
        "_room",
        "_since",
        "_size",
        "_stuck_since",
        "_transport",
        "_url",
        "_waiting",
        "peer",
        "scheme",
    )

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self.peer = ("", 0)
        self.scheme = listener.scheme
        self._url = b""
        self._headers: Headers = []
        self._head_size = 0
        self._chunks: list[bytes] = []
        self._size = 0
        self._expects = False
        self._keep = True
        """Whether the connection lives on after the current answer."""
        self._last = False
        """Nothing more is read: the client broke the protocol, or said goodbye."""
        self._current: Request | None = None
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._phase = "idle"
        """idle | head | body: what of a request we are waiting for."""
        self._since = 0.0
        self._stuck_since: float | None = None
        self._room: asyncio.Future[None] | None = None
        """Done when the client takes something again, or has left."""
        self._received: Callable[[bytes], None] | None = None
        self._lost: Callable[[], None] | None = None
        self._rest: bytes | None = None
        """What came behind an upgrade request that is not decided yet."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._listener.closed:
            # It came in while the port was closed: nobody would cut it later.
            self._transport.abort()
            return
        peer = transport.get_extra_info("peername")
        if peer:
            self.peer = (peer[0], peer[1])
        if transport.get_extra_info("ssl_object") is not None:
            self.scheme = "https"
        self._since = self._loop.time()
        self._listener.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.resume_writing()
        self._listener.connections.discard(self)
        self._waiting.clear()
        if self._lost is not None:
            lost, self._lost, self._received = self._lost, None, None
            lost()

    def eof_received(self) -> bool:
        # A client may close its side and still wait for the answer.
        if self._received is not None:
            return False
        self._end()
        return self._current is not None

    def pause_writing(self) -> None:
        self._stuck_since = self._loop.time()

    def resume_writing(self) -> None:
        self._stuck_since = None
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._received is not None:
            self._received(data)
            return
        if self._rest is not None:
            self._rest += data
            return
        if self._last:
            return
        if self._phase == "idle":
            self._phase = "head"
            self._since = self._loop.time()
        elif self._phase == "body":
            # The head has its time from its first byte; a body may take long if it moves.
            self._since = self._loop.time()
        if self._phase == "head":
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._offered(data[offer.args[0] :])
        except httptools.HttpParserCallbackError as error:
            # Raised by one of our own callbacks below: a bug, told as the loop tells of bugs.
            self._loop.call_exception_handler(
                {"message": "a request failed", "exception": error.__context__}
            )
            self.abort()
            return
        except httptools.HttpParserError:
            self._break(400, "Bad Request")
            return
        if self._phase == "head" and self._head_size > self._listener.limits.head:
            self._break(431, "Request Header Fields Too Large")

    # httptools callbacks

    def on_message_begin(self) -> None:
        self._phase = "head"
        self._url = b""
        self._headers = []
        self._chunks = []
        self._size = 0
        self._expects = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._phase = "body"
        read, self._head_size = self._head_size, 0
        if read > self._listener.limits.head and self._has_large_head():
            self._break(431, "Request Header Fields Too Large")
            return
        declared = hosts = 0
        for name, value in self._headers:
            if len(name) == 4 and name.lower() == "host":
                hosts += 1
            elif len(name) == 6 and name.lower() == "expect" and value.lower() == "100-continue":
                self._expects = True
            elif len(name) == 14 and name.lower() == "content-length" and value.isdigit():
                declared = int(value)
        limits = self._listener.limits
        if hosts != 1 and (hosts or self._parser.get_http_version() == "1.1"):
            # RFC 9112, section 3.2.
            self._break(400, "Bad Request")
        elif declared > limits.discard:
            self._cut_short()
        elif self._expects and declared <= limits.body and self._current is None:
            assert self._transport is not None
            self._transport.write(_CONTINUE)

    def _has_large_head(self) -> bool:
        size = len(self._url) + sum(len(name) + len(value) + 4 for name, value in self._headers)
        return size > self._listener.limits.head

    def on_body(self, body: bytes) -> None:
        limits = self._listener.limits
        room = limits.body + 1 - self._size
        self._size += len(body)
        if room > 0:
            self._chunks.append(body if len(body) <= room else body[:room])
        elif self._size > limits.discard and not self._last:
            self._cut_short()

    def _cut_short(self) -> None:
        """The body is longer than we care to read: let the door refuse it now."""
        self._chunks = [bytes(self._listener.limits.body + 1)]
        self._complete(keep=False)
        self._last = True

    def on_message_complete(self) -> None:
        if not self._last:
            self._complete(keep=self._parser.should_keep_alive())

    def _complete(self, *, keep: bool) -> None:
        self._phase = "idle"
        chunks = self._chunks
        body = b"" if not chunks else chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        target = self._url.decode("latin-1")
        if not target.startswith("/"):
            target = _origin_form(target)
        path, _, query = target.partition("?")
        request = Request(
            self._parser.get_method().decode("latin-1"), path, query, self._headers, body, self
        )
        if not keep:
            self._last = True
        if self._current is not None:
            self._waiting.append((request, keep))
        elif self._parser.should_upgrade():
            # Not before we know what follows it.
            self._current = request
            self._loop.call_soon(self._next, request, keep)
        else:
            self._begin(request, keep)
        if len(self._waiting) == _MAX_WAITING and self._transport is not None:
            self._transport.pause_reading()

    def _offered(self, rest: bytes) -> None:
        """The client offers another protocol. WebSocket's is the door's to decide on; any other
        (HTTP/2, CONNECT) is declined by going on as if it had not been offered."""
        self._parser = httptools.HttpRequestParser(self)
        request = self._current
        if request is not None and not request.answered and self._is_websocket(request):
            self._rest = rest
        elif rest:
            self.data_received(rest)

    def _is_websocket(self, request: Request) -> bool:
        return (request.header("upgrade") or "").lower() == "websocket"

    # one request after the other

    def _begin(self, request: Request, keep: bool) -> None:
        self._current = request
        self._keep = keep and (not self._last or bool(self._waiting))
        listener = self._listener
        refused = listener.refuse(request)
        if refused is not None:
            request.answer(refused)
        else:
            drive(listener.handle(request), request.conclude, listener.tasks)

    def _finish(self, request: Request, status: int) -> None:
        """The answer to ``request`` is complete."""
        self._current = None
        if self._listener.done is not None:
            self._listener.done(request, status, time.time() - request.received)
        transport = self._transport
        if transport is None:
            return
        self._since = self._loop.time()
        if not self._keep:
            transport.close()
            return
        if self._rest is not None:
            rest, self._rest = self._rest, None
            if rest:
                self.data_received(rest)
        if self._waiting:
            following = self._waiting.popleft()
            if len(self._waiting) == _LOW_WAITING:
                transport.resume_reading()
            # Not from here: a thousand pipelined requests would be as many frames of the stack.
            self._loop.call_soon(self._next, *following)
            self._current = following[0]

    def _next(self, request: Request, keep: bool) -> None:
        if self._transport is not None:
            self._begin(request, keep)

    # Wire

    def send_response(self, request: Request, response: Response) -> None:
        if self._transport is None:
            self._finish(request, response.status)
            return
        body = response.body
        status = response.status
        bodiless = is_bodiless(request.method, status)
        # A HEAD tells the length of what it does not send.
        length = None if bodiless and request.method != "HEAD" else len(body)
        start = head(response, length, keep=self._keep)
        if bodiless:
            self._transport.write(start)
        elif len(body) < _JOINED:
            self._transport.write(start + body)
        else:
            self._transport.write(start)
            self._transport.write(body)
        self._finish(request, status)

    def send_head(self, request: Request, response: Response) -> Body:
        bodiless = is_bodiless(request.method, response.status)
        has_length = any(name.lower() == "content-length" for name, _ in response.headers)
        chunked = not bodiless and not has_length and self._parser.get_http_version() != "1.0"
        if not (bodiless or chunked or has_length):
            self._keep = False
        self.write(head(response, None, keep=self._keep, chunked=chunked))
        body = StreamedBody(
            self,
            lambda: self._finish(request, response.status),
            chunked=chunked,
            silent=bodiless,
        )
        body.write(response.body)
        return body

    def take_over(
        self, request: Request, received: Callable[[bytes], None], lost: Callable[[], None]
    ) -> TakenOver:
        self._received = received
        self._lost = lost
        self._current = None
        rest, self._rest = self._rest, None
        if self._transport is None:
            self._loop.call_soon(lost)
            self._lost = None
        elif self._last:
            # The client has closed its side meanwhile, which nothing would tell us again.
            self._loop.call_soon(self._transport.close)
        elif rest:
            self._loop.call_soon(received, rest)
        return self

    def write(self, data: bytes) -> None:
        """Send bytes as they are; they go nowhere when the client has left."""
        if self._transport is not None:
            self._transport.write(data)

    async def drained(self) -> bool:
        if self._stuck_since is not None and self._transport is not None:
            if self._room is None:
                self._room = self._loop.create_future()
            await self._room
        return self._transport is not None

    # ends

    def check(self, now: float) -> None:
        """Cut the connection if the client has kept us waiting too long."""
        if self._transport is None:
            return
        limits = self._listener.limits
        if self._stuck_since is not None and now - self._stuck_since > limits.write_s:
            self.abort()
        elif self._received is not None:
            return  # Another protocol is spoken, which has times of its own.
        elif self._phase == "idle" and self._current is None:
            if now - self._since > limits.idle_s:
                self._transport.close()
        elif self._phase == "head":
            if now - self._since > limits.head_s:
                self._break(408, "Request Timeout")
        elif self._phase == "body" and now - self._since > limits.body_s:
            self._break(408, "Request Timeout")

    def close(self) -> None:
        """Close when the current answer is out; at once when there is none."""
        self._keep = False
        self._last = True
        if self._current is None and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._keep = False
        if self._transport is not None:
            self._transport.abort()

    def _break(self, status: int, message: str) -> None:
        """The client does not speak HTTP as it should: say so and close."""
        self._end()
        transport = self._transport
        if transport is None:
            return
        if self._current is None:
            body = b'{"message":"%s"}' % message.encode()
            self._keep = False
            headers = [("Content-Type", "application/json")]
            transport.write(head(Response(status, headers), len(body), keep=False) + body)
            transport.close()

    def _end(self) -> None:
        """Nothing more is read. What has been asked before gets its answers."""
        self._last = True
        if not self._waiting:
            self._keep = False


def _origin_form(target: str) -> str:
    """The path and query of a target in absolute form (as sent to a proxy); ``*`` is ``/*``."""
    scheme, separator, rest = target.partition("://")
    if separator and scheme.isalpha():
        slash = rest.find("/")
        return rest[slash:] if slash >= 0 else "/"
    return f"/{target}"
