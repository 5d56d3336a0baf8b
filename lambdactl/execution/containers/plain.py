"""The sandbox of an image without a shell: the image's own entrypoint is the first process.

There is no keeper, so a runtime that is to be killed takes the container with it: a timeout costs
a new one, and ``/tmp`` does not outlive it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING

from lambdactl.errors import EngineError, EnvironmentStartError
from lambdactl.execution.containers import configuration, keeper
from lambdactl.execution.containers.channels import AttachChannel
from lambdactl.execution.containers.engine import explained
from lambdactl.execution.containers.limits import Limits
from lambdactl.execution.containers.threads import in_thread
from lambdactl.execution.failures import Exit
from lambdactl.execution.logs import OutputParser
from lambdactl.execution.sandbox import OnExit, OnOutput
from lambdactl.execution.tasks import finished, keep

if TYPE_CHECKING:
    from lambdactl.execution.containers.sandbox import ContainerSpec

_SIGNALLED = 128
_KILLED = 9


class PlainSandbox:
    """A :class:`~lambdactl.execution.sandbox.Sandbox` of one container after the other."""

    holds = True

    def __init__(self, spec: ContainerSpec) -> None:
        self.runtime_version = spec.runtime_version
        self.host = spec.reach.host
        self.listen = spec.reach.listen
        # The runtime's own log channel would be opened by a keeper.
        self._spec = dataclasses.replace(spec, telemetry=False)
        self._address = ""
        self._container = ""
        self._channel: AttachChannel | None = None
        self._making: asyncio.Future[None] | None = None
        self._parser: OutputParser | None = None
        self._on_exit: OnExit | None = None
        self._limits = Limits(spec, self._exceeded)
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, address: str, on_output: OnOutput, on_exit: OnExit) -> None:
        self._address = address
        self._parser = OutputParser(on_output)
        self._on_exit = on_exit
        if not self._container:
            await self._make()

    async def start(self) -> None:
        client, container = self._spec.engine.client, self._container
        self._limits.started()
        try:
            await in_thread(client.start, container)
        except Exception as error:
            await self._remove()
            reference = self._spec.image.reference
            raise explained(error, f"start a container of {reference}") from error
        if container == self._container:
            self._limits.opened(container)

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

    async def kill(self) -> None:
        await self._remove()

    async def close(self) -> None:
        await self._remove()
        await finished(self._tasks)
        await self._limits.finish()

    async def _make(self) -> None:
        loop = asyncio.get_running_loop()
        channel = AttachChannel(
            self._output,
            lambda report: None,
            lambda: self._ended(channel),
            keeper_listens=False,
        )
        client = self._spec.engine.client

        def make() -> None:
            wanted = configuration.of(
                self._spec,
                self._address,
                list(self._spec.command),
                binds=self._spec.binds,
                stdin=False,
                # How it ended can be asked as long as it is there.
                auto_remove=False,
            )
            self._container = str(client.create_container(**wanted)["Id"])
            channel.open(client, self._container, loop)

        self._channel = channel
        self._making = asyncio.ensure_future(in_thread(make))
        # When it is given up, nobody is left who would take its error.
        self._making.add_done_callback(lambda made: made.cancelled() or made.exception())
        try:
            await asyncio.shield(self._making)
        except BaseException as error:
            await self._remove()
            if isinstance(error, Exception):
                reference = self._spec.image.reference
                raise explained(error, f"make a container of {reference}") from error
            raise
        if self._channel is not channel:
            raise EnvironmentStartError("the container was stopped as it was made")

    async def _remove(self) -> None:
        channel, self._channel = self._channel, None
        self._limits.closed()
        if self._making is not None and not self._making.done():
            # A thread can't be stopped, and what it makes must be removed.
            await asyncio.wait({self._making})
        container, self._container = self._container, ""
        if container:
            # Of an engine that is gone nothing can be removed; the next lambdactl sweeps.
            with contextlib.suppress(EngineError):
                await in_thread(configuration.remove, self._spec.engine.client, container)
        if channel is not None:
            channel.drain()
            channel.close()
        if self._parser is not None:
            self._parser.flush()

    def _output(self, data: bytes) -> None:
        if self._parser is not None:
            self._parser.feed(data)

    def _ended(self, channel: AttachChannel) -> None:
        if channel is self._channel and self._container:
            keep(self._tasks, self._tell_exit(self._container))

    async def _tell_exit(self, container: str) -> None:
        status = _SIGNALLED + _KILLED
        # The engine itself may be gone, and the container with it.
        with contextlib.suppress(Exception):
            answer = await in_thread(self._spec.engine.client.wait, container)
            status = int(answer["StatusCode"])
        if container != self._container:
            return
        if status == _SIGNALLED + _KILLED:
            self._limits.killed()
        self.drain()
        if self._on_exit is not None:
            self._on_exit(keeper.how(status))

    def _exceeded(self) -> None:
        keep(self._tasks, self._kill_for_memory())

    async def _kill_for_memory(self) -> None:
        await self._remove()
        if self._on_exit is not None:
            self._on_exit(Exit(signal=_KILLED))
