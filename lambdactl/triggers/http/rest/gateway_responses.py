"""What a REST API answers by itself: gateway responses, AWS's own and customised ones.

The table is ``gateway_responses.json``. What AWS says of an integration that failed has a space
after the colon (``Content-Length`` is 36, of a timeout 41), all else has none. A template is no
VTL: variables are put in, nothing else
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from lambdactl.errors import EventError, ThrottledError, UserError
from lambdactl.manifest.apis import GatewayResponse
from lambdactl.triggers.http.calls import Call, Refusal
from lambdactl.triggers.http.exchange import Headers, Response
from lambdactl.triggers.http.fields import media_type, pairs
from lambdactl.triggers.http.rest.event import request_context

_NAME = r"(context|stageVariables|method\.request|method\.input\.params)((?:\.[A-Za-z0-9_-]+)+)"
_VARIABLE = re.compile(rf"\$(?:{_NAME}|\{{{_NAME}\}})")
_SIGNING = frozenset({"MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE", "EXPIRED_TOKEN"})
_NOT_CUSTOMISED = GatewayResponse()


@cache
def table() -> Mapping[str, Any]:
    """``gateway_responses.json``."""
    text = resources.files(__package__).joinpath("gateway_responses.json").read_text("utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found


def answer(call: Call, refusal: Refusal) -> Response:
    """AWS's answer to a request that ends in ``refusal``, as the API has customised it."""
    kind = _kind(refusal)
    types = table()["types"]
    usual = types[kind]
    custom = _customised(call, kind, usual)
    message = refusal.message if refusal.message is not None else usual["message"]
    variables = _variables(call, kind, message, refusal)
    content, template = _template(call, custom, usual)
    headers: Headers = [("Content-Type", content)]
    for target, source in custom.parameters.items():
        value = _parameter(source, variables)
        if value is not None:
            _set(headers, target.removeprefix("gatewayresponse.header."), value)
    headers.append(("x-amzn-RequestId", call.request_id))
    headers.append(("x-amzn-ErrorType", _error_type(kind, usual, refusal)))
    headers.append(("x-amz-apigw-id", call.extended_id))
    status = custom.status or _status(call, kind, refusal) or usual["status"]
    return Response(status, headers, render(template, variables).encode())


def render(template: str, variables: Callable[[str, str], str | None]) -> str:
    """``template`` with its variables put in; one that has no value leaves nothing.

    :param variables: takes what stands before the first dot that counts (``context``,
        ``stageVariables``, ``method.request``) and the rest.
    """

    def put_in(found: re.Match[str]) -> str:
        source, name = found[1] or found[3], found[2] or found[4]
        return variables(source, name[1:]) or ""

    return _VARIABLE.sub(put_in, template)


def _kind(refusal: Refusal) -> str:
    if isinstance(refusal.__cause__, EventError):
        # The event is larger than Lambda takes.
        return "REQUEST_TOO_LARGE"
    return refusal.type if refusal.type in table()["types"] else "DEFAULT_5XX"


def _customised(call: Call, kind: str, usual: Mapping[str, Any]) -> GatewayResponse:
    if usual.get("fixed"):
        # "Customizing the default gateway response for 413 REQUEST_TOO_LARGE isn't currently
        # supported" (Important notes).
        return _NOT_CUSTOMISED
    changed = call.api.gateway_responses
    return changed.get(kind) or changed.get(usual["fallback"]) or _NOT_CUSTOMISED


def _status(call: Call, kind: str, refusal: Refusal) -> int | None:
    """The status of an integration that failed, where it is not the table's 504.

    "If the Lambda API rejects the invocation request, API Gateway returns a 500 error code. If the
    function runs but returns an error, or returns a response in the wrong format, API Gateway
    returns a 502"
    (https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html#services-apigateway-errors).
    """
    if kind == "INTEGRATION_FAILURE" and call.route.integration.kind in ("lambda", "lambda_proxy"):
        return 500 if isinstance(refusal.__cause__, ThrottledError | UserError) else 502
    return None if table()["types"][kind]["status"] is not None else 500


def _error_type(kind: str, usual: Mapping[str, Any], refusal: Refusal) -> str:
    # What was wrong with a signature is known to the authorizer alone.
    named = refusal.context.get("error_type") if kind in _SIGNING else None
    return str(named or usual["error"])


def _template(call: Call, custom: GatewayResponse, usual: Mapping[str, Any]) -> tuple[str, str]:
    """Content type and template: by ``Accept``, otherwise JSON, otherwise the first there is."""
    templates = custom.templates
    if not templates:
        return "application/json", usual.get("template") or table()["template"]
    for part in (call.request.header("accept") or "").split(","):
        wanted = media_type(part)
        if wanted in templates:
            return wanted, templates[wanted]
    if "application/json" in templates:
        return "application/json", templates["application/json"]
    return next(iter(templates.items()))


def _variables(
    call: Call, kind: str, message: str | None, refusal: Refusal
) -> Callable[[str, str], str | None]:
    context = request_context(call)
    if refusal.context:
        context["authorizer"] = {**context.get("authorizer", {}), **refusal.context}
    context["error"] = {
        "message": message,
        "messageString": json.dumps(message, ensure_ascii=False),
        "responseType": kind,
        "validationErrorString": refusal.validation,
    }

    def find(source: str, name: str) -> str | None:
        if source == "context":
            return _text(_walk(context, name))
        if source == "stageVariables":
            return call.api.variables.get(name)
        return _request_parameter(call, name, anywhere=source == "method.input.params")

    return find


def _walk(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _request_parameter(call: Call, name: str, *, anywhere: bool) -> str | None:
    """``header.X``, ``querystring.x`` or ``path.x``; ``anywhere``: a bare name, looked for in path,
    query string and headers, in this order."""
    place, _, key = name.partition(".")
    if anywhere:
        place, key = "", name
    if place in ("", "path") and key in call.parameters:
        return call.parameters[key]
    if place in ("", "querystring"):
        for found, value in reversed(pairs(call.request.query)):
            if found == key:
                return value
    if place in ("", "header"):
        return call.request.header(key.lower())
    return None


def _parameter(source: str, variables: Callable[[str, str], str | None]) -> str | None:
    """The value of a header: a constant in quotes, or where it comes from."""
    if len(source) >= 2 and source[0] == source[-1] == "'":
        return source[1:-1]
    found = re.fullmatch(_NAME, source.removeprefix("$"))
    return variables(found[1], found[2][1:]) if found else None


def _set(headers: Headers, name: str, value: str) -> None:
    if value.isascii() and value.isprintable():
        headers[:] = [pair for pair in headers if pair[0].lower() != name.lower()]
        headers.append((name, value))
