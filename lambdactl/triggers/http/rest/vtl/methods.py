"""What templates can ask of values: properties, elements, and the methods of Java's classes.

``$text.length()``, ``$list.size()``, ``$map.entrySet()``: the public methods of ``String``,
``List``, ``Map`` and of numbers that make sense in a template. A method that is not here, or not
with such arguments, gives :data:`MISSING`, as Velocity has it; one that fails raises.
https://velocity.apache.org/engine/1.7/user-guide.html ("Property Lookup Rules", "Methods").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from lambdactl.triggers.http.rest.java_regex import compiled, replacement
from lambdactl.triggers.http.rest.vtl.errors import VtlError
from lambdactl.triggers.http.rest.vtl.values import (
    Collected,
    Entry,
    Host,
    JsonArray,
    equals,
    java_double,
    text,
)

MISSING: Final = object()
"""There is no such thing: a reference to it is an empty string."""

Method = Callable[..., Any]
_FAILURES = (IndexError, KeyError, ValueError, TypeError, AttributeError, OverflowError)


def get(owner: Any, name: str) -> Any:
    """``$owner.name``"""
    if isinstance(owner, dict):
        return owner.get(name, MISSING)
    if isinstance(owner, Host):
        return owner.properties.get(name, MISSING)
    if isinstance(owner, Entry) and name in ("key", "value"):
        return getattr(owner, name)
    if isinstance(owner, str | list) and name == "empty":
        return not owner
    return MISSING


def index(owner: Any, key: Any, line: int) -> Any:
    """``$owner[key]``

    :raises VtlError: a list has no such element.
    """
    if isinstance(owner, dict):
        return _lookup(owner, key)
    if _has_places(owner) and isinstance(key, int) and not isinstance(key, bool):
        if -len(owner) <= key < len(owner):
            return owner[key]
        raise VtlError(f"line {line}: a list of {len(owner)} has no element {key}")
    return MISSING


def _has_places(owner: Any) -> bool:
    return isinstance(owner, list) and not isinstance(owner, Collected)


def put(owner: Any, key: Any, value: Any, line: int) -> None:
    """``#set($owner[key] = value)``; nothing happens where that can't be.

    :raises VtlError: a list has no such element, or the value may not be set (again).
    """
    try:
        if isinstance(owner, dict) or (_has_places(owner) and isinstance(key, int)):
            owner[key] = value
    except _FAILURES as error:
        raise VtlError(f"line {line}: {key} can't be set: {error}") from error


def call(owner: Any, name: str, arguments: Sequence[Any], line: int) -> Any:
    """``$owner.name(arguments)``

    :raises VtlError: the method failed.
    """
    try:
        if isinstance(owner, Host):
            method = owner.methods.get(name)
            return MISSING if method is None else method(*arguments)
        for takes, method in _methods(owner).get(name, ()):
            if _fits(takes, arguments):
                return method(owner, *arguments)
    except _FAILURES as error:
        raise VtlError(f"line {line}: {name}() failed: {error}") from error
    return MISSING


def _methods(owner: Any) -> dict[str, tuple[tuple[str, Method], ...]]:
    if isinstance(owner, str):
        return _STRING
    if isinstance(owner, bool):
        return _BOOLEAN
    if isinstance(owner, int):
        return _INTEGER
    if isinstance(owner, float):
        return _DOUBLE
    if isinstance(owner, Collected):
        return _COLLECTION
    if isinstance(owner, list):
        return _LIST
    if isinstance(owner, dict):
        return _MAP
    if isinstance(owner, Entry):
        return _ENTRY
    return {}


def _fits(takes: str, arguments: Sequence[Any]) -> bool:
    """Whether a method takes ``arguments``: ``s`` a string, ``i`` a whole number, ``l`` a list,
    ``m`` a map, ``o`` anything. Null fits everything, and then fails or not, as in Java."""
    if len(takes) != len(arguments):
        return False
    return all(
        value is None or wanted == "o" or _IS[wanted](value)
        for wanted, value in zip(takes, arguments, strict=True)
    )


_IS: dict[str, Callable[[Any], bool]] = {
    "s": lambda value: isinstance(value, str),
    "i": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "l": lambda value: isinstance(value, list),
    "m": lambda value: isinstance(value, dict),
}


def _lookup(owner: dict[Any, Any], key: Any) -> Any:
    # A key that is 1 in Python is also True and 1.0; Java keeps them apart.
    found = owner.get(key, MISSING) if isinstance(key, str | int | float) else MISSING
    if found is MISSING or isinstance(key, str):
        return found
    return next((owner[each] for each in owner if equals(each, key)), MISSING)


def _checked(value: str, start: int, end: int) -> str:
    if not 0 <= start <= end <= len(value):
        raise IndexError(f"begin {start}, end {end}, length {len(value)}")
    return value[start:end]


def _char(value: str, at: int) -> str:
    return _checked(value, at, at + 1)


def _element(value: list[Any], at: int) -> Any:
    if not 0 <= at < len(value):
        raise IndexError(f"a list of {len(value)} has no element {at}")
    return value[at]


def _split(value: str, pattern: str, limit: int = 0) -> list[str]:
    """``String.split``: without a limit trailing empty strings go, and an empty match at the start
    gives no empty string."""
    pieces: list[str] = []
    start = 0
    for found in compiled(pattern).finditer(value):
        if limit > 0 and len(pieces) == limit - 1:
            break
        if found.end() == 0 or (found.start() == found.end() == len(value)):
            continue
        pieces.append(value[start : found.start()])
        start = found.end()
    pieces.append(value[start:])
    if limit == 0:
        while len(pieces) > 1 and not pieces[-1]:
            pieces.pop()
        if start and pieces == [""]:
            return []
    return pieces


def _hash(value: str) -> int:
    total = 0
    units = value.encode("utf-16-be", "surrogatepass")
    for high, low in zip(units[::2], units[1::2], strict=True):
        total = (total * 31 + (high << 8 | low)) & 0xFFFFFFFF
    return total - 0x100000000 if total & 0x80000000 else total


def _compare(left: Any, right: Any) -> int:
    """``String.compareTo``: the difference of the first letters that differ, or of the lengths."""
    for one, other in zip(left, right, strict=False):
        if one != other:
            return ord(one) - ord(other)
    return len(left) - len(right)


def _number_compare(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def _parse_int(digits: str) -> int:
    if not digits.lstrip("+-").isdigit() or not -(2**63) <= int(digits) < 2**63:
        raise ValueError(f'For input string: "{digits}"')
    return int(digits)


def _add(value: list[Any], item: Any) -> bool:
    value.append(item)
    return True


def _extend(value: list[Any], items: list[Any]) -> bool:
    value.extend(items)
    return bool(items)


def _insert(value: list[Any], at: int, item: Any) -> None:
    if not 0 <= at <= len(value):
        raise IndexError(f"a list of {len(value)} has no place {at}")
    value.insert(at, item)


def _replace(value: list[Any], at: int, item: Any) -> Any:
    before = _element(value, at)
    value[at] = item
    return before


def _remove_at(value: list[Any], at: int) -> Any:
    before = _element(value, at)
    del value[at]
    return before


def _find(value: list[Any], item: Any) -> int:
    return next((at for at, each in enumerate(value) if equals(each, item)), -1)


def _find_last(value: list[Any], item: Any) -> int:
    return max((at for at, each in enumerate(value) if equals(each, item)), default=-1)


def _discard(value: list[Any], item: Any) -> bool:
    at = _find(value, item)
    if at >= 0:
        del value[at]
    return at >= 0


def _sublist(value: list[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(value):
        raise IndexError(f"begin {start}, end {end}, size {len(value)}")
    return value[start:end]


def _got(value: dict[Any, Any], key: Any) -> Any:
    found = _lookup(value, key)
    return None if found is MISSING else found


def _put(value: dict[Any, Any], key: Any, item: Any) -> Any:
    before = _got(value, key)
    value[key] = item
    return before


def _put_if_absent(value: dict[Any, Any], key: Any, item: Any) -> Any:
    return before if (before := _got(value, key)) is not None else _put(value, key, item)


def _either(value: dict[Any, Any], key: Any, otherwise: Any) -> Any:
    found = _lookup(value, key)
    return otherwise if found is MISSING else found


def _every(value: list[Any], items: list[Any]) -> bool:
    return all(_find(value, each) >= 0 for each in items)


def _whole(value: float) -> int:
    return int(value) if value == value and abs(value) != float("inf") else 0


_OBJECT: dict[str, tuple[tuple[str, Method], ...]] = {
    "toString": (("", text),),
    "equals": (("o", equals),),
}

_NUMBER: dict[str, tuple[tuple[str, Method], ...]] = {
    **_OBJECT,
    "intValue": (("", _whole),),
    "longValue": (("", _whole),),
    "doubleValue": (("", float),),
    "floatValue": (("", float),),
}

_INTEGER: dict[str, tuple[tuple[str, Method], ...]] = {
    **_NUMBER,
    # `#set($Integer = 0)$Integer.parseInt("7")` is how templates come to Java's static methods.
    "parseInt": (("s", lambda value, digits: _parse_int(digits)),),
    "valueOf": (
        ("s", lambda value, digits: _parse_int(digits)),
        ("i", lambda value, number: number),
    ),
    "compareTo": (("i", _number_compare),),
    "compare": (("ii", lambda value, left, right: _number_compare(left, right)),),
    "max": (("ii", lambda value, left, right: max(left, right)),),
    "min": (("ii", lambda value, left, right: min(left, right)),),
    "toHexString": (("i", lambda value, number: f"{number & 0xFFFFFFFF:x}"),),
    "toBinaryString": (("i", lambda value, number: f"{number & 0xFFFFFFFF:b}"),),
    "toString": (("", text), ("i", lambda value, number: text(number))),
    "hashCode": (("", lambda value: value),),
}

_DOUBLE: dict[str, tuple[tuple[str, Method], ...]] = {
    **_NUMBER,
    "parseDouble": (("s", lambda value, digits: float(digits)),),
    "valueOf": (("s", lambda value, digits: float(digits)),),
    "compareTo": (("o", _number_compare),),
    "isNaN": (("", lambda value: value != value),),
    "toString": (("", java_double),),
}

_BOOLEAN: dict[str, tuple[tuple[str, Method], ...]] = {
    **_OBJECT,
    "booleanValue": (("", lambda value: value),),
    "parseBoolean": (("s", lambda value, word: word is not None and word.lower() == "true"),),
    "valueOf": (("s", lambda value, word: word is not None and word.lower() == "true"),),
}

_ENTRY: dict[str, tuple[tuple[str, Method], ...]] = {
    **_OBJECT,
    "getKey": (("", lambda value: value.key),),
    "getValue": (("", lambda value: value.value),),
}

_STRING: dict[str, tuple[tuple[str, Method], ...]] = {
    **_OBJECT,
    "length": (("", len),),
    "isEmpty": (("", lambda value: not value),),
    "isBlank": (("", lambda value: not value.strip()),),
    "charAt": (("i", _char),),
    "substring": (
        ("i", lambda value, start: _checked(value, start, len(value))),
        ("ii", _checked),
    ),
    "subSequence": (("ii", _checked),),
    "indexOf": (
        ("s", str.find),
        ("si", lambda value, part, start: value.find(part, max(start, 0))),
    ),
    "lastIndexOf": (("s", str.rfind),),
    "contains": (("s", lambda value, part: part in value),),
    "startsWith": (
        ("s", str.startswith),
        ("si", lambda value, part, start: start >= 0 and value.startswith(part, start)),
    ),
    "endsWith": (("s", str.endswith),),
    "equalsIgnoreCase": (
        ("s", lambda value, other: other is not None and value.lower() == other.lower()),
    ),
    "compareTo": (("s", _compare),),
    "compareToIgnoreCase": (("s", lambda value, other: _compare(value.lower(), other.lower())),),
    "concat": (("s", lambda value, other: value + other),),
    "replace": (("ss", str.replace),),
    "replaceAll": (
        (
            "ss",
            lambda value, pattern, by: compiled(pattern).sub(replacement(pattern, by), value),
        ),
    ),
    "replaceFirst": (
        (
            "ss",
            lambda value, pattern, by: compiled(pattern).sub(
                replacement(pattern, by), value, count=1
            ),
        ),
    ),
    "matches": (("s", lambda value, pattern: compiled(pattern).fullmatch(value) is not None),),
    "split": (("s", _split), ("si", _split)),
    "toLowerCase": (("", str.lower),),
    "toUpperCase": (("", str.upper),),
    "trim": (("", lambda value: value.strip("".join(map(chr, range(33))))),),
    "strip": (("", str.strip),),
    "toCharArray": (("", list),),
    "hashCode": (("", _hash),),
    "valueOf": (("o", lambda value, other: text(other)),),
}

_COLLECTION: dict[str, tuple[tuple[str, Method], ...]] = {
    **_OBJECT,
    "size": (("", len),),
    "isEmpty": (("", lambda value: not value),),
    "contains": (("o", lambda value, item: _find(value, item) >= 0),),
    "containsAll": (("l", _every),),
    "remove": (("o", _discard),),
    "toArray": (("", list),),
    "iterator": (("", list),),
}

_LIST: dict[str, tuple[tuple[str, Method], ...]] = {
    **_COLLECTION,
    "get": (("i", _element),),
    "set": (("io", _replace),),
    "add": (("o", _add), ("io", _insert)),
    "addAll": (("l", _extend),),
    "indexOf": (("o", _find),),
    "lastIndexOf": (("o", _find_last),),
    "remove": (("i", _remove_at), ("o", _discard)),
    "clear": (("", lambda value: value.clear()),),
    "subList": (("ii", _sublist),),
    "toJSONString": (("", lambda value: text(JsonArray(value))),),
}

_MAP: dict[str, tuple[tuple[str, Method], ...]] = {
    **_OBJECT,
    "size": (("", len),),
    "isEmpty": (("", lambda value: not value),),
    "get": (("o", _got),),
    "getOrDefault": (("oo", _either),),
    "put": (("oo", _put),),
    "putIfAbsent": (("oo", _put_if_absent),),
    "putAll": (("m", lambda value, other: value.update(other)),),
    "remove": (("o", lambda value, key: value.pop(key, None)),),
    "containsKey": (("o", lambda value, key: _lookup(value, key) is not MISSING),),
    "containsValue": (("o", lambda value, item: _find(list(value.values()), item) >= 0),),
    "keySet": (("", Collected),),
    "values": (("", lambda value: Collected(value.values())),),
    "entrySet": (("", lambda value: Collected(map(Entry, value.keys(), value.values()))),),
    "clear": (("", lambda value: value.clear()),),
}
