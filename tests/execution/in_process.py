"""A sandbox in the test's own event loop: a runtime as a task that speaks the Runtime API.

Nothing is started, so an environment costs a millisecond. The event says what the runtime does
with it: ``{"do": "echo" | "wait" | "fail" | "exit" | "hang"}``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdactl.errors import EnvironmentStartError
from lambdactl.execution.clock import Clock, SystemClock
from lambdactl.execution.environment import Environment
from lambdactl.execution.failures import Exit
from lambdactl.execution.invocation import Invocation
from lambdactl.execution.logs import LogLine
from lambdactl.execution.sandbox import OnExit, OnOutput
from lambdactl.manifest.model import Code, Function, Logging
from tests.execution.wire import NEXT, Client, error_of, response_of

Init = Callable[[int], str]


@dataclass(repr=False)
class Machine:
    """Where sandboxes run. ``init(n)`` says how the n-th start of a runtime (from 0) goes:
    "ready", "refuse" (it can't be started), "fail" (it reports an error), "exit", or "hang"."""

    init: Init = lambda number: "ready"
    starts: int = 0
    running: set[Sandbox] = field(default_factory=set)
    closed: int = 0
    most: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """What ``{"do": "wait"}`` waits for."""
    proceed: asyncio.Event = field(default_factory=asyncio.Event)
    """What a runtime that hangs waits for; then it is ready."""
    lines: list[LogLine] = field(default_factory=list)
    busy: int = 0
    """Invocations that are in a runtime now, and the ``most`` there were at once."""
    on_line: Callable[[str], None] = lambda line: None

    def environment(
        self, clock: Clock | None = None, *, timeout_s: int = 3, logging: Logging | None = None
    ) -> Environment:
        function = Function(
            name="resize",
            code=Code("folder", Path()),
            runtime="python3.13",
            timeout_s=timeout_s,
            logging=logging or Logging(),
        )
        return Environment(
            function,
            Sandbox(self),
            arn=lambda qualifier: f"arn:{qualifier}",
            clock=clock or SystemClock(),
            sink=self._sink,
        )

    def _sink(self, line: LogLine) -> None:
        self.lines.append(line)
        self.on_line(line.text.decode())

    @property
    def text(self) -> list[str]:
        return [line.text.decode() for line in self.lines]


class Sandbox:
    """See the module; one of a :class:`Machine`."""

    runtime_version = "in-process"
    host = listen = "127.0.0.1"
    holds = False

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._runtime: asyncio.Task[None] | None = None
        self._address = ""
        self._on_output: OnOutput = lambda text, time: None
        self._on_exit: OnExit = lambda how: None
        self._killing = False
        self.crash: Callable[[], None] = lambda: None
        """Ends the runtime from outside."""

    async def open(self, address: str, on_output: OnOutput, on_exit: OnExit) -> None:
        self._address, self._on_output, self._on_exit = address, on_output, on_exit

    async def start(self) -> None:
        machine = self._machine
        init = machine.init(machine.starts)
        machine.starts += 1
        if init == "refuse":
            await asyncio.sleep(0)
            raise EnvironmentStartError("there is no such interpreter")
        machine.running.add(self)
        self._killing = False
        self._runtime = asyncio.create_task(self._run(self._address, init, self._on_output))

    async def _run(
        self, address: str, init: str, on_output: Callable[[bytes, float | None], None]
    ) -> None:
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        client = Client(reader, writer, address)
        self.crash = writer.close
        try:
            if init == "hang":
                await self._machine.proceed.wait()
                init = "ready"
            if init == "fail":
                body = b'{"errorType":"ImportError","errorMessage":"no module"}'
                await client.call("POST", "/2018-06-01/runtime/init/error", body)
            on_output(b"imported", None)
            while init == "ready":
                given = await client.call("GET", NEXT)
                await self._serve(client, given.headers, json.loads(given.body), on_output)
        except (_Exit, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
        if not self._killing:
            self._on_exit(Exit(status=1))

    async def _serve(
        self,
        client: Client,
        headers: dict[str, str],
        event: dict[str, Any],
        on_output: Callable[[bytes, float | None], None],
    ) -> None:
        machine, request_id = self._machine, headers["lambda-runtime-aws-request-id"]
        machine.busy += 1
        machine.most = max(machine.most, machine.busy)
        try:
            do = event.get("do", "echo")
            on_output(f"do {do}".encode(), None)
            if do == "wait":
                await machine.gate.wait()
            elif do == "hang":
                await asyncio.Event().wait()
            elif do == "exit":
                raise _Exit
        finally:
            machine.busy -= 1
        body = json.dumps({"event": event, "deadline": headers["lambda-runtime-deadline-ms"]})
        path = error_of(request_id) if do == "fail" else response_of(request_id)
        await client.call("POST", path, body.encode())

    def drain(self) -> None:
        """Output is handed over as it is written."""

    def begin(self) -> None:
        assert self in self._machine.running, "an invocation in a sandbox where nothing runs"

    def end(self) -> None:
        """Nothing is watched."""

    def max_memory_mb(self) -> int:
        return 42

    async def kill(self) -> None:
        self._killing = True
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.cancel()
            await asyncio.wait([runtime])
        self._machine.running.discard(self)

    async def close(self) -> None:
        # A real one takes its time, and must not be hurried by whoever is cancelled meanwhile.
        await asyncio.sleep(0.001)
        await self.kill()
        self._machine.closed += 1


class _Exit(Exception):
    """The runtime process ends."""


def asking(do: str = "echo", **fields: Any) -> Invocation:
    return Invocation("resize", json.dumps({"do": do}).encode(), **fields)
