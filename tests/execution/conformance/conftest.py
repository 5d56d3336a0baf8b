"""The same function in every language, run as a process and in a container, and what runs it.

Each test of this folder that asks for ``start`` runs once with each runner: what a function sees
must not depend on it. Where it does, the test says so, and README.md's table too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from lambdactl import InvocationResult, Local
from lambdactl.execution.logs import LogLine
from lambdactl.local import BlockingLocal
from lambdactl.manifest.model import App, Code, Function, Layer, Logging
from tests.parts import need

FUNCTIONS = Path(__file__).parent / "functions"

RUNNERS = {"process": [], "container": [pytest.mark.container]}
FAMILIES = {"python": [], "node": [pytest.mark.node], "ruby": [pytest.mark.ruby], "provided": []}
NO_STAND_IN = {"ruby"}
"""Families without an image that a test could be sure to have (see tests/images)."""


def combinations(*runners: str) -> list[Any]:
    """Parameters ``runner, family``: each family with each of ``runners`` that has it."""
    return [
        pytest.param(runner, family, marks=[*RUNNERS[runner], *marks], id=f"{family}-{runner}")
        for runner in runners
        for family, marks in FAMILIES.items()
        if runner == "process" or family not in NO_STAND_IN
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    given = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "runner" not in metafunc.fixturenames or any("runner" in names for names in given):
        return
    if "family" in metafunc.fixturenames:
        metafunc.parametrize(("runner", "family"), combinations(*RUNNERS))
    else:
        runners = [pytest.param(name, marks=marks) for name, marks in RUNNERS.items()]
        metafunc.parametrize("runner", runners)


@dataclass
class Ran:
    """An app in action: call :meth:`invoke`, look at ``lines``."""

    fn: BlockingLocal
    lines: list[LogLine] = field(default_factory=list)

    def invoke(self, do: str, **event: Any) -> InvocationResult:
        return self.fn.invoke("conform", {"do": do, **event})

    def stream(self, **event: Any) -> tuple[InvocationResult, list[tuple[float, str, bytes]]]:
        """The result, and when each piece of the response came: time, content type, bytes."""
        pieces: list[tuple[float, str, bytes]] = []

        def piece(kind: str, data: bytes) -> None:
            pieces.append((time.monotonic(), kind, data))

        event = {"do": "stream", **event}
        return self.fn.invoke("conform", event, on_chunk=piece), pieces

    @property
    def text(self) -> str:
        return "\n".join(line.text.decode("utf-8", "replace") for line in self.lines)


def runtime_of(family: str, runner: str = "process") -> str:
    """A runtime that this machine has, or a stand-in for its image."""
    if family == "python" and runner == "container":
        return "python3.11"
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


@pytest.fixture
def start(tmp_path: Path, runner: Literal["process", "container"]) -> Iterator[Callable[..., Ran]]:
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
            runtime=runtime_of(family, runner),
            handler=settings.pop("handler", "app.handler"),
            runner=runner,
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
