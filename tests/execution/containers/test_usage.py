"""What a container uses, from a memory group's files as both versions of the kernel's interface
write them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdactl.execution.containers import usage
from lambdactl.execution.containers.usage import Usage
from lambdactl.execution.memory import Cgroup

MB = 1024 * 1024
ID = "0123456789abcdef" * 4


def stat(**values_mb: int) -> str:
    return "".join(f"{name} {value * MB}\n" for name, value in values_mb.items())


@pytest.mark.parametrize(
    ("text", "found"),
    {
        # Version 2: https://docs.kernel.org/admin-guide/cgroup-v2.html
        stat(anon=30, file=120, kernel=9, shmem=100, file_mapped=8, file_dirty=1): Usage(30, 100),
        stat(anon=30, file=12, shmem=0, file_mapped=8): Usage(38, 0),
        # Version 1. What begins with total_ is that of the children, too.
        stat(cache=120, rss=30, rss_huge=2, shmem=100, mapped_file=110, total_rss=99): Usage(
            40, 100
        ),
        "": Usage(0, 0),
    }.items(),
)
def test_what_is_in_tmp_is_apart_from_memory(text: str, found: Usage, tmp_path: Path) -> None:
    (tmp_path / "memory.stat").write_text(text)
    assert usage.read(Cgroup(tmp_path)) == found


def test_a_file_of_tmp_that_is_mapped_is_still_in_tmp(tmp_path: Path) -> None:
    (tmp_path / "memory.stat").write_text(stat(anon=20, shmem=300, file_mapped=310))
    assert usage.read(Cgroup(tmp_path)) == Usage(30, 300)


def test_a_group_that_is_gone_uses_nothing(tmp_path: Path) -> None:
    assert usage.read(Cgroup(tmp_path / "gone")) is None


@pytest.fixture
def pid() -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process.pid
        process.kill()


def groups(monkeypatch: pytest.MonkeyPatch, pid: int, text: str) -> None:
    """Let /proc say that ``pid`` is in such groups: only the kernel itself could."""
    real = Path.read_text

    def read(path: Path, *args: object, **more: object) -> str:
        return text if str(path) == f"/proc/{pid}/cgroup" else real(path, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "read_text", read)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        (f"0::/docker/{ID}\n", f"docker/{ID}"),
        (f"0::/system.slice/docker-{ID}.scope\n", f"system.slice/docker-{ID}.scope"),
        (
            f"0::/user.slice/libpod-{ID}.scope/container\n",
            f"user.slice/libpod-{ID}.scope/container",
        ),
        (
            f"12:cpu,cpuacct:/docker/{ID}\n5:memory:/docker/{ID}\n1:name=systemd:/docker/{ID}\n",
            f"memory/docker/{ID}",
        ),
        (f"4:cpu:/docker/{ID}\n3:memory,hugetlb:/other/{ID}\n", f"memory/other/{ID}"),
        # Both at once: memory is in one of version 1.
        (f"4:memory:/docker/{ID}\n0::/docker/{ID}\n", f"memory/docker/{ID}"),
    ],
)
def test_the_group_is_found(
    text: str, folder: str, pid: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups(monkeypatch, pid, text)
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "memory.stat").write_text(stat(anon=1))
    assert usage.find(pid, ID, root=tmp_path) == Cgroup(tmp_path / folder)


@pytest.mark.parametrize(
    "text", ["0::/\n", "0::/user.slice\n", f"4:cpu:/docker/{ID}\n", f"4:memory:/docker/{ID}\n"]
)
def test_another_group_or_none_that_can_be_read_is_none(
    text: str, pid: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never that of all the machine's processes."""
    groups(monkeypatch, pid, text)
    (tmp_path / "memory.stat").write_text(stat(anon=1))
    assert usage.find(pid, ID, root=tmp_path) is None


def test_a_process_that_is_gone_has_no_group(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert usage.find(process.pid, ID, root=tmp_path) is None
