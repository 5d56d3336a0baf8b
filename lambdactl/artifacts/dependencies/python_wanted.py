"""What a file asks for, in the words of a requirements file that uv reads."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

SKIPPED = frozenset(
    [
        ".git",
        ".lambdactl",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        ".venv",
        "__pycache__",
        "build",
        "dist",
        "node_modules",
        "venv",
    ]
)
"""Folders of a project that do not decide what a wheel of it holds."""


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
    :ivar builds: normalised names that may be built: they come from a repository, at a commit that
        the file names.
    :ivar options: of ``uv pip install``.
    :ivar exact: every package with its hash: no index is asked what there is.
    :ivar pips: indexes have pip's meaning: the best version of all of them.
    """

    file: Path
    folder: Path
    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    direct: frozenset[str] = frozenset()
    locals: tuple[Local, ...] = ()
    builds: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    exact: bool = False
    pips: bool = False

    @property
    def empty(self) -> bool:
        return not self.locals and all(line.startswith("-") for line in self.lines)


def digest(path: Path) -> bytes:
    """Of a file or a project: names and contents of what a wheel of it may hold."""
    total = hashlib.sha256()
    if path.is_file():
        _add(total, path, path.name)
    for current, folders, files in os.walk(path):
        folders[:] = sorted(
            name for name in folders if name not in SKIPPED and not name.endswith(".egg-info")
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
