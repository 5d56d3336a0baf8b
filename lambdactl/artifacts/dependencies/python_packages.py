"""What was installed: its noise taken away, and what it is, from the metadata of its packages.

https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import configparser
import csv
import email.parser
import io
import os
import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lambdactl.artifacts.model import Package

if TYPE_CHECKING:
    from lambdactl.artifacts.dependencies.python_uv import Platform

_NOISE = frozenset(
    ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json", "RECORD.jws")
)
"""Who installed, and from where on this machine: it says nothing to a function."""


@dataclass(frozen=True, slots=True)
class _Distribution:
    folder: Path
    name: str
    version: str
    requires: tuple[str, ...]
    files: tuple[Path, ...]


def tidy(folder: Path) -> None:
    """Leave what the wheels had in them, whoever installed them, when, where and with what.

    Commands that an installer makes from entry points carry the path of this machine's Python and
    are removed; programs that wheels bring are kept, and name no Python of this machine.
    """
    (folder / ".lock").unlink(missing_ok=True)
    for cache in [*folder.rglob("__pycache__")]:
        shutil.rmtree(cache)
    for information in sorted(folder.glob("*.dist-info")):
        gone = {information / name for name in _NOISE} | _launchers(information)
        for path in gone:
            path.unlink(missing_ok=True)
        _tidy_record(information, folder)
    commands = folder / "bin"
    if commands.is_dir():
        for path in sorted(commands.iterdir()):
            _tidy_command(path)
        if not any(commands.iterdir()):
            commands.rmdir()


def packages(folder: Path, platform: Platform, direct: Collection[str]) -> tuple[Package, ...]:
    """The packages of a folder, by name.

    :param direct: normalised names that the project itself asks for.
    """
    from packaging.utils import canonicalize_name

    found: dict[str, _Distribution] = {
        canonicalize_name(one.name): one
        for information in sorted(folder.glob("*.dist-info"))
        if (one := _distribution(information)) is not None
    }
    requires = {
        name: [wanted for wanted in _required(one, platform) if wanted in found and wanted != name]
        for name, one in found.items()
    }
    # Which extras were asked for is written nowhere; what nothing else explains came with one.
    orphans = found.keys() - set(direct) - {name for names in requires.values() for name in names}
    if orphans:
        for name, one in found.items():
            with_extras = _required(one, platform, extras=True)
            requires[name] += [wanted for wanted in with_extras if wanted in orphans]
    return tuple(
        Package(
            name=one.name,
            version=one.version,
            size=sum(_size(path) for path in one.files),
            requires=tuple(found[wanted].name for wanted in requires[name]),
            direct=name in direct,
        )
        for name, one in sorted(found.items())
    )


def _required(one: _Distribution, platform: Platform, *, extras: bool = False) -> list[str]:
    """Normalised names of what a package needs on Lambda, or, instead, of what its extras need."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    environment = environment_of(platform)
    names: dict[str, None] = {}
    for text in one.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        marker = requirement.marker
        plain = marker is None or marker.evaluate({**environment, "extra": ""})
        if plain == extras:
            continue
        if extras and marker is not None:
            words = re.findall(r"""extra\s*==\s*["']([^"']+)""", str(marker))
            if not any(marker.evaluate({**environment, "extra": word}) for word in words):
                continue
        names[canonicalize_name(requirement.name)] = None
    return list(names)


def environment_of(platform: Platform) -> dict[str, str]:
    """The environment of markers (PEP 508) in a function."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{platform.version}.0",
        "os_name": "posix",
        "platform_machine": platform.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{platform.version}.0",
        "python_version": platform.version,
        "sys_platform": "linux",
    }


def _distribution(information: Path) -> _Distribution | None:
    try:
        text = (information / "METADATA").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    headers = email.parser.HeaderParser().parsestr(text)
    name, version = headers["Name"], headers["Version"]
    if not name or not version:
        return None
    files = tuple(information.parent / row[0] for row in _record(information) if row)
    return _Distribution(
        information, str(name), str(version), tuple(headers.get_all("Requires-Dist", ())), files
    )


def _record(information: Path) -> list[list[str]]:
    try:
        text = (information / "RECORD").read_text(encoding="utf-8")
    except OSError:
        return []
    return list(csv.reader(io.StringIO(text)))


def _tidy_record(information: Path, folder: Path) -> None:
    """Name the files that are left, in one order. ``importlib.metadata`` reads it in functions."""
    kept: list[list[str]] = []
    for row in _record(information):
        if not row:
            continue
        path = Path(os.path.normpath(folder / row[0]))
        # uv writes the folder of commands as in a virtual environment, from where it has been.
        if not path.is_relative_to(folder) and path.parent.name == "bin":
            path = folder / "bin" / path.name
        if path.is_relative_to(folder) and path.is_file():
            name = path.relative_to(folder).as_posix()
            kept.append([name, "", ""] if name.startswith("bin/") else [name, *row[1:]])
    if not kept:
        return
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(sorted(kept))
    _replace(information / "RECORD", text.getvalue().encode())


def _launchers(information: Path) -> set[Path]:
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # As typeshed has it.
    try:
        parser.read_string((information / "entry_points.txt").read_text(encoding="utf-8"))
    except (OSError, ValueError, configparser.Error):
        return set()
    commands = information.parent / "bin"
    return {
        commands / name
        for section in ("console_scripts", "gui_scripts")
        if parser.has_section(section)
        for name in parser.options(section)
        if "/" not in name
    }


def _tidy_command(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        return
    with path.open("rb") as file:
        if file.read(2) != b"#!":
            return
        rest = file.read()
    first, _, body = rest.partition(b"\n")
    if body.startswith(b"'''exec' "):
        # A path with spaces in it, or a long one, stands in two lines that are Python too.
        body = body.split(b"\n", 2)[2]
    elif b"python" not in first or first.strip().startswith(b"/usr/bin/env"):
        return
    _replace(path, b"#!/usr/bin/env python3\n" + body)


def _replace(path: Path, content: bytes) -> None:
    """Write a file that may be a link to one in uv's cache."""
    mode = path.stat().st_mode
    path.unlink()
    path.write_bytes(content)
    path.chmod(mode)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
