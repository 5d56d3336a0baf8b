"""One HTTP request and its answer, as every front door sees them.

A door's ``handle(request)`` is a coroutine that returns a :class:`Response`. It may answer in two
other ways instead: :meth:`Request.answer` (the first answer wins, what comes later is dropped:
that is how an integration timeout overtakes a function that goes on running), or
:meth:`Request.stream` for a body that comes piece by piece.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote

Headers = list[tuple[str, str]]
"""Names as they were sent, in their order; text is Latin-1, one character a byte."""


@dataclass(slots=True)
class Response:
    """``Content-Length`` (or chunks), ``Date`` and ``Connection`` are the server's to add; a door
    sets everything else. The server leaves the body out where HTTP has none (HEAD, 204, 304)."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    reason: str | None = None
    """The reason phrase, where it is not the usual one (a load balancer's statusDescription)."""


class Body(Protocol):
    """Where a streamed body goes. After the client has left, all of it goes nowhere."""

    def write(self, data: bytes) -> None: ...

    async def drained(self) -> bool:
        """Wait until the client has taken most of what was written; False when it has left. For
        those who could write faster than anybody reads."""
        ...

    def close(self) -> None:
        """The body is complete."""
        ...

    def abort(self) -> None:
        """It never will be: cut the connection, so that the client does not take it for whole."""
        ...


class Wire(Protocol):
    """What a :class:`Request` needs of the connection it came on."""

    peer: tuple[str, int]
    scheme: str

    def send_response(self, request: Request, response: Response) -> None: ...

    def send_head(self, request: Request, response: Response) -> Body: ...

    def take_over(
        self, request: Request, received: Callable[[bytes], None], lost: Callable[[], None]
    ) -> TakenOver: ...


class TakenOver(Protocol):
    """A connection that speaks another protocol from now on (WebSocket)."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Request:
    """One request, complete with its body.

    :ivar method: in capitals, as sent.
    :ivar path: what stood in the request line before ``?``, percent-encoded as sent, without the
        prefix that leads to the door.
    :ivar query: what stood behind ``?``, as sent; empty without one.
    :ivar headers: as sent, in order.
    :ivar body: decoded from chunks, otherwise as sent.
    :ivar prefix: the path prefix of the door and the stage, where one was sent, else ``""``.
    """

    __slots__ = (
        "_joined",
        "answered",
        "body",
        "function",
        "headers",
        "method",
        "path",
        "prefix",
        "query",
        "received",
        "wire",
    )

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: Headers,
        body: bytes,
        wire: Wire,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.wire = wire
        self.prefix = ""
        self.received = time.time()
        """Seconds since the epoch."""
        self.answered = False
        self.function = ""
        """The function that was called for it, for the log and the status line."""
        self._joined: dict[str, str] | None = None

    @property
    def joined(self) -> dict[str, str]:
        """Lower-case names to values; the values of a header that came several times are joined
        with commas, cookies with semicolons."""
        joined = self._joined
        if joined is None:
            joined = self._joined = {}
            for name, value in self.headers:
                lower = name.lower()
                if lower in joined:
                    separator = "; " if lower == "cookie" else ","
                    joined[lower] = f"{joined[lower]}{separator}{value}"
                else:
                    joined[lower] = value
        return joined

    def header(self, name: str) -> str | None:
        """The value of the header with this lower-case name, joined; None without one."""
        return self.joined.get(name)

    @property
    def decoded_path(self) -> str:
        """``path`` with its percent-escapes resolved, as UTF-8."""
        return unquote(self.path) if "%" in self.path else self.path

    @property
    def host(self) -> str:
        """The ``Host`` header, with its port if it has one."""
        return self.joined.get("host", "")

    @property
    def source_ip(self) -> str:
        return self.wire.peer[0]

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return self.wire.scheme

    def answer(self, response: Response) -> None:
        """Send ``response``, unless an answer has been given already."""
        if not self.answered:
            self.answered = True
            self.wire.send_response(self, response)

    def conclude(self, response: Response | None) -> None:
        """What a door's ``handle`` returned: the answer, or None when it has been given."""
        if response is not None:
            self.answer(response)

    def stream(self, response: Response) -> Body | None:
        """Send the head of ``response`` (and its body, if it has one) at once and return where the
        rest goes; None when an answer has been given already."""
        if self.answered:
            return None
        self.answered = True
        return self.wire.send_head(self, response)

    def take_over(self, received: Callable[[bytes], None], lost: Callable[[], None]) -> TakenOver:
        """Make the connection speak another protocol. Nothing has been sent for this request; what
        the client sends from now on goes to ``received``."""
        self.answered = True
        return self.wire.take_over(self, received, lost)
