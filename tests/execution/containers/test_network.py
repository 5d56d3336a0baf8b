"""How containers reach this machine, on each kind of engine and network."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdactl.errors import EngineError, UserError
from lambdactl.execution.containers.engine import Engine, connect
from lambdactl.execution.containers.nesting import Nest
from lambdactl.execution.containers.network import reach
from lambdactl.execution.containers.settings import ContainerSettings
from lambdactl.execution.listening import bound
from tests.execution.containers.engines import answers, on_port, on_socket

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="engines in no machine")


def network(name: str, driver: str = "bridge", **config: Any) -> dict[str, Any]:
    return {"Name": name, "Driver": driver, "IPAM": {"Config": [config] if config else None}}


NETWORKS = {
    "networks": [{"Name": name} for name in ("bridge", "host", "none", "work", "far")],
    "networks__work": network("work", Gateway="127.0.0.2", Subnet="127.0.0.0/8"),
    "networks__untold": network("untold", Subnet="127.0.0.0/8"),
    "networks__six": network("six", Gateway="fd00::1", Subnet="fd00::/64"),
    "networks__both": {
        "Driver": "bridge",
        "IPAM": {"Config": [{"Gateway": "fd00::1"}, {"Gateway": "127.0.0.3/8"}]},
    },
    "networks__bare": network("bare"),
    "networks__far": network("far", Gateway="198.51.100.1", Subnet="198.51.100.0/24"),
    "networks__mac": network("mac", "macvlan", Gateway="127.0.0.1"),
    "networks__podman": network("podman", Gateway="198.51.100.1"),
}


@pytest.fixture
def docker() -> Iterator[Engine]:
    with (
        tempfile.TemporaryDirectory(prefix="e") as folder,
        on_socket(Path(folder) / "e.sock", answers(**NETWORKS)) as host,
    ):
        yield dataclasses.replace(connect({"DOCKER_HOST": host}), shares_kernel=True)


def test_the_gateway_of_the_bridge(docker: Engine) -> None:
    found = reach(docker, ContainerSettings())
    assert (found.host, found.listen, found.network_mode) == ("127.0.0.1", "127.0.0.1", "bridge")
    assert found.extra_hosts == ("host.docker.internal:127.0.0.1",)


@linux
@pytest.mark.parametrize(
    ("name", "gateway"), [("work", "127.0.0.2"), ("untold", "127.0.0.1"), ("both", "127.0.0.3")]
)
def test_the_gateway_of_a_network(docker: Engine, name: str, gateway: str) -> None:
    found = reach(docker, ContainerSettings(network=name))
    assert (found.host, found.listen, found.network_mode) == (gateway, gateway, name)
    assert found.extra_hosts == (f"host.docker.internal:{gateway}",)


def test_on_the_network_of_the_machine(docker: Engine) -> None:
    found = reach(docker, ContainerSettings(network="host"))
    assert (found.host, found.listen, found.network_mode) == ("127.0.0.1", "127.0.0.1", "host")


@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("none", "Runtime API", "--internal"),
        ("wrok", "no network 'wrok'", "did you mean `work`"),
        ("zzzzzz", "no network 'zzzzzz'", "it has bridge, far, host"),
        ("mac", "macvlan", "bridge"),
        ("six", "no IPv4 gateway", "--container-host"),
        ("bare", "no IPv4 gateway", "--container-host"),
        ("far", "not an address of this machine", "--container-host"),
    ],
)
def test_networks_from_which_nobody_reaches_us(
    docker: Engine, name: str, words: str, hint: str
) -> None:
    with pytest.raises(EngineError) as caught:
        reach(docker, ContainerSettings(network=name))
    assert words in caught.value.message
    assert hint in str(caught.value.hint)


@linux
def test_podmans_bridge_comes_up_with_its_first_container(docker: Engine) -> None:
    podman = dataclasses.replace(docker, product="podman")
    found = reach(podman, ContainerSettings())
    assert found.listen == "198.51.100.1"
    with bound(found.listen) as listening:
        assert listening.getsockname()[0] == "198.51.100.1"


@pytest.mark.parametrize(
    ("product", "entry"),
    [
        ("docker-desktop", None),
        ("orbstack", None),
        ("colima", "host.docker.internal:192.168.5.2"),
        ("lima", "host.docker.internal:192.168.5.2"),
        ("rancher-desktop", "host.docker.internal:192.168.5.2"),
        ("finch", "host.docker.internal:192.168.5.2"),
        ("podman", "host.docker.internal:192.168.127.254"),
    ],
)
@pytest.mark.parametrize("name", [None, "host", "work"])
def test_out_of_a_virtual_machine(
    docker: Engine, product: str, entry: str | None, name: str | None
) -> None:
    engine = dataclasses.replace(docker, product=product, shares_kernel=False, rootless=True)
    found = reach(engine, ContainerSettings(network=name))
    assert (found.host, found.listen) == ("host.docker.internal", "127.0.0.1")
    assert found.network_mode == (name or "bridge")
    assert found.extra_hosts == ((entry,) if entry else ())


def test_out_of_an_unknown_virtual_machine(docker: Engine) -> None:
    engine = dataclasses.replace(docker, shares_kernel=False)
    with pytest.raises(EngineError) as caught:
        reach(engine, ContainerSettings())
    assert "virtual machine" in caught.value.message
    assert "--container-host" in str(caught.value.hint)
    found = reach(engine, ContainerSettings(host="outside.invalid"))
    assert (found.host, found.listen) == ("outside.invalid", "127.0.0.1")


def test_an_engine_on_another_machine_sees_the_address_it_is_called_from() -> None:
    with on_port(answers()) as host:
        found = reach(connect({"DOCKER_HOST": host}), ContainerSettings())
    assert (found.host, found.listen) == ("127.0.0.1", "127.0.0.1")


def test_an_engine_whose_machine_has_no_name(docker: Engine) -> None:
    engine = dataclasses.replace(docker, url="tcp://nobody.invalid:2375", shares_kernel=False)
    with pytest.raises(EngineError) as caught:
        reach(engine, ContainerSettings())
    assert "nobody.invalid" in caught.value.message
    assert "--container-host" in str(caught.value.hint)


@linux
def test_a_rootless_engine_sees_the_address_for_others(docker: Engine) -> None:
    found = reach(dataclasses.replace(docker, rootless=True), ContainerSettings())
    assert found.host == found.listen
    assert not ipaddress.ip_address(found.listen).is_unspecified
    with socket.create_server((found.listen, 0)) as server:
        assert server.getsockname()[0] == found.listen


def test_the_user_says_where(docker: Engine) -> None:
    found = reach(docker, ContainerSettings(host="127.0.0.1", network="far"))
    assert (found.host, found.listen, found.network_mode) == ("127.0.0.1", "127.0.0.1", "far")
    # A name that means something in containers only.
    found = reach(docker, ContainerSettings(host="outside.invalid"))
    assert (found.host, found.listen) == ("outside.invalid", "127.0.0.1")
    found = reach(docker, ContainerSettings(host="outside.invalid", network="far"))
    assert (found.host, found.listen) == ("outside.invalid", "127.0.0.1")
    # One that no resolver takes.
    assert reach(docker, ContainerSettings(host="out..side")).listen == "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "0"])
def test_never_on_all_interfaces(docker: Engine, host: str) -> None:
    with pytest.raises(UserError, match="all interfaces"):
        reach(docker, ContainerSettings(host=host))


def test_hosts_of_the_user(docker: Engine) -> None:
    settings = ContainerSettings(add_hosts=(("db", "10.0.0.5"), ("db", "10.0.0.6")))
    ours = "host.docker.internal:127.0.0.1"
    assert reach(docker, settings).extra_hosts == (ours, "db:10.0.0.5", "db:10.0.0.6")
    settings = ContainerSettings(add_hosts=(("host.docker.internal", "10.0.0.5"),))
    assert reach(docker, settings).extra_hosts == ("host.docker.internal:10.0.0.5",)


NEST = Nest("dev", {"work": ("10.1.0.7", "10.1.0.1"), "far": ("10.2.0.7", "10.2.0.1")}, False, ())


@pytest.mark.parametrize(
    ("wanted", "mode", "address", "outside"),
    [
        (None, "work", "10.1.0.7", "10.1.0.1"),
        ("far", "far", "10.2.0.7", "10.2.0.1"),
    ],
)
def test_in_a_container_itself_it_is_reached_on_a_network_of_both(
    docker: Engine, wanted: str | None, mode: str, address: str, outside: str
) -> None:
    found = reach(dataclasses.replace(docker, nest=NEST), ContainerSettings(network=wanted))
    assert (found.host, found.listen, found.network_mode) == (address, address, mode)
    assert found.extra_hosts == (f"host.docker.internal:{outside}",)


@pytest.mark.parametrize(
    ("nest", "wanted", "hint"),
    [
        (NEST, "other", "docker network connect other dev"),
        (NEST, "host", "--network bridge"),
        (Nest("dev", {}, False, ()), None, "--network bridge"),
    ],
)
def test_in_a_container_itself_without_a_common_network(
    docker: Engine, nest: Nest, wanted: str | None, hint: str
) -> None:
    with pytest.raises(EngineError, match="'dev'") as caught:
        reach(dataclasses.replace(docker, nest=nest), ContainerSettings(network=wanted))
    assert hint in str(caught.value.hint)


def test_in_a_container_on_the_machines_network_it_is_as_outside(docker: Engine) -> None:
    nest = Nest("dev", {}, True, ())
    found = reach(dataclasses.replace(docker, nest=nest), ContainerSettings())
    assert (found.host, found.network_mode) == ("127.0.0.1", "bridge")


@pytest.mark.container
def test_a_container_reaches_us_and_the_name_of_the_machine() -> None:
    engine = connect(os.environ)
    found = reach(engine, ContainerSettings())
    image = "public.ecr.aws/lambda/python:3.11"
    with bound(found.listen) as listening:
        listening.listen()
        listening.settimeout(30)
        port = listening.getsockname()[1]
        script = (
            "import socket\n"
            f"for host in ({found.host!r}, 'host.docker.internal'):\n"
            f"    socket.create_connection((host, {port}), 10).sendall(host.encode())\n"
        )
        host_config = engine.client.create_host_config(
            network_mode=found.network_mode, extra_hosts=list(found.extra_hosts)
        )
        container = engine.client.create_container(
            image, entrypoint=["python3", "-c", script], host_config=host_config
        )
        try:
            engine.client.start(container)
            heard = []
            for _ in range(2):
                connection, _ = listening.accept()
                with connection:
                    heard.append(connection.recv(100).decode())
        finally:
            engine.client.remove_container(container, force=True)
    assert heard == [found.host, "host.docker.internal"]
