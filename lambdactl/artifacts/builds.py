"""A build: the functions and layers of an app become the artifacts that Lambda takes.

What is made, and whether it was made before, is decided here; how one of them is made is in
:mod:`lambdactl.artifacts.making`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import functools
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lambdactl.artifacts import building, cache, making, sizes
from lambdactl.artifacts.model import Artifact, Work
from lambdactl.errors import LambdactlError, UserError, did_you_mean
from lambdactl.manifest.features import Build
from lambdactl.manifest.model import App, Code, Function, Layer

if TYPE_CHECKING:
    from lambdactl.artifacts.contained import ContainerBuilds

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
    loop = asyncio.get_running_loop()
    commands: set[concurrent.futures.Future[bytes]] = set()
    shell = os.environ if shell is None else shell

    def run(build: Build) -> None:
        """The user's own commands, for a thread: in the event loop, which can end them."""
        running = asyncio.run_coroutine_threadsafe(building.run(build, shell=shell), loop)
        commands.add(running)
        running.result()

    with cache.scratch(folder / "scratch") as scratch:
        context = making.Context(
            app=app,
            output=folder / OUTPUT,
            installed=folder / "dependencies",
            scratch=scratch,
            shell=shell,
            digests=cache.Digests(folder / "digests.json"),
            use_cache=use_cache,
            container=container,
            engine=engine,
            run=run,
        )
        limit = asyncio.Semaphore(jobs or os.cpu_count() or 1)

        async def function(one: Function) -> tuple[Artifact, ...]:
            async with limit:
                make = functools.partial(making.function, context, one)
                return await _made(one.name, make, context, report)

        async def layer(one: Layer) -> tuple[Artifact, ...]:
            async with limit:
                make = functools.partial(making.layer, context, one)
                return await _made(one.name, make, context, report)

        try:
            made = await asyncio.gather(
                *map(function, functions), *map(layer, layers), return_exceptions=True
            )
        finally:
            for running in commands:
                running.cancel()
        context.digests.save()
    found: dict[tuple[str, bool], Artifact] = {}
    for result in made:
        if isinstance(result, BaseException):
            continue
        for artifact in result:
            found.setdefault((artifact.name, artifact.kind == "layer"), artifact)
    for result in made:
        if isinstance(result, BaseException):
            raise result
    artifacts = sorted(found.values(), key=_order(app))
    return Built(tuple(artifacts), sizes.check(app, artifacts))


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
                else dataclasses.replace(before, path=artifact.path)
            )
        else:
            functions[artifact.name] = _with(functions[artifact.name], artifact)
    return dataclasses.replace(app, functions=functions, layers=layers)


def _with(function: Function, artifact: Artifact) -> Function:
    code = function.code
    if artifact.image is not None:
        code = dataclasses.replace(code, kind="image", image=artifact.image)
    else:
        code = Code("zip", artifact.path)
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


async def _made(
    name: str,
    make: Callable[[Work], tuple[Artifact, ...]],
    context: making.Context,
    report: Report | None,
) -> tuple[Artifact, ...]:
    """One function with the layer that is split off it, or one layer. Every failure is reported."""
    begun = time.monotonic()
    if report is not None:
        report.started(name)

    def tell(line: str) -> None:
        if report is not None:
            report.line(name, line)

    work = Work(context.installed, context.scratch, context.shell, tell)
    try:
        made = await asyncio.to_thread(make, work)
    except asyncio.CancelledError:
        # The thread waits for its tools, and Python for its threads.
        work.children.end()
        raise
    except OSError as error:
        raise _reported(name, _unreadable(name, error), report) from error
    except LambdactlError as error:
        raise _reported(name, error, report) from None
    seconds = time.monotonic() - begun
    made = tuple(dataclasses.replace(artifact, seconds=seconds) for artifact in made)
    if report is not None:
        for artifact in made:
            report.finished(artifact)
    return made


def _unreadable(name: str, error: OSError) -> LambdactlError:
    about = f"{error.filename}: " if error.filename else ""
    return UserError(f"can't build {name}: {about}{(error.strerror or str(error)).lower()}")


def _reported(name: str, error: LambdactlError, report: Report | None) -> LambdactlError:
    if report is not None:
        report.failed(name, error)
    return error
