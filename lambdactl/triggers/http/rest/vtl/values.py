"""The values of templates, as Java has them: how they are written and when they are equal.

``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` and ``dict`` stand for Java's own;
:class:`JsonArray` is the list that came out of a JSON document, which Java writes as JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lambdactl.triggers.http.rest.json_smart import Exact, dumps


class JsonArray(list[Any]):
    """A list of a JSON document (``net.minidev.json.JSONArray``)."""


class Collected(list[Any]):
    """``keySet()``, ``values()`` and ``entrySet()`` of a map: no lists to Java, which means that
    they have no elements by number."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One of a map's ``entrySet()``."""

    key: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Host:
    """An object that templates are given: what it has, and what it can do. A method takes the
    arguments it is given; a TypeError says that it has none of that kind."""

    name: str
    methods: Mapping[str, Callable[..., Any]]
    properties: Mapping[str, Any] = field(default_factory=dict)


def java_double(number: float) -> str:
    """``Double.toString``: ``5.0``, ``1.0E10``, ``NaN``
    (https://docs.oracle.com/javase/8/docs/api/java/lang/Double.html#toString-double-)."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == 0:
        return "-0.0" if math.copysign(1, number) < 0 else "0.0"
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    mantissa = "".join(map(str, digits)).rstrip("0")
    power = len(digits) - 1 + int(exponent)
    if not -3 <= power < 7:
        written = f"{mantissa[0]}.{mantissa[1:] or '0'}E{power}"
    elif power < 0:
        written = f"0.{'0' * (-power - 1)}{mantissa}"
    else:
        whole = mantissa[: power + 1].ljust(power + 1, "0")
        written = f"{whole}.{mantissa[power + 1 :] or '0'}"
    return f"-{written}" if sign else written


def text(value: Any) -> str:
    """What Java's ``toString`` says of ``value``."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return value.written if isinstance(value, Exact) else java_double(value)
    if isinstance(value, JsonArray):
        return dumps(value, slashes=True)
    if isinstance(value, list):
        return f"[{', '.join(map(text, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{text(key)}={text(item)}' for key, item in value.items())}}}"
    if isinstance(value, Entry):
        return f"{text(value.key)}={text(value.value)}"
    if isinstance(value, Host):
        return value.name
    rendered: str = value.rendered()
    return rendered


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def kind(value: Any) -> type:
    """What stands for Java's class: the two kinds of list are one, as Java's ``equals`` has it."""
    if isinstance(value, list):
        return Collected if isinstance(value, Collected) else list
    return type(value)


def equals(left: Any, right: Any) -> bool:
    """Java's ``equals``: nothing equals a value of another class, ``1`` is not ``1.0``."""
    if kind(left) is not kind(right):
        return False
    if isinstance(left, Collected):
        return len(left) == len(right) and all(any(equals(a, b) for b in right) for a in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equals, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equals(left[key], right[key]) for key in left)
    return bool(left == right)


def same(left: Any, right: Any) -> bool:
    """What ``==`` is in a template: numbers by value, one class by ``equals``, anything else by
    how it is written."""
    if left is None or right is None:
        return left is right
    if is_number(left) and is_number(right):
        return bool(left == right)
    if kind(left) is kind(right):
        return equals(left, right)
    return text(left) == text(right)
