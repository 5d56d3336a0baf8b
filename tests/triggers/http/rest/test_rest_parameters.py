"""Parameter mapping expressions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.triggers.http.calls import Refusal
from lambdactl.triggers.http.rest.context import Facts, facts
from lambdactl.triggers.http.rest.parameters import Answer, request_mapping, response_mapping
from tests.triggers.http.rest.mapped import mock, way

BODY = '{"petstore": {"pets": [{"name": "Rex", "age": 3}]}, "none": null}'
WAY = way(mock(), variables={"stage1": "v1"})


def known(body: str = BODY) -> Facts:
    call = WAY.call(
        "/things/7?q=one&q=two&empty=",
        headers=[("X-App", "a"), ("X-App", "b"), ("x-lower", "l")],
        body=body.encode(),
        id="7",
    )
    return facts(call, body)


def mapped(source: str, body: str = BODY) -> list[str]:
    found = request_mapping({"integration.request.header.H": source}, "it", WAY.setting.tell)
    return found(known(body)).header.get("H", [])


# "Method request data to integration request parameters"
# https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-parameter-mapping.html
@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("method.request.path.id", ["7"]),
        ("method.request.querystring.q", ["two"]),
        ("method.request.multivaluequerystring.q", ["one", "two"]),
        ("method.request.querystring.empty", [""]),
        ("method.request.header.X-App", ["b"]),
        ("method.request.multivalueheader.X-App", ["a,b"]),
        ("method.request.header.x-app", []),
        ("method.request.header.X-Lower", []),
        ("method.request.body", [BODY]),
        ("method.request.body.petstore.pets[0].name", ["Rex"]),
        ("method.request.body.petstore.pets[0].age", ["3"]),
        ("method.request.body.petstore.pets", ['[{"name":"Rex","age":3}]']),
        ("method.request.body.nothing", []),
        ("method.request.body.none", []),
        ("stageVariables.stage1", ["v1"]),
        ("stageVariables.stage2", []),
        ("context.stage", ["prod"]),
        ("context.identity.sourceIp", ["203.0.113.7"]),
        ("context.authorizer.claims.sub", []),
        ("'a constant'", ["a constant"]),
        ("''", [""]),
    ],
)
def test_sources_of_a_request(source: str, values: list[str]) -> None:
    assert mapped(source) == values


def test_places_of_a_request() -> None:
    # "Example mappings from method request parameter", the same page.
    mapping = request_mapping(
        {
            "integration.request.path.integrationPathParam": "method.request.header.X-App",
            "integration.request.querystring.integrationQueryParam": "method.request.querystring.q",
            "integration.request.header.body-header": "method.request.body",
        },
        "it",
        WAY.setting.tell,
    )
    result = mapping(known("plain"))
    assert result.path == {"integrationPathParam": ["b"]}
    assert result.querystring == {"integrationQueryParam": ["two"]}
    assert result.header == {"body-header": ["plain"]}


def test_a_body_that_is_no_json_is_refused() -> None:
    for source in ("method.request.body.a", "method.request.body"):
        with pytest.raises(Refusal) as caught:
            mapped(source, "\n{wrongjson")
        assert caught.value.type == "BAD_REQUEST_BODY"
        assert caught.value.message == "Invalid JSON in request body"


@pytest.mark.parametrize(
    ("source", "body", "values"),
    [
        ("method.request.body", "", ["{}"]),
        ("method.request.body", "<This is a body value>", ["<This is a body value>"]),
        ("method.request.body.a", "<This is a body value>", []),
        ("method.request.body.petstore.pets[0].name", '{"petstore":{"pets":{"name":"a"}}}', []),
    ],
)
def test_bodies_that_are_no_json_objects(source: str, body: str, values: list[str]) -> None:
    assert mapped(source, body) == values


def answered(source: str, answer: Answer) -> list[tuple[str, str]]:
    found = response_mapping({"method.response.header.H": source}, "it", WAY.setting.tell)
    return found(known(), answer)


# "Integration response data to method response headers", the same page.
@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("integration.response.header.x-app-id", ["2"]),
        ("integration.response.multivalueheader.x-app-id", ["1", "2"]),
        ("integration.response.header.X-App-Id", []),
        ("integration.response.body.redirect.url", ["https://example.com/"]),
        ("integration.response.body.redirect", ['{"url":"https://example.com/"}']),
        ("integration.response.body", ['{"redirect": {"url": "https://example.com/"}}']),
        ("integration.response.body.$", ['{"redirect": {"url": "https://example.com/"}}']),
        ("integration.response.body.nothing", []),
        ("stageVariables.stage1", ["v1"]),
        ("context.httpMethod", ["POST"]),
        ("'text/html'", ["text/html"]),
    ],
)
def test_sources_of_a_response(source: str, values: list[str]) -> None:
    answer = Answer(
        b'{"redirect": {"url": "https://example.com/"}}',
        [("x-app-id", "1"), ("x-app-id", "2")],
    )
    assert answered(source, answer) == [("H", value) for value in values]


# As in LocalStack's test_parameters_mapping.py, which has it from AWS.
@pytest.mark.parametrize(
    ("source", "body", "values"),
    [
        ("integration.response.body", b"", ["{}"]),
        ("integration.response.body", b"<This is a body value>", ["<This is a body value>"]),
        ("integration.response.body.a", b"<This is a body value>", []),
        ("integration.response.body.pets[0].name", b'{"pets":{"name":"a"}}', []),
    ],
)
def test_responses_that_are_no_json_objects(source: str, body: bytes, values: list[str]) -> None:
    assert answered(source, Answer(body)) == [("H", value) for value in values]


@pytest.mark.parametrize("source", ["integration.response.body", "integration.response.body.a"])
def test_a_response_that_is_no_json_is_an_error(source: str) -> None:
    with pytest.raises(Refusal) as caught:
        answered(source, Answer(b"\n{wrongjson"))
    assert caught.value.type == "API_CONFIGURATION_ERROR"


def test_the_error_of_a_function_is_taken_apart_for_headers() -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html
    error = (
        b'{"errorMessage": "{\\"errorType\\":\\"InternalServerError\\",\\"httpStatus\\":500,'
        b'\\"trace\\":{\\"function\\":\\"abc()\\",\\"line\\":123}}"}'
    )
    wanted = {
        "errorType": "InternalServerError",
        "httpStatus": "500",
        "trace.function": "abc()",
        "trace": '{"function":"abc()","line":123}',
    }
    for name, value in wanted.items():
        source = f"integration.response.body.errorMessage.{name}"
        assert answered(source, Answer(error, parsed_error=True)) == [("H", value)]
        assert answered(source, Answer(error)) == []


def test_a_header_never_gets_a_second_line() -> None:
    answer = Answer(b'{"a": "x\\r\\nSet-Cookie: evil=1"}')
    assert answered("integration.response.body.a", answer) == [("H", "x Set-Cookie: evil=1")]


@pytest.mark.parametrize(
    "parameters",
    [
        {"integration.request.header.H": "method.request.cookie.a"},
        {"integration.request.cookie.H": "'a'"},
        {"integration.request.header.": "'a'"},
        {"integration.request.header.H": "constant without quotes"},
        {"integration.request.header.H": "method.request.body.a["},
        {"integration.request.header.H": "integration.response.header.a"},
    ],
)
def test_a_line_that_means_nothing_is_told_of(parameters: Mapping[str, str]) -> None:
    told: list[str] = []
    mapping = request_mapping(parameters, "POST /things", told.append)
    assert mapping(known()).header == {}
    assert len(told) == 1
    assert told[0].startswith("POST /things: `integration.request.")


_PARTS = st.sampled_from(
    ["method.request", "integration.response", "body", "header", "path", "querystring", "a", "'",
     "[0]", "..", "*", "context", "stageVariables", "identity", "$", "multivalueheader", ""]
)  # fmt: skip


@given(st.lists(_PARTS, max_size=6).map(".".join), st.text())
def test_any_expression_over_any_body_maps_or_is_refused(source: str, body: str) -> None:
    told: list[str] = []
    request = request_mapping({"integration.request.header.H": source}, "it", told.append)
    response = response_mapping({"method.response.header.H": source}, "it", told.append)
    with suppress(Refusal):
        values = request(known(body)).header.get("H", [])
        answer = Answer(body.encode("utf-8", "replace"))
        values += [value for _, value in response(known(body), answer)]
        assert all(isinstance(value, str) for value in values)
