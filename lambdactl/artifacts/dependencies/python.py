"""Python packages, installed through uv: wheels for Lambda's system, whatever machine this is."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from lambdactl.artifacts.dependencies import python_uv
from lambdactl.artifacts.dependencies.python_uv import Platform
from lambdactl.artifacts.dependencies.python_wanted import Wanted
from lambdactl.artifacts.model import Installed, Target, Work


class _Reader(Protocol):
    def read(self, found: Path, platform: Platform, shell: Mapping[str, str]) -> Wanted: ...

    def key(self, found: Path) -> bytes: ...


_READERS = {
    "uv.lock": "python_uv_lock",
    "poetry.lock": "python_poetry",
    "Pipfile.lock": "python_pipfile",
    "requirements.txt": "python_requirements",
    "pyproject.toml": "python_project",
    "Pipfile": "python_pipfile",
}
"""What names dependencies, the more exact first where a folder has several, and who reads it."""


def _reader(name: str) -> _Reader:
    # A build that has nothing to do reads one file, and should not import what reads the others.
    return cast(_Reader, importlib.import_module(f"{__package__}.{_READERS[name]}"))


def find(source: Path, root: Path) -> Path | None:
    """The file that names the dependencies of the code in ``source``: in its folder, or in the
    nearest one above it, up to ``root``."""
    source, root = source.absolute(), root.absolute()
    folders = [source, *source.parents] if source.is_relative_to(root) else [source]
    for folder in folders:
        for name in _READERS:
            path = folder / name
            if path.is_file() and (name != "pyproject.toml" or _names_dependencies(path)):
                return path
        if folder == root:
            break
    return None


def _names_dependencies(path: Path) -> bool:
    from lambdactl.artifacts.dependencies import python_project

    return python_project.names_dependencies(path)


def key(found: Path) -> bytes:
    """What decides what is installed: what the file asks for, what it refers to on this machine,
    and the uv that installs it.

    :raises UserError: a file can't be read.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        installer = version("uv")
    except PackageNotFoundError:
        # The user's own is asked then (python_uv.binary).
        installer = ""
    words = f"{found.name}\0{installer}\0"
    return words.encode() + _reader(found.name).key(found)


def read(found: Path, platform: Platform, shell: Mapping[str, str]) -> Wanted:
    """What ``found`` asks for.

    :raises UserError: a file can't be read, or is for another Python.
    """
    return _reader(found.name).read(found, platform, shell)


def install(found: Path, target: Target, into: Path, work: Work) -> Installed:
    """Install what ``found`` names into ``into``, an empty folder or none yet.

    Its files may be links to those of uv's cache: to be read and copied from, and neither changed
    nor run from.

    :raises UserError: a file can't be read, or is for another Python.
    :raises BuildError: a package has no wheel for the target, is not there, or does not fit others.
    :raises EnvironmentStartError: no uv, no network.
    """
    platform = python_uv.platform(target)
    wanted = read(found, platform, work.shell)
    into.mkdir(parents=True, exist_ok=True)
    if wanted.empty:
        return Installed(into, ())
    from lambdactl.artifacts.dependencies import python_building, python_packages

    scratch = Path(tempfile.mkdtemp(prefix="python-", dir=work.scratch))
    try:
        built = _install(wanted, platform, into, scratch, work)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    python_building.check(into, wanted)
    python_packages.tidy(into)
    # What the project has in a folder of its own it asks for itself, unless a lock says who does.
    direct = wanted.direct if wanted.closed and wanted.direct else wanted.direct | built
    return Installed(into, python_packages.packages(into, platform, direct))


def _install(
    wanted: Wanted, platform: Platform, into: Path, scratch: Path, work: Work
) -> frozenset[str]:
    """Returns the names of what wheels were made of."""
    from lambdactl.artifacts.dependencies import python_building
    from lambdactl.artifacts.dependencies.python_index import settings

    given = settings(work.shell, wanted.folder, indexes=wanted.indexes, pips=wanted.pips)
    shell = python_building.variables(given.shell, scratch)
    built = python_building.wheels(wanted, scratch, shell, work)
    lines = [*wanted.lines, *built.values()]
    arguments = [
        "pip",
        "install",
        *("--target", str(into)),
        *("--python", python_uv.interpreter()),
        *("--python-platform", platform.name),
        *("--python-version", platform.version),
        *("--only-binary", ":all:"),
        # A third of the time that copies take; where cache and folder are on two disks, they are.
        *("--link-mode", "hardlink"),
        "--no-editable",
        *wanted.options,
        *given.options,
    ]
    for name in wanted.builds:
        arguments += ["--no-binary", name]
    for name in wanted.anew:
        # Without, uv builds a folder again only where its pyproject.toml has changed.
        arguments += ["--reinstall-package", name]
    if wanted.closed:
        arguments.append("--no-deps")
    if wanted.project is not None:
        arguments += ["--requirements", str(wanted.project)]
    for option, texts in (("--requirements", lines), ("--constraints", wanted.constraints)):
        if texts:
            path = scratch / f"{option.strip('-')}.txt"
            path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
            arguments += [option, str(path)]
    if wanted.exact:
        # Nothing is left to ask an index for; uv would ask it all the same.
        answer = python_uv.run([*arguments, "--offline"], folder=wanted.folder, shell=shell)
        if answer.code == 0:
            return frozenset(built)
    answer = python_uv.run(arguments, folder=wanted.folder, shell=shell, tell=work.tell)
    if answer.code != 0 and not wanted.exact and python_uv.offline_error(answer.output):
        offline = python_uv.run([*arguments, "--offline"], folder=wanted.folder, shell=shell)
        if offline.code == 0:
            work.tell(f"no package index can be reached: {wanted.file} gets what uv's cache has")
            return frozenset(built)
    if answer.code != 0:
        raise python_uv.explained(answer.output, wanted.file, platform)
    return frozenset(built)
