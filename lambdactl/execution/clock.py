"""Time, injected: whoever waits or measures is given a :class:`Clock`.

With another clock a retry after two minutes is tested in two milliseconds, and a user can run
everything sixty times as fast (``--speed 60``).
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A wall clock, a stopwatch and a way to wait, all in seconds."""

    def now(self) -> float:
        """Seconds since the epoch (UTC), for time stamps and deadlines."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never goes back, for durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` of this clock's time."""
        ...


class SystemClock:
    """The computer's own time, optionally sped up: at ``speed`` 60 a minute's wait is a second."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed

    now = staticmethod(time.time)
    monotonic = staticmethod(time.perf_counter)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)
