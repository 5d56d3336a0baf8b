"""REST APIs (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-rest-api.html).

What belongs to a whole API; its methods are in :mod:`.rest_methods`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from lambdactl.deploy.desired import Wanted, gateway, rest_methods
from lambdactl.deploy.gateway_shapes import gateway_response, throttle
from lambdactl.deploy.model import Resource
from lambdactl.manifest.apis import Api, Authorizer, Route, UsagePlan

KIND = "rest_api"

_MODEL = re.compile(
    r"#/(?:definitions|components/schemas|models)/([^/]+)$|"
    r"https?://apigateway\.[^/]+/restapis/[^/]+/models/([A-Za-z0-9]+)$"
)


def resources(wanted: Wanted) -> Iterable[Resource]:
    """The APIs, and permissions to call what they lead to.

    :raises UserError: a route leads to something that can't be deployed.
    """
    for api in gateway.apis(wanted, "rest"):
        yield from _resources(wanted, api)


def _resources(wanted: Wanted, api: Api) -> Iterator[Resource]:
    authorizers, names = gateway.authorizers(api, lambda one: _authorizer(wanted, one))
    routes = rest_methods.routes(wanted, api, names)
    keys = _keys(wanted, api)
    resource = Resource(
        kind=KIND,
        name=gateway.name_of(wanted, api),
        properties={
            # A Regional one is called where its functions are; what is edge-optimized goes through
            # a distribution that lambdactl knows nothing of.
            "endpoint": "REGIONAL",
            "binary_types": sorted(api.binary_types),
            "compression_from": api.compression_from,
            "api_key_source": api.api_key_source,
            "authorizers": authorizers,
            "validators": rest_methods.validators(api),
            "models": {name: _model(schema, api) for name, schema in api.models.items()},
            "gateway_responses": {
                name: gateway_response(name, given.status, given.parameters, given.templates)
                for name, given in api.gateway_responses.items()
            },
            "routes": routes,
            "stage": api.stage,
            "variables": dict(api.variables),
            "throttles": gateway.throttles(api.throttles),
            "api_keys": keys,
            "usage_plans": {plan.name: _plan(plan, api) for plan in api.usage_plans},
            # What callers get is the deployment of the stage: it has to be that of all this.
            "deployed": True,
        },
        needs=gateway.needs(wanted, api),
        function=gateway.function_of(wanted, api),
        secrets=frozenset(f"api_keys.{name}.value" for name in keys),
        where=api.where,
    )
    yield resource
    yield from gateway.permissions(wanted, api, resource.address, _pattern)


def _pattern(route: Route) -> str:
    method = "*" if route.method == "ANY" else route.method
    return f"*/{method}{gateway.path_pattern(route.path)}"


def _authorizer(wanted: Wanted, authorizer: Authorizer) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html"""
    found: dict[str, Any] = {
        "type": "cognito" if authorizer.kind == "cognito" else authorizer.type,
        "identity": list(authorizer.identity),
        "validation": authorizer.validation,
    }
    if authorizer.kind == "cognito":
        # A token is checked each time, so nothing is kept.
        return found | {"user_pools": sorted(authorizer.user_pools)}
    arn = wanted.naming.function_arn(authorizer.function or "")
    return found | {
        "uri": gateway.invocation_uri(wanted, arn),
        "ttl_s": gateway.caching(authorizer),
    }


def _model(schema: Any, api: Api) -> Any:
    """The schema, with references to other models of the API as ``#/models/Pet``."""
    if isinstance(schema, dict):
        found = {key: _model(value, api) for key, value in schema.items()}
        reference = schema.get("$ref")
        match = _MODEL.match(reference) if isinstance(reference, str) else None
        if match is not None and (name := match[1] or match[2]) in api.models:
            found["$ref"] = f"#/models/{name}"
        return found
    return [_model(one, api) for one in schema] if isinstance(schema, list) else schema


def _keys(wanted: Wanted, api: Api) -> dict[str, dict[str, Any]]:
    """The API keys. One without a value in the manifest gets a secret one from AWS; on this
    machine it has one that anybody could work out."""
    given = wanted.app.apis[api.name].settings.get("api_keys", {}) if api.api_keys else {}
    found: dict[str, dict[str, Any]] = {}
    for key in api.api_keys:
        fields = given[key.name]
        value = fields if isinstance(fields, str) else fields.get("value")
        found[key.name] = {"enabled": key.enabled}
        if value:
            found[key.name]["value"] = value
    return found


def _plan(plan: UsagePlan, api: Api) -> dict[str, Any]:
    names = {key.id: key.name for key in api.api_keys}
    limits = quota = None
    if plan.throttle is not None:
        limits = throttle(plan.throttle.rate, plan.throttle.burst)
    if plan.quota is not None:
        quota = {"limit": plan.quota, "period": plan.quota_period, "offset": plan.quota_offset}
    return {
        # A mapping has no order.
        "keys": {names[key]: True for key in plan.keys},
        "stage": api.stage,
        "throttle": limits,
        "throttles": gateway.throttles(plan.method_throttles),
        "quota": quota,
    }
