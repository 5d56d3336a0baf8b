"""One WebSocket connection: frames in, messages out, and how it ends.

Quotas: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html;
close codes: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-routes-integrations.html
(1009 for a frame or message that is too large, 1003 for a binary one). The text of a reason that
``$disconnect`` is given was seen in events that AWS sent, where there is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from typing import Protocol as Interface

from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Response as HandshakeResponse
from websockets.protocol import Protocol, Side, State

from lambdactl.execution.clock import Clock
from lambdactl.manifest.apis import ApiKey
from lambdactl.triggers.http.calls import new_extended_id
from lambdactl.triggers.http.exchange import Request, TakenOver

MAX_FRAME_BYTES = 32 * 1024
MAX_MESSAGE_BYTES = 128 * 1024
IDLE_S = 10 * 60.0
DURATION_S = 2 * 3600.0

LINGER_S = 2.0
"""How long a client has to answer our close frame before the socket is closed."""
QUIET_S = 0.1
"""After a client broke the rules its socket is closed when it has been silent for so long (at the
latest after ``LINGER_S``). Closed at once, with bytes unread, TCP would drop our close frame."""

GOING_AWAY = (1001, "Going away")
NORMAL = (1000, "Connection Closed Normally")
NO_STATUS = "Client-side close frame status not set"
VANISHED = (1006, "")


class Listener(Interface):
    """Who is told what happens on connections: the door that serves the API at present."""

    closed: bool

    def message(self, connection: Connection, text: str) -> None: ...

    def ended(self, connection: Connection, closed: tuple[int, str]) -> None: ...


@dataclass(slots=True)
class Connections:
    """The open connections of one API. They outlive the door: when a manifest is saved, the next
    door becomes the ``listener`` of the same connections."""

    open: dict[str, Connection] = field(default_factory=dict)
    listener: Listener | None = None
    successor: Listener | None = None

    def join(self, door: Listener) -> None:
        """Make ``door`` the listener, as soon as the present one is closed (it never is when
        something else in the saved manifest turns out to be wrong)."""
        if self.listener is None or self.listener.closed:
            self.listener = door
        else:
            self.successor = door

    def leave(self, door: Listener) -> None:
        """``door`` is closed."""
        if self.successor is door:
            self.successor = None
        elif self.listener is door and self.successor is not None:
            self.listener, self.successor = self.successor, None


class Connection:
    """A client, from its upgrade request on. It is in ``connections`` while messages can be sent
    to it, which is not before ``$connect`` has let it in.

    :ivar host: the ``Host`` header of the upgrade request.
    :ivar authorizer: what the authorizer of ``$connect`` found, for every event of the connection.
    :ivar connected_at: seconds since the epoch.
    :ivar last_active: the same, of the last frame in either direction.
    """

    def __init__(self, request: Request, connections: Connections, clock: Clock) -> None:
        self.id = new_extended_id()
        self.request = request
        self.host = request.host or "localhost"
        self.domain_name = self.host + request.prefix
        self.source_ip = request.source_ip
        self.user_agent = request.header("user-agent")
        self.authorizer: Mapping[str, Any] | None = None
        self.api_key: ApiKey | None = None
        self.connected_at = self.last_active = clock.now()
        self.frames = Protocol(Side.SERVER, max_size=(MAX_MESSAGE_BYTES, MAX_FRAME_BYTES))
        self._connections = connections
        self._clock = clock
        self._moved = clock.monotonic()
        self._wire: TakenOver | None = None
        self._parts: list[bytes | bytearray | memoryview] | None = None
        self._ended = False
        self._expiry: asyncio.Task[None] | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._quiet: asyncio.TimerHandle | None = None

    def start(self, wire: TakenOver, accepted: HandshakeResponse) -> None:
        """Let the client in."""
        self._wire = wire
        wire.write(accepted.serialize())
        self._connections.open[self.id] = self
        self._expiry = asyncio.get_running_loop().create_task(self._expire())

    def send(self, message: bytes) -> bool:
        """Send a text message, in frames of at most 32 KB; False when it is too late."""
        if self._wire is None or self.frames.state is not State.OPEN:
            return False
        self.frames.send_text(message[:MAX_FRAME_BYTES], fin=len(message) <= MAX_FRAME_BYTES)
        for start in range(MAX_FRAME_BYTES, len(message), MAX_FRAME_BYTES):
            end = start + MAX_FRAME_BYTES
            self.frames.send_continuation(message[start:end], fin=end >= len(message))
        self._active()
        self._flush()
        return True

    def close(self, closed: tuple[int, str]) -> None:
        """Close from this side."""
        if self.frames.state is State.OPEN:
            self.frames.send_close(*closed)
            self._flush()
            self._linger()
        self._end(closed)

    def received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._wire is None:
            return
        if self._quiet is not None:
            self._hush(self._wire)
            return
        self.frames.receive_data(data)
        for event in self.frames.events_received():
            assert isinstance(event, Frame)
            self._active()
            self._take(event)
        if self.frames.parser_exc is not None and not self._ended:
            sent = self.frames.close_sent
            self._end((sent.code, sent.reason) if sent is not None else VANISHED)
            self._flush(failed=True)
        else:
            self._flush()

    def lost(self) -> None:
        """The connection is gone, whoever closed it."""
        self._wire = None
        for timer in (self._cut, self._quiet):
            if timer is not None:
                timer.cancel()
        self._end(VANISHED)

    def _take(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.CLOSE:
            closed = self.frames.close_rcvd or Close(1005, "")
            self._end((closed.code, NO_STATUS if closed.code == 1005 else closed.reason))
        elif self._ended:
            return
        elif opcode is Opcode.TEXT:
            if frame.fin:
                self._message(frame.data)
            else:
                self._parts = [frame.data]
        elif opcode is Opcode.CONT and self._parts is not None:
            self._parts.append(frame.data)
            if frame.fin:
                whole = b"".join(self._parts)
                self._parts = None
                self._message(whole)
        elif opcode is Opcode.BINARY:
            self._fail(1003, "Binary frames are not supported")

    def _message(self, data: bytes | bytearray | memoryview) -> None:
        try:
            text = str(data, "utf-8")
        except UnicodeDecodeError:
            self._fail(1007, "A text message has to be UTF-8")
            return
        if self._connections.listener is not None:
            self._connections.listener.message(self, text)

    def _fail(self, code: int, reason: str) -> None:
        self.frames.fail(code, reason)
        self._flush(failed=True)
        self._end((code, reason))

    def _flush(self, failed: bool = False) -> None:
        for data in self.frames.data_to_send():
            if self._wire is None:
                return
            if data:
                self._wire.write(data)
            elif failed:
                self._linger()
                self._hush(self._wire)
            else:
                self._wire.close()

    def _linger(self) -> None:
        if self._wire is not None and self._cut is None:
            loop = asyncio.get_running_loop()
            self._cut = loop.call_later(LINGER_S, self._wire.close)

    def _hush(self, wire: TakenOver) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(QUIET_S, wire.close)

    def _active(self) -> None:
        self.last_active = self._clock.now()
        self._moved = self._clock.monotonic()

    def _end(self, closed: tuple[int, str]) -> None:
        if self._ended:
            return
        self._ended = True
        if self._expiry is not None:
            self._expiry.cancel()
        if self._connections.open.pop(self.id, None) and self._connections.listener is not None:
            self._connections.listener.ended(self, closed)

    async def _expire(self) -> None:
        over = self._clock.monotonic() + DURATION_S
        while True:
            left = min(self._moved + IDLE_S, over) - self._clock.monotonic()
            if left <= 0:
                break
            await self._clock.sleep(left)
        # Closing cancels this very task, which is over anyway.
        self._expiry = None
        self.close(GOING_AWAY)
