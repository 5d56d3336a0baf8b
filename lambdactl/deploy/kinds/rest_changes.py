"""Changes the definition of a REST API, call by call.

Callers see nothing of it until it is deployed. So a method that is not as it should be is deleted
and made anew, which is the same call for every difference, and the paths that are not wanted any
more go first: a path has one child with a parameter at most
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.kinds import rest_reading
from lambdactl.deploy.kinds.rest_reading import Parts

_TYPES = {"token": "TOKEN", "request": "REQUEST", "cognito": "COGNITO_USER_POOLS"}
_AUTHORIZATION = {"token": "CUSTOM", "request": "CUSTOM", "cognito": "COGNITO_USER_POOLS"}
_GONE = "NotFoundException"

Patch = list[dict[str, str]]


def change(client: Any, parts: Parts, live: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Make what differs between ``live``, the definition of ``parts``, and ``wanted`` as it is
    wanted."""
    id_ = parts.api["id"]
    patch = whole(live, wanted)
    if patch:
        client.update_rest_api(restApiId=id_, patchOperations=patch)
    resources = {path: item["id"] for path, item in parts.resources.items()}
    stale = [key for key, method in live["routes"].items() if wanted["routes"].get(key) != method]
    for key in stale:
        verb, path = key.split(" ", 1)
        with allowed(_GONE):
            client.delete_method(restApiId=id_, resourceId=resources[path], httpMethod=verb)
    _delete_resources(client, id_, resources, wanted["routes"])
    authorizers = _authorizers(client, parts, wanted["authorizers"])
    validators = _validators(client, parts, wanted["validators"])
    _models(client, id_, live["models"], wanted["models"])
    for key, method in wanted["routes"].items():
        if live["routes"].get(key) != method:
            verb, path = key.split(" ", 1)
            resource = _resource(client, id_, resources, path)
            place = {"restApiId": id_, "resourceId": resource, "httpMethod": verb}
            kinds = {name: one["type"] for name, one in wanted["authorizers"].items()}
            _method(client, place, method, kinds, authorizers, validators)
    _gateway_responses(client, id_, live["gateway_responses"], wanted["gateway_responses"])
    _delete_unused(client, parts, live, wanted)


# The whole API


def whole(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> Patch:
    """https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html"""
    found: Patch = []
    if live["endpoint"] != wanted["endpoint"]:
        path = f"/endpointConfiguration/types/{live['endpoint']}"
        found.append({"op": "replace", "path": path, "value": wanted["endpoint"]})
    there, needed = set(live["binary_types"]), set(wanted["binary_types"])
    for op, types in (("add", needed - there), ("remove", there - needed)):
        found += [
            {"op": op, "path": f"/binaryMediaTypes/{escaped(one)}", "value": one}
            for one in sorted(types)
        ]
    if live["api_key_source"] != wanted["api_key_source"]:
        value = wanted["api_key_source"].upper()
        found.append({"op": "replace", "path": "/apiKeySource", "value": value})
    if live["compression_from"] != wanted["compression_from"]:
        size = {"op": "replace", "path": "/minimumCompressionSize"}
        if wanted["compression_from"] is not None:
            size["value"] = str(wanted["compression_from"])
        found.append(size)
    return found


def escaped(word: str) -> str:
    """As part of the path of a patch (https://www.rfc-editor.org/rfc/rfc6901#section-3).

    >>> escaped("image/png")
    'image~1png'
    """
    return word.replace("~", "~0").replace("/", "~1")


# Paths


def _paths(routes: Mapping[str, Any]) -> set[str]:
    """The paths of ``routes``, and all that they lie under."""
    found = {"/"}
    for key in routes:
        path = key.split(" ", 1)[1]
        while path not in ("", "/"):
            found.add(path)
            path = path.rpartition("/")[0]
    return found


def _delete_resources(
    client: Any, id_: str, resources: dict[str, str], routes: Mapping[str, Any]
) -> None:
    # The deepest first: deleting one deletes all under it.
    needed = _paths(routes)
    for path in sorted(resources, key=lambda one: -one.count("/")):
        if path not in needed:
            with allowed(_GONE):
                client.delete_resource(restApiId=id_, resourceId=resources.pop(path))


def _resource(client: Any, id_: str, resources: dict[str, str], path: str) -> str:
    """The id of a path's resource, which is made where there is none."""
    if path not in resources:
        before, _, part = path.rpartition("/")
        parent = _resource(client, id_, resources, before or "/")
        made = client.create_resource(restApiId=id_, parentId=parent, pathPart=part)
        resources[path] = made["id"]
    return resources[path]


# Methods


def _method(
    client: Any,
    place: Mapping[str, str],
    wanted: Mapping[str, Any],
    kinds: Mapping[str, str],
    authorizers: Mapping[str, str],
    validators: Mapping[str, str],
) -> None:
    """Make a method that is not there: what it answers before where it leads, and then how the
    one becomes the other."""
    name = wanted["authorizer"]
    arguments: dict[str, Any] = {
        "authorizationType": "NONE" if name is None else "AWS_IAM",
        "apiKeyRequired": wanted["api_key"],
        "requestParameters": wanted["request_parameters"],
        "requestModels": wanted["request_models"],
    }
    if name in authorizers:
        arguments["authorizationType"] = _AUTHORIZATION[kinds[name]]
        arguments["authorizerId"] = authorizers[name]
    if wanted["scopes"]:
        arguments["authorizationScopes"] = wanted["scopes"]
    if wanted["operation"]:
        arguments["operationName"] = wanted["operation"]
    if wanted["validator"]:
        arguments["requestValidatorId"] = validators[wanted["validator"]]
    client.put_method(**place, **arguments)
    for status, response in wanted["responses"].items():
        client.put_method_response(
            **place,
            statusCode=status,
            responseParameters=dict.fromkeys(response["parameters"], False),
        )
    client.put_integration(**place, **_integration(wanted["integration"]))
    for status, response in wanted["responses"].items():
        client.put_integration_response(
            **place, statusCode=status, **_integration_response(response)
        )


def _integration(wanted: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": wanted["type"],
        "timeoutInMillis": wanted["timeout_ms"],
        "passthroughBehavior": wanted["passthrough"].upper(),
        "requestParameters": wanted["request_parameters"],
        "requestTemplates": wanted["request_templates"],
    }
    if wanted["method"] is not None:
        found["integrationHttpMethod"] = wanted["method"]
    if wanted["uri"] is not None:
        found["uri"] = wanted["uri"]
    if wanted["content_handling"] is not None:
        found["contentHandling"] = wanted["content_handling"].upper()
    if wanted["stream"]:
        found["responseTransferMode"] = "STREAM"
    return found


def _integration_response(wanted: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "responseParameters": wanted["parameters"],
        "responseTemplates": wanted["templates"],
    }
    if wanted["pattern"] is not None:
        found["selectionPattern"] = wanted["pattern"]
    if wanted["content_handling"] is not None:
        found["contentHandling"] = wanted["content_handling"].upper()
    return found


# What methods refer to


def _authorizers(client: Any, parts: Parts, wanted: Mapping[str, Any]) -> dict[str, str]:
    """The ids of all authorizers, by name."""
    id_ = parts.api["id"]
    ids = {name: item["id"] for name, item in parts.authorizers.items()}
    for name, properties in wanted.items():
        if name not in ids:
            made = client.create_authorizer(restApiId=id_, name=name, **_authorizer(properties))
            ids[name] = made["id"]
            continue
        patch = _authorizer_patch(rest_reading.authorizer(parts.authorizers[name]), properties)
        if patch:
            client.update_authorizer(restApiId=id_, authorizerId=ids[name], patchOperations=patch)
    return ids


def _authorizer(wanted: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": _TYPES[wanted["type"]]}
    if wanted["identity"]:
        found["identitySource"] = ",".join(wanted["identity"])
    if wanted["validation"]:
        found["identityValidationExpression"] = wanted["validation"]
    if wanted["type"] == "cognito":
        return found | {"providerARNs": wanted["user_pools"]}
    return found | {
        "authorizerUri": wanted["uri"],
        "authorizerResultTtlInSeconds": wanted["ttl_s"],
    }


def _authorizer_patch(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> Patch:
    values = {
        "type": ("/type", _TYPES[wanted["type"]]),
        "identity": ("/identitySource", ",".join(wanted["identity"])),
        "validation": ("/identityValidationExpression", wanted["validation"] or ""),
        "ttl_s": ("/authorizerResultTtlInSeconds", str(wanted.get("ttl_s", 0))),
        "uri": ("/authorizerUri", wanted.get("uri") or ""),
    }
    found = [
        {"op": "replace", "path": path, "value": value}
        for name, (path, value) in values.items()
        if (live.get(name) or None) != (wanted.get(name) or None)
    ]
    there, needed = set(live.get("user_pools", ())), set(wanted.get("user_pools", ()))
    # It has one at any time: the new ones come before the old ones go.
    for op, arns in (("add", needed - there), ("remove", there - needed)):
        found += [{"op": op, "path": "/providerARNs", "value": arn} for arn in sorted(arns)]
    return found


def _validators(client: Any, parts: Parts, wanted: Mapping[str, Any]) -> dict[str, str]:
    """The ids of all request validators, by name."""
    id_ = parts.api["id"]
    ids = {name: item["id"] for name, item in parts.validators.items()}
    for name, checks in wanted.items():
        if name not in ids:
            made = client.create_request_validator(
                restApiId=id_,
                name=name,
                validateRequestBody=checks["body"],
                validateRequestParameters=checks["parameters"],
            )
            ids[name] = made["id"]
            continue
        patch = [
            {"op": "replace", "path": path, "value": str(checks[field]).lower()}
            for field, path, name_ in (
                ("body", "/validateRequestBody", "validateRequestBody"),
                ("parameters", "/validateRequestParameters", "validateRequestParameters"),
            )
            if bool(parts.validators[name].get(name_)) != checks[field]
        ]
        if patch:
            client.update_request_validator(
                restApiId=id_, requestValidatorId=ids[name], patchOperations=patch
            )
    return ids


def _models(client: Any, id_: str, live: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Make the models, each after those that it refers to. One is created, and changed only if it
    is there already."""
    from botocore.exceptions import ClientError

    for name in _by_need(wanted):
        if live.get(name) == wanted[name]:
            continue
        schema = json.dumps(_linked(wanted[name], id_))
        try:
            client.create_model(
                restApiId=id_, name=name, contentType="application/json", schema=schema
            )
        except ClientError as error:
            if code(error) != "ConflictException":
                raise
            patch = [{"op": "replace", "path": "/schema", "value": schema}]
            client.update_model(restApiId=id_, modelName=name, patchOperations=patch)


def _linked(schema: Any, id_: str) -> Any:
    """The schema with references to other models as API Gateway wants them
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html)."""
    if isinstance(schema, dict):
        found = {key: _linked(value, id_) for key, value in schema.items()}
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/models/"):
            name = reference.removeprefix("#/models/")
            found["$ref"] = f"https://apigateway.amazonaws.com/restapis/{id_}/models/{name}"
        return found
    return [_linked(one, id_) for one in schema] if isinstance(schema, list) else schema


def _by_need(models: Mapping[str, Any]) -> list[str]:
    done: list[str] = []

    def visit(name: str, under: tuple[str, ...]) -> None:
        if name in done or name in under or name not in models:
            return
        for other in _referred(models[name]):
            visit(other, (*under, name))
        done.append(name)

    for name in models:
        visit(name, ())
    return done


def _referred(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/models/"):
            yield reference.removeprefix("#/models/")
        for value in schema.values():
            yield from _referred(value)
    elif isinstance(schema, list):
        for one in schema:
            yield from _referred(one)


def _gateway_responses(
    client: Any, id_: str, live: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    for name, response in wanted.items():
        if live.get(name) == response:
            continue
        arguments: dict[str, Any] = {"responseParameters": response["parameters"]}
        if response["status"] is not None:
            arguments["statusCode"] = str(response["status"])
        if response["templates"]:
            arguments["responseTemplates"] = response["templates"]
        client.put_gateway_response(restApiId=id_, responseType=name, **arguments)
    for name in live.keys() - wanted.keys():
        with allowed(_GONE):
            client.delete_gateway_response(restApiId=id_, responseType=name)


def _delete_unused(
    client: Any, parts: Parts, live: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    id_ = parts.api["id"]
    for name in live["authorizers"].keys() - wanted["authorizers"].keys():
        with allowed(_GONE):
            client.delete_authorizer(restApiId=id_, authorizerId=parts.authorizers[name]["id"])
    for name in live["validators"].keys() - wanted["validators"].keys():
        found = parts.validators[name]["id"]
        with allowed(_GONE):
            client.delete_request_validator(restApiId=id_, requestValidatorId=found)
    # Those first that no other refers to.
    for name in reversed(_by_need(live["models"])):
        if name not in wanted["models"]:
            with allowed(_GONE):
                client.delete_model(restApiId=id_, modelName=name)
