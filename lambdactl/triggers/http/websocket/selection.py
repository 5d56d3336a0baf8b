"""Which route a message takes: ``$request.body.action`` and its kin, compiled once for an API."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

_TOKEN = re.compile(
    r"\\(?P<escaped>\$)"
    r"|\$\{request\.body(?P<braced>[^}]*)\}"
    r"|\$request\.body(?P<plain>(?:\.[\w-]+|\[\d+\])*)"
)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]")

Step = str | int
Selector = Callable[[str], str | None]


def selector(expression: str) -> Selector:
    """A function from the text of a message to the key of its route; None when the expression
    cannot be evaluated against it (no JSON, no such property, or not a scalar), which leads to
    ``$default``.

    Variables are ``$request.body.x`` or ``${request.body.x}``, with text around them; ``\\$`` is a
    dollar sign. Numbers and booleans count as they are written in JSON. Source:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-selection-expressions.html
    and websocket-api-develop-routes.html.
    """
    parts: list[str | tuple[Step, ...]] = []
    end = 0
    for token in _TOKEN.finditer(expression):
        parts.append(expression[end : token.start()])
        end = token.end()
        if token["escaped"]:
            parts.append("$")
        else:
            parts.append(_steps(token["plain"] if token["braced"] is None else token["braced"]))
    parts.append(expression[end:])
    wanted = [part for part in parts if part != ""]

    if len(wanted) == 1 and isinstance(wanted[0], tuple):
        steps = wanted[0]
        return lambda message: _scalar(_parsed(message), steps)

    def select(message: str) -> str | None:
        body = _parsed(message)
        key = ""
        for part in wanted:
            value = part if isinstance(part, str) else _scalar(body, part)
            if value is None:
                return None
            key += value
        return key

    return select


def _steps(path: str) -> tuple[Step, ...]:
    return tuple(
        int(index) if index else name or quoted for name, index, quoted in _STEP.findall(path)
    )


def _parsed(message: str) -> Any:
    # Most of what is not JSON can be told without an exception.
    if message[:1] not in "{[ \t\r\n":
        return None
    try:
        return orjson.loads(message)
    except orjson.JSONDecodeError:
        return None


def _scalar(value: Any, steps: tuple[Step, ...]) -> str | None:
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, dict):
                return None
            value = value.get(step)
        elif isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, (dict, list)):
        return None
    return orjson.dumps(value).decode()
