"""A project folder with code in it, and manifests written into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lambdactl import manifest
from lambdactl.errors import ManifestError, Problem

CODE = {
    "src/app.py": "def handler(event, context):\n    return event\n",
    "src/index.mjs": "export const handler = async (event) => event;\n",
    "src/task.rb": "def handler(event:, context:)\n  event\nend\n",
    "layers/imaging/python/imaging.py": "",
    "data.json": '{"memory": 512, "list": [1, 2], "name": "photos"}',
    "data.yaml": "timeout: 30\nvariables: {AA: one, BB: two}\n",
    "version.txt": "1.2.3\n",
}


class Project:
    """A folder with the files of CODE; ``check`` reads a manifest as ``lambdactl validate``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in CODE.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def write(self, text: str | bytes, name: str = "lambdactl.yaml") -> Path:
        path = self.root / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def load(self, text: str, **options: Any) -> manifest.App:
        return manifest.load(self.write(text), **{"env": {}, **options})

    def check(
        self,
        text: str | bytes,
        *,
        stage: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> tuple[Problem, ...]:
        try:
            report = manifest.examine(self.write(text), stage=stage, env=env or {})
        except ManifestError as error:
            return error.problems
        if report.app is None:
            return report.problems
        readable = {name: report.app.functions[name] for name in report.sound}
        return report.problems + manifest.check_code(replace(report.app, functions=readable))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)
