"""The container engine: which one there is, and what is special about it."""

from __future__ import annotations

import contextlib
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lambdactl.errors import EngineError, LambdactlError
from lambdactl.execution.containers import nesting
from lambdactl.execution.containers.endpoints import ROOT, Endpoint, Tls, chosen, usual
from lambdactl.execution.containers.explaining import explained

if TYPE_CHECKING:
    import docker
    from docker.tls import TLSConfig

__all__ = ["Engine", "connect", "explained"]

CONNECT_S = 10
"""How long an engine may take to say who it is. One that has slept (a machine's socket that is
started by its first client) takes some seconds."""
CALL_S = 120
"""How long any other answer may take; a busy engine takes its time to start many containers."""
_CONNECTIONS = 64
"""Kept for the next call: many environments start at once."""

_PROCESSES_NEED_NONE = (
    "without one functions run as processes (`--no-container`), but for images, Java and .NET"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers.

    :ivar client: the docker SDK's low-level client; its calls block, and may be made from any
        thread.
    :ivar url: as ``DOCKER_HOST`` would have it.
    :ivar source: why this one, in words.
    :ivar product: "docker", "docker-desktop", "podman", "colima", "finch", "lima", "orbstack",
        "rancher-desktop".
    :ivar version: the engine's own, not the API's.
    :ivar architecture: what its machine runs without emulation.
    :ivar shares_kernel: containers run on this machine's kernel and see its files themselves:
        a named pipe in a bind mount works.
    :ivar maps_users: a user in a container is another one outside (user namespaces, file sharing
        with a virtual machine), so the owner of a file says nothing there.
    :ivar rootless: its networks are in a network namespace of its own, so that this machine has no
        address on its bridges.
    :ivar nest: the container of this engine in which lambdactl itself runs, if it does.
    """

    client: docker.APIClient
    url: str
    source: str
    product: str
    version: str
    architecture: Literal["x86_64", "arm64"]
    shares_kernel: bool
    maps_users: bool
    rootless: bool = False
    nest: nesting.Nest | None = None

    @property
    def remote(self) -> bool:
        """Reached over a network, not a socket of this machine."""
        return not self.url.startswith(("unix://", "npipe://"))

    def outside(self, path: Path) -> Path:
        """What the engine calls a file or folder of ours, for a bind mount.

        :raises EngineError: it doesn't see it.
        """
        return path if self.nest is None else nesting.outside(self.nest, path)


def connect(shell: Mapping[str, str], *, root: Path = ROOT) -> Engine:
    """Find the engine and ask it who it is.

    :param shell: the environment variables of the user's shell.
    :param root: the folder below which sockets are that belong to no user.
    :raises EngineError: there is none, or it doesn't let us in; one line says what was looked for.
    """
    try:
        choice = chosen(shell)
    except EngineError as error:
        raise _hinted(error) from None
    if choice is not None:
        try:
            return _open(choice)
        except Exception as error:
            raise _refused(choice, error) from error
    looked_at: list[str] = []
    refusals: list[EngineError] = []
    for endpoint in usual(shell, root=root):
        assert endpoint.socket is not None
        looked_at.append(str(endpoint.socket))
        if not _may_be_there(endpoint):
            continue
        try:
            return _open(endpoint)
        except Exception as error:
            refusals.append(_refused(endpoint, error))
    if refusals:
        # One that is there and closed to us says more than one that was left by a dead engine.
        raise min(refusals, key=lambda error: "permission" not in error.message)
    raise EngineError(
        "no container engine found: neither DOCKER_HOST, DOCKER_CONTEXT nor a Docker context is "
        f"set, and there is no {_listed(looked_at)}",
        hint=f"start Docker (or podman, colima, Finch ...); {_PROCESSES_NEED_NONE}",
    )


def _may_be_there(endpoint: Endpoint) -> bool:
    try:
        return endpoint.socket is not None and endpoint.socket.exists()
    except OSError:
        # In a folder that is closed to us: worth saying so.
        return True


def _listed(paths: list[str]) -> str:
    """A few of the paths; all of them would be more than a line."""
    shown, more = paths[:4], len(paths) - 4
    return ", ".join(shown) + (f" (nor {more} other known sockets)" if more > 0 else "")


def _refused(endpoint: Endpoint, error: Exception) -> EngineError:
    doing = f"use the container engine at {endpoint.url} ({endpoint.source})"
    return _hinted(explained(error, doing))


def _hinted(error: LambdactlError) -> EngineError:
    hint = f"{error.hint}; " if error.hint else ""
    return EngineError(error.message, hint=f"{hint}{_PROCESSES_NEED_NONE}")


def _open(endpoint: Endpoint) -> Engine:
    client = _client(endpoint)
    try:
        version: dict[str, Any] = client.version(api_version=False)
        info: dict[str, Any] = client.info()
        if info.get("OSType") == "windows":
            raise EngineError(
                f"the container engine at {endpoint.url} runs Windows containers",
                hint="switch it to Linux containers",
            )
        product = _product(version, info)
        here = _is_here(endpoint, info, product)
        nest = nesting.find(client) if here else None
    except Exception:
        client.close()
        raise
    client.timeout = CALL_S
    features = [str(feature) for feature in info.get("SecurityOptions") or []]
    rootless = any(feature.startswith("name=rootless") for feature in features)
    remapped = any(feature.startswith("name=userns") for feature in features)
    return Engine(
        client=client,
        url=endpoint.url,
        source=endpoint.source,
        product=product,
        version=str(version.get("Version", "")),
        architecture=_architecture(str(version.get("Arch") or info.get("Architecture") or "")),
        shares_kernel=here,
        maps_users=rootless or remapped or not here,
        rootless=rootless,
        nest=nest,
    )


def _client(endpoint: Endpoint) -> docker.APIClient:
    import docker

    return docker.APIClient(
        base_url=endpoint.url,
        tls=_tls(endpoint.tls) if endpoint.tls is not None else False,
        timeout=CONNECT_S,
        max_pool_size=_CONNECTIONS,
        use_ssh_client=endpoint.url.startswith("ssh://"),
    )


def _tls(given: Tls) -> TLSConfig:
    import urllib3
    from docker.tls import TLSConfig

    class Config(TLSConfig):  # type: ignore[misc]
        def configure_client(self, client: docker.APIClient) -> None:
            super().configure_client(client)
            # Else REQUESTS_CA_BUNDLE of the shell takes the place of the engine's own CA
            # (https://github.com/psf/requests/issues/3829).
            client.trust_env = False
            if not self.verify:
                # The user's choice (SkipTLSVerify); urllib3 would warn of it at every call.
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    pair = given.certificate and given.key and (str(given.certificate), str(given.key))
    # Without a CA of its own an engine's certificate is checked against the system's.
    ca = str(given.ca) if given.ca else None
    return Config(client_cert=pair or None, ca_cert=ca, verify=given.verify)


def _product(version: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """Whose engine it is, from what ``/version`` and ``/info`` say
    (https://docs.docker.com/reference/api/engine/version/v1.47/#tag/System)."""
    parts = {str(part.get("Name", "")).lower() for part in version.get("Components") or []}
    if "podman engine" in parts:
        return "podman"
    system = str(info.get("OperatingSystem", "")).lower()
    platform_name = str((version.get("Platform") or {}).get("Name", "")).lower()
    name = str(info.get("Name", "")).lower()
    if "docker desktop" in system or "docker desktop" in platform_name:
        return "docker-desktop"
    if "orbstack" in system or name == "orbstack":
        return "orbstack"
    if "rancher desktop" in system or "rancher-desktop" in name:
        return "rancher-desktop"
    if name == "colima" or name.startswith("colima-"):
        return "colima"
    if "finch" in name or "finch" in platform_name or "finch" in " ".join(parts):
        return "finch"
    return "lima" if name.startswith("lima-") else "docker"


def _is_here(endpoint: Endpoint, info: Mapping[str, Any], product: str) -> bool:
    """Whether its containers run on this machine's kernel. A virtual machine has another kernel;
    under WSL 2 it has the same one and other files, which Docker Desktop copies."""
    if not sys.platform.startswith("linux") or endpoint.socket is None:
        return False
    if product in _MACHINES:
        return False
    return _release(str(info.get("KernelVersion"))) == _release(platform.release())


def _release(version: str) -> str:
    """The kernel's release as Docker writes it: 6.5-rc1 is 6.5.0-rc1 there."""
    return re.sub(r"^(\d+\.\d+)(?![\d.])", r"\1.0", version)


_MACHINES = frozenset({"docker-desktop", "colima", "orbstack", "rancher-desktop", "lima"})
"""Products that always run in a virtual machine."""


def _architecture(name: str) -> Literal["x86_64", "arm64"]:
    return "arm64" if name.lower() in {"arm64", "aarch64"} else "x86_64"


def close(engine: Engine) -> None:
    """Give its connections back."""
    with contextlib.suppress(OSError):
        engine.client.close()
