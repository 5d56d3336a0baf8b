"""The same function in every language, and what runs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lambdactl import InvocationResult, Local
from lambdactl.execution.logs import LogLine
from lambdactl.local import BlockingLocal
from lambdactl.manifest.model import App, Code, Function, Layer, Logging
from tests.parts import need

FUNCTIONS = Path(__file__).parent / "functions"


@dataclass
class Ran:
    """An app in action: call :meth:`invoke`, look at ``lines``."""

    fn: BlockingLocal
    lines: list[LogLine] = field(default_factory=list)

    def invoke(self, do: str, **event: Any) -> InvocationResult:
        return self.fn.invoke("conform", {"do": do, **event})

    @property
    def text(self) -> str:
        return "\n".join(line.text.decode("utf-8", "replace") for line in self.lines)


def runtime_of(family: str) -> str:
    """A runtime that this machine has."""
    if family == "node":
        version = subprocess.run([need("node"), "--version"], capture_output=True, text=True)
        return f"nodejs{version.stdout.removeprefix('v').split('.')[0]}.x"
    if family == "ruby":
        program = "print RUBY_VERSION.split('.')[0, 2].join('.')"
        version = subprocess.run([need("ruby"), "-e", program], capture_output=True, text=True)
        return f"ruby{version.stdout}"
    if family == "provided":
        return "provided.al2023"
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(
    params=[
        "python",
        pytest.param("node", marks=pytest.mark.node),
        pytest.param("ruby", marks=pytest.mark.ruby),
        "provided",
    ]
)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Ran]]:
    """``start("python", timeout_s=1)`` runs the conformance function of that language."""
    running: list[tuple[Local, Ran]] = []

    def begin(family: str, *, layers: tuple[Layer, ...] = (), **settings: Any) -> Ran:
        code = tmp_path / f"code-{len(running)}"
        shutil.copytree(FUNCTIONS / family, code)
        log = settings.pop("logging", Logging())
        options = settings.pop("options", {})
        # Starting an interpreter on a busy machine takes its time; who tests timeouts says so.
        settings.setdefault("timeout_s", 30)
        function = Function(
            name="conform",
            code=Code("folder", code),
            runtime=runtime_of(family),
            handler="app.handler",
            logging=log,
            layers=tuple(layer.name for layer in layers),
            **settings,
        )
        app = App("test", tmp_path, {"conform": function}, {layer.name: layer for layer in layers})
        lines: list[LogLine] = []
        local = Local(app, logs=lines.append, credentials=False, **options)
        ran = Ran(local.__enter__(), lines)
        running.append((local, ran))
        return ran

    yield begin
    for local, _ in running:
        local.__exit__(None, None, None)
