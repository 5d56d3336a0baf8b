"""The container sandbox: a runtime in an image of AWS's, or of the user's.

What Lambda limits is limited here by the kernel: memory, the size of ``/tmp``, processes, open
files, processor time, privileges, and that nothing but ``/tmp`` can be written
(https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#images-reqs).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lambdactl.errors import EngineError, EnvironmentStartError
from lambdactl.execution.containers import configuration, keeper
from lambdactl.execution.containers.channels import AttachChannel, Channel, PipeChannel
from lambdactl.execution.containers.contained import KILLED, Contained
from lambdactl.execution.containers.engine import Engine, explained
from lambdactl.execution.containers.images import Image
from lambdactl.execution.containers.network import Reach
from lambdactl.execution.failures import Exit
from lambdactl.execution.logs import OutputParser
from lambdactl.execution.sandbox import OnExit, OnOutput
from lambdactl.execution.tasks import finished, keep

_PATIENCE_S = 5.0
"""A keeper that does not carry out an order for so long never will."""


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """What to start and within which limits.

    :ivar command: entrypoint and arguments.
    :ivar variables: the whole environment, but for what the image brings, the address of the
        Runtime API and what depends on the sandbox itself.
    :ivar binds: what of this machine is shown in the container, read-only: path here, path there.
    :ivar work: a folder of ours, in which pipes are made.
    :ivar user: ``uid:gid``, or empty for the image's own.
    :ivar telemetry: the runtime may write framed log events.
    :ivar port: a port that is published on this machine's 127.0.0.1.
    :ivar config: and ``host_config``: what the user adds, as keyword arguments of the SDK's
        ``create_container`` and ``create_host_config``.
    """

    engine: Engine
    image: Image
    reach: Reach
    command: tuple[str, ...]
    variables: Mapping[str, str]
    binds: Mapping[str, str]
    work: Path
    labels: Mapping[str, str]
    memory_mb: int
    ephemeral_storage_mb: int
    runtime_version: str
    user: str = ""
    telemetry: bool = True
    port: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    host_config: Mapping[str, Any] = field(default_factory=dict)


class ContainerSandbox(Contained):
    """A :class:`~lambdactl.execution.sandbox.Sandbox` of one container with a keeper in it."""

    def __init__(self, spec: ContainerSpec) -> None:
        super().__init__(spec)
        self._up: asyncio.Future[None] | None = None
        self._killed: asyncio.Future[None] | None = None
        self._running = False
        self._starts = 0

    # Sandbox

    async def open(self, address: str, on_output: OnOutput, on_exit: OnExit) -> None:
        if self._container:
            return
        loop = asyncio.get_running_loop()
        self._parser = OutputParser(on_output)
        self._on_exit = on_exit
        up = self._up = loop.create_future()
        channel = self._channel = self._new_channel()
        try:
            await self._make_in_thread(partial(self._make, address, channel, loop))
            if not await _is_done(up):
                raise EngineError(
                    f"the container of {self._spec.image.reference} does not come up",
                    hint="the engine may be busy (`docker ps`, `docker stats`); try again",
                )
            up.result()
            if self._channel is not channel:
                raise EnvironmentStartError("the container was stopped as it was started")
        except BaseException:
            if up.done():
                # Its own error is no news any more.
                up.exception()
            await self._remove()
            raise
        self._limits.opened(self._container)

    async def start(self) -> None:
        if self._channel is None:
            raise EnvironmentStartError("the container ended before the runtime was started")
        self._running = True
        self._starts += 1
        self._channel.order(keeper.RUN)
        self._limits.started()

    async def kill(self) -> None:
        self._limits.stop()
        if not self._running:
            return
        self._running = False
        channel = self._channel
        if channel is None:
            return
        killed = self._killed = asyncio.get_running_loop().create_future()
        channel.order(keeper.KILL)
        if await _is_done(killed):
            self.drain()
        else:
            await self._remove()

    async def close(self) -> None:
        self._running = False
        self._limits.stop()
        await self._remove()
        await finished(self._tasks)
        await self._limits.finish()

    # life of the container

    def _new_channel(self) -> Channel:
        if self._spec.engine.shares_kernel:
            return PipeChannel(self._spec.work, self._output, self._reported, self._ended)
        return AttachChannel(self._output, self._reported, self._ended)

    def _make(self, address: str, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        """Create and start it. Blocks."""
        client = self._spec.engine.client
        pipes = isinstance(channel, PipeChannel)
        try:
            made = client.create_container(
                **configuration.of(
                    self._spec,
                    address,
                    keeper.entrypoint(
                        self._spec.command,
                        pipes=pipes,
                        declared={
                            *self._spec.variables,
                            *self._spec.image.variables,
                            *self._spec.config.get("environment", ()),
                        },
                    ),
                    binds={**self._spec.binds, **channel.binds},
                    stdin=not pipes,
                )
            )
            self._container = made["Id"]
            if self._channel is not channel:
                # Given up meanwhile, by who waits for us to remove it.
                return
            channel.open(client, self._container, loop)
            client.start(self._container)
        except Exception as error:
            raise explained(error, f"start a container of {self._spec.image.reference}") from error

    async def _remove(self) -> None:
        channel, self._channel = self._channel, None
        if self._up is not None and not self._up.done():
            # Whoever waits for it need not.
            self._up.set_result(None)
        self._limits.closed()
        if channel is not None:
            channel.drain()
            # The keeper ends, and with it the container.
            channel.close()
        await self._made()
        container, self._container = self._container, ""
        if container:
            await self._remove_container(container)

    def _reported(self, report: str) -> None:
        if report == keeper.UP:
            if self._up is not None and not self._up.done():
                self._up.set_result(None)
        elif report == keeper.KILLED:
            if self._killed is not None and not self._killed.done():
                self._killed.set_result(None)
        elif report.startswith(keeper.EXIT) and self._running:
            self._exited(keeper.exit_of(report))

    def _exited(self, how: Exit) -> None:
        if how.signal == KILLED:
            self._limits.killed()
        self.drain()
        if self._on_exit is not None:
            self._on_exit(how)

    def _ended(self) -> None:
        """The container is gone, and we have not ended it: the engine has, or the user."""
        running, self._running = self._running, False
        channel, self._channel = self._channel, None
        container, self._container = self._container, ""
        if self._up is not None and not self._up.done():
            self._up.set_exception(EnvironmentStartError("the container ended as it was started"))
        if self._killed is not None and not self._killed.done():
            self._killed.set_result(None)
        if channel is not None:
            channel.drain()
            channel.close()
        if container:
            keep(self._tasks, self._remove_container(container))
        if self._on_exit is not None:
            self._on_exit(Exit(signal=KILLED))
        elif running:
            self._limits.stop()

    async def _kill_for_memory(self) -> None:
        start = self._starts
        if not self._running:
            return
        await self.kill()
        if self._on_exit is not None and self._starts == start:
            self._on_exit(Exit(signal=KILLED))


async def _is_done(order: asyncio.Future[None]) -> bool:
    """Whether the keeper does it in time. (``asyncio.wait_for`` needs a task, from Python 3.12 on,
    and whoever invokes may have none: see handoff.py.)"""
    await asyncio.wait({order}, timeout=_PATIENCE_S)
    return order.done()
