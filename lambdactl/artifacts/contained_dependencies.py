"""Package managers inside a function's image.

What is to be installed is read on this machine, by the modules of
:mod:`lambdactl.artifacts.dependencies`, and what was installed is made the same everywhere by them,
too. Only the installation itself runs in the container: there a package that comes as source is
compiled, against the libraries that the function will find.
"""

from __future__ import annotations

import dataclasses
import platform
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lambdactl.artifacts import contained
from lambdactl.artifacts.contained import OUTPUT, SOURCE
from lambdactl.artifacts.contained_engine import Bind, ContainerBuilds
from lambdactl.artifacts.model import Installed, Target, Work
from lambdactl.errors import UserError
from lambdactl.manifest.model import Function
from lambdactl.manifest.runtimes import guess

if TYPE_CHECKING:
    from lambdactl.artifacts.dependencies.node_project import Project

_UV, _GIVEN = "/lambdactl/uv", "/lambdactl/given"
_MACHINES: Mapping[str, str] = {"x86_64": "x86_64", "arm64": "aarch64"}


class Run(Protocol):
    """Runs a script in the container."""

    def __call__(
        self,
        script: str,
        folder: str,
        binds: Sequence[Bind],
        environment: Mapping[str, str],
        shell: Mapping[str, str] | None = None,
    ) -> None: ...


def install(
    function: Function,
    found: Path,
    target: Target,
    root: Path,
    builds: ContainerBuilds,
    into: Path,
    work: Work,
) -> Installed:
    """See :func:`lambdactl.artifacts.contained.dependencies`."""
    image = builds.image(function)

    def run(
        script: str,
        folder: str,
        binds: Sequence[Bind],
        environment: Mapping[str, str],
        shell: Mapping[str, str] | None = None,
    ) -> None:
        contained.run(
            function.name,
            image,
            ("/bin/sh", "-c", script),
            said="the installation of its dependencies",
            folder=folder,
            binds=binds,
            environment=environment,
            work=work if shell is None else dataclasses.replace(work, shell=shell),
            builds=builds,
        )

    family = guess(target.runtime).family
    if family == "python":
        return _python(found, target, root, image.architecture, into, work, run)
    if family == "nodejs":
        return _node(found, target, into, work, run)
    if family == "ruby":
        return _ruby(found, into, work, run)
    raise UserError(
        f"{function.name}: dependencies for {target.runtime} are not installed in a container",
        where=function.where,
        hint="`build: {container: true, command: ...}` runs commands of your own there",
    )


def _python(
    found: Path,
    target: Target,
    root: Path,
    architecture: str,
    into: Path,
    work: Work,
    run: Run,
) -> Installed:
    from lambdactl.artifacts.dependencies import python, python_index, python_packages, python_uv

    wheels = python_uv.platform(target)
    wanted = python.read(found, wheels, work.shell)
    if wanted.empty:
        return Installed(into, ())
    base = contained.common(root.resolve(), found.parent.resolve())
    given = contained.scratch(work, "given-")
    lines = [*wanted.lines]
    lines += [
        f"{local.path}{local.extras}" + (f" ; {local.marker}" if local.marker else "")
        for local in wanted.locals
    ]
    for name, content in (("requirements.txt", lines), ("constraints.txt", wanted.constraints)):
        text = "".join(f"{line}\n" for line in content).replace(str(base), SOURCE)
        (given / name).write_text(text, encoding="utf-8")
    settings = python_index.settings(
        work.shell, wanted.folder, indexes=wanted.indexes, pips=wanted.pips
    )
    words = [
        *(_UV, "pip", "install", "--python", "python3", "--target", OUTPUT),
        *("--link-mode", "copy", "--no-progress", "--color", "never"),
        *(word.replace(str(base), SOURCE) for word in (*wanted.options, *settings.options)),
        *(("--requirements", f"{_GIVEN}/requirements.txt") if lines else ()),
        *(("--requirements", contained.inside(base, wanted.project)) if wanted.project else ()),
        *(("--no-deps",) if wanted.closed else ()),
        "--no-editable",
        *(("--constraints", f"{_GIVEN}/constraints.txt") if wanted.constraints else ()),
    ]
    source = base
    # Some build beside their source.
    builds_here = any(str(base) in line for line in lines)
    if builds_here:
        source = contained.scratch(work, "source-")
        contained.copy_tree(base, source, work)
    run(
        shlex.join(words),
        contained.inside(base, found.parent.resolve()),
        [
            Bind(into, OUTPUT, writable=True),
            Bind(source, SOURCE, writable=builds_here),
            Bind(given, _GIVEN),
            Bind(_uv(architecture, work), _UV),
        ],
        {"UV_CACHE_DIR": f"{contained.CACHE}/uv"},
        _elsewhere(settings.shell),
    )
    direct = wanted.direct | _locals(into)
    python_packages.tidy(into)
    return Installed(into, python_packages.packages(into, wheels, direct))


def _locals(folder: Path) -> set[str]:
    """Names of the packages that came from the project itself
    (https://packaging.python.org/en/latest/specifications/direct-url/)."""
    from packaging.utils import canonicalize_name

    return {
        canonicalize_name(path.parent.name.partition("-")[0])
        for path in folder.glob("*.dist-info/direct_url.json")
        if f"file://{SOURCE}" in path.read_text("utf-8")
    }


def _elsewhere(shell: Mapping[str, str]) -> dict[str, str]:
    """The shell, without indexes that are folders of this machine."""
    result: dict[str, str] = {}
    for name, value in shell.items():
        if not name.startswith("UV_"):
            result[name] = value
            continue
        separator = "," if name == "UV_FIND_LINKS" else " "
        kept = [word for word in value.split(separator) if not word.startswith(("/", "file:"))]
        if kept and name != "UV_CONFIG_FILE":
            result[name] = separator.join(kept)
    return result


def _uv(architecture: str, work: Work) -> Path:
    """A uv that runs in the image: this machine's own, or one from the package index."""
    from importlib.metadata import version

    from lambdactl.artifacts.dependencies import python_index, python_uv

    machine = _MACHINES[architecture]
    ours = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if sys.platform.startswith("linux") and ours == machine and platform.libc_ver()[0] == "glibc":
        return Path(python_uv.binary(work.shell)).resolve()
    number = version("uv")
    kept = work.cache / "containers" / f"uv-{number}-{machine}"
    if not kept.is_file():
        folder = contained.scratch(work, "uv-")
        settings = python_index.settings(work.shell, folder)
        answer = python_uv.run(
            [
                *("pip", "install", f"uv=={number}", "--target", str(folder), "--no-deps"),
                *("--python-platform", f"{machine}-manylinux2014", "--only-binary", ":all:"),
                *("--python", python_uv.interpreter(), *settings.options),
            ],
            folder=folder,
            shell=settings.shell,
            tell=work.tell,
        )
        if answer.code != 0:
            raise python_uv.explained(
                answer.output,
                folder / "uv",
                python_uv.Platform("3", f"{machine}-manylinux2014", machine),
            )
        kept.parent.mkdir(parents=True, exist_ok=True)
        (folder / "bin" / "uv").replace(kept)
    return kept


def _node(found: Path, target: Target, into: Path, work: Work, run: Run) -> Installed:
    from lambdactl.artifacts.dependencies import node_project, node_tree

    project = node_project.read(found)
    base = contained.scratch(work, "node-")
    for file in node_project.files(project):
        copy = base / file.relative_to(project.base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    top = project.root.relative_to(project.base)
    words, variables = _node_words(project)
    run(
        shlex.join(words),
        f"{SOURCE}/{top.as_posix()}",
        [Bind(base, SOURCE, writable=True)],
        {"COREPACK_ENABLE_DOWNLOAD_PROMPT": "0", "NO_COLOR": "1", **variables},
    )
    modules = into / node_tree.MODULES
    node_tree.lay_out(base / project.folder.relative_to(project.base), modules, target)
    node_tree.clean(modules, target)
    return Installed(into, node_tree.described(modules, project.direct))


def _node_words(project: Project) -> tuple[list[str], dict[str, str]]:
    """The command of a package manager. The image has npm; the others it gets through that."""
    member = project.folder.relative_to(project.root).as_posix()
    asked = str(project.manifest.get("packageManager", "")).partition("+")[0]
    lock = project.lock is not None
    if project.manager == "npm":
        words = ["npm", "ci" if lock else "install", "--omit=dev", "--no-progress"]
        words += ["--loglevel=error", "--install-strategy=hoisted"]
        words += [] if member == "." else [f"--workspace={member}"]
        return words + ([] if lock else ["--no-package-lock"]), {}
    if project.manager == "pnpm":
        words = ["npx", "--yes", asked if asked.startswith("pnpm@") else "pnpm"]
        words += [] if member == "." else [f"--filter=./{member}..."]
        words += ["install", "--prod", "--reporter=append-only"]
        words += ["--config.package-import-method=copy", "--config.virtual-store-dir=.pnpm"]
        words += ["--config.enable-global-virtual-store=false"]
        return [*words, "--frozen-lockfile" if lock else "--no-lockfile"], {}
    if project.manager == "yarn":
        words = ["npx", "--yes", asked if asked.startswith("yarn@1") else "yarn@1"]
        words += ["install", "--production", "--non-interactive", "--no-progress"]
        return [*words, "--frozen-lockfile" if lock else "--no-lockfile"], {}
    name, _, number = asked.partition("@")
    number = number if name == "yarn" else "latest"
    words = ["npx", "--yes", "--package", f"@yarnpkg/cli-dist@{number}", "yarn", "install"]
    variables = {
        "YARN_NODE_LINKER": "node-modules",
        "YARN_NM_MODE": "classic",
        "YARN_ENABLE_TELEMETRY": "0",
        "YARN_ENABLE_GLOBAL_CACHE": "0",
        "YARN_IGNORE_PATH": "1",
    }
    return words + (["--immutable"] if lock else []), variables


def _ruby(found: Path, into: Path, work: Work, run: Run) -> Installed:
    """Into ``vendor/bundle``, where Bundler looks for gems by ``.bundle/config`` or Lambda by
    ``GEM_PATH`` (https://docs.aws.amazon.com/lambda/latest/dg/ruby-package.html)."""
    base = contained.scratch(work, "ruby-")
    contained.copy_tree(found.parent, base, work)
    run(
        "bundle install",
        SOURCE,
        [Bind(base, SOURCE, writable=True), Bind(into, OUTPUT, writable=True)],
        {
            "BUNDLE_PATH": f"{OUTPUT}/vendor/bundle",
            "BUNDLE_WITHOUT": "development:test",
            "BUNDLE_FROZEN": "true" if (base / "Gemfile.lock").is_file() else "false",
            "BUNDLE_SILENCE_ROOT_WARNING": "true",
        },
    )
    _tidy_gems(into / "vendor" / "bundle")
    return Installed(into, ())


def _tidy_gems(folder: Path) -> None:
    """Remove what differs between two builds, and what nothing loads."""
    for gems in folder.glob("ruby/*"):
        for name in ("bin", "build_info", "cache", "doc", "plugins"):
            shutil.rmtree(gems / name, ignore_errors=True)
        for trace in ("gem_make.out", "mkmf.log", "Makefile"):
            for path in [*gems.rglob(trace)]:
                path.unlink()
