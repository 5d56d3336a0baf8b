"""What was recorded from HTTP APIs themselves, asked of ours.

* voker's adapters are tested with what was captured from AWS in July 2026
  (https://github.com/hotsock/voker, vokerhttp/testdata).
* AWS's emulator for .NET keeps what AWS answered in April 2025
  (https://github.com/aws/aws-lambda-dotnet,
  Tools/LambdaTestTool-v2/tests/Amazon.Lambda.TestTool.IntegrationTests/Snapshots).
* LocalStack's tests of HTTP APIs run against AWS, too (TestHttpApiAwsProxyIntegration).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdactl.manifest.apis import Api, Integration, Route
from lambdactl.triggers.http.exchange import Response
from lambdactl.triggers.http.http_api.door import HttpApiDoor
from lambdactl.triggers.http.http_api.response import response_v1
from tests.aio import run
from tests.triggers.http.parts import Functions, request, setting


def asked(
    target: str, path: str = "$default", payload: Any = "v2", **more: Any
) -> tuple[Response, dict[str, Any]]:
    """The answer, and the event that the function got (empty where it got none)."""
    functions = Functions(lambda *_: {"statusCode": 201})
    integration = Integration(function="hello", payload=payload)
    method = "ANY" if path == "$default" else "POST"
    api = Api(
        "shop",
        "http",
        (Route(path=path, method=method, integration=integration),),
        stage="$default",
    )
    door = HttpApiDoor(api, setting(functions))
    answer = run(door.handle(request(target, "POST", **more)))
    assert answer is not None
    return answer, functions.events[0] if functions.events else {}


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ("/capture/plain", "/capture/plain"),
        ("/capture/space%20value", "/capture/space value"),
        ("/capture/question%3Fvalue", "/capture/question"),
        ("/capture/percent%25done", None),
        ("/capture/hash%23value", "/capture/hash#value"),
        ("/capture/slash%2Fvalue", "/capture/slash/value"),
        ("/capture/unicode-%CE%BB-%E4%B8%96%E7%95%8C", "/capture/unicode-λ-世界"),
        ("/capture/literal%252Fvalue", "/capture/literal/value"),
        ("/capture/literal%253Fvalue", "/capture/literal?value"),
        ("/capture/literal%2525value", "/capture/literal%value"),
    ],
)
def test_paths(sent: str, path: str | None) -> None:
    """ingress-paths.json"""
    answer, event = asked(f"{sent}?marker=path-probe&value=a%3Fb%25c%23d&repeat=one&repeat=two")
    if path is None:
        assert answer.status == 400
        assert event == {}
    else:
        assert answer.status == 201
        assert event["rawPath"] == event["requestContext"]["http"]["path"] == path
        assert event["rawQueryString"].startswith("marker=path-probe&value=a%3Fb%25c%23d")
        assert event["queryStringParameters"]["value"] == "a?b%c#d"


def test_format_2_0() -> None:
    """apigwv2-request.json"""
    query = (
        "repeat=one&repeat=two&redirect=https%3A%2F%2Fexample.com%2Fa%2Fb&literalPlus=a+b"
        "&encodedPlus=a%2Bb&empty="
    )
    body = '{"message":"hello from the public internet","unicode":"lambda-λ"}'
    _, event = asked(
        f"/capture/space%20value?{query}",
        headers=[
            ("Host", "api.test"),
            ("User-Agent", "curl/8.7.1"),
            ("Accept", "*/*"),
            ("Content-Type", "application/json"),
            ("Cookie", "session=abc123; theme=dark"),
            ("X-Voker-Probe", "first"),
            ("X-Voker-Probe", "second"),
            ("Content-Length", "66"),
        ],
        body=body.encode(),
    )
    assert event["cookies"] == ["session=abc123", "theme=dark"]
    assert {
        name: value
        for name, value in event["headers"].items()
        if not name.startswith(("x-amzn-", "x-forwarded-"))
    } == {
        "accept": "*/*",
        "content-length": "66",
        "content-type": "application/json",
        "host": "api.test",
        "user-agent": "curl/8.7.1",
        "x-voker-probe": "first,second",
    }
    assert event["rawQueryString"] == query
    assert event["queryStringParameters"] == {
        "empty": "",
        "encodedPlus": "a+b",
        "literalPlus": "a b",
        "redirect": "https://example.com/a/b",
        "repeat": "one,two",
    }
    assert (event["body"], event["isBase64Encoded"]) == (body, False)
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "$default"


PRODUCTS = "/api/products/{productName}/reviews/{reviewTitle}"
COFFEE = "/api/products/%E2%98%95%20Coffee/reviews/%F0%9F%98%8A%20Happy"


def test_paths_of_format_1_0() -> None:
    """V1_UnicodeCharactersInPathHttpV1.json"""
    _, event = asked(COFFEE, PRODUCTS, "v1", headers={"Content-Type": "text/plain; charset=utf-8"})
    context = event["requestContext"]
    assert event["resource"] == context["resourcePath"] == PRODUCTS
    assert event["path"] == COFFEE
    assert context["path"] == "/api/products/☕ Coffee/reviews/😊 Happy"
    assert event["pathParameters"] == {"productName": "☕ Coffee", "reviewTitle": "😊 Happy"}
    assert context["resourceId"] == f"POST {PRODUCTS}"
    assert context["identity"]["userAgent"] == ""
    assert context["requestId"] == context["extendedRequestId"]
    assert event["headers"]["Content-Length"] == "0"
    assert event["body"] is None
    assert event["queryStringParameters"] is event["multiValueQueryStringParameters"] is None


def test_paths_of_format_2_0() -> None:
    """V2_UnicodeCharactersInPath.json"""
    _, event = asked(COFFEE, PRODUCTS)
    path = "/api/products/☕ Coffee/reviews/😊 Happy"
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == path
    assert event["pathParameters"] == {"productName": "☕ Coffee", "reviewTitle": "😊 Happy"}
    assert event["routeKey"] == f"POST {PRODUCTS}"
    assert event["requestContext"]["http"]["userAgent"] == ""
    assert event["headers"]["content-length"] == "0"


def test_headers_of_format_1_0() -> None:
    """V1_CombinesSingleAndMultiValueHeadersHttpV1.json: single values come first."""
    made = response_v1(
        json.dumps(
            {
                "statusCode": 200,
                "headers": {"X-Custom-Header": "single-value", "Combined-Header": "single-value"},
                "multiValueHeaders": {
                    "X-Multi-Header": ["multi-value1", "multi-value2"],
                    "Combined-Header": ["multi-value1", "multi-value2"],
                },
            }
        ).encode()
    )
    values = [value for name, value in made.headers if name == "Combined-Header"]
    assert values == ["single-value", "multi-value1", "multi-value2"]


def returned(value: Any, payload: Any) -> Response:
    functions = Functions(lambda *_: value)
    integration = Integration(function="hello", payload=payload)
    routes = (Route(path="/{proxy+}", method="ANY", integration=integration),)
    door = HttpApiDoor(Api("shop", "http", routes, stage="$default"), setting(functions))
    answer = run(door.handle(request("/test")))
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("value", "in_v1", "in_v2"),
    [
        ({"statusCode": 200}, 200, 200),
        ({"statusCode": 200, "headers": {"test-header": "value", "header-bool": True}}, 200, 200),
        ({"statusCode": 200, "wrongValue": "value"}, 200, 200),
        ({}, 500, b"{}"),
        ({"statusCode": 200, "multiValueHeaders": {"test-multi": ["value1", "value2"]}}, 200, 200),
        ({"statusCode": 200, "multiValueHeaders": {"test-multi-invalid": "value1"}}, 500, 200),
        ({"statusCode": 200, "cookies": {"test-cookies-invalid": "value1"}}, 200, 500),
        ({"statusCode": "test"}, 500, 500),
        ({"statusCode": "201"}, 201, 201),
        ("justAString", 500, b"justAString"),
        ({"headers": {"test-header": "value"}}, 500, b'{"headers": {"test-header": "value"}}'),
        ({"random": {"json-body": "value"}}, 500, b'{"random": {"json-body": "value"}}'),
        ({"errorMessage": "test fake error message"}, 500, 500),
        ("errorMessage", 500, b"errorMessage"),
        ("null", 500, b"null"),
        ("", 500, b""),
    ],
)
def test_formats_of_responses(value: Any, in_v1: int, in_v2: int | bytes) -> None:
    """test_aws_proxy_response_payload_format_validation_v1 and _v2"""
    for payload, wanted in (("v1", in_v1), ("v2", in_v2)):
        made = returned(value, payload)
        kind = dict(made.headers).get("Content-Type")
        if wanted == 500:
            assert (made.status, made.body) == (500, b'{"message":"Internal Server Error"}')
            assert kind == "application/json"
        elif isinstance(wanted, bytes):
            assert (made.status, made.body) == (200, wanted)
            assert kind == "application/json"
        else:
            assert made.status == wanted
            assert kind == "text/plain; charset=utf-8"


def test_forms_are_binary() -> None:
    """test_lambda_handling_form_urlencoded_data: a function that returns the body as it got it
    sends Base64."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    _, event = asked("/test/resource1", headers=kind, body=b"param1=value1&param2=value2")
    assert (event["body"], event["isBase64Encoded"]) == (
        "cGFyYW0xPXZhbHVlMSZwYXJhbTI9dmFsdWUy",
        True,
    )


def test_slashes_at_the_start() -> None:
    """test_request_authorizer_lambda_context: a second slash makes no other route."""
    answer, event = asked("//test", "/test")
    assert answer.status == 201
    assert event["routeKey"] == "POST /test"
