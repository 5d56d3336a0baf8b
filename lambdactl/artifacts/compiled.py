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
from pathlib import Path

from lambdactl.artifacts import compiled_worker
from lambdactl.artifacts.compiled_projects import (
    NEVER_SOURCE,
    Kind,
    Project,
    find,
    sources,
    upward,
)
from lambdactl.artifacts.model import Target, Work
from lambdactl.errors import BuildError, EnvironmentStartError, UserError

__all__ = ["Project", "build", "find", "parts", "sources"]

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

_WRAPPER = "gradlew"


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
) -> None:
    """Compile ``project`` for ``target``; what Lambda takes comes into the empty folder ``into``.

    :param name: of the function, for messages.
    :param handler: the function's. It names the program on ``go1.x``, and which one of a Rust
        package that has several.
    :param environment: variables on top of the shell's.
    :raises EnvironmentStartError: a tool is missing; the hint says how to get it.
    :raises BuildError: it does not compile.
    """
    shell = {**work.shell, **(environment or {})}
    tools = _tools(project, name, shell)
    variables = _environment(project, target, shell, work)
    with _alone(project, work), tempfile.TemporaryDirectory(dir=work.scratch) as scratch:
        request = {
            "capability": _CAPABILITIES[project.kind],
            "ignored": [*NEVER_SOURCE, *_below(project.folder, work.scratch)],
            "build": {
                "source_dir": str(project.folder),
                "artifacts_dir": str(into),
                "scratch_dir": scratch,
                "manifest_path": str(project.manifest),
                "runtime": _runtime(target.runtime),
                "unpatched_runtime": target.runtime,
                "architecture": target.architecture,
                "mode": "release",
                "is_building_layer": False,
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
    for folder in upward(project.folder, project.base):
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
