"""How each function of an app is started: found out once, until the function is reloaded."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lambdactl.errors import EnvironmentStoppedError, LambdactlError
from lambdactl.execution import debugging, runtimes, unpacked
from lambdactl.execution.containers.settings import ContainerSettings, Progress
from lambdactl.execution.memory import sweep_cgroups
from lambdactl.execution.sandbox import Launch
from lambdactl.execution.tasks import finished, keep
from lambdactl.execution.work import WorkFolder, remove_tree, sweep
from lambdactl.manifest.model import App, Function

if TYPE_CHECKING:
    from lambdactl.execution.containers.launch import Containers

T = TypeVar("T")


class Launches:
    """The launches of ``app``, and the folder in which they unpack what they need.

    :ivar app: says which functions there are; may be replaced.
    :ivar variables: environment variables for every function that has not set them itself.
    :param tell: takes what the user should know.
    """

    def __init__(
        self,
        app: App,
        *,
        shell: Mapping[str, str],
        strict: bool,
        tell: Callable[[str], None],
        containers: ContainerSettings,
        progress: Progress | None,
        debug_port: debugging.Ports | None,
    ) -> None:
        self.app = app
        self.variables: Mapping[str, str] = {}
        self._shell = shell
        self._strict = strict
        self._tell = tell
        self._settings = containers
        self._progress = progress
        self._debug_port = debug_port
        self._known: dict[str, Launch] = {}
        self._generations: dict[str, int] = {}
        """How often each function has been reloaded."""
        self._making: dict[tuple[str, int], asyncio.Future[Launch]] = {}
        self._work: WorkFolder | None = None
        self._containers: Containers | None = None
        self._lock = threading.Lock()
        """Of the two above: several threads may be the first to need an engine, or too late."""
        self._clearing: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def generation(self, name: str) -> int:
        """How often ``name`` has been reloaded."""
        return self._generations.get(name, 0)

    def renew(self, name: str) -> int:
        """What is on the disk has changed: find out anew. Returns the generation."""
        self._generations[name] = self.generation(name) + 1
        self._known.pop(name, None)
        return self._generations[name]

    def known(self, name: str) -> Launch | None:
        """The launch of ``name``, if it was found out."""
        return self._known.get(name)

    def get(self, function: Function) -> Launch:
        """How ``function`` is started.

        :raises LambdactlError: it can't be.
        """
        name = function.name
        if name not in self._known:
            self._known[name] = self._make(function, self._work_folder(), self._edition(name))
        return self._known[name]

    async def prepare(self, name: str) -> None:
        """See that :meth:`get` is quick, where to find out takes its time: an image to pull or to
        build, an archive to unpack, layers to download. Meanwhile others' requests go on.

        :raises EnvironmentStoppedError: :meth:`close` came first.
        :raises LambdactlError: it can't be started.
        """
        while name not in self._known and name in self.app.functions:
            function = self.app.functions[name]
            if not self._takes_time(function):
                return
            generation, work = self.generation(name), self._work_folder()
            try:
                launch = await asyncio.shield(self._in_the_making(function, generation, work))
            except LambdactlError:
                if self.generation(name) == generation:
                    raise
            else:
                self._check_open(name, work)
                if self.generation(name) == generation:
                    self._known[name] = launch

    def clear_away(self, used: Iterable[Launch]) -> None:
        """Remove unpacked code and merged layers that nothing runs on any more: after a day of
        saves they would fill the disk."""
        if self._work is None:
            return
        launches = [*self._known.values(), *used]
        kept = {path for launch in launches for path in (launch.task, launch.opt)}
        # Perhaps being made just now.
        current = {self._edition(name) for name in self.app.functions}
        for kind in ("code", "opt"):
            for folder in (self._work.path / kind).glob("[!.]*"):
                if folder not in kept and folder.name not in current:
                    keep(self._clearing, asyncio.to_thread(remove_tree, folder))

    async def close(self) -> None:
        """Remove every temporary folder, and containers that are left. Whoever still waits for a
        launch gets an error, and what its thread makes is nobody's."""
        for (name, _), making in self._making.items():
            if not making.done():
                making.set_exception(_stopped(name))
        with self._lock:
            work, self._work = self._work, None
            containers, self._containers = self._containers, None
        self._known.clear()
        await finished(self._clearing)
        if containers is not None:
            await _in_daemon(containers.close)
        if work is not None:
            work.close()
            # Beside the way of any call: what others that were killed have left.
            sweep()
            sweep_cgroups()

    def _in_the_making(
        self, function: Function, generation: int, work: Path
    ) -> asyncio.Future[Launch]:
        key = (function.name, generation)
        if key not in self._making:
            self._loop = asyncio.get_running_loop()
            make = functools.partial(self._make, function, work, self._edition(function.name))
            making = self._making[key] = _in_daemon(make)
            making.add_done_callback(lambda made: self._made(key, made))
        return self._making[key]

    def _made(self, key: tuple[str, int], made: asyncio.Future[Launch]) -> None:
        del self._making[key]
        # Whoever waited may be gone: asyncio would complain of an error that nobody took.
        if not made.cancelled():
            made.exception()

    def _takes_time(self, function: Function) -> bool:
        return (
            runtimes.contained(function)
            or function.code.kind == "zip"
            or unpacked.has_remote_layers(function, self.app)
            or unpacked.is_laid_out(function, self.app)
        )

    def _make(self, function: Function, work: Path, edition: str) -> Launch:
        """In a thread, where it takes its time.

        :param work: where it unpacks, under the name of this ``edition``.
        """
        refused = runtimes.unable(function)
        if refused is not None:
            raise refused
        task = unpacked.task(function, work / "code" / edition)
        opt = unpacked.opt(
            function, self.app, work / "opt" / edition, shell=self._shell, tell=self._say
        )
        launch: Launch
        if task is None or runtimes.contained(function):
            launch = self._engine(function.name, work).prepare(function, task, opt, self.variables)
        else:
            function = dataclasses.replace(
                function, environment={**self.variables, **function.environment}
            )
            launch = runtimes.prepare(
                function,
                task=task,
                opt=opt,
                root=self.app.root,
                work=work,
                shell=self._shell,
                strict=self._strict,
                debug_port=debugging.port_of(self._debug_port, function.name),
            )
        if launch.warning:
            self._say(launch.warning)
        return launch

    def _engine(self, name: str, work: Path) -> Containers:
        from lambdactl.execution.containers.launch import Containers

        with self._lock:
            # Nobody would close what is opened after the end.
            self._check_open(name, work)
            if self._containers is None:
                self._containers = Containers(
                    self._settings,
                    shell=self._shell,
                    root=self.app.root,
                    work=work,
                    tell=self._say,
                    progress=self._progress,
                    debug_port=self._debug_port,
                )
            return self._containers

    def _check_open(self, name: str, work: Path) -> None:
        """:raises EnvironmentStoppedError: ``work`` was given up by :meth:`close`."""
        if self._work is None or self._work.path != work:
            raise _stopped(name)

    def _say(self, message: str) -> None:
        """Tell the user, in the event loop."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            assert self._loop is not None
            # A loop that is closed has nobody left to tell it to.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._tell, message)
        else:
            self._tell(message)

    def _edition(self, name: str) -> str:
        """A folder's name for this reading of a function's files: what runs still uses the last."""
        generation = self.generation(name)
        return f"{name}.{generation}" if generation else name

    def _work_folder(self) -> Path:
        if self._work is None:
            self._work = WorkFolder()
        return self._work.path


def _stopped(name: str) -> EnvironmentStoppedError:
    return EnvironmentStoppedError(f"{name} was stopped before it ran")


def _in_daemon(call: Callable[[], T]) -> asyncio.Future[T]:
    """What ``call`` returns. A thread that nobody waits for at the end: a pull can take minutes,
    and Ctrl-C must not."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(work: Callable[[], None]) -> None:
        if not future.done():
            work()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:
            work = functools.partial(future.set_exception, error)
        else:
            work = functools.partial(future.set_result, result)
        try:
            loop.call_soon_threadsafe(settle, work)
        except RuntimeError:
            # The loop was closed meanwhile: nobody waits any more.
            return

    threading.Thread(target=run, name="lambdactl-launch", daemon=True).start()
    return future
