"""Builds inside the image that a function runs in, and images themselves.

A function with ``build: {container: true}`` is built where it will run: with that image's own
Python, Node.js or Ruby, its libraries, and a compiler if it has one. The user's files are bound
read-only; what is made is written to a folder of the build's own.

Artifacts know no container engine: whoever asks for a build hands down a :class:`ContainerBuilds`
(:mod:`lambdactl.execution.containers.building` makes one).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import urlsplit

from lambdactl.artifacts.model import Artifact, Target, Work
from lambdactl.errors import BuildError, UserError
from lambdactl.manifest.features import Build
from lambdactl.manifest.model import Function

SOURCE, OUTPUT, CACHE = "/lambdactl/source", "/lambdactl/output", "/lambdactl/cache"
"""What the user's project, the result and the package managers' caches are in the container."""
_CERTIFICATES = "/lambdactl/certificates.pem"
_SETTINGS = "/lambdactl/settings"

MAX_OUTPUT = 256 * 1024
"""Bytes of a build's output that are kept; the end says what went wrong."""

_ONE_BY_ONE = """
for command; do
  /bin/sh -c "$command" || {
    status=$?
    echo "\\`$command\\` ended with $status" >&2
    exit "$status"
  }
done
"""
"""As on this machine: each command in a shell of its own; the first that fails ends it."""

_NEVER_COPIED = (".git", ".lambdactl", ".venv", "__pycache__")
_PASSED_ON = re.compile(
    r"(?:https?|no|all|ftp)_proxy|pip_.+|uv_.+|npm_config_.+|bundle_.+|source_date_epoch", re.I
)
"""The shell's settings of package managers, which mean the same in a container. (Where they name
files they don't: see :data:`_FILES`.)"""
_FILES = frozenset(
    {"PIP_CERT", "PIP_CONFIG_FILE", "PIP_FIND_LINKS", "PIP_CACHE_DIR", "PIP_TARGET", "PIP_PREFIX"}
    | {"PIP_CLIENT_CERT", "PIP_REQUIRE_VIRTUALENV", "PIP_USER", "PIP_CONSTRAINT", "PIP_REQUIREMENT"}
    | {"UV_CACHE_DIR", "NPM_CONFIG_CACHE", "NPM_CONFIG_PREFIX", "NPM_CONFIG_USERCONFIG"}
    | {"NPM_CONFIG_GLOBALCONFIG", "NPM_CONFIG_CAFILE", "NPM_CONFIG_NODEDIR", "BUNDLE_PATH"}
    | {"BUNDLE_GEMFILE", "BUNDLE_BIN", "BUNDLE_APP_CONFIG", "BUNDLE_USER_HOME"}
)
_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""Where the shell may name the certificates of a company's own proxy or registry."""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image on the engine.

    :ivar reference: its name, for people and for a push.
    :ivar id: ``sha256:...``.
    :ivar size: bytes, unpacked.
    :ivar architecture: ``x86_64`` or ``arm64``.
    """

    reference: str
    id: str
    size: int
    architecture: str


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of this machine, and what it is called in the container."""

    here: Path
    there: str
    writable: bool = False


class ContainerBuilds(Protocol):
    """A container engine, as builds need it. All of it blocks, and may be called in any thread."""

    def image(self, function: Function) -> BuiltImage:
        """The image that ``function`` runs in: pulled, or built from its Dockerfile, where that
        must be.

        :raises EngineError: there is no engine, or no such image.
        :raises BuildError: its Dockerfile can't be built.
        """
        ...

    def run(
        self,
        image: BuiltImage,
        command: Sequence[str],
        *,
        name: str,
        binds: Sequence[Bind],
        environment: Mapping[str, str],
        folder: str,
        on_line: Callable[[str], None],
    ) -> int:
        """Run ``command`` in a container of ``image`` that is gone afterwards, as the user that
        owns what it may write.

        :param name: of the function, for messages.
        :param environment: on top of the image's own.
        :param folder: where the command starts.
        :param on_line: takes each line that it prints.
        :return: its status; above 128 a signal's number and 128.
        :raises EngineError: the engine can't, or is gone.
        """
        ...

    def close(self) -> None:
        """Remove what is left, and let the engine go. What still runs is given up."""
        ...


Engine = Callable[[], ContainerBuilds]
"""Gives the engine when it is needed; no build without containers looks for one."""


def image(function: Function, builds: ContainerBuilds) -> Artifact:
    """The artifact of a function whose code is an image, or a Dockerfile.

    :raises EngineError: there is no engine, or no such image.
    :raises BuildError: the Dockerfile can't be built.
    :raises UserError: it is for another architecture than the function, or larger than Lambda
        takes.
    """
    found = builds.image(function)
    if found.architecture != function.architecture:
        raise UserError(
            f"{function.name} is for {function.architecture}, and its image {found.reference} is "
            f"for {found.architecture}",
            where=function.where,
            hint=f"set `architecture: {found.architecture}`, or use another image",
        )
    return Artifact(
        name=function.name,
        kind="image",
        sha256=found.id,
        size=found.size,
        unzipped=found.size,
        image=found.reference,
        runtime=function.runtime,
        architecture=function.architecture,
    )


def run_commands(
    build: Build, function: Function, *, root: Path, work: Work, builds: ContainerBuilds
) -> Path:
    """Run the user's own commands inside the function's image.

    They see the manifest's folder read-only, and in its place within that a copy of ``build``'s
    folder that they may write to; the user's own is not touched.

    :param root: the manifest's folder.
    :return: what they have written: ``build.output``, or the function's code, as it is in the copy.
        It is in ``work.scratch``.
    :raises BuildError: one failed.
    """
    found = builds.image(function)
    folder = build.folder.resolve()
    base = _common(root.resolve(), folder)
    copy = _scratch(work, "source-")
    _copy(folder, copy)
    binds = [Bind(copy, _there(base, folder), writable=True)]
    wanted = (build.output or function.code.path or folder).resolve()
    result = copy / wanted.relative_to(folder) if wanted.is_relative_to(folder) else None
    if result is None:
        # Beside the folder: bound in its place.
        base = _common(base, wanted)
        binds = [Bind(copy, _there(base, folder), writable=True)]
        result = _scratch(work, "output-")
        _copy(wanted, result)
        wanted.mkdir(parents=True, exist_ok=True)
        binds.append(Bind(result, _there(base, wanted), writable=True))
    if base != folder:
        binds.insert(0, Bind(base, SOURCE))
    one = len(build.commands) == 1
    _run(
        function.name,
        found,
        ("/bin/sh", "-c", _ONE_BY_ONE, "sh", *build.commands),
        said=f"`{build.commands[0]}`" if one else "one of its commands",
        folder=_there(base, folder),
        binds=binds,
        environment=build.environment,
        work=work,
        builds=builds,
    )
    if not result.exists():
        raise BuildError(
            f"the build of {function.name} ended well and made no {build.output or wanted}", b""
        )
    return result


def install(
    function: Function,
    script: str,
    *,
    given: Mapping[str, Path],
    folder: Path,
    root: Path,
    into: Path,
    work: Work,
    builds: ContainerBuilds,
    environment: Mapping[str, str] | None = None,
    writable_source: bool = False,
) -> None:
    """Run a package manager inside the function's image, for ``into``.

    :param script: for the image's shell; it starts in the output folder.
    :param given: files that lie in the output folder as it starts, by name.
    :param folder: the folder of the project that the output folder takes the place of: paths that
        start there mean the same (``file:../shared``).
    :param root: the manifest's folder.
    :param into: gets what the script has made; an empty folder.
    :param writable_source: packages of the project itself are built where they are, which writes
        beside them: they are copied.
    :raises BuildError: it failed.
    """
    found = builds.image(function)
    base = _common(root.resolve(), folder.resolve())
    for name, path in given.items():
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, into / name)
    source = base
    if writable_source:
        source = _scratch(work, "source-")
        _copy(base, source)
    _run(
        function.name,
        found,
        ("/bin/sh", "-c", script),
        said="the installation of its dependencies",
        folder=OUTPUT,
        binds=[Bind(source, SOURCE, writable=writable_source), Bind(into, OUTPUT, writable=True)],
        environment={**(environment or {}), "LAMBDACTL_SOURCE": _there(base, folder.resolve())},
        work=work,
        builds=builds,
    )


def _run(
    name: str,
    found: BuiltImage,
    command: Sequence[str],
    *,
    said: str,
    folder: str,
    binds: Sequence[Bind],
    environment: Mapping[str, str],
    work: Work,
    builds: ContainerBuilds,
) -> None:
    lines: list[str] = []
    size = 0

    def heard(line: str) -> None:
        nonlocal size
        lines.append(line)
        size += len(line) + 1
        while size > MAX_OUTPUT and len(lines) > 1:
            size -= len(lines.pop(0)) + 1
        work.tell(line)

    with _surroundings(work) as (more, variables):
        status = builds.run(
            found,
            command,
            name=name,
            binds=[*binds, *more],
            environment={**variables, **environment},
            folder=folder,
            on_line=heard,
        )
    if status != 0:
        output = "\n".join(lines).encode()
        raise BuildError(
            f"the build of {name} in a container of {found.reference} failed: {said} ended with "
            f"{status}",
            output,
            hint=_hint(output, found),
        )


_MISSING = re.compile(
    r"(?:sh: (?:line )?\d+: (?P<shell>[\w.+-]+): (?:command )?not found)"
    r"|(?:No such file or directory: '(?P<python>g?cc|[gc]\+\+|make|cargo|rustc|cmake|pg_config)')"
    r"|(?:command '(?P<distutils>[\w.+-]+)' failed: No such file)"
    r"|(?:error: (?P<rust>can't find Rust compiler))"
    r"|(?:unable to execute '(?P<unix>[\w.+-]+)')"
)


def _hint(output: bytes, found: BuiltImage) -> str | None:
    match = _MISSING.search(output.decode("utf-8", "replace"))
    if match is None:
        return None
    name = next(value for value in match.groups() if value)
    program = "a Rust compiler" if "Rust" in name else f"`{name}`"
    return (
        f"{found.reference} has no {program}: write a Dockerfile that starts from it and installs "
        "it, and make the function of that: `dockerfile:`"
    )


@contextmanager
def _surroundings(work: Work) -> Iterator[tuple[list[Bind], dict[str, str]]]:
    """What package managers need to find the user's registries and to trust them, and where they
    keep what they have downloaded."""
    shell = work.shell
    cache = work.cache / "containers"
    variables = {
        # Whoever the user in the container is, it has no other place of its own.
        "HOME": "/tmp",  # noqa: S108
        "PIP_CACHE_DIR": f"{CACHE}/pip",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
        "npm_config_cache": f"{CACHE}/npm",
        "npm_config_update_notifier": "false",
        "npm_config_fund": "false",
        "npm_config_audit": "false",
        "CI": "true",
    }
    cache.mkdir(parents=True, exist_ok=True)
    binds = [Bind(cache, CACHE, writable=True)]
    for name, value in shell.items():
        known = name.upper()
        # A path of this machine is none there.
        if _PASSED_ON.fullmatch(name) and known not in _FILES and not value.startswith("/"):
            variables[name] = value
    bundle = next((Path(shell[name]) for name in _BUNDLES if shell.get(name)), None)
    if bundle is not None and bundle.is_file():
        binds.append(Bind(bundle.resolve(), _CERTIFICATES))
        names = (*_BUNDLES, "PIP_CERT", "npm_config_cafile", "BUNDLE_SSL_CA_CERT")
        variables |= dict.fromkeys(names, _CERTIFICATES)
    for path, name in _settings(shell):
        if path.is_file():
            there = f"{_SETTINGS}/{path.name.lstrip('.')}"
            binds.append(Bind(path.resolve(), there))
            variables[name] = there
    yield binds, variables


def _settings(shell: Mapping[str, str]) -> tuple[tuple[Path, str], ...]:
    """Files with the user's registries and passwords for them."""
    home = Path(shell.get("HOME") or Path.home())
    return (
        (Path(shell.get("NPM_CONFIG_USERCONFIG") or home / ".npmrc"), "npm_config_userconfig"),
        (home / ".netrc", "NETRC"),
    )


def uses_loopback(environment: Mapping[str, str]) -> bool:
    """Whether a registry or a proxy in ``environment`` is on this machine itself."""
    hosts = (
        urlsplit(word).hostname
        for name, value in environment.items()
        if _PASSED_ON.fullmatch(name)
        for word in value.split()
        if "://" in word
    )
    return any(host in ("localhost", "127.0.0.1", "::1") for host in hosts)


def _scratch(work: Work, prefix: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=prefix, dir=work.scratch))


def _copy(folder: Path, into: Path) -> None:
    """Copy what a build may need of ``folder``; a link stays a link."""
    if not folder.exists():
        return
    try:
        shutil.copytree(
            folder,
            into,
            symlinks=True,
            ignore=shutil.ignore_patterns(*_NEVER_COPIED),
            dirs_exist_ok=True,
        )
    except shutil.Error as error:
        path, _, reason = error.args[0][0]
        raise UserError(f"can't copy {path} for the build: {reason}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"can't copy {error.filename or folder} for the build: {reason}") from None


def _common(one: Path, other: Path) -> Path:
    """The folder that both are in."""
    if other.is_relative_to(one):
        return one
    return next(parent for parent in (one, *one.parents) if other.is_relative_to(parent))


def _there(base: Path, path: Path) -> str:
    """What ``path`` is called in the container, where ``base`` is :data:`SOURCE`."""
    return str(PurePosixPath(SOURCE, path.relative_to(base).as_posix()))


def target(function: Function) -> Target:
    """What a function's dependencies are installed for."""
    return Target(function.runtime or "", function.architecture)
