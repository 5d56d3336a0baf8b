"""Runtimes that have started and wait: what a save or one more environment then needs is only the
function's own code.

Most of the time to a fresh environment is the interpreter's, and has nothing to do with the code
that was saved. So for each function that is in use one process stands by: started with everything
but the handler, held before any of the function's files is read, given the word when an
environment is needed. The function can't tell: init begins with the word, and nothing of its own
ran before. It costs the memory of a bare interpreter for each of those functions (about 10 MB).

A standby is taken only for a launch that equals the one it was made for. Functions whose own
code or settings have a say in how the interpreter starts get none (``Launch.can_stand_by``).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from lambdactl.errors import LambdactlError
from lambdactl.execution.environment import Environment
from lambdactl.execution.sandbox import Launch
from lambdactl.execution.tasks import finished, keep

DELAY_S = 0.1
"""After the last environment was started: the function's own start has the machine for itself."""
LIFETIME_S = 900.0
"""Credentials grow old, and a function that is not used needs no standby."""
MOST = 8
"""Functions that have a standby at a time."""


class Standbys:
    """The runtimes that stand by, one a function.

    :param create: makes an environment whose runtime will wait for the word.
    """

    def __init__(self, create: Callable[[Launch], Environment]) -> None:
        self._create = create
        self._ready: OrderedDict[str, tuple[Launch, Environment]] = OrderedDict()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._starts: set[asyncio.Task[None]] = set()
        self._stops: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def names(self) -> tuple[str, ...]:
        """The functions that have one."""
        return tuple(self._ready)

    def take(self, launch: Launch) -> Environment | None:
        """The environment that stands by for ``launch``, if there is one; another one is started a
        little later."""
        if self._closed or not launch.can_stand_by:
            return None
        name = launch.function.name
        self._after(name, DELAY_S, lambda: self._begin(launch))
        found = self._ready.pop(name, None)
        if found is None:
            return None
        made_for, environment = found
        if made_for == launch and environment.is_prepared:
            return environment
        self._stop(environment)
        return None

    def ready(self, launch: Launch) -> None:
        """See that something stands by for ``launch``."""
        if not self._closed and launch.can_stand_by and launch.function.name not in self._ready:
            self._begin(launch)

    async def close(self) -> None:
        """Stop all of them."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        for task in tuple(self._starts):
            task.cancel()
        await asyncio.gather(*self._starts, return_exceptions=True)
        for name in self.names:
            self._drop(name)
        await finished(self._stops)

    async def _start(self, launch: Launch) -> None:
        name = launch.function.name
        environment = self._create(launch)
        try:
            await environment.prepare()
        except BaseException as error:
            self._stop(environment)
            if isinstance(error, LambdactlError):
                # Whoever needs an environment will meet the same error, and be told.
                return
            raise
        self._drop(name)
        self._ready[name] = (launch, environment)
        if len(self._ready) > MOST:
            self._drop(next(iter(self._ready)))
        self._after(name, LIFETIME_S, lambda: self._drop(name))

    def _drop(self, name: str) -> None:
        found = self._ready.pop(name, None)
        if found is not None:
            self._stop(found[1])

    def _begin(self, launch: Launch) -> None:
        keep(self._starts, self._start(launch))

    def _stop(self, environment: Environment) -> None:
        keep(self._stops, environment.stop())

    def _after(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, work)
