"""How a plain word in YAML becomes a value, and how durations are read.

Words are read by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), as
editors do: ``yes``, ``on`` and ``off`` are text, ``010`` is ten, ``1:30`` is text, and a date is
text. What a field accepts beyond that is the schema's business.
"""

from __future__ import annotations

import math
import re
from typing import Any

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DURATION = re.compile(r"([0-9]+)([dhms])")
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_LONGEST_NUMBER = 300
"""More digits than this are text: Python refuses to convert thousands of them."""

YAML_1_1_BOOLEANS = {"yes": "true", "on": "true", "y": "true"} | {
    "no": "false",
    "off": "false",
    "n": "false",
}
"""Words that YAML 1.1 reads as true or false, and what to write instead."""


def resolve(text: str) -> Any:
    """The value of a plain (unquoted) scalar: None, bool, int, float or the text itself."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return text if math.isinf(number) else number
    return text


def is_yaml_1_1_octal(text: str) -> bool:
    """Whether YAML 1.1 reads these digits as octal and YAML 1.2 as decimal (``010``)."""
    return len(text) > 1 and text[0] == "0" and text.isdigit()


def seconds(text: str) -> int | None:
    """The seconds of ``30``, ``30s``, ``5m``, ``6h``, ``1d`` or ``1h30m``; None for other text.

    >>> seconds("1h30m")
    5400
    """
    if len(text) > 20:
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def spell_seconds(value: int) -> str:
    """A number of seconds in the largest unit that divides it: ``21600`` is "6h"."""
    unit, size = next((unit, size) for unit, size in _UNITS.items() if value % size == 0)
    return f"{value // size}{unit}"
