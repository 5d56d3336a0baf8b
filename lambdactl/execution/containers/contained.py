"""What every sandbox of a container does, with a keeper in it or without."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from lambdactl.errors import EngineError
from lambdactl.execution.containers import configuration
from lambdactl.execution.containers.channels import Channel
from lambdactl.execution.containers.limits import Limits
from lambdactl.execution.containers.threads import in_thread
from lambdactl.execution.logs import OutputParser
from lambdactl.execution.sandbox import OnExit
from lambdactl.execution.tasks import keep

if TYPE_CHECKING:
    from lambdactl.execution.containers.sandbox import ContainerSpec

KILLED = 9


class Contained(ABC):
    """The part of a :class:`~lambdactl.execution.sandbox.Sandbox` that does not depend on who the
    container's first process is."""

    holds = True

    def __init__(self, spec: ContainerSpec) -> None:
        self.runtime_version = spec.runtime_version
        self.host = spec.reach.host
        self.listen = spec.reach.listen
        self._spec = spec
        self._channel: Channel | None = None
        self._container = ""
        self._making: asyncio.Future[None] | None = None
        self._parser: OutputParser | None = None
        self._on_exit: OnExit | None = None
        self._limits = Limits(spec, self._exceeded)
        self._tasks: set[asyncio.Task[None]] = set()

    def drain(self) -> None:
        if self._channel is not None:
            self._channel.drain()
        if self._parser is not None:
            self._parser.flush()

    def begin(self) -> None:
        self._limits.begin()

    def end(self) -> None:
        self._limits.end()

    def max_memory_mb(self) -> int:
        return self._limits.max_memory_mb()

    @abstractmethod
    async def _kill_for_memory(self) -> None:
        """The function has more memory than it may have."""

    async def _make_in_thread(self, make: Callable[[], None]) -> None:
        """Whoever gives it up calls :meth:`_made` before he removes what it has made."""
        self._making = asyncio.ensure_future(in_thread(make))
        # When it is given up, nobody is left who would take its error.
        self._making.add_done_callback(lambda made: made.cancelled() or made.exception())
        await asyncio.shield(self._making)

    async def _made(self) -> None:
        """A thread can't be stopped, and what it makes must be removed: wait for it."""
        if self._making is not None and not self._making.done():
            await asyncio.wait({self._making})

    async def _remove_container(self, container: str) -> None:
        # Of an engine that is gone nothing can be removed. A keeper ends by itself, and what
        # stays all the same is swept by the next lambdactl.
        with contextlib.suppress(EngineError):
            await in_thread(configuration.remove, self._spec.engine.client, container)

    def _output(self, data: bytes) -> None:
        if self._parser is not None:
            self._parser.feed(data)

    def _exceeded(self) -> None:
        keep(self._tasks, self._kill_for_memory())
