# ruff: noqa: SIM117 - a client inside of a server reads better than both on one line.
from __future__ import annotations

import asyncio
import json
import re
import socket

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lambdactl.errors import ThrottledError
from lambdactl.manifest.apis import ApiKey, Integration, IntegrationResponse, Route, Throttle
from lambdactl.triggers.http.limits import Limits
from tests.aio import other_tasks, run, until
from tests.clock import ManualClock
from tests.triggers.http.websocket.parts import OK, Functions, api, serving

HANDSHAKE = (
    b"GET /Prod HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ID = re.compile(r"[\w-]{15}=")


def echo(event):
    return {"statusCode": 200, "body": event["body"].upper()}


def ok(event):
    return OK


def fail(event):
    raise ValueError("no")


# messages


def test_messages_find_their_route_and_answers_come_back_where_the_route_has_a_response():
    functions = Functions(join=echo, default=lambda event: {"statusCode": 200, "body": "default"})

    async def main():
        async with serving(api("+join", "+$default"), functions) as served:
            async with connect(served.url) as client:
                await client.send('{"action": "join"}')
                assert await client.recv() == '{"ACTION": "JOIN"}'
                for message in ("plain text", '{"action": "else"}', '{"action": "$connect"}'):
                    await client.send(message)
                    assert await client.recv() == "default"
            await until(lambda: not served.door.connections.open)

    run(main())
    keys = [event["requestContext"]["routeKey"] for _, event in functions.events]
    assert keys == ["join", "$default", "$default", "$default"]


def test_without_a_route_response_nothing_comes_back():
    functions = Functions(quiet=echo, loud=echo)

    async def main():
        async with serving(api("quiet", "+loud"), functions) as served:
            async with connect(served.url) as client:
                await client.send('{"action": "quiet"}')
                await until(lambda: functions.given("quiet"))
                await client.send('{"action": "loud"}')
                assert await client.recv() == '{"ACTION": "LOUD"}'

    run(main())


@pytest.mark.parametrize("message", ["hello", '{"action": "else"}', '{"action": "$disconnect"}'])
def test_no_route_is_forbidden(message):
    async def main():
        async with serving(api("join", "$disconnect"), Functions(disconnect=ok)) as served:
            async with connect(served.url) as client:
                await client.send(message)
                answer = await client.recv()
                assert re.fullmatch(
                    r'\{"message": "Forbidden", "connectionId":"[\w=-]{16}", '
                    r'"requestId":"[\w=-]{16}"\}',
                    answer,
                )
                assert json.loads(answer)["connectionId"] in served.door.connections.open

    run(main())


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (fail, "failed"),
        (lambda event: None, "it is null"),
        (lambda event: "text", "it is a string"),
        (lambda event: {"body": "x"}, "no statusCode"),
        (lambda event: {"statusCode": "many"}, 'statusCode is "many"'),
        (lambda event: {"statusCode": 200, "body": {"x": 1}}, "its body is an object"),
        (lambda event: {"statusCode": 200, "headers": {"a": None}}, "header a is null"),
    ],
)
def test_a_function_that_fails_is_an_internal_server_error(handler, words):
    async def main():
        async with serving(api("join"), Functions(join=handler)) as served:
            async with connect(served.url) as client:
                await client.send('{"action": "join"}')
                answer = json.loads(await client.recv())
                assert answer.pop("message") == "Internal server error"
                assert all(ID.fullmatch(answer[name]) for name in ("connectionId", "requestId"))
                # The connection lives on.
                await client.send('{"action": "join"}')
                await client.recv()
            assert len(served.told) == 2
            assert words in served.told[0]

    run(main())


def test_a_throttled_function_is_an_internal_server_error():
    def throttled(event):
        raise ThrottledError("no more", reason="ConcurrentInvocationLimitExceeded")

    async def main():
        async with serving(api("join"), Functions(join=throttled)) as served:
            async with connect(served.url) as client:
                await client.send('{"action": "join"}')
                assert "Internal server error" in await client.recv()

    run(main())


def test_a_function_that_takes_too_long_times_out_once():
    async def slow(event):
        await asyncio.sleep(0.1)
        return {"statusCode": 200, "body": "late"}

    route = Route("$default", Integration(function="slow", timeout_s=0.03), response=True)
    functions = Functions(slow=slow)

    async def main():
        async with serving(api(routes=(route,)), functions) as served:
            async with connect(served.url) as client:
                await client.send("x")
                assert '"Endpoint request timed out"' in await client.recv()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.15):
                        await client.recv()

    run(main())


def test_messages_of_one_connection_run_side_by_side_and_start_in_order():
    running = 0
    most = 0

    async def slow(event):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.03)
        running -= 1
        return OK

    functions = Functions(default=slow)

    async def main():
        async with serving(api("$default"), functions) as served:
            async with connect(served.url) as client:
                for number in range(5):
                    await client.send(str(number))
                await until(lambda: len(functions.events) == 5)

    run(main())
    assert most == 5
    assert [event["body"] for _, event in functions.events] == ["0", "1", "2", "3", "4"]


# frames


def test_a_message_in_frames_is_put_together():
    async def main():
        async with serving(api("+$default"), Functions(default=echo)) as served:
            async with connect(served.url) as client:
                parts = ["a" * 32768, "b" * 32768, "ü" * 16384, "c" * 32768]
                await client.send(parts)
                assert await client.recv() == "".join(parts).upper()
                await client.ping()

    run(main())


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("x" * 32769, 1009),
        (["x" * 32768] * 5, 1009),
        (b"binary", 1003),
        ([b"bin", b"ary"], 1003),
    ],
)
def test_what_is_too_large_or_binary_ends_the_connection(message, code):
    functions = Functions(default=echo, disconnect=ok)

    async def main():
        async with serving(api("$default", "$disconnect"), functions) as served:
            async with connect(served.url) as client:
                await client.send(message)
                with pytest.raises(ConnectionClosed):
                    await client.recv()
                assert client.close_code == code
            await until(lambda: functions.events)

    run(main())
    [ended] = functions.given("disconnect")
    assert ended["requestContext"]["disconnectStatusCode"] == code
    assert not functions.given("default")


def test_text_that_is_not_utf8_ends_the_connection():
    async def main():
        async with serving(api("$default"), Functions(default=echo)) as served:
            async with connect(served.url) as client:
                await client.send(b"\xff\xfe", text=True)
                with pytest.raises(ConnectionClosed):
                    await client.recv()
                assert client.close_code == 1007

    run(main())


def test_an_answer_over_128_kb_is_an_error():
    async def main():
        big = Functions(default=lambda event: {"statusCode": 200, "body": "x" * 131073})
        async with serving(api("+$default"), big) as served:
            async with connect(served.url) as client:
                await client.send("x")
                assert "Internal server error" in await client.recv()
            assert "131073 bytes" in served.told[0]

    run(main())


# $connect


def test_connect_decides_about_the_upgrade():
    answers = {
        "yes": {"statusCode": 204},
        "no": {"statusCode": 403, "body": "go away", "headers": {"X-Why": "mood"}},
        "broken": {"nothing": True},
    }
    functions = Functions(connect=lambda event: answers[event["queryStringParameters"]["say"]])

    async def main():
        async with serving(api("$connect"), functions) as served:
            async with connect(f"{served.url}?say=yes"):
                assert len(served.door.connections.open) == 1
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{served.url}?say=no")
            assert refused.value.response.status_code == 403
            assert refused.value.response.headers["X-Why"] == "mood"
            assert refused.value.response.body == b"go away"
            for say in ("broken", "missing"):
                with pytest.raises(InvalidStatus) as refused:
                    await connect(f"{served.url}?say={say}")
                assert refused.value.response.status_code == 502
                body = json.loads(refused.value.response.body)
                assert body.pop("message") == "Internal server error"
                assert set(body) == {"connectionId", "requestId"}
            assert "answered 403" in served.told[0]
            await until(lambda: not served.door.connections.open)

    run(main())


def test_connect_that_takes_too_long():
    async def slow(event):
        await asyncio.sleep(0.05)
        return OK

    route = Route("$connect", Integration(function="slow", timeout_s=0.02))

    async def main():
        functions = Functions(slow=slow)
        async with serving(api(routes=(route,)), functions) as served:
            with pytest.raises(InvalidStatus) as refused:
                await connect(served.url)
            assert refused.value.response.status_code == 504
            assert "Endpoint request timed out" in refused.value.response.body.decode()
            await asyncio.sleep(0.06)
            assert not served.door.connections.open

    run(main())


def test_headers_of_connect_are_in_the_handshake():
    answer = {
        "statusCode": 200,
        "headers": {"Sec-WebSocket-Protocol": "soap", "Set-Cookie": "a=b\r\nX-Bad: 1"},
    }

    async def main():
        async with serving(api("$connect"), Functions(connect=lambda event: answer)) as served:
            async with connect(served.url, subprotocols=["wamp", "soap"]) as client:
                assert client.subprotocol == "soap"
                assert client.response.headers["Set-Cookie"] == "a=b X-Bad: 1"
                assert "X-Bad" not in client.response.headers
                assert not client.protocol.extensions

    run(main())


def test_a_connection_cannot_be_posted_to_before_it_stands():
    seen = []

    async def main():
        async with serving(api("$connect"), functions := Functions()) as served:

            def look(event):
                seen.append(event["requestContext"]["connectionId"] in served.door.connections.open)
                return OK

            functions.handlers["connect"] = look
            async with connect(served.url):
                pass

    run(main())
    assert seen == [False]


def test_an_api_key_is_asked_for():
    route = Route("$connect", Integration(function="connect"), api_key=True)
    keys = (ApiKey("k1", "key", "secret"), ApiKey("k2", "old", "gone", enabled=False))
    functions = Functions(connect=ok)

    async def main():
        async with serving(api(routes=(route,), api_keys=keys), functions) as served:
            for headers in ({}, {"x-api-key": "wrong"}, {"x-api-key": "gone"}):
                with pytest.raises(InvalidStatus) as refused:
                    await connect(served.url, additional_headers=headers)
                assert refused.value.response.status_code == 403
            async with connect(served.url, additional_headers={"x-api-key": "secret"}):
                pass

    run(main())
    [given] = functions.given("connect")
    assert given["requestContext"]["identity"]["apiKeyId"] == "k1"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/Prod", "", 426),
        ("/Prod", "Upgrade: websocket\r\nConnection: Upgrade\r\n", 400),
        (
            "/else",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            403,
        ),
        ("/@connections/x", "", 400),
        ("/other/@connections/AAAAAAAAAAAAAAA=", "", 403),
    ],
)
def test_what_is_no_handshake(path, headers, status):
    async def main():
        async with serving(api("$connect"), Functions(connect=ok)) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
            assert int((await reader.readline()).split()[1]) == status
            writer.close()

    run(main())


def test_the_stage_may_be_left_out():
    async def main():
        async with serving(api("+$default"), Functions(default=echo)) as served:
            for path in ("", "/", "/Prod", "/Prod/"):
                async with connect(f"ws://localhost:{served.port}{path}") as client:
                    await client.send("x")
                    assert await client.recv() == "X"

    run(main())


def test_throttles():
    throttles = {"*": Throttle(rate=1, burst=2), "$connect": Throttle(rate=1, burst=1)}
    functions = Functions(connect=ok, default=lambda event: {"statusCode": 200, "body": "fine"})
    made = api("$connect", "+$default", throttles=throttles)

    async def main():
        clock = ManualClock()
        async with serving(made, functions, clock=clock) as served:
            async with connect(served.url) as client:
                with pytest.raises(InvalidStatus) as refused:
                    await connect(served.url)
                assert refused.value.response.status_code == 429
                for expected in ("fine", "fine", "Too Many Requests"):
                    await client.send("x")
                    assert expected in await client.recv()
                clock.spend(1)
                await client.send("x")
                assert await client.recv() == "fine"

    run(main())


def test_integrations_that_are_no_lambda_proxies():
    """MOCK for $connect and for a ping, and a function that gets what a template makes."""
    pong = '{"pong": "$context.connectionId", "by": "$context.routeKey"}'
    template = '{"id": "$context.connectionId", "x": $input.json("$.x")}'
    routes = (
        Route("$connect", Integration("mock", request_templates={"200": '{"statusCode":200}'})),
        Route(
            "ping",
            Integration(
                "mock",
                request_templates={"$default": '{"statusCode":200}'},
                responses=(IntegrationResponse(200, templates={"application/json": pong}),),
            ),
            response=True,
        ),
        Route(
            "map",
            Integration("lambda", function="map", request_templates={"\\$default": template}),
            response=True,
        ),
    )
    functions = Functions(map=lambda event: event)

    async def main():
        async with serving(api(routes=routes), functions) as served:
            async with connect(served.url) as client:
                [id] = served.door.connections.open
                await client.send('{"action": "ping"}')
                assert json.loads(await client.recv()) == {"pong": id, "by": "ping"}
                await client.send('{"action": "map", "x": [3]}')
                assert json.loads(await client.recv()) == {"id": id, "x": [3]}
            assert not served.told

    run(main())


@pytest.mark.parametrize("status", [200, 403])
def test_a_mock_decides_about_the_upgrade(status):
    answer = f'{{"statusCode": {status}}}'
    mock = Integration(
        "mock",
        request_templates={"200": answer},
        responses=(IntegrationResponse(200), IntegrationResponse(403, pattern="403")),
    )

    async def main():
        async with serving(api(routes=(Route("$connect", mock),)), Functions()) as served:
            if status == 200:
                async with connect(served.url):
                    pass
                return
            with pytest.raises(InvalidStatus) as refused:
                await connect(served.url)
            assert refused.value.response.status_code == 403

    run(main())


def test_what_is_not_on_this_machine_fails():
    routes = (Route("$default", Integration("unavailable", uri="a queue")),)

    async def main():
        async with serving(api(routes=routes), Functions()) as served:
            async with connect(served.url) as client:
                await client.send("x")
                assert "Internal server error" in await client.recv()
            assert served.told == ["chat $default: a queue does not run on this machine"]

    run(main())


# ends


@pytest.mark.parametrize(
    ("close", "expected"),
    [
        (lambda client: client.close(), (1000, "")),
        (lambda client: client.close(4001, "bye"), (4001, "bye")),
        (lambda client: client.close(1001), (1001, "")),
    ],
)
def test_disconnect_is_told_how_the_client_left(close, expected):
    functions = Functions(disconnect=ok)

    async def main():
        async with serving(api("$disconnect"), functions) as served:
            client = await connect(served.url)
            await close(client)
            await until(lambda: functions.events)
            assert not served.door.connections.open

    run(main())
    context = functions.given("disconnect")[0]["requestContext"]
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == expected


def test_a_close_frame_without_a_status_and_a_client_that_vanishes():
    functions = Functions(disconnect=ok)

    async def main():
        async with serving(api("$disconnect"), functions) as served:
            client = await connect(served.url)
            client.protocol.send_close()
            for data in client.protocol.data_to_send():
                client.transport.write(data)
            await until(lambda: len(functions.events) == 1)
            await client.wait_closed()
            client = await connect(served.url)
            client.transport.abort()
            await until(lambda: len(functions.events) == 2)
            assert not served.door.connections.open

    run(main())
    contexts = [event["requestContext"] for event in functions.given("disconnect")]
    assert [
        (context["disconnectStatusCode"], context["disconnectReason"]) for context in contexts
    ] == [(1005, "Client-side close frame status not set"), (1006, "")]


def test_a_client_that_vanishes_during_connect_is_disconnected():
    gone = asyncio.Event()

    async def slow(event):
        await gone.wait()
        return OK

    functions = Functions(connect=slow, disconnect=ok)

    async def main():
        async with serving(api("$connect", "$disconnect"), functions) as served:
            client = socket.create_connection(("127.0.0.1", served.port))
            client.sendall(HANDSHAKE)
            await until(lambda: functions.events)
            client.close()
            gone.set()
            await until(lambda: len(functions.events) == 2)
            assert not served.door.connections.open

    run(main())


def test_an_idle_connection_is_closed_after_ten_minutes_and_any_after_two_hours():
    functions = Functions(disconnect=ok, default=ok)
    clock = ManualClock()

    async def main():
        async with serving(api("$disconnect", "$default"), functions, clock=clock) as served:
            client = await connect(served.url, ping_interval=None)
            await until(lambda: clock.slept)
            await clock.advance(599)
            assert served.door.connections.open
            await clock.advance(2)
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert (client.close_code, client.close_reason) == (1001, "Going away")
            await until(lambda: functions.events)

            client = await connect(served.url, ping_interval=None)
            await until(lambda: len(clock.slept) > 1)
            for minute in range(5, 120, 5):
                await clock.advance(300)
                # Pings count as well as messages.
                await (await client.ping() if minute % 2 else client.send("x"))
            assert served.door.connections.open
            await clock.advance(301)
            with pytest.raises(ConnectionClosed):
                await client.recv()
            await until(lambda: not served.door.connections.open)

    run(main())
    assert [
        event["requestContext"]["disconnectReason"] for event in functions.given("disconnect")
    ] == ["Going away", "Going away"]


def test_a_client_that_ignores_our_close_frame_is_cut_off(monkeypatch):
    monkeypatch.setattr("lambdactl.triggers.http.websocket.connection.LINGER_S", 0.02)

    async def main():
        async with serving(api("$default"), Functions(default=ok)) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            [connection] = served.door.connections.open.values()
            connection.close((1000, "x"))
            assert await reader.read() == b"\x88\x03\x03\xe8x"
            writer.close()
            await until(lambda: not served.listener.connections)

    run(main())


def test_a_client_that_takes_nothing_is_cut_off():
    functions = Functions(disconnect=ok)

    async def main():
        async with serving(api("$disconnect"), functions) as served:
            served.listener.limits = Limits(write_s=0.01)
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.pause_reading()
            [connection] = served.door.connections.open.values()
            for _ in range(200):
                connection.send(b"x" * 131072)
            served.listener.sweep()
            assert served.door.connections.open
            await asyncio.sleep(0.02)
            served.listener.sweep()
            await until(lambda: functions.events)
            assert not connection.send(b"x")
            writer.transport.abort()

    run(main())
    [event] = functions.given("disconnect")
    assert event["requestContext"]["disconnectStatusCode"] == 1006


# reloads


def test_connections_outlive_a_saved_manifest():
    functions = Functions(one=echo, two=lambda event: {"statusCode": 200, "body": "two"})

    async def main():
        async with serving(api("+one"), functions) as served, connect(served.url) as client:
            await client.send('{"action": "one"}')
            await client.recv()
            old = served.door
            served.reload(api("+two", stage="Other", variables={"a": "b"}))
            # Nothing changes before the old door is closed: something else in the manifest may be
            # wrong, and all stays as it was.
            await client.send('{"action": "one"}')
            assert await client.recv() == '{"ACTION": "ONE"}'
            await old.close()
            await client.send('{"action": "two"}')
            assert await client.recv() == "two"
            await client.send('{"action": "one"}')
            assert "Forbidden" in await client.recv()
        [event] = functions.given("two")
        assert event["requestContext"]["stage"] == "Other"
        assert event["stageVariables"] == {"a": "b"}

    run(main())


def test_connections_of_an_api_that_is_gone_are_closed(monkeypatch):
    monkeypatch.setattr("lambdactl.triggers.http.websocket.door.GRACE_S", 0.01)
    functions = Functions(disconnect=ok)

    async def main():
        async with serving(api("$disconnect"), functions) as served:
            async with connect(served.url) as client:
                await served.door.close()
                with pytest.raises(ConnectionClosed):
                    await client.recv()
                assert client.close_code == 1001

    run(main())
    assert not functions.events


def test_nothing_is_left_behind():
    functions = Functions(connect=ok, default=echo, disconnect=ok)

    async def main():
        async with serving(api("$connect", "+$default", "$disconnect"), functions) as served:
            for _ in range(20):
                async with connect(served.url) as client:
                    await client.send("x")
                    await client.recv()
            await until(lambda: len(functions.given("disconnect")) == 20)
            await until(lambda: not other_tasks())
            assert not served.door.connections.open

    run(main())
