"""APIs as an OpenAPI 3.0 document with API Gateway's extensions: :func:`document`.

https://spec.openapis.org/oas/v3.0.3 and
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html

A route for every method is an ``x-amazon-apigateway-any-method``, as API Gateway itself exports it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lambdactl.manifest.apis import Api, Authorizer, Integration, Route
from lambdactl.triggers.http import openapi_schemas

VERSION = "3.0.3"
_ANY = "x-amazon-apigateway-any-method"
_PARAMETER = re.compile(r"\{([^{}]+)\}")
_PLACES = {
    "header": "header",
    "multivalueheader": "header",
    "querystring": "query",
    "multivaluequerystring": "query",
}
_TYPES = {
    "lambda_proxy": "aws_proxy",
    "lambda": "aws",
    "mock": "mock",
    "http": "http",
    "http_proxy": "http_proxy",
}
Object = dict[str, Any]


class Document(NamedTuple):
    """:ivar left_out: what OpenAPI can't say, a sentence each."""

    value: Object
    left_out: tuple[str, ...]


def document(
    apis: Sequence[Api],
    title: str,
    *,
    region: str = "us-east-1",
    account: str = "123456789012",
) -> Document:
    """One document of all ``apis``: REST and HTTP APIs, and function URLs where there is nothing
    else. What several APIs have under one path and method is the first one's.

    :param title: of the document; the service's name.
    """
    left_out = [
        f"`{api.name}` is a {'WebSocket API' if api.kind == 'websocket' else 'load balancer'}"
        for api in apis
        if api.kind in ("websocket", "alb")
    ]
    described = [api for api in apis if api.kind in ("rest", "http")]
    urls = [api for api in apis if api.kind == "url"]
    if described:
        left_out += [f"`{api.name}` is a function URL beside an API" for api in urls]
    described = described or urls
    writer = _Writer(region, account, several=len(described) > 1)
    for api in described:
        writer.add(api)
    value: Object = {
        "openapi": VERSION,
        "info": {"title": title, "version": described[0].stage if described else "1"},
    }
    if len(described) == 1:
        value["servers"] = [_server(described[0])]
    value["paths"] = writer.paths
    components = {name: part for name, part in writer.components.items() if part}
    if components:
        value["components"] = components
    if len(described) == 1:
        value |= _of_whole(described[0])
    return Document(value, (*left_out, *writer.left_out))


def _server(api: Api) -> Object:
    return {"url": "/" if api.stage == "$default" else f"/{api.stage}"}


class _Writer:
    def __init__(self, region: str, account: str, *, several: bool) -> None:
        self.region = region
        self.account = account
        self.several = several
        self.paths: dict[str, Object] = {}
        self.spellings: dict[str, str] = {}
        self.owners: dict[tuple[str, str], str] = {}
        self.components: dict[str, Object] = {"schemas": {}, "securitySchemes": {}}
        self.left_out: list[str] = []

    def add(self, api: Api) -> None:
        prefix = f"{_key(api.name)}." if self.several else ""
        self.components["schemas"] |= openapi_schemas.schemas(api.models, prefix)
        for route in api.routes:
            written = "/$default" if route.path == "$default" else route.path
            # /pets/{id} and /pets/{name} are one path of OpenAPI: it has the first one's names.
            path = self.spellings.setdefault(_PARAMETER.sub("{}", written), written)
            method = _ANY if route.method == "ANY" else route.method.lower()
            owner = self.owners.setdefault((path, method), api.name)
            item = self.paths.setdefault(path, {})
            if method in item:
                if owner != api.name:
                    self.left_out.append(
                        f"{route.method} {path} of `{api.name}`: `{owner}` has it too"
                    )
                continue
            item[method] = self.operation(api, route, path, prefix)

    def operation(self, api: Api, route: Route, path: str, prefix: str) -> Object:
        found: Object = {}
        if route.operation is not None:
            found["operationId"] = prefix + route.operation
        if route.path == "$default":
            found["isDefaultRoute"] = True
        if self.several:
            found["servers"] = [_server(api)]
        parameters = list(_parameters(route, path))
        if parameters:
            found["parameters"] = parameters
        if route.request_models:
            found["requestBody"] = {
                "content": {
                    "*/*" if kind == "$default" else kind: {
                        "schema": openapi_schemas.reference(model, api.models, prefix)
                    }
                    for kind, model in route.request_models.items()
                },
                "required": True,
            }
        found["responses"] = _responses(route.integration)
        security = self.security(api, route, prefix)
        if security:
            found["security"] = [security]
        validator = _validator_name(route)
        if validator is not None:
            found["x-amazon-apigateway-request-validator"] = validator
        if route.integration.kind == "unavailable":
            self.left_out.append(
                f"{route.method} {route.path} of `{api.name}` leads to {route.integration.uri}"
            )
        else:
            found["x-amazon-apigateway-integration"] = self.integration(api, route.integration)
        return found

    def integration(self, api: Api, integration: Integration) -> Object:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html"""
        kind = _TYPES[integration.kind]
        found: Object = {"type": kind}
        if integration.function is not None:
            # API Gateway invokes functions with POST, whatever the request's method is.
            found["httpMethod"] = "POST"
            found["uri"] = self.function_uri(
                integration.function, integration.qualifier, stream=integration.stream
            )
        elif integration.uri is not None:
            found["httpMethod"] = integration.method or "ANY"
            found["uri"] = integration.uri
        if api.kind in ("http", "url"):
            found["payloadFormatVersion"] = (
                "2.0"
                if integration.kind == "lambda_proxy" and integration.payload == "v2"
                else "1.0"
            )
            responses = {
                status: dict(changes) for status, changes in integration.response_parameters.items()
            }
            found |= {"responseParameters": responses} if responses else {}
        else:
            found["passthroughBehavior"] = integration.passthrough
            if integration.request_templates:
                found["requestTemplates"] = dict(integration.request_templates)
            if integration.content_handling is not None:
                found["contentHandling"] = integration.content_handling.upper()
            if integration.responses:
                found["responses"] = _integration_responses(integration)
        if integration.request_parameters:
            found["requestParameters"] = dict(integration.request_parameters)
        if integration.kind != "mock":
            found["timeoutInMillis"] = round(integration.timeout_s * 1000)
        if integration.stream:
            found["responseTransferMode"] = "STREAM"
        return found

    def function_uri(
        self, function: str, qualifier: str = "$LATEST", *, stream: bool = False
    ) -> str:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
        has the one of functions that stream."""
        arn = function
        if not function.startswith("arn:"):
            arn = f"arn:aws:lambda:{self.region}:{self.account}:function:{function}"
        if qualifier != "$LATEST":
            arn += f":{qualifier}"
        version = "2021-11-15" if stream else "2015-03-31"
        verb = "response-streaming-invocations" if stream else "invocations"
        return f"arn:aws:apigateway:{self.region}:lambda:path/{version}/functions/{arn}/{verb}"

    # Who may call

    def security(self, api: Api, route: Route, prefix: str) -> Object:
        schemes: Object = self.components["securitySchemes"]
        found: Object = {}
        authorizer = route.authorizer
        if authorizer is None and api.auth == "iam":
            authorizer = Authorizer("iam", "iam")
        if authorizer is not None:
            name = prefix + _key(authorizer.name or authorizer.kind)
            scheme = self.scheme(api, authorizer)
            number = 1
            while schemes.setdefault(name, scheme) != scheme:
                # Two routes have authorizers of their own with the same name.
                number += 1
                name = f"{prefix}{_key(authorizer.name or authorizer.kind)}-{number}"
            scopes = route.scopes or authorizer.scopes
            found[name] = list(scopes) if authorizer.kind in ("jwt", "cognito") else []
        if route.api_key:
            schemes.setdefault("api_key", {"type": "apiKey", "name": "x-api-key", "in": "header"})
            found["api_key"] = []
        return found

    def scheme(self, api: Api, authorizer: Authorizer) -> Object:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html"""
        identity = ", ".join(authorizer.identity)
        if authorizer.kind == "jwt":
            return {
                "type": "oauth2",
                "flows": {},
                "x-amazon-apigateway-authorizer": {
                    "type": "jwt",
                    "jwtConfiguration": {
                        "issuer": authorizer.issuer,
                        "audience": list(authorizer.audience),
                    },
                    "identitySource": identity,
                },
            }
        place, name = _identity(authorizer)
        scheme: Object = {"type": "apiKey", "name": name, "in": place}
        if authorizer.kind == "iam":
            return scheme | {"x-amazon-apigateway-authtype": "awsSigv4"}
        inner: Object = {"authorizerResultTtlInSeconds": authorizer.ttl_s}
        if authorizer.kind == "cognito":
            inner |= {"type": "cognito_user_pools", "providerARNs": list(authorizer.user_pools)}
            return scheme | {
                "x-amazon-apigateway-authtype": "cognito_user_pools",
                "x-amazon-apigateway-authorizer": inner,
            }
        inner |= {
            "type": authorizer.type,
            "authorizerUri": self.function_uri(authorizer.function or ""),
        }
        if authorizer.type == "request" and identity:
            inner["identitySource"] = identity
        if authorizer.validation is not None:
            inner["identityValidationExpression"] = authorizer.validation
        if api.kind == "http":
            simple = authorizer.simple and authorizer.payload == "v2"
            inner["authorizerPayloadFormatVersion"] = "2.0" if authorizer.payload == "v2" else "1.0"
            inner |= {"enableSimpleResponses": True} if simple else {}
        else:
            scheme["x-amazon-apigateway-authtype"] = "custom"
        return scheme | {"x-amazon-apigateway-authorizer": inner}


def _identity(authorizer: Authorizer) -> tuple[str, str]:
    """Where a client puts what the authorizer looks at first."""
    for source in authorizer.identity:
        match = re.search(r"request\.(header|querystring)\.(.+)", source)
        if match:
            return _PLACES[match[1]], match[2]
    return "header", "Authorization"


def _key(name: str) -> str:
    """``name`` as the key of a component (https://spec.openapis.org/oas/v3.0.3#fixed-fields-5)."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)


def _parameters(route: Route, path: str) -> Iterator[Object]:
    any_method = route.method == "ANY"
    for name in _PARAMETER.findall(path):
        # API Gateway knows a greedy parameter without its plus. OpenAPI wants the name that stands
        # in the path, but has no say in what is inside of an extension.
        yield {
            "name": name.removesuffix("+") if any_method else name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
        }
    for key, required in route.request_parameters.items():
        _, _, kind, name = key.split(".", 3)
        if kind not in _PLACES:
            continue
        schema: Object = {"type": "string"}
        if kind.startswith("multivalue"):
            schema = {"type": "array", "items": schema}
        yield {"name": name, "in": _PLACES[kind], "required": required, "schema": schema}


def _responses(integration: Integration) -> Object:
    statuses = dict.fromkeys(str(response.status) for response in integration.responses)
    if statuses:
        return {status: {"description": f"Status {status}"} for status in statuses}
    whose = {"http_proxy": "endpoint", "http": "endpoint", "mock": "mock"}
    return {"default": {"description": f"The {whose.get(integration.kind, 'function')}'s answer"}}


def _integration_responses(integration: Integration) -> Object:
    found: Object = {}
    for response in integration.responses:
        inner: Object = {"statusCode": str(response.status)}
        if response.parameters:
            inner["responseParameters"] = dict(response.parameters)
        if response.templates:
            inner["responseTemplates"] = dict(response.templates)
        if response.content_handling is not None:
            inner["contentHandling"] = response.content_handling.upper()
        found.setdefault(response.pattern or "default", inner)
    return found


def _validator_name(route: Route) -> str | None:
    validator = route.validator
    if validator is None or not (validator.body or validator.parameters):
        return None
    if validator.body and validator.parameters:
        return "body and parameters"
    return "body" if validator.body else "parameters"


def _of_whole(api: Api) -> Object:
    """What belongs to a whole API, for a document that is of that one alone."""
    found: Object = {}
    if api.kind == "http" and api.cors is not None:
        cors = api.cors
        found["x-amazon-apigateway-cors"] = {
            "allowOrigins": list(cors.allow_origins),
            "allowMethods": list(cors.allow_methods),
            "allowHeaders": list(cors.allow_headers),
            "exposeHeaders": list(cors.expose_headers),
            "allowCredentials": cors.allow_credentials,
            **({} if cors.max_age_s is None else {"maxAge": cors.max_age_s}),
        }
    if api.kind != "rest":
        return found
    validators = {
        name: {
            "validateRequestBody": route.validator.body,
            "validateRequestParameters": route.validator.parameters,
        }
        for route in api.routes
        if route.validator is not None and (name := _validator_name(route)) is not None
    }
    parts: Mapping[str, Any] = {
        "request-validators": validators,
        "binary-media-types": list(api.binary_types),
        "minimum-compression-size": api.compression_from,
        "api-key-source": api.api_key_source.upper()
        if any(route.api_key for route in api.routes)
        else None,
        "gateway-responses": {
            name: {
                **({} if answer.status is None else {"statusCode": str(answer.status)}),
                "responseParameters": dict(answer.parameters),
                "responseTemplates": dict(answer.templates),
            }
            for name, answer in api.gateway_responses.items()
        },
    }
    return {
        f"x-amazon-apigateway-{name}": value
        for name, value in parts.items()
        if value not in (None, [], {})
    }
