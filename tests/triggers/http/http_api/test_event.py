"""Events of HTTP APIs:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.manifest.apis import Api, Integration, Route
from lambdactl.triggers.http.calls import Allowed, Call
from lambdactl.triggers.http.exchange import Headers
from lambdactl.triggers.http.http_api.event import event_v1, event_v2
from tests.triggers.http.parts import FakeWire, request, setting


def call(
    target: str = "/",
    method: str = "GET",
    headers: Headers | dict[str, str] | None = None,
    body: bytes = b"",
    *,
    route: str = "$default",
    parameters: dict[str, str] | None = None,
    stage: str = "$default",
    variables: dict[str, str] | None = None,
    wire: FakeWire | None = None,
) -> Call:
    path = Route(route, Integration(function="hello"), method="ANY")
    api = Api("shop", "http", (path,), stage=stage, variables=variables or {})
    came = request(target, method, headers, body, wire=wire)
    came.received = 1583348638.39
    return Call(setting(), api, path, came, parameters or {})


def test_every_documented_field_of_format_2_0() -> None:
    made = call(
        "/my/path?parameter1=value1&parameter1=value2&parameter2=value",
        "POST",
        [
            ("Host", "id.execute-api.us-east-1.amazonaws.com"),
            ("Header1", "value1"),
            ("Header2", "value1"),
            ("header2", "value2"),
            ("Cookie", "cookie1=a; cookie2=b"),
            ("User-Agent", "agent"),
            ("Content-Type", "text/plain"),
        ],
        b"Hello from Lambda",
        route="/my/{parameter1}",
        parameters={"parameter1": "path"},
        variables={"stageVariable1": "value1"},
    )
    made.allowed = Allowed({"jwt": {"claims": {"claim1": "value1"}, "scopes": ["scope1"]}})
    event = event_v2(made)
    context = event["requestContext"]
    assert event == {
        "version": "2.0",
        "routeKey": "ANY /my/{parameter1}",
        "rawPath": "/my/path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
        "cookies": ["cookie1=a", "cookie2=b"],
        "headers": {
            "host": "id.execute-api.us-east-1.amazonaws.com",
            "header1": "value1",
            "header2": "value1,value2",
            "user-agent": "agent",
            "content-type": "text/plain",
            "content-length": "17",
            "x-amzn-trace-id": made.trace_id,
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "80",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value"},
        "requestContext": context,
        "body": "Hello from Lambda",
        "pathParameters": {"parameter1": "path"},
        "isBase64Encoded": False,
        "stageVariables": {"stageVariable1": "value1"},
    }
    assert context == {
        "accountId": "123456789012",
        "apiId": context["apiId"],
        "authentication": None,
        "authorizer": {"jwt": {"claims": {"claim1": "value1"}, "scopes": ["scope1"]}},
        "domainName": "id.execute-api.us-east-1.amazonaws.com",
        "domainPrefix": "id",
        "http": {
            "method": "POST",
            "path": "/my/path",
            "protocol": "HTTP/1.1",
            "sourceIp": "203.0.113.7",
            "userAgent": "agent",
        },
        "requestId": made.extended_id,
        "routeKey": "ANY /my/{parameter1}",
        "stage": "$default",
        "time": "04/Mar/2020:19:03:58 +0000",
        "timeEpoch": 1583348638390,
    }
    assert len(context["apiId"]) == 10


def test_format_2_0_leaves_out_what_a_request_does_not_have() -> None:
    event = event_v2(call())
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "$default"
    assert event["rawQueryString"] == ""
    absent = {"cookies", "queryStringParameters", "pathParameters", "stageVariables", "body"}
    assert not absent & event.keys()
    assert event["isBase64Encoded"] is False
    assert "authorizer" not in event["requestContext"]
    assert event["headers"]["content-length"] == "0"


def test_the_path_is_decoded_and_the_raw_query_string_is_not() -> None:
    """https://github.com/honojs/hono/issues/2156, https://github.com/ministackorg/ministack/issues/1035"""
    event = event_v2(call("/a%20b/%E2%98%95/x+y?scope=openid%20profile&n=1+1&n=%2C"))
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/a b/☕/x+y"
    assert event["rawQueryString"] == "scope=openid%20profile&n=1+1&n=%2C"
    assert event["queryStringParameters"] == {"scope": "openid profile", "n": "1 1,,"}


def test_a_named_stage_stands_before_the_path() -> None:
    """https://github.com/aws-powertools/powertools-lambda-python/issues/621"""
    made = call("/payment", stage="dev")
    assert event_v2(made)["rawPath"] == "/dev/payment"
    assert event_v2(made)["requestContext"]["http"]["path"] == "/dev/payment"
    assert event_v1(made)["path"] == event_v1(made)["requestContext"]["path"] == "/dev/payment"
    assert event_v1(made)["requestContext"]["stage"] == "dev"


@pytest.mark.parametrize(
    ("content_type", "binary"),
    [
        ("text/plain", False),
        ("text/css; charset=utf-8", False),
        ("Application/JSON; charset=utf-8", False),
        ("application/xml", False),
        ("application/javascript", False),
        ("application/problem+json", True),
        ("application/x-www-form-urlencoded", True),
        ("application/octet-stream", True),
        ("image/png", True),
        (None, True),
    ],
)
def test_what_is_text(content_type: str | None, binary: bool) -> None:
    """https://github.com/ministackorg/ministack/pull/766"""
    headers = {} if content_type is None else {"Content-Type": content_type}
    made = call("/", "POST", headers, b"a=1")
    for event in (event_v2(made), event_v1(made)):
        assert event["isBase64Encoded"] is binary
        assert event["body"] == ("YT0x" if binary else "a=1")


def test_who_forwards_is_added_to_what_the_client_said() -> None:
    made = call(
        "/",
        headers={
            "Host": "localhost:3000",
            "X-Forwarded-For": "192.0.2.1",
            "X-Forwarded-Proto": "gopher",
            "X-Amzn-Trace-Id": "Root=1-5e6722a7-cc56ec9ea1db7ae02d4da47e",
        },
        wire=FakeWire(("198.51.100.9", 1), scheme="https"),
    )
    two, one = event_v2(made)["headers"], event_v1(made)["headers"]
    assert two["x-forwarded-for"] == one["X-Forwarded-For"] == "192.0.2.1, 198.51.100.9"
    assert two["x-forwarded-port"] == one["X-Forwarded-Port"] == "3000"
    assert two["x-forwarded-proto"] == one["X-Forwarded-Proto"] == "https"
    trace = "Root=1-5e6722a7-cc56ec9ea1db7ae02d4da47e"
    assert two["x-amzn-trace-id"] == one["X-Amzn-Trace-Id"] == trace
    assert made.trace_id == trace


def test_every_documented_field_of_format_1_0() -> None:
    made = call(
        "/my/a%20path?parameter1=value1&parameter1=value2&parameter2=%26",
        "PUT",
        [("Host", "h"), ("Header2", "value1"), ("Header2", "value2"), ("User-Agent", "agent")],
        route="/my/{name}",
        parameters={"name": "a path"},
        variables={"color": "blue"},
    )
    event = event_v1(made)
    identity = event["requestContext"].pop("identity")
    assert identity == dict.fromkeys(
        [
            *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider"),
            *("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
            *("principalOrgId", "user", "userArn", "clientCert"),
        ]
    ) | {"sourceIp": "203.0.113.7", "userAgent": "agent"}
    added = {"Content-Length": "0", "X-Amzn-Trace-Id": made.trace_id}
    added |= {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Port": "80"}
    added |= {"X-Forwarded-Proto": "http"}
    assert event == {
        "version": "1.0",
        "resource": "/my/{name}",
        "path": "/my/a%20path",
        "httpMethod": "PUT",
        "headers": {"Host": "h", "Header2": "value2", "User-Agent": "agent", **added},
        "multiValueHeaders": {
            "Host": ["h"],
            "Header2": ["value1", "value2"],
            "User-Agent": ["agent"],
            **{name: [value] for name, value in added.items()},
        },
        "queryStringParameters": {"parameter1": "value2", "parameter2": "&"},
        "multiValueQueryStringParameters": {
            "parameter1": ["value1", "value2"],
            "parameter2": ["&"],
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": event["requestContext"]["apiId"],
            "authorizer": {"claims": None, "scopes": None},
            "domainName": "h",
            "domainPrefix": "h",
            "extendedRequestId": made.extended_id,
            "httpMethod": "PUT",
            "path": "/my/a path",
            "protocol": "HTTP/1.1",
            "requestId": made.extended_id,
            "requestTime": "04/Mar/2020:19:03:58 +0000",
            "requestTimeEpoch": 1583348638390,
            "resourceId": "ANY /my/{name}",
            "resourcePath": "/my/{name}",
            "stage": "$default",
        },
        "pathParameters": {"name": "a path"},
        "stageVariables": {"color": "blue"},
        "body": None,
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize(
    ("shown", "in_v1"),
    [
        (
            {"jwt": {"claims": {"sub": "me"}, "scopes": None}},
            {"claims": {"sub": "me"}, "scopes": None},
        ),
        ({"lambda": {"tenant": "a", "level": 3}}, {"tenant": "a", "level": 3}),
        ({"iam": {"userArn": "arn:aws:iam::1:user/me"}}, {"claims": None, "scopes": None}),
    ],
)
def test_what_an_authorizer_found(shown: dict[str, Any], in_v1: dict[str, Any]) -> None:
    made = call()
    made.allowed = Allowed(shown)
    assert event_v2(made)["requestContext"]["authorizer"] == shown
    context = event_v1(made)["requestContext"]
    assert context["authorizer"] == in_v1
    assert context["identity"]["userArn"] == shown.get("iam", {}).get("userArn")


_ODD = st.text(st.characters(max_codepoint=255, blacklist_characters="\r\n\0"), max_size=20)


@given(
    path=st.text("/abc%2F0+ ~é", max_size=20),
    query=st.text("a=&%20;+ü", max_size=30),
    headers=st.lists(st.tuples(st.sampled_from(["Cookie", "X-A", "Host", "Accept"]), _ODD)),
    body=st.binary(max_size=40),
)
def test_any_request_becomes_json(path: str, query: str, headers: Headers, body: bytes) -> None:
    made = call(f"/{path}?{query}", "POST", headers, body)
    for event in (event_v2(made), event_v1(made)):
        again = orjson.loads(orjson.dumps(event))
        assert again == event
