"""Native code in Node.js packages: for which machine it is, and what to do where there is none.

Install scripts don't run: what they leave differs from machine to machine. Most packages bring
their native code ready made, as optional packages for each platform or in ``prebuilds``; for those
that compile theirs or load it from elsewhere, that script alone runs, where this machine is like
Lambda's (https://docs.npmjs.com/cli/using-npm/scripts, https://github.com/prebuild/prebuildify).
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lambdactl.artifacts.dependencies import elf, node_tree, tools
from lambdactl.artifacts.dependencies.node_managers import CPU
from lambdactl.artifacts.dependencies.node_project import Project, read_manifest
from lambdactl.artifacts.dependencies.node_tree import MODULES, packages_in
from lambdactl.artifacts.model import Target, Work
from lambdactl.errors import BuildError, EnvironmentStartError
from lambdactl.manifest.runtimes import guess

_COMPILES = re.compile(
    r"\b(node-gyp(?:-build)?|node-pre-gyp|prebuild-install|prebuild|cmake-js|node-waf)\b"
)
_SCRIPTS = ("preinstall", "install", "postinstall")
_WASTE = ("obj.target", "obj", ".deps", ".forge-meta")
_QUIETLY = ("--no-bin-links", "--foreground-scripts", "--loglevel=error", "--no-ignore-scripts")
_IN_CONTAINER = "build it in the function's image: `build: {container: true}`, or --container"


def check(project: Project, modules: Path, target: Target, work: Work) -> None:
    """See that each package has its native code for ``target``; make it where this machine can.

    :raises BuildError: the lock file knows a package for other platforms only, or a package has to
        be compiled, and that can't be done here or fails.
    """
    modules = Path(os.path.realpath(modules))
    missing: list[Path] = []
    optional: list[Path] = []
    required = node_tree.required(modules, project.manifest)
    skipped: list[str] = []
    for package in packages_in(modules):
        described = read_manifest(package / "package.json")
        _complete(project, package, described, target)
        how = _script(package, described)
        if how is None:
            continue
        if not how:
            skipped.append(_name(package, modules))
        elif not any(_is_for(file, target) for file in _binaries(package)):
            (missing if package in required else optional).append(package)
    if skipped:
        work.tell(f"install scripts that did not run: {', '.join(sorted(set(skipped)))}")
    if missing:
        _compile(sorted(missing), modules, target, work)
    # npm lets go of an optional package that can't be compiled, too.
    for package in sorted(optional, reverse=True):
        work.tell(f"left out, because it would have to be compiled: {_name(package, modules)}")
        shutil.rmtree(package)


def _complete(
    project: Project, package: Path, described: Mapping[str, Any], target: Target
) -> None:
    """npm has written lock files with the optional packages of the writer's platform alone
    (https://github.com/npm/cli/issues/4828)."""
    optional = described.get("optionalDependencies")
    ours = f"linux-{CPU[target.architecture]}"
    wanted = [
        name
        for name in (optional if isinstance(optional, dict) else ())
        if re.search(rf"\b{ours}\b", name) and "musl" not in name and "wasm" not in name
    ]
    # Of several, such as a library and its binding, each is needed; none at all is the mark.
    if not wanted or any(_is_there(package, name) for name in wanted):
        return
    if any(_is_for(file, target) for file in _binaries(package)):
        return
    where = project.lock or project.folder / "package.json"
    raise BuildError(
        f"{where}: {described.get('name')} needs {wanted[0]} on Lambda, and it was not installed",
        b"",
        hint="the lock file may be from a machine of another kind: remove it and node_modules, "
        "and install again",
    )


def _is_there(package: Path, name: str) -> bool:
    return any((parent / MODULES / name).is_dir() for parent in (package, *package.parents))


def _script(package: Path, described: Mapping[str, Any]) -> str | None:
    """How a package makes native code; "" if its scripts do something else, None without any."""
    scripts = described.get("scripts")
    scripts = scripts if isinstance(scripts, dict) else {}
    words = " ".join(str(scripts[name]) for name in _SCRIPTS if name in scripts)
    if _COMPILES.search(words):
        return words
    # npm compiles what has this file and no script of its own.
    if (package / "binding.gyp").is_file() and "install" not in scripts:
        return "node-gyp rebuild" if described.get("gypfile") is not False else None
    return "" if words else None


def _binaries(package: Path) -> Iterator[Path]:
    for current, folders, files in os.walk(package):
        folders[:] = [name for name in folders if name != MODULES]
        for name in files:
            if name.endswith(".node"):
                yield Path(current) / name


def _is_for(file: Path, target: Target) -> bool:
    """Whether a binary runs on the target. Those for musl say so in their names
    (https://github.com/prebuild/node-gyp-build)."""
    return "musl" not in file.name and elf.is_for(file, target)


def _compile(packages: list[Path], modules: Path, target: Target, work: Work) -> None:
    names = sorted({_name(package, modules) for package in packages})
    words = f"{', '.join(names)} {'needs' if len(names) == 1 else 'need'} native code that is made"
    if (reason := _unlike(target, work)) is not None:
        raise BuildError(f"{words} as it is installed, and {reason}", b"", hint=_IN_CONTAINER)
    npm = tools.find("npm", work)
    if npm is None:
        raise EnvironmentStartError("`npm` is not installed", hint="install Node.js")
    ended = tools.run(
        (npm, "rebuild", *_QUIETLY, *names),
        modules.parent,
        work,
    )
    for package in packages:
        _tidy(package)
    if ended.code != 0:
        raise BuildError(f"{words} here, and that failed", ended.output, hint=_IN_CONTAINER)
    for package in packages:
        for file in _binaries(package):
            if elf.is_for(file, target) and (version := elf.too_new(file, target)) is not None:
                raise BuildError(
                    f"{_name(package, modules)} was compiled for glibc {version}, and "
                    f"{target.runtime} has an older one",
                    ended.output,
                    hint=_IN_CONTAINER,
                )


def _unlike(target: Target, work: Work) -> str | None:
    """How this machine differs from the target; None where it does not."""
    machine = {"aarch64": "arm64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return "this machine does not run Linux with glibc"
    if machine != target.architecture:
        return f"this machine is {machine}, not {target.architecture}"
    node = tools.find("node", work)
    if node is None:
        return "Node.js is not installed"
    version = tools.run([node, "--version"], Path("/"), work).output.decode().strip().lstrip("v")
    wanted = guess(target.runtime).version
    if version.partition(".")[0] != wanted:
        return f"this machine has Node.js {version}, not {wanted}"
    return None


def _tidy(package: Path) -> None:
    """Of what was compiled, leave what is loaded: the rest holds paths and times."""
    build = package / "build"
    if not build.is_dir():
        return
    for current, folders, files in os.walk(build):
        for name in [name for name in folders if name in _WASTE]:
            shutil.rmtree(Path(current) / name)
            folders.remove(name)
        for name in files:
            if not re.search(r"\.(?:node|so(?:\.[\d.]+)?)$", name):
                (Path(current) / name).unlink()


def _name(package: Path, modules: Path) -> str:
    return package.relative_to(modules).as_posix().rpartition(f"{MODULES}/")[2]
