"""The pool of one function: warm environments are reused, more are started when all are busy,
idle ones retire.

Lambda gives each concurrent invocation an environment of its own
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html). So does the pool, with one
allowance for a laptop: a caller that finds every environment busy waits for one to come free if
that is likely to be sooner than a new environment could start, because a warm function answers
faster. Reserved concurrency throttles as on Lambda; the machine's own bound
(``max_environments``) only makes callers wait.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable

from lambdactl.errors import EnvironmentStoppedError, ThrottledError
from lambdactl.execution.clock import Clock
from lambdactl.execution.environment import Environment, Status
from lambdactl.execution.handoff import Slot
from lambdactl.execution.invocation import Invocation, InvocationResult
from lambdactl.execution.pressure import wanted_s
from lambdactl.execution.tasks import finished, keep

PATIENCE_S = 0.01
"""So long a caller waits for an environment to come free before another one is thought of."""
START_S = 0.05
"""What an environment's start is taken to cost, at the least."""
LASTING_S = 1.0
"""Callers who come faster than they are served for so long are no passing crowd: an environment
for each of them pays, however soon each is served."""
_WEIGHT = 0.1
_LOADED = 0.6
"""An event loop that has to do for more than this part of the time is what callers wait for."""
NOTICED_S = 0.25
"""So much later than it happened a save is known of, at the most."""
IDLE_S = 300.0
MAX_ENVIRONMENTS = 100


class Retired(Exception):
    """The pool gave way to another one before the call had an environment: ask that one."""


class Pool:
    """The environments of one function.

    :param create: makes an environment that is not initialised yet.
    :param reserved: reserved concurrency; None when the function has none.
    :param idle_s: seconds of the clock's time after which an idle environment is stopped.
    :param wanted_s: seconds that the loop's thread has wanted to run so far.
    """

    def __init__(
        self,
        create: Callable[[], Environment],
        *,
        name: str,
        clock: Clock,
        reserved: int | None = None,
        max_environments: int = MAX_ENVIRONMENTS,
        idle_s: float = IDLE_S,
        wanted_s: Callable[[], float] = wanted_s,
    ) -> None:
        self._create = create
        self._name = name
        self._clock = clock
        self._reserved = reserved
        self._max = max_environments if reserved is None else min(max_environments, reserved)
        self._idle_s = idle_s
        self._wanted_s = wanted_s
        self._idle: list[Environment] = []
        self._all: set[Environment] = set()
        self._up_at: dict[Environment, float] = {}
        """When each that has started was there, by the loop's clock."""
        self._doubted: set[Environment] = set()
        """They may have read newer code than the others."""
        self._waiting: deque[tuple[Slot[Environment], float]] = deque()
        """Who waits, and since when by the loop's clock."""
        self._crowded_since = 0.0
        """Since when there was always somebody who waits, by the loop's clock."""
        self._typical_s: float | None = None
        """How long an invocation takes, the last ones above all."""
        self._start_s = START_S
        self._done = 0
        self._moved_s = float("-inf")
        """When an invocation was last seen to have ended, by the loop's clock."""
        self._seen = (0, 0.0, 0.0)
        """When the present wait for an environment began: invocations done, the loop's clock, how
        long its thread has wanted to run."""
        self._starting = 0
        self._in_flight = 0
        self._patience: asyncio.TimerHandle | None = None
        self._starts: set[asyncio.Task[None]] = set()
        self._stops: set[asyncio.Task[None]] = set()
        self._reaper: asyncio.Task[None] | None = None
        self._closed = False
        self._retired = False
        self._held = False

    @property
    def size(self) -> int:
        """Environments that exist now, whatever their state."""
        return len(self._all)

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """Run the function in a free environment, or in a new one.

        :raises ThrottledError: all of the reserved concurrency is in use.
        :raises EnvironmentStartError: a new environment was needed and could not start.
        :raises EnvironmentStoppedError: the pool was closed meanwhile.
        :raises Retired: another pool has taken over.
        """
        if self._reserved is not None and self._in_flight >= self._reserved:
            raise ThrottledError(
                "Rate Exceeded.",
                reason="ReservedFunctionConcurrentInvocationLimitExceeded",
                hint=f"{self._name} has a reserved concurrency of {self._reserved}",
            )
        self._in_flight += 1
        try:
            environment = self._idle.pop() if self._idle else await self._wait()
            try:
                result = await environment.invoke(invocation)
            except BaseException:
                # Cancelled, or broken: nobody may meet what is left of this invocation.
                self._discard(environment)
                raise
            self._done += 1
            took_s = result.report.duration_ms / 1000
            typical_s = self._typical_s
            self._typical_s = (
                took_s if typical_s is None else typical_s + _WEIGHT * (took_s - typical_s)
            )
            if environment.settling:
                environment.on_settled = self._release
            else:
                self._release(environment)
            return result
        finally:
            self._in_flight -= 1

    async def warm(self) -> None:
        """Start an environment that nobody has asked for yet.

        :raises EnvironmentStartError: it could not start.
        """
        environment = self._create()
        self._all.add(environment)
        try:
            await environment.initialize()
        except BaseException:
            self._discard(environment)
            raise
        self._release(self._up(environment))

    def hold(self) -> None:
        """Another pool is about to take over: start no more environments (they would run newer code
        than those that are here) unless there is none. Those that start now, or did a moment ago,
        answer no more calls if there are others."""
        self._held = True
        since = asyncio.get_running_loop().time() - NOTICED_S
        doubted = {one for one in self._all if self._up_at.get(one, since) >= since}
        if doubted == self._all and self._up_at:
            # One can't contradict itself.
            doubted.discard(min(self._up_at, key=lambda one: self._up_at[one]))
        if len(doubted) < len(self._all):
            self._doubted |= doubted
            for environment in doubted.intersection(self._idle):
                self._idle.remove(environment)
                self._discard(environment)

    def retire(self) -> None:
        """Another pool takes the calls that come from now on, and those that still wait (they get
        :class:`Retired`). What runs here runs to its end; environments stop as soon as nobody
        needs them."""
        self._retired = True
        while self._waiting:
            self._fail_one(Retired())
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        idle, self._idle = self._idle, []
        for environment in idle:
            self._discard(environment)

    async def close(self) -> None:
        """Stop every environment; calls that still wait for one end with an error."""
        self._closed = True
        if self._patience is not None:
            self._patience.cancel()
        stopped = EnvironmentStoppedError(f"{self._name} was stopped before it ran")
        while self._waiting:
            self._fail_one(stopped)
        ended = [*self._starts, *([self._reaper] if self._reaper else [])]
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
        self._idle.clear()
        for environment in tuple(self._all):
            self._discard(environment)
        await finished(self._stops)

    # getting one

    async def _wait(self) -> Environment:
        if self._closed:
            raise EnvironmentStoppedError(f"{self._name} was stopped before it ran")
        loop = asyncio.get_running_loop()
        waiter: Slot[Environment] = Slot()
        now = loop.time()
        if not self._waiting:
            self._crowded_since = now
        self._waiting.append((waiter, now))
        self._provide()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done and waiter.value is not None:
                self._release(waiter.value)
            waiter.abandon()
            raise

    def _provide(self) -> None:
        """See that those who wait get an environment: soon if one may come free, else now."""
        if not self._all:
            self._scale()
        elif self._patience is None:
            loop = asyncio.get_running_loop()
            self._seen = (self._done, loop.time(), self._wanted_s())
            self._patience = loop.call_later(PATIENCE_S, self._scale)

    def _scale(self) -> None:
        """Start environments for those who would wait longer for one that is there, as many at a
        time as there are cores."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        while self._waiting and self._waiting[0][0].done:
            self._waiting.popleft()
        if not self._waiting:
            return
        wanted = len(self._waiting) - self._starting - self._served_soon()
        room = self._max - len(self._all)
        if self._held and self._all:
            return
        for _ in range(min(wanted, room, os.cpu_count() or 1)):
            try:
                environment = self._create()
            except Exception as error:
                self._fail_one(error)
                continue
            self._starting += 1
            self._all.add(environment)
            keep(self._starts, self._start(environment))
        if len(self._waiting) > self._starting and len(self._all) < self._max:
            self._provide()

    def _served_soon(self) -> int:
        """How many of those who wait will have an environment before a new one could start."""
        if not self._all or self._typical_s is None:
            return 0
        now = asyncio.get_running_loop().time()
        done, since, wanted_before_s = self._seen
        elapsed_s = now - since
        served = self._done - done
        if served and elapsed_s > 0:
            self._moved_s = now
            if (self._wanted_s() - wanted_before_s) / elapsed_s > _LOADED:
                # They wait for us: more environments would only take more of the processor.
                return len(self._waiting)
            if now - self._crowded_since > LASTING_S:
                return 0
            return int(served / elapsed_s * self._start_s)
        if now - max(self._moved_s, self._waiting[0][1]) > self._start_s:
            # The environments are busy with something longer than usual.
            return 0
        ready = len(self._all) - self._starting
        return int(ready * self._start_s / max(self._typical_s, 1e-5))

    async def _start(self, environment: Environment) -> None:
        begun = asyncio.get_running_loop().time()
        try:
            await environment.initialize()
        except Exception as error:
            self._starting -= 1
            self._fail_one(error)
            self._discard(environment)
            return
        self._starting -= 1
        # One that stood by was there in no time; the next one will not be.
        self._start_s = max(START_S, asyncio.get_running_loop().time() - begun)
        self._release(self._up(environment))

    def _up(self, environment: Environment) -> Environment:
        self._up_at[environment] = asyncio.get_running_loop().time()
        return environment

    def _fail_one(self, error: Exception) -> None:
        while self._waiting:
            waiter, _ = self._waiting.popleft()
            if not waiter.done:
                waiter.set_exception(error)
                return

    # giving it back

    def _release(self, environment: Environment) -> None:
        stopped = environment.status is Status.STOPPED
        if self._closed or stopped or environment in self._doubted:
            self._discard(environment)
            return
        while self._waiting:
            waiter, _ = self._waiting.popleft()
            if not waiter.done:
                waiter.set_result(environment)
                return
        if self._retired:
            self._discard(environment)
            return
        environment.idle_since = self._clock.monotonic()
        self._idle.append(environment)
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().create_task(self._retire())

    def _discard(self, environment: Environment) -> None:
        if environment in self._all:
            self._all.discard(environment)
            self._up_at.pop(environment, None)
            self._doubted.discard(environment)
            keep(self._stops, environment.stop())
            if self._waiting:
                # Somebody may have counted on this one.
                self._provide()

    async def _retire(self) -> None:
        while True:
            await self._clock.sleep(self._idle_s / 4)
            limit = self._clock.monotonic() - self._idle_s
            for environment in [e for e in self._idle if e.idle_since <= limit]:
                self._idle.remove(environment)
                self._discard(environment)
