"""Build steps, with commands that every system has."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import psutil
import pytest

from lambdactl.artifacts import building
from lambdactl.errors import BuildError
from lambdactl.manifest.features import Build
from tests import aio


def test_commands_run_in_order_in_the_folder_with_the_users_variables(tmp_path: Path) -> None:
    build = Build(
        ("echo $MODE $FROM_SHELL; pwd > where", "cat where; echo to stderr >&2"),
        tmp_path,
        environment={"MODE": "dev"},
    )
    shell = {**os.environ, "MODE": "shell", "FROM_SHELL": "yes"}
    output = aio.run(building.run(build, shell=shell))
    assert output.decode() == f"dev yes\n{tmp_path}\nto stderr\n"


def test_the_first_that_fails_ends_it(tmp_path: Path) -> None:
    build = Build(("echo first", "echo broken; exit 3", "touch never"), tmp_path)
    with pytest.raises(BuildError) as caught:
        aio.run(building.run(build))
    assert caught.value.message == "the build failed: `echo broken; exit 3` ended with 3"
    assert caught.value.output == b"first\nbroken\n"
    assert not (tmp_path / "never").exists()


def test_a_tool_that_npx_lacks_can_be_installed(tmp_path: Path) -> None:
    said = 'npm error npx canceled due to missing packages and no YES option: ["esbuild@0.28.2"]'
    with pytest.raises(BuildError) as caught:
        aio.run(building.run(Build((f"echo '{said}'; exit 1",), tmp_path)))
    assert caught.value.hint == f"npm install --prefix {tmp_path} --save-dev esbuild"


def test_a_signal_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="was ended by SIGKILL"):
        aio.run(building.run(Build(("kill -9 $$",), tmp_path)))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"can't build in .*: no such file or directory"):
        aio.run(building.run(Build(("true",), tmp_path / "gone")))


def test_of_much_output_the_end_is_kept(tmp_path: Path) -> None:
    output = aio.run(building.run(Build(("yes | head -c 1000000; echo end",), tmp_path)))
    assert len(output) == building.MAX_OUTPUT
    assert output.endswith(b"y\nend\n")


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM; "])
def test_cancelled_it_leaves_nothing(tmp_path: Path, stubborn: str) -> None:
    async def scene() -> list[int]:
        build = Build((f"{stubborn}sleep 60 & echo $! > child; echo $$ > shell; wait",), tmp_path)
        task = asyncio.create_task(building.run(build))
        await aio.until(lambda: (tmp_path / "shell").exists() and (tmp_path / "shell").read_text())
        task.cancel()
        await asyncio.wait([task])
        return [int((tmp_path / name).read_text()) for name in ("child", "shell")]

    for pid in aio.run(scene()):
        # A killed process takes a moment to go.
        end = time.monotonic() + 5
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie":
            assert time.monotonic() < end
            time.sleep(0.01)
