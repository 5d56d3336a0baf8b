"""A function that waits for a debugger: the breakpoint is hit, and the call answers afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lambdactl.errors import EnvironmentStartError, UserError
from lambdactl.execution import debugging, runtimes
from lambdactl.execution.clock import SystemClock
from lambdactl.execution.environment import Environment, Status
from lambdactl.execution.invocation import Invocation, InvocationResult
from lambdactl.execution.logs import LogLine
from lambdactl.execution.process import ProcessSandbox
from lambdactl.manifest.model import Code, Function
from tests.aio import run, until
from tests.execution.debuggers import Dap, Inspector, free_port
from tests.parts import other_pythons

PYTHON = """\
import os
import sys

def handler(event, context):
    doubled = event["number"] * 2
    if event["number"] == 13:
        os._exit(1)
    return {
        "doubled": doubled,
        "left_s": context.get_remaining_time_in_millis() // 1000,
        "first_on_path": sys.path[0],
        "ours": [name for name in os.environ if "LAMBDACTL" in name],
        "import_time": "importtime" in sys._xoptions,
        "debugger": sys.modules["debugpy"].__file__,
    }
"""
NODE = """\
exports.handler = async (event, context) => {
  const doubled = event.number * 2;
  if (event.number === 13) process.exit(1);
  return { doubled, left_s: Math.floor(context.getRemainingTimeInMillis() / 1000) };
};
"""
PYTHON_LINE, NODE_LINE = 6, 3
HERE = f"python3.{sys.version_info.minor}"

WRAPPER = """\
#!/bin/bash
# The example of AWS's documentation (runtimes-modify.html).
args=("$@")
extra_args=("-X" "importtime")
args=("${args[@]:0:$#-1}" "${extra_args[@]}" "${args[@]: -1}")
exec "${args[@]}"
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "app.py").write_text(PYTHON)
    (folder / "app.js").write_text(NODE)
    wrapper = folder / "wrapper"
    wrapper.write_text(WRAPPER)
    wrapper.chmod(0o755)
    return folder


def function(folder: Path, runtime: str | None = HERE, **variables: str) -> Function:
    return Function(
        name="double",
        code=Code("folder", folder),
        runtime=runtime,
        handler="app.handler",
        timeout_s=1,
        environment=variables,
    )


class Debugged:
    """An environment that waits on ``port``, and what it has said."""

    def __init__(self, one: Function, work: Path, port: int) -> None:
        assert one.code.path is not None
        work.mkdir(exist_ok=True)
        launch = runtimes.prepare(
            one,
            task=one.code.path,
            opt=None,
            root=one.code.path,
            work=work,
            shell=os.environ,
            strict=False,
            debug_port=port,
        )
        self.port = port
        self.lines: list[str] = []
        self.waits = asyncio.Event()
        self.environment = Environment(
            one,
            ProcessSandbox(launch.spec(region="eu-west-1", credentials={}, now=0.0)),
            arn=lambda qualifier: f"arn:{qualifier}",
            clock=SystemClock(),
            sink=debugging.announcing(
                lambda line: self.lines.append(line.text.decode()), {"double": port}, self._waiting
            ),
            patient=True,
        )

    def _waiting(self, name: str, port: int) -> None:
        assert (name, port) == ("double", self.port)
        self.waits.set()

    async def invoke(self, number: int = 21) -> InvocationResult:
        if self.environment.status is Status.NEW:
            await self.environment.initialize()
        return await self.environment.invoke(Invocation("double", b'{"number": %d}' % number))

    async def call(self, session: Callable[[], object], number: int = 21) -> InvocationResult:
        """Invoke, and do ``session`` in a thread as soon as the runtime waits for it."""
        result = asyncio.create_task(self.invoke(number))
        await asyncio.wait_for(self.waits.wait(), 30)
        self.waits.clear()
        assert self.environment.status is Status.INIT
        await asyncio.to_thread(session)
        return await result


@contextlib.asynccontextmanager
async def debugged(one: Function, work: Path) -> AsyncIterator[Debugged]:
    found = Debugged(one, work, free_port())
    try:
        yield found
    finally:
        await found.environment.stop()
    # The adapter of debugpy leaves the process group, and must be gone all the same.
    assert is_free(found.port)


def is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return trial.connect_ex(("127.0.0.1", port)) != 0


def look_python(port: int, file: Path, number: int = 21) -> None:
    """A whole session with debugpy: attach, stop in the handler, look, go on."""
    with Dap(port) as client:
        client.attach(file, PYTHON_LINE)
        thread = client.stopped()
        assert client.value(thread, "doubled + 1000") == str(number * 2 + 1000)
        client.go_on(thread)


def look_node(port: int, number: int = 21) -> None:
    with Inspector(port) as client:
        client.attach("app.js", NODE_LINE)
        frame = client.stopped()
        assert client.value(frame, "doubled + 1000") == number * 2 + 1000
        client.go_on()


def test_python_stops_at_a_breakpoint_and_answers(code: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with debugged(function(code), tmp_path / "work") as found:
            result = await found.call(lambda: look_python(found.port, code / "app.py"))
            answer = result.json()
            assert answer["doubled"] == 42
            assert answer["left_s"] > 80_000
            # Nothing of ours is left for the function to see.
            assert (answer["first_on_path"], answer["ours"]) == (str(code), [])
            # The client has gone. What runs does so without, and another may come.
            assert (await found.invoke(4)).json()["doubled"] == 8
            with await asyncio.to_thread(Dap, found.port) as client:
                await asyncio.to_thread(client.attach, code / "app.py", PYTHON_LINE)
                again = asyncio.create_task(found.invoke(5))
                thread = await asyncio.to_thread(client.stopped)
                assert not again.done()
                await asyncio.to_thread(client.go_on, thread)
                assert (await again).json()["doubled"] == 10

    run(work(), 60)


@pytest.mark.node
def test_node_stops_at_a_breakpoint_and_answers(code: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with debugged(function(code, "nodejs20.x"), tmp_path / "work") as found:
            result = await found.call(lambda: look_node(found.port))
            assert result.json()["doubled"] == 42
            assert result.json()["left_s"] > 80_000
            # It died; the next one waits again, on the same port.
            crashed = await found.invoke(13)
            assert crashed.function_error == "Unhandled"
            second = asyncio.create_task(found.invoke(5))
            await asyncio.wait_for(found.waits.wait(), 30)
            await asyncio.to_thread(look_node, found.port, 5)
            assert (await second).json()["doubled"] == 10

    run(work(), 60)


def test_after_a_crash_python_waits_again_on_the_same_port(code: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with debugged(function(code), tmp_path / "work") as found:
            file = code / "app.py"
            crashed = await found.call(lambda: look_python(found.port, file, 13), 13)
            assert crashed.json()["errorType"] == "Runtime.ExitError"
            result = await found.call(lambda: look_python(found.port, file))
            assert result.json()["doubled"] == 42

    run(work(), 60)


def test_the_next_environment_waits_for_the_port_of_the_last(code: Path, tmp_path: Path) -> None:
    """A reload starts new code while the old one may still be stopped at a breakpoint."""

    async def work() -> None:
        file = code / "app.py"
        async with debugged(function(code), tmp_path / "work") as old:
            await old.call(lambda: look_python(old.port, file))
            new = Debugged(function(code), tmp_path / "more", old.port)
            result = asyncio.create_task(new.call(lambda: look_python(new.port, file)))
            await until(lambda: f"port {old.port} is in use; waiting for it" in new.lines)
            await old.environment.stop()
            assert (await result).json()["doubled"] == 42
            await new.environment.stop()

    run(work(), 60)


def test_the_functions_own_wrapper_still_runs(code: Path, tmp_path: Path) -> None:
    async def work() -> None:
        one = function(code, AWS_LAMBDA_EXEC_WRAPPER=str(code / "wrapper"))
        async with debugged(one, tmp_path / "work") as found:
            result = await found.call(lambda: look_python(found.port, code / "app.py"))
            assert result.json()["import_time"]

    run(work(), 60)


def test_the_functions_own_debugpy_comes_first(code: Path, tmp_path: Path) -> None:
    own = code / "debugpy" / "__init__.py"
    own.parent.mkdir()
    own.write_text("def listen(address): pass\ndef wait_for_client(): pass\n")

    async def work() -> None:
        async with debugged(function(code), tmp_path / "work") as found:
            result = await found.invoke()
            assert result.json()["debugger"] == str(own)

    run(work(), 60)


def test_modules_of_the_function_are_not_taken_for_pythons_own(code: Path, tmp_path: Path) -> None:
    (code / "code.py").write_text("raise ImportError('not me')")

    async def work() -> None:
        async with debugged(function(code), tmp_path / "work") as found:
            result = await found.call(lambda: look_python(found.port, code / "app.py"))
            assert result.json()["doubled"] == 42

    run(work(), 60)


@pytest.mark.pythons
def test_lambdactls_own_debugpy_serves_other_versions(code: Path, tmp_path: Path) -> None:
    version = next(iter(other_pythons()))

    async def work() -> None:
        async with debugged(function(code, f"python{version}"), tmp_path / "work") as found:
            result = await found.call(lambda: look_python(found.port, code / "app.py"))
            assert result.json()["doubled"] == 42

    run(work(), 60)


# what is said beforehand


def test_a_runtime_without_a_debugger_is_refused(code: Path) -> None:
    with pytest.raises(UserError, match=r"double runs on ruby3\.3"):
        debugging.in_container(function(code, "ruby3.3"), 5678)


def test_a_python_without_debugpy_is_refused(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debugging, "_given", lambda: None)
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    with pytest.raises(EnvironmentStartError, match="debugpy is missing") as caught:
        debugging.require_debugpy(function(code), bare, code, None)
    assert "lambdactl[debug]" in str(caught.value)
    (code / "debugpy").mkdir()
    debugging.require_debugpy(function(code), bare, code, None)


def functions(**runtimes_: str) -> dict[str, Function]:
    return {
        name: dataclasses.replace(function(Path(), runtime), name=name)
        for name, runtime in runtimes_.items()
    }


def test_a_port_is_for_every_function_that_can_wait() -> None:
    first = free_port()
    found = debugging.ports(
        [str(first)], functions(a="python3.13", b="ruby3.3", c="nodejs22.x", d="java21")
    )
    assert found == {"a": first, "c": first + 1, "d": first + 2}


def test_a_named_port_is_for_one_function() -> None:
    port = free_port()
    found = debugging.ports([f"b={port}"], functions(a="python3.13", b="nodejs22.x"))
    assert found == {"b": port}
    assert debugging.port_of(found, "a") is None
    assert debugging.port_of(port, "a") == port


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x"], "'x' is no port"),
        (["0"], "'0' is no port"),
        (["65536"], "'65536' is no port"),
        (["²"], "is no port"),
        (["65535"], "no port is left for b"),
        (["aa=5678"], "no function 'aa'"),
        (["r=5678"], "has no debugger"),
        (["a=5678", "b=5678"], "can't both wait on port 5678"),
    ],
)
def test_what_debug_port_refuses(words: list[str], said: str) -> None:
    with pytest.raises(UserError) as caught:
        debugging.ports(words, functions(a="python3.13", b="nodejs22.x", r="ruby3.3"))
    assert said in str(caught.value)


def test_a_port_that_is_taken_is_refused_before_anything_starts() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"a can't wait on port {port}"):
            debugging.ports([str(port)], functions(a="python3.13"))


def test_no_function_that_could_wait() -> None:
    with pytest.raises(UserError, match="no function runs on a runtime that has a debugger"):
        debugging.ports(["5678"], functions(a="ruby3.3"))


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        (b"Debugger listening on 127.0.0.1:5678", True),
        (b"Debugger listening on ws://0.0.0.0:9229/1b8a", True),
        (b"Listening for transport dt_socket at address: 5005", True),
        (b"INFO Debugger listening on nothing", False),
    ],
)
def test_who_listens_is_heard_in_the_log(text: bytes, heard: bool) -> None:
    said: list[tuple[str, int]] = []
    sink = debugging.announcing(None, {"a": 5678}, lambda name, port: said.append((name, port)))
    for name in ("a", "other"):
        sink(LogLine(name, None, 0.0, "function", text))
    sink(LogLine("a", None, 0.0, "platform", text))
    assert said == ([("a", 5678)] if heard else [])


@pytest.mark.parametrize("kind", ["configurations", "tasks"])
def test_what_the_documentation_gives_to_editors_is_json(kind: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "debugging.md").read_text()
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    found = [entry for block in blocks for entry in block.get(kind, ())]
    assert found
    for entry in found:
        if kind == "tasks":
            pattern = entry["problemMatcher"]["background"]["endsPattern"]
            assert re.search(pattern, debugging.waiting("resize", 5678))
        else:
            assert entry["request"] == "attach"


# containers


def test_a_python_container_gets_a_wrapper_and_a_debugger(code: Path) -> None:
    made = debugging.in_container(function(code, AWS_LAMBDA_EXEC_WRAPPER="/opt/own"), 5678)
    assert made.variables == {
        "AWS_LAMBDA_EXEC_WRAPPER": "/var/lambdactl/debug/wrapper",
        "_LAMBDACTL_DEBUG": "0.0.0.0:5678",
        "_LAMBDACTL_DEBUGPY": "/var/lambdactl/packages",
        "_LAMBDACTL_WRAPPER": "/opt/own",
    }
    places = {place: path for path, place in made.binds.items()}
    assert os.access(places["/var/lambdactl/debug"] / "wrapper", os.X_OK)
    assert (places["/var/lambdactl/packages/debugpy"] / "adapter").is_dir()


def test_node_and_java_containers_have_variables_of_their_own(code: Path) -> None:
    node = debugging.in_container(function(code, "nodejs22.x", NODE_OPTIONS="--no-warnings"), 9229)
    assert node == debugging.Debugging(
        {"NODE_OPTIONS": "--no-warnings --inspect-wait=0.0.0.0:9229"}, {}
    )
    older = debugging.in_container(function(code, "nodejs18.x"), 9229, host="127.0.0.1")
    assert older.variables == {"NODE_OPTIONS": "--inspect-brk=127.0.0.1:9229"}
    agent = "-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address="
    java = debugging.in_container(function(code, "java21", JAVA_TOOL_OPTIONS="-Xss1m"), 5005)
    assert java.variables == {"JAVA_TOOL_OPTIONS": f"-Xss1m {agent}*:5005"}
    oldest = debugging.in_container(function(code, "java8.al2"), 5005)
    assert oldest.variables == {"JAVA_TOOL_OPTIONS": f"{agent}5005"}


def test_an_image_gets_whatever_may_run_in_it(code: Path) -> None:
    made = debugging.in_container(function(code, None), 5678)
    assert {"AWS_LAMBDA_EXEC_WRAPPER", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS"} < set(made.variables)
    assert "--inspect-brk=" in made.variables["NODE_OPTIONS"]


@pytest.mark.parametrize("own", [None, "own"])
@pytest.mark.parametrize(
    ("interpreter", "arguments"),
    [
        ("python3.13", ["/var/runtime/bootstrap.py"]),
        ("python3.13", ["-m", "awslambdaric", "app.handler"]),
        ("node", ["--expose-gc", "/var/runtime/index.mjs"]),
    ],
)
def test_the_wrapper_starts_what_it_is_given(
    tmp_path: Path, interpreter: str, arguments: list[str], own: str | None
) -> None:
    """As /var/runtime/bootstrap calls it."""
    shown = 'printf "%s\\n" "$@" "own=$AWS_LAMBDA_EXEC_WRAPPER" "to=$_LAMBDACTL_DEBUG"'
    for name, script in ((interpreter, shown), ("own", 'echo "first $1"; exec "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    path = str(tmp_path / own) if own else ""
    made = debugging.in_container(function(tmp_path), 5678)
    wrapper = next(path for path, place in made.binds.items() if place.endswith("debug"))
    done = subprocess.run(
        [wrapper / "wrapper", tmp_path / interpreter, *arguments],
        env={**made.variables, "_LAMBDACTL_WRAPPER": path},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [f"first {tmp_path / interpreter}"] if own else []
    python = interpreter.startswith("python")
    expected += [str(wrapper / "start.py")] if python else []
    expected += [*arguments, f"own={path}", "to=0.0.0.0:5678" if python else "to="]
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize(
    ("version", "flag"),
    [
        ((18, 20, 1), "--inspect-brk"),
        ((20, 14, 0), "--inspect-brk"),
        ((20, 15, 0), "--inspect-wait"),
        ((21, 7, 0), "--inspect-brk"),
        ((22, 1, 0), "--inspect-brk"),
        ((22, 2, 0), "--inspect-wait"),
        ((24, 0, 0), "--inspect-wait"),
    ],
)
def test_how_each_node_can_wait(version: tuple[int, ...], flag: str) -> None:
    assert debugging.inspect_flag(version) == flag
