"""What the benchmarks share: whole commands timed in turn, and tables in Markdown.

Commands are timed in rounds that go around all of them, so that a slow minute of the machine
hits each alike, and ratios hold where absolute figures don't.
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds an http.py, and a script's folder comes first: Python's own must win. So a
# script here imports this module before any that may want HTTP.
if (_here := str(Path(__file__).resolve().parent)) in sys.path:
    sys.path.remove(_here)
    sys.path.append(_here)

import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Where this is set, a checkout is compiled anew at each start, and an installed package isn't.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Command:
    """A program to time. ``check`` must stand in its stdout, so that no failure is timed."""

    argv: Sequence[str]
    check: str = ""
    cwd: Path | None = None
    env: Mapping[str, str] | None = None


def once(command: Command) -> float:
    """Milliseconds of one run, start to end of the process.

    :raises RuntimeError: it failed, or didn't print what it must.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        code = subprocess.call(
            command.argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=command.cwd,
            env={**ENVIRONMENT, **(command.env or {})},
        )
        elapsed = (time.perf_counter() - start) * 1000
        out.seek(0)
        err.seek(0)
        if code != 0 or command.check not in out.read():
            raise RuntimeError(f"{command.argv} ended with {code}: {err.read()[-2000:]}")
        return elapsed


def in_turn(commands: Mapping[str, Command], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every run of every command, ``rounds`` each, after one that warms up."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            elapsed = once(command)
            if number:
                times[name].append(elapsed)
    return times


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    line = "| --- |" + " ---: |" * (len(head) - 1)
    return "\n".join([_row(head), line, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def summary(times: Mapping[str, list[float]], base: str) -> str:
    """Median, minimum and the difference and ratio of medians to those of ``base``."""
    zero = statistics.median(times[base])
    rows = []
    for name, values in times.items():
        median = statistics.median(values)
        rows.append(
            (
                name,
                f"{median:,.0f}",
                f"{min(values):,.0f}",
                f"{median - zero:+,.0f}",
                f"{median / zero:.2f}",
            )
        )
    return table(("command", "median ms", "min ms", "over the first, ms", "times the first"), rows)


def machine() -> str:
    """One line that says where the figures come from."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (
                line.partition(":")[2].strip()
                for line in info.read_text().splitlines()
                if line.startswith("model name")
            ),
            cpu,
        )
    return (
        f"{os.cpu_count()} cores of {cpu}, {platform.system()} {platform.release()}, "
        f"CPython {platform.python_version()}"
    )


def script(name: str) -> str:
    """The path of a console script installed beside the running Python."""
    return str(Path(sys.executable).parent / name)
