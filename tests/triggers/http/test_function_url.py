"""The door of a function URL: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.errors import EventError, ThrottledError, UserError
from lambdactl.execution.clock import Clock
from lambdactl.execution.invocation import Invocation, InvocationResult, Invoker, Report
from lambdactl.manifest.apis import Api, Integration, Route
from lambdactl.manifest.features import Cors
from lambdactl.triggers.http.doors import door
from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.function_stream import INTEGRATION_TYPE, SEPARATOR
from tests.aio import run
from tests.clock import ManualClock
from tests.triggers.http.parts import FakeWire, Functions, request, result, setting

ECHO = Functions(lambda invocation, event: event)
REPORT = Report("r", 1.0, 128, 64)


def answered(
    came: Request,
    functions: Invoker = ECHO,
    *,
    stream: bool = False,
    told: list[str] | None = None,
    clock: Clock | None = None,
    **api: Any,
) -> Response | None:
    async def work() -> Response | None:
        given = setting(clock=clock)
        given.invoker = functions
        routes = (Route("$default", Integration(function="hello", stream=stream)),)
        front = door(Api("hello-url", "url", routes, **api), given)
        assert front.knows(came)
        answer = await front.handle(came)
        await front.close()
        if told is not None:
            told.extend(given.kept["told"])
        return answer

    return run(work())


def returned(value: Any, came: Request | None = None, **api: Any) -> Response:
    answer = answered(came or request("/"), Functions(lambda *_: value), **api)
    assert answer is not None
    return answer


def test_every_documented_field() -> None:
    came = request(
        "/my/a%20path?parameter1=value1&parameter1=value2&parameter2=a%26b",
        "POST",
        {
            "User-Agent": "agent",
            "Cookie": "Cookie_1=Value_1; Cookie_2=Value_2",
            "Content-Type": "a/b",
        },
        b"\0",
    )
    answer = answered(came)
    assert answer is not None
    event = json.loads(answer.body)
    context = event["requestContext"]
    identity = context["apiId"]
    assert len(identity) == 32
    headers = event.pop("headers")
    assert headers["user-agent"] == "agent"
    assert headers["cookie"] == "Cookie_1=Value_1; Cookie_2=Value_2"
    assert headers["x-forwarded-for"] == "203.0.113.7"
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my/a%20path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=a%26b",
        "cookies": ["Cookie_1=Value_1", "Cookie_2=Value_2"],
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "a&b"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": identity,
            "authentication": None,
            "authorizer": None,
            "domainName": f"{identity}.lambda-url.us-east-1.on.aws",
            "domainPrefix": identity,
            "http": {
                "method": "POST",
                "path": "/my/a path",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "agent",
            },
            "requestId": context["requestId"],
            "routeKey": "$default",
            "stage": "$default",
            "time": context["time"],
            "timeEpoch": context["timeEpoch"],
        },
        "body": "AA==",
        "pathParameters": None,
        "isBase64Encoded": True,
        "stageVariables": None,
    }


def test_the_request_id_is_that_of_the_invocation() -> None:
    functions = Functions(lambda *_: "hi")
    answer = answered(request("/", headers={"X-Amzn-Trace-Id": "Root=1-a-b"}), functions)
    assert answer is not None
    assert answer.body == b"hi"
    assert functions.calls[0].request_id == dict(answer.headers)["x-amzn-RequestId"]
    assert functions.events[0]["requestContext"]["requestId"] == functions.calls[0].request_id
    assert dict(answer.headers)["X-Amzn-Trace-Id"] == "Root=1-a-b"


@pytest.mark.parametrize(
    ("value", "body"),
    [
        # LocalStack's test_lambda_url_invocation, recorded: Content-Length is 17 and 16.
        ({"hello": "world"}, b'{"hello":"world"}'),
        (["hello", 3, True], b'["hello",3,true]'),
        ({"n": 123456789012345678901, "s": "é"}, '{"n":123456789012345678901,"s":"é"}'.encode()),
        ("hello", b"hello"),
        (3.1, b"3.1"),
        (None, b"null"),
    ],
)
def test_what_has_no_status_code_is_the_body(value: Any, body: bytes) -> None:
    answer = returned(value)
    assert (answer.status, answer.body) == (200, body)
    assert dict(answer.headers)["Content-Type"] == "application/json"


def test_a_whole_response() -> None:
    answer = returned(
        {
            "statusCode": "418",
            "headers": {"My-Custom-Header": "Custom Value"},
            "cookies": ["a=1", "b=2"],
            "body": "i'm a teapot",
        }
    )
    assert (answer.status, answer.body) == (418, b"i'm a teapot")
    assert answer.headers[:4] == [
        ("My-Custom-Header", "Custom Value"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Content-Type", "application/json"),
    ]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("outcome", "status", "kind", "body"),
    [
        (result({"errorType": "E"}, error="Unhandled"), 502, None, "Internal Server Error"),
        (UserError("no such function"), 502, None, "Internal Server Error"),
        (
            ThrottledError("busy", reason="ReservedFunctionConcurrentInvocationLimitExceeded"),
            429,
            "TooManyRequestsException",
            '{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User",'
            '"message":"Rate Exceeded."}',
        ),
        (
            EventError("too large"),
            413,
            "RequestTooLargeException",
            '{"Type":"User","message":"Request must be smaller than 6291456 bytes'
            ' for the InvokeFunction operation"}',
        ),
    ],
)
def test_what_goes_wrong(
    outcome: Any, status: int, kind: str | None, body: str, stream: bool
) -> None:
    told: list[str] = []
    answer = returned(outcome, stream=stream, told=told)
    headers = dict(answer.headers)
    assert (answer.status, answer.body.decode()) == (status, body)
    assert headers["Content-Type"] == "application/json"
    assert headers.get("x-amzn-ErrorType") == kind
    assert len(headers["x-amzn-RequestId"]) == 36
    assert len(told) == 1


def test_a_malformed_response() -> None:
    told: list[str] = []
    answer = returned({"statusCode": 200, "body": []}, told=told)
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    assert told == ["GET /: the function's response has a `body` that is a list, not text"]


def test_iam_wants_a_signature() -> None:
    """Recorded: https://github.com/localstack/localstack, test_lambda.snapshot.json,
    test_lambda_permission_url_invocation and test_lambda_url_persists_after_alias_delete."""
    functions = Functions(lambda *_: "never")
    answer = answered(request("/"), functions, auth="iam")
    assert answer is not None
    assert answer.status == 403
    assert json.loads(answer.body) == {
        "Message": "Forbidden. For troubleshooting Function URL authorization issues, see:"
        " https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
    }
    assert dict(answer.headers)["x-amzn-ErrorType"] == "AccessDeniedException"
    assert not functions.calls


def test_iam_says_what_is_wrong_with_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen at https://github.com/minorun365/html-share/issues/4."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    signed = AWSRequest("GET", "http://127.0.0.1:3000/")
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "another secret")
    SigV4Auth(credentials, "lambda", "us-east-1").add_auth(signed)
    headers = {"Host": "127.0.0.1:3000", **dict(signed.headers.items())}
    functions = Functions(lambda *_: "never")
    answer = answered(
        request("/", "GET", headers), functions, auth="iam", clock=ManualClock(time.time())
    )
    assert answer is not None
    assert answer.status == 403
    assert dict(answer.headers)["x-amzn-ErrorType"] == "InvalidSignatureException"
    assert json.loads(answer.body) == {
        "message": "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation "
        "for details."
    }
    assert not functions.calls


CORS = Cors(allow_origins=("https://a.example",), allow_methods=("GET",), max_age_s=5)


@pytest.mark.parametrize("auth", ["none", "iam"])
def test_preflights_do_not_reach_the_function(auth: str) -> None:
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    functions = Functions(lambda *_: "never")
    answer = answered(request("/", "OPTIONS", asked), functions, cors=CORS, auth=auth)
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"")
    assert ("Access-Control-Max-Age", "5") in answer.headers
    assert ("Access-Control-Allow-Origin", "https://a.example") in answer.headers
    assert not functions.calls


def test_cors_headers_are_on_every_answer() -> None:
    origin = {"Origin": "https://a.example"}
    own = {"statusCode": 200, "headers": {"access-control-allow-origin": "*", "X-A": "1"}}
    for outcome in (own, result({}, error="Unhandled")):
        answer = returned(outcome, request("/", headers=origin), cors=CORS)
        origins = [
            value for name, value in answer.headers if name.lower() == "access-control-allow-origin"
        ]
        assert origins == ["https://a.example"]


class Streaming:
    """A function that writes ``pieces`` and then ends as told. ``between`` runs after each."""

    def __init__(
        self,
        pieces: list[bytes],
        content_type: str = INTEGRATION_TYPE,
        *,
        error: str | None = None,
        raises: Exception | None = None,
    ) -> None:
        self.pieces = pieces
        self.content_type = content_type
        self.error = error
        self.raises = raises
        self.between = lambda: None

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        kept = b""
        for piece in self.pieces:
            if invocation.on_chunk is None:
                kept += piece
            else:
                invocation.on_chunk(self.content_type, piece)
            await asyncio.sleep(0)
            self.between()
        if self.raises is not None:
            raise self.raises
        return InvocationResult(
            kept,
            REPORT,
            function_error=self.error,
            content_type=self.content_type,
            streamed=self.error is None,
        )


PRELUDE = (
    b'{"statusCode":201,"headers":{"Content-Type":"text/html","X-A":"1"},"cookies":["a=1"]}'
    + SEPARATOR
)


def streamed(function: Streaming) -> tuple[Response | None, FakeWire]:
    wire = FakeWire()
    return answered(request("/", wire=wire), function, stream=True), wire


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_stream_with_a_prelude(size: int) -> None:
    """The eight zero bytes may come in any pieces."""
    answer, wire = streamed(Streaming(cut(PRELUDE + b"<p>\0hi", size)))
    assert answer is None
    (head,) = wire.sent
    (body,) = wire.bodies
    assert head.status == 201
    assert head.headers[:3] == [("Content-Type", "text/html"), ("X-A", "1"), ("Set-Cookie", "a=1")]
    assert "x-amzn-RequestId" in dict(head.headers)
    assert (head.body + body.data, body.end) == (b"<p>\0hi", "closed")


@given(st.lists(st.integers(1, 60), max_size=6), st.binary(max_size=30))
def test_pieces_make_no_difference(sizes: list[int], data: bytes) -> None:
    whole, pieces, at = PRELUDE + data, list[bytes](), 0
    for size in sizes:
        pieces.append(whole[at : at + size])
        at += size
    _, wire = streamed(Streaming([*pieces, whole[at:]]))
    assert wire.sent[0].status == 201
    assert wire.sent[0].body + wire.bodies[0].data == data


def test_the_client_gets_each_piece_as_it_is_written() -> None:
    wire = FakeWire()
    seen: list[bytes] = []
    function = Streaming([PRELUDE, b"one", b"two"])
    function.between = lambda: seen.append(wire.bodies[0].data if wire.bodies else b"nothing")
    answered(request("/", wire=wire), function, stream=True)
    assert seen == [b"", b"one", b"onetwo"]


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/event-stream"])
def test_a_stream_without_a_prelude(kind: str) -> None:
    answer, wire = streamed(Streaming([b"one", b"two"], kind))
    assert answer is None
    assert wire.sent[0].status == 200
    assert wire.sent[0].headers[0] == ("Content-Type", kind)
    assert wire.sent[0].body + wire.bodies[0].data == b"onetwo"
    assert wire.bodies[0].end == "closed"


def test_an_empty_stream() -> None:
    answer, _ = streamed(Streaming([], "text/plain"))
    assert answer is not None
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    "function",
    [
        Streaming([PRELUDE, b"one"], error="Unhandled"),
        Streaming([PRELUDE, b"one"], raises=UserError("it was stopped")),
    ],
)
def test_an_error_in_the_middle_cuts_the_answer_off(function: Streaming) -> None:
    answer, wire = streamed(function)
    assert answer is None
    assert wire.bodies[0].end == "aborted"


@pytest.mark.parametrize(
    "pieces",
    [
        [b'{"statusCode":200'],
        [b"no json" + SEPARATOR],
        [b"[]" + SEPARATOR + b"body"],
        [b'{"statusCode":7}' + SEPARATOR],
        [b'{"headers":[1]}' + SEPARATOR, b"more"],
        [b"x" * 600_000, b"x" * 600_000, b"x"],
    ],
)
def test_a_prelude_that_is_none(pieces: list[bytes]) -> None:
    answer, wire = streamed(Streaming(pieces))
    assert answer is not None
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    assert not wire.bodies


def test_a_function_that_does_not_stream_is_sent_as_it_is() -> None:
    """Seen at AWS: test_lambda_url_echo_invoke[RESPONSE_STREAM] of LocalStack's tests."""
    answer = returned({"statusCode": 201, "body": "hi"}, stream=True)
    assert answer.status == 200
    assert json.loads(answer.body) == {"statusCode": 201, "body": "hi"}


def test_a_function_that_streams_is_buffered() -> None:
    answer = answered(request("/"), Streaming(cut(PRELUDE + b"body", 5)))
    assert answer is not None
    assert (answer.status, answer.body) == (201, b"body")
    answer = answered(request("/"), Streaming([b"a,b"], "text/csv"))
    assert answer is not None
    assert (answer.body, answer.headers[0]) == (b"a,b", ("Content-Type", "text/csv"))
    assert (answered(request("/"), Streaming([b"{"])) or Response(0)).status == 502
