"""API Gateway as AWS documents it, before a moto server that takes more and knows less.

What moto overwrites is a conflict here, what is in use can't be deleted, and operations that moto
does not have are there (https://docs.aws.amazon.com/apigateway/latest/api/API_Operations.html and
https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/).
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.deploy.front import Wire, forward, front

_JSON = ("Content-Type", "application/json")


class _Gateway:
    """One request, and how to ask moto about it."""

    def __init__(self, upstream: str, request: BaseHTTPRequestHandler, body: bytes) -> None:
        self.upstream = upstream
        self.method = request.command
        self.path = urlsplit(request.path).path
        self.raw = request.path
        self.headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() != "content-length"
        }
        self.body = body

    @property
    def given(self) -> Any:
        return json.loads(self.body)

    def passed(self) -> Wire:
        return forward(self.upstream, self.method, self.raw, self.headers, self.body)

    def asked(self, method: str, path: str, given: Any = None) -> tuple[int, Any]:
        body = b"" if given is None else json.dumps(given).encode()
        status, _, said = forward(self.upstream, method, path, self.headers, body)
        return status, json.loads(said) if said[:1] in (b"{", b"[") else None

    def items(self, path: str, field: str = "item") -> list[Any]:
        return self.asked("GET", path)[1][field] or []


def _said(status: int, answer: Any) -> Wire:
    return status, [_JSON], json.dumps(answer).encode()


def _refused(code: str, words: str) -> Wire:
    status = 400 if code == "BadRequestException" else 409
    return status, [_JSON, ("x-amzn-ErrorType", code)], json.dumps({"message": words}).encode()


# HTTP and WebSocket APIs


def _once(field: str, listing: str = "") -> Callable[[_Gateway, re.Match[str]], Wire]:
    """Creating something whose name is taken is a conflict."""

    def create(asked: _Gateway, _: re.Match[str]) -> Wire:
        there = asked.items(listing or asked.path, "items" if "/v2/" in asked.path else "item")
        if any(one.get(field) == asked.given[field] for one in there):
            return _refused("ConflictException", f"{asked.given[field]} already exists")
        return asked.passed()

    return create


class _Authorizers:
    """moto lists none, so they are noted as they come."""

    def __init__(self) -> None:
        self.known: dict[str, list[str]] = {}

    def create(self, asked: _Gateway, match: re.Match[str]) -> Wire:
        if any(one["name"] == asked.given["name"] for one in self._all(asked, match[1])):
            return _refused("ConflictException", "Authorizer name must be unique.")
        status, headers, said = asked.passed()
        self.known.setdefault(match[1], []).append(json.loads(said)["authorizerId"])
        return status, headers, said

    def list(self, asked: _Gateway, match: re.Match[str]) -> Wire:
        return _said(200, {"items": self._all(asked, match[1])})

    def _all(self, asked: _Gateway, api: str) -> list[Any]:
        path = f"/v2/apis/{api}/authorizers"
        found = [asked.asked("GET", f"{path}/{one}") for one in self.known.get(api, ())]
        return [answer for status, answer in found if status == 200]


def _change_stage(asked: _Gateway, match: re.Match[str]) -> Wire:
    """``UpdateStage``: variables are merged, an empty one goes."""
    stages, name = f"/v2/apis/{match[1]}/stages", unquote(match[2])
    (stage,) = (one for one in asked.items(stages, "items") if one["stageName"] == name)
    given = asked.given
    variables = {**stage["stageVariables"], **given.pop("stageVariables", {})}
    limits = {**stage["routeSettings"], **given.pop("routeSettings", {})}
    stage |= {**given, "stageVariables": variables, "routeSettings": limits}
    return _said(200, asked.asked("POST", stages, stage)[1])


def _delete_route_settings(asked: _Gateway, match: re.Match[str]) -> Wire:
    stages, name = f"/v2/apis/{match[1]}/stages", unquote(match[2])
    (stage,) = (one for one in asked.items(stages, "items") if one["stageName"] == name)
    del stage["routeSettings"][unquote(match[3])]
    asked.asked("POST", stages, stage)
    return 204, [], b""


def _delete_integration(asked: _Gateway, match: re.Match[str]) -> Wire:
    routes = asked.items(f"/v2/apis/{match[1]}/routes", "items")
    if any(one["target"] == f"integrations/{match[2]}" for one in routes):
        return _refused("ConflictException", "Cannot delete Integration, it is used by a route")
    return asked.passed()


def _delete_authorizer(asked: _Gateway, match: re.Match[str]) -> Wire:
    routes = asked.items(f"/v2/apis/{match[1]}/routes", "items")
    if any(one["authorizerId"] == match[2] for one in routes if one["authorizerId"]):
        return _refused("ConflictException", "Cannot delete Authorizer, it is used by a route")
    return asked.passed()


# REST APIs


def _create_api(asked: _Gateway, match: re.Match[str]) -> Wire:
    """All that is given counts, and two models are there from the beginning."""
    status, _, said = asked.passed()
    id_ = json.loads(said)["id"]
    patch = [
        {"op": "add", "path": f"/binaryMediaTypes/{one.replace('/', '~1')}", "value": one}
        for one in asked.given.get("binaryMediaTypes", ())
    ]
    if patch:
        asked.asked("PATCH", f"/restapis/{id_}", {"patchOperations": patch})
    for name in ("Empty", "Error"):
        model = {"name": name, "contentType": "application/json", "schema": '{"type": "object"}'}
        asked.asked("POST", f"/restapis/{id_}/models", model)
    return _said(status, asked.asked("GET", f"/restapis/{id_}")[1])


def _methods(asked: _Gateway, api: str) -> list[tuple[str, str, Any]]:
    """Resource, verb and method."""
    return [
        (item["id"], verb, method)
        for item in asked.items(f"/restapis/{api}/resources")
        for verb, method in item.get("resourceMethods", {}).items()
    ]


def _put_method(asked: _Gateway, match: re.Match[str]) -> Wire:
    if any((one, verb) == (match[2], match[3]) for one, verb, _ in _methods(asked, match[1])):
        return _refused("ConflictException", "Method already exists for this resource")
    return asked.passed()


def _create_resource(asked: _Gateway, match: re.Match[str]) -> Wire:
    part = asked.given["pathPart"]
    there = [
        one["pathPart"]
        for one in asked.items(f"/restapis/{match[1]}/resources")
        if one.get("parentId") == match[2]
    ]
    if part in there or (part[0] == "{" and any(one[0] == "{" for one in there)):
        return _refused("ConflictException", f"{part} can't be beside {there}")
    return asked.passed()


def _change_model(asked: _Gateway, match: re.Match[str]) -> Wire:
    (patch,) = asked.given["patchOperations"]
    assert (patch["op"], patch["path"]) == ("replace", "/schema")
    model = {"name": match[2], "contentType": "application/json", "schema": patch["value"]}
    return _said(200, asked.asked("POST", f"/restapis/{match[1]}/models", model)[1])


def _delete_model(asked: _Gateway, match: re.Match[str]) -> Wire:
    models = asked.items(f"/restapis/{match[1]}/models")
    users = [one["name"] for one in models if f"/models/{match[2]}" in one["schema"]]
    for _, verb, method in _methods(asked, match[1]):
        if match[2] in (method["requestModels"] or {}).values():
            users.append(verb)
    if users:
        return _refused("ConflictException", f"Cannot delete model, it is referenced in {users}")
    return asked.passed()


def _delete_used(field: str) -> Callable[[_Gateway, re.Match[str]], Wire]:
    """What a method has can't go."""

    def delete(asked: _Gateway, match: re.Match[str]) -> Wire:
        if any(method[field] == match[2] for _, _, method in _methods(asked, match[1])):
            return _refused("ConflictException", "Cannot delete it, it is referenced in a method")
        return asked.passed()

    return delete


def _delete_deployment(asked: _Gateway, match: re.Match[str]) -> Wire:
    if any(one["deploymentId"] == match[2] for one in asked.items(f"/restapis/{match[1]}/stages")):
        words = "Active stages pointing to this deployment must be moved or deleted"
        return _refused("BadRequestException", words)
    return asked.passed()


def _gateway_responses(asked: _Gateway, _: re.Match[str]) -> Wire:
    """All are listed, customised or not."""
    own = asked.items(asked.path)
    usual = [
        {
            "responseType": name,
            "defaultResponse": True,
            "responseParameters": {},
            "responseTemplates": {"application/json": '{"message":$context.error.messageString}'},
        }
        for name in ("DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED", "THROTTLED")
        if name not in {one["responseType"] for one in own}
    ]
    return _said(200, {"item": [*own, *usual]})


def _delete_plan(asked: _Gateway, _: re.Match[str]) -> Wire:
    if asked.asked("GET", asked.path)[1]["apiStages"]:
        words = "Cannot delete Usage Plan because it has API Stages associated with it"
        return _refused("BadRequestException", words)
    return asked.passed()


_Answers = dict[tuple[str, str], Callable[[_Gateway, re.Match[str]], Wire]]


def _answers() -> _Answers:
    authorizers = _Authorizers()
    return {
        ("POST", "/v2/apis/([^/]+)/authorizers"): authorizers.create,
        ("GET", "/v2/apis/([^/]+)/authorizers"): authorizers.list,
        ("DELETE", "/v2/apis/([^/]+)/authorizers/([^/]+)"): _delete_authorizer,
        ("POST", "/v2/apis/([^/]+)/routes"): _once("routeKey"),
        ("DELETE", "/v2/apis/([^/]+)/integrations/([^/]+)"): _delete_integration,
        ("POST", "/v2/apis/([^/]+)/stages"): _once("stageName"),
        ("PATCH", "/v2/apis/([^/]+)/stages/([^/]+)"): _change_stage,
        ("DELETE", "/v2/apis/([^/]+)/stages/([^/]+)/routesettings/(.+)"): _delete_route_settings,
        ("POST", "/restapis"): _create_api,
        ("PUT", "/restapis/([^/]+)/resources/([^/]+)/methods/([^/]+)"): _put_method,
        ("POST", "/restapis/([^/]+)/resources/([^/]+)"): _create_resource,
        ("POST", "/restapis/([^/]+)/models"): _once("name"),
        ("PATCH", "/restapis/([^/]+)/models/([^/]+)"): _change_model,
        ("DELETE", "/restapis/([^/]+)/models/([^/]+)"): _delete_model,
        ("POST", "/restapis/([^/]+)/authorizers"): _once("name"),
        ("DELETE", "/restapis/([^/]+)/authorizers/([^/]+)"): _delete_used("authorizerId"),
        ("DELETE", "/restapis/([^/]+)/requestvalidators/([^/]+)"): _delete_used(
            "requestValidatorId"
        ),
        ("DELETE", "/restapis/([^/]+)/deployments/([^/]+)"): _delete_deployment,
        ("GET", "/restapis/([^/]+)/gatewayresponses"): _gateway_responses,
        ("DELETE", "/usageplans/([^/]+)"): _delete_plan,
    }


@contextlib.contextmanager
def strict(upstream: str) -> Iterator[str]:
    """The URL of AWS with such an API Gateway; ``upstream`` is a moto server."""
    answers = [(verb, re.compile(path), answer) for (verb, path), answer in _answers().items()]
    lock = threading.Lock()

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> Wire:
        asked = _Gateway(upstream, request, body)
        for verb, pattern, found in answers:
            match = pattern.fullmatch(asked.path)
            if verb == asked.method and match is not None:
                with lock:
                    return found(asked, match)
        return asked.passed()

    with front(answer) as url:
        yield url
