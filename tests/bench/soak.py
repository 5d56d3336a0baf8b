"""Ten minutes of ``lambdactl local start-api`` in front of a function that fails, times out, dies,
leaks and answers nonsense: is every answer AWS's, is none lost, does the server grow, and does it
leave anything behind?

::

    python tests/bench/soak.py                 # --seconds 60 for a shorter one

What the function does is drawn by the client from a seed and stands in the request, so the client
knows what the answer has to be. The client is plain asyncio streams: one that asks again by itself
when a connection breaks (aiohttp and httpx do) could not tell that an answer was lost. Ends with
status 1 if anything was not as it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import wrk
from common import ENVIRONMENT, machine, table
from servers import PYTHON, free_ports, stop_on_sigterm

CONNECTIONS = 50
END_S = 1.0
ANSWER_S = 60.0

FUNCTION = """\
import os, signal, sys, time

held = []

def handler(event, context):
    asked = event["queryStringParameters"]
    do, number = asked["do"], asked["n"]
    if do == "fail":
        raise ValueError(number)
    if do == "late":
        time.sleep(60)
    if do == "exit":
        sys.exit(3)
    if do == "abort":
        os._exit(1)
    if do == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "leak":
        held.append(bytearray(os.urandom(1024) * 32 * 1024))
        if len(held) > 3:
            # Over the limit: no answer may leave before the end comes.
            time.sleep(60)
    if do == "nonsense":
        return {"statusCode": "many", "body": number}
    if do == "object":
        return {"statusCode": 200, "body": object()}
    if do == "talk":
        for line in range(100):
            print(number, line, "x" * 80)
    if do == "gone":
        time.sleep(0.05)
    return {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": number}
"""
MANIFEST = f"""\
service: soak
functions:
  moody:
    code: .
    handler: app.handler
    runtime: {PYTHON}
    memory: 128
    timeout: 1
    environment: {{SOAK: "MARK"}}
    url: {{auth: none}}
    triggers: [http: {{path: /moody, method: GET}}, rest: {{path: /moody, method: GET}}]
"""
WEIGHTS = {
    "well": 850,
    "fail": 50,
    "talk": 30,
    "nonsense": 20,
    "object": 10,
    "leak": 15,
    "exit": 5,
    "abort": 5,
    "kill": 5,
    "late": 5,
    "gone": 5,
}
"""Of a thousand requests. ``gone``: the client doesn't wait for the answer."""

FAILED = {
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html
    "http": (500, b'{"message":"Internal Server Error"}'),
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html
    "rest": (502, b'{"message": "Internal server error"}'),
    # https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
    "url": (502, b"Internal Server Error"),
}
DOORS = {"http": "/moody", "rest": "/moody", "url": "/"}


@dataclass
class Report:
    """What happened. ``wrong`` and ``left`` hold sentences; both have to be empty."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    lost: int = 0
    took_ms: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    """Of the server, each half second."""
    most_environments: int = 0
    end_s: float = 0.0

    @property
    def before_mb(self) -> float:
        """After a fifth of the time, when all that is made once has been made."""
        return statistics.median(self._slice(0.2, 0.3))

    @property
    def after_mb(self) -> float:
        return statistics.median(self._slice(0.9, 1.0))

    def _slice(self, begin: float, end: float) -> list[float]:
        count = len(self.memory_mb)
        return self.memory_mb[int(count * begin) : max(int(count * end), int(count * begin) + 1)]

    def tenths(self) -> list[float]:
        return [statistics.median(self._slice(n / 10, (n + 1) / 10)) for n in range(10)]

    @property
    def growth(self) -> float:
        return self.after_mb / self.before_mb - 1


class Client:
    """One connection after another, one request after another."""

    def __init__(self, report: Report, ports: dict[str, int], seed: str) -> None:
        self._report = report
        self._ports = ports
        self._random = random.Random(seed)
        self._open: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def run(self, end: float) -> None:
        while time.monotonic() < end:
            door = self._random.choice(list(DOORS))
            do = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            number = str(self._random.getrandbits(40))
            begun = time.perf_counter()
            try:
                async with asyncio.timeout(ANSWER_S):
                    got = await self._ask(door, do, number)
            except (OSError, EOFError, ValueError) as error:
                self._report.lost += 1
                self._report.wrong.append(f"{door} {do}: lost: {error!r}")
                self._drop(door)
                continue
            if got is not None:
                self._report.took_ms.append((time.perf_counter() - begun) * 1000)
                self._check(door, do, number, got)
        for door in tuple(self._open):
            self._drop(door)

    async def _ask(self, door: str, do: str, number: str) -> tuple[int, bytes] | None:
        port = self._ports[door]
        if door not in self._open:
            self._open[door] = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = self._open[door]
        target = f"{DOORS[door]}?do={do}&n={number}"
        writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        if do == "gone":
            await writer.drain()
            await asyncio.sleep(0.01)
            self._drop(door)
            return None
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        fields = dict(line.split(b": ", 1) for line in lines[1:] if line)
        body = await reader.readexactly(int(fields[b"content-length"]))
        if fields.get(b"connection") == b"close":
            self._drop(door)
        return int(lines[0].split(b" ")[1]), body

    def _check(self, door: str, do: str, number: str, got: tuple[int, bytes]) -> None:
        well = 200, number.encode()
        if do == "leak":
            # Until the environment that happens to answer has no room left.
            expected = [well, FAILED[door]]
        elif do in ("well", "talk"):
            expected = [well]
        else:
            expected = [FAILED[door]]
        self._report.answers[do, got[0]] += 1
        if got not in expected:
            self._report.wrong.append(f"{door} {do}: {got[0]} {got[1][:200]!r}")

    def _drop(self, door: str) -> None:
        _, writer = self._open.pop(door, (None, None))
        if writer is not None:
            writer.close()


async def _sample(report: Report, server: psutil.Process) -> None:
    while True:
        report.memory_mb.append(wrk.rss_mb([server]))
        environments = len(server.children(recursive=True))
        report.most_environments = max(report.most_environments, environments)
        await asyncio.sleep(0.5)


async def _load(
    report: Report, server: psutil.Process, ports: dict[str, int], options: argparse.Namespace
) -> None:
    end = time.monotonic() + options.seconds
    sampling = asyncio.create_task(_sample(report, server))
    clients = [Client(report, ports, f"{options.seed}-{n}") for n in range(CONNECTIONS)]
    await asyncio.gather(*(client.run(end) for client in clients))
    sampling.cancel()


def soak(options: argparse.Namespace, root: Path) -> Report:
    """Start the server in ``root``, load it, end it, look around."""
    report = Report()
    project, temporary = root / "project", root / "tmp"
    project.mkdir()
    temporary.mkdir()
    (project / "app.py").write_text(FUNCTION)
    (project / "lambdactl.yaml").write_text(MANIFEST.replace("MARK", root.name))
    ports = dict(zip(DOORS, free_ports(len(DOORS)), strict=True))
    names = {"http": "http", "rest": "rest", "url": "moody-url"}
    argv = [sys.executable, "-m", "lambdactl", "local", "start-api"]
    for door, port in ports.items():
        argv += ["-p", f"{names[door]}={port}"]
    with (root / "output.txt").open("w") as output:
        child = subprocess.Popen(
            argv,
            cwd=project,
            env={**ENVIRONMENT, "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_for(ports.values(), child, root / "output.txt")
        asyncio.run(_load(report, psutil.Process(child.pid), ports, options))
        if child.poll() is not None:
            report.wrong.append(f"the server ended by itself with {child.returncode}")
        begun = time.perf_counter()
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(30)
        report.end_s = time.perf_counter() - begun
    finally:
        child.kill()
        child.wait()
    if report.end_s > options.end:
        report.wrong.append(f"Ctrl-C took {report.end_s:.1f} s")
    if report.growth >= options.growth:
        report.wrong.append(f"memory: {report.before_mb:.1f} to {report.after_mb:.1f} MB")
    log = (root / "output.txt").read_text(errors="replace")
    if "bug in lambdactl" in log:
        where = log.index("bug in lambdactl")
        report.wrong.append(f"the log has {log[where : where + 1000]!r}")
    report.left += _left(child.pid, root, temporary, ports.values())
    return report


def _wait_for(ports: Iterable[int], child: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + 30
    for port in ports:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"it did not start: {output.read_text()[-2000:]}")
            time.sleep(0.05)


def _left(pid: int, root: Path, temporary: Path, ports: Iterable[int]) -> list[str]:
    """What a server with the process id ``pid`` should have taken with it."""
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            marked = process.environ().get("SOAK") == root.name
            if marked or any(str(root) in word for word in process.cmdline()[1:]):
                left.append(f"process {process.pid}: {process.cmdline()}")
    left += [f"file {path}" for path in temporary.rglob("*")]
    groups = Path("/sys/fs/cgroup")
    left += [f"control group {path}" for path in groups.rglob(f"lambdactl-{pid}-*")]
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                left.append(f"port {port} is open")
    return left


def render(report: Report, seconds: float) -> str:
    took = sorted(report.took_ms)
    total = sum(report.answers.values())
    rows = [
        ("answers", f"{total:,}"),
        ("answers a second", f"{total / seconds:,.0f}"),
        ("p50 and p99, ms", f"{took[len(took) // 2]:.1f}, {took[int(len(took) * 0.99)]:.0f}"),
        ("lost", str(report.lost)),
        ("not AWS's answer, or otherwise wrong", str(len(report.wrong) - report.lost)),
        ("environments at most", str(report.most_environments)),
        (
            "server's memory, MB",
            f"{report.before_mb:.1f} to {report.after_mb:.1f} ({report.growth:+.1%})",
        ),
        ("each tenth of the time, MB", " ".join(f"{each:.1f}" for each in report.tenths())),
        ("Ctrl-C to the end, s", f"{report.end_s:.2f}"),
        ("left behind", str(len(report.left))),
    ]
    kinds = [
        (do, *(f"{report.answers[do, status]:,}" for status in (200, 500, 502))) for do in WEIGHTS
    ]
    return f"{table(('soak', ''), rows)}\n\n{table(('asked for', '200', '500', '502'), kinds)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--end", type=float, default=END_S, help="seconds that Ctrl-C may take")
    parser.add_argument("--growth", type=float, default=0.05, help="of memory, that is too much")
    options = parser.parse_args()
    stop_on_sigterm()
    with tempfile.TemporaryDirectory(prefix="lambdactl-soak-") as name:
        report = soak(options, Path(name).resolve())
    print(machine(), end=f"; load average at the end {os.getloadavg()[0]:.1f}\n\n")
    print(render(report, options.seconds))
    for sentence in (*report.wrong[:20], *report.left[:20]):
        print(sentence, file=sys.stderr)
    if report.wrong or report.left:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
