"""What a function on Node.js sees of its runtime, and what becomes of what it prints."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.execution.bootstraps import scripted_api
from tests.execution.bootstraps.node.test_node_protocol import BOOTSTRAP, GENERATIONS, serve
from tests.execution.bootstraps.scripted_api import Session
from tests.parts import need

pytestmark = pytest.mark.node

TEXT_FRAME, JSON_FRAME = 0xA55A0003, 0xA55A0002


def result(session: Session, event: Any = None) -> Any:
    return session.invoke(event or {}).json()


@GENERATIONS
def test_nothing_of_the_bootstrap_is_in_sight(tmp_path: Path, generation: str) -> None:
    source = """
    const stacks = {init: new Error('init').stack};
    exports.handler = async (event, context) => {
      stacks.before = new Error('before').stack;
      await new Promise((resolve) => setTimeout(resolve, 1));
      stacks.after = new Error('after').stack;
      return {
        stacks,
        cache: Object.keys(require.cache),
        main: require.main === undefined,
        env: Object.keys(process.env).filter((name) => name.startsWith('_LAMBDA')),
        globals: Object.keys(globalThis),
      };
    };
    """
    with serve(tmp_path, source, generation) as session:
        for _ in range(2):
            seen = result(session)
            assert str(BOOTSTRAP.parent) not in json.dumps(seen)
            assert seen["cache"] == [str(tmp_path / "index.js")]
            assert (seen["main"], seen["env"]) == (True, [])
            assert {name for name in seen["globals"] if "lambda" in name} == {"awslambda"}
        assert seen["stacks"]["before"].startswith(
            f"Error: before\n    at exports.handler ({tmp_path}/index.js:"
        )


def test_a_streaming_handler_finds_nothing_either(tmp_path: Path) -> None:
    source = """
    exports.handler = awslambda.streamifyResponse(async (event, stream) => {
      stream.write({cache: Object.keys(require.cache), stack: new Error('s').stack});
      stream.end();
    });
    """
    with serve(tmp_path, source) as session:
        for _ in range(2):
            assert str(BOOTSTRAP.parent) not in json.dumps(result(session))


def test_a_syntax_error_names_its_file_and_line(tmp_path: Path) -> None:
    with serve(tmp_path, "exports.handler = async () => {\n  let x = ;\n}") as session:
        error = session.result()
        assert error.path.endswith("/init/error")
        body = error.json()
        assert body["errorType"] == "Runtime.UserCodeSyntaxError"
        assert body["errorMessage"] == "SyntaxError: Unexpected token ';'"
        assert body["trace"][:3] == [
            "Runtime.UserCodeSyntaxError: SyntaxError: Unexpected token ';'",
            f"{tmp_path}/index.js:2",
            "  let x = ;",
        ]
        assert session.exit_code() == 129


def test_the_trace_of_each_invocation_is_in_the_environment(tmp_path: Path) -> None:
    source = "exports.handler = async () => process.env._X_AMZN_TRACE_ID ?? null"
    with serve(tmp_path, source) as session:
        for trace in ("Root=1-a", "Root=1-b", None):
            response = session.invoke({}, {"Lambda-Runtime-Trace-Id": trace})
            assert response.json() == trace


def test_the_remaining_time_runs_down(tmp_path: Path) -> None:
    source = """exports.handler = async (event, context) => {
      const first = context.getRemainingTimeInMillis();
      await new Promise((resolve) => setTimeout(resolve, 30));
      return [first, context.getRemainingTimeInMillis()];
    }"""
    with serve(tmp_path, source) as session:
        first, second = result(session)
        assert 2000 < first <= 3000
        assert 25 <= first - second < 1000


@pytest.mark.parametrize(("log_format", "kind"), [("Text", TEXT_FRAME), ("JSON", JSON_FRAME)])
def test_a_record_is_one_frame_with_its_level_and_time(
    tmp_path: Path, log_format: str, kind: int
) -> None:
    levels = ["trace", "debug", "info", "warn", "error", "fatal"]
    source = f"""exports.handler = async () => {{
      for (const level of {levels}) console[level]('two\\nlines of ' + level + ' é');
    }}"""
    with serve(tmp_path, source, env={"AWS_LAMBDA_LOG_FORMAT": log_format}) as session:
        before = time.time() * 1e6
        session.invoke({})
        session.next()
    frames = session.frames()
    assert [frame.type for frame in frames] == [kind | (n + 1) << 2 for n in range(6)]
    for frame, level in zip(frames, levels, strict=True):
        assert frame.time_us is not None
        assert before - 1000 <= frame.time_us <= time.time() * 1e6
        if log_format == "JSON":
            record = json.loads(frame.text)
            assert record["level"] == level.upper()
            assert record["message"] == f"two\nlines of {level} é"
            assert record["requestId"] == scripted_api.REQUEST_ID
        else:
            stamp, request_id, name, text = frame.text.split("\t")
            assert (request_id, name) == (scripted_api.REQUEST_ID, level.upper())
            assert text == f"two\nlines of {level} é\n"
            assert stamp.endswith("Z")


def test_without_the_descriptor_a_record_is_one_line_of_stdout(tmp_path: Path) -> None:
    source = "exports.handler = async () => { console.log('two\\nlines') }"
    with serve(tmp_path, source, telemetry=False) as session:
        session.invoke({})
        session.next()
    (line,) = session.log()
    assert line.endswith(f"\t{scripted_api.REQUEST_ID}\tINFO\ttwo\rlines")


def test_records_and_plain_output_keep_their_order(tmp_path: Path) -> None:
    source = """exports.handler = async () => {
      for (let i = 0; i < 50; i++) {
        console.log('r' + i);
        process.stdout.write('o' + i + '\\n');
        process.stderr.write('e' + i + '\\n');
      }
    }"""
    with serve(tmp_path, source) as session:
        session.invoke({})
        session.next()
    seen = [line.split("\t")[-1].strip() for line in session.log()]
    assert seen == [f"{kind}{n}" for n in range(50) for kind in "roe"]


def test_a_slow_reader_of_a_pipe_that_does_not_block_loses_nothing(tmp_path: Path) -> None:
    # A child that the function leaves its stdout to may set the shared pipe to not blocking.
    source = """exports.handler = async () => {
      for (let i = 0; i < 20; i++) console.log(i + ' ' + 'x'.repeat(100000));
    }"""
    read, write = os.pipe()
    os.set_blocking(write, False)
    (tmp_path / "index.js").write_text(source)
    api = scripted_api.ScriptedApi()
    env = scripted_api.environment(api, tmp_path, "index.handler")
    env["_LAMBDA_TELEMETRY_LOG_FD"] = str(write)
    pid = os.posix_spawn(
        need("node"),
        ["node", str(BOOTSTRAP)],
        env,
        file_actions=[(os.POSIX_SPAWN_DUP2, write, write)],
    )
    os.close(write)
    try:
        api.take("GET", "/next").answer(scripted_api.event_answer(b"{}"))
        data = b""
        while data.count(b"x" * 100000 + b"\n") < 20:
            data += os.read(read, 4096)
        assert api.take("POST", "/response").body == b"null"
    finally:
        api.close()
        os.close(read)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_console_that_a_library_has_replaced_gets_the_errors_too(tmp_path: Path) -> None:
    source = """
    const lines = [];
    console.error = (...args) => lines.push(args.join(' '));
    exports.handler = async (event) => {
      if (event.fail) throw new Error('seen');
      return lines;
    };
    """
    with serve(tmp_path, source) as session:
        session.invoke({"fail": True})
        (line,) = result(session)
        assert line.startswith('Invoke Error \t{"errorType":"Error","errorMessage":"seen"')
    assert session.log() == []


def test_after_an_error_that_nobody_caught_no_other_code_runs(tmp_path: Path) -> None:
    source = """
    process.on('uncaughtException', () => console.log('a listener after the runtime'));
    exports.handler = async () => {
      setTimeout(() => { throw new Error('fatal') }, 5);
      setTimeout(() => console.log('a timer'), 6);
      const until = Date.now() + 10;
      await new Promise((resolve) => setTimeout(resolve, 1));
      while (Date.now() < until);
      await new Promise(() => {});
    };
    """
    with serve(tmp_path, source) as session:
        assert session.invoke({}).json()["errorMessage"] == "fatal"
        assert session.exit_code() == 129
    assert len(session.log()) == 1


def test_an_error_between_two_invocations_ends_the_process(tmp_path: Path) -> None:
    source = """exports.handler = async (event, context) => {
      context.callbackWaitsForEmptyEventLoop = false;
      setTimeout(() => { throw new Error('later') }, 20);
      return 1;
    }"""
    with serve(tmp_path, source) as session:
        assert result(session) == 1
        session.next()
        assert session.exit_code() == 129
    assert "Uncaught Exception" in session.log()[0]


def test_work_goes_on_between_invocations(tmp_path: Path) -> None:
    source = """let ticks = 0;
    exports.handler = async (event) => {
      if (event.start) setInterval(() => ticks++, 1);
      return ticks;
    }"""
    with serve(tmp_path, source) as session:
        assert result(session, {"start": True}) == 0
        time.sleep(0.05)
        assert result(session) > 0


def test_a_declared_runtime_decides_the_programming_model(tmp_path: Path) -> None:
    source = "exports.handler = (event, context, callback) => callback(null, 'called back')"
    with serve(tmp_path, source, "nodejs22.x") as session:
        assert result(session) == "called back"
    with serve(tmp_path, source, "nodejs24.x") as session:
        error = session.result().json()
        assert error["errorType"] == "Runtime.CallbackHandlerDeprecated"
        assert "starting with Node.js 24" in error["errorMessage"]
        assert session.exit_code() == 1
    # Managed Instances have the new model on Node.js 22 already.
    managed = {"AWS_LAMBDA_MAX_CONCURRENCY": "10"}
    with serve(tmp_path, source, "nodejs22.x", env=managed) as session:
        assert "Node.js 22 with Managed Instances" in session.result().json()["errorMessage"]
