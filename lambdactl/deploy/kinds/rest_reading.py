"""What there is of a REST API, in the shape in which it is wanted.

Eight calls read all of one, however many methods it has: ``GetResources`` tells methods,
integrations and responses along
(https://docs.aws.amazon.com/apigateway/latest/api/API_GetResources.html).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdactl.deploy.gateway_shapes import NO_THROTTLE, gateway_response, throttle
from lambdactl.deploy.kinds import gateway
from lambdactl.deploy.model import Context, digest

DEPLOYED = "lambdactl "
"""How the description of a deployment of ours begins; the digest of what it deployed follows."""

_TIMEOUT_MS = 29_000
_PAGE = 500
_GIVEN_MODELS = ("Empty", "Error")
"""Models that every API has from the beginning."""
_DECISIONS = {"TOKEN": "token", "REQUEST": "request", "COGNITO_USER_POOLS": "cognito"}


@dataclass(frozen=True, slots=True)
class Parts:
    """What there is of one API.

    :ivar resources: by path, with their methods.
    :ivar authorizers: by name, as are ``validators`` and ``models``.
    :ivar gateway_responses: by type, those that are not AWS's own.
    :ivar stages: those of ours, by name.
    :ivar deployment: the description of what the stage shows.
    """

    api: Mapping[str, Any]
    resources: Mapping[str, Mapping[str, Any]]
    authorizers: Mapping[str, Mapping[str, Any]]
    validators: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]
    gateway_responses: Mapping[str, Mapping[str, Any]]
    stages: Mapping[str, Mapping[str, Any]]
    deployment: str = ""


def pages(client: Any, operation: str, **arguments: Any) -> list[Mapping[str, Any]]:
    """All items of a listing."""
    found: list[Mapping[str, Any]] = []
    config = {"PageSize": _PAGE}
    for page in client.get_paginator(operation).paginate(**arguments, PaginationConfig=config):
        found += page.get("items", ())
    return found


def parts(context: Context, client: Any, api: Mapping[str, Any]) -> Parts:
    """Read one API."""
    id_ = api["id"]

    def named(operation: str) -> dict[str, Mapping[str, Any]]:
        return {item["name"]: item for item in pages(client, operation, restApiId=id_)}

    stages = {
        item["stageName"]: item
        for item in client.get_stages(restApiId=id_)["item"]
        if gateway.ours(context, item)
    }
    deployment = ""
    if stages:
        shown = stages[min(stages)].get("deploymentId")
        found = client.get_deployment(restApiId=id_, deploymentId=shown) if shown else {}
        deployment = found.get("description") or ""
    return Parts(
        api=api,
        resources={
            item["path"]: item
            for item in pages(client, "get_resources", restApiId=id_, embed=["methods"])
        },
        authorizers=named("get_authorizers"),
        validators=named("get_request_validators"),
        models=named("get_models"),
        gateway_responses={
            item["responseType"]: item
            for item in pages(client, "get_gateway_responses", restApiId=id_)
            if not item.get("defaultResponse")
        },
        stages=stages,
        deployment=deployment,
    )


def definition(found: Parts) -> dict[str, Any]:
    """Properties of the API that callers get with its next deployment only."""
    api = found.api
    endpoint = (api.get("endpointConfiguration") or {}).get("types") or ["EDGE"]
    return {
        "endpoint": endpoint[0],
        "binary_types": sorted(api.get("binaryMediaTypes") or ()),
        "compression_from": api.get("minimumCompressionSize"),
        "api_key_source": str(api.get("apiKeySource") or "HEADER").lower(),
        "authorizers": {name: authorizer(item) for name, item in found.authorizers.items()},
        "validators": {name: _validator(item) for name, item in found.validators.items()},
        "models": {
            name: model(item) for name, item in found.models.items() if name not in _GIVEN_MODELS
        },
        "gateway_responses": {
            name: _gateway_response(item) for name, item in found.gateway_responses.items()
        },
        "routes": routes(found),
    }


def stage(item: Mapping[str, Any]) -> dict[str, Any]:
    """Properties of a stage."""
    limits = {
        _route(key): _throttle(one) for key, one in (item.get("methodSettings") or {}).items()
    }
    return {
        "variables": dict(item.get("variables") or {}),
        "throttles": {key: one for key, one in limits.items() if one != NO_THROTTLE},
    }


def deployed_as(properties: Mapping[str, Any]) -> str:
    """The description of the deployment of an API that is so."""
    return DEPLOYED + digest(properties)


def _route(key: str) -> str:
    """``~1pets/GET`` as the manifest has it: ``/pets/GET``."""
    path, _, method = key.rpartition("/")
    path = path.replace("~1", "/")
    return f"{path if path == '*' or path.startswith('/') else f'/{path}'}/{method}"


def _throttle(settings: Mapping[str, Any]) -> dict[str, Any]:
    rate, burst = settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")
    # -1: it was never set.
    return throttle(
        None if rate is None or rate < 0 else rate, None if burst is None or burst < 0 else burst
    )


def authorizer(item: Mapping[str, Any]) -> dict[str, Any]:
    sources = item.get("identitySource") or ""
    found: dict[str, Any] = {
        "type": _DECISIONS.get(item["type"], item["type"]),
        "identity": [one.strip() for one in sources.split(",") if one.strip()],
        "validation": item.get("identityValidationExpression"),
    }
    if found["type"] == "cognito":
        return found | {"user_pools": sorted(item.get("providerARNs") or ())}
    return found | {
        "uri": item.get("authorizerUri"),
        "ttl_s": int(item.get("authorizerResultTtlInSeconds") or 0),
    }


def _validator(item: Mapping[str, Any]) -> dict[str, bool]:
    return {
        "body": bool(item.get("validateRequestBody")),
        "parameters": bool(item.get("validateRequestParameters")),
    }


def model(item: Mapping[str, Any]) -> Any:
    """The schema, with references to other models as ``#/models/Pet``."""

    def shortened(value: Any) -> Any:
        if isinstance(value, dict):
            found = {key: shortened(child) for key, child in value.items()}
            reference = value.get("$ref")
            if isinstance(reference, str) and "/restapis/" in reference:
                found["$ref"] = f"#/models/{reference.rpartition('/')[2]}"
            return found
        return [shortened(one) for one in value] if isinstance(value, list) else value

    return shortened(json.loads(item.get("schema") or "{}"))


def _gateway_response(item: Mapping[str, Any]) -> dict[str, Any]:
    status = item.get("statusCode")
    return gateway_response(
        item["responseType"],
        int(status) if status else None,
        item.get("responseParameters") or {},
        item.get("responseTemplates") or {},
    )


def routes(found: Parts) -> dict[str, Any]:
    """Methods by ``GET /pets``."""
    authorizers = {item["id"]: name for name, item in found.authorizers.items()}
    validators = {item["id"]: name for name, item in found.validators.items()}
    return {
        f"{verb} {path}": _method(method, authorizers, validators)
        for path, resource in found.resources.items()
        for verb, method in (resource.get("resourceMethods") or {}).items()
    }


def _method(
    item: Mapping[str, Any], authorizers: Mapping[str, str], validators: Mapping[str, str]
) -> dict[str, Any]:
    kind, name = item.get("authorizationType"), None
    if kind == "AWS_IAM":
        name = "iam"
    elif kind in ("CUSTOM", "COGNITO_USER_POOLS"):
        # One that is not there is a difference, too.
        name = authorizers.get(item.get("authorizerId") or "", "?")
    integration = item.get("methodIntegration")
    cognito = kind == "COGNITO_USER_POOLS"
    return {
        "authorizer": name,
        "scopes": sorted(item.get("authorizationScopes") or ()) if cognito else [],
        "api_key": bool(item.get("apiKeyRequired")),
        "validator": validators.get(item.get("requestValidatorId") or ""),
        "operation": item.get("operationName") or None,
        "request_parameters": dict(item.get("requestParameters") or {}),
        "request_models": dict(item.get("requestModels") or {}),
        "integration": _integration(integration) if integration else None,
        "responses": _responses(item),
    }


def _integration(item: Mapping[str, Any]) -> dict[str, Any]:
    kind, uri = item["type"], item.get("uri")
    mode = item.get("responseTransferMode")
    handling = item.get("contentHandling")
    proxy = kind.endswith("_PROXY")
    return {
        "type": kind,
        "uri": uri or None,
        "method": None if kind == "MOCK" else item.get("httpMethod"),
        "timeout_ms": item.get("timeoutInMillis") or _TIMEOUT_MS,
        # Only this way of calling a function streams.
        "stream": mode == "STREAM" if mode else bool(uri and uri.endswith("streaming-invocations")),
        "passthrough": str(item.get("passthroughBehavior") or "WHEN_NO_MATCH").lower(),
        "content_handling": handling.lower() if handling else None,
        "request_parameters": dict(item.get("requestParameters") or {}),
        "request_templates": {} if proxy else _templates(item.get("requestTemplates")),
    }


def _templates(given: Mapping[str, str | None] | None) -> dict[str, str]:
    return {kind: text or "" for kind, text in (given or {}).items()}


def _responses(method: Mapping[str, Any]) -> dict[str, Any]:
    """Integration responses that the method can give: one that it can't is none."""
    integration = method.get("methodIntegration") or {}
    if not integration or integration["type"].endswith("_PROXY"):
        return {}
    declared = method.get("methodResponses") or {}
    found = {}
    for status, item in (integration.get("integrationResponses") or {}).items():
        allowed = (declared.get(status) or {}).get("responseParameters") or {}
        handling = item.get("contentHandling")
        if status in declared:
            found[status] = {
                "pattern": item.get("selectionPattern") or None,
                "parameters": {
                    name: value
                    for name, value in (item.get("responseParameters") or {}).items()
                    if name in allowed
                },
                "templates": _templates(item.get("responseTemplates")),
                "content_handling": handling.lower() if handling else None,
            }
    return found
