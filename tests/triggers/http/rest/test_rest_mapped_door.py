"""What maps and validates, through the door: the answers that clients see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lambdactl.manifest.apis import (
    Api,
    GatewayResponse,
    Integration,
    IntegrationResponse,
    Route,
    Validator,
)
from lambdactl.triggers.http.exchange import Response
from lambdactl.triggers.http.rest.door import RestDoor
from tests.triggers.http import parts
from tests.triggers.http.backend import Backend, backend
from tests.triggers.http.rest.mapped import OK, header, mock

JSON = "application/json"


@pytest.fixture(scope="module")
def server() -> Iterator[Backend]:
    with backend() as found:
        yield found


def ask(
    integration: Integration,
    target: str = "/pets/7",
    method: str = "POST",
    body: bytes = b"",
    *,
    answers: dict[str, GatewayResponse] | None = None,
    **route: Any,
) -> Response:
    api = Api(
        "pets",
        "rest",
        (Route(path="/pets/{id}", integration=integration, method="ANY", **route),),
        stage="prod",
        models={"Pet": {"type": "object", "required": ["name"]}},
        gateway_responses=answers or {},
    )
    functions = parts.Functions(lambda invocation, event: event)
    door = RestDoor(api, parts.setting(functions))
    wire = parts.FakeWire()
    response = asyncio.run(door.handle(parts.request(target, method, {}, body, wire=wire)))
    return response or wire.sent[-1]


def test_a_mock_with_the_headers_of_api_gateway() -> None:
    template = '{"id": "$input.params(\'id\')", "path": "$context.path"}'
    response = ask(mock(responses=(IntegrationResponse(201, templates={JSON: template}),)))
    assert response.status == 201
    assert json.loads(response.body) == {"id": "7", "path": "/prod/pets/7"}
    assert header(response, "x-amzn-RequestId")
    assert header(response, "Content-Type") == ["application/json"]


VALIDATED = {
    "validator": Validator(body=True, parameters=True),
    "request_parameters": {"method.request.querystring.q": True},
    "request_models": {JSON: "Pet"},
}


def test_validators_answer_400() -> None:
    missing = ask(mock(), body=b"{}", **VALIDATED)
    assert missing.status == 400
    assert missing.body == b'{"message":"Missing required request parameters: [q]"}'
    invalid = ask(mock(), "/pets/7?q=1", body=b"{}", **VALIDATED)
    assert invalid.status == 400
    assert json.loads(invalid.body) == {"message": "Invalid request body"}
    assert ask(mock(), "/pets/7?q=1", body=b'{"name": 1}', **VALIDATED).status == 200


def test_the_words_of_a_validator_fit_into_json() -> None:
    template = '{"message":"$context.error.message","why":"$context.error.validationErrorString"}'
    answers = {"BAD_REQUEST_BODY": GatewayResponse(templates={JSON: template})}
    invalid = ask(mock(), "/pets/7?q=1", body=b"{}", answers=answers, **VALIDATED)
    assert json.loads(invalid.body) == {
        "message": "Invalid request body",
        "why": '[object has missing required properties (["name"])]',
    }
    broken = ask(mock(), "/pets/7?q=1", body=b"{", answers=answers, **VALIDATED)
    assert json.loads(broken.body)["why"] == "[Unknown error parsing request body]"


def test_a_function_behind_templates() -> None:
    integration = Integration(
        "lambda",
        function="f",
        request_templates={JSON: '{"id": "$input.params(\'id\')", "body": $input.json("$")}'},
        responses=(OK,),
    )
    response = ask(integration, body=b'{"a": 1}')
    assert json.loads(response.body) == {"id": "7", "body": {"a": 1}}


# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
@pytest.mark.parametrize(
    ("integration", "status", "message"),
    [
        (mock(passthrough="never", responses=(OK,)), 200, None),
        (Integration("mock", passthrough="never"), 415, "Unsupported Media Type"),
        (mock(responses=()), 500, "Internal server error"),
        (mock("#if("), 500, "Internal server error"),
        (Integration("http_proxy", uri="http://127.0.0.1:1/"), 504, "Network error"),
        (Integration("http_proxy", uri="{url}/slow", timeout_s=0.1), 504, "Endpoint request"),
        (Integration("http_proxy", uri="http://no-such-host.invalid/"), 500, "Internal server"),
        (Integration("unavailable", uri="DynamoDB"), 504, "Internal server error"),
    ],
)
def test_what_goes_wrong_has_its_answer(
    server: Backend, integration: Integration, status: int, message: str | None
) -> None:
    if integration.uri is not None and integration.uri.startswith("{url}"):
        uri = server.url + integration.uri.removeprefix("{url}")
        integration = Integration("http_proxy", uri=uri, timeout_s=integration.timeout_s)
    response = ask(integration)
    assert response.status == status
    if message is not None:
        assert json.loads(response.body)["message"].startswith(message)
