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
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lambdactl.artifacts import building
from lambdactl.manifest.features import Build
from lambdactl.manifest.model import App, Function

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_OWN_WORK = 3
"""A file that changes in this many builds in a row is written by the build."""
_MOST = 5
_GRACE_S = 0.2
"""Deletions are told of a moment late."""

Key = tuple[Path, tuple[str, ...]]


def key_of(build: Build) -> Key:
    """Functions whose builds are the same share one run."""
    return build.folder, build.commands


def output_of(function: Function) -> Path | None:
    """The folder or file that a function's build writes, where that is apart from its sources."""
    build = function.commands
    if build is None:
        return None
    if build.output is not None:
        return build.output
    return None if function.code.path == build.folder else function.code.path


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

    :param done: called after each run, with None or the error, and seconds; what it returns is
        awaited before the next run.
    """

    def __init__(
        self,
        build: Build,
        names: Iterable[str],
        outputs: Iterable[Path],
        done: Callable[[Job, Exception | None, float], Awaitable[None]],
    ) -> None:
        self.build = build
        self.names = tuple(names)
        self.outputs = tuple(outputs)
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
        return (self.build, self.names, self.outputs) == (other.build, other.names, other.outputs)

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
            error, seconds = await _timed(self.build)
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
    app: App, done: Callable[[Job, Exception | None, float], Awaitable[None]]
) -> dict[Key, Job]:
    """The builds of an app's functions."""
    jobs = {}
    for key, (build, functions) in _builds(app).items():
        outputs = [path for path in map(output_of, functions) if path is not None]
        jobs[key] = Job(build, [function.name for function in functions], outputs, done)
    return jobs


async def build_all(app: App, failed: Callable[[tuple[str, ...], Exception], None]) -> None:
    """Run every build of ``app`` once, before it is served; as many at a time as there are.

    :param failed: told of the functions of a build that failed, and why.
    """

    async def one(build: Build, functions: list[Function]) -> None:
        error, _ = await _timed(build)
        if error is not None:
            failed(tuple(function.name for function in functions), error)

    await asyncio.gather(*(one(*shared) for shared in _builds(app).values()))


def _builds(app: App) -> dict[Key, tuple[Build, list[Function]]]:
    """Each build, and the functions that share it."""
    found: dict[Key, tuple[Build, list[Function]]] = {}
    for function in app.functions.values():
        build = function.commands
        if build is not None:
            found.setdefault(key_of(build), (build, []))[1].append(function)
    return found


async def _timed(build: Build) -> tuple[Exception | None, float]:
    """Run ``build``: what went wrong, and seconds."""
    begun = time.monotonic()
    error: Exception | None = None
    try:
        await building.run(build)
    except Exception as problem:
        # A bug of ours, too, is told and does not end the watch over the sources.
        error = problem
    return error, time.monotonic() - begun


def _patterns(build: Build) -> GitIgnoreSpec | None:
    if not build.watch:
        return None
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(f"/{pattern.removeprefix('./')}" for pattern in build.watch)
