"""Debuggers through the front: an app's functions as processes and in containers, reloads, the
commands, a front door that waits."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from lambdactl.execution import debugging
from lambdactl.execution.debugging import Ports
from lambdactl.execution.invocation import Invocation, InvocationResult
from lambdactl.execution.invoker import LocalInvoker
from lambdactl.execution.logs import LogLine
from lambdactl.manifest.model import App, Code, Function
from tests.aio import run, until
from tests.execution.debuggers import Dap, Inspector, free_port
from tests.parts import need

pytestmark = pytest.mark.slow

HERE = f"python3.{sys.version_info.minor}"
PYTHON = """\
import os

def handler(event, context):
    doubled = event["number"] * 2
    return {"doubled": doubled, "wrapped": os.environ.get("WRAPPED"), "word": "one"}
"""
NODE = """\
exports.handler = async (event) => {
  const doubled = event.number * 2;
  return { doubled, word: "one" };
};
"""
WRAPPER = """\
#!/bin/sh
WRAPPED=yes exec "$@"
"""
RUNNERS = [
    pytest.param("process", id="process"),
    pytest.param("container", id="container", marks=pytest.mark.container),
]


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "app.py").write_text(PYTHON)
    (folder / "app.js").write_text(NODE)
    (folder / "wrapper").write_text(WRAPPER)
    (folder / "wrapper").chmod(0o755)
    return folder


def node_runtime() -> str:
    version = subprocess.run([need("node"), "--version"], capture_output=True, text=True).stdout
    return f"nodejs{version[1:].split('.')[0]}.x"


def function(code: Path, runtime: str, runner: Any = None, name: str = "double") -> Function:
    return Function(
        name=name,
        code=Code("folder", code),
        runtime=runtime,
        handler="app.handler",
        timeout_s=1,
        runner=runner,
    )


class Session:
    """An invoker whose functions wait, and when they do."""

    def __init__(self, ports: Ports, *functions: Function) -> None:
        self.waiting: list[str] = []
        self.lines: list[str] = []
        root = functions[0].code.path
        assert root is not None
        self.invoker = LocalInvoker(
            App("shop", root, {one.name: one for one in functions}),
            sink=debugging.announcing(self._take, ports, lambda name, _: self.waiting.append(name)),
            use_credentials=False,
            debug_port=ports,
            standby=True,
        )

    def _take(self, line: LogLine) -> None:
        self.lines.append(line.text.decode())

    def call(self, name: str = "double", number: int = 21) -> asyncio.Task[InvocationResult]:
        payload = b'{"number": %d}' % number
        return asyncio.create_task(self.invoker.invoke(Invocation(name, payload)))

    async def waits(self, times: int) -> None:
        await until(lambda: len(self.waiting) >= times, 30)


def published(port: int) -> set[str]:
    """Addresses of this machine at which ``port`` takes connections."""
    found = psutil.net_connections("tcp")
    return {c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN and c.laddr.port == port}


def remote(code: Path, runner: str) -> tuple[Path, str] | None:
    return (code, "/var/task") if runner == "container" else None


@pytest.mark.parametrize("runner", RUNNERS)
def test_python_with_a_wrapper_of_its_own(code: Path, runner: str) -> None:
    port = free_port()
    wrapper = "/var/task/wrapper" if runner == "container" else str(code / "wrapper")
    runtime = "python3.11" if runner == "container" else HERE
    one = function(code, runtime, runner)
    one = dataclasses.replace(one, environment={"AWS_LAMBDA_EXEC_WRAPPER": wrapper})

    def look() -> None:
        with Dap(port) as client:
            client.attach(code / "app.py", 5, remote=remote(code, runner))
            thread = client.stopped()
            assert client.value(thread, "doubled") == "42"
            client.go_on(thread)

    async def work() -> None:
        session = Session(port, one)
        try:
            called = session.call()
            await session.waits(1)
            assert published(port) == {"127.0.0.1"}
            await asyncio.to_thread(look)
            answer = (await called).json()
            assert (answer["doubled"], answer["wrapped"]) == (42, "yes")
            # It waits once in its life.
            assert (await session.call(number=1)).json()["doubled"] == 2
            assert session.waiting == ["double"]
        finally:
            await session.invoker.close()

    run(work(), 90)


@pytest.mark.node
@pytest.mark.parametrize("runner", RUNNERS)
def test_a_reload_while_node_stands_at_a_breakpoint(code: Path, runner: str) -> None:
    """What was called ends with the old code; then the new code waits, on the same port."""
    port = free_port()

    async def work() -> None:
        session = Session({"double": port}, function(code, node_runtime(), runner))
        opened = ExitStack()
        try:
            called = session.call()
            await session.waits(1)
            old = await asyncio.to_thread(lambda: opened.enter_context(Inspector(port)))
            await asyncio.to_thread(old.attach, "app.js", 3)
            frame = await asyncio.to_thread(old.stopped)
            (code / "app.js").write_text(NODE.replace("one", "two"))
            assert await session.invoker.reload(["double"]) == {"double"}
            again = session.call(number=4)
            await asyncio.sleep(0.3)
            assert session.waiting == ["double"]
            assert await asyncio.to_thread(old.value, frame, "doubled") == 42
            await asyncio.to_thread(old.go_on)
            assert (await called).json() == {"doubled": 42, "word": "one"}
            await session.waits(2)
            new = await asyncio.to_thread(lambda: opened.enter_context(Inspector(port)))
            await asyncio.to_thread(new.attach, "app.js", 3)
            await asyncio.to_thread(new.stopped)
            await asyncio.to_thread(new.go_on)
            assert (await again).json() == {"doubled": 8, "word": "two"}
        finally:
            opened.close()
            await session.invoker.close()

    run(work(), 90)


def go_on(port: int, code: Path) -> None:
    with Dap(port) as client:
        client.attach(code / "app.py", 5)
        client.go_on(client.stopped())


def test_a_save_waits_anew_at_once(code: Path) -> None:
    port = free_port()

    async def work() -> None:
        session = Session(port, function(code, HERE))
        try:
            called = session.call()
            await session.waits(1)
            await asyncio.to_thread(go_on, port, code)
            await called
            (code / "app.py").write_text(PYTHON.replace("one", "two"))
            await session.invoker.reload(["double"])
            # Nobody has called: an editor that attaches again finds somebody.
            await session.waits(2)
            called = session.call()
            await asyncio.to_thread(go_on, port, code)
            assert (await called).json()["word"] == "two"
            assert session.invoker.environments() == {"double": 1}
        finally:
            await session.invoker.close()

    run(work(), 60)


def test_functions_that_share_a_port_make_way(code: Path) -> None:
    port = free_port()

    async def work() -> None:
        names = ("a", "b", "a")
        session = Session(port, *(function(code, HERE, name=name) for name in ("a", "b")))
        try:
            for number, name in enumerate(names, 1):
                called = session.call(name)
                await session.waits(number)
                await asyncio.to_thread(go_on, port, code)
                assert (await called).json()["doubled"] == 42
            assert tuple(session.waiting) == names
        finally:
            await session.invoker.close()

    run(work(), 60)


def test_whoever_gives_up_waits_for_nobody(code: Path) -> None:
    async def work() -> float:
        session = Session(free_port(), function(code, HERE))
        called = session.call()
        await session.waits(1)
        (code / "app.py").touch()
        await session.invoker.reload(["double"])
        begun = time.monotonic()
        called.cancel()
        await session.invoker.close()
        return time.monotonic() - begun

    assert run(work(), 30) < 5


# the commands


@pytest.fixture
def project(code: Path) -> Path:
    folder = code.parent
    (folder / "lambdactl.yaml").write_text(
        f"service: shop\n"
        f"defaults: {{runtime: {HERE}, code: code, timeout: 1}}\n"
        "functions:\n"
        "  double: {handler: app.handler, triggers: [{rest: {path: /double}}]}\n"
        "  other: {handler: app.handler, triggers: [{http: {path: /other}}]}\n"
    )
    source = PYTHON.replace('event["number"]', "int(event['queryStringParameters']['n'])")
    source = source.replace("return {", "return {'statusCode': 200, 'body': str(doubled)}\n    {")
    (code / "web.py").write_text(source)
    return folder


class Command:
    """``lambdactl``, and what it says on stderr as it comes."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lambdactl", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        self.said = {"out": b"", "err": b""}
        for name in self.said:
            threading.Thread(target=self._read, args=(name,), daemon=True).start()

    def _read(self, name: str) -> None:
        stream = getattr(self.process, f"std{name}")
        while data := os.read(stream.fileno(), 65536):
            self.said[name] += data

    def until(self, text: str, name: str = "err") -> str:
        end = time.monotonic() + 30
        while text not in (said := self.said[name].decode()):
            assert time.monotonic() < end, self.said
            time.sleep(0.01)
        return said


@pytest.fixture
def command(project: Path) -> Iterator[Callable[..., Command]]:
    started: list[Command] = []

    def start(*arguments: str) -> Command:
        started.append(Command(project, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.terminate()
        one.process.wait(20)


def test_invoke_says_that_it_waits(command: Callable[..., Command], code: Path) -> None:
    port = free_port()
    invoked = command(
        "invoke", "double", "--event-json", '{"number": 4}', "--no-logs", "--debug-port", str(port)
    )
    said = invoked.until(f"double: waiting for a debugger on 127.0.0.1:{port}\n")
    assert said.count("\n") == 1
    go_on(port, code)
    assert invoked.process.wait(30) == 0
    assert json.loads(invoked.until("}", "out"))["doubled"] == 8


def test_a_front_door_waits_as_long_as_it_takes(
    command: Callable[..., Command], project: Path, code: Path
) -> None:
    manifest = project / "lambdactl.yaml"
    manifest.write_text(manifest.read_text().replace("app.handler", "web.handler"))
    port = free_port()
    server = command(
        *("local", "start-api", "--port", "0", "--output", "json", "--debug-port", f"double={port}")
    )
    started = json.loads(server.until("\n", "out").splitlines()[0])
    urls = {one["kind"]: one["url"] for one in started["apis"]}
    curl = need("curl")

    def ask(path: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([curl, "-s", path], stdout=subprocess.PIPE)

    asked = ask(f"{urls['rest']}/double?n=4")
    said = server.until('"debugger"', "out").splitlines()
    waiting = next(one for one in map(json.loads, said) if one["event"] == "debugger")
    assert waiting == {
        "event": "debugger",
        "function": "double",
        "host": "127.0.0.1",
        "port": port,
    }
    # The other one was not named, so nobody is waited for.
    assert ask(f"{urls['http']}/other?n=1").communicate(timeout=20)[0] == b"2"
    with Dap(port) as client:
        client.attach(code / "web.py", 5)
        thread = client.stopped()
        # Longer than the function's own second.
        time.sleep(1.3)
        client.go_on(thread)
        assert asked.communicate(timeout=20)[0] == b"8"
