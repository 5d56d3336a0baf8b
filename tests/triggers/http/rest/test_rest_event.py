"""Payload 1.0, field by field."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.manifest.apis import Authorizer
from lambdactl.triggers.http.calls import Allowed, Call
from lambdactl.triggers.http.rest.event import event
from tests.triggers.http.parts import FakeWire, request, setting
from tests.triggers.http.rest.serving import Served, api, route


def event_of(asked, *, on=None, served=None, **parameters):
    on = on or route()
    return event(Call(setting(), served or api(on), on, asked, parameters))


def test_all_fields():
    asked = request(
        "/pets/7?a=1&a=2",
        "POST",
        [("Host", "shop.test:3000"), ("User-Agent", "curl/8"), ("X-Two", "1"), ("X-Two", "2")],
        b"hello",
    )
    asked.received = 1428582896.789
    call = Call(
        setting(),
        api(variables={"level": "high"}),
        route("/pets/{id}", "POST", operation="AddPet"),
        asked,
        {"id": "7"},
    )
    made = event(call)
    context = made.pop("requestContext")
    assert made == {
        "resource": "/pets/{id}",
        "path": "/pets/7",
        "httpMethod": "POST",
        "headers": {
            "Host": "shop.test:3000",
            "User-Agent": "curl/8",
            "X-Two": "2",
            "X-Amzn-Trace-Id": call.trace_id,
            "X-Forwarded-For": "203.0.113.7",
            "X-Forwarded-Port": "3000",
            "X-Forwarded-Proto": "http",
        },
        "multiValueHeaders": {
            "Host": ["shop.test:3000"],
            "User-Agent": ["curl/8"],
            "X-Two": ["1", "2"],
            "X-Amzn-Trace-Id": [call.trace_id],
            "X-Forwarded-For": ["203.0.113.7"],
            "X-Forwarded-Port": ["3000"],
            "X-Forwarded-Proto": ["http"],
        },
        "queryStringParameters": {"a": "2"},
        "multiValueQueryStringParameters": {"a": ["1", "2"]},
        "pathParameters": {"id": "7"},
        "stageVariables": {"level": "high"},
        "body": "hello",
        "isBase64Encoded": False,
    }
    for name in ("resourceId", "deploymentId", "apiId"):
        assert context.pop(name).isalnum()
    assert context == {
        "resourcePath": "/pets/{id}",
        "operationName": "AddPet",
        "httpMethod": "POST",
        "extendedRequestId": call.extended_id,
        "requestTime": "09/Apr/2015:12:34:56 +0000",
        "path": "/prod/pets/7",
        "accountId": "123456789012",
        "protocol": "HTTP/1.1",
        "stage": "prod",
        "domainPrefix": "shop",
        "requestTimeEpoch": 1428582896789,
        "requestId": call.request_id,
        "identity": {
            "cognitoIdentityPoolId": None,
            "cognitoIdentityId": None,
            "apiKey": None,
            "apiKeyId": None,
            "principalOrgId": None,
            "cognitoAuthenticationType": None,
            "userArn": None,
            "userAgent": "curl/8",
            "accountId": None,
            "caller": None,
            "sourceIp": "203.0.113.7",
            "accessKey": None,
            "cognitoAuthenticationProvider": None,
            "user": None,
        },
        "domainName": "shop.test:3000",
    }


def test_what_is_not_there_is_null():
    made = event_of(request("/pets"))
    for name in (
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "body",
    ):
        assert made[name] is None
    assert made["isBase64Encoded"] is False
    assert "authorizer" not in made["requestContext"]
    assert "operationName" not in made["requestContext"]


def test_ids_come_from_names():
    one, same = event_of(request()), event_of(request())
    other = event_of(request(), on=route("/cats"))
    for name in ("apiId", "resourceId", "deploymentId"):
        assert one["requestContext"][name] == same["requestContext"][name]
    assert one["requestContext"]["resourceId"] != other["requestContext"]["resourceId"]
    assert one["requestContext"]["apiId"] == other["requestContext"]["apiId"]
    assert one["requestContext"]["requestId"] != same["requestContext"]["requestId"]


def test_what_an_authorizer_found_is_shown():
    on = route()
    call = Call(setting(), api(on), on, request(), {})
    call.allowed = Allowed(shown={"principalId": "me", "level": "3"}, identity={"user": "u"})
    context = event(call)["requestContext"]
    assert context["authorizer"] == {"principalId": "me", "level": "3"}
    assert context["identity"]["user"] == "u"


def test_headers_of_one_hop_are_dropped():
    made = event_of(
        request(
            headers=[
                ("Host", "a"),
                ("Connection", "keep-alive"),
                ("Content-Length", "0"),
                ("TE", "trailers"),
                ("Transfer-Encoding", "chunked"),
                ("Expect", "100-continue"),
                ("Upgrade", "h2c"),
                ("X-Kept", "yes"),
            ]
        )
    )
    names = {name for name in made["headers"] if not name.startswith("X-Forwarded")}
    assert names == {"Host", "X-Kept", "X-Amzn-Trace-Id"} == names & set(made["multiValueHeaders"])


def test_a_proxy_before_us_is_kept_and_the_client_cannot_lie_about_the_rest():
    made = event_of(
        request(
            headers=[
                ("Host", "shop.test"),
                ("x-forwarded-for", "198.51.100.1"),
                ("x-forwarded-proto", "gopher"),
                ("x-forwarded-port", "1"),
                ("x-amzn-trace-id", "Root=1-2-3"),
            ],
            wire=FakeWire(scheme="https"),
        )
    )
    assert made["headers"] == {
        "Host": "shop.test",
        "X-Amzn-Trace-Id": "Root=1-2-3",
        "X-Forwarded-For": "198.51.100.1, 203.0.113.7",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }


@pytest.mark.parametrize(
    ("value", "on", "passed_on"),
    [
        ("Bearer x", route(), True),
        ("AWS4-HMAC-SHA256 Credential=x", route(), False),
        ("anything", route(authorizer=Authorizer("iam")), False),
    ],
)
def test_signatures_are_not_passed_on(value, on, passed_on):
    made = event_of(request(headers={"Authorization": value}), on=on)
    assert ("Authorization" in made["headers"]) is passed_on


@pytest.mark.parametrize(
    ("types", "content", "encoded"),
    [
        ((), "image/png", False),
        (("image/png",), "image/png", True),
        (("image/*",), "image/jpeg; a=b", True),
        (("image/png",), "text/plain", False),
        (("*/*",), "text/plain", True),
        (("*/*",), None, True),
    ],
)
def test_binary_bodies(types, content, encoded):
    headers = {"Content-Type": content} if content else {}
    made = event_of(request("/pets", "POST", headers, b"\x00\xff"), served=api(binary_types=types))
    assert made["isBase64Encoded"] is encoded
    expected = base64.b64encode(b"\x00\xff").decode() if encoded else "\x00\ufffd"
    assert made["body"] == expected


@given(st.text(min_size=1).filter(lambda text: "/" not in text and text not in (".", "..")))
def test_the_path_and_its_parameters_stay_as_they_were_sent(name):
    served = Served(api(route("/pets/{id}"), route("/files/{proxy+}")))
    encoded = quote(name.encode("utf-8", "replace"), safe="")
    assert served.ask(f"/pets/{encoded}").status == 200
    assert served.event["path"] == f"/pets/{encoded}"
    assert served.event["pathParameters"] == {"id": encoded}
    assert served.ask(f"/files/a/{encoded}/b").status == 200
    assert served.event["pathParameters"] == {"proxy": f"a/{encoded}/b"}
    assert served.event["requestContext"]["path"] == f"/prod/files/a/{encoded}/b"


def test_the_semicolon_splits():
    made = event_of(request("/pets?a=1;b=2"))
    assert made["queryStringParameters"] == {"a": "1", "b": "2"}


def test_an_address_is_its_own_prefix():
    context = event_of(request(headers={"Host": "127.0.0.1:3000"}))["requestContext"]
    assert (context["domainName"], context["domainPrefix"]) == ("127.0.0.1:3000", "127.0.0.1")


def test_the_event_is_the_one_that_aws_documents():
    """Names of the input format in AWS's guide."""
    served = Served(api())
    served.ask("/pets")
    assert json.loads(served.functions.calls[0].payload) == served.event
    assert set(served.event) == {
        "resource",
        "path",
        "httpMethod",
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "requestContext",
        "body",
        "isBase64Encoded",
    }
