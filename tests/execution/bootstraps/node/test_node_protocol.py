"""What the Node.js bootstrap says on the wire, and what it understands."""

from __future__ import annotations

import base64
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

BOOTSTRAP = Path(lambdactl.execution.__file__).parent / "bootstraps/node/bootstrap.cjs"
ECHO = "exports.handler = async (event) => event;"
GENERATIONS = pytest.mark.parametrize("generation", ["nodejs22.x", "nodejs24.x"])

pytestmark = pytest.mark.node


def serve(
    root: Path,
    source: str = ECHO,
    generation: str = "nodejs22.x",
    env: Mapping[str, str] | None = None,
    **options: Any,
) -> AbstractContextManager[Session]:
    (root / "index.js").write_text(source)
    env = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{generation}", **(env or {})}
    command = [need("node"), str(BOOTSTRAP)]
    return scripted_api.run(command, root, "index.handler", env, **options)


@GENERATIONS
def test_a_response_and_the_poll_for_the_next_event_are_one_write_on_one_connection(
    tmp_path: Path, generation: str
) -> None:
    with serve(tmp_path, generation=generation) as session:
        first = session.next()
        for number in range(3):
            response = session.invoke({"n": number})
            following = session.next()
            assert response.json() == {"n": number}
            assert response.path == f"/2018-06-01/runtime/invocation/{REQUEST_ID}/response"
            assert response.header("content-type") == "application/json"
            assert response.header("host") == session.api.address
            assert response.reads == following.reads
            assert response.connection is following.connection is first.connection
        assert len(session.api.connections) == 1


@GENERATIONS
def test_an_error_and_the_poll_for_the_next_event_are_one_write(
    tmp_path: Path, generation: str
) -> None:
    source = "exports.handler = async () => { throw new TypeError('no\\nway') }"
    with serve(tmp_path, source, generation) as session:
        error = session.invoke({})
        assert error.path.endswith(f"/{REQUEST_ID}/error")
        assert error.header("lambda-runtime-function-error-type") == "TypeError"
        cause = json.loads(error.header("lambda-runtime-function-xray-error-cause") or "")
        assert cause["exceptions"][0]["message"] == "no\nway"
        assert cause["paths"] == [str(tmp_path / "index.js")]
        assert cause["working_directory"] == str(tmp_path)
        assert session.next().reads == error.reads


def test_a_cause_that_is_too_long_for_a_header_is_left_out(tmp_path: Path) -> None:
    source = "exports.handler = async () => { throw new Error('x'.repeat(1024 * 1024)) }"
    with serve(tmp_path, source) as session:
        error = session.invoke({})
        assert error.header("lambda-runtime-function-xray-error-cause") is None
        assert len(error.json()["errorMessage"]) == 1024 * 1024


@pytest.mark.parametrize(
    ("source", "action"),
    [
        (ECHO, "response"),
        ("exports.handler = async () => { throw new Error('x') }", "error"),
        ("exports.handler = awslambda.streamifyResponse(async (e, s) => s.end('x'))", "response"),
        (
            "exports.handler = async () => { Promise.reject(1); await new Promise(() => {}) }",
            "error",
        ),
    ],
)
def test_the_attempt_goes_back_with_every_result(tmp_path: Path, source: str, action: str) -> None:
    with serve(tmp_path, source) as session:
        result = session.invoke({}, {"Lambda-Runtime-Invocation-Id": "attempt-1"})
        assert result.path.endswith(action)
        assert result.header("lambda-runtime-invocation-id") == "attempt-1"


def test_without_an_attempt_none_goes_back(tmp_path: Path) -> None:
    with serve(tmp_path) as session:
        assert session.invoke({}).header("lambda-runtime-invocation-id") is None


def test_a_result_that_is_too_late_is_logged_and_the_next_event_is_served(tmp_path: Path) -> None:
    with serve(tmp_path) as session:
        session.give({"n": 1})
        late = session.api.take("POST", "/response")
        late.answer(b"HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\n{}")
        assert session.invoke({"n": 2}).json() == {"n": 2}
        session.next()
        (line,) = session.wait_for_log(1)
        assert f"invocation {REQUEST_ID} came too late" in line


@pytest.mark.parametrize("status", [b"400 Bad Request", b"413 Request Entity Too Large"])
def test_any_other_refusal_is_passed_over_in_silence(tmp_path: Path, status: bytes) -> None:
    with serve(tmp_path) as session:
        session.give({"n": 1})
        session.api.take("POST", "/response").answer(
            b"HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\n{}" % status
        )
        assert session.invoke({"n": 2}).json() == {"n": 2}
        session.next()
    assert session.log() == []


def test_an_answer_may_come_in_any_pieces(tmp_path: Path) -> None:
    with serve(tmp_path) as session:
        for size in (1, 2, 3, 7, 64):
            event = {"text": "é" * 40, "size": size}
            poll, session.pending = session.next(), None
            answer = event_answer(json.dumps(event, ensure_ascii=False).encode())
            for start in range(0, len(answer), size):
                poll.answer(answer[start : start + size])
                if size < 3:
                    time.sleep(0.0001)
            assert session.result().json() == event


def test_the_answer_to_a_post_and_the_next_event_may_come_together(tmp_path: Path) -> None:
    with serve(tmp_path) as session:
        session.give({"n": 1})
        post = session.api.take("POST", "/response")
        session.next().answer(ACCEPTED + event_answer(b'{"n": 2}'))
        session.pending = None
        assert post.json() == {"n": 1}
        assert session.result().json() == {"n": 2}


def test_a_chunked_answer_with_trailers_is_understood(tmp_path: Path) -> None:
    body = b'{"text":"' + b"x" * 300 + b'"}'
    head = event_answer(b"", {"Content-Length": None, "Transfer-Encoding": "chunked"})
    pieces = [body[:1], body[1:200], body[200:]]
    chunks = b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    with serve(tmp_path) as session:
        for step in (1, 5, 1000):
            poll, session.pending = session.next(), None
            answer = head + chunks + b"0\r\nX-Trailer: 1\r\n\r\n"
            for start in range(0, len(answer), step):
                poll.answer(answer[start : start + step])
            assert session.result().json() == json.loads(body)


def test_names_of_headers_may_be_in_any_case_and_interim_answers_are_skipped(
    tmp_path: Path,
) -> None:
    source = "exports.handler = async (e, c) => [c.awsRequestId, c.invokedFunctionArn]"
    with serve(tmp_path, source) as session:
        answer = event_answer(b"{}").replace(b"Lambda-Runtime", b"LAMBDA-runtime")
        session.next().answer(b"HTTP/1.1 100 Continue\r\n\r\n" + answer)
        assert session.result().json() == [REQUEST_ID, scripted_api.ARN]


def test_six_megabytes_come_and_go_whole(tmp_path: Path) -> None:
    text = "ab€" * 1_200_000
    with serve(tmp_path) as session:
        session.give({"text": text})
        response = session.result()
        assert len(response.body) > 6_000_000
        assert response.json() == {"text": text}
        assert session.invoke({"n": 1}).json() == {"n": 1}


@GENERATIONS
def test_the_process_leaves_quietly_when_the_server_closes_the_connection(
    tmp_path: Path, generation: str
) -> None:
    with serve(tmp_path, generation=generation) as session:
        session.invoke({})
        session.next()
        session.api.close()
        assert session.exit_code() == 0
    assert session.log() == []


def test_the_process_leaves_quietly_in_the_middle_of_an_invocation(tmp_path: Path) -> None:
    with serve(
        tmp_path, "exports.handler = () => new Promise(() => setTimeout(() => {}, 1e6))"
    ) as session:
        session.give({})
        time.sleep(0.05)
        session.api.close()
        assert session.exit_code() == 0
    assert session.log() == []


def test_a_poll_that_is_refused_ends_the_process(tmp_path: Path) -> None:
    with serve(tmp_path) as session:
        session.next().answer(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}")
        assert session.exit_code() == 129
    assert "Failed to get next invocation, error 403" in session.log()[0]


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    nobody = scripted_api.ScriptedApi()
    nobody.close()
    with serve(tmp_path, env={"AWS_LAMBDA_RUNTIME_API": nobody.address}) as session:
        assert session.exit_code() == 1
    assert session.log()[0].startswith(f"The Runtime API at {nobody.address} can't be reached")


STREAM = """
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, {statusCode: 201, cookies: ['a=b']});
  stream.write('one');
  await wait(20);
  stream.write({two: 2});
  await wait(20);
  if (event.fail) throw new RangeError('half way');
  stream.end();
});
"""


@GENERATIONS
def test_a_streamed_response_is_chunked_and_begins_with_its_prelude(
    tmp_path: Path, generation: str
) -> None:
    with serve(tmp_path, STREAM, generation) as session:
        response = session.invoke({})
        assert response.header("transfer-encoding") == "chunked"
        assert response.header("content-length") is None
        assert response.header("lambda-runtime-function-response-mode") == "streaming"
        assert (
            response.header("content-type") == "application/vnd.awslambda.http-integration-response"
        )
        prelude, _, body = response.body.partition(b"\0" * 8)
        assert json.loads(prelude) == {"statusCode": 201, "cookies": ["a=b"]}
        assert body == b'one{"two":2}'
        assert len(response.chunks) >= 2
        assert response.trailers == {}
        poll = session.next()
        assert poll.connection is not response.connection
        assert session.invoke({}).body == response.body
        assert len(session.api.connections) == 2


@GENERATIONS
def test_a_stream_that_fails_says_so_in_its_trailers(tmp_path: Path, generation: str) -> None:
    with serve(tmp_path, STREAM, generation) as session:
        response = session.invoke({"fail": True})
        assert response.body.endswith(b'one{"two":2}')
        assert response.trailers["lambda-runtime-function-error-type"] == "RangeError"
        body = json.loads(base64.b64decode(response.trailers["lambda-runtime-function-error-body"]))
        assert (body["errorType"], body["errorMessage"]) == ("RangeError", "half way")
        declared = [value for name, value in response.headers if name == "trailer"]
        assert {value.lower() for value in declared} == set(response.trailers)
        # Only now: the next event must not come while the stream of this one is open.
        session.next()


def test_a_response_is_out_before_the_process_exits(tmp_path: Path) -> None:
    source = "exports.handler = (e, context) => { context.succeed('done'); process.exit(7) }"
    with serve(tmp_path, source) as session:
        assert session.invoke({}).json() == "done"
        assert session.exit_code() == 7
