"""How a function is started in a container: its image, its folders, its variables."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from lambdactl.errors import EnvironmentStartError, EnvironmentStoppedError, LambdactlError
from lambdactl.execution import debugging
from lambdactl.execution.containers import arguments, images, keeper, labels, network, runs
from lambdactl.execution.containers import engine as engines
from lambdactl.execution.containers.images import Image
from lambdactl.execution.containers.network import HOST_NAME, Reach
from lambdactl.execution.containers.plain import PlainSandbox
from lambdactl.execution.containers.sandbox import ContainerSandbox, ContainerSpec
from lambdactl.execution.containers.settings import ContainerSettings, Progress
from lambdactl.execution.failures import Exit
from lambdactl.execution.variables import log_stream, variables
from lambdactl.manifest.model import Function

TASK, OPT = "/var/task", "/opt"
FILES = "/var/lambdactl"
"""Where a function sees the files that variables of ours lead to, whoever it runs as."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class ContainerLaunch:
    """A function made ready to run in containers of ``image``.

    :ivar folders: the identity of each folder that is bound: a folder that was replaced under the
        same name is another one, which a started container does not see.
    :ivar files: more that is bound: path on this machine, path in the container.
    """

    function: Function
    engine: engines.Engine = field(compare=False)
    image: Image
    reach: Reach
    command: tuple[str, ...]
    task: Path | None
    opt: Path | None
    work: Path
    user: str
    folders: tuple[tuple[int, int], ...]
    arguments: arguments.Arguments
    debug_port: int | None = None
    debugger: debugging.Debugging = field(default_factory=debugging.Debugging)
    files: Mapping[str, str] = field(default_factory=dict)
    has_shell: bool = True
    warning: str | None = None

    @property
    def can_stand_by(self) -> bool:
        """A keeper reads nothing of the function's. Two can't have the same debugger's port."""
        return self.debug_port is None

    def silence(self, how: Exit | None) -> str | None:
        """See :class:`~lambdactl.execution.sandbox.Launch`."""
        if self.task is not None:
            # AWS's own images: the reason is in the log.
            return None
        if how is None:
            return images.explain_silence(self.image)
        return images.explain_silent_exit(self.image, code=how.code)

    def sandbox(
        self,
        *,
        region: str,
        credentials: Mapping[str, str],
        now: float,
        standby: bool = False,
    ) -> ContainerSandbox | PlainSandbox:
        """See :class:`~lambdactl.execution.sandbox.Launch`."""
        function = self.function
        provided = (function.runtime or "").startswith("provided")
        values = variables(
            function,
            None,
            family="provided" if provided else "image",
            version="",
            region=region,
            stream=log_stream(now),
            credentials=credentials,
        )
        binds: dict[str, str] = {str(path): there for path, there in self.debugger.binds.items()}
        binds |= self.files
        if self.task is not None:
            binds[str(self.task)] = TASK
        if self.opt is not None:
            binds[str(self.opt)] = OPT
        made = ContainerSandbox if self.has_shell else PlainSandbox
        return made(
            ContainerSpec(
                engine=self.engine,
                image=self.image,
                reach=self.reach,
                command=self.command,
                variables={**values, **self.debugger.variables},
                binds=binds,
                work=self.work,
                labels=labels.labels(self.work, function.name),
                memory_mb=function.memory_mb
                + (debugging.MEMORY_MB if self.debug_port is not None else 0),
                ephemeral_storage_mb=function.ephemeral_storage_mb,
                runtime_version=self._shown(),
                user=self.user,
                telemetry=not provided,
                port=self.debug_port,
                config=self.arguments.config,
                host_config=self.arguments.host_config,
            )
        )

    def _shown(self) -> str:
        image = self.image.reference
        return f"{self.function.runtime} ({image})" if self.function.runtime else image


class Containers:
    """The engine, as one invoker uses it: found with the first function that needs it.

    :param work: the invoker's folder, whose life is that of all that is started.
    :param tell: takes what the user should know. Called in any thread.
    """

    def __init__(
        self,
        settings: ContainerSettings,
        *,
        shell: Mapping[str, str],
        root: Path,
        work: Path,
        tell: Callable[[str], None],
        progress: Progress | None,
        debug_port: debugging.Ports | None,
    ) -> None:
        self._settings = settings
        self._shell = shell
        self._root = root
        self._work = work
        self._tell = tell
        self._progress = progress
        self._debug_port = debug_port
        self._engine: engines.Engine | None = None
        self._connecting = threading.Lock()
        self._lock = threading.Lock()
        """Of the engine that was found, and of the end: whoever looks for it takes his time."""
        self._closed = False
        self._sweeping: threading.Thread | None = None

    def prepare(
        self,
        function: Function,
        task: Path | None,
        opt: Path | None,
        more: Mapping[str, str] | None = None,
    ) -> ContainerLaunch:
        """Have ``function``'s image and say how it is started. Blocks, for minutes perhaps.

        :param task: the folder with its code, unpacked; None for an image.
        :param opt: its merged layers.
        :param more: variables for a function that has not set them itself. Files that they lead to
            are shown to it.
        :raises EngineError: there is no engine, or no image.
        :raises BuildError: the build of its Dockerfile failed.
        :raises UserError: an option, or the manifest, can't be followed.
        :raises EnvironmentStoppedError: :meth:`close` came first.
        """
        engine = self._connected(function.name)
        image = images.find(
            engine,
            function,
            root=self._root,
            settings=self._settings,
            tell=self._tell,
            progress=self._progress,
            owner=self._work,
        )
        reach = network.reach(engine, self._settings)
        debugger = debugging.Debugging()
        port = debugging.port_of(self._debug_port, function.name)
        if port is not None:
            # A container without a network of its own needs no port published, nor more than ours.
            local = {"host": debugging.LOCALHOST} if reach.network_mode == "host" else {}
            debugger = debugging.in_container(function, port, **local)
        self._warn_of_loopback(function)
        more = more or {}
        files = {path: f"{FILES}/{Path(path).name}" for path in more.values() if _is_file(path)}
        if task is None and not engine.shares_kernel:
            # It may be anywhere, and see no file of ours.
            more, files = {name: value for name, value in more.items() if value not in files}, {}
        more = {name: files.get(value, value) for name, value in more.items()}
        function = dataclasses.replace(function, environment={**more, **function.environment})
        bound = [path for path in (task, opt) if path is not None]
        return ContainerLaunch(
            function=function,
            engine=engine,
            image=image,
            reach=reach,
            command=_command(function, image, task, opt),
            task=task,
            opt=opt,
            work=self._work,
            user=_user(engine, task),
            folders=tuple((stat.st_dev, stat.st_ino) for stat in map(os.stat, bound)),
            arguments=arguments.parse(self._settings.docker_args),
            has_shell=keeper.fits(engine, image, labels.labels(self._work, function.name)),
            debug_port=port,
            debugger=debugger,
            files=files,
        )

    def close(self) -> None:
        """Remove what is still there of ours, and wait for what is being removed. Blocks."""
        images.stop(self._work)
        with self._lock:
            self._closed = True
            engine, sweeping = self._engine, self._sweeping
        if engine is None:
            return
        if sweeping is not None:
            sweeping.join()
        # What an engine that is gone still has of ours, the next lambdactl sweeps.
        with contextlib.suppress(LambdactlError):
            labels.remove_owned(engine, self._work)
        engines.close(engine)

    def _connected(self, name: str) -> engines.Engine:
        with self._connecting:
            if self._engine is None:
                engine = engines.connect(self._shell)
                with self._lock:
                    if self._closed:
                        engines.close(engine)
                        raise EnvironmentStoppedError(f"{name} was stopped before it ran")
                    self._engine = engine
                    # What a lambdactl that was killed has left. Nobody waits for it.
                    self._sweeping = threading.Thread(target=_sweep, args=(engine,), daemon=True)
                    self._sweeping.start()
            return self._engine

    def _warn_of_loopback(self, function: Function) -> None:
        # Once: a save must not repeat what is known.
        tell = runs.of(self._work).once(self._tell)
        for name, value in function.environment.items():
            if not name.startswith("AWS_ENDPOINT_URL"):
                continue
            host = urlsplit(value).hostname
            if host in _LOOPBACK and self._settings.network != "host":
                there = value.replace(host, HOST_NAME, 1)
                tell(
                    f"{function.name}: in a container {name}={value} is the container itself; "
                    f"for this machine: {name}={there}"
                )


def _sweep(engine: engines.Engine) -> None:
    # An engine that is gone meanwhile is met by whoever starts a container.
    with contextlib.suppress(LambdactlError):
        labels.sweep(engine)


def _is_file(path: str) -> bool:
    return Path(path).is_absolute() and Path(path).is_file()


def _user(engine: engines.Engine, task: Path | None) -> str:
    """Whoever owns the code, so that it can be read without any privilege. (On Lambda it is a user
    of its own, never root.)"""
    if task is None or engine.maps_users or not engine.shares_kernel:
        return ""
    owner = task.stat()
    return f"{owner.st_uid}:{owner.st_gid}"


def _command(
    function: Function, image: Image, task: Path | None, opt: Path | None
) -> tuple[str, ...]:
    """Entrypoint and arguments. AWS's images take the handler as their argument
    (https://docs.aws.amazon.com/lambda/latest/dg/python-image.html).

    An OS-only runtime's entrypoint looks for a bootstrap in the image alone; Lambda starts the one
    of the code or of a layer (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html).
    """
    if task is None:
        return (*image.entrypoint, *image.command)
    if not (function.runtime or "").startswith("provided"):
        return (*image.entrypoint, function.handler or "")
    for folder, there in ((task, TASK), (opt, OPT)):
        if folder is not None and (folder / "bootstrap").is_file():
            if not os.access(folder / "bootstrap", os.X_OK):
                raise EnvironmentStartError(
                    f"Runtime.InvalidEntrypoint: {folder / 'bootstrap'} is not executable",
                    hint=f"chmod +x {folder / 'bootstrap'}",
                )
            return (f"{there}/bootstrap",)
    raise EnvironmentStartError(
        f"Runtime.InvalidEntrypoint: {function.name} has no executable `bootstrap`",
        hint=f"looked for {' and '.join(f'{path}/bootstrap' for path in (task, opt) if path)}",
    )
