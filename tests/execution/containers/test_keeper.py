"""The keeper's few lines, run by this machine's shells in a tree of processes of their own."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lambdactl.execution.containers import keeper
from lambdactl.execution.failures import Exit

DEADLINE_S = 20
# Nowhere else: a keeper kills whatever it can see.
ALONE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
if os.geteuid() != 0:
    ALONE.append("--map-root-user")
SHELLS = [name for name in ("dash", "bash", "busybox") if shutil.which(name)]


class Keeper:
    """One that runs; each test tells it what to run in ``entrypoint``'s stead."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._rest = b""

    def order(self, order: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order)
        self._process.stdin.flush()

    def report(self) -> str:
        """The next one. What a shell itself has to say of a child is none."""
        assert self._process.stderr is not None
        while True:
            while b"\n" not in self._rest:
                self._rest += _read(self._process.stderr.fileno())
            line, self._rest = self._rest.split(b"\n", 1)
            report = line.decode()
            if report in {keeper.UP, keeper.KILLED} or report.startswith(keeper.EXIT):
                return report

    def output(self, until: bytes) -> bytes:
        """What has been written, as far as ``until``."""
        assert self._process.stdout is not None
        found = b""
        while until not in found:
            found += _read(self._process.stdout.fileno())
        return found

    def end(self) -> int:
        """No order can come any more. The status with which it ends by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(DEADLINE_S)


def _read(pipe: int) -> bytes:
    ready, _, _ = select.select([pipe], [], [], DEADLINE_S)
    assert ready, "nothing came"
    data = os.read(pipe, 65536)
    assert data, "it has ended"
    return data


@contextmanager
def kept(shell: str, *command: str, declared: set[str] | None = None) -> Iterator[Keeper]:
    entrypoint = keeper.entrypoint(command, pipes=False, declared=declared or set())
    assert entrypoint[0] == "/bin/sh"
    program = [shell, "sh"] if shell == "busybox" else [shell]
    with subprocess.Popen(
        [*ALONE, *program, *entrypoint[1:]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "HOSTNAME": "of-the-engine", "HOME": "/of/the/engine"},
    ) as process:
        try:
            running = Keeper(process)
            assert running.report() == keeper.UP
            yield running
        finally:
            process.kill()


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_command_is_run_on_order_and_its_status_told(shell: str) -> None:
    with kept(shell, "sh", "-c", 'echo "$@"; exit 7', "name", "two words", "*") as running:
        running.order(keeper.RUN)
        assert running.output(b"\n") == b"two words *\n"
        assert running.report() == "exit 7"
        running.order(keeper.RUN)
        assert running.report() == "exit 7"


def test_a_keeper_ends_when_no_order_can_come_any_more_and_all_with_it(
    shell: str, tmp_path: Path
) -> None:
    alive = tmp_path / "alive"
    script = f"trap '' TERM HUP; (while :; do echo x >>{alive}; sleep 0.02; done) & echo up; wait"
    with kept(shell, "sh", "-c", script) as running:
        running.order(keeper.RUN)
        running.output(b"up\n")
        assert running.end() == 0
    size = alive.stat().st_size if alive.exists() else 0
    time.sleep(0.1)  # Time in which somebody who lives would have written.
    assert (alive.stat().st_size if alive.exists() else 0) == size


def test_a_kill_kills_all_and_the_next_run_finds_nobody(shell: str) -> None:
    script = (
        "trap '' TERM INT HUP\n"
        "(setsid sleep 1000 >/dev/null 2>&1 &)\n"
        "for pid in /proc/[0-9]*; do echo ${pid#/proc/}; done; echo done; sleep 1000"
    )
    with kept(shell, "sh", "-c", script) as running:
        counts = []
        for _ in range(2):
            running.order(keeper.RUN)
            counts.append(running.output(b"done\n").count(b"\n"))
            running.order(keeper.KILL)
            assert running.report() == keeper.KILLED
        assert counts[0] == counts[1]


def test_a_kill_with_nothing_to_kill_is_answered(shell: str) -> None:
    with kept(shell, "true") as running:
        running.order(keeper.KILL)
        assert running.report() == keeper.KILLED
        running.order(keeper.RUN)
        assert running.report() == "exit 0"
        running.order(keeper.KILL)
        assert running.report() == keeper.KILLED


def test_who_is_killed_is_gone_with_its_memory_when_that_is_told(shell: str) -> None:
    """It takes time to give back memory; the next runtime is counted together with what is left."""
    held = "held = bytearray(300_000_000)"
    script = f"import time; {held}; print('here', flush=True); time.sleep(99)"
    with kept(shell, "python3", "-c", script) as running:
        running.order(keeper.RUN)
        running.output(b"here\n")
        names = _names(held)
        assert names
        running.order(keeper.KILL)
        assert running.report() == keeper.KILLED
        assert not any(Path(f"/proc/{name}").exists() for name in names)


def _names(part: str) -> list[str]:
    """Processes of this machine whose command line has ``part``."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if folder.name.isdigit() and part.encode() in line and b"python3\0" in line[:20]:
            found.append(folder.name)
    return found


def test_what_daemons_leave_is_taken_in(shell: str) -> None:
    """A child of nobody that has ended stays in the table of processes until somebody asks."""
    script = (
        "for i in 1 2 3 4 5 6 7 8 9; do (true & exec true); (sleep 0.01 & exec true); done\n"
        "tries=0\n"
        "while tries=$((tries+1)); [ $tries -lt 400 ]; do\n"
        "  dead=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z 1 ')\n"
        "  [ $dead = 0 ] && break; sleep 0.02\n"
        "done\n"
        "echo zombies: $dead"
    )
    with kept(shell, "sh", "-c", script) as running:
        running.order(keeper.RUN)
        assert running.output(b"\n") == b"zombies: 0\n"


def test_a_function_that_kills_all_it_can_see_ends_the_container(shell: str) -> None:
    """Nobody could tell how its runtime ended: so everything does, and at once."""
    with kept(shell, "sh", "-c", "kill -9 -1") as running:
        running.order(keeper.RUN)
        with pytest.raises(AssertionError, match="it has ended"):
            running.report()


def test_nothing_of_the_keepers_is_open_to_the_function(shell: str) -> None:
    with kept(shell, "sh", "-c", "readlink /proc/self/fd/0; ls /proc/self/fd") as running:
        running.order(keeper.RUN)
        found = running.output(b"3\n").split()
        # The last one is the folder that `ls` itself reads.
        assert found[:5] == [b"/dev/null", b"0", b"1", b"2", b"3"]
        assert running.report() == "exit 0"


def test_the_log_channel_is_the_output(shell: str) -> None:
    with kept(shell, "sh", "-c", "echo one; echo two >&2; echo three >&3") as running:
        running.order(keeper.RUN)
        assert running.output(b"three\n") == b"one\ntwo\nthree\n"


def test_variables_that_only_engines_set_are_taken_away(shell: str) -> None:
    # Not by the shell's word: some shells know the host's name by themselves.
    script = ("python3", "-c", "import os; print(*map(os.getenv, ['HOME', 'HOSTNAME']))")
    with kept(shell, *script) as running:
        running.order(keeper.RUN)
        assert running.output(b"\n") == b"None None\n"
    with kept(shell, *script, declared={"HOME"}) as running:
        running.order(keeper.RUN)
        assert running.output(b"\n") == b"/of/the/engine None\n"


def test_a_command_that_is_not_there_is_status_127(shell: str) -> None:
    with kept(shell, "/no/such/entrypoint") as running:
        running.order(keeper.RUN)
        assert running.output(b"\n")
        assert running.report() == "exit 127"


def test_a_command_that_is_not_executable_is_status_126(shell: str, tmp_path: Path) -> None:
    (tmp_path / "entrypoint").write_text("#!/bin/sh\n")
    with kept(shell, str(tmp_path / "entrypoint")) as running:
        running.order(keeper.RUN)
        assert running.report() == "exit 126"


def test_a_keeper_kills_nobody_where_it_is_not_the_first_process() -> None:
    with subprocess.Popen(
        ["sh", "-c", keeper.SCRIPT, "lambdactl", "true"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.communicate(timeout=DEADLINE_S)[1] == b""
        assert process.returncode == 125


def _through_pipes(shell: str, folder: Path) -> list[str]:
    """A keeper's command line, with the pipes in ``folder`` made."""
    entrypoint = keeper.entrypoint(("echo", "hello"), pipes=True)
    for name in ("orders", "output", "reports"):
        os.mkfifo(folder / name)
    program = [shell, "sh"] if shell == "busybox" else [shell]
    script = entrypoint[2].replace(keeper.PIPES, str(folder))
    assert script != entrypoint[2]
    return [*ALONE, *program, "-c", script, *entrypoint[3:]]


def test_a_keeper_that_starts_when_lambdactl_is_dead_already_ends(
    shell: str, tmp_path: Path
) -> None:
    """An engine starts what it was asked for, however long ago: nobody is at the other ends."""
    with subprocess.Popen(_through_pipes(shell, tmp_path)) as process:
        try:
            process.wait(DEADLINE_S)
        finally:
            process.kill()


def test_a_keeper_ends_when_the_other_end_of_its_pipes_does(shell: str, tmp_path: Path) -> None:
    command = _through_pipes(shell, tmp_path)
    orders = os.open(tmp_path / "orders", os.O_RDWR)
    reports, output = (
        os.open(tmp_path / name, os.O_RDONLY | os.O_NONBLOCK) for name in ("reports", "output")
    )
    with subprocess.Popen(command) as process:
        try:
            assert _read(reports) == b"up\n"
            os.write(orders, keeper.RUN)
            assert _read(output) == b"hello\n"
            assert _read(reports) == b"exit 0\n"
            os.close(orders)
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()
    os.close(reports)
    os.close(output)


def test_a_signal_is_told(shell: str) -> None:
    with kept(shell, "sh", "-c", "kill -SEGV $$") as running:
        running.order(keeper.RUN)
        assert keeper.exit_of(running.report()) == Exit(signal=11)


@pytest.mark.parametrize(
    ("report", "exit"),
    {
        "exit 0": Exit(status=0),
        "exit 1": Exit(status=1),
        "exit 128": Exit(status=128),
        "exit 137": Exit(signal=9),
        "exit 139": Exit(signal=11),
        "exit 192": Exit(signal=64),
        # No signal has such a number: sys.exit(-1), process.exit(255).
        "exit 193": Exit(status=193),
        "exit 255": Exit(status=255),
    }.items(),
)
def test_how_it_ended(report: str, exit: Exit) -> None:
    assert keeper.exit_of(report) == exit
