"""The sandbox of an image without a shell: the image's own entrypoint is the first process.

There is no keeper, so a runtime that is to be killed takes the container with it: a timeout costs
a new one, and ``/tmp`` does not outlive it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING

from lambdactl.errors import EnvironmentStartError
from lambdactl.execution.containers import configuration, keeper
from lambdactl.execution.containers.channels import AttachChannel
from lambdactl.execution.containers.contained import KILLED, Contained
from lambdactl.execution.containers.engine import explained
from lambdactl.execution.containers.threads import in_thread
from lambdactl.execution.failures import Exit
from lambdactl.execution.logs import OutputParser
from lambdactl.execution.sandbox import OnExit, OnOutput
from lambdactl.execution.tasks import finished, keep

if TYPE_CHECKING:
    from lambdactl.execution.containers.sandbox import ContainerSpec


class PlainSandbox(Contained):
    """A :class:`~lambdactl.execution.sandbox.Sandbox` of one container after the other."""

    def __init__(self, spec: ContainerSpec) -> None:
        # The runtime's own log channel would be opened by a keeper.
        super().__init__(dataclasses.replace(spec, telemetry=False))
        self._address = ""

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
        try:
            await self._make_in_thread(make)
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
        await self._made()
        container, self._container = self._container, ""
        if container:
            await self._remove_container(container)
        if channel is not None:
            channel.drain()
            channel.close()
        if self._parser is not None:
            self._parser.flush()

    def _ended(self, channel: AttachChannel) -> None:
        if channel is self._channel and self._container:
            keep(self._tasks, self._tell_exit(self._container))

    async def _tell_exit(self, container: str) -> None:
        how = Exit(signal=KILLED)
        # The engine itself may be gone, and the container with it.
        with contextlib.suppress(Exception):
            answer = await in_thread(self._spec.engine.client.wait, container)
            how = keeper.how(int(answer["StatusCode"]))
        if container != self._container:
            return
        if how.signal == KILLED:
            self._limits.killed()
        self.drain()
        if self._on_exit is not None:
            self._on_exit(how)

    async def _kill_for_memory(self) -> None:
        await self._remove()
        if self._on_exit is not None:
            self._on_exit(Exit(signal=KILLED))
