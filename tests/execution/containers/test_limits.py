"""A function's share of a processor, and of memory, as the engine has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lambdactl.execution.containers.configuration import processor_quota
from lambdactl.execution.containers.settings import ContainerSettings
from tests.execution.containers.running import SOURCE, Ran, engine, folder, running, soon

pytestmark = pytest.mark.container

MB = 1024 * 1024


def host(ran: Ran) -> dict[str, Any]:
    (container,) = ran.containers()
    with engine() as client:
        return dict(client.inspect_container(container)["HostConfig"])


def test_init_has_all_of_a_processor_and_invocations_their_share(tmp_path: Path) -> None:
    source = "import time\nbegun = time.process_time()\nsum(range(3_000_000))\n"
    source += "took = time.process_time() - begun\n" + SOURCE
    wait = "import time; time.sleep(event['s'])"
    with running(folder(tmp_path / "code", source), memory_mb=128) as ran:
        ran.call("result = 1")
        ran.call(wait, s=0.2)
        soon(lambda: host(ran)["CpuQuota"] == processor_quota(128))
        ran.call("import os; os._exit(1)")
        ran.call("result = 1")
        # The second init was begun with all of it, and the share came after it.
        ran.call(wait, s=0.2)
        soon(lambda: host(ran)["CpuQuota"] == processor_quota(128))


def test_a_share_that_the_user_says_is_kept(tmp_path: Path) -> None:
    settings = ContainerSettings(docker_args=("--cpus=1.5",))
    with running(tmp_path / "code", memory_mb=128, options={"containers": settings}) as ran:
        for _ in range(2):
            ran.call("import time; time.sleep(0.2)")
        assert host(ran)["CpuQuota"] in {0, 150_000}
        assert host(ran)["CpuQuota"] or host(ran)["NanoCpus"] == 1_500_000_000


def test_memory_and_tmp_are_counted_apart_once_there_is_something_in_tmp(tmp_path: Path) -> None:
    write = "open('/tmp/x', 'wb').write(bytes(event['mb'] << 20)); import time; time.sleep(0.3)"
    with running(tmp_path / "code", memory_mb=256, ephemeral_storage_mb=512) as ran:
        ran.call(write, mb=1)
        assert host(ran)["Memory"] == 256 * MB, "the kernel's own limit is the exact one"
        ran.call(write, mb=40)
        soon(lambda: host(ran)["Memory"] == (256 + 512) * MB)
        killed = ran.call("held = bytearray(400 << 20); import time; time.sleep(20)")
        assert killed.json()["errorMessage"].endswith("signal: killed")
        assert killed.report.max_memory_used_mb == 256
        assert ran.call("result = 1").json() == 1


def test_a_file_of_tmp_that_is_mapped_is_no_memory(tmp_path: Path) -> None:
    mapped = (
        "import mmap, time\n"
        "with open('/tmp/x', 'wb') as file: file.truncate(200 << 20)\n"
        "with open('/tmp/x', 'r+b') as file: held = mmap.mmap(file.fileno(), 0)\n"
        "for at in range(0, len(held), 4096): held[at] = 1\n"
        "time.sleep(0.3)\n"
        "result = len(held)"
    )
    with running(tmp_path / "code", memory_mb=128, ephemeral_storage_mb=512) as ran:
        assert ran.call(mapped).json() == 200 * MB


def test_there_is_no_shared_memory(tmp_path: Path) -> None:
    with running(tmp_path / "code") as ran:
        assert ran.call("import multiprocessing; multiprocessing.Lock()").function_error
        assert ran.call("import os; result = os.path.exists('/dev/shm')").json() is False


def test_the_most_memory_is_reported(tmp_path: Path) -> None:
    with running(tmp_path / "code", memory_mb=512) as ran:
        small = ran.call("result = 1").report.max_memory_used_mb
        held = "held = bytearray(200 << 20); import time; time.sleep(0.2)"
        large = ran.call(held).report.max_memory_used_mb
        assert 1 < small < 100
        assert small + 190 < large < small + 260
        ran.call("import os; os._exit(1)")
        assert ran.call("result = 1").report.max_memory_used_mb < 100
