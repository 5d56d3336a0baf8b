"""Mapping templates: which one is used, and what it is given.

Sources: "Variables for data transformations"
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html),
"Method request behavior for payloads without mapping templates"
(https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html)
and "Select a VTL mapping template"
(https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from lambdactl.triggers.http.calls import Refusal
from lambdactl.triggers.http.fields import media_type
from lambdactl.triggers.http.rest.context import Facts
from lambdactl.triggers.http.rest.json_smart import dumps, loads
from lambdactl.triggers.http.rest.jsonpath import ABSENT, path
from lambdactl.triggers.http.rest.vtl import Host, JsonArray, Template, VtlError, compiled
from lambdactl.triggers.http.rest.vtl.values import text

JSON = "application/json"

Render = Callable[[Facts, str], str]
"""Takes the request and the payload that ``$input`` stands for."""


def templates(
    sources: Mapping[str, str], what: str, tell: Callable[[str], None]
) -> Mapping[str, Render | None]:
    """The templates of an integration by media type; an empty one is None: it maps nothing.

    One that can't be parsed is told of now, and refuses each request that needs it.

    :param what: names them in a sentence: ``the request template of GET /pets``.
    """
    return {
        media_type(content) if content != "$default" else content: _render(source, what, tell)
        for content, source in sources.items()
    }


def for_request(
    found: Mapping[str, Render | None], content_type: str | None, passthrough: str
) -> Render | None:
    """The template for a request; None passes its payload on as it is.

    :raises Refusal: ``UNSUPPORTED_MEDIA_TYPE``, where the integration does not pass on.
    """
    wanted = media_type(content_type) or JSON
    for key in (wanted, "$default"):
        if key in found:
            return found[key]
    if passthrough == "never" or (passthrough == "when_no_templates" and found):
        raise Refusal(
            "UNSUPPORTED_MEDIA_TYPE",
            reason=f"there is no request template for {wanted} (passthrough is {passthrough})",
        )
    return None


def for_response(found: Mapping[str, Render | None], accept: str | None) -> Render | None:
    """The template for a response: by the ``Accept`` header, JSON, or the first there is."""
    if not found:
        return None
    for key in (media_type((accept or "").partition(",")[0]), JSON):
        if key in found:
            return found[key]
    return next(iter(found.values()))


def _render(source: str, what: str, tell: Callable[[str], None]) -> Render | None:
    if not source.strip():
        return None
    try:
        template = compiled(source)
    except VtlError as error:
        words = f"{what} is no template: {error.message}"
        tell(words)

        def refuse(facts: Facts, payload: str) -> str:
            raise Refusal("API_CONFIGURATION_ERROR", reason=words)

        return refuse

    def render(facts: Facts, payload: str) -> str:
        try:
            return run(template, facts, payload)
        except VtlError as error:
            raise Refusal(
                "API_CONFIGURATION_ERROR", reason=f"{what} failed: {error.message}"
            ) from error

    return render


class _NoJson(Exception):
    """The payload is no JSON, not even in json-smart's generous way."""


def run(template: Template, facts: Facts, payload: str) -> str:
    """The output of ``template`` for a request, with ``payload`` as ``$input``. What it overrides
    is in ``facts.context`` afterwards.

    :raises VtlError: the template failed.
    :raises Refusal: ``BAD_REQUEST_BODY``: it needs JSON, and the payload is none. ("If the JSON
        input contains unescaped characters that cannot be parsed by JavaScript, API Gateway might
        return a 400 response".)
    """
    try:
        return template.render(
            {
                "input": _input(facts, payload),
                "context": facts.context,
                "stageVariables": dict(facts.variables),
                "util": _UTIL,
            }
        )
    except _NoJson as error:
        raise Refusal(
            "BAD_REQUEST_BODY",
            "Invalid JSON in request body",
            validation="[Unknown error parsing request body]",
            reason=f"the mapping template wants JSON: {error}",
        ) from error


def _input(facts: Facts, payload: str) -> Host:
    """``$input``. A payload that is empty is ``{}``.

    It is parsed once: what a template changes in the value of ``$input.path``, ``$input.json``
    shows (https://github.com/aws-samples/serverless-patterns/tree/main/apigw-mappingtemplate-lambda
    counts on it).
    """
    body = payload if payload.strip() else "{}"
    document: list[Any] = []

    def read(expression: Any) -> Any:
        if not document:
            try:
                document.append(_java(loads(body)))
            except ValueError as error:
                raise _NoJson(str(error)) from error
        return path(text(expression)).read(document[0])

    def as_json(expression: Any) -> str:
        found = read(expression)
        # What isn't there is an empty string here too.
        return dumps("" if found is ABSENT else found)

    def as_value(expression: Any) -> Any:
        found = read(expression)
        if found is ABSENT:
            return None
        # A path with wildcards makes a list of its own.
        return JsonArray(found) if type(found) is list else found

    def params(*names: Any) -> Any:
        if not names:
            return {
                "path": dict(facts.path),
                "querystring": {name: values[-1] for name, values in facts.query.items()},
                "header": {name: values[-1] for name, values in facts.headers.items()},
            }
        (name,) = names
        if name in facts.path:
            return facts.path[name]
        for place in (facts.query, facts.headers):
            if name in place:
                return place[name][-1]
        return None

    return Host(
        "$input",
        {"path": as_value, "json": as_json, "params": params},
        {"body": body},
    )


def _java(value: Any) -> Any:
    """A JSON value as templates have it; a copy, which they may change."""
    if isinstance(value, dict):
        return {name: _java(item) for name, item in value.items()}
    if isinstance(value, list):
        return JsonArray(map(_java, value))
    return value


_SCRIPT_ESCAPES = {
    ord("'"): "\\'",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    ord("/"): "\\/",
    8: "\\b",
    9: "\\t",
    10: "\\n",
    12: "\\f",
    13: "\\r",
}


def escape_javascript(value: Any) -> str:
    """``$util.escapeJavaScript``: what Apache Commons Lang's ``escapeJavaScript`` makes of it."""
    pieces = []
    for char in text(value):
        number = ord(char)
        if number in _SCRIPT_ESCAPES:
            pieces.append(_SCRIPT_ESCAPES[number])
        elif 32 <= number < 127:
            pieces.append(char)
        else:
            units = char.encode("utf-16-be", "surrogatepass").hex().upper()
            pieces.extend(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
    return "".join(pieces)


def _url_encode(value: Any) -> str:
    # Java's URLEncoder escapes ~ and keeps *.
    return quote_plus(text(value), safe="*", errors="replace").replace("~", "%7E")


def _parse(value: Any) -> Any:
    return _java(loads(text(value)))


_UTIL = Host(
    "$util",
    {
        "escapeJavaScript": escape_javascript,
        "parseJson": _parse,
        "urlEncode": _url_encode,
        "urlDecode": lambda value: unquote_plus(text(value)),
        "base64Encode": lambda value: b64encode(text(value).encode("utf-8", "replace")).decode(),
        "base64Decode": lambda value: b64decode(text(value), validate=True).decode(
            "utf-8", "replace"
        ),
    },
)
