"""Lambda's limits, from ``limits.json``: each with its value and the AWS page it is from."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("limits.json")


@functools.cache
def _document() -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return document


@functools.cache
def table() -> Mapping[str, Mapping[str, Any]]:
    """All limits by name."""
    return {entry["name"]: entry for entry in _document()["limits"]}


@functools.cache
def reserved_variables() -> frozenset[str]:
    """Environment variables that Lambda sets itself and lets nobody else set
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html)."""
    return frozenset(_document()["reserved_variables"]["names"])


def value(name: str) -> int:
    """The largest value that the limit allows.

    :raises KeyError: there is no such limit.
    """
    return int(table()[name]["maximum"])
