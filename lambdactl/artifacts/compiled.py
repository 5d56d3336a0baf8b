"""Functions in Go, Rust, Java and .NET: compiled with their language's own tools.

``aws-lambda-builders``, which SAM builds with too, knows how each of these tools is called and what
of its output Lambda wants: ``bootstrap`` for what runs on an OS-only runtime, classes and ``lib/``
for Java, assemblies for .NET
(https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html, rust-package.html,
java-package.html, csharp-package-cli.html). What it leaves open is decided here: that the same
source gives the same bytes wherever it lies.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lambdactl.artifacts import compiled_worker
from lambdactl.artifacts.model import Entry, Target, Tree, Work
from lambdactl.errors import BuildError, EnvironmentStartError, UserError
from lambdactl.manifest import runtimes

Kind = Literal["go", "rust", "maven", "gradle", "dotnet"]

MAX_OUTPUT = 256 * 1024
"""Bytes of a build's output that are kept; the end says what went wrong."""

_CAPABILITIES: Mapping[Kind, tuple[str, str, str | None]] = {
    "go": ("go", "modules", None),
    "rust": ("rust", "cargo", None),
    "maven": ("java", "maven", None),
    "gradle": ("java", "gradle", None),
    "dotnet": ("dotnet", "cli-package", None),
}
_LANGUAGES: Mapping[Kind, str] = {
    "go": "Go",
    "rust": "Rust",
    "maven": "Java, for Maven",
    "gradle": "Java, for Gradle",
    "dotnet": ".NET",
}
_TOOLS: Mapping[Kind, Mapping[str, str]] = {
    "go": {"go": "install Go (`apt install golang-go`, `brew install go`, https://go.dev/dl)"},
    "rust": {
        "cargo": "install Rust (https://rustup.rs)",
        "cargo-lambda": "install Cargo Lambda (`pip install cargo-lambda`, "
        "`brew install cargo-lambda/tap/cargo-lambda`)",
    },
    "maven": {
        "mvn": "install Maven (`apt install maven`, `brew install maven`)",
        "javac": "install a JDK (https://docs.aws.amazon.com/corretto)",
    },
    "gradle": {
        "gradle": "commit the project's wrapper, `gradlew`, or install Gradle "
        "(`brew install gradle`, https://gradle.org/install)",
        "java": "install a JDK (https://docs.aws.amazon.com/corretto)",
    },
    "dotnet": {"dotnet": "install the .NET SDK (https://dotnet.microsoft.com/download)"},
}
"""The programs that each needs, and where they come from."""

_OUTPUTS: Mapping[Kind, frozenset[str]] = {
    "go": frozenset(),
    "rust": frozenset({"target"}),
    "maven": frozenset({"target"}),
    "gradle": frozenset({"build", ".gradle"}),
    "dotnet": frozenset({"bin", "obj"}),
}
"""Folders that tools write to beside the source."""
_NEVER_SOURCE = frozenset({".git", ".lambdactl", ".aws-sam", ".idea", ".vs", ".vscode"})
_PROJECTS = ("*.csproj", "*.fsproj", "*.vbproj")
_WRAPPER = "gradlew"


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
    leave = _OUTPUTS[project.kind] | _NEVER_SOURCE
    entries: list[Entry] = []
    for folder, names, files in os.walk(project.base):
        names[:] = [name for name in names if name not in leave]
        for name in files:
            path = Path(folder, name)
            try:
                size = path.stat().st_size
            except OSError:
                # A link to nothing: no compiler reads it either.
                continue
            if path.is_file():
                entries.append(Entry(path.relative_to(project.base).as_posix(), path, size))
    return Tree(tuple(sorted(entries, key=lambda entry: entry.name)))


def parts(project: Project, target: Target, *, shell: Mapping[str, str]) -> dict[str, object]:
    """What else decides it: the tools, by where and since when they are, and the variables that
    they listen to. For JSON.

    :raises EnvironmentStartError: a tool is missing.
    """
    from importlib.metadata import version

    stamps = {}
    for name, path in _tools(project, project.folder.name, shell).items():
        stat = Path(path).stat()
        stamps[name] = [str(Path(path).resolve()), stat.st_size, stat.st_mtime_ns]
    listened = ("GO", "CGO_", "CARGO_", "RUST", "MAVEN_", "GRADLE_", "JAVA_", "DOTNET_", "NUGET_")
    variables = {name: shell[name] for name in sorted(shell) if name.startswith(listened)}
    return {
        "kind": project.kind,
        "folder": project.folder.relative_to(project.base).as_posix(),
        "runtime": target.runtime,
        "architecture": target.architecture,
        "tools": stamps,
        "variables": variables,
        "builders": version("aws-lambda-builders"),
    }


def build(
    project: Project,
    target: Target,
    into: Path,
    work: Work,
    *,
    name: str,
    handler: str | None = None,
    environment: Mapping[str, str] | None = None,
    layer: bool = False,
) -> None:
    """Compile ``project`` for ``target``; what Lambda takes comes into the empty folder ``into``.

    :param name: of the function, for messages.
    :param handler: the function's. It names the program on ``go1.x``, and which one of a Rust
        package that has several.
    :param environment: variables on top of the shell's.
    :param layer: Java: jars in ``lib/``, as a layer has them.
    :raises EnvironmentStartError: a tool is missing; the hint says how to get it.
    :raises BuildError: it does not compile.
    """
    shell = {**work.shell, **(environment or {})}
    tools = _tools(project, name, shell)
    variables = _environment(project, target, shell, work)
    with _alone(project, work), tempfile.TemporaryDirectory(dir=work.scratch) as scratch:
        request = {
            "capability": _CAPABILITIES[project.kind],
            "ignored": [*_NEVER_SOURCE, *_below(project.folder, work.scratch)],
            "build": {
                "source_dir": str(project.folder),
                "artifacts_dir": str(into),
                "scratch_dir": scratch,
                "manifest_path": str(project.manifest),
                "runtime": _runtime(target.runtime),
                "unpatched_runtime": target.runtime,
                "architecture": target.architecture,
                "mode": "release",
                "is_building_layer": layer,
                "options": _options(project, target, handler),
                "executable_search_paths": sorted(
                    {str(Path(path).parent) for path in tools.values()}
                ),
            },
        }
        # Where Go finds no program the library looks for one below, which says nothing to the user.
        noise = str(project.folder / _program(target, handler)) if project.kind == "go" else None
        said, output = _run(request, project.folder, variables, work, noise)
    if said is not None:
        raise _failed(project, name, said, output)
    _check(project, target, into, name, handler, output)


def _run(
    request: Mapping[str, object],
    folder: Path,
    environment: Mapping[str, str],
    work: Work,
    noise: str | None,
) -> tuple[str | None, bytes]:
    """What went wrong, if anything did, and the end of what was printed."""
    output = bytearray()
    with work.children.run(
        [sys.executable, "-P", compiled_worker.__file__, json.dumps(request)],
        # Where version managers look which version of a tool is meant.
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stderr:
            if noise is not None and noise.encode() in line:
                continue
            output += line
            del output[:-MAX_OUTPUT]
            work.tell(line.decode("utf-8", "replace").rstrip())
        answer = process.stdout.read()
        process.stdin.close()
        code = process.wait()
    if not answer:
        return f"the builder ended with {code}", bytes(output)
    said = json.loads(answer)
    return said if said is None else str(said), bytes(output)


def _failed(project: Project, name: str, said: str, output: bytes) -> BuildError:
    # As "JavaMavenWorkflow:MavenBuild - Maven Failed: ...": what comes after that a tool has said
    # before, mostly.
    _, _, reason = said.partition(" - ")
    reason = (reason or said).strip()
    if not output.strip():
        output = reason.encode()
    last = reason.splitlines()[-1] if reason else ""
    if last.encode() not in output and project.kind != "go":
        output += b"\n" + reason.encode()
    return BuildError(
        f"{name} can't be built: {_LANGUAGES[project.kind]} in {project.folder} does not compile",
        output,
        hint=_hint(project, output),
    )


def _hint(project: Project, output: bytes) -> str | None:
    text = output.decode("utf-8", "replace")
    if project.kind == "go" and "no Go files in" in text:
        return "let `code` name the folder with `package main`"
    missing = re.search(r"the `(\S+)` target may not be installed", text)
    if missing is not None:
        return f"rustup target add {missing[1]}"
    if project.kind == "go" and "updates to go.mod needed" in text:
        return f"go mod tidy -C {project.base}"
    if project.kind == "go" and "missing go.sum entry" in text:
        return f"in {project.base}: go mod tidy"
    return None


def _check(
    project: Project,
    target: Target,
    into: Path,
    name: str,
    handler: str | None,
    output: bytes,
) -> None:
    """See that there is what Lambda starts."""
    if not any(into.iterdir()):
        raise BuildError(f"the build of {name} ended well and made nothing", output)
    if project.kind not in ("go", "rust"):
        return
    program = into / _program(target, handler)
    if not program.is_file():
        raise BuildError(f"the build of {name} ended well and made no {program.name}", output)
    with program.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            raise UserError(
                f"{project.folder} of {name} is compiled to a library, which Lambda can't start",
                hint="let `code` name the folder with `package main`",
            )
    program.chmod(0o755)


def _options(project: Project, target: Target, handler: str | None) -> dict[str, object]:
    if project.kind == "go":
        return {"artifact_executable_name": _program(target, handler), "trim_go_path": True}
    if project.kind == "rust":
        named = _named(project, handler)
        return {"artifact_executable_name": named} if named else {}
    return {}


def _program(target: Target, handler: str | None) -> str:
    """What Lambda starts: ``bootstrap``, but for the runtime of the old times
    (https://docs.aws.amazon.com/lambda/latest/dg/lambda-golang.html)."""
    return handler or "main" if target.runtime == "go1.x" else "bootstrap"


def _named(project: Project, handler: str | None) -> str | None:
    """The program of a Rust package that ``handler`` names, where it has several."""
    import tomllib

    try:
        manifest = tomllib.loads(project.manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Cargo says what is wrong with it.
        return None
    names = {str(one["name"]) for one in manifest.get("bin", []) if "name" in one}
    folder = project.folder / "src" / "bin"
    if folder.is_dir():
        names |= {path.stem for path in folder.iterdir() if path.suffix in (".rs", "")}
    if (project.folder / "src" / "main.rs").is_file() and not manifest.get("bin"):
        names.add(str(manifest.get("package", {}).get("name", "")))
    return handler if handler in names else None


@contextlib.contextmanager
def _alone(project: Project, work: Work) -> Iterator[None]:
    """Cargo and .NET write what they make beside the source, for whatever function, runtime and
    architecture: two builds of the same would ship each other's."""
    if project.kind not in ("rust", "dotnet"):
        yield
        return
    work.cache.mkdir(parents=True, exist_ok=True)
    mark = hashlib.sha256(os.fsencode(project.base)).hexdigest()[:16]
    with (work.cache / f"{project.kind}-{mark}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _environment(
    project: Project, target: Target, shell: Mapping[str, str], work: Work
) -> dict[str, str]:
    """Variables that make a tool's result independent of the machine, under those that the user has
    set."""
    result = dict(shell)
    if project.kind == "go":
        # A program of its own, without the machine's C library; no version control's state in it
        # (https://pkg.go.dev/cmd/go#hdr-Compile_packages_and_dependencies).
        result.setdefault("CGO_ENABLED", "0")
        flags = shell.get("GOFLAGS", "")
        if "-buildvcs" not in flags:
            flags = f"{flags} -buildvcs=false"
        result["GOFLAGS"] = flags.strip()
    elif project.kind == "rust":
        # Beside the user's own builds, which are for this machine.
        given = Path(shell.get("CARGO_TARGET_DIR") or work.cache / "cargo")
        result["CARGO_TARGET_DIR"] = str(given / f"{target.runtime}-{target.architecture}")
    elif project.kind == "dotnet":
        # https://learn.microsoft.com/dotnet/core/project-sdk/msbuild-props#continuousintegrationbuild
        result.setdefault("ContinuousIntegrationBuild", "true")
        result.setdefault("DOTNET_CLI_TELEMETRY_OPTOUT", "1")
        result.setdefault("DOTNET_NOLOGO", "1")
        # Where `dotnet tool install -g` puts Amazon.Lambda.Tools.
        home = Path(shell.get("HOME") or Path.home())
        result["PATH"] = os.pathsep.join([shell.get("PATH", ""), str(home / ".dotnet" / "tools")])
    return result


def _tools(project: Project, name: str, shell: Mapping[str, str]) -> dict[str, str]:
    """The paths of the programs that ``project`` needs.

    :raises EnvironmentStartError: one is missing.
    """
    found: dict[str, str] = {}
    for program, how in _TOOLS[project.kind].items():
        path = _wrapper(project) if program == "gradle" else None
        path = path or shutil.which(program, path=shell.get("PATH", os.defpath))
        if path is None and program in ("java", "javac") and shell.get("JAVA_HOME"):
            path = shutil.which(program, path=str(Path(shell["JAVA_HOME"]) / "bin"))
        if path is None:
            raise EnvironmentStartError(
                f"{name} is written in {_LANGUAGES[project.kind]}, and there is no `{program}` on "
                "PATH",
                hint=how,
            )
        found[program] = path
    return found


def _wrapper(project: Project) -> str | None:
    for folder in _upward(project.folder, project.base):
        if os.access(folder / _WRAPPER, os.X_OK):
            return str(folder / _WRAPPER)
    return None


def _runtime(runtime: str) -> str:
    """As the library knows it: without the operating system."""
    for system in (".al2023", ".al2"):
        runtime = runtime.removesuffix(system)
    return runtime


def _below(folder: Path, path: Path) -> list[str]:
    """The name below ``folder`` that ``path`` is in, so that nothing is copied into itself."""
    if path.resolve().is_relative_to(folder.resolve()):
        relative = path.resolve().relative_to(folder.resolve())
        return list(relative.parts[:1])
    return []


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
    for folder in _upward(source, top):
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
    for folder in _upward(source, top):
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
    for folder in _upward(source, top):
        if any(any(folder.glob(one)) for one in solutions):
            base = folder
    return Project("dotnet", source, manifest, base)


def _nearest(source: Path, top: Path, *names: str) -> Path | None:
    for folder in _upward(source, top):
        for name in names:
            if (folder / name).is_file():
                return folder / name
    return None


def _upward(source: Path, top: Path) -> Iterator[Path]:
    """``source`` and the folders above it, up to ``top``."""
    yield source
    if source != top:
        for folder in source.parents:
            yield folder
            if folder == top:
                return
