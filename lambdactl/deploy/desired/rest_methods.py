"""The methods of a REST API: what a request must be, where it leads, what is answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lambdactl.deploy.desired import Wanted, gateway
from lambdactl.deploy.desired.gateway import Authorizers
from lambdactl.errors import UserError
from lambdactl.manifest.apis import Api, Integration, IntegrationResponse, Route, Validator

_PROXIES = ("lambda_proxy", "http_proxy")
_TYPES = {
    "lambda_proxy": "AWS_PROXY",
    "lambda": "AWS",
    "http_proxy": "HTTP_PROXY",
    "http": "HTTP",
    "mock": "MOCK",
}
_REQUESTED = re.compile(
    r"method\.request\.(?:multivalue)?(querystring|header|path)\.([A-Za-z0-9._$-]+)"
)
_PLACE = re.compile(r"\{([^}+]+)\+?\}")


def routes(wanted: Wanted, api: Api, names: Authorizers) -> dict[str, Any]:
    """Methods by ``GET /pets``, those that answer preflights among them.

    :raises UserError: two responses of an integration have the same status.
    """
    found = {_key(route): _method(wanted, route, names) for route in api.routes}
    for route in _preflights(api):
        found.setdefault(_key(route), _method(wanted, route, names))
    return found


def _key(route: Route) -> str:
    return f"{route.method} {route.path}"


def validators(api: Api) -> dict[str, Any]:
    """The request validators of the routes."""
    found = {}
    for route in api.routes:
        name = _validator(route.validator)
        if name is not None and route.validator is not None:
            found[name] = {"body": route.validator.body, "parameters": route.validator.parameters}
    return found


def _validator(given: Validator | None) -> str | None:
    if given is None or not (given.body or given.parameters):
        return None
    return " and ".join(word for word in ("body", "parameters") if getattr(given, word))


def _method(wanted: Wanted, route: Route, names: Authorizers) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/api/API_PutMethod.html"""
    integration = _integration(wanted, route)
    cognito = route.authorizer is not None and route.authorizer.kind == "cognito"
    own = route.authorizer.scopes if route.authorizer is not None else ()
    return {
        "authorizer": gateway.authorizer_of(route, names),
        "scopes": sorted(route.scopes or own) if cognito else [],
        "api_key": route.api_key,
        "validator": _validator(route.validator),
        "operation": route.operation,
        "request_parameters": _declared(route, integration),
        "request_models": dict(route.request_models),
        "integration": integration,
        "responses": _responses(route),
    }


def _declared(route: Route, integration: dict[str, Any]) -> dict[str, bool]:
    """The parameters of the request: an integration can only use those that its method has
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html)."""
    found = dict(route.request_parameters)
    for source in integration["request_parameters"].values():
        for place, name in _REQUESTED.findall(source):
            found.setdefault(f"method.request.{place}.{name}", place == "path")
    return found


def _integration(wanted: Wanted, route: Route) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegration.html"""
    given = route.integration
    mapped = given.kind not in _PROXIES
    uri, method = given.uri, given.method or route.method
    parameters = dict(given.request_parameters)
    if given.function is not None:
        arn = wanted.naming.function_arn(given.function, given.qualifier)
        uri, method = gateway.invocation_uri(wanted, arn, stream=given.stream), "POST"
    elif given.kind != "mock":
        parameters = _placed(route) | parameters
    return {
        "type": _TYPES[given.kind],
        "uri": None if given.kind == "mock" else uri,
        "method": None if given.kind == "mock" else method,
        "timeout_ms": round(given.timeout_s * 1000),
        "stream": given.stream,
        "passthrough": given.passthrough if mapped else "when_no_match",
        "content_handling": given.content_handling,
        "request_parameters": parameters,
        "request_templates": dict(given.request_templates) if mapped else {},
    }


def _placed(route: Route) -> dict[str, str]:
    """Path parameters of the route that the URI has, too: each goes where its name is."""
    there = set(_PLACE.findall(route.path))
    return {
        f"integration.request.path.{name}": f"method.request.path.{name}"
        for name in _PLACE.findall(route.integration.uri or "")
        if name in there
    }


def _responses(route: Route) -> dict[str, Any]:
    """Integration responses by status, each with the method response of what it sets
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-response.html).

    :raises UserError: two have the same status.
    """
    if route.integration.kind in _PROXIES:
        return {}
    found: dict[str, Any] = {}
    for response in route.integration.responses:
        status = str(response.status)
        if status in found:
            raise UserError(
                f"{_key(route)} answers {status} in two ways",
                where=route.where,
                hint="API Gateway has one integration response for each status: join their "
                "patterns with `|`",
            )
        found[status] = {
            "pattern": response.pattern,
            "parameters": dict(response.parameters),
            "templates": dict(response.templates),
            "content_handling": response.content_handling,
        }
    return found


def _preflights(api: Api) -> Iterator[Route]:
    """An ``OPTIONS`` method for each path that has none, as SAM's ``Cors`` makes them
    (https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-corsconfiguration.html)."""
    if api.cors is None:
        return
    from lambdactl.triggers.http.rest.cors import preflights

    for path, answer in preflights(api).items():
        parameters = {
            f"method.response.header.{name}": f"'{value}'"
            for name, value in answer.headers
            if name != "Content-Type"
        }
        body = {"application/json": bytes(answer.body).decode()}
        integration = Integration(
            "mock",
            request_templates={"application/json": '{"statusCode": 200}'},
            responses=(IntegrationResponse(200, parameters=parameters, templates=body),),
            # Else a preflight fails where every media type is binary.
            content_handling="convert_to_text",
        )
        yield Route(path=path, method="OPTIONS", integration=integration, where=api.where)
