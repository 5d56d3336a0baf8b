"""The container engine of a build: see :mod:`lambdactl.artifacts.contained_engine`."""

from __future__ import annotations

import codecs
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lambdactl.artifacts.contained import uses_loopback
from lambdactl.artifacts.contained_engine import Bind, BuiltImage
from lambdactl.errors import EngineError, EnvironmentStoppedError, LambdactlError
from lambdactl.execution.containers import arguments, images, labels, network
from lambdactl.execution.containers import engine as engines
from lambdactl.execution.containers.explaining import explained
from lambdactl.execution.containers.settings import ContainerSettings, Progress
from lambdactl.execution.work import WorkFolder
from lambdactl.manifest.model import Function


class Builds:
    """The engine, as one build uses it; made when the first container is needed.

    :param root: the manifest's folder.
    :param shell: the user's environment variables.
    :param tell: takes what the user should know. Called in any thread.
    :raises EngineError: there is no engine.
    """

    def __init__(
        self,
        settings: ContainerSettings,
        *,
        root: Path,
        shell: Mapping[str, str],
        tell: Callable[[str], None] = lambda message: None,
        progress: Progress | None = None,
    ) -> None:
        self._settings = settings
        self._root = root
        self._tell = tell
        self._progress = progress
        self._arguments = arguments.parse(settings.docker_args)
        self._engine = engines.connect(shell)
        # What is made in the engine is its owner's as long as this folder is locked.
        self._work = WorkFolder()
        self._closed = threading.Event()
        # What a lambdactl that was killed has left. Nobody waits for it but :meth:`close`.
        self._sweeping = threading.Thread(target=self._sweep, daemon=True)
        self._sweeping.start()

    def image(self, function: Function) -> BuiltImage:
        """See :class:`~lambdactl.artifacts.contained_engine.ContainerBuilds`."""
        found = images.find(
            self._engine,
            function,
            root=self._root,
            settings=self._settings,
            tell=self._tell,
            progress=self._progress,
            owner=self._work.path,
        )
        try:
            size = int(self._engine.client.inspect_image(found.id)["Size"])
        except Exception as error:
            raise explained(error, f"look at the image of {function.name}") from error
        return BuiltImage(found.reference, found.id, size, found.architecture)

    def run(
        self,
        image: BuiltImage,
        command: Sequence[str],
        *,
        name: str,
        binds: Sequence[Bind],
        environment: Mapping[str, str],
        folder: str,
        on_line: Callable[[str], None],
    ) -> int:
        """See :class:`~lambdactl.artifacts.contained_engine.ContainerBuilds`."""
        if self._engine.remote:
            raise EngineError(
                f"{name} can't be built in a container: the engine at {self._engine.url} is on "
                "another machine and does not see its files",
                hint="use an engine of this machine, or a Dockerfile: `code: {dockerfile: ...}`",
            )
        client = self._engine.client
        wanted = self._wanted(image, command, name, binds, environment, folder)
        container = ""
        try:
            container = str(client.create_container(**wanted)["Id"])
            if self._closed.is_set():
                raise EnvironmentStoppedError(f"the build of {name} was stopped")
            stream = client.attach(container, stream=True, logs=True)
            client.start(container)
            _lines(stream, on_line)
            status = int(client.wait(container)["StatusCode"])
        except LambdactlError:
            raise
        except Exception as error:
            if self._closed.is_set():
                raise EnvironmentStoppedError(f"the build of {name} was stopped") from None
            raise explained(error, f"build {name} in a container") from error
        finally:
            if container:
                with contextlib.suppress(Exception):
                    labels.remove_container(client, container)
        if self._closed.is_set():
            raise EnvironmentStoppedError(f"the build of {name} was stopped")
        return status

    def close(self) -> None:
        """See :class:`~lambdactl.artifacts.contained_engine.ContainerBuilds`."""
        if self._closed.is_set():
            return
        self._closed.set()
        images.stop(self._work.path)
        self._sweeping.join()
        # An engine that is gone has what the next lambdactl sweeps.
        with contextlib.suppress(LambdactlError):
            labels.remove_owned(self._engine, self._work.path)
        engines.close(self._engine)
        self._work.close()

    def _sweep(self) -> None:
        with contextlib.suppress(LambdactlError):
            labels.sweep(self._engine)

    def _wanted(
        self,
        image: BuiltImage,
        command: Sequence[str],
        name: str,
        binds: Sequence[Bind],
        environment: Mapping[str, str],
        folder: str,
    ) -> dict[str, Any]:
        from docker.types import HostConfig, Mount

        mode = self._settings.network
        if mode is None:
            # A registry on this machine's loopback can be reached from its own network only.
            shared = self._engine.shares_kernel and uses_loopback(environment)
            mode = "host" if shared else "bridge"
        hosts = network.reach(self._engine, self._settings).extra_hosts if mode != "host" else ()
        mounts = [
            Mount(
                target=bind.there,
                source=str(self._engine.outside(bind.here)),
                type="bind",
                read_only=not bind.writable,
            )
            for bind in binds
        ]
        host: dict[str, Any] = {
            **self._arguments.host_config,
            "network_mode": mode,
            "extra_hosts": [*hosts, *self._arguments.host_config.get("extra_hosts", [])],
            "mounts": [*mounts, *self._arguments.host_config.get("mounts", [])],
            "security_opt": ["no-new-privileges"],
        }
        config: dict[str, Any] = {
            **self._arguments.config,
            "image": image.id,
            "entrypoint": list(command),
            "command": [],
            "environment": {**environment, **self._arguments.config.get("environment", {})},
            "labels": labels.labels(self._work.path, name),
            "working_dir": folder,
            "host_config": HostConfig(version=self._engine.client.api_version, **host),
        }
        user = self._user(binds)
        if user is not None:
            config["user"] = user
        return config

    def _user(self, binds: Sequence[Bind]) -> str | None:
        """Whoever owns what is written, so that it is the user's own. Where the engine maps users
        that is its root."""
        if self._engine.maps_users:
            return "0:0"
        written = next((bind.here for bind in binds if bind.writable), None)
        if written is None:
            return None
        owner = written.stat()
        return f"{owner.st_uid}:{owner.st_gid}"


def _lines(stream: Any, on_line: Callable[[str], None]) -> None:
    """Hand on what a container prints, by the line."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    begun = ""
    for piece in stream:
        *lines, begun = (begun + decoder.decode(piece)).split("\n")
        for line in lines:
            on_line(line.rstrip("\r").rsplit("\r", 1)[-1])
    if begun:
        on_line(begun)
