"""What a Node.js project asks for: its package.json, the lock file that goes with it, and the
packages of the same repository that it uses."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lambdactl.errors import Location, UserError

Manager = Literal["npm", "pnpm", "yarn", "berry"]

LOCKS: Mapping[str, Manager] = {
    "npm-shrinkwrap.json": "npm",
    "package-lock.json": "npm",
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
}
"""In the order in which one of several in a folder is chosen, unless package.json has a
``packageManager``."""

SETTINGS = (
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    "pnpm-workspace.yaml",
    ".pnpmfile.cjs",
    ".pnpmfile.mjs",
    ".yarn/plugins",
    ".yarn/patches",
    ".yarn/releases",
    ".yarn/cache",
    "patches",
)
"""Files and folders beside a lock file that change what is installed."""

_NEEDED = ("dependencies", "optionalDependencies")
_DECIDING = (
    *_NEEDED,
    "peerDependencies",
    "overrides",
    "resolutions",
    "pnpm",
    "packageManager",
    "dependenciesMeta",
)
_ASIDE = frozenset(("node_modules", ".git", ".lambdactl", ".aws-sam", ".serverless"))
_LOCAL = re.compile(r"^(?:file|link|portal):(?!//)")
_BERRY = re.compile(r"^__metadata:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a package.json, and where its lock file is.

    :ivar root: the folder of the lock file: ``folder`` itself, or that of its workspace.
    :ivar members: folders of the workspace's packages.
    :ivar local: folders and archives of this machine that it depends on, at any depth.
    """

    folder: Path
    root: Path
    manager: Manager
    lock: Path | None
    manifest: Mapping[str, Any]
    members: tuple[Path, ...] = ()
    local: tuple[Path, ...] = ()

    @property
    def direct(self) -> frozenset[str]:
        """Names of the packages that it asks for to run."""
        return frozenset(needed(self.manifest))

    @property
    def base(self) -> Path:
        """The folder that holds all of it."""
        return Path(os.path.commonpath([self.root, self.folder, *self.local]))


def needed(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The production dependencies of a package.json: name to what is asked for."""
    found: dict[str, str] = {}
    for section in _NEEDED:
        part = manifest.get(section)
        if isinstance(part, dict):
            found.update({name: spec for name, spec in part.items() if isinstance(spec, str)})
    return found


def find(source: Path, root: Path) -> Path | None:
    """The nearest package.json from ``source`` upward to ``root`` that names a dependency."""
    for folder in (source, *source.parents):
        manifest = folder / "package.json"
        if manifest.is_file() and needed(read_manifest(manifest)):
            return manifest
        if folder == root or not folder.is_relative_to(root):
            break
    return None


def read_manifest(path: Path) -> dict[str, Any]:
    """A package.json.

    :raises UserError: it can't be read, or is not a JSON object.
    """
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except json.JSONDecodeError as error:
        where = Location(str(path), error.lineno, error.colno)
        raise UserError(f"{path.name} is not JSON: {error.msg}", where=where) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"can't read {path}: {reason}") from None
    if not isinstance(found, dict):
        raise UserError(f"{path.name} is not a JSON object", where=Location(str(path), 1, 1))
    return found


def read(found: Path) -> Project:
    """The project of a package.json (see :func:`find`).

    :raises UserError: a file can't be read.
    """
    folder = found.parent
    manifest = read_manifest(found)
    root, members = folder, _members(folder, manifest)
    lock = _lock(folder, manifest)
    if lock is None:
        for parent in folder.parents:
            if (parent / "package.json").is_file() or (parent / "pnpm-workspace.yaml").is_file():
                above = (
                    read_manifest(parent / "package.json")
                    if (parent / "package.json").is_file()
                    else {}
                )
                around = _members(parent, above)
                if folder in around:
                    root, members, lock = parent, around, _lock(parent, above)
                    break
    local = _local(folder, manifest, members)
    return Project(folder, root, _manager(lock, manifest), lock, manifest, members, local)


def _lock(folder: Path, manifest: Mapping[str, Any]) -> Path | None:
    there = [folder / name for name in LOCKS if (folder / name).is_file()]
    wanted = str(manifest.get("packageManager", "")).partition("@")[0]
    fitting = [lock for lock in there if LOCKS[lock.name] == wanted]
    return next(iter(fitting or there), None)


def _manager(lock: Path | None, manifest: Mapping[str, Any]) -> Manager:
    if lock is None:
        name, _, version = str(manifest.get("packageManager", "npm")).partition("@")
        if name == "yarn":
            return "yarn" if version.startswith(("0.", "1.")) else "berry"
        return "pnpm" if name == "pnpm" else "npm"
    manager = LOCKS[lock.name]
    # Yarn 2 and later begin theirs with a section of this name; Yarn 1 has no such key.
    if manager == "yarn" and _BERRY.search(lock.read_text("utf-8", "replace")[:2000]):
        return "berry"
    return manager


def _members(root: Path, manifest: Mapping[str, Any]) -> tuple[Path, ...]:
    """The folders of the workspace's packages, sorted."""
    patterns = manifest.get("workspaces") or ()
    if isinstance(patterns, dict):
        patterns = patterns.get("packages") or ()
    workspace = root / "pnpm-workspace.yaml"
    if workspace.is_file():
        patterns = _yaml(workspace).get("packages") or ()
    found: set[Path] = set()
    for pattern in patterns if isinstance(patterns, (list, tuple)) else ():
        if not isinstance(pattern, str):
            continue
        wanted = pattern.lstrip("!").removeprefix("./").strip("/")
        matching = set(_matching(root, wanted)) if wanted not in ("", ".") else set()
        found = found - matching if pattern.startswith("!") else found | matching
    return tuple(sorted(found))


def _matching(root: Path, pattern: str) -> Iterator[Path]:
    """The folders with a package.json that ``pattern`` means, none of them installed."""
    if "**" not in pattern:
        for folder in root.glob(pattern):
            if "node_modules" not in folder.parts and (folder / "package.json").is_file():
                yield folder
        return
    word = {"**/": "(?:.+/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    meant = re.compile("".join(word.get(part, re.escape(part)) for part in parts))
    for current, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _ASIDE)
        name = os.path.relpath(current, root).replace(os.sep, "/")
        if "package.json" in files and meant.fullmatch(name):
            yield Path(current)


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"can't read {path}: {str(error).splitlines()[0]}") from None
    return found if isinstance(found, dict) else {}


def _local(folder: Path, manifest: Mapping[str, Any], members: Iterable[Path]) -> tuple[Path, ...]:
    """What ``folder`` depends on of the packages on this machine: of its workspace by their names,
    of others by their paths."""
    names = {}
    for member in members:
        name = read_manifest(member / "package.json").get("name")
        if isinstance(name, str):
            names[name] = member
    found: dict[Path, None] = {}
    waiting = [(folder, manifest)]
    while waiting:
        here, described = waiting.pop()
        for name, spec in needed(described).items():
            if _LOCAL.match(spec):
                package = Path(os.path.normpath(here / _LOCAL.sub("", spec)))
            elif name in names:
                package = names[name]
            else:
                continue
            if package in found or package == folder:
                continue
            if not package.exists():
                raise UserError(
                    f"{name} is to come from {package}, which does not exist",
                    where=Location(str(here / "package.json")),
                )
            found[package] = None
            if (package / "package.json").is_file():
                waiting.append((package, read_manifest(package / "package.json")))
    return tuple(sorted(found))


def files(project: Project) -> Iterator[Path]:
    """Every file that a package manager must see to install what the project needs, sorted in
    their groups: manifests and settings of the workspace, then the local packages as a whole."""
    if project.lock is not None:
        yield project.lock
    for name in SETTINGS:
        yield from _all(project.root / name)
    for folder in dict.fromkeys((project.root, project.folder, *project.members)):
        for name in ("package.json", ".npmrc"):
            if (folder / name).is_file() and not (name == ".npmrc" and folder == project.root):
                yield folder / name
    for package in project.local:
        for file in _all(package):
            if file != package / "package.json" or package not in project.members:
                yield file


def _all(path: Path) -> Iterator[Path]:
    """The files under ``path``, or itself; nothing that was installed or built."""
    if path.is_file():
        yield path
        return
    for current, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name not in _ASIDE)
        for name in sorted(names):
            # Secrets of a local package have no place in an artifact either.
            if (Path(current) / name).is_file() and not _secret(name):
                yield Path(current) / name


def _secret(name: str) -> bool:
    return name == ".env" or name.startswith(".env.") or name.endswith((".pem", ".key"))


def key(project: Project) -> bytes:
    """Everything that decides what is installed. Not the project's own name and version: projects
    with equal lock files share what is installed."""
    found = hashlib.blake2b(digest_size=20)
    base = project.base
    found.update(os.fsencode(project.folder.relative_to(project.root)))
    for file in files(project):
        name = file.relative_to(base).as_posix()
        found.update(f"\0{name}\0".encode("utf-8", "surrogateescape"))
        found.update(_content(file, project))
    return found.digest()


def _content(file: Path, project: Project) -> bytes:
    if file.name == "package.json" and file.parent not in project.local:
        return _canonical({key: read_manifest(file).get(key) for key in _DECIDING})
    if file == project.lock and file.suffix == ".json":
        lock = read_manifest(file)
        lock = {name: part for name, part in lock.items() if name not in ("name", "version")}
        packages = lock.get("packages")
        if isinstance(packages, dict) and isinstance(packages.get(""), dict):
            own = {key: packages[""].get(key) for key in _DECIDING}
            lock["packages"] = {**packages, "": own}
        return _canonical(lock)
    if ".yarn" in file.parts and "cache" in file.parts:
        # Archives by the hundred: the lock file knows them by their checksums.
        return str(file.stat().st_size).encode()
    return file.read_bytes()


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
