"""``--set Records.0.s3.bucket.name=photos``: change one value inside a JSON value.

A path is keys and list indexes with dots between them; ``items[0]`` is the same as ``items.0``,
a negative index counts from the end, and ``\\.`` is a dot inside a key. Every part but the last
must be there already; a last key that is not there is added.
"""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from lambdactl.errors import UserError
from lambdactl.events.names import closest

_PART = re.compile(r"\[(?P<index>-?\d+)\]|(?P<key>(?:\\.|[^.\[\\]|\[(?!-?\d+\]))+)")


def apply_set(value: Any, path: str, raw: Any) -> Any:
    """A copy of ``value`` with what stands at ``path`` replaced.

    :param value: any JSON value; it is not changed.
    :param raw: a string is read as JSON if it is JSON, otherwise it is the string itself;
        anything else is taken as it is.
    :raises UserError: the path is not one, or leads to nothing.
    """
    parts = split_path(path)
    result = copy.deepcopy(value)
    owner = result
    for depth, part in enumerate(parts[:-1]):
        owner = _step(owner, part, path, parts[:depth])
    _put(owner, parts[-1], parse_raw(raw), path, parts[:-1])
    return result


def parse_raw(raw: Any) -> Any:
    """``raw`` as JSON if it is a string that holds JSON, otherwise as it is."""
    if not isinstance(raw, str):
        return raw
    try:
        return json.loads(raw, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        return raw


def split_assignment(text: str) -> tuple[str, str]:
    """``"a.b=c"`` -> ``("a.b", "c")``.

    :raises UserError: there is no ``=``, or nothing before it.
    """
    path, equals, raw = text.partition("=")
    if not equals or not path:
        raise UserError(
            f"--set takes PATH=VALUE, not {text!r}",
            hint="for example Records.0.s3.bucket.name=photos",
        )
    return path, raw


def split_path(path: str) -> tuple[str, ...]:
    """``"a.b[0]"`` -> ``("a", "b", "0")``.

    :raises UserError: an empty part, or an empty path.
    """
    parts: list[str] = []
    position = 0
    while True:
        match = _PART.match(path, position)
        if match is None or (match["key"] is None and position and path[position - 1] == "."):
            raise UserError(
                f"--set can't read the path {path!r}", hint="parts are separated by one dot"
            )
        parts.append(
            match["index"] if match["key"] is None else re.sub(r"\\(.)", r"\1", match["key"])
        )
        position = match.end()
        if position == len(path):
            return tuple(parts)
        if path[position] == ".":
            position += 1


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large for a number of JSON")
    return number


def _step(owner: Any, part: str, path: str, done: tuple[str, ...]) -> Any:
    if isinstance(owner, dict):
        if part not in owner:
            raise _missing(owner, part, path, done)
        return owner[part]
    if isinstance(owner, list):
        return owner[_index(owner, part, path, done)]
    raise _scalar(owner, part, path, done)


def _put(owner: Any, part: str, value: Any, path: str, done: tuple[str, ...]) -> None:
    if isinstance(owner, dict):
        owner[part] = value
    elif isinstance(owner, list):
        owner[_index(owner, part, path, done)] = value
    else:
        raise _scalar(owner, part, path, done)


def _index(owner: list[Any], part: str, path: str, done: tuple[str, ...]) -> int:
    items = f"{len(owner)} item{'' if len(owner) == 1 else 's'}"
    if not re.fullmatch(r"-?\d+", part):
        raise UserError(
            f"--set {path}: {_name(done)} is a list of {items}, so {part!r} is no part of it",
            hint=f"did you mean `{'.'.join((*done, '0', part))}`?" if owner else None,
        )
    index = int(part)
    if not -len(owner) <= index < len(owner):
        raise UserError(
            f"--set {path}: {_name(done)} has {items}, so there is no {part}",
            hint=f"the last is `{'.'.join((*done, str(len(owner) - 1)))}`" if owner else None,
        )
    return index


def _missing(owner: dict[str, Any], part: str, path: str, done: tuple[str, ...]) -> UserError:
    close = closest(part, [str(key) for key in owner])
    known = ", ".join(list(owner)[:8]) + (", ..." if len(owner) > 8 else "")
    return UserError(
        f"--set {path}: there is no {part!r} in {_name(done)}",
        hint=close or (f"it has: {known}" if owner else "it is empty"),
    )


def _scalar(owner: Any, part: str, path: str, done: tuple[str, ...]) -> UserError:
    kind = {bool: "a boolean", str: "a string", int: "a number", float: "a number"}
    return UserError(
        f"--set {path}: {_name(done)} is {kind.get(type(owner), 'null')}, "
        f"so it has no {part!r} inside"
    )


def _name(done: tuple[str, ...]) -> str:
    return ".".join(done) if done else "the event"
