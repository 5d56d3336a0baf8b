"""What a file asks for, in the words of a requirements file that uv reads."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdactl.artifacts.dependencies.python_uv import Platform
from lambdactl.errors import UserError

_SEPARATORS = re.compile(r"[-_.]+")
_SKIPPED = frozenset((".git", ".venv", "venv", "__pycache__", "node_modules", ".lambdactl"))
_BUILT = frozenset(("build", "dist"))
"""What tools leave beside a project's code, in its own folder only: further down these are words
like any other."""


@dataclass(frozen=True, slots=True)
class Local:
    """A project or an archive on this machine, of which a wheel is made.

    :ivar path: absolute.
    :ivar extras: as ``[a,b]``, or nothing.
    :ivar marker: when it is wanted, as ``python_version < "3.12"``, or nothing.
    """

    path: Path
    extras: str = ""
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be installed.

    :ivar file: where the user wrote it.
    :ivar folder: what relative paths start from.
    :ivar lines: requirements and index options.
    :ivar constraints: requirements that limit and ask for nothing.
    :ivar direct: normalised names that the project itself asks for.
    :ivar locals: what wheels are made of first.
    :ivar builds: normalised names that may be built: they come from a repository or a folder.
    :ivar anew: those of ``builds`` that are folders.
    :ivar options: of ``uv pip install``.
    :ivar indexes: names, which may be empty, and URLs of where packages are beside the usual place.
    :ivar exact: nothing is left to ask an index for but the packages themselves.
    :ivar closed: what the requirements require is among them.
    :ivar pips: indexes have pip's meaning: the best version of all of them.
    :ivar project: a pyproject.toml that uv reads itself.
    """

    file: Path
    folder: Path
    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    direct: frozenset[str] = frozenset()
    locals: tuple[Local, ...] = ()
    builds: tuple[str, ...] = ()
    anew: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    indexes: tuple[tuple[str, str], ...] = ()
    exact: bool = False
    closed: bool = False
    pips: bool = False
    project: Path | None = None

    @property
    def empty(self) -> bool:
        asked = any(
            not line.startswith("-") or line.startswith("--requirement ") for line in self.lines
        )
        return not (asked or self.locals or self.project)


def normalised(name: str) -> str:
    """A package's name as it is compared
    (https://packaging.python.org/en/latest/specifications/name-normalization/). ``packaging`` has
    the same, and takes longer to import than an unchanged build takes."""
    return _SEPARATORS.sub("-", name).lower()


def check_python(spec: object, platform: Platform, where: Path) -> None:
    """Refuse a project that says it does not run with the runtime's Python.

    :param spec: as ``requires-python`` has it; what is no such text says nothing.
    :raises UserError: it says so.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        allowed = SpecifierSet(str(spec or ""))
    except InvalidSpecifier:
        return
    # Which patch of a version Lambda has changes; it is neither the first nor the last for long.
    if not any(allowed.contains(f"{platform.version}.{patch}") for patch in (0, 99)):
        raise wrong_python(str(spec), platform, where)


def wrong_python(spec: str, platform: Platform, where: Path) -> UserError:
    return UserError(
        f"{where} is for Python {spec}, and the function's runtime has {platform.version}",
        hint="change the function's runtime, or the project's Python and lock it again",
    )


def toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    :raises UserError: it can't be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"can't read {path}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        raise UserError(f"{path} is not TOML: {error}") from error


def digest(path: Path) -> bytes:
    """Of a file or a project: names and contents of what a wheel of it may hold."""
    total = hashlib.sha256()
    if path.is_file():
        _add(total, path, path.name)
    for current, folders, files in os.walk(path):
        top = Path(current) == path
        folders[:] = sorted(
            name
            for name in folders
            if name not in _SKIPPED
            and not name.endswith((".egg-info", "_cache"))
            and not (top and name in _BUILT)
        )
        for name in sorted(files):
            if not name.endswith(".pyc"):
                one = Path(current, name)
                _add(total, one, one.relative_to(path).as_posix())
    return total.digest()


def _add(total: hashlib._Hash, path: Path, name: str) -> None:
    try:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
    except OSError:
        content = b"unreadable"
    total.update(os.fsencode(name) + b"\0" + content)
