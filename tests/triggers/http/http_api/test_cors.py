"""CORS of HTTP APIs and function URLs:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html,
https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors"""

from __future__ import annotations

import pytest

from lambdactl.manifest.features import Cors
from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.http_api.cors import Policy
from tests.triggers.http.parts import request

FULL = Cors(
    allow_origins=("https://www.example.com", "http://localhost:60905"),
    allow_methods=("GET", "POST"),
    allow_headers=("authorization", "x-custom"),
    expose_headers=("date", "x-api-id"),
    allow_credentials=True,
    max_age_s=300,
)


def preflight(origin: str) -> Request:
    return request(
        "/pets", "OPTIONS", {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
    )


def test_a_preflight_has_the_whole_configuration() -> None:
    answer = Policy(FULL).preflight(preflight("http://localhost:60905"))
    assert answer.status == 204
    assert answer.body == b""
    assert dict(answer.headers) == {
        "Access-Control-Allow-Origin": "http://localhost:60905",
        "Vary": "Origin",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "GET,POST",
        "Access-Control-Allow-Headers": "authorization,x-custom",
        "Access-Control-Max-Age": "300",
    }


def test_another_origin_gets_no_headers() -> None:
    answer = Policy(FULL).preflight(preflight("https://evil.example"))
    assert (answer.status, answer.headers) == (204, [])


def test_a_preflight_needs_both_headers() -> None:
    policy = Policy(FULL)
    assert policy.is_preflight(preflight("https://www.example.com"))
    assert not policy.is_preflight(request("/", "OPTIONS", {"Origin": "https://www.example.com"}))
    asked = {"Access-Control-Request-Method": "GET"}
    assert not policy.is_preflight(request("/", "OPTIONS", asked))
    assert not policy.is_preflight(request("/", "GET", {"Origin": "a", **asked}))


@pytest.mark.parametrize(
    ("allowed", "origin", "answered"),
    [
        ("*", "https://any.example", "*"),
        ("https://*", "https://any.example", "https://any.example"),
        ("https://*", "http://any.example", None),
        ("http://*", "http://any.example:8080", "http://any.example:8080"),
        ("https://WWW.example.com", "https://www.example.com", "https://www.example.com"),
        ("https://*.example.com", "https://www.example.com", None),
    ],
)
def test_which_origins_match(allowed: str, origin: str, answered: str | None) -> None:
    response = Response(200)
    Policy(Cors(allow_origins=(allowed,))).apply(request("/", headers={"Origin": origin}), response)
    assert dict(response.headers).get("Access-Control-Allow-Origin") == answered


def test_a_star_with_credentials_names_the_origin() -> None:
    response = Response(200)
    policy = Policy(Cors(allow_origins=("*",), allow_credentials=True))
    policy.apply(request("/", headers={"Origin": "https://a.example"}), response)
    assert dict(response.headers)["Access-Control-Allow-Origin"] == "https://a.example"


def functions_own() -> Response:
    return Response(
        200, [("access-control-allow-origin", "*"), ("Access-Control-Max-Age", "9"), ("X-A", "1")]
    )


def test_an_http_api_ignores_the_headers_of_its_integration() -> None:
    """ "If you configure CORS for an API, API Gateway ignores CORS headers returned from your
    backend integration"."""
    response = functions_own()
    Policy(FULL).apply(request("/", headers={"Origin": "https://www.example.com"}), response)
    assert response.headers == [
        ("X-A", "1"),
        ("Access-Control-Allow-Origin", "https://www.example.com"),
        ("Vary", "Origin"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "date,x-api-id"),
    ]
    response = functions_own()
    Policy(FULL).apply(request("/"), response)
    assert response.headers == [("X-A", "1")]


def test_a_function_url_overrules_what_conflicts() -> None:
    """ "If there are conflicting headers, the configured CORS headers on the function URL take
    precedence"."""
    policy = Policy(Cors(allow_origins=("https://www.example.com",)), status=200, strict=False)
    response = functions_own()
    policy.apply(request("/", headers={"Origin": "https://www.example.com"}), response)
    assert response.headers == [
        ("Access-Control-Max-Age", "9"),
        ("X-A", "1"),
        ("Access-Control-Allow-Origin", "https://www.example.com"),
        ("Vary", "Origin"),
    ]
