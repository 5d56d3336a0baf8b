"""The three events against the documented ones: every field is there, and no other."""

from __future__ import annotations

import json
import re

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from lambdactl.manifest.apis import Authorizer, Integration, Route
from tests.aio import run, until
from tests.clock import ManualClock
from tests.triggers.http.websocket.parts import OK, Functions, api, serving

ID = re.compile(r"[\w-]{15}=")
CONTEXT = {
    "routeKey",
    "eventType",
    "extendedRequestId",
    "requestTime",
    "messageDirection",
    "stage",
    "connectedAt",
    "requestTimeEpoch",
    "identity",
    "requestId",
    "domainName",
    "connectionId",
    "apiId",
}


def captured(path: str = "", **fields):
    """The events of a connection that says "hi" once, by name of the function; and the port."""
    functions = Functions(
        connect=lambda e: OK, default=lambda e: OK, disconnect=lambda e: OK, quiet=lambda e: OK
    )
    names = ("$connect", "$default", "$disconnect")
    ports = []

    async def main():
        clock = ManualClock(1_700_000_000.25)
        made = api(*names, **fields)
        async with serving(made, functions, clock=clock) as served:
            ports.append(served.port)
            headers = {"X-Two": "1", "X-Forwarded-For": "192.0.2.7"}
            async with connect(
                served.url + path, additional_headers=headers, user_agent_header="tester"
            ) as client:
                clock.spend(2)
                await client.send("hi")
                await until(lambda: functions.given("default"))
            await until(lambda: functions.given("disconnect"))

    run(main())
    events = {name: functions.given(name)[0] for name in ("connect", "default", "disconnect")}
    return events, ports[0]


def test_connect():
    events, port = captured("?room=a&room=b&x=%C3%BC")
    event = events["connect"]
    assert set(event) == {
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "requestContext",
        "isBase64Encoded",
    }
    headers = event["headers"]
    assert headers["Host"] == f"localhost:{port}"
    assert headers["X-Forwarded-For"] == "192.0.2.7, 127.0.0.1"
    assert headers["X-Forwarded-Port"] == str(port)
    assert headers["X-Forwarded-Proto"] == "http"
    assert headers["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert headers["Sec-WebSocket-Version"] == "13"
    assert "permessage-deflate" in headers["Sec-WebSocket-Extensions"]
    assert not {name.lower() for name in headers} & {"upgrade", "connection"}
    assert event["multiValueHeaders"] == {name: [value] for name, value in headers.items()}
    assert event["queryStringParameters"] == {"room": "b", "x": "ü"}
    assert event["multiValueQueryStringParameters"] == {"room": ["a", "b"], "x": ["ü"]}
    context = event["requestContext"]
    assert set(context) == CONTEXT
    assert ID.fullmatch(context["connectionId"])
    assert ID.fullmatch(context["requestId"])
    assert context["requestId"] == context["extendedRequestId"]
    assert context | {
        "connectionId": "",
        "requestId": "",
        "extendedRequestId": "",
        "apiId": "",
    } == {
        "routeKey": "$connect",
        "eventType": "CONNECT",
        "extendedRequestId": "",
        "requestTime": "14/Nov/2023:22:13:20 +0000",
        "messageDirection": "IN",
        "stage": "Prod",
        "connectedAt": 1_700_000_000_250,
        "requestTimeEpoch": 1_700_000_000_250,
        "identity": {"userAgent": "tester", "sourceIp": "127.0.0.1"},
        "requestId": "",
        "domainName": f"localhost:{port}",
        "connectionId": "",
        "apiId": "",
    }
    assert event["isBase64Encoded"] is False


def test_message():
    events, port = captured()
    event = events["default"]
    assert set(event) == {"requestContext", "body", "isBase64Encoded"}
    assert event["body"] == "hi"
    context = event["requestContext"]
    assert set(context) == CONTEXT | {"messageId"}
    assert ID.fullmatch(context["messageId"])
    assert context["eventType"] == "MESSAGE"
    assert context["routeKey"] == "$default"
    assert context["connectedAt"] == 1_700_000_000_250
    assert context["requestTimeEpoch"] == 1_700_000_002_250
    assert context["connectionId"] == events["connect"]["requestContext"]["connectionId"]
    assert context["requestId"] != events["connect"]["requestContext"]["requestId"]
    assert context["domainName"] == f"localhost:{port}"


def test_disconnect():
    events, port = captured()
    event = events["disconnect"]
    assert set(event) == {"headers", "multiValueHeaders", "requestContext", "isBase64Encoded"}
    assert event["headers"] == {
        "Host": f"localhost:{port}",
        "x-api-key": "",
        "X-Forwarded-For": "",
        "x-restapi": "",
    }
    assert event["multiValueHeaders"] == {name: [value] for name, value in event["headers"].items()}
    context = event["requestContext"]
    assert set(context) == CONTEXT | {"disconnectStatusCode", "disconnectReason"}
    assert context["eventType"] == "DISCONNECT"
    assert context["disconnectStatusCode"] == 1000


def test_connect_has_no_query_without_one_and_stage_variables_are_everywhere():
    events, _ = captured(variables={"table": "chats"})
    assert "queryStringParameters" not in events["connect"]
    assert all(event["stageVariables"] == {"table": "chats"} for event in events.values())


def policy(effect: str) -> dict:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": "*"}
    return {
        "principalId": "me",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"tenant": "t1", "level": 3},
    }


def authorized():
    who = Authorizer(
        "lambda", name="who", function="who", identity=("route.request.querystring.token",)
    )
    routes = tuple(
        Route(
            key,
            Integration(function=key.lstrip("$")),
            authorizer=who if key == "$connect" else None,
        )
        for key in ("$connect", "$default", "$disconnect")
    )
    return api(routes=routes)


def test_the_authorizer_is_asked_at_connect_and_what_it_found_is_in_every_event():
    functions = Functions(
        who=lambda event: policy("Allow"),
        connect=lambda e: OK,
        default=lambda e: OK,
        disconnect=lambda e: OK,
    )

    async def main():
        async with serving(authorized(), functions) as served:
            async with connect(f"{served.url}?token=abc") as client:
                await client.send("hi")
                await until(lambda: functions.given("default"))
            await until(lambda: functions.given("disconnect"))

    run(main())
    [asked] = functions.given("who")
    assert asked["type"] == "REQUEST"
    assert asked["methodArn"].endswith("/Prod/$connect")
    assert asked["queryStringParameters"] == {"token": "abc"}
    contexts = [
        functions.given(name)[0]["requestContext"] for name in ("connect", "default", "disconnect")
    ]
    assert asked["requestContext"]["connectionId"] == contexts[0]["connectionId"]
    for context in contexts:
        found = context["authorizer"]
        assert found["principalId"] == "me"
        assert found["tenant"] == "t1"
        assert found["level"] == "3"


@pytest.mark.parametrize(
    ("query", "answer", "status"),
    [
        ("", policy("Allow"), 401),
        ("?token=x", policy("Deny"), 403),
        ("?token=x", {"nonsense": True}, 500),
    ],
)
def test_an_authorizer_that_refuses(query, answer, status):
    functions = Functions(who=lambda event: answer, connect=lambda e: OK)

    async def main():
        async with serving(authorized(), functions) as served:
            with pytest.raises(InvalidStatus) as refused:
                await connect(served.url + query)
            response = refused.value.response
            assert response.status_code == status
            body = json.loads(response.body)
            assert set(body) == {"message", "connectionId", "requestId"}
            assert response.headers["x-amzn-ErrorType"].endswith("Exception")

    run(main())
    assert not functions.given("connect")
