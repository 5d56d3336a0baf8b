"""The local :class:`~lambdactl.execution.invocation.Invoker`: every function of an app, each with
its pool of environments."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from weakref import WeakKeyDictionary

from lambdactl.errors import EventError, LambdactlError, UserError
from lambdactl.execution import credentials, debugging, missing, runtimes
from lambdactl.execution.clock import Clock, SystemClock
from lambdactl.execution.containers.settings import ContainerSettings, Progress
from lambdactl.execution.debugging import Turn
from lambdactl.execution.environment import Environment
from lambdactl.execution.failures import Exit
from lambdactl.execution.ids import new_hex, new_trace_root
from lambdactl.execution.invocation import MAX_EVENT_BYTES, Invocation, InvocationResult
from lambdactl.execution.launches import Launches
from lambdactl.execution.logs import LogSink
from lambdactl.execution.pool import IDLE_S, MAX_ENVIRONMENTS, Pool, Retired
from lambdactl.execution.sandbox import Launch
from lambdactl.execution.standby import Standbys
from lambdactl.execution.tasks import finished, keep
from lambdactl.manifest.model import App

ACCOUNT = "123456789012"
"""The account in local ARNs, the one AWS's documentation uses."""


class LocalInvoker:
    """Runs the functions of ``app`` on this machine.

    :param sink: takes every log line as it comes.
    :param warn: takes what the user should know (another interpreter version, a layer left out).
    :param shell: the user's environment, from which credentials and interpreters are found.
    :param standby: keep a started runtime ready for each function that is in use (standby.py).
    :param use_credentials: whether functions get the user's AWS credentials.
    :param containers: how the containers of functions that run in one are made.
    :param progress: shows how images are pulled and built.
    :param debug_port: functions wait for a debugger on this port, or each on its own (by name), as
        long as that takes. Each has one environment then.
    """

    def __init__(
        self,
        app: App,
        *,
        sink: LogSink | None = None,
        warn: Callable[[str], None] | None = None,
        clock: Clock | None = None,
        shell: Mapping[str, str] | None = None,
        use_credentials: bool = True,
        strict_runtime: bool = False,
        max_environments: int = MAX_ENVIRONMENTS,
        idle_s: float = IDLE_S,
        standby: bool = False,
        containers: ContainerSettings | None = None,
        progress: Progress | None = None,
        debug_port: debugging.Ports | None = None,
    ) -> None:
        self.app = app
        self._sink = sink
        self._warn = warn
        self._clock = clock or SystemClock()
        self._shell = os.environ if shell is None else shell
        self._max_environments = max_environments
        self._idle_s = idle_s
        self._debug_port = debug_port
        self.region = credentials.region(self._shell)
        self._credentials: dict[str, str] | None = None if use_credentials else {}
        self._pools: dict[tuple[str, str | None], Pool] = {}
        self._launches = Launches(
            app,
            shell=self._shell,
            strict=strict_runtime,
            tell=self._tell,
            containers=containers or ContainerSettings(),
            progress=progress,
            debug_port=debug_port,
        )
        self._turns: dict[int, asyncio.Lock] = {}
        """Who waits for a debugger has the port alone."""
        self._warming: set[asyncio.Task[None]] = set()
        self._coming: dict[str, Pool] = {}
        """What a reload is starting now."""
        self._retired: set[Pool] = set()
        self._made_of: WeakKeyDictionary[Pool, Launch] = WeakKeyDictionary()
        self._advised: set[str] = set()
        """Functions that were told what to install; once is enough, until they are reloaded."""
        self._standbys = (
            Standbys(lambda launch: self._new_environment(launch, standby=True))
            if standby
            else None
        )

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """See :class:`~lambdactl.execution.invocation.Invoker`.

        :raises UserError: no such function or qualifier, or the payload is too large.
        :raises ThrottledError: the function's reserved concurrency is used up.
        :raises EnvironmentStartError: nothing could be started to run it in.
        """
        key = (invocation.function, invocation.tenant_id)
        pool = self._pools.get(key) or await self._pool(*key)
        if len(invocation.payload) > MAX_EVENT_BYTES:
            raise EventError(
                f"the event has {len(invocation.payload)} bytes; "
                f"a synchronous invocation takes {MAX_EVENT_BYTES}"
            )
        if invocation.qualifier != "$LATEST":
            self._check_qualifier(invocation)
        if invocation.trace_id is None:
            invocation = invocation._replace(trace_id=new_trace_id())
        try:
            result = await pool.invoke(invocation)
        except Retired:
            return await self.invoke(invocation)
        if result.function_error is not None and self._warn is not None:
            await self._advise(invocation.function, result.payload)
        return result

    def adopt(self, app: App, variables: Mapping[str, str] | None = None) -> None:
        """From now on ``app`` says which functions there are. What runs already stays as it is
        until :meth:`reload`.

        :param variables: environment variables for every function that has not set them itself.
        """
        self.app = self._launches.app = app
        self._launches.variables = variables or {}

    async def reload(self, names: Iterable[str]) -> set[str]:
        """Give functions fresh environments, made from what is on the disk now.

        Returns when they serve. Each is started before those it replaces retire, so that no call
        waits for it, and what runs ends where it began. When a function is reloaded again
        meanwhile, the later reload wins, and what the earlier one was starting is stopped.

        :returns: the functions whose environments were replaced: what had none, or can't be made
            ready (``warn`` is told why), starts with its next call.
        """
        names = list(names)
        replaced = await asyncio.gather(*(self._replace(name) for name in names))
        return {name for name, was in zip(names, replaced, strict=True) if was}

    async def warm(self, names: Iterable[str]) -> None:
        """See that functions have an environment before the first call. One that can't start tells
        so to its first caller."""

        async def one(name: str) -> None:
            with contextlib.suppress(LambdactlError):
                pool = await self._pool(name, None)
                if not pool.size:
                    await pool.warm()

        await asyncio.gather(*(one(name) for name in names))

    async def stand_by(self, names: Iterable[str]) -> None:
        """See that functions whose environments take long to start (containers: their images may
        even be missing) have one that is started but for their code. What can't start tells so
        to its first caller.
        """
        if self._standbys is None:
            return
        for name in names:
            if runtimes.contained(self.app.function(name)):
                with contextlib.suppress(LambdactlError):
                    await self._launches.prepare(name)
                    launch = self._launches.known(name)
                    if launch is not None:
                        self._standbys.ready(launch)

    def environments(self) -> dict[str, int]:
        """How many environments each function has now."""
        found: dict[str, int] = {}
        for (name, _), pool in self._pools.items():
            found[name] = found.get(name, 0) + pool.size
        return found

    async def close(self) -> None:
        """Stop every environment and remove every temporary folder."""
        coming, self._coming = self._coming, {}
        await asyncio.gather(*(pool.close() for pool in coming.values()))
        pools = (*self._pools.values(), *self._retired)
        self._pools = {}
        if self._standbys is not None:
            await self._standbys.close()
        await asyncio.gather(*(pool.close() for pool in pools))
        await finished(self._warming)
        await self._launches.close()

    def arn(self, name: str, qualifier: str) -> str:
        """The function's ARN; only a qualifier that was asked for is part of it."""
        arn = f"arn:aws:lambda:{self.region}:{ACCOUNT}:function:{name}"
        return arn if qualifier == "$LATEST" else f"{arn}:{qualifier}"

    async def _replace(self, name: str) -> bool:
        """Returns whether there was anything, and it was replaced."""
        generation = self._launches.renew(name)
        self._advised.discard(name)
        superseded = self._coming.pop(name, None)
        if superseded is not None:
            # It would only take time from the one that is wanted.
            await superseded.close()
        replaced = False
        for key in [key for key in self._pools if key[0] == name]:
            old = self._pools.get(key)
            if old is None or self._launches.generation(name) != generation:
                return replaced
            replaced = replaced or bool(old.size)
            if old.size and self._made_of[old].function.code.kind == "folder":
                # It is read as it is now by whatever starts while the rest is found out.
                old.hold()
            if name not in self.app.functions:
                del self._pools[key]
                self._retire(old)
                continue
            try:
                await self._launches.prepare(name)
                if self._launches.generation(name) != generation:
                    return replaced
                fresh = self._new_pool(*key)
            except LambdactlError as error:
                # The next call meets the same error. Whoever has saved knows it now.
                replaced = False
                if self._pools.get(key) is old:
                    self._tell(str(error))
                    del self._pools[key]
                    self._retire(old)
                continue
            if self._port(name) is not None:
                # One port: the old one goes before the new one comes, which waits for a client.
                self._pools[key] = fresh
                if old.size:
                    keep(self._warming, _warm(fresh))
                self._retire(old)
                continue
            if old.size:
                self._coming[name] = fresh
                old.hold()
                # One that can't start tells so to the first caller, who starts another.
                with contextlib.suppress(LambdactlError):
                    await fresh.warm()
            if self._launches.generation(name) != generation or self._pools.get(key) is not old:
                await fresh.close()
                return replaced
            self._coming.pop(name, None)
            self._pools[key] = fresh
            self._retire(old)
        return replaced

    def _retire(self, pool: Pool) -> None:
        self._retired = {pool for pool in self._retired if pool.size}
        pool.retire()
        self._retired.add(pool)
        pools = [*self._pools.values(), *self._coming.values()]
        pools += [pool for pool in self._retired if pool.size]
        self._launches.clear_away(self._made_of[pool] for pool in pools)

    async def _pool(self, name: str, tenant_id: str | None) -> Pool:
        await self._launches.prepare(name)
        pool = self._pools.get((name, tenant_id))
        if pool is None:
            pool = self._pools[name, tenant_id] = self._new_pool(name, tenant_id)
        return pool

    def _new_pool(self, name: str, tenant_id: str | None) -> Pool:
        function = self.app.function(name)
        if function.tenancy == "per_tenant" and not tenant_id:
            raise UserError(
                f"{function.name} isolates its tenants: name one", hint="give a tenant id"
            )
        launch = self._launches.get(function)
        debugged = self._port(name) is not None
        pool = Pool(
            lambda: self._environment(launch, (name, tenant_id)),
            name=function.name,
            clock=self._clock,
            reserved=function.concurrency.reserved,
            max_environments=1 if debugged else self._max_environments,
            idle_s=debugging.PATIENCE_S if debugged else self._idle_s,
        )
        self._made_of[pool] = launch
        return pool

    def _environment(self, launch: Launch, key: tuple[str, str | None]) -> Environment:
        self._make_way(key)
        found = self._standbys.take(launch) if self._standbys is not None else None
        return found or self._new_environment(launch)

    def _new_environment(self, launch: Launch, *, standby: bool = False) -> Environment:
        if self._credentials is None:
            self._credentials = credentials.find(self._shell, self._tell)
        sandbox = launch.sandbox(
            region=self.region,
            credentials=self._credentials,
            now=self._clock.now(),
            standby=standby,
        )
        name = launch.function.aws_name or launch.function.name
        port = self._port(launch.function.name)
        return Environment(
            launch.function,
            sandbox,
            arn=cache(lambda qualifier: self.arn(name, qualifier)),
            clock=self._clock,
            sink=self._sink,
            on_silence=lambda how: self._explain(launch, how),
            patient=port is not None,
            turn=Turn(self._turns.setdefault(port, asyncio.Lock())) if port is not None else None,
        )

    def _explain(self, launch: Launch, how: Exit | None) -> None:
        name, words = launch.function.name, launch.silence(how)
        if words is not None and name not in self._advised:
            self._advised.add(name)
            self._tell(f"{name}: {words}")

    def _port(self, name: str) -> int | None:
        """Where function ``name`` waits for a debugger."""
        return debugging.port_of(self._debug_port, name)

    def _make_way(self, key: tuple[str, str | None]) -> None:
        """Let go of the environments that have the debugger's port which ``key`` needs."""
        port = self._port(key[0])
        for other, pool in list(self._pools.items()):
            if port is not None and other != key and self._port(other[0]) == port:
                del self._pools[other]
                self._retire(pool)

    def _check_qualifier(self, invocation: Invocation) -> None:
        """Locally every version is the code that is there, but a name must be one that exists."""
        function = self.app.function(invocation.function)
        if not invocation.qualifier.isdigit() and invocation.qualifier not in function.aliases:
            raise UserError(
                f"Function not found: {self.arn(function.name, invocation.qualifier)}",
                hint=f"{function.name} has the aliases: {', '.join(function.aliases) or 'none'}",
            )

    async def _advise(self, name: str, payload: bytes) -> None:
        """Say what to install where the function could not import a module."""
        launch = self._launches.known(name)
        if (
            not isinstance(launch, runtimes.Launch)
            or launch.interpreter is None
            or name in self._advised
        ):
            return
        if not missing.lacks(payload):
            return
        function = launch.function
        if function.code.built:
            self._advised.add(name)
            self._tell(f"{name} lacks a module in its artifact: name it in its dependencies")
            return
        about = missing.Surroundings(
            function=name,
            handler=function.handler or "",
            family=launch.family,
            task=launch.task,
            root=self.app.root,
            program=Path(launch.command[0]),
            version=launch.version,
            layers=tuple(
                self.app.layers[layer].path for layer in function.layers if layer in self.app.layers
            ),
            source=function.commands.folder if function.commands is not None else None,
        )
        advice = await asyncio.to_thread(missing.advice, payload, about)
        if advice is not None and name not in self._advised:
            self._advised.add(name)
            self._tell(advice)

    def _tell(self, message: str) -> None:
        if self._warn is not None:
            self._warn(message)


async def _warm(pool: Pool) -> None:
    # One that can't start tells so to the first caller, who starts another.
    with contextlib.suppress(LambdactlError):
        await pool.warm()


def new_trace_id() -> str:
    """A tracing header for a call that brought none, not sampled
    (https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader)."""
    return f"{new_trace_root(time.time())};Parent={new_hex(16)};Sampled=0"
