"""From a save to the first answer of the new code, against a bare interpreter that starts and
imports the same handler; idle and under load.

::

    python tests/bench/reload.py                 # --peers FOLDER adds serverless-offline
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import wrk
from common import Command, machine, once, table
from peers import Peers, install
from servers import Client, Running, Server, lambdactl, running, serverless_offline, stop_on_sigterm

LOAD = 10
POLL_S = 0.001
_BARE = {
    # -B: bytecode of a save could be taken for that of the next in the same second.
    "Python": [sys.executable, "-B", "-c", "import app; print(app.handler({}, None))"],
    "Node": ["node", "-e", "require('./app').handler({}).then(console.log)"],
}


def bare(server: Server) -> Command:
    """The interpreter alone, start to end, with the handler that ``server`` serves."""
    return Command(_BARE[server.language], "200", server.folder)


def save_ms(to: Running, answer: str) -> float:
    """Write the handler anew; milliseconds until it answers so.

    :raises RuntimeError: an answer came that is no code's, or a minute passed.
    """
    client = Client(to.port, to.server.path, to.server.body)
    client.ask()
    begun = time.perf_counter()
    to.server.write(answer)
    while True:
        status, body = client.ask()
        took = time.perf_counter() - begun
        if status == 200 and body == answer.encode():
            client.close()
            return took * 1000
        if status != 200 or not body.startswith((b"answer", b"hello")) or took > 60:
            raise RuntimeError(f"{to.server.name}: {status} {body!r} {took:.1f} s after the save")
        time.sleep(POLL_S)


def old_answers(of: Running, answer: str) -> int:
    """How many of the next twenty answers are not ``answer``, which has been seen already."""
    client = Client(of.port, of.server.path, of.server.body)
    count = 0
    for _ in range(20):
        count += client.ask()[1] != answer.encode()
        time.sleep(POLL_S)
    client.close()
    return count


def measure(servers: Sequence[Server], rounds: int) -> str:
    """A Markdown table: each server's save beside its bare interpreter, in turn."""
    idle: dict[Server, list[float]] = {server: [] for server in servers}
    alone: dict[Server, list[float]] = {server: [] for server in servers}
    loaded: dict[Server, list[float]] = {server: [] for server in servers}
    failed: dict[Server, int] = dict.fromkeys(servers, 0)
    old: dict[Server, int] = dict.fromkeys(servers, 0)
    words = (f"answer {number}" for number in itertools.count())
    with ExitStack() as stack:
        ran = [stack.enter_context(running(server)) for server in servers]
        for one in ran:
            save_ms(one, next(words))
        for _ in range(rounds):
            for one in ran:
                time.sleep(0.2)
                alone[one.server].append(once(bare(one.server)))
                time.sleep(0.2)
                idle[one.server].append(save_ms(one, next(words)))
        for one in ran:
            seconds = rounds * 0.5 + 2
            argv = wrk.command(one.url, LOAD, seconds)
            with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as load:
                time.sleep(0.5)
                while load.poll() is None and len(loaded[one.server]) < rounds:
                    answer = next(words)
                    loaded[one.server].append(save_ms(one, answer))
                    old[one.server] += old_answers(one, answer)
                failed[one.server] = wrk.parse(load.communicate()[0]).failed
    return table(
        (
            "save to new code",
            "median ms",
            "min ms",
            "bare interpreter, ms",
            "times the bare one",
            f"at {LOAD} connections, ms",
            "failed",
            "old after new",
        ),
        [
            (*_row(server, idle, alone, loaded), str(failed[server]), str(old[server]))
            for server in servers
        ],
    )


def _row(
    server: Server,
    idle: Mapping[Server, list[float]],
    alone: Mapping[Server, list[float]],
    loaded: Mapping[Server, list[float]],
) -> tuple[str, ...]:
    median, base = statistics.median(idle[server]), statistics.median(alone[server])
    return (
        f"{server.name}, {server.language}",
        f"{median:.0f}",
        f"{min(idle[server]):.0f}",
        f"{base:.0f}",
        f"{median / base:.2f}",
        f"{statistics.median(loaded[server]):.0f}",
    )


def servers(root: Path, peers: Peers | None) -> list[Server]:
    found = [lambdactl(root, "HTTP API", language, name="lambdactl, saves") for language in _BARE]
    if peers is not None:
        found.append(serverless_offline(root, peers, "Node", reload=True))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--peers", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    stop_on_sigterm()
    with tempfile.TemporaryDirectory(prefix="lambdactl-bench-", dir=Path.home()) as name:
        print(machine(), end="\n\n")
        peers = install(options.peers) if options.peers else None
        print(measure(servers(Path(name), peers), options.rounds))


if __name__ == "__main__":
    main()
