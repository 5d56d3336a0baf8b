"""Functions in AWS answer as those on this machine do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator

import pytest

from lambdactl.deploy.model import Context
from lambdactl.deploy.remote import RemoteInvoker, report_of
from lambdactl.errors import AwsError, DeniedError, ThrottledError, UserError
from lambdactl.execution.invocation import Invocation, InvocationResult
from lambdactl.manifest.model import App
from tests.deploy.invocations import Answer, Invocations, served

pytestmark = pytest.mark.aws

MANIFEST = """
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    code: .
"""
LOG = (
    "START RequestId: 8f507cfc Version: 3\n"
    "hi\n"
    "END RequestId: 8f507cfc\n"
    "REPORT RequestId: 8f507cfc\tDuration: 133.61 ms\tBilled Duration: 214 ms\t"
    "Memory Size: 256 MB\tMax Memory Used: 31 MB\tInit Duration: 80.00 ms\t\n"
)


@pytest.fixture
def answers(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invocations]:
    with served(aws) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        yield found


@pytest.fixture
def invoker(
    answers: Invocations, app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> RemoteInvoker:
    context = context_of(app_of(MANIFEST))
    return RemoteInvoker(context.account, context.naming, streamed=frozenset({"hello"}))


def invoke(invoker: RemoteInvoker, **more: object) -> InvocationResult:
    return asyncio.run(invoker.invoke(Invocation("hello", **more)))  # type: ignore[arg-type]


def test_an_answer_with_its_report(answers: Invocations, invoker: RemoteInvoker) -> None:
    answers.answer = lambda call: Answer({"ok": 1}, log=LOG, version="3")
    result = invoke(
        invoker,
        payload=b'{"a": 1}',
        qualifier="live",
        client_context='{"custom": {"k": "v"}}',
        tenant_id="blue",
    )
    assert result.json() == {"ok": 1}
    assert result.function_error is None
    assert result.executed_version == "3"
    assert result.log == LOG
    assert result.cold
    report = result.report
    assert (report.duration_ms, report.memory_size_mb, report.max_memory_used_mb) == (
        133.61,
        256,
        31,
    )
    assert (report.init_duration_ms, report.billed_duration_ms) == (80.0, 214)
    (call,) = answers.calls
    assert (call.function, call.qualifier, call.payload) == ("hello", "live", b'{"a": 1}')
    assert call.headers["x-amz-tenant-id"] == "blue"
    assert call.headers["x-amz-client-context"] == "eyJjdXN0b20iOiB7ImsiOiAidiJ9fQ=="


def test_a_failure_of_the_function_is_an_answer(
    answers: Invocations, invoker: RemoteInvoker
) -> None:
    answers.answer = lambda call: Answer({"errorType": "ValueError"}, "Unhandled", LOG)
    result = invoke(invoker)
    assert result.function_error == "Unhandled"
    assert result.report.status == "error"


def test_an_answer_in_pieces(answers: Invocations, invoker: RemoteInvoker) -> None:
    answers.answer = lambda call: Answer(chunks=(b"one ", b"two"), log=LOG)
    pieces: list[tuple[str, bytes]] = []
    result = invoke(invoker, on_chunk=lambda kind, chunk: pieces.append((kind, chunk)))
    assert [chunk for _, chunk in pieces] == [b"one ", b"two"]
    assert (result.payload, result.streamed, result.log) == (b"one two", True, LOG)
    # Nobody takes pieces: it is asked for as a whole.
    answers.answer = lambda call: Answer("whole")
    assert invoke(invoker).json() == "whole"


def test_an_answer_that_breaks_off(answers: Invocations, invoker: RemoteInvoker) -> None:
    answers.answer = lambda call: Answer(chunks=(b"one ",), broken=("Unhandled", "oh"))
    result = invoke(invoker, on_chunk=lambda kind, chunk: None)
    assert (result.payload, result.function_error) == (b"one ", "Unhandled")
    answers.answer = lambda call: Answer(chunks=(b"",), broken=("Function.Bad", "oh"))
    result = invoke(invoker, on_chunk=lambda kind, chunk: None)
    assert result.json() == {"errorType": "Function.Bad", "errorMessage": "oh"}


def test_events_and_dry_runs(answers: Invocations, invoker: RemoteInvoker) -> None:
    assert asyncio.run(invoker.send(Invocation("hello", b"{}"))).startswith("79b4")
    assert asyncio.run(invoker.check(Invocation("hello", b"{}"))).startswith("79b4")
    kinds = [call.headers["x-amz-invocation-type"] for call in answers.calls]
    assert kinds == ["Event", "DryRun"]


@pytest.mark.parametrize(
    ("refused", "kind", "words"),
    [
        (
            (404, "ResourceNotFoundException", "Function not found"),
            UserError,
            "there is no function hello in eu-west-1 of account 123456789012",
        ),
        (
            (429, "TooManyRequestsException", "Rate Exceeded."),
            ThrottledError,
            "hello was throttled",
        ),
        (
            (409, "ResourceConflictException", "The operation cannot be performed at this time"),
            AwsError,
            "can't be invoked yet",
        ),
        (
            (
                403,
                "AccessDeniedException",
                "User: arn:aws:iam::123456789012:user/x is not authorized to perform: "
                "lambda:InvokeFunction on resource: arn:aws:lambda:eu-west-1:1:function:hello",
            ),
            DeniedError,
            "lambda:InvokeFunction",
        ),
    ],
)
def test_refusals(
    answers: Invocations,
    invoker: RemoteInvoker,
    refused: tuple[int, str, str],
    kind: type[Exception],
    words: str,
) -> None:
    answers.answer = lambda call: Answer(refused=refused)
    with pytest.raises(kind) as caught:
        invoke(invoker)
    assert words in str(caught.value)
    # What has run may not run twice.
    assert len(answers.calls) == 1


def test_what_lambda_does_not_take(answers: Invocations, invoker: RemoteInvoker) -> None:
    with pytest.raises(UserError, match="at most 6291456"):
        invoke(invoker, payload=b" " * 6291457)
    with pytest.raises(UserError, match="at most 1048576"):
        asyncio.run(invoker.send(Invocation("hello", b" " * 1048577)))
    with pytest.raises(UserError, match="at most 3583"):
        invoke(invoker, client_context=json.dumps("x" * 3000))
    assert not answers.calls


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", (1500.0, 0, 0, None, "success", None)),
        (LOG, (133.61, 256, 31, 80.0, "success", None)),
        (
            "REPORT RequestId: x\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t"
            "Memory Size: 128 MB\tMax Memory Used: 30 MB\tStatus: timeout\n",
            (3000.0, 128, 30, None, "timeout", None),
        ),
        (
            "REPORT RequestId: x\tDuration: 10.00 ms\tBilled Duration: 10 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 30 MB\tStatus: error\tError Type: Runtime.ExitError\n",
            (10.0, 128, 30, None, "error", "Runtime.ExitError"),
        ),
        (
            '{"time":"2026-11-22T00:00:00Z","type":"platform.report","record":{"requestId":"x",'
            '"status":"success","metrics":{"durationMs":1.5,"billedDurationMs":2,'
            '"memorySizeMB":512,"maxMemoryUsedMB":40,"initDurationMs":99.5}}}\n',
            (1.5, 512, 40, 99.5, "success", None),
        ),
    ],
)
def test_reports(log: str, expected: tuple[object, ...]) -> None:
    report = report_of(log.encode(), "x", 1.5)
    assert report[1:] == expected
    assert report.request_id == "x"
