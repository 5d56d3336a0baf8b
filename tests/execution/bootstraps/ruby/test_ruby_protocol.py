"""What the Ruby bootstrap says on the wire, what it understands, and what a function sees of it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import lambdactl.execution
from tests.execution.bootstraps import scripted_api
from tests.execution.bootstraps.scripted_api import ACCEPTED, REQUEST_ID, Session, event_answer
from tests.parts import need

BOOTSTRAP = Path(lambdactl.execution.__file__).parent / "bootstraps/ruby/bootstrap.rb"
ECHO = "def handler(event:, context:) = event"
FRAME = 0xA55A0003

pytestmark = pytest.mark.ruby


def serve(
    root: Path, source: str = ECHO, env: Mapping[str, str] | None = None, **options: Any
) -> AbstractContextManager[Session]:
    (root / "app.rb").write_text(source)
    command = [need("ruby"), str(BOOTSTRAP)]
    return scripted_api.run(command, root, "app.handler", env, **options)


def test_a_result_and_the_poll_for_the_next_event_are_one_write_on_one_connection(
    tmp_path: Path,
) -> None:
    source = "def handler(event:, context:) = event['fail'] ? raise('no') : event"
    with serve(tmp_path, source) as session:
        for event in ({"n": 1}, {"fail": True}, {"n": 2}):
            post = session.invoke(event)
            assert post.path.endswith(f"/{REQUEST_ID}/{'error' if 'fail' in event else 'response'}")
            assert post.header("content-type") == "application/json"
            assert post.header("host") == session.api.address
            assert session.next().reads == post.reads
        assert len(session.api.connections) == 1


def test_an_error_carries_its_type_and_its_cause(tmp_path: Path) -> None:
    source = "def handler(event:, context:)\n  raise ArgumentError, 'grün'\nend"
    with serve(tmp_path, source) as session:
        error = session.invoke({})
        assert error.json() == {
            "errorMessage": "grün",
            "errorType": "Function<ArgumentError>",
            "stackTrace": error.json()["stackTrace"],
        }
        (frame,) = error.json()["stackTrace"]
        assert frame.startswith(f"{tmp_path}/app.rb:2:in ")
        assert error.header("lambda-runtime-function-error-type") == "Function<ArgumentError>"
        cause = json.loads(error.header("lambda-runtime-function-xray-error-cause") or "")
        assert cause["working_directory"] == str(tmp_path)
        (exception,) = cause["exceptions"]
        assert (exception["message"], exception["type"]) == ("grün", "Function<ArgumentError>")
        assert exception["stack"][0]["line"] == 2


def test_a_cause_that_is_too_long_for_a_header_is_left_out(tmp_path: Path) -> None:
    source = "def handler(event:, context:) = raise('x' * 1024 * 1024)"
    with serve(tmp_path, source) as session:
        error = session.invoke({})
        assert error.header("lambda-runtime-function-xray-error-cause") is None
        assert len(error.json()["errorMessage"]) == 1024 * 1024


@pytest.mark.parametrize("body", ["event", "raise 'no'", "nope", "exit"])
def test_the_attempt_goes_back_with_every_result(tmp_path: Path, body: str) -> None:
    with serve(tmp_path, f"def handler(event:, context:) = {body}") as session:
        result = session.invoke({}, {"Lambda-Runtime-Invocation-Id": "attempt-1"})
        assert result.header("lambda-runtime-invocation-id") == "attempt-1"


def test_a_result_that_is_too_late_is_logged_and_the_next_event_is_served(tmp_path: Path) -> None:
    with serve(tmp_path) as session:
        session.give({"n": 1})
        late = session.api.take("POST", "/response")
        assert late.header("lambda-runtime-invocation-id") is None
        late.answer(b"HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\n{}")
        assert session.invoke({"n": 2}).json() == {"n": 2}
        session.next()
    (line,) = session.log()
    assert f"invocation {REQUEST_ID} came too late" in line


def test_an_answer_may_come_in_any_pieces_and_in_chunks(tmp_path: Path) -> None:
    event = {"text": "é" * 40}
    body = json.dumps(event, ensure_ascii=False).encode()
    chunked = event_answer(b"", {"Content-Length": None, "Transfer-Encoding": "chunked"})
    chunked += b"%x\r\n%s\r\n" % (9, body[:9]) + b"%x\r\n%s\r\n" % (len(body) - 9, body[9:])
    chunked += b"0\r\nX-Trailer: 1\r\n\r\n"
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    renamed = event_answer(body).replace(b"Lambda-Runtime", b"LAMBDA-runtime")
    with serve(tmp_path) as session:
        for answer in (event_answer(body), chunked, interim + renamed):
            for size in (1, 7, 1000):
                poll, session.pending = session.next(), None
                for start in range(0, len(answer), size):
                    poll.answer(answer[start : start + size])
                assert session.result().json() == event


def test_the_answer_to_a_post_and_the_next_event_may_come_together(tmp_path: Path) -> None:
    with serve(tmp_path) as session:
        session.give({"n": 1})
        session.api.take("POST", "/response")
        session.next().answer(ACCEPTED + event_answer(b'{"n": 2}'))
        session.pending = None
        assert session.result().json() == {"n": 2}


def test_six_megabytes_come_and_go_whole(tmp_path: Path) -> None:
    text = "ab€" * 1_200_000
    with serve(tmp_path) as session:
        assert session.invoke({"text": text}).json() == {"text": text}
        assert session.invoke({"n": 1}).json() == {"n": 1}


def test_a_stream_is_sent_as_it_is(tmp_path: Path) -> None:
    source = 'def handler(event:, context:) = StringIO.new("\\x00\\xff raw".b)'
    with serve(tmp_path, source) as session:
        response = session.invoke({})
        assert response.body == b"\x00\xff raw"
        assert response.header("content-type") == "application/unknown"


def test_the_process_leaves_quietly_when_the_server_closes_the_connection(tmp_path: Path) -> None:
    with serve(tmp_path) as session:
        session.invoke({})
        session.next()
        session.api.close()
        assert session.exit_code() == 0
    assert session.log() == []


def test_a_poll_that_is_refused_ends_the_process(tmp_path: Path) -> None:
    with serve(tmp_path) as session:
        session.next().answer(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}")
        error = session.result()
        assert error.path.endswith("/init/error")
        assert error.json()["errorMessage"] == "Received 403 when waiting for next invocation."
        assert session.exit_code() == 252


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    nobody = scripted_api.ScriptedApi()
    nobody.close()
    with serve(tmp_path, env={"AWS_LAMBDA_RUNTIME_API": nobody.address}) as session:
        assert session.exit_code() == 1
    (line,) = session.log()
    assert line.startswith(f"The Runtime API at {nobody.address} can't be reached")


def test_nothing_of_the_bootstrap_is_in_sight(tmp_path: Path) -> None:
    source = """
    BEFORE = [Object.constants, $LOADED_FEATURES.dup, TOPLEVEL_BINDING.local_variables]
    def handler(event:, context:)
      [*BEFORE, ENV.keys.grep(/_LAMBDA_TEL/), instance_variables, (raise 'x' rescue $!.message)]
    end
    """
    with serve(tmp_path, source) as session:
        constants, features, variables, env, own, _ = session.invoke({}).json()
        assert not [name for name in constants if "ctl" in name.lower()]
        assert not [path for path in features if path.startswith(str(BOOTSTRAP.parent))]
        assert (variables, env) == ([], [])
        assert own == ["@handler_file_name", "@handler_method_name"]


def test_a_stack_trace_shows_only_the_function(tmp_path: Path) -> None:
    source = (
        "def handler(event:, context:)\n  puts Class.new { def to_s = raise('in to_s') }.new\nend"
    )
    with serve(tmp_path, source) as session:
        trace = session.invoke({}).json()["stackTrace"]
        assert trace
        assert all(str(BOOTSTRAP.parent) not in frame for frame in trace)
        assert trace[-1].startswith(f"{tmp_path}/app.rb:2:in ")


def test_a_record_is_one_frame_with_its_time(tmp_path: Path) -> None:
    source = """
    def handler(event:, context:)
      puts "two\\nlines é"
      Logger.new($stdout).info('x')
    end
    """
    with serve(tmp_path, source) as session:
        before = time.time() * 1e6
        session.invoke({})
        session.next()
    frames = session.frames()
    assert [frame.type for frame in frames] == [FRAME, FRAME]
    assert frames[0].text == "two\nlines é\n"
    assert f" {REQUEST_ID} -- : x\n" in frames[1].text
    for frame in frames:
        assert frame.time_us is not None
        assert before - 1000 <= frame.time_us <= time.time() * 1e6


def test_without_the_descriptor_everything_is_plain_output(tmp_path: Path) -> None:
    source = "def handler(event:, context:)\n  puts 'plain'\n  Logger.new($stdout).info('x')\nend"
    with serve(tmp_path, source, telemetry=False) as session:
        session.invoke({})
        session.next()
    frames = session.frames()
    assert [frame.type for frame in frames] == [0, 0]
    assert frames[0].text == "plain"
    assert frames[1].text.endswith(f"INFO {REQUEST_ID} -- : x")


def test_records_of_threads_do_not_mix_and_plain_output_keeps_its_place(tmp_path: Path) -> None:
    source = """
    def handler(event:, context:)
      threads = 4.times.map do |t|
        Thread.new { 50.times { |n| puts "#{t}-#{n} " + 'x' * 5000 } }
      end
      threads.each(&:join)
      $stdout.write("out\\n")
      $stderr.write("err\\n")
      puts 'last'
    end
    """
    with serve(tmp_path, source) as session:
        session.invoke({})
        session.next()
    *records, out, err, last = session.frames()
    assert {frame.text for frame in records} == {
        f"{t}-{n} {'x' * 5000}\n" for t in range(4) for n in range(50)
    }
    assert [out.text, err.text, last.text] == ["out", "err", "last\n"]


def test_a_child_that_comes_back_from_the_handler_answers_nothing(tmp_path: Path) -> None:
    source = """
    def handler(event:, context:)
      pid = fork
      raise 'child' unless pid
      Process.wait(pid)
      'parent'
    end
    """
    with serve(tmp_path, source) as session:
        for _ in range(2):
            assert session.invoke({}).json() == "parent"
        session.next()
        assert session.api.requests.empty()


def test_a_program_that_the_function_starts_inherits_no_descriptor(tmp_path: Path) -> None:
    source = "def handler(event:, context:) = `ls /proc/self/fd`.split.size"
    with serve(tmp_path, source) as session:
        # stdin, stdout, stderr, and the folder that ls reads
        assert session.invoke({}).json() == 4


def test_a_thread_that_brings_the_main_thread_down_ends_the_process(tmp_path: Path) -> None:
    source = """
    def handler(event:, context:)
      Thread.new { sleep 0.05; raise TypeError, 'in a thread' }.abort_on_exception = true
      1
    end
    """
    with serve(tmp_path, source) as session:
        assert session.invoke({}).json() == 1
        session.next()
        error = session.result()
        assert error.path.endswith("/init/error")
        assert error.json()["errorType"] == "Init<TypeError>"
        assert session.exit_code() == 252


def test_the_trace_of_each_invocation_is_in_the_environment(tmp_path: Path) -> None:
    with serve(tmp_path, "def handler(event:, context:) = ENV['_X_AMZN_TRACE_ID']") as session:
        for trace in ("Root=1-a", "Root=1-b"):
            assert session.invoke({}, {"Lambda-Runtime-Trace-Id": trace}).json() == trace
