"""How fast the Node.js and Ruby bootstraps start and serve, against other clients.

    python -m tests.execution.bootstraps.bench [--rounds 9] \\
        [--also "aws-lambda-ric 3.3.0=node /tmp/ric/managed.mjs"] ...

Start-up is the time from starting the process to its ``GET /next``; the rate is that of one
environment with a function that returns a small object, on a server that answers at once. The
contenders take turns, so a noisy machine is noisy for all; compare the figures of one run only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import lambdactl.execution
from lambdactl.local import new_event_loop
from tests.execution.bootstraps.scripted_api import ACCEPTED, event_answer

BOOTSTRAPS = Path(lambdactl.execution.__file__).parent / "bootstraps"
FUNCTIONS = {
    "index.js": "exports.handler = async (event) => ({ok: true, key: event.key})",
    "app.rb": "def handler(event:, context:) = {ok: true, key: event['key']}",
    "bare.cjs": "require('fs').writeSync(1, 'x')",
    "bare.rb": "$stdout.sync = true; print 'x'",
}
WARM_UP_S, MEASURE_S = 0.5, 1.5


@dataclass
class Contender:
    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    start_ms: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)


class _Server(asyncio.Protocol):
    """Answers every poll with an event and every post with 202, without looking further."""

    def __init__(self, polled: asyncio.Event) -> None:
        self.polled, self.polls, self.data = polled, 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        answers = b""
        while b"\r\n\r\n" in self.data:
            head, _, rest = self.data.partition(b"\r\n\r\n")
            if head.startswith(b"GET"):
                self.polls += 1
                self.polled.set()
                answers += event_answer(b'{"key":"value"}')
            else:
                start = head.lower().index(b"content-length:") + 15
                size = int(head[start:].split(b"\r\n", 1)[0])
                if len(rest) < size:
                    break
                rest = rest[size:]
                answers += ACCEPTED
            self.data = rest
        if answers:
            self.transport.write(answers)  # type: ignore[attr-defined]


async def serve(contender: Contender, root: Path) -> None:
    """One start, and the rate for a while."""
    polled, connections = asyncio.Event(), []

    def connect() -> _Server:
        connections.append(_Server(polled))
        return connections[-1]

    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    env = {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "AWS_LAMBDA_RUNTIME_API": address,
        "_HANDLER": "app.handler" if "ruby" in contender.command[0] else "index.handler",
        "LAMBDA_TASK_ROOT": str(root),
        "AWS_LAMBDA_FUNCTION_NAME": "hello",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        **contender.env,
    }
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *contender.command, cwd=root, env=env, stderr=subprocess.DEVNULL
    )
    try:
        await polled.wait()
        contender.start_ms.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(WARM_UP_S)
        before, begin = sum(c.polls for c in connections), time.perf_counter()
        await asyncio.sleep(MEASURE_S)
        polls = sum(c.polls for c in connections) - before
        contender.rate.append(polls / (time.perf_counter() - begin))
    finally:
        process.kill()
        await process.wait()
        server.close()


def start_bare(contender: Contender, root: Path) -> None:
    """From the start of an interpreter to its first output."""
    started = time.perf_counter()
    env = {"PATH": os.environ["PATH"], "LANG": "en_US.UTF-8"}
    with subprocess.Popen(contender.command, cwd=root, env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        contender.start_ms.append((time.perf_counter() - started) * 1000)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--also", action="append", default=[], metavar="NAME=COMMAND")
    options = parser.parse_args()
    node, ruby = str(BOOTSTRAPS / "node/bootstrap.cjs"), str(BOOTSTRAPS / "ruby/bootstrap.rb")
    bare = {
        "bare node": Contender(["node", "bare.cjs"]),
        "bare ruby": Contender(["ruby", "bare.rb"]),
    }
    serving = {
        "ours, nodejs22.x": Contender(
            ["node", node], {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x"}
        ),
        "ours, nodejs24.x": Contender(
            ["node", node], {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x"}
        ),
        "ours, ruby": Contender(["ruby", ruby]),
    }
    for extra in options.also:
        name, _, command = extra.partition("=")
        serving[name] = Contender(shlex.split(command))
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=new_event_loop) as loop,
    ):
        root = Path(folder)
        for name, text in FUNCTIONS.items():
            (root / name).write_text(text)
        for _ in range(options.rounds):
            for contender in bare.values():
                start_bare(contender, root)
            for contender in serving.values():
                loop.run(serve(contender, root))
    for name, contender in {**bare, **serving}.items():
        best, median = min(contender.start_ms), statistics.median(contender.start_ms)
        line = f"{name:24} start {best:4.0f} ms, median {median:4.0f} ms"
        if contender.rate:
            most, median = max(contender.rate), statistics.median(contender.rate)
            line += f"   rate {most:6.0f}/s, median {median:6.0f}/s"
        print(line)


if __name__ == "__main__":
    main()
