"""What a test needs beyond Python: found, or the test says so.

On a developer's machine a test whose part is missing is skipped. Where ``CI`` is set a missing
part fails the test, so a green CI run means that everything ran.

Two ways to ask: a marker (``@pytest.mark.node``; conftest.py checks it), or :func:`need` in a
test or fixture, which also gives the path of the program::

    from tests.parts import need

    def test_streaming(tmp_path):
        node = need("node")
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}


def _program(name: str) -> Callable[[], str | None]:
    return lambda: shutil.which(name)


def _module(name: str) -> Callable[[], str | None]:
    def find() -> str | None:
        spec = importlib.util.find_spec(name)
        return (spec.origin or name) if spec else None

    return find


@cache
def other_pythons() -> dict[str, str]:
    """Interpreters of other minor versions than the running one: ``{"3.12": "/usr/bin/..."}``,
    from PATH and pyenv, each one started to be sure that it runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [*map(str, sorted(pyenv.glob("3.*/bin/python3")))]
    candidates += [
        path for minor in range(9, 16) if (path := shutil.which(f"python3.{minor}")) is not None
    ]
    found: dict[str, str] = {}
    for path in candidates:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        version = re.match(r"Python (3\.\d+)", answer.stdout)
        if version and int(version[1].split(".")[1]) >= 9:
            found.setdefault(version[1], path)
    found.pop(f"3.{sys.version_info.minor}", None)
    return found


@cache
def _engine() -> str | None:
    """The address of a Docker engine that has the images of AWS's names: ``python -m tests.images``
    makes them."""
    import docker
    from docker.errors import DockerException

    from tests.images import PROVIDED, PYTHON, RUBY, nodejs

    names = {PYTHON, RUBY, *PROVIDED}
    if (node := shutil.which("node")) is not None:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        names.add(nodejs(version.stdout))
    try:
        client = docker.from_env(timeout=10).api
        found = {tag for image in client.images() for tag in image["RepoTags"] or ()}
    except DockerException:
        return None
    return str(client.base_url) if names <= found else None


def _npm_samples() -> str | None:
    """What tests/samples/node imports: ``npm install --prefix tests/samples/node``."""
    modules = Path(__file__).parent / "samples" / "node" / "node_modules"
    return str(modules) if modules.is_dir() else None


def _npm_tools() -> str | None:
    """pnpm, Yarn and esbuild: ``npm install --prefix tests/artifacts/tools``."""
    modules = Path(__file__).parent / "artifacts" / "tools" / "node_modules"
    return str(modules) if modules.is_dir() else None


PARTS: dict[str, Callable[[], str | None]] = {
    "awslambdaric": _module("awslambdaric"),
    "container": _engine,
    "curl": _program("curl"),
    "docker_registry": _program("docker-registry"),
    "dockerd": _program("dockerd"),
    "faketime": _program("faketime"),
    "gcc": _program("gcc"),
    "git": _program("git"),
    "go": _program("go"),
    "ip": _program("ip"),
    "node": _program("node"),
    "npm": _program("npm"),
    "npm_samples": _npm_samples,
    "npm_tools": _npm_tools,
    "openssl": _program("openssl"),
    "pythons": lambda: next(iter(other_pythons().values()), None),
    "ruby": _program("ruby"),
    "setpriv": _program("setpriv"),
}


def need(part: str) -> str:
    """The path of ``part`` (a key of :data:`PARTS`); else skip the test, or fail it in CI."""
    path = PARTS[part]()
    if path is not None:
        return path
    if IN_CI:
        pytest.fail(f"{part} is missing, and in CI nothing is skipped", pytrace=False)
    pytest.skip(f"{part} is not on this machine")
