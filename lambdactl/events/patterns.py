"""A value that an event pattern matches.

The grammar is EventBridge's
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html): a
member of the pattern is an object, or a list of which one entry must match.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NOTHING = object()


def matching_value(pattern: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest JSON object we can make that ``pattern`` matches. Of the alternatives in a list
    the first is taken; of those in ``$or`` too."""
    result: dict[str, Any] = {}
    for name, rule in pattern.items():
        if name == "$or" and isinstance(rule, list) and rule and isinstance(rule[0], Mapping):
            result.update(matching_value(rule[0]))
        elif isinstance(rule, Mapping):
            result[name] = matching_value(rule)
        elif isinstance(rule, list) and rule:
            value = _matching(rule[0])
            if value is not _NOTHING:
                result[name] = value
    return result


def _matching(entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    ((operator, operand), *_) = entry.items()
    match operator:
        case "prefix":
            return f"{_text(operand)}sample"
        case "suffix":
            return f"sample{_text(operand)}"
        case "equals-ignore-case":
            return operand
        case "wildcard":
            return str(operand).replace("*", "x")
        case "exists":
            return "x" if operand else _NOTHING
        case "numeric":
            return _number(operand)
        case "cidr":
            return str(operand).partition("/")[0]
        case "anything-but":
            return "something else"
    return "x"


def _text(operand: Any) -> Any:
    """The operand of ``prefix`` or ``suffix``, which may itself be ``equals-ignore-case``."""
    return operand.get("equals-ignore-case", "") if isinstance(operand, Mapping) else operand


def _number(conditions: list[Any]) -> int | float:
    """A number for ``["=", 1]``, ``[">", 1, "<=", 5]`` and the like."""
    bounds = dict(zip(conditions[::2], conditions[1::2], strict=False))
    if "=" in bounds:
        return _tidy(bounds["="])
    if "<=" in bounds:
        return _tidy(bounds["<="])
    if ">=" in bounds:
        return _tidy(bounds[">="])
    low, high = bounds.get(">"), bounds.get("<")
    if low is None:
        return _tidy((high or 0) - 1)
    if high is None:
        return _tidy(low + 1)
    return _tidy((low + high) / 2)


def _tidy(number: float) -> int | float:
    return int(number) if float(number).is_integer() else number
