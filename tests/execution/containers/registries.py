"""A registry of our own, and images to put there."""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lambdactl.execution.containers.engine import Engine
from tests.parts import need


class Registry:
    """Debian's ``docker-registry`` on a free port. Engines take one of 127.0.0.1 without TLS."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._program = need("docker_registry")
        self._folder = folder
        self._engine = engine
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        settings = self._folder / "registry.yml"
        settings.write_text(
            "version: 0.1\n"
            "log: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {self._folder / 'data'}}}}}\n"
            f"http: {{addr: '127.0.0.1:{self.port}'}}\n"
        )
        self._process = subprocess.Popen(
            [self._program, "serve", str(settings)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.05)
        raise AssertionError("the registry does not come up")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def push(self, name: str, content: str = "", **made: Any) -> str:
        """Put an image there under ``name``; returns its reference. The engine keeps none."""
        reference = f"{self.host}/{name}"
        make(self._engine, reference, content, **made)
        for event in self._engine.client.push(reference, stream=True, decode=True):
            assert "error" not in event, event
        remove(self._engine, reference)
        return reference


def make(
    engine: Engine,
    reference: str,
    content: str = "",
    *,
    config: tuple[str, ...] = ('ENTRYPOINT ["/bootstrap"]', 'CMD ["app.handler"]'),
    architecture: str = "amd64",
) -> str:
    """An image of one small file, made on the engine; returns its id."""
    dockerfile = "\n".join(("FROM scratch", "COPY content /content", *config))
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, text in (("Dockerfile", dockerfile), ("content", content)):
            data = text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    context.seek(0)
    for event in engine.client.build(
        fileobj=context,
        custom_context=True,
        tag=reference,
        platform=f"linux/{architecture}",
        rm=True,
        decode=True,
    ):
        assert "error" not in event, event
    return str(engine.client.inspect_image(reference)["Id"])


def remove(engine: Engine, reference: str) -> None:
    """Take an image away, with its name by digest if it has one."""
    import docker.errors

    with contextlib.suppress(docker.errors.ImageNotFound):
        engine.client.remove_image(str(engine.client.inspect_image(reference)["Id"]), force=True)


@contextlib.contextmanager
def unique(engine: Engine) -> Iterator[str]:
    """A name that nobody else uses; what has it at the end is removed."""
    name = f"lambdactl-tests/{uuid.uuid4().hex[:12]}"
    try:
        yield name
    finally:
        for image in engine.client.images():
            names = (*(image["RepoTags"] or ()), *(image["RepoDigests"] or ()))
            if any(name in known for known in names):
                remove(engine, image["Id"])


class Seen:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.layers: list[tuple[str, str, int, int]] = []
        self.images: list[str] = []
        self.given: list[str] = []
        self.lines: list[str] = []

    def pulling(self, image: str, layer: str, done: int, total: int) -> None:
        self.layers.append((image, layer, done, total))

    def pulled(self, image: str) -> None:
        self.images.append(image)

    def given_up(self, image: str) -> None:
        self.given.append(image)

    def building(self, function: str, line: str) -> None:
        self.lines.append(line)
