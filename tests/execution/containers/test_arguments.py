"""Words of `docker run`: what they become, and what is refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.types import HostConfig
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.errors import UserError
from lambdactl.execution.containers.arguments import Arguments, host, parse, split

HERE = str(Path.cwd())
HOME = str(Path.home())

HOST: dict[str, dict[str, Any]] = {
    "-v /a:/b": {"binds": ["/a:/b"]},
    "-v=/a:/b": {"binds": ["/a:/b"]},
    "-v/a:/b": {"binds": ["/a:/b"]},
    "--volume=/a/../c:/b:ro": {"binds": ["/c:/b:ro"]},
    "--volume ./data:/data": {"binds": [f"{HERE}/data:/data"]},
    "-v ~/.aws:/root/.aws:ro": {"binds": [f"{HOME}/.aws:/root/.aws:ro"]},
    "-v cache:/cache -v /c:/d": {"binds": ["cache:/cache", "/c:/d"]},
    "--add-host db:10.0.0.7": {"extra_hosts": ["db:10.0.0.7"]},
    "--add-host=db=[::1]": {"extra_hosts": ["db:::1"]},
    "--cap-add SYS_PTRACE --cap-add=NET_RAW": {"cap_add": ["SYS_PTRACE", "NET_RAW"]},
    "--cpus 1.5": {"cpu_period": 100_000, "cpu_quota": 150_000},
    "-c 512": {"cpu_shares": 512},
    "--privileged": {"privileged": True},
    "--privileged=false": {"privileged": False},
    "-P": {"publish_all_ports": True},
    "--shm-size 64m": {"shm_size": 64 * 1024**2},
    "--shm-size 1.5GiB": {"shm_size": 1536 * 1024**2},
    "--memory-reservation 1000": {"mem_reservation": 1000},
    "--pids-limit=-1": {"pids_limit": -1},
    "--dns 1.1.1.1 --dns-search a.b --dns-option ndots:1": {
        "dns": ["1.1.1.1"],
        "dns_search": ["a.b"],
        "dns_opt": ["ndots:1"],
    },
    "--ulimit nofile=1024:2048 --ulimit core=0": {
        "ulimits": [
            {"Name": "nofile", "Soft": 1024, "Hard": 2048},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ]
    },
    "--sysctl net.core.somaxconn=1024": {"sysctls": {"net.core.somaxconn": "1024"}},
    "--tmpfs /run:rw,size=64m --tmpfs /cache": {"tmpfs": {"/run": "rw,size=64m", "/cache": ""}},
    "--device /dev/fuse": {"devices": ["/dev/fuse"]},
    "--device /dev/fuse:rw": {"devices": ["/dev/fuse:/dev/fuse:rw"]},
    "--device-read-bps /dev/sda:1mb": {
        "device_read_bps": [{"Path": "/dev/sda", "Rate": 1024**2}],
    },
    "--gpus all": {"device_requests": [{"count": -1, "capabilities": [["gpu"]]}]},
    "--gpus '\"device=0,2\",capabilities=utility'": {
        "device_requests": [
            {"count": 0, "device_ids": ["0", "2"], "capabilities": [["gpu", "utility"]]}
        ]
    },
    "--mount type=bind,source=/a,target=/b,readonly": {
        "mounts": [{"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True}]
    },
    "--mount src=cache,dst=/cache,volume-nocopy,volume-opt=type=nfs": {
        "mounts": [
            {
                "Type": "volume",
                "Source": "cache",
                "Target": "/cache",
                "VolumeOptions": {"NoCopy": True, "DriverConfig": {"Options": {"type": "nfs"}}},
            }
        ]
    },
    "--mount type=tmpfs,target=/x,tmpfs-size=1m,tmpfs-mode=1770": {
        "mounts": [
            {
                "Type": "tmpfs",
                "Target": "/x",
                "TmpfsOptions": {"SizeBytes": 1024**2, "Mode": 0o1770},
            }
        ]
    },
    "--security-opt seccomp=unconfined": {"security_opt": ["seccomp=unconfined"]},
    "--link db:database": {"links": [("db", "database")]},
    "--ipc=host --uts host --userns=host": {
        "ipc_mode": "host",
        "uts_mode": "host",
        "userns_mode": "host",
    },
}

CONFIG: dict[str, dict[str, Any]] = {
    "-e COLOUR=blue -e EMPTY= -eFROM_SHELL -e NOT_IN_SHELL": {
        "environment": {"COLOUR": "blue", "EMPTY": "", "FROM_SHELL": "yes"}
    },
    "-l team=shop --label bare": {"labels": {"team": "shop", "bare": ""}},
    '--label "a=b c"': {"labels": {"a": "b c"}},
    "-h box --domainname example.org": {"hostname": "box", "domainname": "example.org"},
    "-v /data": {"volumes": ["/data"]},
    "--expose 80 --expose 8000-8001/udp": {"ports": [(80, "tcp"), (8000, "udp"), (8001, "udp")]},
}

PORTS: dict[str, dict[str, list[Any]]] = {
    "5678": {"5678/tcp": [("127.0.0.1",)]},
    "5678:5679": {"5679/tcp": [("127.0.0.1", 5678)]},
    "0.0.0.0:53:53/udp": {"53/udp": [("0.0.0.0", 53)]},
    "127.0.0.2::80": {"80/tcp": [("127.0.0.2",)]},
    "[::1]:80:8080": {"8080/tcp": [("::1", 80)]},
    "8000-8001:9000-9001": {
        "9000/tcp": [("127.0.0.1", 8000)],
        "9001/tcp": [("127.0.0.1", 8001)],
    },
}

FAULTS = {
    "--volum /a:/b": "`docker run` has no flag --volum (did you mean `--volume`?)",
    "-Z": "`docker run` has no flag -Z",
    "-v": "--volume needs a value",
    "ubuntu": "'ubuntu' is no flag of `docker run`",
    "-v /a:b": "'b' is no absolute path in the container",
    "-v /a:/b:ro:x": "SOURCE:TARGET",
    "-v a/b:/c": "'a/b' is neither a path nor the name of a volume",
    "-v /a:/tmp": "/tmp is the function's own",
    "--tmpfs /tmp/": "/tmp is the function's own",
    "--mount type=tmpfs,target=/tmp": "/tmp is the function's own",
    "--mount type=bind,target=/b": "a bind needs source=PATH",
    "--mount type=bind,source=a,target=/b": "the source of a bind is a path",
    "--mount source=/a": "it needs target=/PATH",
    "--mount type=bind,src=/a,dst=/b,tmpfs-size=1m": "tmpfs options do not go with type=bind",
    "--mount type=nfs,target=/b": "bind or volume or tmpfs",
    "--mount targt=/b": "a mount has no 'targt'",
    "--privileged=perhaps": "neither true nor false",
    "--cpus many": "a number of CPUs",
    "--cpus 0": "a number of CPUs",
    "--shm-size 64q": "a size is a number",
    "--cpu-shares x": "a whole number",
    "--ulimit nofile=2:1": "the soft limit is above the hard one",
    "--ulimit nofile": "NAME=VALUE",
    "--add-host db": "is not NAME:ADDRESS",
    "-e AWS_REGION=x": "AWS_REGION is set by Lambda",
    "-e 1A=x": "can't be the name",
    "--env-file nowhere.env": "can't read it",
    "-l lambdactl.owner=me": "lambdactl knows its containers by such labels",
    "-p 80:x": "'x' is no port",
    "-p 0:99999": "'99999' is no port",
    "-p host:1:2": "'host' is no address",
    "-p 1-2:3-5": "differ in length",
    "-p 1:2/icmp": "tcp or udp or sctp",
    "--userns private": "it takes host",
    "--security-opt seccomp=nowhere.json": "can't read it",
    "--gpus devce=1": "there is no 'devce' here",
    "--device-read-bps sda:1": "/dev/NAME:NUMBER",
}

REFUSED = {
    "--rm": "removes its containers itself",
    "-it": "--interactive",
    "-dP": "--detach",
    "--name fn": "a function may have many containers",
    "-m 512m": "`memory` in the manifest",
    "--memory=512m": "`memory` in the manifest",
    "--entrypoint /bin/sh": "working_directory",
    "-w /x": "working_directory",
    "--user 1000": "the owner of their code",
    "--network host": "--network NAME",
    "--net=host": "--network NAME",
    "--pull always": "--pull always|missing|never",
    "--platform linux/arm64": "`architecture` in the manifest",
    "--read-only": "as on Lambda",
    "--init": "the first process",
    "--pid host": "the first process",
    "--pid=container:database": "the first process",
    "--log-driver none": "the log itself",
    "--restart always": "itself",
    "--health-cmd true": "whether a function is well",
    "--oom-kill-disable": "as on Lambda",
}


def arguments(text: str) -> Arguments:
    return parse(split([text]))


@pytest.fixture(autouse=True)
def _shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_SHELL", "yes")


@pytest.mark.parametrize("text", HOST)
def test_words_for_the_host(text: str) -> None:
    assert arguments(text) == Arguments({}, HOST[text])


@pytest.mark.parametrize("text", CONFIG)
def test_words_for_the_container(text: str) -> None:
    assert arguments(text) == Arguments(CONFIG[text], {})


@pytest.mark.parametrize("text", PORTS)
def test_ports_are_open_on_this_machine_only(text: str) -> None:
    made = arguments(f"-p {text}")
    assert made.host_config == {"port_bindings": PORTS[text]}
    assert [f"{port}/{protocol}" for port, protocol in made.config["ports"]] == list(PORTS[text])


@pytest.mark.parametrize("text", FAULTS)
def test_faults(text: str) -> None:
    with pytest.raises(UserError) as caught:
        arguments(text) if text.startswith("-") else parse([text])
    assert FAULTS[text] in str(caught.value)
    assert str(caught.value).startswith("--")


@pytest.mark.parametrize("text", REFUSED)
def test_what_lambdactl_says_itself_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(UserError) as caught:
        arguments(text)
    assert REFUSED[text] in str(caught.value)
    assert "is not for you" in caught.value.message


def test_files(tmp_path: Path) -> None:
    (tmp_path / "my.env").write_text("# mine\nCOLOUR=blue sky\n\n  FROM_SHELL\nNOT_IN_SHELL\n")
    (tmp_path / "labels").write_text("team=shop\n")
    (tmp_path / "profile.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    made = arguments(
        f"--env-file {tmp_path}/my.env --label-file {tmp_path}/labels "
        f"--security-opt seccomp={tmp_path}/profile.json"
    )
    assert made.config == {
        "environment": {"COLOUR": "blue sky", "FROM_SHELL": "yes"},
        "labels": {"team": "shop"},
    }
    (option,) = made.host_config["security_opt"]
    # The engine gets the profile, not its name.
    assert json.loads(option.removeprefix("seccomp=")) == {"defaultAction": "SCMP_ACT_ALLOW"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["-v /a:/b", "--privileged"], ("-v", "/a:/b", "--privileged")),
        (["-v", "/a b:/c"], ("-v", "/a b:/c")),
        (['-v "/a b:/c"'], ("-v", "/a b:/c")),
        (["--label=a=b"], ("--label=a=b",)),
        ([], ()),
    ],
)
def test_words(given: list[str], words: tuple[str, ...]) -> None:
    assert split(given) == words


def test_quotation_marks_are_closed() -> None:
    with pytest.raises(UserError, match="no closing quotation"):
        split(['-v "/a:/b'])


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("db:10.0.0.7", ("db", "10.0.0.7")),
        ("db=10.0.0.7", ("db", "10.0.0.7")),
        ("db:::1", ("db", "::1")),
        ("db=[::1]", ("db", "::1")),
        ("db:host-gateway", ("db", "host-gateway")),
    ],
)
def test_names_of_hosts(text: str, entry: tuple[str, str]) -> None:
    assert host("--add-host", text) == entry


@pytest.mark.parametrize("text", ["db", "db:", ":10.0.0.7", "db:10.0.0", "db:other", ""])
def test_what_is_no_name_of_a_host(text: str) -> None:
    with pytest.raises(UserError, match="is not NAME:ADDRESS"):
        host("--add-host", text)


def test_the_sdk_takes_everything() -> None:
    """Each value is of the type that docker's SDK checks for."""
    client = docker.APIClient(base_url="http://127.0.0.1:1", version="1.41")
    for text in [*HOST, *(f"-p {port}" for port in PORTS)]:
        HostConfig(version="1.41", **arguments(text).host_config)
    for text in CONFIG:
        client.create_container_config("image", None, **arguments(text).config)
    client.close()


@pytest.mark.container
def test_every_flag_of_docker_is_known() -> None:
    listed = subprocess.run(["docker", "run", "--help"], capture_output=True, text=True, check=True)
    words = [word for line in listed.stdout.splitlines() for word in line.split()[:2]]
    flags = [word for word in words if word.startswith("--")]
    assert len(flags) > 80
    for flag in flags:
        try:
            parse([f"{flag}=1"])
        except UserError as error:
            assert "has no flag" not in error.message, flag  # noqa: PT017


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=3))
def test_no_text_is_a_bug(words: list[str]) -> None:
    try:
        parse(split(words))
    except UserError as error:
        assert error.message  # noqa: PT017


FLAGS = ("-v", "--mount", "-p", "--gpus", "--ulimit", "--device", "--tmpfs", "-e", "--cpus")


@given(st.sampled_from(FLAGS), st.text("/:=,-.\"'0123456789abcz[]~ \n\r\0²", max_size=20))
def test_no_value_is_a_bug(flag: str, value: str) -> None:
    try:
        made = parse([flag, value])
    except UserError as error:
        assert error.message  # noqa: PT017
    else:
        assert made != Arguments() or flag == "-e"
