"""Where container engines listen: what the user chose, else the sockets that engines make.

What decides is what decides for the ``docker`` command, in its order: ``DOCKER_HOST``,
``DOCKER_CONTEXT``, then the current context of ``config.json``
(https://docs.docker.com/engine/manage-resources/contexts/). Whoever chose one of them wants that
engine and no other. Without a choice the sockets of the usual engines are tried.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdactl.errors import EngineError

ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Tls:
    """How to speak TLS to an engine: PEM files; ``verify``: whether its certificate is checked."""

    ca: Path | None
    certificate: Path | None
    key: Path | None
    verify: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A place where an engine may listen.

    :ivar url: as ``DOCKER_HOST`` has it: ``unix:///var/run/docker.sock``, ``tcp://host:2376``.
    :ivar source: why this one, in words: "DOCKER_HOST", "Docker Desktop's socket".
    """

    url: str
    source: str
    tls: Tls | None = None

    @property
    def socket(self) -> Path | None:
        """The file of a unix socket."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None


def chosen(shell: Mapping[str, str]) -> Endpoint | None:
    """The engine that the user has chosen, None where there is no choice.

    :raises EngineError: the context that was chosen isn't there or can't be read.
    """
    if shell.get("DOCKER_HOST"):
        return Endpoint(_normal(shell["DOCKER_HOST"]), "DOCKER_HOST", _tls_of_variables(shell))
    if shell.get("DOCKER_CONTEXT"):
        return _context(shell, shell["DOCKER_CONTEXT"], "DOCKER_CONTEXT")
    folder = _config_folder(shell)
    name = _read(folder / "config.json").get("currentContext")
    if isinstance(name, str) and name:
        return _context(shell, name, str(folder / "config.json"))
    if shell.get("CONTAINER_HOST"):
        return Endpoint(_normal(shell["CONTAINER_HOST"]), "CONTAINER_HOST")
    return None


def _normal(url: str) -> str:
    """``DOCKER_HOST`` without a scheme is a path or a host and port."""
    url = url.strip()
    if "://" in url:
        return url
    return f"unix://{url}" if url.startswith("/") else f"tcp://{url}"


def _tls_of_variables(shell: Mapping[str, str]) -> Tls | None:
    """https://docs.docker.com/reference/cli/docker/#environment-variables"""
    verify = bool(shell.get("DOCKER_TLS_VERIFY"))
    if not verify and not shell.get("DOCKER_TLS"):
        return None
    folder = Path(shell.get("DOCKER_CERT_PATH") or _config_folder(shell))
    return _tls(folder, verify=verify)


def _tls(folder: Path, *, verify: bool) -> Tls:
    def there(name: str) -> Path | None:
        return folder / name if (folder / name).is_file() else None

    return Tls(there("ca.pem"), there("cert.pem"), there("key.pem"), verify)


def _context(shell: Mapping[str, str], name: str, chosen_by: str) -> Endpoint | None:
    """A context as ``docker context create`` stores it: a folder named by the SHA-256 of its name
    (https://docs.docker.com/engine/manage-resources/contexts/)."""
    if name == "default":
        return None
    source = f"the Docker context {name!r} of {chosen_by}"
    folder = _config_folder(shell) / "contexts"
    digest = hashlib.sha256(name.encode()).hexdigest()
    document = _read(folder / "meta" / digest / "meta.json")
    endpoint = _of(_of(document, "Endpoints"), "docker")
    url = endpoint.get("Host")
    if not isinstance(url, str) or not url:
        raise EngineError(
            f"{source} is not in {folder}",
            hint="`docker context ls` lists those that are there",
        )
    files = folder / "tls" / digest / "docker"
    verify = not endpoint.get("SkipTLSVerify", False)
    secured = files.is_dir() or (not verify and url.startswith("https://"))
    return Endpoint(_normal(url), source, _tls(files, verify=verify) if secured else None)


def _config_folder(shell: Mapping[str, str]) -> Path:
    return Path(shell["DOCKER_CONFIG"]) if shell.get("DOCKER_CONFIG") else home(shell) / ".docker"


def _read(path: Path) -> dict[str, Any]:
    """A file of the docker command's; an empty one where it isn't there or isn't JSON, as the
    command itself goes on without it."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _of(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def home(shell: Mapping[str, str]) -> Path:
    return Path(shell["HOME"]) if shell.get("HOME") else Path.home()


def usual(
    shell: Mapping[str, str], *, platform: str = sys.platform, root: Path = ROOT
) -> Iterator[Endpoint]:
    """The sockets of the usual engines, each file once, whether it is there or not.

    Docker, rootless Docker and Docker Desktop: https://docs.docker.com/engine/security/rootless/,
    https://docs.docker.com/desktop/setup/install/mac-permission-requirements/; colima:
    https://github.com/abiosoft/colima/blob/main/docs/FAQ.md; Rancher Desktop:
    https://docs.rancherdesktop.io/getting-started/features; OrbStack:
    https://docs.orbstack.dev/docker/; podman:
    https://docs.podman.io/en/latest/markdown/podman-system-service.1.html; Finch:
    https://runfinch.com/docs/.
    """
    seen: set[str] = set()
    for path, whose in _sockets(shell, platform, root):
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            yield Endpoint(f"unix://{path}", whose)


def _sockets(shell: Mapping[str, str], platform: str, root: Path) -> Iterator[tuple[Path, str]]:
    user = home(shell)
    runtime = Path(shell.get("XDG_RUNTIME_DIR") or root / f"run/user/{os.getuid()}")
    yield root / "var/run/docker.sock", "Docker's own socket"
    if platform != "darwin":
        yield runtime / "docker.sock", "the socket of rootless Docker"
    yield user / ".docker/run/docker.sock", "Docker Desktop's socket"
    yield user / ".docker/desktop/docker.sock", "Docker Desktop's socket"
    profile = shell.get("COLIMA_PROFILE") or "default"
    configuration = Path(shell.get("XDG_CONFIG_HOME") or user / ".config")
    for folder in (shell.get("COLIMA_HOME"), user / ".colima", configuration / "colima"):
        if folder:
            yield Path(folder) / profile / "docker.sock", "colima's socket"
    yield user / ".orbstack/run/docker.sock", "OrbStack's socket"
    yield user / ".rd/docker.sock", "Rancher Desktop's socket"
    if platform == "darwin":
        machines = user / ".local/share/containers/podman/machine"
        yield machines / "podman.sock", "podman's socket"
        for found in sorted(machines.glob("*/podman.sock")):
            yield found, "podman's socket"
        temporary = Path(shell.get("TMPDIR") or "/tmp") / "podman"  # noqa: S108
        for found in sorted(temporary.glob("*-api.sock")):
            yield found, "podman's socket"
        yield root / "Applications/Finch/lima/data/finch/sock/finch.sock", "Finch's socket"
    else:
        yield runtime / "podman/podman.sock", "the socket of rootless podman"
        yield root / "run/podman/podman.sock", "podman's socket"
        yield root / "var/run/finch.sock", "Finch's socket"
    yield user / ".finch/finch.sock", "Finch's socket"
    for found in sorted(Path(shell.get("LIMA_HOME") or user / ".lima").glob("*/sock/docker.sock")):
        yield found, "lima's socket"
