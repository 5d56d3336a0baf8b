"""Small projects to build."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdactl import manifest
from lambdactl.artifacts import builds
from lambdactl.artifacts.builds import Built
from lambdactl.artifacts.model import Artifact
from lambdactl.errors import LambdactlError
from lambdactl.manifest.model import App
from tests import aio
from tests.artifacts.dependencies import wheels

HANDLER = "def handler(event, context):\n    return 'hello'\n"
WITH_WHEEL = "import one\ndef handler(event, context):\n    return one.VERSION\n"


@dataclass
class Heard:
    """What a build has reported."""

    events: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def started(self, name: str) -> None:
        self.events.append(("started", name))

    def line(self, name: str, text: str) -> None:
        self.lines.append(text)

    def finished(self, artifact: Artifact) -> None:
        self.events.append(("finished", artifact.name))

    def failed(self, name: str, error: LambdactlError) -> None:
        self.events.append(("failed", name))


@dataclass
class Project:
    """A folder with a manifest, and a folder of wheels beside it that is all of PyPI."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / ".lambdactl"

    @property
    def wheels(self) -> Path:
        return self.root.parent / "wheels"

    def put(self, files: Mapping[str, str]) -> Project:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return self

    def manifest(self, functions: Mapping[str, Any], **more: Any) -> Project:
        """Functions of Python 3.13 with ``app.handler`` in ``src``, if they don't say otherwise."""
        document = {
            "defaults": {"runtime": "python3.13", "code": "src"},
            "functions": {
                name: {"handler": "app.handler", **function} for name, function in functions.items()
            },
            **more,
        }
        # JSON is YAML.
        return self.put({"lambdactl.yaml": json.dumps(document)})

    def app(self) -> App:
        return manifest.load(self.root)

    def shell(self) -> dict[str, str]:
        return wheels.shell(self.wheels)

    async def start(self, *names: str, **options: Any) -> Built:
        options.setdefault("shell", self.shell())
        return await builds.build(self.app(), names, folder=self.folder, **options)

    def build(self, *names: str, **options: Any) -> Built:
        return aio.run(self.start(*names, **options))

    def cached(self, *names: str, **options: Any) -> dict[str, bool]:
        """Build; which artifacts were there already."""
        return {one.name: one.cached for one in self.build(*names, **options).artifacts}

    def left(self) -> list[str]:
        """What builds have left in their scratch."""
        return sorted(path.name for path in (self.folder / "scratch").iterdir())


def inside(artifact: Artifact) -> list[str]:
    """The names in a zip."""
    assert artifact.path is not None
    with zipfile.ZipFile(artifact.path) as archive:
        assert archive.testzip() is None
        return archive.namelist()
