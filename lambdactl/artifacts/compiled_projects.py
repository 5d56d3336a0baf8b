"""What is to be compiled: found from what a function's folder holds and its runtime says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lambdactl.artifacts.model import Tree
from lambdactl.manifest import runtimes

Kind = Literal["go", "rust", "maven", "gradle", "dotnet"]

_OUTPUTS: Mapping[Kind, frozenset[str]] = {
    "go": frozenset(),
    "rust": frozenset({"target"}),
    "maven": frozenset({"target"}),
    "gradle": frozenset({"build", ".gradle"}),
    "dotnet": frozenset({"bin", "obj"}),
}
"""Folders that tools write to beside the source."""
NEVER_SOURCE = frozenset({".git", ".lambdactl", ".aws-sam", ".idea", ".vs", ".vscode"})
"""Folders that no compiler reads."""
_PROJECTS = ("*.csproj", "*.fsproj", "*.vbproj")


@dataclass(frozen=True, slots=True)
class Project:
    """A function's code, to be compiled.

    :ivar folder: of the function's own code.
    :ivar manifest: the file that the tool starts from.
    :ivar base: the folder with all that decides the result: the module or the workspace that
        ``folder`` is a part of.
    """

    kind: Kind
    folder: Path
    manifest: Path
    base: Path


def find(source: Path, runtime: str | None, *, root: Path | None = None) -> Project | None:
    """What is to be compiled in ``source``; None where it is shipped as it is.

    :param root: the folder above which nothing is looked for: the manifest's.
    """
    family = runtimes.guess(runtime or "").family
    top = root if root is not None and source.is_relative_to(root) else source
    if family == "java":
        return _maven(source, top) or _gradle(source, top)
    if family == "dotnet":
        return _dotnet(source, top)
    if family in ("provided", "go"):
        return _go(source, top) or _rust(source, top) or _dotnet(source, top)
    return None


def sources(project: Project) -> Tree:
    """The files that decide what is made: part of the key of the artifact, not of its content."""
    from lambdactl.artifacts import gather  # Who only runs a function does not pay for it.

    leave = _OUTPUTS[project.kind] | NEVER_SOURCE
    return gather.inputs(project.base, leave=leave)


def _go(source: Path, top: Path) -> Project | None:
    module = _nearest(source, top, "go.mod")
    if module is None:
        return None
    # A module whose programs are further down is named so that the error is about that; with a
    # program in it somebody has compiled it already.
    is_module = module.parent == source and not (source / "bootstrap").exists()
    if not is_module and not any(source.glob("*.go")):
        return None
    workspace = _nearest(source, top, "go.work")
    return Project("go", source, module, (workspace or module).parent)


def _rust(source: Path, top: Path) -> Project | None:
    manifest = source / "Cargo.toml"
    if not manifest.is_file():
        return None
    lock = _nearest(source, top, "Cargo.lock")
    base = source
    for folder in upward(source, top):
        if folder == (lock.parent if lock else None) or _is_workspace(folder / "Cargo.toml"):
            base = folder
    return Project("rust", source, manifest, base)


def _is_workspace(manifest: Path) -> bool:
    try:
        return "[workspace]" in manifest.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _maven(source: Path, top: Path) -> Project | None:
    manifest = source / "pom.xml"
    if not manifest.is_file():
        return None
    base = source
    for folder in upward(source, top):
        if not (folder / "pom.xml").is_file():
            break
        base = folder
    return Project("maven", source, manifest, base)


def _gradle(source: Path, top: Path) -> Project | None:
    names = ("build.gradle", "build.gradle.kts")
    manifest = next((source / name for name in names if (source / name).is_file()), None)
    if manifest is None:
        return None
    settings = _nearest(source, top, "settings.gradle", "settings.gradle.kts")
    return Project("gradle", source, manifest, settings.parent if settings else source)


def _dotnet(source: Path, top: Path) -> Project | None:
    manifest = next((path for one in _PROJECTS for path in sorted(source.glob(one))), None)
    if manifest is None:
        return None
    solutions = ("*.sln", "*.slnx", "Directory.Build.props", "Directory.Packages.props")
    base = source
    for folder in upward(source, top):
        if any(any(folder.glob(one)) for one in solutions):
            base = folder
    return Project("dotnet", source, manifest, base)


def _nearest(source: Path, top: Path, *names: str) -> Path | None:
    for folder in upward(source, top):
        for name in names:
            if (folder / name).is_file():
                return folder / name
    return None


def upward(source: Path, top: Path) -> Iterator[Path]:
    """``source`` and the folders above it, up to ``top``."""
    yield source
    if source != top:
        for folder in source.parents:
            yield folder
            if folder == top:
                return
