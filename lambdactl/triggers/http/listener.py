"""What the connections of one port share: who answers, who is told, and what a client may do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.limits import Limits

if TYPE_CHECKING:
    from lambdactl.triggers.http.wire import Connection


class Listener:
    """What the connections of one port share.

    :param handle: answers a request: a coroutine that returns the response, or None when the
        answer was given by :meth:`Request.answer` and the like. It must not raise.
    :param refuse: looks at a request before anything else; a response ends it there (a ``Host``
        that nobody knows).
    :param done: told of each answered request: status, and seconds since it arrived.
    """

    def __init__(
        self,
        handle: Callable[[Request], Coroutine[Any, Any, Response | None]],
        *,
        refuse: Callable[[Request], Response | None],
        done: Callable[[Request, int, float], None] | None = None,
        limits: Limits | None = None,
        scheme: str = "http",
    ) -> None:
        self.handle = handle
        self.refuse = refuse
        self.done = done
        self.limits = limits or Limits()
        self.scheme = scheme
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[Response | None]] = set()
        """Requests that wait for something."""
        self.closed = False

    def sweep(self) -> None:
        """Cut the connections that have kept us waiting too long. To be called every second."""
        now = asyncio.get_running_loop().time()
        for connection in tuple(self.connections):
            connection.check(now)

    async def close(self) -> None:
        """Cut every connection, and end what runs for them."""
        self.closed = True
        for connection in tuple(self.connections):
            connection.abort()
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
