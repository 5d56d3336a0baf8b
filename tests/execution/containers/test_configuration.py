"""What the engine is asked for, without one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import docker
import pytest

from lambdactl.execution.containers import arguments, configuration
from lambdactl.execution.containers.engine import Engine
from lambdactl.execution.containers.images import Image
from lambdactl.execution.containers.network import Reach
from lambdactl.execution.containers.sandbox import ContainerSpec

MB = 1024 * 1024

ENGINE = Engine(
    client=docker.APIClient("unix:///nowhere.sock", version="1.41"),
    url="unix:///nowhere.sock",
    source="a test",
    product="docker",
    version="20.10.24",
    architecture="x86_64",
    shares_kernel=True,
    maps_users=False,
)
IMAGE = Image(
    reference="public.ecr.aws/lambda/python:3.11",
    id="sha256:1234",
    entrypoint=("/lambda-entrypoint.sh",),
    command=(),
    working_directory="/var/task",
    user="",
    variables={"LANG": "en_US.UTF-8"},
    architecture="x86_64",
)


def spec(**changes: Any) -> ContainerSpec:
    made = ContainerSpec(
        engine=ENGINE,
        image=IMAGE,
        reach=Reach("172.17.0.1", "172.17.0.1", "bridge", ("host.docker.internal:172.17.0.1",)),
        command=("/lambda-entrypoint.sh", "app.handler"),
        variables={"COLOUR": "blue"},
        binds={"/home/me/code, all of it": "/var/task"},
        work=Path("/tmp/work"),
        labels={"lambdactl.owner": "/tmp/work"},
        memory_mb=1769,
        ephemeral_storage_mb=512,
        runtime_version="python3.11",
        user="1000:1000",
    )
    return dataclasses.replace(made, **changes)


def given(docker_args: str = "", **changes: Any) -> dict[str, Any]:
    """As the engine gets it."""
    user = arguments.parse(arguments.split([docker_args]) if docker_args else [])
    made = spec(config=user.config, host_config=user.host_config, **changes)
    wanted = configuration.of(
        made, "172.17.0.1:9001", ["/bin/sh"], binds=made.binds, stdin=changes.pop("stdin", False)
    )
    for name in ("use_config_proxy", "name"):
        wanted.pop(name)
    image, command = wanted.pop("image"), wanted.pop("command")
    return dict(docker.types.ContainerConfig("1.41", image, command, **wanted))


def variables(found: dict[str, Any]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in found["Env"])


def test_limits_are_lambdas() -> None:
    host = given()["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 1769 * MB
    assert host["PidsLimit"] == 1024
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1024, "Hard": 1024}]
    assert host["CpuShares"] == 1024
    assert "CpuQuota" not in host, "init has all of the processor"


def test_privileges_are_gone() -> None:
    host = given()["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["ReadonlyRootfs"] is True
    assert host["Init"] is False
    assert not {"CapAdd", "Privileged", "PidMode", "Devices"} & host.keys()


def test_there_is_tmp_and_no_other_memory_to_write_to() -> None:
    host = given(ephemeral_storage_mb=10240)["HostConfig"]
    assert host["Tmpfs"] == {"/tmp": "rw,exec,nosuid,mode=1777,size=10240m"}
    assert host["IpcMode"] == "none", "Lambda has no /dev/shm"


def test_code_is_bound_read_only() -> None:
    found = given()
    (code,) = found["HostConfig"]["Mounts"]
    assert code["Source"] == "/home/me/code, all of it"
    assert (code["Target"], code["Type"], code["ReadOnly"]) == ("/var/task", "bind", True)
    assert found["WorkingDir"] == "/var/task"
    assert found["User"] == "1000:1000"


def test_the_image_has_its_own_user_and_folder() -> None:
    image = dataclasses.replace(IMAGE, working_directory="")
    found = given(user="", image=image)
    assert found["WorkingDir"] is None or found["WorkingDir"] == ""
    assert not found["User"]


def test_the_environment_is_what_was_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert variables(given()) == {
        "COLOUR": "blue",
        "AWS_LAMBDA_RUNTIME_API": "172.17.0.1:9001",
        "_LAMBDA_TELEMETRY_LOG_FD": "3",
    }
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in variables(given(telemetry=False))


def test_the_users_proxies_are_not_passed(tmp_path: Path) -> None:
    made = spec()
    wanted = configuration.of(made, "x", [], binds={}, stdin=False)
    assert wanted["use_config_proxy"] is False


def test_it_is_labelled_and_goes_when_it_ends() -> None:
    found = given()
    assert found["Labels"] == {"lambdactl.owner": "/tmp/work"}
    assert found["HostConfig"]["AutoRemove"] is True
    assert found["HostConfig"]["LogConfig"]["Type"] == "none"
    assert found["StopSignal"] == "SIGKILL"


def test_its_standard_input_ends_with_us() -> None:
    made = spec()
    wanted = configuration.of(made, "x", [], binds={}, stdin=True)
    wanted.pop("use_config_proxy")
    wanted.pop("name")
    image, command = wanted.pop("image"), wanted.pop("command")
    found = docker.types.ContainerConfig("1.41", image, command, **wanted)
    assert (found["OpenStdin"], found["StdinOnce"], found["AttachStdin"]) == (True, True, True)
    assert given()["OpenStdin"] is False


def test_it_finds_the_host() -> None:
    host = given()["HostConfig"]
    assert host["ExtraHosts"] == ["host.docker.internal:172.17.0.1"]
    assert host["NetworkMode"] == "bridge"


def test_a_port_is_open_on_this_machine_only() -> None:
    found = given(port=5678)
    assert found["ExposedPorts"] == {"5678/tcp": {}}
    assert found["HostConfig"]["PortBindings"] == {
        "5678/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5678"}]
    }


def test_what_the_user_adds_is_added() -> None:
    found = given(
        "-e SIZE=1 --label team=shop -v /a:/b:ro --mount type=bind,src=/c,dst=/d "
        "--cap-add SYS_PTRACE --ulimit nofile=2048 --ulimit core=0 --tmpfs /scratch "
        "--security-opt seccomp=unconfined --dns 1.1.1.1 -p 8080:80",
        port=5678,
    )
    host = found["HostConfig"]
    assert variables(found).items() >= {"COLOUR": "blue", "SIZE": "1"}.items()
    assert found["Labels"] == {"lambdactl.owner": "/tmp/work", "team": "shop"}
    assert [mount["Target"] for mount in host["Mounts"]] == ["/var/task", "/d"]
    assert any(bind.startswith("/a:/b") for bind in host["Binds"])
    assert host["CapAdd"] == ["SYS_PTRACE"]
    assert host["CapDrop"] == ["ALL"]
    assert {limit["Name"]: limit["Soft"] for limit in host["Ulimits"]} == {
        "nofile": 2048,
        "core": 0,
    }
    assert set(host["Tmpfs"]) == {"/tmp", "/scratch"}
    assert host["SecurityOpt"] == ["no-new-privileges", "seccomp=unconfined"]
    assert host["PortBindings"].keys() == {"5678/tcp", "80/tcp"}


@pytest.mark.parametrize(
    ("words", "mode"), {"--shm-size 64m": "private", "--ipc host": "host", "": "none"}.items()
)
def test_shared_memory_is_there_for_who_asks(words: str, mode: str) -> None:
    assert given(words)["HostConfig"]["IpcMode"] == mode


@pytest.mark.parametrize(
    ("memory_mb", "quota", "shares"),
    [(128, 7236, 74), (1769, 100_000, 1024), (10240, 578_858, 5928)],
)
def test_a_processor_is_1769_mb(memory_mb: int, quota: int, shares: int) -> None:
    assert configuration.processor_quota(memory_mb) == quota
    assert given(memory_mb=memory_mb)["HostConfig"]["CpuShares"] == shares


def test_the_kernel_takes_no_smaller_share() -> None:
    assert configuration.processor_quota(1) == 1000
    assert given(memory_mb=1)["HostConfig"]["CpuShares"] == 2


def test_the_name_says_which_function_and_is_nobody_elses() -> None:
    made = spec(labels={"lambdactl.function": "resize it"})
    names = {configuration.of(made, "a:1", ["sh"], binds={}, stdin=False)["name"] for _ in "abc"}
    assert len(names) == 3
    assert all(name.startswith("lambdactl-resize-it-") for name in names)
