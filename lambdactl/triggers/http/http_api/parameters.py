"""Parameter mapping: what an HTTP API changes in a request before its integration gets it, and in
the answer.

Keys, values and reserved headers are on
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html.
A mapping is read once, when the door is made; what AWS would refuse is told and left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

from lambdactl.triggers.http.calls import Call
from lambdactl.triggers.http.exchange import Headers, Request, Response
from lambdactl.triggers.http.fields import clf_time, pairs, server_name
from lambdactl.triggers.http.http_api import event as events

Value = Callable[[Call, Response | None], str | None]
"""What a mapping puts in; None where its source has nothing."""

_KEY = re.compile(
    r"(append|overwrite|remove):(header|querystring|path|statuscode)(?:\.(.+))?", re.S
)
_VARIABLE = re.compile(r"\$\{([^{}]+)\}")
_SOURCES = ("request.", "response.", "context.", "stageVariables.")
_RESERVED = re.compile(
    r"access-control-.*|apigw-.*|authorization|connection|content-encoding|content-length"
    r"|content-location|forwarded|keep-alive|origin|proxy-authenticate|proxy-authorization|te"
    r"|trailers|transfer-encoding|upgrade|x-amz-.*|x-amzn-.*|x-forwarded-for|x-forwarded-host"
    r"|x-forwarded-proto|via",
    re.I,
)
_BODY_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]")
_MAX_BODY = 100 * 1024
"""A JSON path sees no more of the body than this (the page above: "truncates the request body")."""

_ALLOWED = {
    "request": {"header": "append overwrite remove", "querystring": "append overwrite remove"}
    | {"path": "overwrite"},
    "response": {"header": "append overwrite remove", "statuscode": "overwrite"},
}


def request_mapping(
    parameters: Mapping[str, str], tell: Callable[[str], None]
) -> Callable[[Call], Request] | None:
    """What makes the request that the integration gets from a call; None without mappings.

    The request made is for reading: answers go through the original.
    """
    steps = _steps(parameters, "request", tell)
    if not steps:
        return None

    def mapped(call: Call) -> Request:
        request = call.request
        headers, query, path = request.headers, pairs(request.query), request.path
        # All sources are those of the request as it came.
        values = [(step, value(call, None)) for step, value in steps]
        changed_query = False
        for (action, place, name), value in values:
            if place == "path":
                path = path if value is None else quote(value, safe="/%:@!$&'()*+,;=~-._")
            elif place == "header":
                headers = _changed(headers, action, name, value, fold=True)
            else:
                query = _changed(query, action, name, value, fold=False)
                changed_query = True
        text = request.query
        if changed_query:
            text = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in query)
        made = Request(request.method, path, text, headers, request.body, request.wire)
        made.prefix, made.received = request.prefix, request.received
        return made

    return mapped


def response_mapping(
    parameters: Mapping[str, Mapping[str, str]], tell: Callable[[str], None]
) -> Callable[[Call, Response], None] | None:
    """What changes an answer, by the status of the integration; None without mappings."""
    by_status = {
        status: steps
        for status, mapping in parameters.items()
        if (steps := _steps(mapping, "response", tell))
    }
    if not by_status:
        return None

    def map_response(call: Call, response: Response) -> None:
        steps = by_status.get(str(response.status))
        if steps is None:
            return
        values = [(step, value(call, response)) for step, value in steps]
        for (action, place, name), value in values:
            if place == "statuscode":
                if value is not None and value.isdigit() and 200 <= int(value) <= 599:
                    response.status = int(value)
            else:
                response.headers = _changed(response.headers, action, name, value, fold=True)

    return map_response


_Step = tuple[str, str, str]
"""Action, place and name of one mapping."""


def _steps(
    parameters: Mapping[str, str], side: str, tell: Callable[[str], None]
) -> list[tuple[_Step, Value]]:
    steps: list[tuple[_Step, Value]] = []
    for key, text in parameters.items():
        found = _KEY.fullmatch(key)
        problem = None
        if found is None:
            problem = "is not an action and a place, as in `overwrite:header.name`"
        else:
            action, place, name = found[1], found[2], found[3] or ""
            named = place in ("header", "querystring")
            if action not in _ALLOWED[side].get(place, "").split() or named != bool(name):
                problem = f"is nothing that can be mapped in a {side}"
            elif place == "header" and _RESERVED.fullmatch(name):
                problem = f"maps the header {name}, which API Gateway reserves"
            else:
                steps.append(((action, place, name), _value(str(text))))
        if problem:
            tell(f"the parameter mapping `{key}` {problem}; it is left out")
    return steps


def _changed(
    items: list[tuple[str, str]], action: str, name: str, value: str | None, *, fold: bool
) -> list[tuple[str, str]]:
    """``items`` after one mapping. ``fold``: names are the same in upper and lower case."""
    if action != "remove" and value is None:
        return items
    same = name.lower() if fold else name
    kept = items
    if action != "append":
        kept = [pair for pair in items if (pair[0].lower() if fold else pair[0]) != same]
    if action == "remove" or value is None:
        return kept
    return [*kept, (name, value)]


def _value(text: str) -> Value:
    """``$request.header.name``, text with ``${...}`` in it, or a constant."""
    if text.startswith("$") and text[1:].startswith(_SOURCES):
        return _source(text[1:])
    parts: list[Value] = []
    at = 0
    for found in _VARIABLE.finditer(text):
        if found[1].startswith(_SOURCES):
            parts += [_constant(text[at : found.start()]), _source(found[1])]
            at = found.end()
    if not parts:
        return _constant(text)
    parts.append(_constant(text[at:]))
    return lambda call, response: "".join(part(call, response) or "" for part in parts)


def _constant(text: str) -> Value:
    return lambda call, response: text


def _source(name: str) -> Value:
    """The value of ``request.header.x`` and the like."""
    root, _, rest = name.partition(".")
    if root == "stageVariables":
        return lambda call, response: call.api.variables.get(rest)
    if root == "context":
        return lambda call, response: context_value(call, rest)
    place, _, key = rest.partition(".")
    if root == "response":
        if place == "header":
            return lambda call, response: _joined(response.headers, key) if response else None
        return lambda call, response: _in_body(response.body, rest) if response else None
    if place == "header":
        lower = key.lower()
        return lambda call, response: call.request.joined.get(lower)
    if place == "querystring":
        return lambda call, response: _joined(pairs(call.request.query), key, fold=False)
    if place == "path":
        if key:
            return lambda call, response: call.parameters.get(key)
        return lambda call, response: call.request.decoded_path
    return lambda call, response: _in_body(call.request.body, rest)


def _joined(items: Headers, name: str, *, fold: bool = True) -> str | None:
    same = name.lower() if fold else name
    values = [value for key, value in items if (key.lower() if fold else key) == same]
    return ",".join(values) if values else None


def _in_body(body: bytes, path: str) -> str | None:
    """The value at ``body`` or ``body.items[0].name`` as text."""
    rest = path.removeprefix("body")
    if not rest:
        return body.decode("utf-8", "replace")
    try:
        value: Any = orjson.loads(body[:_MAX_BODY])
    except orjson.JSONDecodeError:
        return None
    for plain, index, quoted in _BODY_PART.findall(rest):
        if index:
            if not isinstance(value, list) or int(index) >= len(value):
                return None
            value = value[int(index)]
        elif isinstance(value, dict):
            value = value.get(plain or quoted)
        else:
            return None
    return _text(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def context_value(call: Call, name: str) -> str | None:
    """A variable of ``$context``
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html)."""
    request = call.request
    if name.startswith("authorizer."):
        return _authorizer(call, name.removeprefix("authorizer."))
    known: dict[str, Callable[[], str]] = {
        "accountId": lambda: call.setting.account,
        "apiId": lambda: events.api_id(call.api.name),
        "domainName": lambda: server_name(request.host)[0],
        "domainPrefix": lambda: server_name(request.host)[1],
        "extendedRequestId": lambda: call.extended_id,
        "httpMethod": lambda: request.method,
        "identity.sourceIp": lambda: request.source_ip,
        "identity.userAgent": lambda: request.joined.get("user-agent", ""),
        "path": lambda: events.stage_path(call),
        "protocol": lambda: "HTTP/1.1",
        "requestId": lambda: call.extended_id,
        "requestTime": lambda: clf_time(request.received),
        "requestTimeEpoch": lambda: str(int(request.received * 1000)),
        "routeKey": lambda: events.route_key(call.route),
        "stage": lambda: call.api.stage,
    }
    found = known.get(name)
    return found() if found is not None else None


def _authorizer(call: Call, name: str) -> str | None:
    allowed = call.allowed
    if allowed is None:
        return None
    if name == "principalId":
        return allowed.principal_id
    jwt = allowed.shown.get("jwt")
    if name.startswith("claims.") and isinstance(jwt, Mapping):
        return _text((jwt.get("claims") or {}).get(name.removeprefix("claims.")))
    context = allowed.shown.get("lambda")
    return _text(context.get(name)) if isinstance(context, Mapping) else None
