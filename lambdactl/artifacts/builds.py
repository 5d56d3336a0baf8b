"""A build: the functions and layers of an app become the artifacts that Lambda takes.

What is made, and whether it was made before, is decided here; how one of them is made is in
:mod:`lambdactl.artifacts.making`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import functools
import os
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from lambdactl.artifacts import building, cache, children, installing, making, sizes, split
from lambdactl.artifacts.children import Children
from lambdactl.artifacts.model import Artifact, Work
from lambdactl.errors import LambdactlError, UserError, did_you_mean
from lambdactl.manifest.features import Build
from lambdactl.manifest.model import App, Code, Function, Layer

if TYPE_CHECKING:
    from lambdactl.artifacts.contained_engine import ContainerBuilds

T = TypeVar("T")

OUTPUT = "build"
"""The folder of artifacts, in the project's own ``.lambdactl``."""


class Report(Protocol):
    """Hears of a build. Called in the event loop, but for :meth:`line`, which may come from any
    thread."""

    def started(self, name: str) -> None: ...

    def line(self, name: str, text: str) -> None:
        """A tool has printed a line."""
        ...

    def finished(self, artifact: Artifact) -> None: ...

    def failed(self, name: str, error: LambdactlError) -> None: ...


@dataclass(frozen=True, slots=True)
class Built:
    """What a build has made: functions first, then layers, each in the manifest's order; layers
    that were split off functions come last."""

    artifacts: tuple[Artifact, ...]
    notes: tuple[str, ...] = ()
    """What is worth knowing of them, a line each."""

    def of(self, name: str, *, layer: bool = False) -> Artifact:
        """:raises KeyError: there is none."""
        for artifact in self.artifacts:
            if artifact.name == name and (artifact.kind == "layer") == layer:
                return artifact
        raise KeyError(name)


async def build(
    app: App,
    names: Collection[str] = (),
    *,
    folder: Path,
    shell: Mapping[str, str] | None = None,
    jobs: int | None = None,
    use_cache: bool = True,
    container: bool = False,
    engine: Callable[[], ContainerBuilds] | None = None,
    report: Report | None = None,
) -> Built:
    """Make the artifacts of functions and layers, several at a time.

    :param names: of functions and layers; without any, all. The layers of a function are made
        with it.
    :param folder: the project's ``.lambdactl``.
    :param jobs: how many at a time; the number of processors if left out.
    :param use_cache: False makes everything anew, but for what package managers have downloaded.
    :param container: build inside the functions' images.
    :param engine: gives the container engine, where one is needed.
    :raises UserError: there is no such function or layer, or one can't be built as it is.
    :raises BuildError: a build failed; where several did, all were reported and this is the first.
    :raises EnvironmentStartError: a tool or an engine is missing.
    """
    functions, layers = _chosen(app, names)
    shell = os.environ if shell is None else shell
    run = _Run(jobs or os.cpu_count() or 1, shell, engine, report)
    stack = contextlib.ExitStack()

    def begin() -> making.Context:
        scratch = stack.enter_context(cache.scratch(folder / "scratch"))
        installed = installing.Store(folder / "dependencies", scratch, use=use_cache)
        return making.Context(
            app=app,
            output=cache.Shelf(folder / OUTPUT, cache.alike(app.functions, app.layers)),
            installed=stack.enter_context(installed),
            tools=folder / "tools",
            scratch=scratch,
            shell=shell,
            digests=cache.Digests(folder / "digests.json"),
            use_cache=use_cache,
            container=container,
            engine=run.engine if engine is not None else None,
            run=run.command,
        )

    def remember() -> None:
        context.output.forget(split.NAME, split.MOST)
        with contextlib.suppress(OSError):
            # What is not known is read again.
            context.digests.save()

    # Folders are removed, and files by the thousand looked at: not in an event loop that serves.
    try:
        try:
            context = await _to_its_end(asyncio.to_thread(begin))
            made = await run.all(context, functions, layers)
            await _to_its_end(asyncio.to_thread(remember))
        finally:
            await _to_its_end(asyncio.to_thread(stack.close))
    except OSError as error:
        raise UserError(
            f"can't build in {folder}: {_reason(error)}",
            hint="builds write to `.lambdactl` beside the manifest",
        ) from error
    found: dict[tuple[str, bool], Artifact] = {}
    for result in made:
        if isinstance(result, BaseException):
            raise result
        for artifact in result:
            found.setdefault((artifact.name, artifact.kind == "layer"), artifact)
    artifacts = sorted(found.values(), key=_order(app))
    return Built(tuple(artifacts), sizes.check(app, artifacts))


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait for ``work``, however often this is cancelled meanwhile, and be cancelled then."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:
            # Raised below.
            break
    if cancelled is not None:
        raise cancelled
    return task.result()


def _is_bug(result: object) -> bool:
    return isinstance(result, BaseException) and not isinstance(result, LambdactlError)


class _Run:
    """The threads of a build, and what they have started.

    :param jobs: how many.
    :param engine: gives the container engine.
    """

    def __init__(
        self,
        jobs: int,
        shell: Mapping[str, str],
        engine: Callable[[], ContainerBuilds] | None,
        report: Report | None,
    ) -> None:
        self._threads = concurrent.futures.ThreadPoolExecutor(jobs, "lambdactl-build")
        self._limit = asyncio.Semaphore(jobs)
        self._loop = asyncio.get_running_loop()
        self._shell = shell
        self._given = engine
        self._report = report
        self._children = Children()
        self._commands: set[asyncio.Task[bytes]] = set()
        self._engines: set[ContainerBuilds] = set()
        self._guard = threading.Lock()
        self._turns: dict[tuple[object, ...], threading.Lock] = {}
        self._ran: set[tuple[object, ...]] = set()
        self._told: set[tuple[str, str]] = set()

    async def all(
        self, context: making.Context, functions: Iterable[Function], layers: Iterable[Layer]
    ) -> list[tuple[Artifact, ...] | BaseException]:
        """What became of each: errors of ours first, for the others have been reported.

        Cancelled, it leaves no process and no thread behind.
        """
        partial = functools.partial
        tasks = [
            self._one(context, one.name, partial(making.function, context, one))
            for one in functions
        ]
        tasks += [
            self._one(context, one.name, partial(making.layer, context, one)) for one in layers
        ]
        try:
            made = await asyncio.gather(*tasks, return_exceptions=True)
        except asyncio.CancelledError:
            await _to_its_end(self._give_up())
            raise
        self._threads.shutdown()
        return sorted(made, key=lambda one: not _is_bug(one))

    async def _one(
        self, context: making.Context, name: str, make: Callable[[Work], tuple[Artifact, ...]]
    ) -> tuple[Artifact, ...]:
        """One function with the layer that is split off it, or one layer. Every failure is
        reported."""
        report = self._report
        async with self._limit:
            begun = time.monotonic()
            if report is not None:
                report.started(name)
            try:
                made = await self._loop.run_in_executor(
                    self._threads, self._work, context, name, make
                )
            except OSError as error:
                explained = UserError(f"can't build {name}: {_reason(error)}")
                if report is not None:
                    report.failed(name, explained)
                raise explained from error
            except LambdactlError as error:
                if report is not None:
                    report.failed(name, error)
                raise
            seconds = time.monotonic() - begun
            for artifact in made:
                # Functions share layers.
                told = artifact.kind, artifact.name
                if report is not None and told not in self._told:
                    report.finished(dataclasses.replace(artifact, seconds=seconds))
                self._told.add(told)
            return tuple(dataclasses.replace(artifact, seconds=seconds) for artifact in made)

    def _work(
        self, context: making.Context, name: str, make: Callable[[Work], tuple[Artifact, ...]]
    ) -> tuple[Artifact, ...]:
        """In a thread."""

        def tell(line: str) -> None:
            if self._report is not None:
                self._report.line(name, line)

        work = Work(context.tools, context.scratch, context.shell, tell, self._children)
        with children.working_for(self._children):
            return make(work)

    def command(self, build: Build) -> None:
        """The user's own commands, for a thread: in the event loop, which can end them; once for
        all functions and layers that share them."""

        async def run() -> bytes:
            self._children.check()
            task = cast("asyncio.Task[bytes]", asyncio.current_task())
            self._commands.add(task)
            try:
                return await building.run(build, shell=self._shell)
            finally:
                self._commands.discard(task)

        with self._guard:
            turn = self._turns.setdefault((build.folder, build.commands), threading.Lock())
        with turn:
            # Functions that share it would write one folder, each while another's is packed.
            asked = build.folder, build.commands, tuple(sorted(build.environment.items()))
            if asked not in self._ran:
                asyncio.run_coroutine_threadsafe(run(), self._loop).result()
                self._ran.add(asked)

    def engine(self) -> ContainerBuilds:
        """The container engine, for a thread."""
        assert self._given is not None
        found = self._given()
        self._engines.add(found)
        self._children.check()
        return found

    async def _give_up(self) -> None:
        """End all that goes on, and wait for it."""
        self._children.refuse()
        commands = {*self._commands}
        for task in commands:
            task.cancel()
        ends = [asyncio.to_thread(self._children.end)]
        ends += [asyncio.to_thread(engine.close) for engine in {*self._engines}]
        await asyncio.gather(*ends, *commands, return_exceptions=True)
        # A thread in the midst of a file comes to its end.
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)


def built_app(app: App, built: Built) -> App:
    """``app`` with the code and the layers that were built, in place of their sources."""
    functions = dict(app.functions)
    layers = dict(app.layers)
    for artifact in built.artifacts:
        if artifact.kind == "layer":
            assert artifact.path is not None
            before = layers.get(artifact.name)
            layers[artifact.name] = (
                Layer(artifact.name, artifact.path)
                if before is None
                else dataclasses.replace(before, path=artifact.path, build=None)
            )
        else:
            functions[artifact.name] = _with(functions[artifact.name], artifact)
    return dataclasses.replace(app, functions=functions, layers=layers)


def _with(function: Function, artifact: Artifact) -> Function:
    code = function.code
    if artifact.image is not None:
        code = dataclasses.replace(code, kind="image", image=artifact.image)
    else:
        code = Code("zip", artifact.path, built=True)
    return dataclasses.replace(
        function,
        code=code,
        handler=artifact.handler or function.handler,
        layers=artifact.layers,
        build=None,
    )


def _chosen(app: App, names: Collection[str]) -> tuple[list[Function], list[Layer]]:
    for name in names:
        if name not in app.functions and name not in app.layers:
            known = [*app.functions, *app.layers]
            raise UserError(
                f"there is no function and no layer {name!r}",
                hint=did_you_mean(name, known) or f"the manifest has: {', '.join(known) or 'none'}",
            )
    functions = [one for name, one in app.functions.items() if not names or name in names]
    wanted = {layer for function in functions for layer in function.layers} | {*names}
    layers = [one for name, one in app.layers.items() if not names or name in wanted]
    return functions, layers


def _order(app: App) -> Callable[[Artifact], tuple[int, int]]:
    functions = {name: index for index, name in enumerate(app.functions)}
    layers = {name: index for index, name in enumerate(app.layers)}

    def order(artifact: Artifact) -> tuple[int, int]:
        if artifact.kind == "layer":
            return 1, layers.get(artifact.name, len(layers))
        return 0, functions[artifact.name]

    return order


def _reason(error: OSError) -> str:
    about = f"{error.filename}: " if error.filename else ""
    return f"{about}{(error.strerror or str(error)).lower()}"
