"""uv: what it is told, how it is run, and what its errors mean in words.

https://docs.astral.sh/uv/reference/cli/#uv-pip-install
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lambdactl.artifacts import children
from lambdactl.artifacts.model import Target
from lambdactl.errors import BuildError, EnvironmentStartError, UserError
from lambdactl.manifest import runtimes

MAX_OUTPUT = 256 * 1024
"""Bytes of uv's output that are kept."""

CONTAINER = "build it in the function's image: `build: {container: true}`, or --container"

_OF_NO_USE = ("Using CPython", "warning: Failed to hardlink files", "         If ")
"""Lines about this machine: the Python that uv asks is not the function's."""

_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
_NO_WHEEL = re.compile(
    r"(?:all versions of )?(?P<name>[\w.-]+)(?:\{[^}]*\})?(?:==(?P<version>\S+))? "
    r"ha(?:s|ve) no (?:usable wheels|wheels with)"
)
_HINT = re.compile(r"^hint: (.+(?:\n {2,}.+)*)", re.MULTILINE)
_BUILD = re.compile(
    r"Building source distributions (?:for `([^`]+)` )?is disabled"
    r"(?:, but attempted to build `([^`]+)`)?"
)
_NO_NETWORK = (
    "error sending request",
    "dns error",
    "network connectivity is disabled",
    "operation timed out",
    "client error (connect)",
)


@dataclass(frozen=True, slots=True)
class Platform:
    """A Python of Lambda's, in uv's words.

    :ivar version: as ``3.13``.
    :ivar name: of ``--python-platform``.
    :ivar machine: as ``platform.machine()`` says in a function.
    """

    version: str
    name: str
    machine: str

    @property
    def words(self) -> str:
        return f"Python {self.version} on {self.machine}"


def platform(target: Target) -> Platform:
    """The wheels that the runtime can load.

    A manylinux tag names the oldest glibc that a wheel runs with (PEP 600). Amazon Linux 2023 has
    glibc 2.34, Amazon Linux 2 has 2.26
    (https://docs.aws.amazon.com/linux/al2023/ug/glibc-gcc-and-binutils.html); the first is the
    system of python3.12 and newer
    (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html). Of the tags that uv knows
    2_17 (manylinux2014) is the newest that 2.26 reaches.

    :raises UserError: it is no Python runtime, or one too old for uv.
    """
    runtime = runtimes.find(target.runtime) or runtimes.guess(target.runtime)
    match = re.fullmatch(r"3\.(\d+)", runtime.version)
    if runtime.family != "python" or match is None or int(match[1]) < 6:
        raise UserError(f"can't install Python packages for the runtime {target.runtime}")
    machine = _MACHINES[target.architecture]
    tag = "manylinux_2_34" if runtime.os == "Amazon Linux 2023" else "manylinux2014"
    return Platform(runtime.version, f"{machine}-{tag}", machine)


_FINDING = threading.Lock()


def binary(shell: Mapping[str, str]) -> str:
    """The uv that came with lambdactl, else the user's.

    :raises EnvironmentStartError: there is none.
    """
    try:
        from uv import find_uv_bin

        # It asks sysconfig, of whose first answers two threads get a half.
        with _FINDING:
            return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv", path=shell.get("PATH"))
    if found is None:
        raise EnvironmentStartError(
            "uv, which installs Python packages, is not there", hint="pip install uv"
        )
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    output: str


def run(
    arguments: Sequence[str],
    *,
    folder: Path,
    shell: Mapping[str, str],
    tell: Callable[[str], None] = lambda line: None,
) -> Answer:
    """Run uv in ``folder``; what it prints is told line by line, without passwords.

    :raises EnvironmentStartError: it can't be started.
    """
    command = [binary(shell), *arguments, "--no-progress", "--color", "never"]
    output = ""
    try:
        with children.current().run(
            command,
            cwd=folder,
            env=dict(shell),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                clean = _PASSWORD.sub("***@", line.decode("utf-8", "replace"))
                output = (output + clean)[-MAX_OUTPUT:]
                if clean.strip() and not clean.startswith(_OF_NO_USE):
                    tell(clean.rstrip())
    except OSError as error:
        raise EnvironmentStartError(f"can't start uv: {error.strerror or error}") from error
    return Answer(process.returncode, output)


def summary(output: str) -> str:
    """uv's error in a line."""
    return " ".join(_causes(output))


def offline_error(output: str) -> bool:
    """Whether uv failed because it could not reach an index."""
    lowered = output.lower()
    return any(words in lowered for words in _NO_NETWORK)


def explained(output: str, found: Path, wheels: Platform) -> BuildError | EnvironmentStartError:
    """What uv's failure means."""
    raw = output.encode()
    lines = _causes(output)
    missing = {match["name"]: match["version"] for match in _NO_WHEEL.finditer(summary(output))}
    if missing:
        names = ", ".join(" ".join(filter(None, one)) for one in missing.items())
        has = "have no wheels" if len(missing) > 1 else "has no wheel"
        newer = "; newer runtimes load newer wheels" if "2014" in wheels.name else ""
        return BuildError(
            f"{names} {has} that {wheels.words} loads on Lambda, only others or source code",
            raw,
            hint=CONTAINER + newer,
        )
    if "invalid peer certificate" in output:
        return EnvironmentStartError(
            f"the package index's certificate is not trusted: {lines[-1]}",
            hint="name the authority's file in SSL_CERT_FILE or pip's `cert`, or use "
            "UV_SYSTEM_CERTS=1",
        )
    if offline_error(output):
        return EnvironmentStartError(
            f"can't reach the package index for {found.name}: {lines[-1]}",
            hint="look at the network, the proxy and the index settings of uv or pip",
        )
    if (build := _BUILD.search(output)) is not None:
        name = build[1] or build[2] or "a package that it names by its address"
        return BuildError(
            f"{found} asks for {name}, which is source code and no wheel",
            raw,
            hint=CONTAINER,
        )
    if "Failed to initialize cache" in output or "Could not acquire lock" in output:
        return EnvironmentStartError(
            f"uv can't write its cache: {lines[-1]}",
            hint="name a folder that can be written in UV_CACHE_DIR",
        )
    if "Hash mismatch" in output:
        return BuildError(
            f"a package is not what {found} says it is: {summary(output)}",
            raw,
            hint="somebody changed it, or the lock file is of another index",
        )
    if re.search(r"40[13] (?:Unauthorized|Forbidden)", output):
        return BuildError(
            f"the package index refuses: {summary(output)}",
            raw,
            hint="give uv or pip the credentials: in the index's URL, in .netrc, or with keyring",
        )
    uvs = _HINT.search(output)
    advice: str | None = None
    if "not found in the package registry" in output:
        # With several indexes uv does not say that one of them refused.
        advice = "look at its name, and at the URL and the credentials of its index"
    elif uvs is not None:
        advice = f"uv says: {' '.join(uvs[1].split())}"
    return BuildError(f"can't install what {found} names: {summary(output)}", raw, hint=advice)


def _causes(output: str) -> list[str]:
    """uv's error and its causes, a sentence each."""
    found: list[str] = []
    for line in output.splitlines():
        text = line.strip()
        if text.startswith(("error: ", "cause: ")):
            found.append(text.split(": ", 1)[1])
        elif found and line.startswith("         ") and text:
            found[-1] = f"{found[-1]} {text}"
        elif text.startswith("hint: "):
            break
    return found or [output.strip().splitlines()[-1] if output.strip() else "it said nothing"]


def interpreter() -> str:
    """uv asks a Python of this machine how to lay out a folder; any will do, and ours is there."""
    return sys.executable
