"""One timer for many short phases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    """Rings when its time has come, unless it was set again or stopped before.

    A timer of the event loop costs more than a short invocation should. So one that has been set
    stays; it looks at the time that counts when it goes off.
    """

    __slots__ = ("_at", "_on_ring", "_timer", "_timer_at")

    def __init__(self, on_ring: Callable[[], None]) -> None:
        self._on_ring = on_ring
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._at: float | None = None

    def set(self, seconds: float) -> None:
        """Ring in so many seconds, and at no other time."""
        loop = asyncio.get_running_loop()
        at = self._at = loop.time() + max(seconds, 0)
        if self._timer is None or self._timer_at > at:
            self._start(loop, at)

    def stop(self) -> None:
        """Do not ring, and leave no timer."""
        self._at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, loop: asyncio.AbstractEventLoop, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._at is None:
            return
        loop = asyncio.get_running_loop()
        # The loop's timers count whole milliseconds.
        if loop.time() < self._at - 0.001:
            self._start(loop, self._at)
            return
        self._at = None
        self._on_ring()
