"""A Python function that runs in containers what its event says, and what is there of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker

from lambdactl import InvocationResult, Local
from lambdactl.execution.containers.labels import FUNCTION
from lambdactl.execution.logs import LogLine
from lambdactl.local import BlockingLocal
from lambdactl.manifest.model import App, Code, Function

DEADLINE_S = 30

SOURCE = """
def handler(event, context):
    scope = {"event": event, "context": context}
    exec(event["run"], scope)
    return scope.get("result")
"""


@dataclass
class Ran:
    """An app of one function, in action."""

    fn: BlockingLocal
    function: Function
    lines: list[LogLine] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def call(self, run: str, **event: Any) -> InvocationResult:
        return self.fn.invoke(self.function.name, {"run": run, **event})

    def containers(self) -> list[str]:
        return containers(self.function.name)

    @property
    def printed(self) -> list[bytes]:
        """What the function itself has written."""
        ours = (b"INIT_START", b"START ", b"END ", b"REPORT ", b"INIT_REPORT")
        return [line.text for line in self.lines if not line.text.startswith(ours)]


def engine() -> docker.APIClient:
    """The machine's own, whatever the variables of a test say."""
    return docker.APIClient(base_url="unix:///var/run/docker.sock")


def containers(name: str) -> list[str]:
    """The ids of a function's containers, running or not."""
    with engine() as client:
        found = client.containers(all=True, filters={"label": [f"{FUNCTION}={name}"]})
    return [one["Id"] for one in found]


def soon(check: Callable[[], Any], what: str = "") -> Any:
    """What ``check`` gives once that is true."""
    end = time.monotonic() + DEADLINE_S
    while not (found := check()):
        assert time.monotonic() < end, what or "it never came to it"
        time.sleep(0.02)
    return found


def folder(at: Path, source: str = SOURCE) -> Path:
    at.mkdir(parents=True, exist_ok=True)
    (at / "app.py").write_text(source)
    return at


def function(code: Path, /, **settings: Any) -> Function:
    # A name of its own: other tests, and other people's, use the same engine.
    settings.setdefault("timeout_s", 30)
    settings.setdefault("code", Code("folder", code))
    if settings["code"].kind in {"folder", "zip"}:
        settings.setdefault("runtime", "python3.11")
        settings.setdefault("handler", "app.handler")
    name = f"fn-{uuid.uuid4().hex[:12]}"
    return Function(name=name, runner="container", **settings)


@contextmanager
def running(
    code: Path,
    /,
    *,
    layers: tuple[Any, ...] = (),
    options: dict[str, Any] | None = None,
    **settings: Any,
) -> Iterator[Ran]:
    """The function in ``code``, which is made where it is missing; nothing of it is left."""
    if not code.exists():
        folder(code)
    made = function(code, layers=tuple(layer.name for layer in layers), **settings)
    app = App("test", code.parent, {made.name: made}, {layer.name: layer for layer in layers})
    lines: list[LogLine] = []
    warnings: list[str] = []
    options = {"credentials": False, "warn": warnings.append, **(options or {})}
    with Local(app, logs=lines.append, **options) as fn:
        yield Ran(fn, made, lines, warnings)
    assert containers(made.name) == []
