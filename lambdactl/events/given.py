"""The event that a user gives: a file, standard input, text, or a sample; with values set in it.

The bytes go to the function as they were written, unless a value was set; only a byte order mark
is left out, which editors write and JSON doesn't have (RFC 8259, section 8.1).
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lambdactl.errors import EventError, Location
from lambdactl.events.paths import apply_set

DEFAULT = b"{}"


def from_file(path: Path) -> bytes:
    """The bytes of ``path``.

    :raises EventError: it can't be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise EventError(
            f"there is no event file {path}",
            hint="the event itself goes with --event-json" if str(path)[:1] in "{[" else None,
        ) from None
    except IsADirectoryError:
        raise EventError(f"the event {path} is a folder") from None
    except OSError as error:
        raise EventError(f"cannot read the event {path}: {error.strerror}") from error


def checked(data: bytes, source: str, *, limit: int) -> bytes:
    """``data`` without a byte order mark, if it is JSON that Lambda would take.

    :param source: what the user calls it, for the error: a file name, "standard input", ...
    :param limit: bytes that an invocation takes.
    :raises EventError: it is too large, not UTF-8, or not JSON; with the line and the column.
    """
    if len(data) > limit:
        raise EventError(
            f"the event ({source}) has {len(data)} bytes; Lambda takes at most {limit}",
        )
    _parse(data, source)
    return data.removeprefix(codecs.BOM_UTF8)


def with_values(data: bytes, values: Sequence[tuple[str, Any]], source: str) -> bytes:
    """``data`` with each ``path=value`` set in it.

    :raises EventError: ``data`` isn't JSON, or can't be written as JSON again.
    :raises UserError: a path leads nowhere.
    """
    if not values:
        return data
    event = _parse(data, source)
    try:
        for path, raw in values:
            event = apply_set(event, path, raw)
        return to_bytes(event)
    except RecursionError:
        raise _too_deep(source) from None
    except ValueError:
        # As 1e400, which JSON may say and Python reads as infinity.
        raise EventError(f"the event ({source}) has a number that is too large") from None


def to_bytes(event: Any) -> bytes:
    """``event`` as JSON.

    :raises ValueError: a number in it is infinite or none at all.
    """
    try:
        return json.dumps(event, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair: it has no bytes of its own, but can be escaped.
        return json.dumps(event, allow_nan=False).encode()


def _parse(data: bytes, source: str) -> Any:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EventError(
            f"the event ({source}) is not UTF-8: byte {error.start} is {data[error.start]:#04x}"
        ) from None
    if not text.strip():
        raise EventError(f"the event ({source}) is empty", hint="an empty event is {}")

    def refuse(name: str) -> None:
        raise EventError(f"the event ({source}) is not JSON: JSON has no {name}")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        lines = text.split("\n")
        line = lines[error.lineno - 1].rstrip("\r") if error.lineno <= len(lines) else ""
        raise EventError(
            f"the event is not JSON: {error.msg}",
            where=Location(source, error.lineno, error.colno, line[:200]),
        ) from None
    except ValueError:
        raise EventError(f"the event ({source}) has a number of thousands of digits") from None
    except RecursionError:
        raise _too_deep(source) from None


def _too_deep(source: str) -> EventError:
    return EventError(f"the event ({source}) is nested too deeply")
