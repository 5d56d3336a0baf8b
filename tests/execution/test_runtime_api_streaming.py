"""Streamed responses: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming"""

from __future__ import annotations

import base64
import json

import pytest

from lambdactl.execution.invocation import MAX_PAYLOAD_BYTES
from tests.aio import run, until
from tests.execution.wire import Client, Served, response_of, served

STREAMED = {
    "Lambda-Runtime-Function-Response-Mode": "streaming",
    "Transfer-Encoding": "chunked",
    "Content-Type": "text/event-stream",
    "Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def end(**trailers: str) -> bytes:
    lines = [
        f"Lambda-Runtime-Function-Error-{name.capitalize()}: {value}\r\n"
        for name, value in trailers.items()
    ]
    return b"0\r\n" + "".join(lines).encode() + b"\r\n"


async def begun(api: Served, headers: dict[str, str] | None = None) -> Client:
    """A client that has sent the head of a streamed response."""
    client = await api.invoked()
    await client.send(
        client.request("POST", response_of("one"), None, {**STREAMED, **(headers or {})})
    )
    return client


def test_without_a_taker_the_pieces_are_put_together() -> None:
    async def work() -> None:
        async with served() as api:
            client = await begun(api)
            await client.send(chunk(b"data: 1\n\n") + chunk(b"data: 2\n\n") + end())
            assert (await client.receive()).status == 202
            (answer,) = api.heard.answers
            assert answer.payload == b"data: 1\n\ndata: 2\n\n"
            assert answer.streamed
            assert answer.content_type == "text/event-stream"
            assert answer.error_type is None

    run(work())


def test_with_a_taker_each_piece_arrives_before_the_end() -> None:
    async def work() -> None:
        async with served(streams=True) as api:
            client = await begun(api)
            await until(lambda: api.heard.stream_types == ["text/event-stream"])
            await client.send(chunk(b"first"))
            await until(lambda: api.heard.pieces == [b"first"])
            assert api.heard.answers == []
            await client.send(chunk(b"second"))
            await until(lambda: api.heard.pieces == [b"first", b"second"])
            assert api.heard.answers == []
            await client.send(end())
            assert (await client.receive()).status == 202
            (answer,) = api.heard.answers
            assert (answer.payload, answer.streamed) == (b"", True)

    run(work())


def test_a_buffered_response_is_never_taken_in_pieces() -> None:
    async def work() -> None:
        async with served(streams=True) as api:
            client = await api.invoked()
            await client.call("POST", response_of("one"), b"whole")
            assert (api.heard.stream_types, api.heard.pieces) == ([], [])
            assert api.heard.answers[0].payload == b"whole"

    run(work())


@pytest.mark.parametrize("streams", [False, True])
def test_a_function_that_fails_midway_says_so_in_the_trailers(streams: bool) -> None:
    error = {"errorType": "Error", "errorMessage": "grün", "stackTrace": []}
    body = base64.b64encode(json.dumps(error).encode()).decode()

    async def work() -> None:
        async with served(streams=streams) as api:
            client = await begun(api)
            await client.send(chunk(b"half of it") + end(type="Function.MidStream", body=body))
            assert (await client.receive()).status == 202
            (answer,) = api.heard.answers
            assert answer.error_type == "Function.MidStream"
            assert json.loads(answer.payload) == error
            assert api.heard.pieces == ([b"half of it"] if streams else [])

    run(work())


@pytest.mark.parametrize("body", ["", "not base64!", "====", "dHJ1ZQ"])
def test_an_unreadable_error_body_is_still_an_error(body: str) -> None:
    async def work() -> None:
        async with served() as api:
            client = await begun(api)
            await client.send(chunk(b"half") + end(type="Function.MidStream", body=body))
            assert (await client.receive()).status == 202
            (answer,) = api.heard.answers
            assert (answer.error_type, answer.payload) == ("Function.MidStream", b"")

    run(work())


def test_the_bound_of_a_buffered_response_holds_only_without_a_taker() -> None:
    piece = bytes(1024 * 1024)
    count = MAX_PAYLOAD_BYTES // len(piece) + 1

    async def work() -> None:
        async with served(streams=True) as api:
            client = await begun(api)
            for _ in range(count):
                await client.send(chunk(piece))
            await client.send(end())
            assert (await client.receive()).status == 202
            assert sum(map(len, api.heard.pieces)) == count * len(piece)
        async with served() as api:
            client = await begun(api)
            for _ in range(count):
                await client.send(chunk(piece))
            await client.send(end())
            assert (await client.receive()).status == 413
            assert api.heard.answers[0].error_type == "Function.ResponseSizeTooLarge"

    run(work())


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({"Lambda-Runtime-Invocation-Id": "attempt-0"}, response_of("one"), 410),
        ({}, response_of("two"), 400),
        ({}, "/2018-06-01/runtime/init/error", 403),
    ],
)
def test_a_stream_that_will_be_refused_is_not_passed_on(
    headers: dict[str, str], path: str, status: int
) -> None:
    async def work() -> None:
        async with served(streams=True) as api:
            client = await api.invoked()
            await client.send(client.request("POST", path, None, {**STREAMED, **headers}))
            await client.send(chunk(b"secret") + end())
            assert (await client.receive()).status == status
            assert (api.heard.stream_types, api.heard.pieces, api.heard.answers) == ([], [], [])

    run(work())


def test_a_stream_from_a_strange_host_is_not_passed_on() -> None:
    async def work() -> None:
        async with served(streams=True) as api:
            await api.invoked()
            evil = await api.connect(host="rebound.example.com")
            await evil.send(evil.request("POST", response_of("one"), None, STREAMED))
            await evil.send(chunk(b"forged") + end())
            assert (await evil.receive()).status == 403
            assert (api.heard.pieces, api.heard.answers) == ([], [])

    run(work())
