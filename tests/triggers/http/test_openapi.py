"""The OpenAPI document: valid by the specification, and API Gateway's in its extensions."""

from __future__ import annotations

import json
from typing import Any

import openapi_spec_validator
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdactl.manifest.apis import (
    Api,
    Authorizer,
    GatewayResponse,
    Integration,
    IntegrationResponse,
    Route,
    Validator,
)
from lambdactl.manifest.features import Cors
from lambdactl.triggers.http.openapi import document

F = Integration(function="f")
POOL = Authorizer(
    "cognito",
    "users",
    identity=("method.request.header.Authorization",),
    user_pools=("arn:aws:cognito-idp:eu-west-1:1:userpool/a",),
)
TOKEN = Authorizer(
    "lambda",
    "tokens",
    function="auth",
    type="token",
    payload="v1",
    identity=("method.request.header.X-Token",),
    validation="^a",
    ttl_s=60,
)
JWT = Authorizer(
    "jwt",
    "jwt",
    issuer="https://issuer.example",
    audience=("web",),
    identity=("$request.header.Authorization",),
)
REQUEST = Authorizer(
    "lambda",
    "asks",
    function="arn:aws:lambda:eu-west-1:1:function:x",
    identity=("$request.querystring.token",),
)
MODELS = {
    "Pet": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": ["string", "null"], "maxLength": 9},
            "tags": {"type": "array"},
            "kind": {"$ref": "#/definitions/kind"},
            "owner": {"$ref": "https://apigateway.amazonaws.com/restapis/abc/models/Owner"},
            "either": {"type": ["string", "array"]},
            "pair": {"type": "array", "items": [{"type": "string"}]},
            "more": {"anyOf": [{"type": "null"}, {"not": {"type": "string"}}]},
        },
        "additionalProperties": {"type": "string"},
        "definitions": {"kind": {"enum": ["cat", "dog"]}},
    },
    "Owner": {"type": "object", "additionalProperties": False},
}


def written(*apis: Api, left_out: int = 0, **options: Any) -> Any:
    """The document, which is valid by the specification and goes through JSON."""
    found = document(apis, "pets", **options)
    assert len(found.left_out) == left_out, found.left_out
    value = json.loads(json.dumps(found.value))
    openapi_spec_validator.validate(value)
    return value


def test_a_rest_api_with_everything() -> None:
    api = Api(
        "shop",
        "rest",
        (
            Route(
                "/pets/{id}",
                Integration(function="f", qualifier="live", stream=True, timeout_s=12),
                "GET",
                authorizer=POOL,
                scopes=("read",),
                api_key=True,
                operation="getPet",
                validator=Validator(parameters=True),
                request_parameters={
                    "method.request.path.id": True,
                    "method.request.querystring.page": True,
                    "method.request.multivaluequerystring.tag": False,
                    "method.request.header.X-Id": False,
                },
            ),
            Route(
                "/pets",
                F,
                "POST",
                authorizer=TOKEN,
                validator=Validator(body=True),
                request_models={"application/json": "Pet", "$default": "Empty"},
            ),
            Route("/files/{name+}", F, "PUT", authorizer=Authorizer("iam", "iam")),
            Route("/{proxy+}", F),
            Route(
                "/mock",
                Integration(
                    "mock",
                    request_templates={"application/json": '{"statusCode": 200}'},
                    responses=(
                        IntegrationResponse(200, templates={"application/json": "{}"}),
                        IntegrationResponse(
                            404,
                            "4..",
                            parameters={"method.response.header.X": "'x'"},
                            content_handling="convert_to_text",
                        ),
                    ),
                ),
                "GET",
            ),
            Route("/away", Integration("http", uri="https://example.com", method="GET"), "GET"),
        ),
        stage="v1",
        models=MODELS,
        binary_types=("image/*",),
        compression_from=0,
        gateway_responses={"DEFAULT_4XX": GatewayResponse(404)},
    )
    value = written(api, region="eu-west-1", account="111122223333")
    assert value["servers"] == [{"url": "/v1"}]
    get = value["paths"]["/pets/{id}"]["get"]
    assert [(p["name"], p["in"], p["required"]) for p in get["parameters"]] == [
        ("id", "path", True),
        ("page", "query", True),
        ("tag", "query", False),
        ("X-Id", "header", False),
    ]
    assert get["operationId"] == "getPet"
    assert get["security"] == [{"users": ["read"], "api_key": []}]
    assert get["x-amazon-apigateway-integration"] == {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": "arn:aws:apigateway:eu-west-1:lambda:path/2021-11-15/functions/"
        "arn:aws:lambda:eu-west-1:111122223333:function:f:live/response-streaming-invocations",
        "passthroughBehavior": "when_no_match",
        "timeoutInMillis": 12000,
        "responseTransferMode": "STREAM",
    }
    assert value["paths"]["/files/{name+}"]["put"]["parameters"][0]["name"] == "name+"
    anything = value["paths"]["/{proxy+}"]["x-amazon-apigateway-any-method"]
    assert anything["parameters"][0]["name"] == "proxy"
    mock = value["paths"]["/mock"]["get"]
    assert set(mock["responses"]) == {"200", "404"}
    assert mock["x-amazon-apigateway-integration"]["responses"] == {
        "default": {"statusCode": "200", "responseTemplates": {"application/json": "{}"}},
        "4..": {
            "statusCode": "404",
            "responseParameters": {"method.response.header.X": "'x'"},
            "contentHandling": "CONVERT_TO_TEXT",
        },
    }
    assert list(value["paths"]["/pets"]["post"]["requestBody"]["content"])[1:] == ["*/*"]
    assert value["paths"]["/pets"]["post"]["requestBody"]["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/Pet"}
    }
    schemes = value["components"]["securitySchemes"]
    assert schemes["tokens"]["name"] == "X-Token"
    assert schemes["tokens"]["x-amazon-apigateway-authtype"] == "custom"
    assert schemes["tokens"]["x-amazon-apigateway-authorizer"] == {
        "authorizerResultTtlInSeconds": 60,
        "type": "token",
        "authorizerUri": "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/"
        "arn:aws:lambda:eu-west-1:111122223333:function:auth/invocations",
        "identityValidationExpression": "^a",
    }
    assert schemes["iam"]["x-amazon-apigateway-authtype"] == "awsSigv4"
    assert schemes["users"]["x-amazon-apigateway-authtype"] == "cognito_user_pools"
    assert value["x-amazon-apigateway-minimum-compression-size"] == 0
    assert value["x-amazon-apigateway-binary-media-types"] == ["image/*"]
    assert value["x-amazon-apigateway-api-key-source"] == "HEADER"
    assert set(value["x-amazon-apigateway-request-validators"]) == {"parameters", "body"}
    assert value["x-amazon-apigateway-gateway-responses"]["DEFAULT_4XX"]["statusCode"] == "404"


def test_models_become_schemas_of_openapi() -> None:
    api = Api("shop", "rest", (Route("/pets", F, "GET"),), models=MODELS)
    schemas = written(api)["components"]["schemas"]
    assert schemas["Pet.kind"] == {"enum": ["cat", "dog"]}
    pet = schemas["Pet"]
    assert set(pet) == {"type", "required", "properties", "additionalProperties"}
    assert pet["properties"] == {
        "name": {"type": "string", "nullable": True, "maxLength": 9},
        "tags": {"type": "array", "items": {}},
        "kind": {"$ref": "#/components/schemas/Pet.kind"},
        "owner": {"$ref": "#/components/schemas/Owner"},
        "either": {"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]},
        "pair": {"type": "array", "items": {}},
        "more": {"anyOf": [{}, {"not": {"type": "string"}}]},
    }


def test_an_http_api() -> None:
    api = Api(
        "web",
        "http",
        (
            Route("$default", F),
            Route("/a/{id}", F, "GET", authorizer=JWT, scopes=("a", "b")),
            Route(
                "/b",
                Integration(
                    "http_proxy",
                    uri="https://example.com",
                    request_parameters={"overwrite:path": "/x"},
                    response_parameters={"200": {"remove:header.x": "''"}},
                ),
                authorizer=REQUEST,
            ),
            Route("/c", Integration(function="f", payload="v1"), "GET"),
        ),
        cors=Cors(allow_origins=("*",), max_age_s=5),
    )
    value = written(api)
    assert value["servers"] == [{"url": "/"}]
    default = value["paths"]["/$default"]["x-amazon-apigateway-any-method"]
    assert default["isDefaultRoute"]
    assert value["paths"]["/a/{id}"]["get"]["security"] == [{"jwt": ["a", "b"]}]
    assert value["components"]["securitySchemes"]["jwt"]["x-amazon-apigateway-authorizer"] == {
        "type": "jwt",
        "jwtConfiguration": {"issuer": "https://issuer.example", "audience": ["web"]},
        "identitySource": "$request.header.Authorization",
    }
    asks = value["components"]["securitySchemes"]["asks"]
    assert (asks["in"], asks["name"]) == ("query", "token")
    assert asks["x-amazon-apigateway-authorizer"]["enableSimpleResponses"]
    assert value["paths"]["/b"]["x-amazon-apigateway-any-method"][
        "x-amazon-apigateway-integration"
    ] == {
        "type": "http_proxy",
        "httpMethod": "ANY",
        "uri": "https://example.com",
        "payloadFormatVersion": "1.0",
        "responseParameters": {"200": {"remove:header.x": "''"}},
        "requestParameters": {"overwrite:path": "/x"},
        "timeoutInMillis": 29000,
    }
    version = value["paths"]["/c"]["get"]["x-amazon-apigateway-integration"]["payloadFormatVersion"]
    assert version == "1.0"
    assert value["x-amazon-apigateway-cors"]["allowOrigins"] == ["*"]
    assert value["x-amazon-apigateway-cors"]["maxAge"] == 5


def test_several_apis_in_one_document() -> None:
    own = Authorizer("lambda", "auth", function="auth", ttl_s=0)
    other = Authorizer("lambda", "auth", function="auth", ttl_s=9)
    rest = Api("shop", "rest", (Route("/a", F, "GET", authorizer=own),), stage="v1", models=MODELS)
    http = Api(
        "web",
        "http",
        (
            Route("/a", F, "GET"),
            Route("/a", F, "PUT", authorizer=own),
            Route("/b/{x}", F, "GET", authorizer=other),
            Route("/b/{y}", F, "PUT"),
        ),
    )
    beside = (
        Api("chat", "websocket", (Route("$connect", F),)),
        Api("lb", "alb", (Route("/*", F, paths=("/*",)),)),
        Api("f-url", "url", (Route("$default", F),)),
    )
    value = written(rest, http, *beside, left_out=4)
    assert "servers" not in value
    assert value["paths"]["/a"]["get"]["servers"] == [{"url": "/v1"}]
    assert value["paths"]["/a"]["put"]["servers"] == [{"url": "/"}]
    assert set(value["paths"]) == {"/a", "/b/{x}"}
    assert value["paths"]["/b/{x}"]["put"]["parameters"][0]["name"] == "x"
    assert set(value["components"]["securitySchemes"]) == {"shop.auth", "web.auth", "web.auth-2"}
    assert "shop.Pet" in value["components"]["schemas"]


def test_a_function_url_alone() -> None:
    value = written(Api("f-url", "url", (Route("$default", F),), auth="iam"))
    anything = value["paths"]["/$default"]["x-amazon-apigateway-any-method"]
    assert anything["security"] == [{"iam": []}]
    assert written()["paths"] == {}


def test_a_route_to_what_is_not_here_keeps_its_place() -> None:
    away = Integration("unavailable", uri="DynamoDB PutItem")
    value = written(Api("a", "rest", (Route("/a", away, "PUT"),)), left_out=1)
    assert "x-amazon-apigateway-integration" not in value["paths"]["/a"]["put"]


SEGMENTS = st.sampled_from(["a", "b.c", "{x}", "{y}", "{z-1}"])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ANY", "GET", "POST", "DELETE", "OPTIONS"]),
            st.lists(SEGMENTS, unique=True, max_size=3),
            st.sampled_from(["", "{proxy+}"]),
        ),
        max_size=6,
    ),
    st.sampled_from(["rest", "http"]),
)
def test_every_table_of_routes_is_a_valid_document(
    routes: list[tuple[str, list[str], str]], kind: Any
) -> None:
    table = tuple(
        Route("/" + "/".join([*parts, *([last] if last else [])]), F, method)
        for method, parts, last in routes
    )
    written(Api("a", kind, table))
