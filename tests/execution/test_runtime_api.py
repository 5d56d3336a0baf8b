"""Each endpoint of the Runtime API: what it gives, what it takes, and whom it serves.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from lambdactl.errors import EnvironmentStartError
from lambdactl.execution.runtime_api import RuntimeApi, State, valid_error_type
from tests.aio import run, settle, until
from tests.execution.wire import INIT_ERROR, NEXT, Client, error_of, event, response_of, served

ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"


def test_next_waits_for_the_event_and_gives_it_with_every_header() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            await client.send(client.request("GET", NEXT))
            await until(lambda: api.heard.heard == ["ready"])
            api.api.dispatch(
                event(
                    client_context='{"custom": {"a": 1}}',
                    cognito_identity='{"cognitoIdentityId": "x"}',
                    tenant_id="blue",
                )
            )
            given = await client.receive()
            assert given.status == 200
            assert given.body == b'{"key": "cat.jpg"}'
            assert given.headers == {
                "content-type": "application/json",
                "content-length": "18",
                "lambda-runtime-aws-request-id": "one",
                "lambda-runtime-invocation-id": "attempt-1",
                "lambda-runtime-deadline-ms": "1700000003000",
                "lambda-runtime-invoked-function-arn": (
                    "arn:aws:lambda:us-east-1:123456789012:function:resize"
                ),
                "lambda-runtime-trace-id": "Root=1-65000000-0123456789abcdef01234567;Sampled=0",
                "lambda-runtime-client-context": '{"custom": {"a": 1}}',
                "lambda-runtime-cognito-identity": '{"cognitoIdentityId": "x"}',
                "lambda-runtime-aws-tenant-id": "blue",
            }

    run(work())


def test_headers_without_a_value_are_left_out() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            api.api.dispatch(event())
            headers = (await client.call("GET", NEXT)).headers
            assert not {name for name in headers if "context" in name or "tenant" in name}
            assert "lambda-runtime-cognito-identity" not in headers

    run(work())


@pytest.mark.parametrize("where", ["client_context", "cognito_identity", "trace_id", "tenant_id"])
def test_no_value_can_end_its_header(where: str) -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            api.api.dispatch(event(**{where: '{"a":\r\nInjected: yes\n\r\n"b"}'}))
            given = await client.call("GET", NEXT)
            assert "injected" not in given.headers
            assert given.body == b'{"key": "cat.jpg"}'
            assert any("Injected: yes" in value for value in given.headers.values())

    run(work())


def test_text_that_is_no_unicode_does_not_stop_an_event() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            api.api.dispatch(event(tenant_id="gr\udcfcn"))
            given = await client.call("GET", NEXT)
            assert given.headers["lambda-runtime-aws-tenant-id"] == "gr?n"

    run(work())


@pytest.mark.parametrize("text", ["grün 東京 😀", "lone \udcff surrogate"])
def test_json_in_a_header_is_ascii_whatever_it_says(text: str) -> None:
    """Clients disagree on the encoding of headers (awslambdaric takes UTF-8, Node.js Latin-1), but
    all agree on ASCII, and JSON can say everything in it."""

    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            context = json.dumps({"custom": {"city": text}}, ensure_ascii=False)
            api.api.dispatch(event(client_context=context, cognito_identity=context))
            given = await client.call("GET", NEXT)
            for name in ("client-context", "cognito-identity"):
                header = given.headers[f"lambda-runtime-{name}"]
                assert header.isascii()
                assert json.loads(header) == {"custom": {"city": text}}

    run(work())


@pytest.mark.parametrize("action", [response_of, error_of])
def test_an_answer_is_accepted_and_told(action: Callable[[str], str]) -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.invoked()
            headers = {"Content-Type": "text/csv", ERROR_TYPE: "Function.Sad"}
            reply = await client.call("POST", action("one"), b'{"a":1}', headers)
            assert (reply.status, reply.json()) == (202, {"status": "OK"})
            (answer,) = api.heard.answers
            assert answer.payload == b'{"a":1}'
            assert answer.content_type == "text/csv"
            assert answer.error_type == ("Function.Sad" if action is error_of else None)
            assert api.heard.heard == ["ready", "answer"]

    run(work())


def test_the_next_call_ends_the_invocation_and_the_connection_lives_on() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            for number in range(3):
                api.api.dispatch(event(request_id=str(number), payload=b"%d" % number))
                assert (await client.call("GET", NEXT)).body == b"%d" % number
                await client.call("POST", response_of(str(number)), b"{}")
            assert api.heard.heard == ["ready", "answer"] * 3
            assert api.api.state is State.RESPONSE_SENT

    run(work())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Runtime.ExitError", "Runtime.ExitError"),
        ("Function.MyOwn", "Function.MyOwn"),
        ("Function.lower", "Function.Unknown"),
        ("Function.", "Function.Unknown"),
        ("Runtime.lower", "Runtime.Unknown"),
        ("ValueError", "Runtime.Unknown"),
        ("", "Runtime.Unknown"),
    ],
)
def test_error_types_are_recorded_as_lambda_does(given: str, kept: str) -> None:
    assert valid_error_type(given) == kept

    async def work() -> None:
        async with served() as api:
            client = await api.invoked()
            await client.call("POST", error_of("one"), b"{}", {ERROR_TYPE: given})
            assert api.heard.answers[0].error_type == kept

    run(work())


async def _status(client: Client, method: str, path: str) -> int:
    body = None if method == "GET" else b""
    return (await client.call(method, path, body)).status


def test_other_paths_are_not_found_and_other_methods_not_allowed() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            prefix = "/2018-06-01"
            for path in ("/", prefix, f"{prefix}/runtime/invocation/one", f"{NEXT}/more"):
                assert await _status(client, "GET", path) == 404
            for path in (f"{prefix}/runtime/restore/next", "/2020-01-01/extension/register"):
                assert await _status(client, "POST", path) == 404
            assert await _status(client, "POST", f"{response_of('one')}/more") == 404
            for path in (response_of("one"), error_of("one"), INIT_ERROR):
                assert await _status(client, "GET", path) == 405
            for path in (NEXT, f"{prefix}/ping"):
                assert await _status(client, "POST", path) == 405
            ping = await client.call("GET", f"{prefix}/ping")
            assert (ping.status, ping.body) == (200, b"pong")
            assert api.heard.heard == []

    run(work())


def test_a_page_in_a_browser_that_found_the_port_learns_nothing() -> None:
    async def work() -> None:
        async with served() as api:
            api.api.dispatch(event())
            evil = await api.connect(host="rebound.example.com:9001")
            for method, path in (("GET", NEXT), ("POST", response_of("one"))):
                reply = await evil.call(method, path, b"" if method == "POST" else None)
                assert (reply.status, reply.json()["errorType"]) == (403, "InvalidHost")
            assert api.heard.heard == []
            port = api.api.address.split(":")[1]
            for name in (f"localhost:{port}", "localhost", "127.0.0.1"):
                friend = await api.connect(host=name)
                assert (await friend.call("GET", "/2018-06-01/ping")).status == 200
            assert (await friend.call("GET", NEXT)).status == 200

    run(work())


def test_environments_do_not_see_each_others_events() -> None:
    async def work() -> None:
        async with served() as one, served() as two:
            assert one.api.address != two.api.address
            first, second = await one.connect(), await two.connect()
            await first.send(first.request("GET", NEXT))
            await second.send(second.request("GET", NEXT))
            await until(lambda: one.heard.heard == two.heard.heard == ["ready"])
            one.api.dispatch(event(request_id="one"))
            given = await first.receive()
            assert given.headers["lambda-runtime-aws-request-id"] == "one"
            await settle()
            assert two.api.state is State.READY
            two.api.dispatch(event(request_id="two"))
            await second.receive()
            reply = await second.call("POST", response_of("one"), b"stolen")
            assert reply.error == (400, "InvalidRequestID", "Invalid request ID")
            assert one.heard.answers == []

    run(work())


def test_a_client_that_leaves_while_it_waits_is_forgotten() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            await client.send(client.request("GET", NEXT))
            await until(lambda: api.heard.heard == ["ready"])
            client.writer.close()
            await client.writer.wait_closed()
            await asyncio.sleep(0.02)
            api.api.dispatch(event())
            again = await api.connect()
            given = await again.call("GET", NEXT)
            assert given.headers["lambda-runtime-aws-request-id"] == "one"
            assert (await again.call("POST", response_of("one"), b"{}")).status == 202

    run(work())


def test_after_close_nobody_is_connected_and_nobody_can() -> None:
    async def work() -> None:
        async with served() as api:
            client = await api.connect()
            await client.send(client.request("GET", NEXT))
            await until(lambda: api.heard.heard == ["ready"])
            await api.api.close()
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await client.receive()
            with pytest.raises(ConnectionError):
                await api.connect()

    run(work())


def test_an_address_that_gives_no_socket_is_told() -> None:
    class Nobody:
        """Never told anything: no runtime calls."""

    api = RuntimeApi(cast(Any, Nobody()))
    with pytest.raises(EnvironmentStartError, match="can't listen on no address for the runtime"):
        run(api.open("name", "no address"))
