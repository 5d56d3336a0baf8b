"""The Python API for test suites: an app's functions, called as Lambda would.

>>> async with Local("lambdactl.yaml") as fn:                        # doctest: +SKIP
...     result = await fn.invoke("resize", {"key": "cat.jpg"})
...     result.json()

In blocking code the same class is an ordinary context manager:

>>> with Local("lambdactl.yaml") as fn:                              # doctest: +SKIP
...     fn.invoke("resize", {"key": "cat.jpg"}).json()
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from lambdactl.errors import EnvironmentStoppedError, EventError
from lambdactl.execution.clock import Clock
from lambdactl.execution.containers.settings import ContainerSettings, Progress
from lambdactl.execution.debugging import Ports
from lambdactl.execution.invocation import Invocation, InvocationResult
from lambdactl.execution.invoker import LocalInvoker
from lambdactl.execution.logs import LogSink
from lambdactl.execution.pool import IDLE_S, MAX_ENVIRONMENTS
from lambdactl.manifest.model import App

T = TypeVar("T")

_SIGNALS_S = 0.5

_TURN_S = 0.5


class Local:
    """The functions of an app, ready to be called; the environments live as long as the block.

    :param app: an :class:`~lambdactl.manifest.model.App`, or the path of a manifest (or of the
        folder it lies in); without one, the manifest of the current folder.
    :param stage: the manifest's stage.
    :param env: more environment variables, for every function.
    :param logs: takes each :class:`~lambdactl.execution.logs.LogLine` as it comes.
    :param credentials: False keeps the user's AWS credentials from the functions.
    :param runner: where all functions run, whatever the manifest says.
    :param containers: how the containers of functions that run in one are made.
    :param progress: shows how images are pulled and built.
    :param debug_port: functions wait for a debugger on this port, or each on its own (by name), as
        long as that takes.
    :raises ManifestError: the manifest has problems.
    """

    def __init__(
        self,
        app: App | str | Path | None = None,
        *,
        stage: str | None = None,
        env: Mapping[str, str] | None = None,
        logs: LogSink | None = None,
        warn: Callable[[str], None] | None = None,
        clock: Clock | None = None,
        credentials: bool = True,
        strict_runtime: bool = False,
        max_environments: int = MAX_ENVIRONMENTS,
        idle_s: float = IDLE_S,
        runner: Literal["process", "container"] | None = None,
        containers: ContainerSettings | None = None,
        progress: Progress | None = None,
        debug_port: Ports | None = None,
    ) -> None:
        if not isinstance(app, App):
            # Reading a manifest costs imports that an app made in code doesn't need.
            from lambdactl.manifest import load

            app = load(Path(app) if app is not None else None, stage=stage)
        app = overridden(app, env=env or {}, runner=runner)
        self.app = app
        self._invoker = LocalInvoker(
            app,
            sink=logs,
            warn=warn,
            clock=clock,
            use_credentials=credentials,
            strict_runtime=strict_runtime,
            max_environments=max_environments,
            idle_s=idle_s,
            containers=containers,
            progress=progress,
            debug_port=debug_port,
        )
        self._blocking: BlockingLocal | None = None
        self._ended = False

    async def __aenter__(self) -> Local:
        self._ended = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended = True
        await self._invoker.close()

    async def invoke(
        self,
        name: str | None = None,
        event: Any = None,
        *,
        payload: bytes | None = None,
        qualifier: str = "$LATEST",
        client_context: Any = None,
        cognito_identity: Any = None,
        tenant_id: str | None = None,
        on_chunk: Callable[[str, bytes], None] | None = None,
    ) -> InvocationResult:
        """Call a function and wait for its answer.

        :param name: the function; not needed where the app has just one.
        :param event: anything that JSON can say. ``payload`` gives the bytes themselves instead.
        :param client_context: a mapping, as ``context.client_context`` shows it.
        :param on_chunk: takes a streamed response piece by piece: content type and bytes.
        :returns: the result; a function that failed has ``function_error`` set.
        :raises UserError: no such function or qualifier, or an event that is too large or not JSON.
        :raises EnvironmentStartError: its runtime is not on this machine.
        :raises EnvironmentStoppedError: the block has ended.
        """
        if self._ended:
            raise EnvironmentStoppedError("the block of this Local has ended")
        function = self.app.function(name)
        return await self._invoker.invoke(
            Invocation(
                function=function.name,
                payload=_event(event) if payload is None else payload,
                qualifier=qualifier,
                client_context=_json(client_context),
                cognito_identity=_json(cognito_identity),
                tenant_id=tenant_id,
                on_chunk=on_chunk,
            )
        )

    def __enter__(self) -> BlockingLocal:
        self._ended = False
        self._blocking = BlockingLocal(self)
        return self._blocking

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._blocking is not None:
            self._blocking.close()
            self._blocking = None


class BlockingLocal:
    """:class:`Local` for code without asyncio. Its event loop runs in a thread of its own; calls
    may come from any number of threads."""

    def __init__(self, local: Local) -> None:
        self._local = local
        self._loop = new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="lambdactl-local", daemon=True
        )
        self._thread.start()

    @property
    def app(self) -> App:
        return self._local.app

    def invoke(
        self, name: str | None = None, event: Any = None, **options: Any
    ) -> InvocationResult:
        """As :meth:`Local.invoke`, with the same parameters."""
        return self._run(self._local.invoke(name, event, **options))

    def close(self) -> None:
        """Stop every environment and the thread."""
        self._run(self._local.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop.is_closed():
            work.close()
            raise EnvironmentStoppedError("the block of this Local has ended")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return _result(future)
        except BaseException:
            future.cancel()
            raise


def _result(future: concurrent.futures.Future[T]) -> T:
    """The future's result, waited for in turns: a signal that comes in the instant before a wait
    begins is seen by Python only when the wait ends."""
    while True:
        try:
            return future.result(_TURN_S)
        except TimeoutError:
            if future.done():
                raise


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The fastest loop there is on this platform: uvloop's, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def overridden(
    app: App,
    *,
    env: Mapping[str, str],
    timeout_s: int | None = None,
    runner: Literal["process", "container"] | None = None,
) -> App:
    """``app`` with more environment variables, and perhaps another timeout or runner, for every
    function."""
    if not env and timeout_s is None and runner is None:
        return app
    functions = {
        name: dataclasses.replace(
            function,
            environment={**function.environment, **env},
            timeout_s=function.timeout_s if timeout_s is None else timeout_s,
            runner=runner or function.runner,
        )
        for name, function in app.functions.items()
    }
    return dataclasses.replace(app, functions=functions)


def _event(event: Any) -> bytes:
    try:
        return json.dumps(event, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise EventError(f"the event is nothing that JSON can say: {error}") from None


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
