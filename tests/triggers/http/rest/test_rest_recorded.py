"""What was recorded from API Gateway itself, asked of ours.

* LocalStack runs its tests against AWS and keeps the answers
  (https://github.com/localstack/localstack, tests/aws/services/apigateway/*.snapshot.json).
* The adapters of voker are tested with events that were captured from AWS in July 2026
  (https://github.com/hotsock/voker, vokerhttp/testdata).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.triggers.http.rest.serving import Served, api, route


def proxied(target: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    """The event of a request to an API with nothing but ``/hardcoded`` and ``/{proxy+}``."""
    served = Served(api(route("/hardcoded", "ANY"), route("/{proxy+}", "ANY"), stage="test"))
    assert served.ask(target, method, **more).status == 200
    return served.event


@pytest.mark.parametrize(
    ("target", "path", "proxy", "context"),
    [
        ("/test-path", "/test-path", "test-path", "/test/test-path"),
        ("/test-path/", "/test-path/", "test-path", "/test/test-path/"),
        ("//proxy-value", "/proxy-value", "proxy-value", "/test//proxy-value"),
        ("//hardcoded", "/hardcoded", None, "/test//hardcoded"),
        (
            "/api/user/test%2Balias@gmail.com/plus/test+alias@gmail.com",
            "/api/user/test%2Balias@gmail.com/plus/test+alias@gmail.com",
            "api/user/test%2Balias@gmail.com/plus/test+alias@gmail.com",
            "/test/api/user/test%2Balias@gmail.com/plus/test+alias@gmail.com",
        ),
        # voker
        (
            "/capture/space%20value",
            "/capture/space%20value",
            "capture/space%20value",
            "/test/capture/space%20value",
        ),
    ],
)
def test_paths(target: str, path: str, proxy: str | None, context: str) -> None:
    """test_lambda_aws_proxy_integration"""
    event = proxied(target)
    assert event["path"] == path
    assert event["pathParameters"] == (None if proxy is None else {"proxy": proxy})
    assert event["requestContext"]["path"] == context
    assert event["resource"] == ("/hardcoded" if proxy is None else "/{proxy+}")
    assert event["resource"] == event["requestContext"]["resourcePath"]


@pytest.mark.parametrize(
    ("query", "multi"),
    [
        (
            # As the client of the test encodes it: a space is %20, what is behind # is not sent.
            "dateTimeOffset=2023-06-12T18:05:10.123456+00:00&email=test%2Balias@gmail.com"
            "&plus=test+alias@gmail.com&url=https://www.google.com/&whitespace=foo%20bar"
            "&zhash=abort/",
            {
                "dateTimeOffset": ["2023-06-12T18:05:10.123456 00:00"],
                "email": ["test+alias@gmail.com"],
                "plus": ["test alias@gmail.com"],
                "url": ["https://www.google.com/"],
                "whitespace": ["foo bar"],
                "zhash": ["abort/"],
            },
        ),
        (
            "category=electronics&category=books&price=10&price=20&price=30",
            {"category": ["electronics", "books"], "price": ["10", "20", "30"]},
        ),
        # voker
        (
            "repeat=one&repeat=two&redirect=https%3A%2F%2Fexample.com%2Fa%2Fb&literalPlus=a+b"
            "&encodedPlus=a%2Bb&empty=",
            {
                "empty": [""],
                "encodedPlus": ["a+b"],
                "literalPlus": ["a b"],
                "redirect": ["https://example.com/a/b"],
                "repeat": ["one", "two"],
            },
        ),
    ],
)
def test_query_strings(query: str, multi: dict[str, list[str]]) -> None:
    """test_lambda_aws_proxy_integration"""
    event = proxied(f"/test-path/api?{query}")
    assert event["multiValueQueryStringParameters"] == multi
    assert event["queryStringParameters"] == {name: values[-1] for name, values in multi.items()}


def test_names_of_headers() -> None:
    """test_lambda_aws_proxy_integration: "authorization is a weird case, it will get Pascal cased
    by default"; voker's client wrote all names in lower case."""
    event = proxied(
        "/x",
        headers=[
            ("host", "api.test"),
            ("user-Agent", "curl/8.7.1"),
            ("accept", "*/*"),
            ("cookie", "session=abc123; theme=dark"),
            ("tEsT-HEADeR", "aValUE"),
            ("aUThorization", "Bearer token123;API key456"),
            ("x-voker-probe", "first"),
            ("x-voker-probe", "second"),
        ],
    )
    added = ("X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto")
    multi = {name: event["multiValueHeaders"][name] for name in event["multiValueHeaders"]}
    assert set(added) < multi.keys()
    assert {name: values for name, values in multi.items() if name not in added} == {
        "Host": ["api.test"],
        "User-Agent": ["curl/8.7.1"],
        "accept": ["*/*"],
        "cookie": ["session=abc123; theme=dark"],
        "tEsT-HEADeR": ["aValUE"],
        "Authorization": ["Bearer token123;API key456"],
        "x-voker-probe": ["first", "second"],
    }
    assert event["headers"] == {name: values[-1] for name, values in multi.items()}


def test_a_body_and_its_type() -> None:
    body = json.dumps({"message": "hello world"})
    kind = "application/json;charset=utf-8"
    event = proxied("/test-path", "POST", headers={"Content-Type": kind}, body=body.encode())
    assert (event["body"], event["isBase64Encoded"]) == (body, False)
    assert event["headers"]["Content-Type"] == kind
    assert "Content-Length" not in event["headers"]


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        ({"statusCode": 200}, 200, b""),
        ({"statusCode": 200, "headers": {"test-header": "value"}}, 200, b""),
        ({}, 200, b""),
        ({"statusCode": 200, "wrongValue": "value"}, 502, b'{"message": "Internal server error"}'),
    ],
)
def test_formats_of_responses(answer: dict[str, Any], status: int, body: bytes) -> None:
    """test_lambda_aws_proxy_response_format"""
    made = Served(api(route()), lambda *_: answer).ask()
    assert (made.status, made.body) == (status, body)
    assert ("test-header", "value") in made.headers or "headers" not in answer
