"""Where a function can write, what it finds there later, and where it can't write."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.execution.conformance.conftest import Ran, combinations

Start = Callable[..., Ran]

MB = 1024 * 1024


def test_tmp_is_the_functions_own_and_stays_between_calls(family: str, start: Start) -> None:
    ran = start(family)
    assert ran.invoke("write", name="file1", mb=1).json() == MB
    assert ran.invoke("files").json() == ["file1"]
    assert not Path("/tmp/file1").exists()


def test_tmp_outlives_a_crash_of_the_runtime(family: str, start: Start) -> None:
    ran = start(family)
    ran.invoke("write", name="file1", mb=1)
    ran.invoke("exit", status=1)
    assert ran.invoke("files").json() == ["file1"]


@pytest.mark.slow
def test_tmp_outlives_a_timeout(family: str, start: Start) -> None:
    ran = start(family, timeout_s=2)
    ran.invoke("write", name="file1", mb=1)
    assert ran.invoke("sleep", seconds=30).json()["errorType"] == "Sandbox.Timedout"
    assert ran.invoke("files").json() == ["file1"]


def test_two_environments_do_not_share_tmp(start: Start) -> None:
    first, second = start("python"), start("python")
    first.invoke("write", name="file1", mb=1)
    assert second.invoke("files").json() == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere processes share a disk")
def test_tmp_has_the_declared_size(runner: str, start: Start) -> None:
    ran = start("python", ephemeral_storage_mb=16)
    assert ran.invoke("write", name="file1", mb=8).json() == 8 * MB
    result = ran.invoke("write", name="file1", mb=32)
    assert result.json()["errorType"] == "OSError"
    if runner == "container":
        assert "No space left on device" in result.json()["errorMessage"]


@pytest.mark.parametrize(("runner", "family"), combinations("container"))
def test_in_a_container_nothing_else_can_be_written(family: str, start: Start) -> None:
    ran = start(family)
    for folder in ("/var/task", "/opt", "/var/runtime", "/usr"):
        result = ran.invoke("write", name=f"..{folder}/file1", mb=1).json()
        assert result == "refused" or "ead-only file system" in str(result)
