"""What a REST API answers by itself."""

from __future__ import annotations

import json
from importlib import resources

import botocore.session
import jsonschema
import pytest

from lambdactl.errors import EnvironmentStartError, EventError, ThrottledError, UserError
from lambdactl.manifest.apis import GatewayResponse, Integration
from lambdactl.triggers.http.calls import Allowed, Call, Refusal
from lambdactl.triggers.http.rest.gateway_responses import answer, table
from tests.triggers.http.parts import request, setting
from tests.triggers.http.rest.serving import Served, api, header, route

# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
DOCUMENTED = {
    "ACCESS_DENIED": 403,
    "API_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_FAILURE": 500,
    "BAD_REQUEST_PARAMETERS": 400,
    "BAD_REQUEST_BODY": 400,
    "DEFAULT_4XX": None,
    "DEFAULT_5XX": None,
    "EXPIRED_TOKEN": 403,
    "INTEGRATION_FAILURE": 504,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "WAF_FILTERED": 403,
}
HTTP = Integration(kind="http", uri="http://nowhere.test")


def answered(refusal, *, on=None, asked=None, allowed=None, parameters=None, **more):
    on = on or route()
    call = Call(setting(), api(on, **more), on, asked or request(), parameters or {})
    call.allowed = allowed
    return answer(call, refusal)


def body(response):
    return json.loads(response.body)


def test_the_data_file_keeps_to_its_schema():
    text = resources.files("lambdactl.triggers.http.rest")
    schema = json.loads(text.joinpath("gateway_responses.schema.json").read_text("utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(table(), schema)


def test_the_table_is_the_documented_one():
    assert {name: row["status"] for name, row in table()["types"].items()} == DOCUMENTED
    for name, row in table()["types"].items():
        if not name.startswith("DEFAULT"):
            assert row["fallback"] == f"DEFAULT_{str(row['status'])[0]}XX"


def test_botocore_knows_no_other_type():
    model = botocore.session.get_session().get_service_model("apigateway")
    assert set(model.shape_for("GatewayResponseType").enum) == set(DOCUMENTED)


@pytest.mark.parametrize(
    ("type", "status", "message"),
    [
        ("ACCESS_DENIED", 403, "User is not authorized to access this resource"),
        ("API_CONFIGURATION_ERROR", 500, "Internal server error"),
        ("AUTHORIZER_CONFIGURATION_ERROR", 500, None),
        ("BAD_REQUEST_BODY", 400, "Invalid request body"),
        ("INTEGRATION_FAILURE", 504, "Internal server error"),
        ("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out"),
        ("INVALID_API_KEY", 403, "Forbidden"),
        ("MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token"),
        ("QUOTA_EXCEEDED", 429, "Limit Exceeded"),
        ("REQUEST_TOO_LARGE", 413, "Request Too Long"),
        ("THROTTLED", 429, "Too Many Requests"),
        ("UNAUTHORIZED", 401, "Unauthorized"),
        ("UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported Media Type"),
    ],
)
def test_what_is_answered_without_any_change(type, status, message):
    made = answered(Refusal(type), on=route(integration=HTTP))
    assert made.status == status
    # An integration's failure is 36 bytes long on AWS, its timeout 41: with a space.
    colon = ": " if status >= 500 and message is not None else ":"
    assert made.body == json.dumps({"message": message}, separators=(",", colon)).encode()
    assert header(made, "content-type") == "application/json"
    assert header(made, "x-amzn-ErrorType") == table()["types"][type]["error"]
    assert header(made, "x-amzn-RequestId")
    assert header(made, "x-amz-apigw-id")


def test_a_message_of_its_own():
    made = answered(Refusal("BAD_REQUEST_PARAMETERS", 'missing: ["a"]'))
    assert body(made) == {"message": 'missing: ["a"]'}


@pytest.mark.parametrize(
    ("cause", "status", "message"),
    [
        (None, 502, "Internal server error"),
        (ThrottledError("no", reason="ReservedFunctionConcurrency"), 500, "Internal server error"),
        (UserError("no such function"), 500, "Internal server error"),
        (EnvironmentStartError("no interpreter"), 502, "Internal server error"),
        (EventError("too large"), 413, "Request Too Long"),
    ],
)
def test_a_function_that_failed_or_was_not_run(cause, status, message):
    refusal = Refusal("INTEGRATION_FAILURE")
    refusal.__cause__ = cause
    made = answered(refusal)
    assert (made.status, body(made)) == (status, {"message": message})


def test_the_exception_behind_a_signature_is_named():
    refusal = Refusal(
        "INVALID_SIGNATURE", "late", context={"error_type": "IncompleteSignatureException"}
    )
    assert header(answered(refusal), "x-amzn-ErrorType") == "IncompleteSignatureException"


def test_one_type_is_customised_and_others_are_not():
    changed = {
        "THROTTLED": GatewayResponse(
            status=420,
            parameters={
                "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
                "gatewayresponse.header.X-Agent": "method.request.header.User-Agent",
                "gatewayresponse.header.X-Page": "method.request.querystring.page",
                "gatewayresponse.header.X-Id": "method.request.path.id",
                "gatewayresponse.header.X-Level": "stageVariables.level",
                "gatewayresponse.header.X-Stage": "context.stage",
                "gatewayresponse.header.X-Input": "method.input.params.page",
                "gatewayresponse.header.X-None": "method.request.header.None",
                "gatewayresponse.header.X-Wrong": "nonsense",
            },
            templates={
                "application/json": '{"m": $context.error.messageString, '
                '"t": "$context.error.responseType", "r": "${context.requestId}", '
                '"v": "$stageVariables.level", "who": "$context.authorizer.principalId", '
                '"ip": "$context.identity.sourceIp", "nothing": "$context.never.was", "$": 1}'
            },
        )
    }
    asked = request("/pets/7?page=2", headers={"User-Agent": "curl"})
    more = {
        "asked": asked,
        "variables": {"level": "high"},
        "gateway_responses": changed,
        "allowed": Allowed(shown={"principalId": "me"}),
        "parameters": {"id": "7"},
    }
    made = answered(Refusal("THROTTLED"), **more)
    assert made.status == 420
    assert body(made) == {
        "m": "Too Many Requests",
        "t": "THROTTLED",
        "r": header(made, "x-amzn-RequestId"),
        "v": "high",
        "who": "me",
        "ip": "203.0.113.7",
        "nothing": "",
        "$": 1,
    }
    assert header(made, "Access-Control-Allow-Origin") == "*"
    assert header(made, "X-Agent") == "curl"
    assert header(made, "X-Page") == header(made, "X-Input") == "2"
    assert header(made, "X-Id") == "7"
    assert header(made, "X-Level") == "high"
    assert header(made, "X-Stage") == "prod"
    assert header(made, "X-None") is None
    assert header(made, "X-Wrong") is None
    assert answered(Refusal("QUOTA_EXCEEDED"), **more).status == 429


def test_defaults_hold_for_all_of_a_kind_but_those_with_their_own():
    origin = {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}
    changed = {
        "DEFAULT_4XX": GatewayResponse(parameters=origin),
        "DEFAULT_5XX": GatewayResponse(status=599, templates={"text/plain": "sorry"}),
        "UNAUTHORIZED": GatewayResponse(templates={"application/json": "{}"}),
    }
    made = answered(Refusal("ACCESS_DENIED"), gateway_responses=changed)
    assert (made.status, header(made, "Access-Control-Allow-Origin")) == (403, "*")
    made = answered(Refusal("UNAUTHORIZED"), gateway_responses=changed)
    assert (made.status, made.body) == (401, b"{}")
    assert header(made, "Access-Control-Allow-Origin") is None
    made = answered(Refusal("INTEGRATION_FAILURE"), gateway_responses=changed)
    assert (made.status, made.body, header(made, "Content-Type")) == (599, b"sorry", "text/plain")
    # "Customizing ... 413 REQUEST_TOO_LARGE isn't currently supported"
    made = answered(Refusal("REQUEST_TOO_LARGE"), gateway_responses=changed)
    assert header(made, "Access-Control-Allow-Origin") is None


def test_accept_chooses_among_templates():
    changed = {
        "THROTTLED": GatewayResponse(templates={"text/xml": "<a/>", "application/json": "{}"})
    }
    for accept, expected in (
        ("text/html, text/xml;q=0.5", b"<a/>"),
        ("text/html", b"{}"),
        ("*/*", b"{}"),
    ):
        asked = request(headers={"Accept": accept})
        made = answered(Refusal("THROTTLED"), asked=asked, gateway_responses=changed)
        assert made.body == expected


def test_what_a_validator_found_is_there_for_templates():
    changed = {
        "BAD_REQUEST_BODY": GatewayResponse(
            templates={"application/json": '"$context.error.validationErrorString"'}
        )
    }
    refusal = Refusal("BAD_REQUEST_BODY", validation="[object has missing properties]")
    made = answered(refusal, gateway_responses=changed)
    assert body(made) == "[object has missing properties]"


def test_a_header_takes_nothing_that_would_break_the_answer():
    changed = {
        "THROTTLED": GatewayResponse(
            parameters={"gatewayresponse.header.X": "method.request.querystring.x"}
        )
    }
    asked = request("/pets?x=%0d%0aEvil:1")
    made = answered(Refusal("THROTTLED"), asked=asked, gateway_responses=changed)
    assert header(made, "X") is None


def test_an_unknown_route():
    served = Served(api())
    for target, method in (("/nowhere", "GET"), ("/pets", "PUT"), ("/prod/nowhere", "GET")):
        made = served.ask(target, method)
        assert (made.status, body(made)) == (403, {"message": "Missing Authentication Token"})
    assert served.functions.calls == []
