"""The error that a function ended with, in words: ``{"errorMessage": ..., "errorType": ...}``
(https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html, and its like for the other
languages)."""

from __future__ import annotations

from typing import Any

import orjson

from lambdactl.triggers.http.calls import Call


def failure(call: Call, payload: bytes) -> str:
    """What the error of the route's function says, in one line."""
    return described(call.route.integration.function or "the function", payload)


def described(name: str, payload: bytes) -> str:
    """What the error of the function ``name`` says, in one line."""
    error = _read(payload)
    told = ": ".join(str(error[key]) for key in ("errorType", "errorMessage") if error.get(key))
    return f"{name} failed: {told}" if told else f"{name} failed"


def message(payload: bytes) -> str:
    """The ``errorMessage`` of a function's error; empty where it is no text."""
    found = _read(payload).get("errorMessage")
    return found if isinstance(found, str) else ""


def _read(payload: bytes) -> dict[str, Any]:
    try:
        error = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return error if isinstance(error, dict) else {}
