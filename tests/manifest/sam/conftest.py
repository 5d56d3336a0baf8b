"""Templates written into a folder with code in it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from lambdactl import manifest
from lambdactl.errors import Problem
from lambdactl.manifest import App, Function

HEAD = "Transform: AWS::Serverless-2016-10-31\n"
FUNCTION = """\
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      CodeUri: src/
"""


class Folder:
    """Reads templates as they stand in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "src").mkdir()
        (root / "src/app.py").write_text("def handler(event, context):\n    return event\n")

    def write(self, text: str, name: str = "template.yaml") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def load(self, text: str, *, name: str = "template.yaml", **parameters: str) -> App:
        """The app of a whole template."""
        path = self.write(textwrap.dedent(text), name)
        return manifest.load(path, env={}, parameters=parameters)

    def problems(
        self, text: str, *, env: Mapping[str, str] | None = None, **parameters: str
    ) -> tuple[Problem, ...]:
        path = self.write(textwrap.dedent(text))
        return manifest.examine(path, env=env or {}, parameters=parameters).problems

    def app(
        self, properties: str = "", resources: str = "", sections: str = "", **given: str
    ) -> App:
        """The app of a template with a function ``Fn``: more ``properties`` of it, more
        ``resources`` and ``sections`` beside it."""
        return self.load(self.text(properties, resources, sections), **given)

    def text(self, properties: str = "", resources: str = "", sections: str = "") -> str:
        parts = [HEAD, textwrap.dedent(sections).strip() + "\n", "Resources:\n", FUNCTION]
        parts.append(textwrap.indent(textwrap.dedent(properties).strip(), " " * 6) + "\n")
        parts.append(textwrap.indent(textwrap.dedent(resources).strip(), " " * 2) + "\n")
        return "".join(parts)

    def function(self, properties: str = "", resources: str = "", sections: str = "") -> Function:
        return self.app(properties, resources, sections).function("Fn")

    def value(self, expression: str, resources: str = "", sections: str = "", **given: str) -> str:
        """What the function finds in a variable that the template gives as ``expression``."""
        properties = f"Environment:\n  Variables:\n    VALUE: {expression}\n"
        return (
            self.app(properties, resources, sections, **given).function("Fn").environment["VALUE"]
        )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    return Folder(tmp_path)
