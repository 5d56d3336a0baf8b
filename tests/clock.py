"""A clock that only goes on when told to."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from tests.aio import settle


class ManualClock:
    """A :class:`~lambdactl.execution.clock.Clock`. ``slept`` holds the seconds that were asked
    for, in order."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass. Each sleeper wakes at its own time, and what it does then (another
        sleep, say) counts from there."""
        end = self._now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await settle()
        self._now = end

    def spend(self, seconds: float) -> None:
        """Let ``seconds`` pass within one step, as work does that nobody waits for."""
        self._now += seconds
