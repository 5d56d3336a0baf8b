"""Choosing, joining and leaving out values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdactl.events.render import Scope

OMIT = object()
"""A value that makes the key or the item it stands at disappear."""


def first(_scope: Scope, *candidates: Any) -> Any:
    """The first value that is not null, or null."""
    return next((value for value in candidates if value is not None), None)


def optional(_scope: Scope, value: Any) -> Any:
    """The value, or nothing at all (no key) when it is null, false or empty."""
    return OMIT if value is None or value is False or value in ("", [], {}) else value


def null_if_empty(_scope: Scope, value: Any) -> Any:
    return value or None


def only_if(_scope: Scope, condition: Any, value: Any) -> Any:
    """The value, or nothing at all (no key) when the condition is null, false or empty."""
    return value if condition else OMIT


def either(_scope: Scope, condition: Any, yes: Any, no: Any) -> Any:
    return yes if condition else no


def equal(_scope: Scope, left: Any, right: Any) -> bool:
    return bool(left == right)


def pick(_scope: Scope, key: Any, table: Any) -> Any:
    """What ``table`` has for ``key``, or null."""
    return table.get(key)


def item(_scope: Scope, value: Any, key: Any) -> Any:
    """One member of a structure or item of a list, or null if it is not there."""
    if isinstance(value, dict):
        return value.get(key)
    return value[key] if isinstance(value, list | tuple) and 0 <= key < len(value) else None


def merge(_scope: Scope, *structures: dict[str, Any] | None) -> dict[str, Any]:
    """One structure of several, later keys winning."""
    return {key: value for structure in structures for key, value in (structure or {}).items()}


def without(_scope: Scope, structure: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in structure.items() if key not in keys}


def add(_scope: Scope, left: int, right: int) -> int:
    return left + right


def multiply(_scope: Scope, left: int, right: int) -> int:
    return left * right


def concat(_scope: Scope, *lists: list[Any] | None) -> list[Any]:
    return [entry for values in lists for entry in (values or [])]


def join(_scope: Scope, separator: str, values: list[str]) -> str:
    return separator.join(values)


def split(_scope: Scope, separator: str, text: str) -> list[str]:
    return text.split(separator)


def lower(_scope: Scope, text: str) -> str:
    return text.lower()


def upper(_scope: Scope, text: str) -> str:
    return text.upper()


def replace(_scope: Scope, text: str, old: str, new: str) -> str:
    return text.replace(old, new)


def left(_scope: Scope, text: str, length: int) -> str:
    """The first ``length`` characters."""
    return text[:length]


def last_word(_scope: Scope, text: str) -> str:
    """``GET /photos`` -> ``/photos``."""
    return text.rpartition(" ")[2]


def text(_scope: Scope, value: Any) -> str:
    """A number or a boolean as JSON writes it; a string as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def plural(_scope: Scope, count: int, one: str, many: str) -> str:
    return one if count == 1 else many


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": add,
    "concat": concat,
    "either": either,
    "equal": equal,
    "first": first,
    "item": item,
    "join": join,
    "last_word": last_word,
    "left": left,
    "lower": lower,
    "merge": merge,
    "multiply": multiply,
    "null_if_empty": null_if_empty,
    "only_if": only_if,
    "optional": optional,
    "pick": pick,
    "plural": plural,
    "replace": replace,
    "split": split,
    "text": text,
    "upper": upper,
    "without": without,
}
