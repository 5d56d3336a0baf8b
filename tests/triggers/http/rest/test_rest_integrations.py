"""Integrations that map, from request to response."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from lambdactl.errors import ThrottledError
from lambdactl.manifest.apis import Integration, IntegrationResponse
from lambdactl.triggers.http.calls import Refusal
from tests.triggers.http import parts
from tests.triggers.http.backend import PNG, Backend, backend
from tests.triggers.http.rest.mapped import OK, Way, header, mock, way

JSON = "application/json"
MULTI = "integration.response.multivalueheader"


# --- MOCK ----------------------------------------------------------------------------------------


def test_mock_as_documented() -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html
    template = """{
    #if( $input.params('scope') == "internal" )
        "statusCode": 200
    #else
        "statusCode": 500
    #end
}"""
    integration = mock(
        template,
        responses=(
            IntegrationResponse(
                200,
                pattern="2\\d{2}",
                templates={JSON: '{"statusCode": 200, "message": "Go ahead without me"}'},
            ),
            IntegrationResponse(
                500,
                pattern="5\\d{2}",
                templates={
                    JSON: '{"statusCode": 500, "message": "The invoked method is not supported."}'
                },
            ),
        ),
    )
    internal = way(integration).answer("/?scope=internal", "GET")
    assert internal.status == 200
    assert json.loads(internal.body) == {"statusCode": 200, "message": "Go ahead without me"}
    assert internal.headers == [("Content-Type", "application/json")]
    public = way(integration).answer("/?scope=public", "GET")
    assert public.status == 500
    assert json.loads(public.body)["message"] == "The invoked method is not supported."


def test_mock_that_answers_a_preflight() -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/enable-cors-for-resource-using-swagger-importer-tool.html
    response = way(
        mock(
            '{"statusCode" : 200}',
            responses=(
                IntegrationResponse(
                    200,
                    parameters={
                        "method.response.header.Access-Control-Allow-Headers": "'Content-Type'",
                        "method.response.header.Access-Control-Allow-Methods": "'*'",
                        "method.response.header.Access-Control-Allow-Origin": "'*'",
                    },
                    templates={JSON: "{}"},
                ),
            ),
        )
    ).answer("/", "OPTIONS")
    assert header(response, "Access-Control-Allow-Methods") == ["*"]
    assert response.body == b"{}"


@pytest.mark.parametrize(
    "template", ["{statusCode: 200}", '{"statusCode": 200,\n}', "{'statusCode':200}"]
)
def test_mock_takes_json_generously(template: str) -> None:
    assert way(mock(template)).answer().status == 200


def test_mock_without_a_template_takes_the_request() -> None:
    integration = Integration("mock", responses=(OK,))
    assert way(integration).answer(body=b'{"statusCode": 200}').status == 200
    assert way(integration).refusal().type == "API_CONFIGURATION_ERROR"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ('{"status": 200}', "must give"),
        ('{"statusCode": "200"}', "must give"),
        ('{"statusCode": true}', "must give"),
        ("[200]", "must give"),
        ('{"statusCode": 200', "no JSON"),
        ('{"statusCode": 404}', "no integration response of POST /things/{id} matches `404`"),
        ("#if(", "the request template of POST /things/{id} is no template: line 1"),
        ("$input.body.substring(99)", "the request template of POST /things/{id} failed: line 1"),
    ],
)
def test_a_mock_that_is_set_up_wrongly(template: str, words: str) -> None:
    found = way(mock(template, responses=(IntegrationResponse(200, pattern="200"),)))
    refusal = found.refusal()
    assert refusal.type == "API_CONFIGURATION_ERROR"
    assert words in (refusal.reason or "")


def test_a_template_that_is_none_is_told_of_at_once() -> None:
    found = way(mock("#if("))
    found.refusal()
    assert found.told == [
        "the request template of POST /things/{id} is no template: line 1, column 5: a value is"
        " wanted here"
    ]


@pytest.mark.parametrize(
    ("accept", "body"),
    [
        (None, b"json"),
        ("application/xml", b"xml"),
        ("application/xml;q=0.9, application/json", b"xml"),
        ("text/plain", b"json"),
    ],
)
def test_the_response_template_is_chosen_by_accept(accept: str | None, body: bytes) -> None:
    responses = (IntegrationResponse(200, templates={"application/xml": "xml", JSON: "json"}),)
    response = way(mock(responses=responses)).answer(headers={"Accept": accept} if accept else {})
    assert response.body == body


def test_the_first_response_template_stands_in_for_json() -> None:
    responses = (IntegrationResponse(200, templates={"application/xml": "xml", "a/b": "b"}),)
    assert way(mock(responses=responses)).answer().body == b"xml"


def test_status_and_headers_are_overridden() -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html
    template = """#set($context.responseOverride.status = 202)
#set($context.responseOverride.header.X-New = "$context.requestOverride.header.one")
#set($context.responseOverride.header.x-old = "new")
done"""
    response = way(
        mock(
            '#set($context.requestOverride.header.one = "1"){"statusCode": 200}',
            responses=(
                IntegrationResponse(
                    200,
                    parameters={"method.response.header.X-Old": "'old'"},
                    templates={JSON: template},
                ),
            ),
        )
    ).answer()
    assert response.status == 202
    assert response.body == b"done"
    assert header(response, "X-New") == ["1"]
    assert header(response, "X-Old") == ["new"]


@pytest.mark.parametrize("status", ["99", "600", "'201'", "true", "$nope"])
def test_a_status_that_is_none_is_not_heeded(status: str) -> None:
    template = f"#set($context.responseOverride.status = {status})"
    responses = (IntegrationResponse(200, templates={JSON: template}),)
    assert way(mock(responses=responses)).answer().status == 200


def test_unsupported_media_type() -> None:
    found = way(mock(passthrough="never"))
    refusal = found.refusal(headers={"Content-Type": "application/xml"}, body=b"<a/>")
    assert refusal.type == "UNSUPPORTED_MEDIA_TYPE"


# --- Lambda --------------------------------------------------------------------------------------


def lambda_way(
    play: Any,
    template: str | None = None,
    responses: tuple[IntegrationResponse, ...] = (OK,),
    **more: Any,
) -> tuple[Way, parts.Functions]:
    functions = parts.Functions(play if callable(play) else lambda invocation, event: play)
    integration = Integration(
        "lambda",
        function="f",
        request_templates={} if template is None else {JSON: template},
        responses=responses,
        **more,
    )
    return way(integration, functions=functions), functions


def test_lambda_with_templates_both_ways() -> None:
    found, functions = lambda_way(
        lambda invocation, event: {"greeting": f"Hello {event['name']}"},
        '{"name": "$input.params(\'name\')", "payload": $input.json(\'$\')}',
        (IntegrationResponse(200, templates={JSON: "{\"said\": $input.json('$.greeting')}"}),),
    )
    response = found.answer("/?name=Bob", body=b'{"a": 1}')
    assert functions.events == [{"name": "Bob", "payload": {"a": 1}}]
    assert (response.status, response.body) == (200, b'{"said": "Hello Bob"}')
    assert response.headers == [("Content-Type", "application/json")]


def test_lambda_without_templates_passes_through() -> None:
    found, functions = lambda_way({"any": ["thing"]})
    assert json.loads(found.answer(body=b'{"a":1}').body) == {"any": ["thing"]}
    assert found.answer("/", "GET").status == 200
    assert functions.events == [{"a": 1}, {}]


def test_an_event_that_is_no_json() -> None:
    found, functions = lambda_way({}, '{"name": "$input.params(\'name\')"}')
    refusal = found.refusal("/?name=%22a%22")
    assert refusal.type == "BAD_REQUEST_BODY"
    assert str(refusal.message).startswith("Could not parse request body into json: ")
    assert functions.events == []


ERRORS = (
    IntegrationResponse(200),
    IntegrationResponse(400, pattern="Invalid.*"),
    IntegrationResponse(
        404,
        pattern='.*"code":404.*',
        templates={JSON: '{"why": "$util.parseJson($input.path(\'$.errorMessage\')).why"}'},
    ),
    IntegrationResponse(500, pattern="(\n|.)+"),
)


# https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html
@pytest.mark.parametrize(
    ("message", "status", "body"),
    [
        ("Invalid name", 400, None),
        ("invalid name", 500, None),
        ("Not Invalid", 500, None),
        ('{"code":404,"why":"gone"}', 404, {"why": "gone"}),
        ("two\nlines", 500, None),
        ("", 200, None),
    ],
)
def test_errors_of_a_function_select_the_response(
    message: str, status: int, body: dict[str, Any] | None
) -> None:
    error = {"errorMessage": message, "errorType": "Error"}
    found, _ = lambda_way(parts.result(error, error="Unhandled"), responses=ERRORS)
    response = found.answer()
    assert response.status == status
    assert json.loads(response.body) == (error if body is None else body)


def test_an_error_that_nothing_matches_is_a_success() -> None:
    # "Otherwise, Lambda errors are returned as 200 OK responses by default", the same page.
    found, _ = lambda_way(parts.result({"errorMessage": "x"}, error="Unhandled"))
    assert found.answer().status == 200


def test_a_success_is_no_error_whatever_it_says() -> None:
    found, _ = lambda_way({"errorMessage": "Invalid name"}, responses=ERRORS)
    assert found.answer().status == 200


def test_dot_star_is_for_everything() -> None:
    # "Setting the selectionPattern value to .* ... amounts to resetting this response as the
    # default response", the same page.
    found, _ = lambda_way({}, responses=(OK, IntegrationResponse(418, pattern=".*")))
    assert found.answer().status == 418


def test_no_response_matches_and_none_is_the_default() -> None:
    found, _ = lambda_way({}, responses=(IntegrationResponse(400, pattern="Invalid.*"),))
    assert found.refusal().type == "API_CONFIGURATION_ERROR"
    nothing, _ = lambda_way({}, responses=())
    assert nothing.refusal().type == "API_CONFIGURATION_ERROR"


def test_a_pattern_that_is_none_is_told_of() -> None:
    found, _ = lambda_way({}, responses=(OK, IntegrationResponse(400, pattern="(")))
    assert found.answer().status == 200
    assert "the selection pattern of 400" in found.told[0]


def test_a_function_that_is_not_run() -> None:
    found, _ = lambda_way(ThrottledError("no more", reason="x"))
    assert isinstance(found.refusal().__cause__, ThrottledError)


def test_a_function_that_is_called_asynchronously() -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-integration-async.html
    found, functions = lambda_way(
        parts.result({"errorMessage": "later"}, error="Unhandled"),
        request_parameters={"integration.request.header.X-Amz-Invocation-Type": "'Event'"},
        responses=(OK,),
    )

    async def once() -> Any:
        response = await found.answering(body=b'{"a": 1}')
        started = list(functions.events)
        await asyncio.sleep(0.05)
        return response, started

    response, started = asyncio.run(once())
    assert (response.status, response.body) == (200, b"")
    assert started == []
    assert functions.events == [{"a": 1}]
    assert found.told == ["asynchronous call: f failed: later"]


# --- Content handling ----------------------------------------------------------------------------

# "API request content type conversions in API Gateway" of
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html
ENCODED = base64.b64encode(PNG)


@pytest.mark.parametrize(
    ("content_type", "binary", "handling", "payload", "arrives"),
    [
        ("image/png", (), None, b"text", b"text"),
        ("image/png", (), "convert_to_binary", ENCODED, PNG),
        ("image/png", (), "convert_to_text", b"text", b"text"),
        ("text/plain", ("image/*",), None, b"text", b"text"),
        ("text/plain", ("image/*",), "convert_to_binary", ENCODED, PNG),
        ("text/plain", ("image/*",), "convert_to_text", b"text", b"text"),
        ("image/png", ("image/*",), None, PNG, PNG),
        ("image/png", ("image/*",), "convert_to_binary", PNG, PNG),
        ("image/png", ("image/*",), "convert_to_text", PNG, ENCODED),
    ],
)
def test_requests_are_converted(
    server: Backend,
    content_type: str,
    binary: tuple[str, ...],
    handling: Any,
    payload: bytes,
    arrives: bytes,
) -> None:
    integration = Integration(
        "http", uri=server.url, method="POST", content_handling=handling, responses=(OK,)
    )
    way(integration, binary=binary).answer(headers={"Content-Type": content_type}, body=payload)
    assert server.seen[-1]["body"] == arrives.decode("utf-8", "replace")


def test_a_payload_that_is_no_base64_is_not_converted() -> None:
    found = way(mock(content_handling="convert_to_binary"))
    assert found.refusal(body=b"*").type == "API_CONFIGURATION_ERROR"


def test_a_template_sees_binary_data_as_base64() -> None:
    found, functions = lambda_way({}, '{"data": "$input.body"}', content_handling="convert_to_text")
    png = way(found.route.integration, functions=functions, binary=("application/json",))
    png.answer(headers={"Content-Type": "application/json"}, body=PNG)
    assert functions.events == [{"data": ENCODED.decode()}]


# "API Gateway response content type conversions", the same page; the backend sends a PNG.
@pytest.mark.parametrize(
    ("accept", "binary", "handling", "comes"),
    [
        ("text/plain", ("image/png",), None, ENCODED),
        ("text/plain", ("image/png",), "convert_to_binary", PNG),
        ("text/plain", ("image/png",), "convert_to_text", ENCODED),
        ("image/png", ("image/png",), None, PNG),
        ("image/png", ("image/png",), "convert_to_binary", PNG),
        ("image/png", ("image/png",), "convert_to_text", ENCODED),
        ("image/png", (), None, PNG),
    ],
)
def test_binary_responses_are_converted(
    server: Backend, accept: str, binary: tuple[str, ...], handling: Any, comes: bytes
) -> None:
    integration = Integration(
        "http",
        uri=f"{server.url}/bytes",
        method="GET",
        responses=(IntegrationResponse(200, content_handling=handling),),
    )
    assert way(integration, binary=binary).answer(headers={"Accept": accept}).body == comes


@pytest.mark.parametrize(
    ("accept", "binary", "handling", "converted"),
    [
        ("text/plain", (), None, False),
        ("text/plain", (), "convert_to_binary", True),
        ("text/plain", (), "convert_to_text", False),
        ("text/plain", ("image/png",), None, False),
        ("text/plain", ("image/png",), "convert_to_binary", True),
        ("image/png", ("image/png",), None, True),
        ("image/png", ("image/png",), "convert_to_text", False),
        ("text/html, image/png", ("image/png",), None, False),
    ],
)
def test_text_responses_are_converted(
    accept: str, binary: tuple[str, ...], handling: Any, converted: bool
) -> None:
    # A function's JSON is text; `true` happens to be Base64 as well.
    functions = parts.Functions(lambda invocation, event: True)
    integration = Integration(
        "lambda", function="f", responses=(IntegrationResponse(200, content_handling=handling),)
    )
    response = way(integration, functions=functions, binary=binary).answer(
        headers={"Accept": accept}
    )
    assert response.body == (base64.b64decode("true") if converted else b"true")


# --- HTTP ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Backend]:
    with backend() as found:
        yield found


def sent(server: Backend) -> dict[str, Any]:
    seen = server.seen[-1]
    return {**seen, "headers": {name.lower(): value for name, value in seen["headers"]}}


def test_http_sends_what_is_mapped_and_nothing_else(server: Backend) -> None:
    integration = Integration(
        "http",
        uri=server.url + "/pets/{petId}?fixed=1",
        method="PUT",
        request_parameters={
            "integration.request.path.petId": "method.request.path.id",
            "integration.request.querystring.type": "method.request.querystring.q",
            "integration.request.querystring.all": "method.request.multivaluequerystring.q",
            "integration.request.header.custom_h1": "method.request.header.h1",
        },
        request_templates={JSON: '{"wrapped": $input.json("$")}'},
        responses=(OK,),
    )
    found = way(integration)
    response = found.answer(
        "/things/7?q=a&q=b%20c", headers={"h1": "v1", "h2": "v2"}, body=b"[1]", id="a/b c"
    )
    assert response.status == 200
    seen = sent(server)
    assert seen["method"] == "PUT"
    assert seen["path"] == "/pets/a/b%20c?fixed=1&type=b%20c&all=a&all=b%20c"
    assert seen["body"] == '{"wrapped": [1]}'
    headers = seen["headers"]
    # As recorded in tests/aws/services/apigateway/test_apigateway_http.snapshot.json of
    # https://github.com/localstack/localstack.
    identity = headers["x-amzn-apigateway-api-id"]
    assert headers == {
        "accept": "application/json",
        "content-length": "16",
        "content-type": "application/json",
        "custom_h1": "v1",
        "host": server.url.removeprefix("http://"),
        "user-agent": f"AmazonAPIGateway_{identity}",
        "x-amzn-apigateway-api-id": identity,
        "x-amzn-trace-id": headers["x-amzn-trace-id"],
    }


def test_http_overrides_of_the_request(server: Backend) -> None:
    # "Override an API's request parameters and headers" of
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html
    template = """#set($header1Override = "foo")
#set($header3Value = "$input.params('header1')$input.params('header2')")
$input.json("$")
#set($context.requestOverride.header.header3 = $header3Value)
#set($context.requestOverride.header.header1 = $header1Override)
#set($context.requestOverride.header.multivalue=[$header1Override, $header3Value])
#set($context.requestOverride.path.p = "here")
#set($context.requestOverride.querystring.q = "1")"""
    integration = Integration(
        "http",
        uri=server.url + "/{p}",
        method="POST",
        request_parameters={
            "integration.request.header.header1": "method.request.header.header1",
            "integration.request.header.header2": "method.request.header.header2",
        },
        request_templates={JSON: template},
        responses=(OK,),
    )
    headers = {"header1": "header1Val", "header2": "header2Val"}
    way(integration).answer(headers=headers, body=b'{"a":1}')
    seen = server.seen[-1]
    pairs = [tuple(pair) for pair in seen["headers"] if pair[0].startswith(("header", "multi"))]
    assert sorted(pairs) == [
        ("header1", "foo"),
        ("header2", "header2Val"),
        ("header3", "header1Valheader2Val"),
        ("multivalue", "foo"),
        ("multivalue", "header1Valheader2Val"),
    ]
    assert seen["path"] == "/here?q=1"
    assert seen["body"].strip() == '{"a":1}'


@pytest.mark.parametrize(
    ("answered", "status", "code"), [(200, 200, []), (404, 404, ["E7"]), (503, 500, [])]
)
def test_http_selects_by_status(
    server: Backend, answered: int, status: int, code: list[str]
) -> None:
    integration = Integration(
        "http",
        uri=f"{server.url}/status/{answered}",
        method="GET",
        responses=(
            IntegrationResponse(200, pattern="2\\d{2}"),
            IntegrationResponse(
                404,
                pattern="4\\d{2}",
                parameters={
                    "method.response.header.X-Code": "integration.response.body.error.code",
                    "method.response.header.X-App": "integration.response.header.X-App",
                    "method.response.header.Set": f"{MULTI}.Set-Cookie",
                    "method.response.header.Content-Type": "'text/html'",
                },
                templates={JSON: "<p>$input.path('$.error.code')</p>"},
            ),
            IntegrationResponse(500),
        ),
    )
    response = way(integration).answer("/", "GET")
    assert response.status == status
    assert header(response, "X-Code") == code
    if status == 404:
        assert header(response, "X-App") == ["a"]
        assert header(response, "Set") == ["a=1", "b=2"]
        assert header(response, "Content-Type") == ["text/html"]
        assert response.body == b"<p>E7</p>"
    else:
        assert response.headers == [("Content-Type", "application/json")]
        assert json.loads(response.body) == {"error": {"code": "E7"}}


def test_http_undoes_compression(server: Backend) -> None:
    integration = Integration("http", uri=f"{server.url}/gzip", method="GET", responses=(OK,))
    assert json.loads(way(integration).answer("/", "GET").body) == {"zipped": True}


def test_stage_variables_in_a_uri(server: Backend) -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/aws-api-gateway-stage-variables-reference.html
    host = server.url.removeprefix("http://")
    integration = Integration(
        "http",
        uri="http://${stageVariables.host}/${stageVariables.version}/x",
        method="GET",
        responses=(OK,),
    )
    way(integration, variables={"host": host, "version": "v2"}).answer("/", "GET")
    assert server.seen[-1]["path"] == "/v2/x"


@pytest.mark.parametrize("name", ["Content-Length", "X-Amzn-Trace-Id"])
def test_headers_of_api_gateway_can_not_be_mapped(server: Backend, name: str) -> None:
    integration = Integration(
        "http",
        uri=server.url,
        method="POST",
        request_parameters={f"integration.request.header.{name}": "'1'"},
        responses=(OK,),
    )
    assert way(integration).refusal().type == "API_CONFIGURATION_ERROR"


def test_a_place_in_the_uri_that_nothing_is_put_into(server: Backend) -> None:
    found = way(Integration("http", uri=server.url + "/{nope}", responses=(OK,)))
    refusal = found.refusal()
    assert refusal.type == "API_CONFIGURATION_ERROR"
    assert "integration.request.path.nope" in (refusal.reason or "")


# --- HTTP proxy ----------------------------------------------------------------------------------


def test_http_proxy_passes_everything_on(server: Backend) -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-set-up-simple-proxy.html
    integration = Integration(
        "http_proxy",
        uri=server.url + "/{proxy}",
        method="ANY",
        request_parameters={
            "integration.request.path.proxy": "method.request.path.proxy",
            "integration.request.header.x-static": "'s'",
            "integration.request.querystring.more": "context.stage",
        },
    )
    found = way(integration, path="/{proxy+}")
    response = found.answer(
        "/a/b?q=1&q=%20&e",
        "PATCH",
        [
            ("Host", "api.example.com"),
            ("X-Two", "a"),
            ("X-Two", "b"),
            ("Connection", "keep-alive"),
            ("Expect", "100-continue"),
            ("TE", "trailers"),
            ("User-Agent", "curl/8"),
            ("Content-Type", "text/plain"),
        ],
        b"hello",
        proxy="a/b",
    )
    seen = server.seen[-1]
    assert seen["method"] == "PATCH"
    assert seen["path"] == "/a/b?q=1&q=%20&e&more=prod"
    assert seen["body"] == "hello"
    names = [name.lower() for name, _ in seen["headers"]]
    assert sorted(names) == [
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-amzn-apigateway-api-id",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-static",
        "x-two",
        "x-two",
    ]
    assert sent(server)["headers"]["x-forwarded-for"] == "203.0.113.7"
    assert sent(server)["headers"]["host"] == server.url.removeprefix("http://")
    assert response.status == 200
    assert header(response, "Set-Cookie") == ["a=1", "b=2"]
    assert header(response, "X-App") == ["a"]
    # As recorded: see test_http_sends_what_is_mapped_and_nothing_else.
    assert header(response, "x-amzn-remapped-content-length") == [str(len(response.body))]
    assert header(response, "x-amzn-remapped-date")
    assert header(response, "x-amzn-remapped-server")
    assert not header(response, "date")
    assert not header(response, "content-length")


def test_http_proxy_passes_bytes_and_statuses_back(server: Backend) -> None:
    found = way(Integration("http_proxy", uri=f"{server.url}/bytes"))
    assert found.answer("/", "GET").body == PNG
    missing = way(Integration("http_proxy", uri=f"{server.url}/status/404"))
    assert missing.answer("/", "GET").status == 404
    zipped = way(Integration("http_proxy", uri=f"{server.url}/gzip")).answer("/", "GET")
    assert header(zipped, "Content-Encoding") == ["gzip"]
    assert zipped.body[:2] == b"\x1f\x8b"


def test_http_proxy_takes_the_parameter_of_the_same_name(server: Backend) -> None:
    found = way(Integration("http_proxy", uri=server.url + "/x/{id}"))
    found.answer("/things/7", "GET", id="é 7")
    assert server.seen[-1]["path"] == "/x/%C3%A9%207"


@pytest.mark.parametrize("kind", ["http", "http_proxy"])
def test_backends_that_fail(server: Backend, kind: Any) -> None:
    slow = way(Integration(kind, uri=f"{server.url}/slow", timeout_s=0.1, responses=(OK,)))
    assert slow.refusal("/", "GET").type == "INTEGRATION_TIMEOUT"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}/"
        refusal = way(Integration(kind, uri=uri, responses=(OK,))).refusal("/", "GET")
    assert refusal.type == "INTEGRATION_FAILURE"
    assert refusal.message == "Network error communicating with endpoint"


def test_what_does_not_run_here() -> None:
    refusal = way(Integration("unavailable", uri="DynamoDB's PutItem")).refusal()
    assert refusal.type == "INTEGRATION_FAILURE"
    assert refusal.reason == "DynamoDB's PutItem does not run on this machine"


def test_the_loop_goes_on_while_a_backend_is_slow(server: Backend) -> None:
    found = way(Integration("http_proxy", uri=f"{server.url}/slow"))

    async def side_by_side() -> int:
        task = asyncio.create_task(found.answering("/", "GET"))
        turns = 0
        while not task.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert task.result().status == 200
        return turns

    assert asyncio.run(side_by_side()) > 10


def test_refusals_are_for_the_door() -> None:
    # Whatever a template does, only a Refusal comes out.
    for template in ("$input.json('$['))", "#set($x = [1..5000000])", "$l[", "\x00#if"):
        with pytest.raises(Refusal):
            asyncio.run(way(mock(template)).answering(body=b"{"))
