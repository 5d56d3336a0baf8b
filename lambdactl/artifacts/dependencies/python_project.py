"""pyproject.toml, where no lock file says more.

https://packaging.python.org/en/latest/specifications/pyproject-toml/
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lambdactl.artifacts.dependencies import python_requirements, python_uv_lock
from lambdactl.artifacts.dependencies.python_uv import Platform
from lambdactl.artifacts.dependencies.python_wanted import Wanted, check_python, digest, toml
from lambdactl.errors import UserError

_REPOSITORY = re.compile(r"@\s*git\+")


def names_dependencies(path: Path) -> bool:
    """Whether it is a project's, and not just the settings of some tool."""
    try:
        data = toml(path)
    except UserError:
        # Whoever installs says what is wrong with it.
        return True
    return "project" in data or _poetry(data) is not None


def read(found: Path, platform: Platform, shell: Mapping[str, str]) -> Wanted:
    """What a project asks for: ``project.dependencies``, neither extras nor groups.

    :raises UserError: it is not readable, is for another Python, or only its own build tool knows
        what it asks for.
    """
    if (lock := _workspace_lock(found)) is not None:
        return python_uv_lock.of_member(lock, found, platform, shell)
    data = toml(found)
    project = data.get("project", {})
    check_python(project.get("requires-python"), platform, found)
    if "dependencies" in project.get("dynamic", ()):
        return _dynamic(found, data)
    if "dependencies" not in project and _poetry(data):
        raise UserError(
            f"{found} names its dependencies in Poetry's own words, and there is no poetry.lock",
            hint=f"poetry lock --directory {found.parent}",
        )
    dependencies = [str(one) for one in project.get("dependencies", ())]
    if not dependencies:
        return Wanted(found, found.parent)
    built = _built(data, found)
    names = [_name(one) for one in dependencies]
    repositories = {_name(one) for one in dependencies if _REPOSITORY.search(one)}
    return Wanted(
        found,
        found.parent,
        direct=frozenset(names),
        builds=tuple(name for name in names if name in built or name in repositories),
        anew=tuple(name for name in names if built.get(name) is not None),
        project=found,
    )


def key(found: Path) -> bytes:
    if (lock := _workspace_lock(found)) is not None:
        return python_uv_lock.member_key(lock, found)
    data = toml(found)
    project = data.get("project", {})
    decides = {
        "dependencies": project.get("dependencies"),
        "dynamic": project.get("dynamic"),
        "python": project.get("requires-python"),
        "uv": data.get("tool", {}).get("uv"),
        "files": _dynamic_files(data),
    }
    total = hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode())
    for name in _dynamic_files(data):
        if (found.parent / name).is_file():
            total.update(python_requirements.key(found.parent / name))
    for folder in _built(data, found).values():
        if folder is not None:
            total.update(digest(folder))
    return total.digest()


def _dynamic(found: Path, data: Mapping[str, Any]) -> Wanted:
    """Where setuptools reads them from files, these are as good as requirements.txt."""
    files = _dynamic_files(data)
    if not files:
        raise UserError(
            f"only its build tool knows the dependencies of {found}: they are dynamic",
            hint="lock the project (`uv lock`), or name them in a requirements.txt",
        )
    text = "".join(f"-r {name}\n" for name in files)
    return replace(python_requirements.exported(text, found), exact=False, closed=False)


def _dynamic_files(data: Mapping[str, Any]) -> list[str]:
    """https://setuptools.pypa.io/en/latest/userguide/pyproject_config.html#dynamic-metadata"""
    dynamic = data.get("tool", {}).get("setuptools", {}).get("dynamic", {})
    files = dynamic.get("dependencies", {}).get("file", ())
    return [files] if isinstance(files, str) else [str(name) for name in files]


def _workspace_lock(found: Path) -> Path | None:
    """The lock file of the workspace that a project is a member of."""
    for parent in found.absolute().parents[1:]:
        lock = parent / "uv.lock"
        if lock.is_file() and (parent / "pyproject.toml").is_file():
            return lock if python_uv_lock.has(lock, found) else None
    return None


def _built(data: Mapping[str, Any], found: Path) -> dict[str, Path | None]:
    """Packages that uv makes from a folder or a repository (``tool.uv.sources``), with the
    folder."""
    built: dict[str, Path | None] = {}
    for name, given in data.get("tool", {}).get("uv", {}).get("sources", {}).items():
        for source in given if isinstance(given, list) else [given]:
            if "path" in source:
                built[_name(name)] = found.parent / str(source["path"])
            elif "git" in source:
                built[_name(name)] = None
            elif source.get("workspace"):
                raise UserError(
                    f"{found} asks for {name} of its workspace, which has no uv.lock",
                    hint=f"uv lock --project {found.parent}",
                )
    return built


def _poetry(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    given = data.get("tool", {}).get("poetry", {}).get("dependencies")
    return given if isinstance(given, dict) else None


def _name(requirement: str) -> str:
    return python_requirements.name_of(requirement) or requirement
