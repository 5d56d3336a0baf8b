"""Node.js functions under the real Runtime API, where it matters that both sides fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdactl import Local
from lambdactl.local import BlockingLocal
from lambdactl.manifest.model import App, Code, Function
from tests.execution.conformance.conftest import runtime_of

pytestmark = pytest.mark.node

SOURCE = """
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let calls = 0;
exports.stream = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, {statusCode: 201});
  stream.write('a' + ++calls);
  await wait(20);
  if (event.fail) throw new RangeError('half way');
  stream.write('b');
  stream.end();
});
exports.reject = async (event) => {
  calls++;
  if (event.fail) { Promise.reject(new Error('nobody takes it')); await wait(1000); }
  return calls;
};
exports.wait = (event, context, callback) => {
  calls++;
  setTimeout(() => { calls += 10 }, 30);
  callback(null, calls);
};
"""


@pytest.fixture
def local(tmp_path: Path) -> Iterator[BlockingLocal]:
    (tmp_path / "index.js").write_text(SOURCE)
    functions = {
        name: Function(
            name=name,
            code=Code("folder", tmp_path),
            runtime=runtime_of("node"),
            handler=f"index.{name}",
            timeout_s=20,
        )
        for name in ("stream", "reject", "wait")
    }
    with Local(App("test", tmp_path, functions), credentials=False) as fn:
        yield fn


def test_streams_that_succeed_and_fail_alternate_in_one_environment(local: BlockingLocal) -> None:
    for call in range(1, 5):
        result = local.invoke("stream", {"fail": call % 2 == 0})
        assert result.streamed
        assert result.cold == (call == 1)
        if call % 2:
            assert result.payload == b'{"statusCode":201}' + b"\0" * 8 + b"a%db" % call
            assert result.function_error is None
        else:
            assert result.json()["errorType"] == "RangeError"
            assert result.function_error == "Unhandled"


def test_a_rejection_that_nobody_takes_is_the_result_and_ends_the_environment(
    local: BlockingLocal,
) -> None:
    assert local.invoke("reject", {}).json() == 1
    result = local.invoke("reject", {"fail": True})
    assert result.json()["errorType"] == "Runtime.UnhandledPromiseRejection"
    assert result.json()["errorMessage"] == "Error: nobody takes it"
    assert local.invoke("reject", {}).json() == 1


def test_a_callback_is_answered_when_the_event_loop_is_empty(local: BlockingLocal) -> None:
    first = local.invoke("wait", {})
    assert first.json() == 1
    assert first.report.duration_ms >= 25
    assert local.invoke("wait", {}).json() == 12
