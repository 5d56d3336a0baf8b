"""HTTP APIs (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lambdactl.deploy import gateway_shapes
from lambdactl.deploy.desired import Wanted, gateway
from lambdactl.deploy.model import Resource
from lambdactl.manifest.apis import Api, Authorizer, Integration, Route
from lambdactl.manifest.features import Cors

KIND = "http_api"


def resources(wanted: Wanted) -> Iterable[Resource]:
    """The APIs, and permissions to call what they lead to.

    :raises UserError: a route leads to something that can't be deployed.
    """
    for api in gateway.apis(wanted, "http"):
        yield from _resources(wanted, api)


def _resources(wanted: Wanted, api: Api) -> Iterator[Resource]:
    authorizers, names = gateway.authorizers(api, lambda one: _authorizer(wanted, one))
    resource = Resource(
        kind=KIND,
        name=gateway.name_of(wanted, api),
        properties={
            "cors": None if api.cors is None else _cors(api.cors),
            "authorizers": authorizers,
            "routes": {
                _key(route): {
                    "integration": _integration(wanted, route.integration),
                    "authorizer": gateway.authorizer_of(route, names),
                    "scopes": _scopes(route),
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
    yield from gateway.permissions(wanted, api, resource.address, _pattern)


def _key(route: Route) -> str:
    return route.path if route.path == "$default" else f"{route.method} {route.path}"


def _pattern(route: Route) -> str:
    if route.path == "$default":
        return "*/$default"
    method = "*" if route.method == "ANY" else route.method
    return f"*/{method}{gateway.path_pattern(route.path)}"


def _scopes(route: Route) -> list[str]:
    if route.authorizer is None or route.authorizer.kind != "jwt":
        return []
    return sorted(route.scopes or route.authorizer.scopes)


def _cors(given: Cors) -> dict[str, Any]:
    return gateway_shapes.cors(
        origins=given.allow_origins,
        methods=given.allow_methods,
        headers=given.allow_headers,
        exposed=given.expose_headers,
        credentials=given.allow_credentials,
        max_age_s=given.max_age_s,
    )


def _authorizer(wanted: Wanted, authorizer: Authorizer) -> dict[str, Any]:
    if authorizer.kind == "jwt":
        return {
            "type": "jwt",
            "identity": sorted(authorizer.identity),
            "issuer": authorizer.issuer,
            "audience": sorted(authorizer.audience),
        }
    arn = wanted.naming.function_arn(authorizer.function or "")
    return {
        "type": "request",
        "identity": sorted(authorizer.identity),
        "uri": gateway.invocation_uri(wanted, arn),
        "payload": _PAYLOADS[authorizer.payload],
        "simple": authorizer.simple and authorizer.payload == "v2",
        "ttl_s": gateway.caching(authorizer),
    }


_PAYLOADS = {"v1": "1.0", "v2": "2.0"}


def _integration(wanted: Wanted, given: Integration) -> dict[str, Any]:
    if given.function is not None:
        uri = wanted.naming.function_arn(given.function, given.qualifier)
        method, payload = "POST", _PAYLOADS[given.payload]
    else:
        # 1.0 is the only format for what is no function:
        # https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html
        uri, method, payload = given.uri or "", given.method or "ANY", "1.0"
    return {
        "type": given.kind,
        "uri": uri,
        "method": method,
        "payload": payload,
        "timeout_ms": round(given.timeout_s * 1000),
        "request_parameters": dict(given.request_parameters),
        "response_parameters": {
            status: dict(mapping) for status, mapping in given.response_parameters.items()
        },
    }
