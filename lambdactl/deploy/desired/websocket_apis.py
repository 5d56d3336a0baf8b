"""WebSocket APIs
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lambdactl.deploy.desired import Wanted, gateway
from lambdactl.deploy.model import Resource
from lambdactl.errors import Location, UserError
from lambdactl.manifest.apis import Api, Authorizer, Integration

KIND = "websocket_api"

_PROXIES = ("lambda_proxy", "http_proxy")


def resources(wanted: Wanted) -> Iterable[Resource]:
    """The APIs, and permissions to call what they lead to.

    :raises UserError: a route leads to something that can't be deployed.
    """
    for api in gateway.apis(wanted, "websocket"):
        yield from _resources(wanted, api)


def _resources(wanted: Wanted, api: Api) -> Iterator[Resource]:
    authorizers, names = gateway.authorizers(api, lambda one: _authorizer(wanted, one))
    resource = Resource(
        kind=KIND,
        name=gateway.name_of(wanted, api),
        properties={
            "selection": api.selection,
            "authorizers": authorizers,
            "routes": {
                route.path: {
                    "integration": _integration(wanted, route.integration, route.where),
                    "authorizer": gateway.authorizer_of(route, names),
                    "response": route.response,
                }
                for route in api.routes
            },
            "stage": api.stage,
            "variables": dict(api.variables),
            "throttles": gateway.throttles(api.throttles),
            "auto_deploy": True,
        },
        needs=gateway.needs(wanted, api),
        function=gateway.function_of(wanted, api),
        where=api.where,
    )
    yield resource
    yield from gateway.permissions(wanted, api, resource.address, lambda one: f"*/{one.path}")


def _authorizer(wanted: Wanted, authorizer: Authorizer) -> dict[str, Any]:
    # A WebSocket API keeps no answer of its authorizer: it is asked once a connection.
    arn = wanted.naming.function_arn(authorizer.function or "")
    return {
        "type": "request",
        "identity": sorted(authorizer.identity),
        "uri": gateway.invocation_uri(wanted, arn),
    }


def _integration(wanted: Wanted, given: Integration, where: Location | None) -> dict[str, Any]:
    uri, method = given.uri, given.method or "ANY"
    if given.function is not None:
        arn = wanted.naming.function_arn(given.function, given.qualifier)
        uri, method = gateway.invocation_uri(wanted, arn), "POST"
    found: dict[str, Any] = {
        "type": given.kind,
        "uri": uri,
        "method": None if given.kind == "mock" else method,
        "timeout_ms": round(given.timeout_s * 1000),
        "request_parameters": dict(given.request_parameters),
    }
    if given.kind not in _PROXIES:
        template = chosen(given.request_templates)
        if template is None and given.kind == "mock":
            template = '{"statusCode": 200}'
        found |= {
            "template": template,
            "passthrough": given.passthrough,
            "content_handling": given.content_handling,
            "responses": _responses(given, where),
        }
    return found


def _responses(given: Integration, where: Location | None) -> dict[str, Any]:
    """What is answered, by integration response key
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-responses.html)."""
    found: dict[str, Any] = {}
    for response in given.responses:
        key = "$default" if response.pattern is None else f"/{response.pattern}/"
        if key in found:
            raise UserError(
                f"two responses of an integration have the same pattern {response.pattern or ''}",
                where=where,
                hint="API Gateway takes one response for each pattern, and one without",
            )
        found[key] = {
            "template": chosen(response.templates),
            "parameters": dict(response.parameters),
            "content_handling": response.content_handling,
        }
    return found or {
        "$default": {"template": None, "parameters": {}, "content_handling": None},
    }


def chosen(templates: Mapping[str, str]) -> str | None:
    """The template of those by content type that a WebSocket API uses: messages have no type."""
    for kind in ("application/json", "$default"):
        if kind in templates:
            return templates[kind]
    return next(iter(templates.values()), None)
