"""What the engine is asked for when a container is made, and how one is removed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambdactl.execution.containers import labels
from lambdactl.execution.containers.explaining import explained
from lambdactl.execution.containers.keeper import TELEMETRY_FD

if TYPE_CHECKING:
    import docker

    from lambdactl.execution.containers.sandbox import ContainerSpec

MB_OF_A_PROCESSOR = 1769
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
PROCESSOR_PERIOD_US = 100_000
"""Docker's own. Lambda's is shorter: the same share, in more and smaller pieces."""
NO_QUOTA = -1
_LEAST_QUOTA_US = 1_000
"""The kernel takes no less."""
_SHARES = 1024
_LEAST_SHARES = 2

OPEN_FILES = 1024
PROCESSES = 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def processor_quota(memory_mb: int) -> int:
    """Microseconds of processor time in each :data:`PROCESSOR_PERIOD_US`."""
    return max(_LEAST_QUOTA_US, round(PROCESSOR_PERIOD_US * memory_mb / MB_OF_A_PROCESSOR))


def of(
    spec: ContainerSpec,
    address: str,
    entrypoint: list[str],
    *,
    binds: Mapping[str, str],
    stdin: bool,
    auto_remove: bool = True,
) -> dict[str, Any]:
    """The keyword arguments of the SDK's ``create_container``.

    :param address: of the Runtime API.
    :param stdin: the container's standard input is ours, and ends with us.
    :param auto_remove: the engine removes it when it has ended.
    """
    from docker.types import HostConfig, LogConfig, Mount, Ulimit

    variables = {**spec.variables, "AWS_LAMBDA_RUNTIME_API": address}
    if spec.telemetry:
        variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(TELEMETRY_FD)
    host = {
        "auto_remove": auto_remove,
        "cap_drop": ["ALL"],
        "cpu_shares": max(_LEAST_SHARES, round(_SHARES * spec.memory_mb / MB_OF_A_PROCESSOR)),
        "extra_hosts": list(spec.reach.extra_hosts),
        # An engine may be set up to put a first process of its own before ours.
        "init": False,
        # Lambda has no /dev/shm: what needs it (multiprocessing.Pool) fails there, and here.
        "ipc_mode": "private" if "shm_size" in spec.host_config else "none",
        "log_config": LogConfig(type="none"),
        "mem_limit": f"{spec.memory_mb}m",
        "memswap_limit": f"{spec.memory_mb}m",
        "network_mode": spec.reach.network_mode,
        "pids_limit": PROCESSES,
        "read_only": True,
        "security_opt": ["no-new-privileges"],
        "tmpfs": {"/tmp": f"rw,exec,nosuid,mode=1777,size={spec.ephemeral_storage_mb}m"},  # noqa: S108
        "ulimits": [Ulimit(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES)],
    }
    mounts = [
        Mount(
            target=there, source=str(spec.engine.outside(Path(here))), type="bind", read_only=True
        )
        for here, there in binds.items()
    ]
    config: dict[str, Any] = {
        "name": _name(spec.labels),
        "image": spec.image.id,
        "entrypoint": entrypoint,
        "command": [],
        "environment": variables,
        "labels": dict(spec.labels),
        "stdin_open": stdin,
        # An engine that shuts down waits ten seconds for who does not end when asked.
        "stop_signal": "SIGKILL",
        # The user's proxies (~/.docker/config.json) are no part of the declared environment.
        "use_config_proxy": False,
    }
    if spec.image.working_directory:
        config["working_dir"] = spec.image.working_directory
    if spec.user:
        config["user"] = spec.user
    if spec.port is not None:
        config["ports"] = [spec.port]
        host["port_bindings"] = {spec.port: ("127.0.0.1", spec.port)}
    _mix(config, spec.config)
    _mix(host, spec.host_config)
    # A limit said twice is lowered first, and can't be raised again.
    host["ulimits"] = list({limit["Name"]: limit for limit in host["ulimits"]}.values())
    host["mounts"] = [*mounts, *host.get("mounts", [])]
    config["host_config"] = HostConfig(version=spec.engine.client.api_version, **host)
    return config


def _name(labelled: Mapping[str, str]) -> str:
    """What ``docker ps`` shows and ``docker exec`` takes: the function, and which one of it."""
    function = re.sub(r"[^a-zA-Z0-9_.-]", "-", labelled.get(labels.FUNCTION, "function"))
    return f"lambdactl-{function}-{secrets.token_hex(4)}"


def _mix(ours: dict[str, Any], theirs: Mapping[str, Any]) -> None:
    """What the user adds: lists and mappings grow, the rest is replaced."""
    for name, value in theirs.items():
        before = ours.get(name)
        if isinstance(before, dict):
            ours[name] = {**before, **value}
        elif isinstance(before, list):
            ours[name] = [*before, *value]
        else:
            ours[name] = value


def remove(client: docker.APIClient, container: str) -> None:
    """Kill and remove it; returns when it is gone. Blocks.

    :raises EngineError: the engine is gone, or refuses.
    """
    try:
        labels.remove_container(client, container)
    except Exception as error:
        raise explained(error, "remove a container") from error
