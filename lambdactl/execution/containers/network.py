"""How a container reaches this machine: the address that we bind, and what it is called inside.

The Runtime API must be reachable from containers and from nowhere else. Where the engine shares
our kernel we bind the address that this machine has on the containers' own bridge; where it runs
in a virtual machine, that forwards a well-known name to our loopback. All interfaces are never
bound.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdactl.errors import EngineError, UserError, did_you_mean
from lambdactl.execution.containers.explaining import explained

if TYPE_CHECKING:
    from lambdactl.execution.containers.engine import Engine
    from lambdactl.execution.containers.nesting import Nest
    from lambdactl.execution.containers.settings import ContainerSettings

HOST_NAME = "host.docker.internal"
"""Docker Desktop's name of the machine outside; here it means that on every engine
(https://docs.docker.com/desktop/features/networking/)."""
LOOPBACK = "127.0.0.1"
_SAY_HOST = "say with `--container-host` at which address containers reach this machine"

_OUTSIDE: dict[str, str | None] = {
    # These resolve the name by themselves.
    "docker-desktop": None,
    "orbstack": None,
    "colima": "192.168.5.2",
    "finch": "192.168.5.2",
    "lima": "192.168.5.2",
    "rancher-desktop": "192.168.5.2",
    "podman": "192.168.127.254",
}
"""The fixed address that leads out of a product's virtual machine to our loopback:
https://lima-vm.io/docs/config/network/user/ (lima, which colima, Finch and Rancher Desktop are
built on), https://github.com/containers/gvisor-tap-vsock (podman's machines)."""
_LATE_BRIDGES = frozenset({"finch", "podman"})
"""Engines whose bridge comes up with the first container on it, and with it the gateway's address:
the Runtime API is bound ahead of that (IP_FREEBIND of ip(7))."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How containers reach us.

    :ivar host: what is before the port in ``AWS_LAMBDA_RUNTIME_API``: a name or an IPv4 address.
    :ivar listen: the address of this machine to bind; there may be a container needed to bring its
        interface up.
    :ivar network_mode: as ``create_host_config`` has it: "bridge", "host", a network's name.
    :ivar extra_hosts: more lines for the container's ``/etc/hosts``, as ``create_host_config`` has
        them (``name:address``); those of ``--add-host`` are among them.
    """

    host: str
    listen: str
    network_mode: str
    extra_hosts: tuple[str, ...]


def reach(engine: Engine, settings: ContainerSettings) -> Reach:
    """Find out how containers of ``engine`` reach this machine.

    :raises EngineError: they can't, or it can't be found out.
    :raises UserError: ``--container-host`` is no address that we may bind.
    """
    mode = settings.network or "bridge"
    if settings.host is not None:
        return _as_told(engine, settings, settings.host, mode)
    if engine.nest is not None and not engine.nest.shares_host:
        return _beside(engine.nest, settings)
    host, listen, outside = _found(engine, mode)
    return Reach(host, listen, mode, _hosts(settings, outside))


def _as_told(engine: Engine, settings: ContainerSettings, host: str, mode: str) -> Reach:
    address = _resolved(host)
    if address is not None and ipaddress.ip_address(address).is_unspecified:
        raise UserError(
            f"--container-host {host} stands for all interfaces",
            hint="the Runtime API has no password: name one address",
        )
    outside: str | None = address
    if address is not None and _is_ours(address):
        listen = address
    else:
        # A name that means something inside only, as host.docker.internal does.
        try:
            _, listen, outside = _found(engine, mode)
        except EngineError:
            listen = LOOPBACK
    return Reach(host, listen, mode, _hosts(settings, address or outside))


def _found(engine: Engine, mode: str) -> tuple[str, str, str | None]:
    """The host, the address to bind, and the address for :data:`HOST_NAME` (None: it is known)."""
    if engine.remote:
        own = _address_towards(engine.url)
        return own, own, own
    if engine.rootless and engine.shares_kernel:
        return _rootless()
    if not engine.shares_kernel:
        if engine.product not in _OUTSIDE:
            raise EngineError(
                f"can't find out how containers of the engine at {engine.url} reach this machine: "
                "they run in a virtual machine, or elsewhere",
                hint=_SAY_HOST,
            )
        return HOST_NAME, LOOPBACK, _OUTSIDE[engine.product]
    return _on_bridge(engine, mode)


def _beside(nest: Nest, settings: ContainerSettings) -> Reach:
    """Functions and we are on the same network; what is outside of both is its gateway."""
    name = settings.network or next(iter(nest.networks), None)
    if name is not None and name in nest.networks:
        address, gateway = nest.networks[name]
        return Reach(address, address, name, _hosts(settings, gateway))
    where = f"lambdactl runs in the container {nest.name!r}, which is "
    if name in (None, "host", "none"):
        raise EngineError(
            f"{where}on no network that functions can join",
            hint="run it on a bridge: `docker run --network bridge`",
        )
    raise EngineError(
        f"{where}not on the network {name!r}", hint=f"`docker network connect {name} {nest.name}`"
    )


def _rootless() -> tuple[str, str, str | None]:
    """Bridges of a rootless engine are in a namespace of its own, and what leaves it comes from
    this machine itself, so it reaches the address that this machine has for others
    (https://docs.docker.com/engine/security/rootless/troubleshoot/). Podman 5.3 and later forward
    a name to it, as with pasta containers may have that very address
    (https://docs.podman.io/en/stable/markdown/podman-run.1.html#network-mode-net)."""
    own = _address_towards("tcp://192.0.2.1:1")
    return own, own, own


def _on_bridge(engine: Engine, mode: str) -> tuple[str, str, str | None]:
    if mode == "host":
        return LOOPBACK, LOOPBACK, LOOPBACK
    if mode == "none":
        raise EngineError(
            "a function can't run on the network 'none': there it doesn't reach the Runtime API",
            hint="an internal network (`docker network create --internal NAME`) keeps it from "
            "everything else",
        )
    network = _network(engine, mode)
    driver = network.get("Driver")
    if driver in {"macvlan", "ipvlan"}:
        raise EngineError(
            f"containers on the network {mode!r} can't reach this machine: its driver is {driver}",
            hint="use a network whose driver is bridge",
        )
    gateway = _gateway(network)
    if gateway is None:
        raise EngineError(f"the network {mode!r} has no IPv4 gateway", hint=_SAY_HOST)
    if not _is_ours(gateway) and engine.product not in _LATE_BRIDGES:
        raise EngineError(
            f"the gateway of the network {mode!r} ({gateway}) is not an address of this machine",
            hint=_SAY_HOST,
        )
    return gateway, gateway, gateway


def _network(engine: Engine, name: str) -> Mapping[str, Any]:
    import docker.errors

    # Podman calls its default bridge by its own name.
    asked = "podman" if engine.product == "podman" and name == "bridge" else name
    try:
        found: Mapping[str, Any] = engine.client.inspect_network(asked)
    except docker.errors.NotFound as error:
        known = [str(one.get("Name")) for one in engine.client.networks()]
        raise EngineError(
            f"the engine has no network {asked!r}",
            hint=did_you_mean(asked, known) or f"it has {', '.join(sorted(known))}",
        ) from error
    except Exception as error:
        raise explained(error, f"look at the network {asked!r}") from error
    return found


def _gateway(network: Mapping[str, Any]) -> str | None:
    """The IPv4 address of this machine on a bridge. Where it isn't said it is the subnet's first
    (https://docs.docker.com/reference/cli/docker/network/create/#specify-advanced-options)."""
    configuration: Sequence[Mapping[str, str]] = (network.get("IPAM") or {}).get("Config") or []
    for entry in configuration:
        with contextlib.suppress(ValueError):
            given = entry.get("Gateway", "").partition("/")[0]
            if given:
                return str(ipaddress.IPv4Address(given))
            subnet = ipaddress.IPv4Network(entry.get("Subnet", ""), strict=False)
            return str(subnet.network_address + 1)
    return None


def _address_towards(url: str) -> str:
    """Our address as a machine that we reach over a network sees it; nothing is sent."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((parts.hostname or LOOPBACK, parts.port or 2375))
            return str(probe.getsockname()[0])
    except OSError as error:
        raise EngineError(
            f"can't find out at which address {parts.hostname} sees this machine", hint=_SAY_HOST
        ) from error


def _resolved(host: str) -> str | None:
    """The IPv4 address of a name, None where it means nothing here."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        # The latter where a label is empty or too long.
        return None
    return str(found[0][4][0])


def _is_ours(address: str) -> bool:
    """Whether we may bind it."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return True
    return False


def _hosts(settings: ContainerSettings, outside: str | None) -> tuple[str, ...]:
    given = tuple(f"{name}:{address}" for name, address in settings.add_hosts)
    if outside is None or any(name == HOST_NAME for name, _ in settings.add_hosts):
        return given
    return (f"{HOST_NAME}:{outside}", *given)
