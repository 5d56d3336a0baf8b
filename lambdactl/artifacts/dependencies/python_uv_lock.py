"""uv.lock, as uv itself exports it.

https://docs.astral.sh/uv/concepts/projects/export/
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lambdactl.artifacts.dependencies import python_requirements, python_uv
from lambdactl.artifacts.dependencies.python_uv import Platform
from lambdactl.artifacts.dependencies.python_wanted import (
    Wanted,
    check_python,
    digest,
    normalised,
    toml,
)
from lambdactl.errors import UserError

_LOCAL = re.compile(
    rb'^name = "([^"]+)"\n(?:version = .*\n)?'
    rb'source = \{ (?:editable|virtual|directory|path) = "((?:[^"\\]|\\.)*)"',
    re.MULTILINE,
)
_PYPI = "https://pypi.org/simple"


def read(found: Path, platform: Platform, shell: Mapping[str, str]) -> Wanted:
    """What the project beside a lock file asks for.

    :raises UserError: the lock is older than the project's dependencies, is for another Python, or
        is not readable.
    """
    return of_member(found, found.with_name("pyproject.toml"), platform, shell)


def key(found: Path) -> bytes:
    return member_key(found, found.with_name("pyproject.toml"))


def member_key(lock: Path, project: Path) -> bytes:
    """What decides what a member of a workspace gets."""
    name = _name(lock, project)
    content = lock.read_bytes()
    total = hashlib.sha256((name or "").encode())
    total.update(content)
    for other, path in _locals(content, lock):
        if other != name:
            total.update(digest(path))
    return total.digest()


def has(lock: Path, project: Path) -> bool:
    """Whether a lock file is that of a workspace with the project of that pyproject.toml."""
    folder = project.parent.resolve()
    return any(path == folder for _, path in _locals(lock.read_bytes(), lock))


def of_member(lock: Path, project: Path, platform: Platform, shell: Mapping[str, str]) -> Wanted:
    """What one project of a workspace asks for."""
    data = toml(lock)
    name = _name(lock, project)
    check_python(data.get("requires-python"), platform, lock)
    words = ["export", "--no-dev", "--no-editable", "--no-header", "--quiet"]
    if name is not None:
        _check_fresh(data, lock, project, name)
        words += ["--package", name, "--no-emit-package", name]
    words += ["--frozen", "--python", python_uv.interpreter()]
    answer = python_uv.run(words, folder=lock.parent, shell=_plain(shell))
    if answer.code != 0:
        raise UserError(f"uv can't read {lock}: {python_uv.summary(answer.output)}", hint="uv lock")
    wanted = python_requirements.exported(answer.output, lock)
    registries = dict.fromkeys(
        registry
        for package in data.get("package", ())
        if (registry := package.get("source", {}).get("registry")) and registry != _PYPI
    )
    names = _index_names(lock)
    urls = [url for url in registries if "://" in url]
    folders = [str((lock.parent / url).resolve()) for url in registries if "://" not in url]
    depends = _package(data, name).get("dependencies", ())
    return replace(
        wanted,
        direct=frozenset(str(one["name"]) for one in depends) or wanted.direct,
        indexes=tuple((names.get(url.rstrip("/"), ""), url) for url in urls),
        lines=(*(f"--find-links {folder}" for folder in folders), *wanted.lines),
    )


def _check_fresh(data: Mapping[str, Any], lock: Path, project: Path, name: str) -> None:
    """What is locked may not be what the project asks for by now. ``uv lock --check`` says so too,
    but only with a Python of the project's and a network."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.specifiers import SpecifierSet

    table = toml(project).get("project", {})
    if "dependencies" in table.get("dynamic", ()):
        return
    locked: dict[str, list[SpecifierSet | None]] = {}
    for one in _package(data, name).get("metadata", {}).get("requires-dist", ()):
        if "extra" not in str(one.get("marker", "")):
            # What has an address has no version.
            plain = one.keys() <= {"name", "specifier", "marker", "extras"}
            specifier = SpecifierSet(str(one.get("specifier", ""))) if plain else None
            locked.setdefault(str(one["name"]), []).append(specifier)
    asked: set[str] = set()
    for text in table.get("dependencies", ()):
        try:
            requirement = Requirement(str(text))
        except InvalidRequirement:
            return
        wanted = normalised(requirement.name)
        asked.add(wanted)
        known = locked.get(wanted, [])
        if not known or not (None in known or requirement.url or requirement.specifier in known):
            raise _stale(lock, f"{project.name} asks for {text} by now")
    if gone := sorted(locked.keys() - asked):
        raise _stale(lock, f"{project.name} no longer asks for {gone[0]}")


def _stale(lock: Path, why: str) -> UserError:
    return UserError(
        f"{lock} is older than its project: {why}", hint=f"uv lock --project {lock.parent}"
    )


def _package(data: Mapping[str, Any], name: str | None) -> Mapping[str, Any]:
    packages = [one for one in data.get("package", ()) if one.get("name") == name]
    return packages[0] if packages else {}


def _plain(shell: Mapping[str, str]) -> dict[str, str]:
    """Without variables that would make another lock of it."""
    return {
        **{name: value for name, value in shell.items() if not name.startswith("UV_")},
        **{name: shell[name] for name in ("UV_CACHE_DIR", "UV_CONFIG_FILE") if name in shell},
        "UV_PYTHON_DOWNLOADS": "never",
    }


def _name(lock: Path, project: Path) -> str | None:
    """Of a project, as the lock file has it; None for a workspace that is no project itself."""
    if not project.is_file():
        raise UserError(
            f"{lock} has no pyproject.toml beside it", hint="uv makes the one from the other"
        )
    name = toml(project).get("project", {}).get("name")
    return normalised(str(name)) if name else None


def _locals(content: bytes, lock: Path) -> list[tuple[str, Path]]:
    """Names of packages that are folders or files here, and these. A lock file can have a
    megabyte, and a build that changes nothing has milliseconds: it is not parsed."""
    return [
        (name.decode(), (lock.parent / json.loads(b'"' + path + b'"')).resolve())
        for name, path in _LOCAL.findall(content)
    ]


def _index_names(lock: Path) -> dict[str, str]:
    """Names of indexes, by URL: uv finds the credentials in variables by them."""
    tables = toml(lock.with_name("pyproject.toml")).get("tool", {}).get("uv", {}).get("index", ())
    return {
        str(table["url"]).rstrip("/"): str(table["name"])
        for table in tables
        if "url" in table and "name" in table
    }
