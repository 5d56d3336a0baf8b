"""wrk, its figures, and what processes cost: processor time and memory, from the system's books."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Figures:
    """One run. ``failed`` counts answers that are not 2xx or 3xx, and broken connections."""

    requests_s: float
    requests: int
    p50_ms: float
    p99_ms: float
    failed: int


def command(url: str, connections: int, seconds: float, body: bytes | None = None) -> list[str]:
    """wrk with one thread. ``body`` makes it POST.

    :raises SystemExit: there is no wrk.
    """
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    argv = [program, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    # Cold starts of slow peers are no failures.
    argv += ["--timeout", "20s", url]
    if body is not None:
        with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False) as script:
            script.write(f'wrk.method = "POST"\nwrk.body = [[{body.decode()}]]\n')
        argv += ["-s", script.name]
    return argv


def run(url: str, connections: int, seconds: float, body: bytes | None = None) -> Figures:
    argv = command(url, connections, seconds, body)
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=seconds + 60, check=True
        )
    finally:
        if body is not None:
            Path(argv[-1]).unlink()
    return parse(done.stdout)


def parse(text: str) -> Figures:
    def milliseconds(percent: str) -> float:
        found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.MULTILINE)
        return float(found[1]) * _MS[found[2]] if found else float("nan")

    requests = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: (.*)", text)
    failed = int(bad[1]) if bad else 0
    failed += sum(map(int, re.findall(r"\d+", broken[1]))) if broken else 0
    return Figures(rate, requests, milliseconds("50"), milliseconds("99"), failed)


def cpu_s(processes: Iterable[psutil.Process]) -> float:
    """Processor seconds of those that still live; the system counts in hundredths."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def rss_mb(processes: Iterable[psutil.Process]) -> float:
    """Resident megabytes (10^6 bytes) of those that still live."""
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6
