"""poetry.lock, of every version of Poetry: pinned requirements with their hashes.

Its format has no specification but Poetry's source
(https://github.com/python-poetry/poetry/blob/main/src/poetry/packages/locker.py).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdactl.artifacts.dependencies.python_requirements import name_of
from lambdactl.artifacts.dependencies.python_uv import Platform
from lambdactl.artifacts.dependencies.python_wanted import (
    Local,
    Wanted,
    digest,
    normalised,
    toml,
    wrong_python,
)
from lambdactl.errors import UserError

Table = Mapping[str, Any]
MAIN = "main"

_CARET = re.compile(r"\^\s*((\d+)[\d.]*)")
_TILDE = re.compile(r"~(?!=)\s*(\d+\.\d+)[\d.]*")


@dataclass(slots=True)
class _Lines:
    """Packages in the words of a requirements file."""

    folder: Path
    hashes: Mapping[str, Any]
    lines: list[str] = field(default_factory=list)
    locals: list[Local] = field(default_factory=list)
    builds: list[str] = field(default_factory=list)

    def add(self, package: Table, marker: str) -> None:
        name, source = str(package["name"]), package.get("source", {})
        kind, url = source.get("type"), str(source.get("url", ""))
        suffix = f" ; {marker}" if marker else ""
        if kind in ("directory", "file") and not url.endswith(".whl"):
            self.locals.append(Local((self.folder / url).resolve(), "", marker))
        elif kind == "file":
            self.lines.append(f"{name} @ {(self.folder / url).resolve().as_uri()}{suffix}")
        elif kind == "git":
            commit = source.get("resolved_reference") or source.get("reference")
            part = source.get("subdirectory")
            self.lines.append(
                f"{name} @ git+{url}@{commit}{(part and f'#subdirectory={part}') or ''}{suffix}"
            )
            self.builds.append(normalised(name))
        elif kind == "url":
            self.lines.append(f"{name} @ {url}{suffix}{self._hashes(package)}")
        else:
            self.lines.append(f"{name}=={package['version']}{suffix}{self._hashes(package)}")

    def _hashes(self, package: Table) -> str:
        files = package.get("files") or self.hashes.get(str(package["name"]), ())
        return "".join(f" --hash={file['hash']}" for file in files)


def read(found: Path, platform: Platform, shell: Mapping[str, str]) -> Wanted:
    """What the main group of a locked project asks for.

    :raises UserError: it is not readable, or for another Python.
    """
    data = toml(found)
    metadata = data.get("metadata")
    if not isinstance(metadata, dict) or "content-hash" not in metadata:
        raise UserError(f"{found} is not a lock file of Poetry's", hint="poetry lock")
    given = str(metadata.get("python-versions", "*"))
    if not _allows(given, platform):
        raise wrong_python(given, platform, found)
    packages = data.get("package", [])
    lines = _Lines(found.parent, metadata.get("files", {}))
    direct = _direct(found)
    try:
        if direct is None or any("groups" in package for package in packages):
            constraints: list[str] = []
            _grouped(packages, lines)
        else:
            constraints = _ungrouped(packages, direct, lines, platform, found.parent)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{found} is not a lock file of Poetry's", hint="poetry lock") from error
    return Wanted(
        found,
        found.parent,
        tuple(lines.lines),
        tuple(constraints),
        direct=frozenset(direct or ()),
        locals=tuple(lines.locals),
        builds=tuple(lines.builds),
        indexes=_indexes(packages),
        exact=not lines.builds,
        closed=not constraints,
    )


def key(found: Path) -> bytes:
    content = found.read_bytes()
    total = hashlib.sha256(content)
    grouped = b"\ngroups = [" in content
    if not grouped:
        total.update(json.dumps(_direct(found), sort_keys=True, default=str).encode())
    if grouped and b'\ntype = "directory"' not in content and b'\ntype = "file"' not in content:
        # To parse it would take longer than all else that a build does that changes nothing.
        return total.digest()
    packages = toml(found).get("package", [])
    for package in packages:
        source = package.get("source", {})
        if source.get("type") in ("directory", "file"):
            total.update(digest(found.parent / str(source["url"])))
    return total.digest()


def _grouped(packages: Sequence[Table], lines: _Lines) -> None:
    """Since Poetry 2 the lock says of each package which groups want it, and when."""
    for package in packages:
        groups = package.get("groups") or [package.get("category", MAIN)]
        if package.get("optional") or MAIN not in groups:
            continue
        marker = package.get("markers", "")
        if isinstance(marker, dict):
            marker = marker.get(MAIN, "")
        lines.add(package, str(marker))


def _ungrouped(
    packages: Sequence[Table],
    direct: Mapping[str, Sequence[Table]],
    lines: _Lines,
    platform: Platform,
    folder: Path,
) -> list[str]:
    """Before, it only says what there is. uv goes from what the project asks for, and the lock
    says which version; returns these constraints."""
    pinned = _Lines(folder, lines.hashes)
    chosen: dict[str, Table] = {}
    for package in packages:
        if _allows(str(package.get("python-versions", "*")), platform):
            # Of several the last is the newest: Poetry sorts them.
            chosen[normalised(str(package["name"]))] = package
    for name, wanted in direct.items():
        for one in wanted:
            marker = str(one.get("markers", ""))
            if name not in chosen or one.get("optional"):
                continue
            if not _allows(str(one.get("python", "*")), platform):
                continue
            if chosen[name].get("source", {}).get("type") in ("directory", "file", "git", "url"):
                lines.add(chosen[name], marker)
                continue
            extras = ",".join(one.get("extras", ()))
            lines.lines.append(f"{name}{extras and f'[{extras}]'}{marker and f' ; {marker}'}")
    for name, package in chosen.items():
        if name not in lines.builds:
            pinned.add(package, "")
    return pinned.lines


def _allows(constraint: str, platform: Platform) -> bool:
    """Whether a constraint of Poetry's takes the runtime's Python, in some patch of it
    (https://python-poetry.org/docs/dependency-specification/#version-constraints)."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    for part in constraint.split("||"):
        text = _CARET.sub(lambda match: f">={match[1]},<{int(match[2]) + 1}", part)
        text = _TILDE.sub(lambda match: f"=={match[1]}.*", text)
        text = ",".join(text.replace(",", " ").split()) if "*" not in text.split() else ""
        try:
            allowed = SpecifierSet(re.sub(r"([<>=!~]),", r"\1", text))
        except InvalidSpecifier:
            return True
        if any(allowed.contains(f"{platform.version}.{patch}") for patch in (0, 99)):
            return True
    return False


def _direct(found: Path) -> dict[str, list[Table]] | None:
    """What the project beside the lock asks for, each in Poetry's words; None without one."""
    beside = found.with_name("pyproject.toml")
    if not beside.is_file():
        return None
    data = toml(beside)
    direct: dict[str, list[Table]] = {}
    for text in data.get("project", {}).get("dependencies", ()):
        if (name := name_of(str(text))) is not None:
            direct.setdefault(name, []).append(_standard(str(text)))
    poetry = data.get("tool", {}).get("poetry", {}).get("dependencies", {})
    for name, given in poetry.items():
        if name.lower() != "python":
            tables = given if isinstance(given, list) else [given]
            direct.setdefault(normalised(name), []).extend(
                table if isinstance(table, dict) else {} for table in tables
            )
    return direct


def _standard(text: str) -> Table:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return {}
    return {
        "extras": sorted(requirement.extras),
        "markers": str(requirement.marker) if requirement.marker else "",
    }


def _indexes(packages: Sequence[Table]) -> tuple[tuple[str, str], ...]:
    """Where packages come from that do not come from PyPI."""
    sources = [package.get("source", {}) for package in packages]
    return tuple(
        dict.fromkeys(
            (str(source.get("reference", "")), str(source["url"]))
            for source in sources
            if source.get("type") == "legacy" and "url" in source
        )
    )
