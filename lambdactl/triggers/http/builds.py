"""Builds of functions while they are served: when to run one, and when what it writes is no reason
to run it again.

A build writes files, perhaps among its own sources. A change that comes while it runs may be its
own work or a save of the user's, which nobody can tell. So it runs again; what changes in several
builds in a row is taken for its work.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lambdactl.artifacts import building
from lambdactl.manifest.features import Build
from lambdactl.manifest.model import App, Function, Layer
from lambdactl.triggers.http import artifact_builds
from lambdactl.triggers.http.artifact_builds import Artifacts

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_OWN_WORK = 3
"""A file that changes in this many builds in a row is written by the build."""
_MOST = 5
_GRACE_S = 0.2
"""Deletions are told of a moment late."""

_ARTIFACT = "an artifact"
"""No command of anybody's."""

Key = tuple[Path, tuple[str, ...]]
Done = Callable[["Job", Exception | None, float], Awaitable[None]]


def key_of(build: Build) -> Key:
    """Functions whose builds are the same share one run."""
    return build.folder, build.commands


def outputs_of(app: App, function: Function) -> list[Path]:
    """The folders and files that the builds of a function and its layers write, where those are
    apart from their sources."""
    made = [(layer.commands, layer.path) for layer in layers_of(app, function)]
    if function.code.path is not None:
        made.append((function.commands, function.code.path))
    found = [
        build.output or path
        for build, path in made
        if build is not None and (build.output is not None or path != build.folder)
    ]
    return list(dict.fromkeys(found))


def layers_of(app: App, function: Function) -> list[Layer]:
    """Those of its layers that are of this manifest."""
    return [app.layers[name] for name in function.layers if name in app.layers]


def layer_sources(app: App, function: Function) -> list[Path]:
    """What there is to watch of its layers."""
    found = []
    for layer in layers_of(app, function):
        if layer.commands is not None:
            found += sources_of(layer.commands)
        else:
            found.append(layer.build.folder if layer.build is not None else layer.path)
    return found


def built_before(app: App, names: Iterable[str]) -> bool:
    """Whether there is code from an earlier build for any of ``names``."""
    paths = (app.functions[name].code.path for name in names if name in app.functions)
    return any(path is not None and path.exists() for path in paths)


def sources_of(build: Build) -> list[Path]:
    """What there is to watch for a build: files and folders, without the patterns' wildcards."""
    if not build.watch:
        return [build.folder]
    roots = []
    for pattern in build.watch:
        parts = Path(pattern).parts
        fixed = next((i for i, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
        roots.append(build.folder.joinpath(*parts[:fixed]))
    return roots


class Job:
    """The build of one or more functions.

    :param run: what there is to do.
    :param roots: what there is to watch beside the sources of ``build``.
    :param done: called after each run, with None or the error, and seconds; what it returns is
        awaited before the next run.
    """

    def __init__(
        self,
        build: Build,
        names: Iterable[str],
        outputs: Iterable[Path],
        done: Done,
        *,
        run: Callable[[], Awaitable[object]],
        roots: Iterable[Path] = (),
    ) -> None:
        self.build = build
        self.names = tuple(names)
        self.outputs = tuple(outputs)
        self.roots = tuple(dict.fromkeys((*sources_of(build), *roots)))
        self._build = run
        self._done = done
        self._patterns = _patterns(build)
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._during: set[Path] = set()
        self._streak: Counter[Path] = Counter()
        self._rounds = 0
        self._own_work: set[Path] = set()
        self._ended = 0.0

    def is_like(self, other: Job) -> bool:
        """Whether both build the same for the same functions."""
        return (self.build, self.names, self.outputs, self.roots) == (
            *(other.build, other.names),
            *(other.outputs, other.roots),
        )

    def concerns(self, path: Path) -> bool:
        """Whether ``path`` is a source of this build."""
        if not path.is_relative_to(self.build.folder):
            # What a pattern with `..` or a link leads to was asked for.
            return True
        if any(path.is_relative_to(output) for output in self.outputs):
            return False
        if self._patterns is None:
            return True
        relative = path.relative_to(self.build.folder).as_posix()
        return self._patterns.match_file(relative)

    def changed(self, path: Path) -> None:
        """A source was saved."""
        if self._task is not None:
            self._during.add(path)
            return
        if path in self._own_work:
            if time.monotonic() - self._ended < _GRACE_S:
                return
            # No build ran, so this was somebody else.
            self._own_work.discard(path)
        self.start()

    def start(self) -> None:
        """Build now, or again when the build that runs is through."""
        if self._task is not None:
            self._again = True
            return
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while True:
            self._again = False
            self._during.clear()
            error, seconds = await _timed(self._build)
            self._ended = time.monotonic()
            await self._done(self, error, seconds)
            if not self._again and not self._was_meddled_with():
                break
        self._task = None

    def _was_meddled_with(self) -> bool:
        """Whether sources changed while it ran, by somebody else as far as we know."""
        self._streak.update(self._during)
        self._own_work |= {path for path in self._during if self._streak[path] >= _OWN_WORK}
        if self._during <= self._own_work or self._rounds >= _MOST:
            self._streak.clear()
            self._rounds = 0
            return False
        self._rounds += 1
        return True


def jobs_of(
    app: App,
    done: Done,
    artifacts: Artifacts | None = None,
    rebuild: Callable[[Collection[str]], Awaitable[object]] | None = None,
) -> dict[Key, Job]:
    """The builds of an app's functions.

    :param artifacts: knows which functions run from artifacts.
    :param rebuild: makes the artifacts of functions anew.
    """
    jobs = {}
    for key, (build, functions) in _commands(app, artifacts).items():
        names = [function.name for function in functions]
        outputs = _all(outputs_of(app, function) for function in functions)
        jobs[key] = Job(build, names, outputs, done, run=partial(building.run, build))
    if artifacts is None or rebuild is None:
        return jobs
    for key, (build, functions) in _artifacts(app, artifacts).items():
        names = [function.name for function in functions]
        jobs[key] = Job(
            build,
            names,
            _all(outputs_of(app, function) for function in functions),
            done,
            run=partial(rebuild, names),
            roots=_all(
                (*artifact_builds.project_files(app, function), *layer_sources(app, function))
                for function in functions
            ),
        )
    return jobs


async def build_all(
    app: App,
    failed: Callable[[tuple[str, ...], Exception], None],
    artifacts: Artifacts | None = None,
) -> None:
    """Run every build of ``app`` once, before it is served; as many at a time as there are. What
    runs from its artifact is not built here.

    :param failed: told of the functions of a build that failed, and why.
    """

    async def one(build: Build, functions: list[Function]) -> None:
        error, _ = await _timed(partial(building.run, build))
        if error is not None:
            failed(tuple(function.name for function in functions), error)

    await asyncio.gather(*(one(*shared) for shared in _commands(app, artifacts).values()))


def _commands(app: App, artifacts: Artifacts | None) -> dict[Key, tuple[Build, list[Function]]]:
    """Each build that runs commands, and the functions that share it."""
    found: dict[Key, tuple[Build, list[Function]]] = {}
    for function in app.functions.values():
        if artifacts is not None and artifacts.has(app, function):
            continue
        layers = (layer.commands for layer in layers_of(app, function))
        for build in (function.commands, *layers):
            if build is not None:
                found.setdefault(key_of(build), (build, []))[1].append(function)
    return found


def _artifacts(app: App, artifacts: Artifacts) -> dict[Key, tuple[Build, list[Function]]]:
    """What artifacts are made of, and the functions that share it."""
    found: dict[Key, tuple[Build, list[Function]]] = {}
    for function in app.functions.values():
        if artifacts.has(app, function):
            build = artifact_builds.build_of(function)
            key = (build.folder, (_ARTIFACT, *build.commands, *build.watch))
            found.setdefault(key, (build, []))[1].append(function)
    return found


def _all(paths: Iterable[Iterable[Path]]) -> list[Path]:
    return list(dict.fromkeys(path for some in paths for path in some))


async def _timed(run: Callable[[], Awaitable[object]]) -> tuple[Exception | None, float]:
    """Run a build: what went wrong, and seconds."""
    begun = time.monotonic()
    error: Exception | None = None
    try:
        await run()
    except Exception as problem:
        # A bug of ours, too, is told and does not end the watch over the sources.
        error = problem
    return error, time.monotonic() - begun


def _patterns(build: Build) -> GitIgnoreSpec | None:
    if not build.watch:
        return None
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(f"/{pattern.removeprefix('./')}" for pattern in build.watch)
