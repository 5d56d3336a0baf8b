"""Memory limits: control groups in a made-up hierarchy and in the real one, and resident memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from lambdactl.execution.memory import CGROUP_ROOT, Cgroup, create_cgroup, resident_mb

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's own")

Run = Callable[..., AbstractContextManager[subprocess.Popen[str]]]


@pytest.fixture
def version_2(tmp_path: Path) -> tuple[Path, Path]:
    """A unified hierarchy in which this process is in /user.slice/shell, and its root."""
    root = tmp_path / "cgroup"
    folder = root / "user.slice"
    (folder / "shell").mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu memory pids\n")
    (folder / "cgroup.subtree_control").write_text("cpu memory\n")
    (folder / "cgroup.procs").touch()
    own = tmp_path / "own"
    own.write_text("0::/user.slice/shell\n")
    return root, own


def version_1(tmp_path: Path, line: str = "4:memory:/session") -> tuple[Path, Path]:
    root = tmp_path / "cgroup"
    (root / "memory" / "session").mkdir(parents=True)
    own = tmp_path / "own"
    own.write_text(f"9:name=systemd:/\n{line}\n0::/\n")
    return root, own


def limits(path: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in path.iterdir()}


def test_version_2_limits_memory_and_forbids_swap(version_2: tuple[Path, Path]) -> None:
    root, own = version_2
    group = create_cgroup(128, root=root, own=own)
    assert group is not None
    # A sibling of our own group: one with processes in it can't hand out controllers.
    assert group.path.parent == root / "user.slice"
    assert limits(group.path) == {"memory.max": "134217728", "memory.swap.max": "0"}
    assert group.members == group.path / "cgroup.procs"


@pytest.mark.parametrize("line", ["4:memory:/session", "4:cpu,memory:/session"])
def test_version_1_limits_memory_and_forbids_swap(tmp_path: Path, line: str) -> None:
    root, own = version_1(tmp_path, line)
    group = create_cgroup(128, root=root, own=own)
    assert group is not None
    assert group.path.parent == root / "memory" / "session"
    assert limits(group.path) == {
        "memory.limit_in_bytes": "134217728",
        "memory.memsw.limit_in_bytes": "134217728",
        "memory.swappiness": "0",
    }


def test_each_environment_has_a_group_of_its_own(version_2: tuple[Path, Path]) -> None:
    root, own = version_2
    groups = [create_cgroup(128, root=root, own=own) for _ in range(3)]
    assert len({group.path for group in groups if group}) == 3


def test_a_memory_controller_that_is_not_handed_out_is_no_use(
    version_2: tuple[Path, Path],
) -> None:
    root, own = version_2
    (root / "user.slice" / "cgroup.subtree_control").write_text("cpu pids\n")
    assert create_cgroup(128, root=root, own=own) is None


@pytest.mark.parametrize("missing", ["cgroup.controllers", "user.slice/cgroup.subtree_control"])
def test_a_hierarchy_that_is_not_there_is_no_use(
    version_2: tuple[Path, Path], missing: str
) -> None:
    root, own = version_2
    (root / missing).unlink()
    assert create_cgroup(128, root=root, own=own) is None


@pytest.mark.parametrize("text", ["", "0::/\n", "1:cpu:/\n0::/\n"])
def test_in_the_root_of_a_container_there_is_no_group_to_make(
    version_2: tuple[Path, Path], text: str
) -> None:
    root, own = version_2
    own.write_text(text)
    assert create_cgroup(128, root=root, own=own) is None


def test_without_control_groups_there_is_none(tmp_path: Path) -> None:
    assert create_cgroup(128, root=tmp_path, own=tmp_path / "missing") is None


def test_a_group_that_may_not_be_made_is_none(version_2: tuple[Path, Path]) -> None:
    root, own = version_2
    # Whoever runs the tests, nobody makes a folder below a file.
    own.write_text("0::/user.slice/cgroup.procs/x\n")
    assert create_cgroup(128, root=root, own=own) is None


def test_a_group_that_is_gone_has_no_processes_and_can_be_removed_again(
    version_2: tuple[Path, Path],
) -> None:
    root, own = version_2
    group = create_cgroup(128, root=root, own=own)
    assert group is not None
    group.members.write_text("12\n345\n")
    assert group.pids() == [12, 345]
    for file in group.path.iterdir():
        file.unlink()
    group.remove()
    assert not group.path.exists()
    assert group.pids() == []
    group.remove()


@pytest.mark.parametrize(
    ("name", "text", "killed"),
    [
        ("memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n", True),
        ("memory.events", "low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\noom_group_kill 0\n", False),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", True),
        ("memory.oom_control", "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n", False),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n", False),
        ("nothing", "", False),
    ],
)
def test_a_group_knows_whether_its_limit_killed(
    tmp_path: Path, name: str, text: str, killed: bool
) -> None:
    (tmp_path / name).write_text(text)
    assert Cgroup(tmp_path).has_killed() is killed


def test_a_real_group_kills_what_takes_more_than_its_limit() -> None:
    group = create_cgroup(32)
    join = f'echo $$ > {group.members if group else "/dev/null"} && exec "$@"'
    program = "print('joined', flush=True); input(); bytearray(100 << 20)"
    with subprocess.Popen(
        ["sh", "-c", join, "sh", sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "joined\n"
        if group is not None:
            assert group.path.is_relative_to(CGROUP_ROOT)
            assert group.pids() == [process.pid]
            assert not group.has_killed()
        process.communicate("\n")
    assert process.returncode == (0 if group is None else -9)
    if group is not None:
        assert group.has_killed()
        assert group.pids() == []
        group.remove()
        assert not group.path.exists()


PROGRAM = """
import subprocess, sys, threading

role, *rest = sys.argv[1:]
if role == "thread":
    thread = threading.Thread(target=subprocess.run, args=([sys.executable, __file__, *rest],))
    thread.start()
    thread.join()
elif role == "child":
    subprocess.run([sys.executable, __file__, *rest])
else:
    held = bytearray(int(role) << 20)
    if rest:
        del held
    print("ready", flush=True)
    input()
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run("80")`` is a process that holds 80 MB; ``run("child", "80")`` one whose child does."""
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)

    @contextmanager
    def begun(*roles: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [sys.executable, file, *roles],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
            process.communicate("\n")

    return begun


def test_resident_memory_grows_with_what_is_used(run: Run) -> None:
    with run("0") as small, run("80") as large:
        # The kernel counts by batches of pages, a little differently on each processor.
        assert 75 < resident_mb(large.pid)[0] - resident_mb(small.pid)[0] < 90


def test_the_peak_is_remembered(run: Run) -> None:
    with run("80", "and let go") as process:
        now, peak = resident_mb(process.pid)
        assert peak >= now + 75


@pytest.mark.parametrize("start", ["child", "thread", "child child", "thread thread"])
def test_descendants_count(run: Run, start: str) -> None:
    with run(*start.split(), "80") as process:
        assert resident_mb(process.pid)[0] > 80


def test_a_process_that_is_gone_uses_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert resident_mb(process.pid) == (0, 0)
    assert resident_mb(os.getpid())[0] > 10
