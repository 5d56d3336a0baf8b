"""Warm invocations a second through ``Local``, one client and eight, and what stands idle.

The ceiling is measured in the same run, with the same library: raw protocols on uvloop and
httptools and nothing else (candidate a of runtime_api_servers.py), whose runtime is a lean
keep-alive socket client. ``Local`` does all the rest on top: deadlines, log lines, memory, limits,
reports, and the real bootstrap with its context.

::

    python tests/bench/local.py
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import runtime_api_servers as bare
from common import machine, table

from lambdactl import Local

EVENT = {"key": "cat.jpg", "bucket": "photos", "size": 1024}
CLIENTS = (1, 8)
PYTHON = f"python3.{sys.version_info.minor}"
NODE = "nodejs20.x"
Call = Callable[[], Awaitable[object]]


def project(folder: Path, runtime: str) -> Path:
    """A manifest with the function ``hello`` on ``runtime``."""
    (folder / "app.py").write_text(
        'def handler(event, context):\n    return {"seen": event["key"]}\n'
    )
    (folder / "app.js").write_text("exports.handler = async (event) => ({ seen: event.key });\n")
    manifest = folder / "lambdactl.yaml"
    manifest.write_text(
        f"functions:\n  hello: {{handler: app.handler, code: ., runtime: {runtime}}}\n"
    )
    return manifest


@contextlib.asynccontextmanager
async def through_local(environments: int, runtime: str) -> AsyncIterator[Call]:
    with tempfile.TemporaryDirectory() as name:
        async with Local(project(Path(name), runtime)) as fn:
            # At once, so that each starts an environment.
            results = await asyncio.gather(
                *(fn.invoke("hello", EVENT) for _ in range(environments))
            )
            assert all(result.json() == {"seen": "cat.jpg"} for result in results)
            yield lambda: fn.invoke("hello", EVENT)


@contextlib.asynccontextmanager
async def through_bare_protocols(environments: int) -> AsyncIterator[Call]:
    loop, exchange = asyncio.get_running_loop(), bare.Exchange()
    ports = bare._free_ports(environments)
    for index, port in enumerate(ports, 1):
        await loop.create_server(
            lambda index=index: bare.WithHttptools(exchange, index), "127.0.0.1", port
        )
    command = [sys.executable, bare.__file__, "runtime"]
    children = [subprocess.Popen([*command, str(port)]) for port in ports]

    async def call() -> object:
        future: asyncio.Future[bytes] = loop.create_future()
        exchange.call(bare.EVENT, future.set_result)
        return await future

    try:
        await asyncio.gather(*(call() for _ in range(environments * 20)))
        yield call
    finally:
        for child in children:
            child.kill()
            child.wait()


async def rate(call: Call, clients: int, seconds: float) -> tuple[float, list[float]]:
    """Calls a second, and each call's milliseconds, sorted."""
    times: list[float] = []
    start = time.perf_counter()

    async def client() -> None:
        before = time.perf_counter()
        while before < start + seconds:
            await call()
            now = time.perf_counter()
            times.append((now - before) * 1000)
            before = now

    await asyncio.gather(*(client() for _ in range(clients)))
    return len(times) / (time.perf_counter() - start), sorted(times)


async def measure(options: argparse.Namespace) -> None:
    kinds = {
        "bare protocols (the ceiling)": lambda count: through_bare_protocols(count),
        "`Local`, Python": lambda count: through_local(count, PYTHON),
        "`Local`, Node.js": lambda count: through_local(count, NODE),
    }
    figures: dict[tuple[str, int], list[tuple[float, list[float]]]] = {}
    for _ in range(options.rounds):
        for clients in CLIENTS:
            for name, start in kinds.items():
                async with start(clients) as call:
                    figures.setdefault((name, clients), []).append(
                        await rate(call, clients, options.seconds)
                    )
    rows = []
    for clients in CLIENTS:
        ceiling = statistics.median(r for r, _ in figures[next(iter(kinds)), clients])
        for name in kinds:
            runs = figures[name, clients]
            median = statistics.median(r for r, _ in runs)
            times = sorted(t for _, each in runs for t in each)
            rows.append(
                (
                    name,
                    str(clients),
                    f"{median:,.0f}",
                    f"{median / ceiling:.2f}",
                    f"{times[len(times) // 2]:.2f}",
                    f"{times[int(len(times) * 0.99)]:.2f}",
                )
            )
    print(
        table(("through", "clients", "invocations/s", "of the ceiling", "p50 ms", "p99 ms"), rows)
    )


IDLE = {
    "`python -c pass`": "",
    "the libraries alone (`import uvloop, httptools`)": "import uvloop, httptools",
    "`Local` with one warm environment": (
        "from lambdactl import Local\n"
        "fn = Local(sys.argv[1]).__enter__()\n"
        "fn.invoke('hello', {'key': 'cat.jpg'})\n"
        "leave = lambda: fn.__exit__(None, None, None)"
    ),
}


def idle(seconds: float = 5) -> str:
    """Resident memory of processes that wait, and the processor time they take while waiting."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        manifest = project(Path(name), PYTHON)
        for what, code in IDLE.items():
            wait = "print('ready', flush=True)\nsys.stdin.read()\nleave()"
            with subprocess.Popen(
                [sys.executable, "-c", f"import sys\nleave = int\n{code}\n{wait}", str(manifest)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ) as child:
                assert child.stdout is not None
                assert child.stdout.readline() == "ready\n"
                process = psutil.Process(child.pid)
                family = {what: process} | {
                    f"{what}: its {each.name()}": each for each in process.children(recursive=True)
                }
                before = {each: _cpu_s(family[each]) for each in family}
                time.sleep(seconds)
                rows += [
                    (
                        each,
                        f"{family[each].memory_info().rss / 1e6:.0f}",
                        f"{(_cpu_s(family[each]) - before[each]) / seconds:.1%}",
                    )
                    for each in family
                ]
                child.communicate()
    return table(("idle", "resident MB", "processor"), rows)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine(), end="\n\n")
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(options))
    print(f"\n{idle()}")


if __name__ == "__main__":
    main()
