"""Saves of files -> fresh environments, other routes, another build.

Knows which file belongs to what, and in which order things happen. What is told of a reload are
plain objects (:data:`Happening`), for a person or a script to read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from lambdactl.errors import LambdactlError
from lambdactl.execution.tasks import keep
from lambdactl.execution.watch import Change, Watch
from lambdactl.execution.watch_loop import attach
from lambdactl.execution.watch_sources import POLL_S
from lambdactl.manifest.model import App
from lambdactl.manifest.noted import noting
from lambdactl.manifest.routes import apis_of
from lambdactl.triggers.http import watch_plan
from lambdactl.triggers.http.artifact_builds import Artifacts
from lambdactl.triggers.http.builds import Job, Key, built_before, jobs_of
from lambdactl.triggers.http.watch_plan import Plan, is_artifact

PACE_S = 0.03
"""A first save is taken up at once; in a burst of them (a git checkout) one in this time."""


class Served(Protocol):
    """What is reloaded: a :class:`~lambdactl.triggers.http.serving.Serving`."""

    app: App

    async def reload_functions(self, names: Collection[str]) -> Collection[str]: ...

    async def reload_app(self, app: App) -> None: ...


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Fresh environments serve. ``path`` is what was saved (None: the user asked).

    :ivar waiting: those of ``functions`` that had no environment to replace: their next request
        starts one with the new code.
    """

    functions: tuple[str, ...]
    path: Path | None
    seconds: float
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rerouted:
    """Another reading of the manifest is in force."""

    path: Path | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Built:
    """A build is through; its functions are reloaded next."""

    functions: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """What was there before goes on being served. ``functions`` names those whose build failed; it
    is empty where the manifest is broken.

    :ivar bare: the functions have no code from an earlier build either.
    """

    error: Exception
    functions: tuple[str, ...] = ()
    bare: bool = False


Happening = Reloaded | Rerouted | Built | Failed


class Reading(NamedTuple):
    """What reading the manifest gave, and the files that were read for it."""

    app: App | None
    error: LambdactlError | None
    files: frozenset[Path]


def read(load: Callable[[], App]) -> Reading:
    """Read the manifest with ``load``, as far as its routes."""
    with noting() as files:
        try:
            app = load()
            apis = apis_of(app)
        except LambdactlError as error:
            return Reading(None, error, frozenset(files))
    for api in apis:
        for route in api.routes:
            keys = route.authorizer.keys if route.authorizer is not None else None
            if keys is not None and "://" not in keys:
                files.add(app.root / keys)
    return Reading(app, None, frozenset(files))


class Reloading:
    """Keeps ``served`` up to date from :meth:`start` to :meth:`close`.

    :param load: reads the manifest; called in a thread.
    :param happened: takes what there is to tell, in the event loop.
    :param apart: files that only the manifest is made of, though they may lie beside code.
    """

    def __init__(
        self,
        served: Served,
        load: Callable[[], App],
        *,
        happened: Callable[[Happening], None],
        warn: Callable[[str], None],
        apart: Collection[Path] = (),
        artifacts: Artifacts | None = None,
        polling: bool = False,
        poll_s: float = POLL_S,
    ) -> None:
        self._served = served
        self._artifacts = artifacts
        self._source = served.app
        self._others: set[str] = set()
        """Functions whose artifacts have become others in the build that is through."""
        self._load = load
        self._happened = happened
        self._warn = warn
        self._apart = tuple(path.absolute() for path in apart)
        self._polling = polling
        self._poll_s = poll_s
        self._files: frozenset[Path] = frozenset()
        self._jobs: dict[Key, Job] = {}
        self._watch: Watch | None = None
        self._plan: Plan | None = None
        self._detach: Callable[[], None] = lambda: None
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted: dict[str, Path | None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._last = float("-inf")
        self._rounds: dict[str, int] = {}
        self._reading = False
        self._read_again = False
        self._closed = False

    async def start(self, reading: Reading) -> None:
        """Begin to watch what ``reading`` says the app is made of."""
        self._files = reading.files
        self._source = reading.app or self._source
        self._jobs = self._jobs_of(self._source)
        self._exchange(await self._prepared(self._source, self._files, self._jobs))

    def reload_all(self) -> None:
        """Read the manifest again, build what is built, and give every function fresh
        environments."""
        self._reread(None)
        for job in self._jobs.values():
            job.start()
        self._reload(
            dict.fromkeys(
                name
                for name, one in self._source.functions.items()
                if one.commands is None and not is_artifact(self._source, name, self._artifacts)
            )
        )

    async def close(self) -> None:
        self._closed = True
        self._detach()
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*(job.close() for job in self._jobs.values()))
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._watch is not None:
            self._watch.close()

    # what changed

    def _changed(self, changes: Iterable[Change]) -> None:
        assert self._plan is not None
        wanted: dict[str, Path | None] = {}
        for root, path in changes:
            if root in self._files:
                self._reread(path)
            wanted.update(dict.fromkeys(self._plan.code.get(root, ()), path))
            for key in self._plan.sources.get(root, ()):
                job = self._jobs.get(key)
                if job is not None and job.concerns(path):
                    job.changed(path)
        self._reload(wanted)

    def _pump(self) -> None:
        """Take up what the watch knows by now."""
        if self._watch is not None and self._plan is not None:
            self._changed(self._watch.changes())

    # functions

    def _reload(self, wanted: dict[str, Path | None]) -> None:
        self._wanted.update(wanted)
        if not self._wanted or self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        wait = self._last + PACE_S - loop.time()
        if wait <= 0:
            self._go()
        else:
            self._timer = loop.call_later(wait, self._go)

    def _go(self) -> None:
        self._timer = None
        self._last = asyncio.get_running_loop().time()
        wanted, self._wanted = self._wanted, {}
        wanted = {name: at for name, at in wanted.items() if name in self._served.app.functions}
        if wanted:
            keep(self._tasks, self._replace(wanted))

    async def _replace(self, wanted: dict[str, Path | None]) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        rounds = {name: self._rounds.get(name, 0) + 1 for name in wanted}
        self._rounds.update(rounds)
        try:
            fresh = await self._served.reload_functions(list(wanted))
        except Exception as error:
            self._happened(Failed(error, tuple(wanted)))
            return
        # Of a function that was saved again meanwhile the later reload tells.
        done = tuple(name for name in wanted if self._rounds[name] == rounds[name])
        if done:
            waiting = tuple(name for name in done if name not in fresh)
            self._happened(Reloaded(done, wanted[done[0]], loop.time() - begun, waiting))

    # builds

    async def _built(self, job: Job, error: Exception | None, seconds: float) -> None:
        # What the build has written is known before it counts as ended.
        self._pump()
        if error is not None:
            self._failed(job.names, error)
            return
        names = job.names
        if any(is_artifact(self._source, name, self._artifacts) for name in names):
            names = tuple(name for name in names if name in self._others)
            self._others.difference_update(names)
        if names:
            self._happened(Built(names, seconds))
            self._reload(dict.fromkeys(names))

    def _jobs_of(self, app: App) -> dict[Key, Job]:
        return jobs_of(app, self._built, self._artifacts, self._rebuild)

    async def _rebuild(self, names: Collection[str]) -> None:
        """Make the artifacts of functions anew, and serve from them."""
        assert self._artifacts is not None
        app, others = await self._artifacts.again(self._source, lambda: self._served.app, names)
        self._others |= others
        if app != self._served.app:
            await self._served.reload_app(app)

    # the manifest

    def _reread(self, path: Path | None) -> None:
        self._read_again = True
        if not self._reading:
            self._reading = True
            keep(self._tasks, self._read(path))

    async def _read(self, path: Path | None) -> None:
        try:
            while self._read_again:
                self._read_again = False
                try:
                    await self._read_once(path)
                except Exception as error:
                    self._happened(Failed(error))
        finally:
            self._reading = False

    async def _read_once(self, path: Path | None) -> None:
        begun = asyncio.get_running_loop().time()
        reading = await asyncio.to_thread(read, self._load)
        if self._read_again:
            return
        if reading.app is not None:
            await self._take_over(reading.app, reading.files, path, begun)
        else:
            assert reading.error is not None
            await self._keep_on(reading.error, reading.files)

    async def _take_over(
        self, app: App, files: frozenset[Path], path: Path | None, begun: float
    ) -> None:
        jobs = self._jobs_of(app)
        # Watched before anything is started from it: no save falls between.
        fresh = await self._prepared(app, files, jobs)
        try:
            served = app
            if self._artifacts is not None:
                served = await self._artifacts.applied(app, self._failed, self._served.app)
            await self._served.reload_app(served)
        except LambdactlError as error:
            self._discard(fresh)
            await self._keep_on(error, files)
            return
        self._source = app
        self._files = files
        self._exchange(fresh)
        self._happened(Rerouted(path, asyncio.get_running_loop().time() - begun))
        await self._take_over_builds(jobs)

    async def _keep_on(self, error: LambdactlError, files: frozenset[Path]) -> None:
        """The last good manifest stays. Any of the files that were read may be what is mended."""
        self._happened(Failed(error))
        if not files <= self._files:
            self._files |= files
            self._exchange(await self._prepared(self._source, self._files, self._jobs))

    def _failed(self, names: tuple[str, ...], error: Exception) -> None:
        self._happened(Failed(error, names, self._is_bare(names)))

    def _is_bare(self, names: Collection[str]) -> bool:
        """Whether there is nothing from an earlier build to serve for any of ``names``."""
        if self._artifacts is not None and any(map(self._artifacts.has_made, names)):
            return False
        if any(is_artifact(self._source, name, self._artifacts) for name in names):
            return True
        return not built_before(self._served.app, names)

    async def _take_over_builds(self, fresh: dict[Key, Job]) -> None:
        for key, job in fresh.items():
            known = self._jobs.pop(key, None)
            if known is not None and known.is_like(job):
                fresh[key] = known
                continue
            if known is not None:
                await known.close()
            job.start()
        old, self._jobs = self._jobs, fresh
        await asyncio.gather(*(job.close() for job in old.values()))

    # the watch

    async def _prepared(self, app: App, files: frozenset[Path], jobs: dict[Key, Job]) -> _Prepared:
        """A watch over what ``app`` is made of, which nobody listens to yet."""
        plan = watch_plan.plan(app, files, jobs, self._artifacts)
        if self._watch is not None and plan == self._plan:
            return _Prepared(plan, self._watch)
        watch = await asyncio.to_thread(
            Watch,
            plan.roots,
            keep=plan.keep,
            apart=self._apart,
            without=plan.without,
            polling=self._polling,
            poll_s=self._poll_s,
            warn=self._warn_in(asyncio.get_running_loop()),
        )
        return _Prepared(plan, watch)

    def _exchange(self, fresh: _Prepared) -> None:
        """Listen to another watch from now on."""
        if self._closed or fresh.watch is self._watch:
            self._discard(fresh)
            return
        before, self._watch = self._watch, fresh.watch
        self._detach()
        rest = before.changes() if before is not None else []
        if rest:
            self._changed(rest)
        self._plan = fresh.plan
        if before is not None:
            before.close()
        self._detach = attach(fresh.watch, asyncio.get_running_loop(), self._changed)

    def _discard(self, fresh: _Prepared) -> None:
        if fresh.watch is not self._watch:
            fresh.watch.close()

    def _warn_in(self, loop: asyncio.AbstractEventLoop) -> Callable[[str], None]:
        def warn(message: str) -> None:
            loop.call_soon_threadsafe(self._warn, message)

        return warn


class _Prepared(NamedTuple):
    plan: Plan
    watch: Watch
