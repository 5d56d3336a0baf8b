"""The house rules of docs/architecture.md that a machine can check."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lambdactl

PACKAGE = Path(lambdactl.__file__).parent
FLOOR = frozenset({"manifest", "events", "errors"})
"""The ground floor: imports nothing above it."""

MAY_IMPORT = {
    "errors": frozenset(),
    "events": frozenset({"errors"}),
    "manifest": frozenset({"errors"}),
    "artifacts": FLOOR,
    "execution": FLOOR | {"artifacts"},
    "service": FLOOR | {"artifacts", "execution"},
    "triggers": FLOOR | {"artifacts", "execution"},
    "deploy": FLOOR | {"artifacts", "execution", "service", "triggers"},
    # Beside the rooms: the Python API and what `init` does.
    "local": FLOOR | {"artifacts", "execution", "service", "triggers"},
    "scaffold": FLOOR,
    "__init__": frozenset({"execution", "local"}),
    "__main__": frozenset({"cli"}),
    "cli": FLOOR
    | {"artifacts", "execution", "service", "triggers", "deploy", "local", "scaffold", "__init__"},
}
EXPORTS = {"Local": "local", "BlockingLocal": "local", "InvocationResult": "execution"}
"""Names of lambdactl/__init__.py that stand for something in a room."""

HEAVY = {"boto3", "botocore", "docker", "rich", "yaml", "jsonschema", "asyncio", "uvloop"}
"""What no command needs to say what it can do."""


def modules() -> list[Path]:
    """Our modules. Bootstraps run in the function's interpreter and templates in the user's
    project, so neither is part of the house."""
    skipped = ("bootstraps", "templates")
    return sorted(
        path
        for path in PACKAGE.rglob("*.py")
        if not set(skipped) & set(path.relative_to(PACKAGE).parts)
    )


def room_of(dotted: str) -> str:
    """The room of an absolute module name: ``lambdactl.cli.invoke`` is in ``cli``."""
    return dotted.split(".")[1] if "." in dotted else "__init__"


def imported_rooms(source: str, module: str, is_package: bool) -> dict[str, int]:
    """Rooms that ``source`` imports anywhere, functions included, each with its first line."""
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = module.split(".") if is_package else module.split(".")[:-1]
            base = parent[: len(parent) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            # `from lambdactl import x` names a room, or something a room exports through it.
            names = (
                [
                    f"lambdactl.{EXPORTS.get(alias.name, alias.name)}"
                    if not alias.name.startswith("__")
                    else "lambdactl"
                    for alias in node.names
                ]
                if start == "lambdactl"
                else [start]
            )
        for name in names:
            if name.split(".")[0] == "lambdactl":
                found.setdefault(room_of(name), node.lineno)
    return found


def dotted_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_only(path: Path) -> None:
    module = dotted_name(path)
    room = room_of(module)
    assert room in MAY_IMPORT, f"{room} is a new room: give it a floor in MAY_IMPORT"
    # The version is the one thing of the top that everybody may know.
    allowed = MAY_IMPORT[room] | {room, "__init__"}
    if module == "lambdactl.__init__":
        module = "lambdactl"
    wrong = {
        name: line
        for name, line in imported_rooms(
            path.read_text("utf-8"), module, path.name == "__init__.py"
        ).items()
        if name not in allowed
    }
    assert not wrong, f"{path}: {room} may not import {wrong} (room: line)"


@pytest.mark.parametrize(
    ("source", "module", "is_package", "rooms"),
    [
        ("import lambdactl.cli.invoke", "lambdactl.local", False, {"cli"}),
        ("from lambdactl import Local", "lambdactl.execution.pool", False, {"local"}),
        ("from lambdactl import __version__", "lambdactl.execution.pool", False, {"__init__"}),
        ("def f():\n  from ..cli import main", "lambdactl.execution.pool", False, {"cli"}),
        ("from . import pool", "lambdactl.execution", True, {"execution"}),
        ("from .. import deploy", "lambdactl.execution", True, {"deploy"}),
        ("import os, json", "lambdactl.execution.pool", False, set()),
    ],
)
def test_the_check_sees_every_way_to_import(
    source: str, module: str, is_package: bool, rooms: set[str]
) -> None:
    assert set(imported_rooms(source, module, is_package)) == rooms


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_answers_one_question(path: Path) -> None:
    source = path.read_text("utf-8")
    assert len(source.splitlines()) <= 450, f"{path} has grown past 450 lines; split it"
    assert ast.get_docstring(ast.parse(source)), f"{path} doesn't say what it is for"


def imported_modules(*arguments: str, **environment: str) -> tuple[set[str], str]:
    """Top-level packages that ``lambdactl ARGUMENTS`` imports, and what it prints."""
    process = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lambdactl", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=True,
    )
    lines = [line for line in process.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}, process.stdout


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_nothing_heavy(option: str) -> None:
    imported, output = imported_modules(option)
    assert "click" in imported  # so the list is a list of imports at all
    assert not imported & HEAVY
    assert "lambdactl" in output


@pytest.mark.parametrize(
    ("words", "position", "offered"),
    [("lambdactl in", "1", {"invoke", "init"}), ("lambdactl invoke --no-", "2", {"--no-logs"})],
)
def test_shell_completion_loads_nothing_heavy(words: str, position: str, offered: set[str]) -> None:
    imported, output = imported_modules(
        _LAMBDACTL_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=position
    )
    assert not imported & {"boto3", "botocore", "docker", "rich"}
    assert offered <= {line.partition(",")[2] for line in output.splitlines()}
