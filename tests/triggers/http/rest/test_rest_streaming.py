"""Answers that are sent while the function writes them."""

from __future__ import annotations

import json

import pytest

from lambdactl.manifest.apis import Integration
from tests.aio import run, settle
from tests.triggers.http.parts import FakeWire, request, result
from tests.triggers.http.rest.serving import Served, api, header, route

STREAM = Integration(function="hello", stream=True)
NULS = b"\0" * 8
TYPE = "application/vnd.awslambda.http-integration-response"


def streaming(*pieces, error=None, payload=b"", during=None, **more):
    """An API whose function writes ``pieces``. ``during`` is called after each of them."""

    async def play(invocation, event):
        for piece in pieces:
            invocation.on_chunk(TYPE, piece)
            await settle()
            if during is not None:
                during(piece)
        return result(payload, error=error, streamed=bool(pieces))

    return Served(api(route(integration=STREAM, **more)), play)


def ask(served, method="GET"):
    wire = FakeWire()
    made = run(served.send(request("/pets", method, wire=wire)))
    return made, (wire.bodies[0] if wire.bodies else None)


def head(**fields):
    return json.dumps(fields).encode() + NULS


def test_head_and_pieces_go_out_as_they_come():
    wire, seen = FakeWire(), []

    def during(piece):
        seen.append(wire.bodies[0].data if wire.bodies else None)

    metadata = head(
        statusCode=201,
        headers={"Content-Type": "text/plain"},
        multiValueHeaders={"X": ["1", "2"]},
        cookies=["a=1", "b=2"],
    )
    served = streaming(metadata[:9], metadata[9:], b"one", b"two", during=during)
    made = run(served.send(request("/pets", wire=wire)))
    assert seen == [None, b"", b"one", b"onetwo"]
    assert wire.bodies[0].end == "closed"
    assert made.status == 201
    assert header(made, "Content-Type") == "text/plain"
    assert [v for n, v in made.headers if n == "Set-Cookie"] == ["a=1", "b=2"]
    assert [v for n, v in made.headers if n == "X"] == ["1", "2"]
    assert header(made, "x-amzn-RequestId")


def test_nothing_but_the_delimiter_is_a_head():
    made, body = ask(streaming(NULS + b"hi"))
    assert (made.status, body.data, body.end) == (200, b"hi", "closed")
    assert header(made, "Content-Type") == "application/json"


@pytest.mark.parametrize("at", range(1, 8))
def test_the_delimiter_may_come_in_two_pieces(at):
    made, body = ask(streaming(b'{"statusCode":202}' + NULS[:at], NULS[at:] + b"hi"))
    assert (made.status, body.data) == (202, b"hi")


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ((b"hello",), "without eight NUL bytes"),
        ((b"x" * 9000, b"y" * 9000, NULS), "within the first 16 KB"),
        ((b"hello" + NULS,), "is not JSON"),
        ((b"[1]" + NULS,), "a list"),
        ((head(statusCode=200, body="x"),), "takes no `body`"),
        ((head(statusCode="x"),), "`statusCode`"),
        ((head(cookies="a=1"),), "`cookies` is a string"),
    ],
)
def test_what_is_no_stream_is_answered_500(pieces, words):
    served = streaming(*pieces)
    made, body = ask(served)
    assert (made.status, made.body) == (500, b'{"message": "Internal server error"}')
    assert body is None
    assert words in served.told[0]
    assert len(served.told) == 1


def test_a_function_that_does_not_stream_is_answered_500():
    served = streaming(payload=b'{"statusCode": 200}')
    assert ask(served)[0].status == 500
    made, body = ask(streaming(payload=head(statusCode=200) + b"all at once"))
    assert (made.status, body.data, body.end) == (200, b"all at once", "closed")


def test_a_failure_before_the_head_and_behind_it():
    error = b'{"errorType": "Oops", "errorMessage": "no"}'
    served = streaming(b'{"status', error="Unhandled", payload=error)
    made, body = ask(served)
    assert (made.status, body) == (502, None)
    assert "hello failed: Oops: no" in served.told[0]
    made, body = ask(streaming(head(statusCode=200), b"one", error="Unhandled", payload=error))
    assert (made.status, body.data, body.end) == (200, b"one", "aborted")


@pytest.mark.parametrize(
    ("written", "sent", "end"),
    [(b"12345", b"12345", "closed"), (b"1234567", b"12345", "closed"), (b"123", b"123", "aborted")],
)
def test_a_length_is_kept_to(written, sent, end):
    made, body = ask(streaming(head(headers={"Content-Length": "5"}), written))
    assert header(made, "Content-Length") == "5"
    assert (body.data, body.end) == (sent, end)


def test_head_has_no_body_to_wait_for():
    served = streaming(head(headers={"content-length": "5"}), method="ANY")
    made, body = ask(served, "HEAD")
    assert header(made, "Content-Length") == "5"
    assert body.end == "closed"
