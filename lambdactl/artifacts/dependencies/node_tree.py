"""A tree of installed Node.js packages: as one ``node_modules`` folder without links, the same on
every machine, and what is in it.

Package managers lay their packages out in ways of their own: pnpm behind links, workspaces in the
folder of another package. Node.js's own rule
(https://nodejs.org/api/modules.html#loading-from-node_modules-folders) says which package is
meant; with it they are laid out again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdactl.artifacts.dependencies.node_managers import CPU
from lambdactl.artifacts.dependencies.node_project import needed, read_manifest
from lambdactl.artifacts.model import Package, Target
from lambdactl.errors import UserError

MODULES = "node_modules"
_NOTES = frozenset(
    (
        ".bin",
        ".package-lock.json",
        ".yarn-integrity",
        ".yarn-state.yml",
        ".modules.yaml",
        ".pnpm",
        ".pnpm-workspace-state.json",
        ".pnpm-workspace-state-v1.json",
        ".cache",
        ".npmrc",
    )
)
"""What package managers leave in ``node_modules`` for themselves."""
_WRITTEN = ("_where", "_resolved", "_args", "_requested", "_requiredBy", "_from", "_inBundle")
"""What npm up to 6 wrote into each package.json: absolute paths among them."""


@dataclass
class _Node:
    """A package on the disk and what it finds when it asks for others."""

    folder: Path
    finds: dict[str, Path] = field(default_factory=dict)
    bundled: frozenset[str] = frozenset()


def lay_out(
    folder: Path, modules: Path, target: Target, only: frozenset[str] | None = None
) -> None:
    """Lay the production dependencies of the installed package in ``folder`` out in ``modules``.

    :param only: of those that it asks for itself, these.
    :raises UserError: they can't be laid out without links.
    """
    top, nodes = _resolved(folder, target)
    if only is not None:
        top = {name: package for name, package in top.items() if name in only}
    placed: dict[str, Path] = {}
    waiting: list[tuple[str, Path]] = []
    for name, package in sorted(top.items()):
        placed[name] = package
        waiting.append((name, package))
    while waiting:
        place, package = waiting.pop(0)
        for name, wanted in sorted(nodes[package].finds.items()):
            if _found(place, name, placed) == wanted:
                continue
            if wanted in _around(place, placed):
                raise _circle(package, wanted)
            # Highest where nobody on the way finds another one by this name.
            above = name if name not in placed else f"{place}/{MODULES}/{name}"
            placed[above] = wanted
            waiting.append((above, wanted))
    for place, package in sorted(placed.items()):
        _copy(nodes[package], modules / place)


def _around(place: str, placed: Mapping[str, Path]) -> Iterator[Path]:
    """The package at ``place``, and those that it is in."""
    while place:
        yield placed[place]
        place = place.rpartition(f"/{MODULES}/")[0]


def _circle(package: Path, wanted: Path) -> UserError:
    """A package would have to be within itself, and so on without end: several versions of
    packages need each other. npm leaves such a one out, and what needs it gets another version
    (https://docs.npmjs.com/cli/v11/configuring-npm/folders#cycles-conflicts-and-folder-parsimony).
    """
    return UserError(
        f"{_titled(package)} and {_titled(wanted)} need each other in several versions, which "
        "only works with links between folders, and an artifact has none",
        hint="`bundle: esbuild` makes one file of them; or override one of the versions",
    )


def _titled(package: Path) -> str:
    described = read_manifest(package / "package.json")
    return f"{described.get('name', package.name)}@{described.get('version', '?')}"


def _found(place: str, name: str, placed: Mapping[str, Path]) -> Path | None:
    """What the package at ``place`` finds by ``name``."""
    while True:
        if (package := placed.get(f"{place}/{MODULES}/{name}")) is not None:
            return package
        above, nested, _ = place.rpartition(f"/{MODULES}/")
        if not nested:
            return placed.get(name)
        place = above


def _resolved(folder: Path, target: Target) -> tuple[dict[str, Path], dict[Path, _Node]]:
    start = Path(os.path.realpath(folder))
    nodes: dict[Path, _Node] = {}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        if here in nodes:
            continue
        described = read_manifest(here / "package.json")
        bundled = described.get("bundleDependencies", described.get("bundledDependencies"))
        names = set(needed(described)) | set(_mapping(described, "peerDependencies"))
        if here == start:
            names = set(needed(described))
        elif bundled is True:
            bundled = sorted(needed(described))
        node = nodes[here] = _Node(here)
        # The project's own word on bundling is for its publication.
        if here != start and isinstance(bundled, list):
            node.bundled = frozenset(str(name) for name in bundled)
        for name in names - node.bundled:
            package = _look(here, name)
            if package is not None and package != here and _fits(package, target):
                node.finds[name] = package
                waiting.append(package)
    top = nodes[start].finds
    return {name: package for name, package in top.items() if package != start}, nodes


def _look(folder: Path, name: str) -> Path | None:
    for parent in (folder, *folder.parents):
        if parent.name != MODULES and (parent / MODULES / name / "package.json").is_file():
            return Path(os.path.realpath(parent / MODULES / name))
    return None


def _mapping(described: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = described.get(name)
    return found if isinstance(found, dict) else {}


def _fits(package: Path, target: Target) -> bool:
    """Whether a package is for the target (``os``, ``cpu``, ``libc`` of its package.json)."""
    described = read_manifest(package / "package.json")
    ours = {"os": "linux", "cpu": CPU[target.architecture], "libc": "glibc"}
    for name, own in ours.items():
        words = described.get(name)
        words = [words] if isinstance(words, str) else words
        if not isinstance(words, list) or not words:
            continue
        refused = [str(word)[1:] for word in words if str(word).startswith("!")]
        asked = [word for word in words if not str(word).startswith("!")]
        if own in refused or (asked and own not in asked and "any" not in asked):
            return False
    return True


def _copy(node: _Node, place: Path) -> None:
    """Hard links: what was installed is the build's own copy, and is thrown away."""

    def aside(folder: str, names: list[str]) -> Sequence[str]:
        return [MODULES] if Path(folder) == node.folder and MODULES in names else []

    shutil.copytree(
        node.folder, place, symlinks=True, copy_function=os.link, ignore=aside, dirs_exist_ok=True
    )
    for name in sorted(node.bundled):
        bundled = node.folder / MODULES / name
        if bundled.is_dir():
            shutil.copytree(
                bundled,
                place / MODULES / name,
                symlinks=True,
                copy_function=os.link,
                dirs_exist_ok=True,
            )


def clean(modules: Path, target: Target) -> None:
    """Remove what differs between machines or is for another one."""
    for folder in list(_modules_folders(modules)):
        for entry in list(folder.iterdir()):
            if entry.name in _NOTES or entry.name.startswith(".yarn"):
                _remove(entry)
    for package in list(packages_in(modules)):
        manifest = package / "package.json"
        if not _fits(package, target):
            _remove(package)
            continue
        described = read_manifest(manifest)
        _allow(package, described.get("bin"))
        if any(name in described for name in _WRITTEN):
            kept = {name: part for name, part in described.items() if name not in _WRITTEN}
            written = manifest.with_name(".package.json")
            written.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", "utf-8")
            written.replace(manifest)


def _allow(package: Path, programs: object) -> None:
    """Let a package's programs be run, as all package managers do when they link them."""
    paths = programs.values() if isinstance(programs, dict) else (programs,)
    for path in paths:
        program = package / path if isinstance(path, str) else package
        if program.is_file() and program.resolve().is_relative_to(package.resolve()):
            program.chmod(0o755)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _modules_folders(modules: Path) -> Iterator[Path]:
    for current, folders, _ in os.walk(modules):
        if Path(current).name == MODULES:
            yield Path(current)
        folders.sort()


def packages_in(modules: Path) -> Iterator[Path]:
    """The folders of the packages in a ``node_modules``, those inside of others after them."""
    if not modules.is_dir():
        return
    for entry in sorted(modules.iterdir()):
        if entry.name.startswith("."):
            continue
        inside = sorted(entry.iterdir()) if entry.name.startswith("@") else [entry]
        for package in inside:
            if (package / "package.json").is_file():
                yield package
                yield from packages_in(package / MODULES)


def described(modules: Path, direct: frozenset[str]) -> tuple[Package, ...]:
    """What is installed, sorted by name; one at several places is one, with the size of all."""
    found: dict[tuple[str, str], Package] = {}
    for folder in packages_in(modules):
        manifest = read_manifest(folder / "package.json")
        name = folder.relative_to(modules).as_posix().rpartition(f"{MODULES}/")[2]
        version = str(manifest.get("version", ""))
        there = found.get((name, version))
        pulled = {*needed(manifest), *_mapping(manifest, "peerDependencies")}
        requires = {other for other in pulled if _look(folder, other) is not None}
        found[name, version] = Package(
            name,
            version,
            size(folder) + (there.size if there else 0),
            tuple(sorted(requires | set(there.requires if there else ()))),
            direct=(name in direct and folder.parent in (modules, modules / name.split("/")[0]))
            or bool(there and there.direct),
        )
    return tuple(found[key] for key in sorted(found))


def required(modules: Path, manifest: Mapping[str, Any]) -> set[Path]:
    """The folders of the packages that the project can't do without: reached from it over no
    optional dependency."""
    found: set[Path] = set()
    waiting: list[tuple[Path, Mapping[str, Any]]] = [(modules.parent, manifest)]
    while waiting:
        folder, described = waiting.pop()
        optional = _mapping(described, "optionalDependencies")
        for name in _mapping(described, "dependencies"):
            package = _look(folder, name) if name not in optional else None
            if package is not None and package not in found:
                found.add(package)
                waiting.append((package, read_manifest(package / "package.json")))
    return found


def size(folder: Path) -> int:
    """Bytes of a package, without the packages inside it."""
    total = 0
    for current, folders, files in os.walk(folder):
        if Path(current) == folder and MODULES in folders:
            folders.remove(MODULES)
        for name in files:
            total += (Path(current) / name).lstat().st_size
    return total
