"""Which engine is found, and what is known of it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import socket
import ssl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdactl.errors import EngineError
from lambdactl.execution.containers import engine as engines
from lambdactl.execution.containers import nesting
from lambdactl.execution.containers.endpoints import chosen, usual
from lambdactl.execution.containers.engine import connect
from tests.execution.containers.engines import answers, on_port, on_socket


@pytest.fixture
def machine() -> Iterator[Path]:
    """An empty machine: the root of its file system, with a home at /home. (Paths of sockets are
    short, so it isn't in pytest's folder.)"""
    with tempfile.TemporaryDirectory(prefix="e") as folder:
        (Path(folder) / "home").mkdir()
        yield Path(folder)


def shell(machine: Path, **variables: str) -> dict[str, str]:
    return {"HOME": str(machine / "home"), **variables}


def write_context(machine: Path, name: str, host: str, *, skip_verify: bool = False) -> Path:
    """As ``docker context create`` does; returns the folder for its TLS files."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    folder = machine / "home/.docker/contexts"
    (folder / "meta" / digest).mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": skip_verify}
    document = {"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}
    (folder / "meta" / digest / "meta.json").write_text(json.dumps(document))
    return folder / "tls" / digest / "docker"


def use_context(machine: Path, name: str) -> None:
    (machine / "home/.docker").mkdir(exist_ok=True)
    (machine / "home/.docker/config.json").write_text(json.dumps({"currentContext": name}))


def test_docker_host_is_the_engine(machine: Path) -> None:
    with on_socket(machine / "some.sock", answers()) as host:
        engine = connect(shell(machine, DOCKER_HOST=host), root=machine)
    assert (engine.url, engine.source) == (host, "DOCKER_HOST")
    assert (engine.product, engine.version, engine.architecture) == ("docker", "27.1.1", "x86_64")
    assert not engine.remote


@pytest.mark.parametrize("prefix", ["unix://", ""])
def test_docker_host_may_be_a_path(machine: Path, prefix: str) -> None:
    with on_socket(machine / "some.sock", answers()):
        host = f"{prefix}{machine}/some.sock"
        assert connect(shell(machine, DOCKER_HOST=host), root=machine).product == "docker"


@pytest.mark.parametrize("scheme", ["tcp://", "http://", ""])
def test_docker_host_may_be_a_port(machine: Path, scheme: str) -> None:
    with on_port(answers()) as host:
        given = host.replace("tcp://", scheme)
        engine = connect(shell(machine, DOCKER_HOST=given), root=machine)
    assert engine.remote
    assert not engine.shares_kernel
    assert engine.maps_users


def test_docker_host_comes_before_contexts_and_these_before_sockets(machine: Path) -> None:
    names = ("host", "named", "current", "var/run/docker")
    with (
        on_socket(machine / "host.sock", answers()) as host,
        on_socket(machine / "named.sock", answers()) as named,
        on_socket(machine / "current.sock", answers()) as current,
        on_socket(machine / "var/run/docker.sock", answers()),
    ):
        write_context(machine, "named", named)
        write_context(machine, "current", current)
        variables = shell(machine, DOCKER_HOST=host, DOCKER_CONTEXT="named")
        found = [connect(variables, root=machine)]
        del variables["DOCKER_HOST"]
        use_context(machine, "current")
        found.append(connect(variables, root=machine))
        del variables["DOCKER_CONTEXT"]
        found.append(connect(variables, root=machine))
        use_context(machine, "default")
        found.append(connect(variables, root=machine))
    assert [engine.url for engine in found] == [f"unix://{machine}/{name}.sock" for name in names]
    assert "'named' of DOCKER_CONTEXT" in found[1].source
    assert "config.json" in found[2].source


def test_docker_config_names_another_folder(machine: Path) -> None:
    with on_socket(machine / "c.sock", answers()) as url:
        write_context(machine, "mine", url)
        use_context(machine, "mine")
        (machine / "home/.docker").rename(machine / "elsewhere")
        variables = shell(machine, DOCKER_CONFIG=str(machine / "elsewhere"))
        assert connect(variables, root=machine).url == url


def test_a_context_that_is_not_there_is_said_so(machine: Path) -> None:
    with pytest.raises(EngineError) as caught:
        connect(shell(machine, DOCKER_CONTEXT="nope"), root=machine)
    assert "'nope'" in caught.value.message
    assert "docker context ls" in str(caught.value.hint)
    assert "as processes (`--no-container`)" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Endpoints": {}}', '{"Endpoints": 3}'])
def test_a_broken_context_is_a_clear_error(machine: Path, text: str) -> None:
    write_context(machine, "broken", "unix:///x")
    next(machine.glob("home/.docker/contexts/meta/*/meta.json")).write_text(text)
    with pytest.raises(EngineError, match="'broken'"):
        connect(shell(machine, DOCKER_CONTEXT="broken"), root=machine)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"currentContext": 3}', '{"currentContext": ""}'])
def test_a_broken_config_file_chooses_nothing(machine: Path, text: str) -> None:
    use_context(machine, "x")
    (machine / "home/.docker/config.json").write_text(text)
    assert chosen(shell(machine)) is None


def test_what_was_chosen_is_wanted_and_no_other(machine: Path) -> None:
    gone = shell(machine, DOCKER_HOST=f"unix://{machine}/gone.sock")
    with (
        on_socket(machine / "var/run/docker.sock", answers()),
        pytest.raises(EngineError) as caught,
    ):
        connect(gone, root=machine)
    assert "gone.sock" in caught.value.message
    assert "no such socket" in caught.value.message
    assert "as processes" in str(caught.value.hint)
    assert caught.value.exit_code == 3


LINUX = [
    ("var/run/docker.sock", "Docker's own"),
    ("run/user/{uid}/docker.sock", "rootless Docker"),
    ("home/.docker/run/docker.sock", "Docker Desktop"),
    ("home/.docker/desktop/docker.sock", "Docker Desktop"),
    ("home/.colima/default/docker.sock", "colima"),
    ("home/.config/colima/default/docker.sock", "colima"),
    ("home/.rd/docker.sock", "Rancher Desktop"),
    ("home/.orbstack/run/docker.sock", "OrbStack"),
    ("run/user/{uid}/podman/podman.sock", "rootless podman"),
    ("run/podman/podman.sock", "podman"),
    ("var/run/finch.sock", "Finch"),
    ("home/.lima/work/sock/docker.sock", "lima"),
]


@pytest.mark.skipif(sys.platform == "darwin", reason="sockets of Linux")
@pytest.mark.parametrize(("path", "whose"), LINUX)
def test_sockets_are_found_where_engines_make_them(machine: Path, path: str, whose: str) -> None:
    path = path.format(uid=os.getuid())
    with on_socket(machine / path, answers()) as url:
        engine = connect(shell(machine), root=machine)
    assert engine.url == url
    assert whose in engine.source


MAC = [
    "home/.local/share/containers/podman/machine/podman.sock",
    "home/.local/share/containers/podman/machine/qemu/podman.sock",
    "tmp/podman/podman-machine-default-api.sock",
    "Applications/Finch/lima/data/finch/sock/finch.sock",
    "home/.docker/run/docker.sock",
    "home/.colima/default/docker.sock",
]


@pytest.mark.parametrize("path", MAC)
def test_sockets_of_a_mac(machine: Path, path: str) -> None:
    (machine / path).parent.mkdir(parents=True)
    (machine / path).touch()
    variables = shell(machine, TMPDIR=str(machine / "tmp"))
    there = [endpoint.url for endpoint in usual(variables, platform="darwin", root=machine)]
    assert f"unix://{machine}/{path}" in there


@pytest.mark.parametrize(
    ("variable", "value", "path"),
    [
        ("XDG_RUNTIME_DIR", "mine", "mine/docker.sock"),
        ("XDG_RUNTIME_DIR", "mine", "mine/podman/podman.sock"),
        ("COLIMA_HOME", "c", "c/default/docker.sock"),
        ("XDG_CONFIG_HOME", "x", "x/colima/default/docker.sock"),
        ("COLIMA_PROFILE", None, "home/.colima/work/docker.sock"),
        ("LIMA_HOME", "l", "l/docker/sock/docker.sock"),
    ],
)
def test_variables_say_where_sockets_are(
    machine: Path, variable: str, value: str | None, path: str
) -> None:
    (machine / path).parent.mkdir(parents=True)
    (machine / path).touch()
    given = str(machine / value) if value else "work"
    found = usual(shell(machine, **{variable: given}), platform="linux", root=machine)
    assert f"unix://{machine}/{path}" in [endpoint.url for endpoint in found]


def test_one_that_is_dead_is_passed_over(machine: Path) -> None:
    dead = machine / "var/run/docker.sock"
    dead.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(dead))
    with on_socket(machine / "home/.colima/default/docker.sock", answers()) as url:
        assert connect(shell(machine), root=machine).url == url
    with pytest.raises(EngineError, match="nobody listens there"):
        connect(shell(machine), root=machine)


def test_a_link_to_a_socket_is_asked_once(machine: Path) -> None:
    (machine / "home/.docker/run").mkdir(parents=True)
    (machine / "var/run").mkdir(parents=True)
    (machine / "home/.docker/run/docker.sock").touch()
    (machine / "var/run/docker.sock").symlink_to(machine / "home/.docker/run/docker.sock")
    real = [os.path.realpath(str(one.socket)) for one in usual(shell(machine), root=machine)]
    assert real.count(os.path.realpath(machine / "home/.docker/run/docker.sock")) == 1


def test_without_an_engine_one_line_says_what_was_looked_for(machine: Path) -> None:
    with pytest.raises(EngineError) as caught:
        connect(shell(machine), root=machine)
    text = str(caught.value)
    assert "\n" not in text
    for word in ("DOCKER_HOST", "DOCKER_CONTEXT", "docker.sock", "other known sockets"):
        assert word in caught.value.message
    assert "as processes" in str(caught.value.hint)
    assert "--no-container" in str(caught.value.hint)


@pytest.fixture
def nobody() -> Iterator[None]:
    """Root may open every socket."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


@pytest.fixture
def closed_socket(machine: Path) -> Iterator[None]:
    with on_socket(machine / "var/run/docker.sock", answers()):
        machine.chmod(0o755)
        (machine / "var/run/docker.sock").chmod(0)
        yield


@pytest.mark.usefixtures("closed_socket", "nobody")
def test_a_socket_that_is_closed_to_us(machine: Path) -> None:
    with pytest.raises(EngineError) as caught:
        connect(shell(machine), root=machine)
    assert "permission denied" in caught.value.message
    assert "usermod -aG docker" in str(caught.value.hint)


def test_a_server_that_is_no_engine(machine: Path) -> None:
    with on_port({}) as host, pytest.raises(EngineError, match="DOCKER_HOST") as caught:
        connect(shell(machine, DOCKER_HOST=host), root=machine)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["ftp://x", "tcp://", "tcp://host:port", "nonsense"])
def test_a_docker_host_that_can_not_be(machine: Path, host: str) -> None:
    with pytest.raises(EngineError) as caught:
        connect(shell(machine, DOCKER_HOST=host), root=machine)
    assert "DOCKER_HOST" in caught.value.message
    assert "\n" not in str(caught.value)


PODMAN = {"Components": [{"Name": "Podman Engine", "Version": "5.2.0"}]}


@pytest.mark.parametrize(
    ("version", "info", "product"),
    [
        ({}, {}, "docker"),
        (PODMAN, {}, "podman"),
        ({"Platform": {"Name": "Docker Desktop 4.33.0 (1601)"}}, {}, "docker-desktop"),
        ({}, {"OperatingSystem": "Docker Desktop"}, "docker-desktop"),
        ({}, {"Name": "colima"}, "colima"),
        ({}, {"Name": "colima-work"}, "colima"),
        ({}, {"Name": "lima-rancher-desktop"}, "rancher-desktop"),
        ({}, {"OperatingSystem": "Rancher Desktop WSL Distribution"}, "rancher-desktop"),
        ({}, {"OperatingSystem": "OrbStack"}, "orbstack"),
        ({"Platform": {"Name": "Finch Daemon - 0.20.0"}}, {"Name": "lima-finch"}, "finch"),
        ({}, {"Name": "lima-docker"}, "lima"),
        ({"Platform": None, "Components": None}, {"SecurityOptions": None}, "docker"),
    ],
)
def test_whose_engine_it_is(
    machine: Path, version: dict[str, object], info: dict[str, object], product: str
) -> None:
    with on_socket(machine / "e.sock", answers(version, info)) as host:
        engine = connect(shell(machine, DOCKER_HOST=host), root=machine)
    assert engine.product == product
    ours = product in {"docker", "podman", "finch"} and sys.platform.startswith("linux")
    assert engine.shares_kernel == ours


@pytest.mark.parametrize(
    ("arch", "architecture"),
    [("amd64", "x86_64"), ("arm64", "arm64"), ("aarch64", "arm64"), ("x86_64", "x86_64")],
)
def test_the_architecture_is_lambdas_word_for_it(
    machine: Path, arch: str, architecture: str
) -> None:
    with on_socket(machine / "e.sock", answers({"Arch": arch})) as host:
        assert connect(shell(machine, DOCKER_HOST=host)).architecture == architecture


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="engines in no machine")
@pytest.mark.parametrize(
    ("info", "shares_kernel", "maps_users", "rootless"),
    [
        ({}, True, False, False),
        ({"KernelVersion": "6.6.32-linuxkit"}, False, True, False),
        ({"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}, True, True, True),
        ({"SecurityOptions": ["name=userns"]}, True, True, False),
    ],
)
def test_what_containers_share_with_us(
    machine: Path, info: dict[str, object], shares_kernel: bool, maps_users: bool, rootless: bool
) -> None:
    with on_socket(machine / "e.sock", answers(info=info)) as host:
        engine = connect(shell(machine, DOCKER_HOST=host))
    found = (engine.shares_kernel, engine.maps_users, engine.rootless)
    assert found == (shares_kernel, maps_users, rootless)


def test_an_engine_for_windows(machine: Path) -> None:
    with (
        on_socket(machine / "e.sock", answers(info={"OSType": "windows"})) as host,
        pytest.raises(EngineError, match="Windows") as caught,
    ):
        connect(shell(machine, DOCKER_HOST=host))
    assert "Linux containers" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("kernel", "engines_word", "same"),
    [
        ("6.5-rc1", "6.5.0-rc1", True),
        ("6.5.0-rc1", "6.5.0-rc1", True),
        ("5.15.90.1-microsoft-standard-WSL2", "5.15.90.1-microsoft-standard-WSL2", True),
        ("6.1.0", "6.1.10", False),
    ],
)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="engines in no machine")
def test_the_kernel_as_docker_writes_it(
    machine: Path, monkeypatch: pytest.MonkeyPatch, kernel: str, engines_word: str, same: bool
) -> None:
    monkeypatch.setattr(platform, "release", lambda: kernel)
    with on_socket(machine / "e.sock", answers(info={"KernelVersion": engines_word})) as host:
        assert connect(shell(machine, DOCKER_HOST=host)).shares_kernel == same


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """ca.pem, cert.pem and key.pem of a client, server.pem of 127.0.0.1."""
    from tests.execution.containers.certificates import make

    make(tmp_path)
    return tmp_path


def server(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_tls_by_variables(machine: Path, certificates: Path) -> None:
    with on_port(answers(), tls=server(certificates)) as host:
        variables = shell(machine, DOCKER_HOST=host, DOCKER_CERT_PATH=str(certificates))
        assert connect({**variables, "DOCKER_TLS_VERIFY": "1"}).product == "docker"
        # What a client without TLS hears depends on who closes first.
        with pytest.raises(EngineError, match="DOCKER_HOST"):
            connect(variables)
        (certificates / "ca.pem").write_bytes((certificates / "other.pem").read_bytes())
        with pytest.raises(EngineError, match="no TLS connection"):
            connect({**variables, "DOCKER_TLS_VERIFY": "1"})


@pytest.mark.parametrize("skip_verify", [False, True])
def test_tls_of_a_context(machine: Path, certificates: Path, skip_verify: bool) -> None:
    with on_port(answers(), tls=server(certificates)) as host:
        folder = write_context(machine, "secured", host, skip_verify=skip_verify)
        folder.mkdir(parents=True)
        for name in ("ca.pem", "cert.pem", "key.pem"):
            (folder / name).write_bytes((certificates / name).read_bytes())
        assert connect(shell(machine, DOCKER_CONTEXT="secured")).product == "docker"
        if not skip_verify:
            (folder / "ca.pem").write_bytes((certificates / "other.pem").read_bytes())
            with pytest.raises(EngineError, match="TLS"):
                connect(shell(machine, DOCKER_CONTEXT="secured"))


CONTAINER = "ab" * 32
MOUNTINFO = (
    "700 699 0:50 / / rw - overlay overlay rw\n"
    f"712 700 8:1 /var/lib/docker/containers/{CONTAINER}/hostname /etc/hostname rw - ext4 x rw\n"
)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="containers of Linux")
def test_the_container_that_we_are_in_ourselves(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTINFO)
    inspected = {
        "Name": "/dev",
        "HostConfig": {"NetworkMode": "work"},
        "NetworkSettings": {"Networks": {"work": {"IPAddress": "10.1.0.7", "Gateway": "10.1.0.1"}}},
        "Mounts": [
            {"Source": "/home/me/project", "Destination": "/project"},
            {"Source": "/cache", "Destination": "/project/cache"},
        ],
    }
    known = answers(**{f"containers__{CONTAINER}__json": inspected})
    with on_socket(machine / "e.sock", known) as host:
        engine = connect(shell(machine, DOCKER_HOST=host))
        nest = nesting.find(engine.client, mounts=tmp_path / "mountinfo")
    assert nest is not None
    assert (nest.name, nest.shares_host) == ("dev", False)
    assert nest.networks == {"work": ("10.1.0.7", "10.1.0.1")}
    assert nesting.outside(nest, Path("/project/src")) == Path("/home/me/project/src")
    assert nesting.outside(nest, Path("/project/cache/x")) == Path("/cache/x")
    with pytest.raises(EngineError) as caught:
        nesting.outside(nest, Path("/tmp/lambdactl-1"))
    assert "'dev'" in caught.value.message
    assert "TMPDIR" in str(caught.value.hint)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="containers of Linux")
@pytest.mark.parametrize("text", ["", "700 699 0:50 / / rw - overlay overlay rw\n", MOUNTINFO])
def test_not_in_a_container_of_this_engine(machine: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "mountinfo").write_text(text)
    with on_socket(machine / "e.sock", answers()) as host:
        engine = connect(shell(machine, DOCKER_HOST=host))
        assert nesting.find(engine.client, mounts=tmp_path / "mountinfo") is None
        assert nesting.find(engine.client, mounts=tmp_path / "none") is None
    assert engine.outside(Path("/x")) == Path("/x")


@pytest.mark.container
def test_the_engine_of_this_machine() -> None:
    engine = connect(os.environ)
    assert engine.version
    if engine.shares_kernel:
        assert engine.client.info()["KernelVersion"] == platform.release()
    engines.close(engine)
