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

from lambdactl.manifest.apis import Integration, IntegrationResponse, Validator
from tests.triggers.http.backend import Backend, backend
from tests.triggers.http.rest.serving import Served, api, header, route

ADDED = ("x-amzn-RequestId", "x-amz-apigw-id", "X-Amzn-Trace-Id")
OK = IntegrationResponse(200)
FAILED = b'{"message": "Internal server error"}'


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
        ({"statusCode": 200, "wrongValue": "value"}, 502, FAILED),
        # test_aws_proxy_response_payload_format_validation
        ({"statusCode": 200, "headers": {"header-bool": True}}, 200, b""),
        ({"statusCode": 200, "headers": None}, 200, b""),
        ({"headers": {"test-header": "value"}}, 200, b""),
        (
            {"statusCode": 200, "body": "dGVzdC1kYXRh", "isBase64Encoded": True},
            200,
            b"dGVzdC1kYXRh",
        ),
        ({"statusCode": 200, "body": "dGVzdC1kYXRh"}, 200, b"dGVzdC1kYXRh"),
        ({"statusCode": 200, "multiValueHeaders": {"test-multi": ["value1"]}}, 200, b""),
        ({"statusCode": 200, "multiValueHeaders": {"test-multi-invalid": "value1"}}, 502, FAILED),
        ({"statusCode": "test"}, 502, FAILED),
        ({"statusCode": "201"}, 201, b""),
        ("justAString", 502, FAILED),
    ],
)
def test_formats_of_responses(answer: Any, status: int, body: bytes) -> None:
    """test_lambda_aws_proxy_response_format"""
    made = Served(api(route()), lambda *_: answer).ask()
    assert (made.status, made.body) == (status, body)
    assert header(made, "test-header") == ("value" if "test-header" in str(answer) else None)
    assert header(made, "Content-Type") == "application/json"


def served(integration: Integration, **more: Any) -> Served:
    return Served(api(route("/x", "ANY", integration=integration, **more)), lambda *_: {"a": 1})


# --- Headers of integrations: test_apigateway_header_remapping_* ----------------------------------

MAPPED = (
    *("Accept", "Accept-Charset", "Accept-Encoding", "Age", "Authorization", "Connection"),
    *(
        "Content-Encoding",
        "Content-Length",
        "Content-MD5",
        "Content-Type",
        "Date",
        "Expect",
        "Host",
    ),
    *("Max-Forwards", "Pragma", "Proxy-Authenticate", "Range", "Referer", "Server", "TE"),
    *("Transfer-Encoding", "Trailer", "Upgrade", "User-Agent", "Via", "Warn", "WWW-Authenticate"),
)
REMAPPED = (
    *("Authorization", "Connection", "Content-Length", "Content-MD5", "Date", "Expect", "Host"),
    *("Max-Forwards", "Proxy-Authenticate", "Server", "Trailer", "Upgrade", "User-Agent"),
    "WWW-Authenticate",
)


@pytest.mark.parametrize("kind", ["mock", "lambda"])
def test_headers_that_a_response_is_mapped_to(kind: Any) -> None:
    parameters = {f"method.response.header.{name}": f"'param_{name}'" for name in MAPPED}
    made = served(
        Integration(
            kind,
            function="hello",
            request_templates={"application/json": '{"statusCode": 200}'},
            responses=(IntegrationResponse(200, parameters=parameters),),
        )
    ).ask("/x")
    kept = set(MAPPED) - set(REMAPPED) - {"Transfer-Encoding"}
    assert {pair for pair in made.headers if pair[0] not in ADDED} == {
        *((name, f"param_{name}") for name in kept),
        *((f"x-amzn-Remapped-{name}", f"param_{name}") for name in REMAPPED),
    }


@pytest.mark.parametrize(
    "name",
    [
        *("Content-Length", "Transfer-Encoding", "Authorization", "Connection", "Expect"),
        *("Proxy-Authenticate", "TE"),
    ],
)
def test_headers_that_lambda_is_not_called_with(name: str) -> None:
    found = served(
        Integration(
            "lambda",
            function="hello",
            request_parameters={f"integration.request.header.{name}": "'1'"},
            responses=(OK,),
        )
    )
    made = found.ask("/x")
    assert (made.status, made.body) == (500, b'{"message": "Internal server error"}')
    assert header(made, "x-amzn-ErrorType") == "InternalServerErrorException"
    assert found.functions.events == []
    assert len(found.told) == 1


@pytest.fixture(scope="module")
def server() -> Any:
    with backend() as running:
        yield running


SENT = (
    *("Accept", "Accept-Charset", "Age", "Authorization", "Content-Encoding", "Content-MD5"),
    *("Date", "Max-Forwards", "Pragma", "Range", "Referer", "Server", "Trailer", "Upgrade"),
    *("User-Agent", "Warn", "WWW-Authenticate"),
)


@pytest.mark.parametrize("kind", ["http", "http_proxy"])
def test_mapped_headers_that_do_not_reach_an_endpoint(server: Backend, kind: Any) -> None:
    mapped = (*SENT, "Connection", "Expect", "Proxy-Authenticate", "TE", "Via")
    found = served(
        Integration(
            kind,
            uri=server.url,
            method="POST",
            request_parameters={f"integration.request.header.{name}": "'1'" for name in mapped},
            responses=(OK,),
        )
    )
    assert found.ask("/x").status == 200
    seen = server.seen[-1]["headers"]
    own = {"host", "content-length", "content-type", "x-amzn-apigateway-api-id", "x-amzn-trace-id"}
    names = {name.lower() for name, _ in seen} - own
    assert {name for name in names if not name.startswith("x-forwarded-")} == {
        name.lower() for name in SENT
    }


def test_what_an_http_endpoint_is_told_without_a_body(server: Backend) -> None:
    """ "no-param-integration" of test_apigateway_header_remapping_http[HTTP]"""
    integration = Integration("http", uri=server.url, method="POST", responses=(OK,))
    served(integration).ask("/x", headers={"Content-Type": "application/json", "Age": "1"})
    assert {name.lower() for name, _ in server.seen[-1]["headers"]} == {
        *("accept", "content-length", "host", "user-agent", "x-amzn-apigateway-api-id"),
        "x-amzn-trace-id",
    }


# --- Which answers have a trace id: test_invocation_trace_id and the above ------------------------


@pytest.mark.parametrize(
    ("kind", "traced"),
    [
        *(("mock", False), ("lambda_proxy", True), ("lambda", True), ("http", True)),
        ("http_proxy", False),
    ],
)
def test_answers_with_a_trace_id(server: Backend, kind: Any, traced: bool) -> None:
    integration = Integration(
        kind,
        function="hello",
        uri=server.url,
        request_templates={"application/json": '{"statusCode": 200}'},
        responses=(OK,),
    )
    found = Served(api(route("/x", integration=integration)), {"statusCode": 200})
    made = found.ask("/x")
    assert made.status == 200
    assert header(made, "x-amzn-RequestId") is not None
    assert (header(made, "X-Amzn-Trace-Id") is not None) is traced


# --- Validators: test_api_gateway_request_validator -----------------------------------------------


@pytest.mark.parametrize(
    ("query", "headers", "missing"),
    [
        ("", {}, "x-header-param, issuer, qs1"),
        ("?qs1=test", {}, "x-header-param, issuer"),
        ("", {"x-header-param": "test"}, "issuer, qs1"),
    ],
)
def test_required_parameters(query: str, headers: dict[str, str], missing: str) -> None:
    wanted = ("path.issuer", "querystring.qs1", "header.x-header-param")
    one = route(
        "/nested/{test}",
        "POST",
        validator=Validator(parameters=True, body=True),
        request_parameters={f"method.request.{name}": True for name in wanted},
    )
    made = Served(api(one)).ask(f"/nested/value{query}", "POST", headers=headers)
    assert made.status == 400
    assert json.loads(made.body) == {"message": f"Missing required request parameters: [{missing}]"}
    assert header(made, "x-amzn-ErrorType") == "BadRequestException"


# --- Routing: test_routing_not_found --------------------------------------------------------------


@pytest.mark.parametrize(("target", "method"), [("/not-there", "GET"), ("/pets", "POST")])
def test_a_route_that_is_not_there(target: str, method: str) -> None:
    made = Served(api(route("/pets"))).ask(target, method)
    assert (made.status, json.loads(made.body)) == (
        403,
        {"message": "Missing Authentication Token"},
    )
    assert header(made, "x-amzn-ErrorType") == "MissingAuthenticationTokenException"
    assert header(made, "X-Amzn-Trace-Id") is None
