"""Builds inside the image that a function runs in, and images themselves.

A function with ``build: {container: true}`` is built where it will run: with that image's own
Python, Node.js or Ruby, its libraries, and a compiler if it has one. The user's files are bound
read-only; what is made is written to a folder of the build's own.

The engine is a :class:`~lambdactl.artifacts.contained_engine.ContainerBuilds`.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from lambdactl.artifacts.contained_engine import Bind, BuiltImage, ContainerBuilds
from lambdactl.artifacts.model import Artifact, Installed, Target, Work
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
    echo "\\`$command\\` ended with $status"
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
    base = common(root.resolve(), folder)
    copy = scratch(work, "source-")
    copy_tree(folder, copy, work)
    binds = [Bind(copy, inside(base, folder), writable=True)]
    wanted = (build.output or function.code.path or folder).resolve()
    result = copy / wanted.relative_to(folder) if wanted.is_relative_to(folder) else None
    if result is None:
        # Beside the folder: bound in its place.
        base = common(base, wanted)
        binds = [Bind(copy, inside(base, folder), writable=True)]
        result = scratch(work, "output-")
        copy_tree(wanted, result, work)
        wanted.mkdir(parents=True, exist_ok=True)
        binds.append(Bind(result, inside(base, wanted), writable=True))
    if base != folder:
        binds.insert(0, Bind(base, SOURCE))
    one = len(build.commands) == 1
    run(
        function.name,
        found,
        ("/bin/sh", "-c", _ONE_BY_ONE, "sh", *build.commands),
        said=f"`{build.commands[0]}`" if one else "one of its commands",
        folder=inside(base, folder),
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


def dependencies(
    function: Function,
    found: Path,
    target: Target,
    root: Path,
    builds: ContainerBuilds,
    into: Path,
    work: Work,
) -> Installed:
    """Install what ``found`` names inside the image of ``function``: for that image's system, and
    with packages that have to be compiled.

    :param found: the file that names the dependencies.
    :param root: the manifest's folder.
    :param into: an empty folder.
    :raises BuildError: it can't be installed.
    :raises EngineError: there is no engine, or no image.
    """
    from lambdactl.artifacts import contained_dependencies

    return contained_dependencies.install(function, found, target, root, builds, into, work)


def run(
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
    """Run one command of a build.

    :param name: of the function, for messages.
    :param said: the command, in words.
    :param folder: where it starts.
    :raises BuildError: it failed.
    """
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
            # An engine passes two streams on, in whatever order.
            ("/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *command),
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
        "it, and make the function of that: `code: {dockerfile: ...}`"
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


def scratch(work: Work, prefix: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=prefix, dir=work.scratch))


def copy_tree(folder: Path, into: Path, work: Work) -> None:
    """Copy what a build may need of ``folder``; a link stays a link.

    :raises UserError: a file can't be read.
    """
    if not folder.exists():
        return
    ours = {os.path.realpath(work.scratch), os.path.realpath(work.cache)}

    def left_out(parent: str, names: list[str]) -> list[str]:
        above = os.path.realpath(parent)
        return [name for name in names if name in _NEVER_COPIED or f"{above}/{name}" in ours]

    try:
        shutil.copytree(
            folder,
            into,
            symlinks=True,
            ignore=left_out,
            dirs_exist_ok=True,
        )
    except shutil.Error as error:
        path, _, reason = error.args[0][0]
        raise UserError(f"can't copy {path} for the build: {reason}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"can't copy {error.filename or folder} for the build: {reason}") from None


def common(one: Path, other: Path) -> Path:
    """The folder that both are in."""
    if other.is_relative_to(one):
        return one
    return next(parent for parent in (one, *one.parents) if other.is_relative_to(parent))


def inside(base: Path, path: Path) -> str:
    """What ``path`` is called in the container, where ``base`` is :data:`SOURCE`."""
    return str(PurePosixPath(SOURCE, path.relative_to(base).as_posix()))
