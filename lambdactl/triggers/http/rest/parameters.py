"""Parameter mapping: where the parameters of an integration's request, and the headers of its
response, come from.

The expressions are those of
https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-parameter-mapping.html.
"Header names and query parameters are processed in a case-sensitive way"
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from lambdactl.triggers.http.calls import Refusal
from lambdactl.triggers.http.exchange import Headers
from lambdactl.triggers.http.fields import header_maps
from lambdactl.triggers.http.rest.context import Facts, as_text
from lambdactl.triggers.http.rest.json_smart import loads
from lambdactl.triggers.http.rest.jsonpath import ABSENT, path

Values = list[str]
"""What one parameter is mapped to: several values where the source has several; empty without."""

RequestSource = Callable[[Facts], Values]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an integration answered.

    :ivar parsed_error: of a Lambda function's error: ``errorMessage`` that is JSON is taken apart
        for headers ("API Gateway deserializes the integration.response.body parameter when
        performing header mappings",
        https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html).
    """

    body: bytes
    headers: Headers = field(default_factory=list)
    parsed_error: bool = False


ResponseSource = Callable[[Facts, Answer], Values]


@dataclass(slots=True)
class Mapped:
    """The parameters of an integration request, by place and name."""

    header: dict[str, Values] = field(default_factory=dict)
    querystring: dict[str, Values] = field(default_factory=dict)
    path: dict[str, Values] = field(default_factory=dict)


def request_mapping(
    parameters: Mapping[str, str], what: str, tell: Callable[[str], None]
) -> Callable[[Facts], Mapped]:
    """What ``parameters`` (``integration.request.header.X`` to its source) make of a request. A
    line that means nothing is told of now and left out."""
    lines: list[tuple[str, str, RequestSource]] = []
    for target, source in parameters.items():
        place, _, name = target.removeprefix("integration.request.").partition(".")
        found = _request_source(source)
        if place not in ("header", "querystring", "path") or not name or found is None:
            tell(f"{what}: `{target}: {source}` is no parameter mapping, and does nothing")
        else:
            lines.append((place, name, found))

    def mapped(facts: Facts) -> Mapped:
        result = Mapped()
        for place, name, found in lines:
            values = found(facts)
            if values:
                getattr(result, place)[name] = values
        return result

    return mapped


def response_mapping(
    parameters: Mapping[str, str], what: str, tell: Callable[[str], None]
) -> Callable[[Facts, Answer], Headers]:
    """What ``parameters`` (``method.response.header.X`` to its source) make of a response. A line
    that means nothing is told of now and left out."""
    lines: list[tuple[str, ResponseSource]] = []
    for target, source in parameters.items():
        name = target.removeprefix("method.response.header.")
        found = _response_source(source)
        if name == target or not name or found is None:
            tell(f"{what}: `{target}: {source}` is no parameter mapping, and does nothing")
        else:
            lines.append((name, found))

    def mapped(facts: Facts, answer: Answer) -> Headers:
        headers: Headers = []
        for name, found in lines:
            headers.extend((name, _one_line(value)) for value in found(facts, answer))
        return headers

    return mapped


def _request_source(source: str) -> RequestSource | None:
    common = _common_source(source)
    if common is not None:
        return common
    if not source.startswith("method.request."):
        return None
    place, _, name = source.removeprefix("method.request.").partition(".")
    if place == "body":
        return _request_body(name)
    if not name:
        return None
    if place == "path":
        return lambda facts: [facts.path[name]] if name in facts.path else []
    if place == "querystring":
        return lambda facts: facts.query.get(name, [])[-1:]
    if place == "multivaluequerystring":
        return lambda facts: facts.query.get(name, [])
    if place == "header":
        return lambda facts: facts.headers.get(name, [])[-1:]
    if place == "multivalueheader":
        return lambda facts: _joined(facts.headers.get(name, []))
    return None


def _request_body(expression: str) -> RequestSource | None:
    """``method.request.body``, and what a JSONPath finds in it.

    A missing body is ``{}``; one that starts as an object must be JSON, even where all of it is
    wanted, and one that does not is text without parts (seen at AWS by the tests of
    https://github.com/localstack/localstack,
    tests/unit/services/apigateway/test_parameters_mapping.py).
    """
    read = _reader(expression) if expression else lambda document: []
    if read is None:
        return None

    def body(facts: Facts) -> Values:
        found: Values = []
        try:
            found = read(loads(facts.body or "{}"))
        except ValueError as error:
            if facts.body.lstrip().startswith("{"):
                raise Refusal(
                    "BAD_REQUEST_BODY",
                    "Invalid JSON in request body",
                    validation="[Unknown error parsing request body]",
                    reason=f"a mapping of `method.request.body` wants JSON: {error}",
                ) from error
        return found if expression else [facts.body or "{}"]

    return body


def _response_source(source: str) -> ResponseSource | None:
    common = _common_source(source)
    if common is not None:
        return lambda facts, answer: common(facts)
    if not source.startswith("integration.response."):
        return None
    place, _, name = source.removeprefix("integration.response.").partition(".")
    if place == "body":
        return _response_body(name)
    if place == "header" and name:
        return lambda facts, answer: header_maps(answer.headers)[1].get(name, [])[-1:]
    if place == "multivalueheader" and name:
        return lambda facts, answer: header_maps(answer.headers)[1].get(name, [])
    return None


def _response_body(expression: str) -> ResponseSource | None:
    """As :func:`_request_body`, of ``integration.response.body``."""
    whole = expression in ("", "$")
    read = (lambda document: []) if whole else _reader(expression)
    if read is None:
        return None

    def body(facts: Facts, answer: Answer) -> Values:
        text = answer.body.decode("utf-8", "replace") or "{}"
        try:
            document = loads(text)
        except ValueError as error:
            if text.lstrip().startswith("{"):
                raise Refusal(
                    "API_CONFIGURATION_ERROR",
                    reason=f"a mapping of `integration.response.body` wants JSON: {error}",
                ) from error
            return [text] if whole else []
        if whole:
            return [text]
        if answer.parsed_error and isinstance(document, dict):
            message = document.get("errorMessage")
            if isinstance(message, str) and message.lstrip().startswith(("{", "[")):
                # A message that only looks like JSON stays text.
                with suppress(ValueError):
                    document = {**document, "errorMessage": loads(message)}
        return read(document)

    return body


def _reader(expression: str) -> Callable[[Any], Values] | None:
    """Reads a JSONPath without its ``$.``, as parameter mappings write them."""
    try:
        found = path(expression if expression.startswith("$") else f"$.{expression}")
    except ValueError:
        return None

    def read(document: Any) -> Values:
        value = found.read(document)
        return [] if value is ABSENT or value is None else [as_text(value)]

    return read


def _common_source(source: str) -> RequestSource | None:
    """What requests and responses have alike: constants, stage variables and ``context``."""
    if len(source) >= 2 and source[0] == source[-1] == "'":
        constant = [source[1:-1]]
        return lambda facts: constant
    place, _, name = source.partition(".")
    if place == "stageVariables" and name:
        return lambda facts: [facts.variables[name]] if name in facts.variables else []
    if place == "context" and name:
        names = name.split(".")
        return lambda facts: _within(facts.context, names)
    return None


def _within(value: Any, names: list[str]) -> Values:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return [] if value is None else [as_text(value)]


def _joined(values: Values) -> Values:
    return [",".join(values)] if values else []


def _one_line(value: str) -> str:
    """A header's value: a line end would start another header."""
    return " ".join(value.splitlines()) if not value.isprintable() else value
