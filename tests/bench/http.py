"""``lambdactl local start-api`` beside a bare prototype and its peers: requests a second, latency,
processor time a request, first answer, saves, memory, many connections, many routes.

Everything that is compared is measured in turn, in rounds, so ratios hold on a busy machine. The
least noisy figure is processor time a request. Load goes to this machine's own servers only.

::

    python tests/bench/http.py --quick                           # a minute, without peers
    python tests/bench/http.py --peers ~/.cache/lambdactl-bench  # installs them there, once

SAM is measured where Docker runs and has its image (``python -m tests.images`` makes one).
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import reload
import wrk
from common import machine, table
from peers import Peers, install
from servers import (
    Client,
    Running,
    Server,
    emulator,
    floor,
    lambdactl,
    many_routes,
    running,
    sam,
    serverless_offline,
    stop_on_sigterm,
)

CONNECTIONS = (1, 10, 50)
OPEN = 1000
OURS = "lambdactl, HTTP API"
OFFLINE = "serverless-offline"
EMULATOR = "AWS's emulator, awslambdaric"
WARM = "sam local start-api --warm-containers"


@dataclass(frozen=True)
class Sample:
    """One run of wrk, and the processor time that it cost."""

    figures: wrk.Figures
    server_us: float
    functions_us: float


Key = tuple[str, str, int]
"""Server, language, connections."""
Samples = dict[Key, list[Sample]]


def sample(one: Running, connections: int, seconds: float) -> Sample:
    functions = one.functions()
    before_server, before = wrk.cpu_s([one.process]), wrk.cpu_s(functions)
    figures = wrk.run(one.url, connections, seconds, one.server.body)
    each = 1e6 / max(1, figures.requests)
    server_s = wrk.cpu_s([one.process]) - before_server
    functions_s = wrk.cpu_s({*functions, *one.functions()}) - before
    return Sample(figures, server_s * each, functions_s * each)


def in_rounds(
    ran: Sequence[Running], connections: Iterable[int], seconds: float, rounds: int
) -> Samples:
    """Every server in turn, ``rounds`` times, after a second that warms up; the others stand still
    meanwhile."""
    found: Samples = {}
    for one in ran:
        one.pause()
    for count in connections:
        for number in range(rounds + 1):
            for one in ran:
                if one.server.most < count:
                    continue
                key = one.server.name, one.server.language, count
                one.resume()
                got = sample(one, count, max(seconds if number else 1, one.server.least_s))
                one.pause()
                if number:
                    found.setdefault(key, []).append(got)
    for one in ran:
        one.resume()
    return found


Figure = Callable[[Sample], float]
FIGURES: dict[str, tuple[Figure, str]] = {
    "requests/s": (lambda each: each.figures.requests_s, ",.0f"),
    "p50 ms": (lambda each: each.figures.p50_ms, ".2f"),
    "p99 ms": (lambda each: each.figures.p99_ms, ".2f"),
    "server µs": (lambda each: each.server_us, ",.0f"),
    "function µs": (lambda each: each.functions_us, ",.0f"),
}
RATE, P50, P99, SERVER_US = (
    FIGURES[name][0] for name in ("requests/s", "p50 ms", "p99 ms", "server µs")
)


def ratio(over: Sequence[Sample], under: Sequence[Sample], figure: Figure) -> float:
    """The median of the rounds' ratios: both of a pair ran within seconds of each other."""
    return statistics.median(
        figure(a) / figure(b) if figure(b) else math.inf for a, b in zip(over, under, strict=True)
    )


def throughput(found: Samples, language: str, count: int) -> str:
    """A table of all that ran at ``count`` connections."""
    rows = []
    for (name, spoken, connections), samples in found.items():
        if (spoken, connections) != (language, count):
            continue
        failed = sum(each.figures.failed for each in samples)
        rows.append(
            (
                name + (f" ({failed} failed)" if failed else ""),
                *(
                    format(statistics.median(map(figure, samples)), spec)
                    for figure, spec in FIGURES.values()
                ),
                f"{ratio(samples, found['floor', language, count], RATE):.2f}",
                f"{ratio(found[OURS, language, count], samples, RATE):.2f}",
            )
        )
    plural = "s" if count > 1 else ""
    head = (f"{language}, {count} connection{plural}", *FIGURES, "of the floor", "ours is times it")
    return table(head, rows)


def aims(found: Samples) -> str:
    """What issue 4 aims at, beside what was measured."""
    rows = []

    def compare(aim: str, over: Key, under: Key, figure: Figure = RATE) -> None:
        if over in found and under in found:
            rows.append((aim, f"{ratio(found[over], found[under], figure):.2f}"))

    for language in ("Python", "Node"):
        for count in CONNECTIONS:
            ours, base = (OURS, language, count), ("floor", language, count)
            compare(f"{language}, {count}: at least 0.7 of the floor's requests/s", ours, base)
    ours = OURS, "Python", 1
    compare("p50 at most 0.8 of the emulator's", ours, (EMULATOR, "Python", 1), P50)
    for language, count, times in (
        ("Node", 10, 4),
        ("Python", 10, 1.5),
        ("Node", 50, 3),
        ("Python", 50, 3),
    ):
        compare(
            f"{language}, {count}: at least {times} times serverless-offline's requests/s",
            (OURS, language, count),
            (OFFLINE, language, count),
        )
    ours = OURS, "Python", 10
    compare("Python, 10: at least 100 times warm SAM's requests/s", ours, (WARM, "Python", 10))
    for language in ("Python", "Node"):
        samples = found.get((OURS, language, 50))
        if samples:
            spread = statistics.median(P99(each) / P50(each) for each in samples)
            rows.append((f"{language}, 50: p99 under 5 times p50", f"{spread:.2f}"))
    return table(("aim", "measured"), rows)


# the other tables


def first_answers(servers: Sequence[Server], rounds: int) -> str:
    """From the start of the process to its first answer."""
    times: dict[Server, list[float]] = {server: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            with running(server) as one:
                times[server].append(one.first_s * 1000)
    base = statistics.median(next(iter(times.values())))
    rows = [
        (
            f"{server.name}, {server.language}",
            f"{(middle := statistics.median(values)):,.0f}",
            f"{min(values):,.0f}",
            f"{middle / base:.2f}",
        )
        for server, values in times.items()
    ]
    return table(("start to first answer", "median ms", "min ms", "times the first"), rows)


class Memories:
    """Resident memory of what runs: after the first answer, and after the load."""

    def __init__(self, ran: Sequence[Running]) -> None:
        self._ran = ran
        self._idle = [wrk.rss_mb([one.process]) for one in ran]

    def table(self) -> str:
        rows = []
        for one, idle in zip(self._ran, self._idle, strict=True):
            functions = one.functions()
            rows.append(
                (
                    f"{one.server.name}, {one.server.language}",
                    f"{idle:,.0f}",
                    f"{wrk.rss_mb([one.process]):,.0f}",
                    str(len(functions)),
                    f"{wrk.rss_mb(functions):,.0f}",
                )
            )
        head = ("resident MB", "server, idle", "server, loaded", "other processes", "theirs")
        return table(head, rows)


@contextmanager
def open_connections(one: Running, count: int) -> Iterator[None]:
    """So many keep-alive connections, each of which has asked once."""
    clients = [Client(one.port, one.server.path) for _ in range(count)]
    try:
        for client in clients:
            client.ask()
        yield
    finally:
        for client in clients:
            client.close()


def scale(root: Path, seconds: float, rounds: int) -> str:
    """What many routes, many open connections and watching cost a request."""
    plain = lambdactl(root, "HTTP API", "Python", options=["--no-watch"], name="unwatched")
    watched = lambdactl(root, "HTTP API", "Python", name="watched")
    few, many = many_routes(root, 10), many_routes(root, 200)
    cases: dict[str, list[Sample]] = {}
    with ExitStack() as stack:
        ran = {one: stack.enter_context(running(one)) for one in (plain, watched, few, many)}
        for one in ran.values():
            wrk.run(one.url, 10, 1)
        for _ in range(rounds):
            for what, server in (
                ("10 connections, one route, not watching", plain),
                ("watching", watched),
                ("10 routes", few),
                ("200 routes", many),
            ):
                cases.setdefault(what, []).append(sample(ran[server], 10, seconds))
            with open_connections(ran[plain], OPEN):
                name = f"{OPEN:,} more connections, open and idle"
                cases.setdefault(name, []).append(sample(ran[plain], 10, seconds))
            name = f"{OPEN:,} connections, all asking"
            cases.setdefault(name, []).append(sample(ran[plain], OPEN, seconds))
    base = next(iter(cases.values()))
    rows = [
        (
            what,
            f"{statistics.median(map(RATE, samples)):,.0f}",
            f"{statistics.median(map(P50, samples)):.2f}",
            f"{statistics.median(map(P99, samples)):.2f}",
            f"{statistics.median(map(SERVER_US, samples)):.0f}",
            f"{ratio(samples, base, SERVER_US):.2f}",
            str(sum(each.figures.failed for each in samples)),
        )
        for what, samples in cases.items()
    ]
    head = ("Python, HTTP API", "requests/s", "p50 ms", "p99 ms", "server µs", "times", "failed")
    return table(head, rows)


def contestants(root: Path, peers: Peers | None) -> list[Server]:
    servers = []
    for language in ("Python", "Node"):
        servers += [floor(root, language), lambdactl(root, "HTTP API", language)]
        if language == "Python":
            servers += [lambdactl(root, door, language) for door in ("REST API", "function URL")]
        if peers is not None:
            servers.append(serverless_offline(root, peers, language))
    if peers is not None:
        servers.append(emulator(root, peers))
        if peers.docker:
            servers += [sam(root, peers, warm=True), sam(root, peers, warm=False)]
    return servers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of a second each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each run of wrk")
    parser.add_argument(
        "--peers", type=Path, metavar="FOLDER", help="measure them; install what isn't there"
    )
    options = parser.parse_args()
    stop_on_sigterm()
    seconds, rounds = (1.0, 1) if options.quick else (options.seconds, options.rounds)
    peers = install(options.peers) if options.peers else None

    def show(title: str, text: str) -> None:
        print(f"\n### {title}\n\n{text}", flush=True)

    print(f"{machine()}; load average at the start {os.getloadavg()[0]:.1f}")
    # Not under /tmp: a project there is mounted into the function's own /tmp, which no project at
    # home needs.
    with tempfile.TemporaryDirectory(prefix="lambdactl-bench-", dir=Path.home()) as name:
        root = Path(name)
        servers = contestants(root, peers)
        with ExitStack() as stack:
            ran = [stack.enter_context(running(server)) for server in servers]
            memories = Memories(ran)
            found = in_rounds(ran, CONNECTIONS, seconds, rounds)
            for language in ("Python", "Node"):
                for count in CONNECTIONS:
                    title = f"{language}, {count} connection{'s' if count > 1 else ''}"
                    show(title, throughput(found, language, count))
            show("Aims", aims(found))
            show("Memory", memories.table())
        show("Watching, connections, routes", scale(root, seconds, rounds))
        show("First answer", first_answers(servers, 2 if options.quick else 5))
        rounds = 3 if options.quick else 20
        show("Saves", reload.measure(reload.servers(root, peers), rounds))


if __name__ == "__main__":
    main()
