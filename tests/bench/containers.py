"""Containers: cold against ``docker run``, warm against a process, a front door against SAM's,
a save against ``docker restart``.

::

    python tests/bench/containers.py             # --peers FOLDER adds SAM

Needs a Docker engine with the image of this Python's runtime (``python -m tests.images`` builds a
stand-in where no registry can be reached) and wrk.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import wrk
from common import ENVIRONMENT, Command, machine, once, script, table
from peers import IMAGE, Peers, install
from reload import save_ms
from servers import Client, Server, lambdactl, running, sam, stop_on_sigterm

from lambdactl.execution.containers.labels import OWNER
from lambdactl.local import Local

RUNTIME = f"python3.{sys.version_info.minor}"
CONNECTIONS = 10
MANIFEST = """
functions:
  hello: &hello {{runtime: {runtime}, handler: app.handler, code: ., memory: {memory}}}
  other: *hello
"""
HANDLER = 'def handler(event, context):\n    return {"statusCode": 200, "body": "hello"}\n'


def project(root: Path, name: str, memory: int) -> Path:
    folder = root / name
    folder.mkdir()
    (folder / "app.py").write_text(HANDLER)
    (folder / "lambdactl.yaml").write_text(MANIFEST.format(runtime=RUNTIME, memory=memory))
    return folder


def to_the_answer(folder: Path) -> float:
    """Milliseconds from the start of ``lambdactl invoke --container`` to its answer."""
    argv = [script("lambdactl"), "invoke", "hello", "--container", "--event-json", "{}"]
    begun = time.perf_counter()
    with subprocess.Popen(
        argv, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdout is not None
        answer = child.stdout.readline()
        took = time.perf_counter() - begun
    if b"hello" not in answer:
        raise RuntimeError(f"{argv} answered {answer!r}")
    return took * 1000


async def first_call(folder: Path) -> float:
    """Milliseconds of a cold invocation in a lambdactl that runs, as a front door's are."""
    async with Local(folder, runner="container", credentials=False) as fn:
        # What is done once for a whole run (the engine is found, its image looked at) is done with
        # another function's call.
        await fn.invoke("other", {})
        begun = time.perf_counter()
        result = await fn.invoke("hello", {})
        took = time.perf_counter() - begun
    assert result.cold
    return took * 1000


def cold(root: Path, rounds: int) -> str:
    folder = project(root, "cold", 1769)
    run = ["docker", "run", "--rm", "--entrypoint", "/bin/echo", IMAGE, "hello"]
    invoke = [script("lambdactl"), "invoke", "hello", "--container", "--event-json", "{}"]
    times: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, took in (
            ("`docker run --rm IMAGE echo`, start to end", once(Command(run, "hello"))),
            ("a cold invocation in a lambdactl that runs", asyncio.run(first_call(folder))),
            ("`lambdactl invoke --container`, to the answer", to_the_answer(folder)),
            (
                "`lambdactl invoke --container`, to the end",
                once(Command(invoke, "hello", folder)),
            ),
        ):
            if number:
                times.setdefault(name, []).append(took)
    base = statistics.median(next(iter(times.values())))
    return table(
        ("cold", "median ms", "min ms", "times `docker run`"),
        [
            (name, f"{statistics.median(all_):.0f}", f"{min(all_):.0f}", _ratio(all_, base))
            for name, all_ in times.items()
        ],
    )


def _ratio(times: Iterable[float], base: float) -> str:
    return f"{statistics.median(times) / base:.2f}"


async def warm_ms(folder: Path, calls: int) -> dict[str, list[float]]:
    """Milliseconds of warm invocations, one after the other, of both runners in turn."""
    times: dict[str, list[float]] = {"process": [], "container": []}
    async with (
        Local(folder, runner="process", credentials=False) as process,
        Local(folder, runner="container", credentials=False) as container,
    ):
        for fn in (process, container):
            for _ in range(50):
                await fn.invoke("hello", {})
        await asyncio.sleep(0.5)
        for _ in range(calls // 50):
            for name, fn in (("process", process), ("container", container)):
                for _ in range(50):
                    begun = time.perf_counter()
                    await fn.invoke("hello", {})
                    times[name].append((time.perf_counter() - begun) * 1000)
    return times


def warm(root: Path, calls: int) -> str:
    rows = []
    for memory in (1769, 128):
        times = asyncio.run(warm_ms(project(root, f"warm-{memory}", memory), calls))
        base = statistics.median(times["process"])
        rows += [
            (
                f"{name}, {memory} MB",
                f"{statistics.median(all_):.2f}",
                f"{statistics.quantiles(all_, n=100)[98]:.2f}",
                _ratio(all_, base),
            )
            for name, all_ in times.items()
        ]
    return table(("warm", "p50 ms", "p99 ms", "times a process"), rows)


def in_containers(server: Server) -> Server:
    argv = [*server.argv, "--container"]
    return dataclasses.replace(server, name=f"{server.name} --container", argv=argv)


def front_doors(root: Path, peers: Peers | None, seconds: float) -> str:
    # SAM's containers have all of the machine's processors; ours have the function's share.
    found = [
        in_containers(
            lambdactl(root, "HTTP API", "Python", name=f"lambdactl, {memory} MB", memory=memory)
        )
        for memory in (1769, 128)
    ]
    if peers is not None:
        found.append(sam(root, peers, warm=True))
    rows, base = [], 0.0
    for server in found:
        with running(server) as one:
            client = Client(one.port, server.path, server.body)
            for _ in range(20):
                client.ask()
            wrk.run(one.url, CONNECTIONS, max(2.0, server.least_s))
            figures = wrk.run(one.url, CONNECTIONS, max(seconds, server.least_s))
        base = base or figures.requests_s
        rows.append(
            (
                server.name,
                f"{figures.requests_s:,.0f}",
                f"{figures.p50_ms:.2f}",
                f"{figures.p99_ms:.2f}",
                str(figures.failed),
                f"{base / figures.requests_s:.1f}",
            )
        )
    head = ("10 connections", "requests/s", "p50 ms", "p99 ms", "failed", "the first is times this")
    return table(head, rows)


def _containers() -> list[str]:
    argv = ["docker", "ps", "-q", "--filter", f"label={OWNER}"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


def saves(root: Path, rounds: int) -> str:
    server = in_containers(lambdactl(root, "HTTP API", "Python", name="lambdactl, saves"))
    words = (f"answer {number}" for number in itertools.count())
    ours: list[float] = []
    theirs: list[float] = []
    with ExitStack() as stack:
        one = stack.enter_context(running(server))
        argv = ["docker", "run", "-d", "--rm", "--entrypoint", "/bin/sleep", IMAGE, "1000"]
        other = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
        stack.callback(subprocess.run, ["docker", "rm", "-f", other], capture_output=True)
        for _ in range(rounds):
            time.sleep(1)
            ours.append(save_ms(one, next(words)))
            time.sleep(1)
            theirs.append(once(Command(["docker", "restart", "-t", "0", other])))
    base = statistics.median(theirs)
    return table(
        ("save", "median ms", "min ms", "times `docker restart`"),
        [
            (name, f"{statistics.median(all_):.0f}", f"{min(all_):.0f}", _ratio(all_, base))
            for name, all_ in (
                ("`docker restart -t 0`, which answers nothing yet", theirs),
                ("save to the first answer of the new code", ours),
            )
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--peers", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    stop_on_sigterm()
    with tempfile.TemporaryDirectory(prefix="lambdactl-bench-", dir=Path.home()) as name:
        root = Path(name)
        print(machine(), end="\n\n")
        print(cold(root, options.rounds), end="\n\n", flush=True)
        print(warm(root, options.calls), end="\n\n", flush=True)
        print(saves(root, options.rounds), end="\n\n", flush=True)
        peers = install(options.peers) if options.peers else None
        print(front_doors(root, peers, options.seconds), flush=True)


if __name__ == "__main__":
    main()
