"""From what the user typed to a value: the types a parameter of an event can have.

====================  ============================================================
type                  value
====================  ============================================================
string, integer,      as in JSON (``string`` may be limited to ``choices``)
number, boolean
json                  any JSON value; text that is not JSON is a string
object                a JSON object
list                  a list of strings (the option may be given many times)
pairs                 ``NAME=VALUE`` many times: a list of (name, value)
time                  ISO 8601 or seconds since 1970: an aware datetime in UTC
account               twelve digits
region, partition     as AWS writes them
====================  ============================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lambdactl.errors import UserError
from lambdactl.events import library
from lambdactl.events.library import Parameter
from lambdactl.events.names import closest
from lambdactl.events.paths import parse_raw

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_YEARS = (1971, 2099)
"""Within these every time of an event, some of which are days off, is eight hexadecimal digits of
seconds since 1970."""
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")


def convert(parameter: Parameter, raw: Any) -> Any:
    """``raw`` (typed text, or a Python value) as a value of the parameter's type.

    :raises UserError: it is not one.
    """
    value = _CONVERTERS[parameter.type](parameter, raw)
    if parameter.choices and value not in parameter.choices:
        close = closest(str(value), parameter.choices)
        raise _bad(
            parameter, "one of its choices", raw, close or f"one of: {', '.join(parameter.choices)}"
        )
    if parameter.minimum is not None and value < parameter.minimum:
        raise _bad(parameter, f"{parameter.minimum} or more", raw)
    if parameter.maximum is not None and value > parameter.maximum:
        raise _bad(parameter, f"at most {parameter.maximum}", raw)
    return value


def _bad(parameter: Parameter, wanted: str, raw: Any, hint: str | None = None) -> UserError:
    return UserError(f"{parameter.option} takes {wanted}, not {raw!r}", hint=hint)


def _string(parameter: Parameter, raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return str(raw)
    raise _bad(parameter, "a string", raw)


def _integer(parameter: Parameter, raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and re.fullmatch(r"\s*[+-]?\d{1,30}\s*", raw, re.ASCII):
        return int(raw)
    raise _bad(parameter, "an integer", raw)


def _number(parameter: Parameter, raw: Any) -> int | float:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and re.fullmatch(
        r"\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*", raw, re.ASCII | re.IGNORECASE
    ):
        return int(raw) if re.fullmatch(r"\s*[+-]?\d{1,30}\s*", raw) else float(raw)
    raise _bad(parameter, "a number", raw)


def _boolean(parameter: Parameter, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise _bad(parameter, "true or false", raw)


def _json(_parameter: Parameter, raw: Any) -> Any:
    return parse_raw(raw)


def _object(parameter: Parameter, raw: Any) -> dict[str, Any]:
    value = parse_raw(raw)
    if isinstance(value, dict):
        return value
    raise _bad(parameter, "a JSON object", raw)


def _list(parameter: Parameter, raw: Any) -> list[str]:
    if isinstance(raw, str):
        return [raw]
    if isinstance(raw, Sequence):
        return [_string(parameter, item) for item in raw]
    raise _bad(parameter, "strings", raw)


def _pairs(parameter: Parameter, raw: Any) -> list[tuple[str, str]]:
    if isinstance(raw, Mapping):
        return [
            (str(name), _string(parameter, item))
            for name, value in raw.items()
            for item in (value if isinstance(value, list | tuple) else [value])
        ]
    pairs: list[tuple[str, str]] = []
    for item in [raw] if isinstance(raw, str) else raw:
        if isinstance(item, str):
            name, equals, value = item.partition("=")
            if not name or not equals:
                raise _bad(parameter, "NAME=VALUE", item)
            pairs.append((name, value))
        else:
            pairs.append((str(item[0]), _string(parameter, item[1])))
    return pairs


def _time(parameter: Parameter, raw: Any) -> datetime:
    try:
        if isinstance(raw, datetime):
            moment = raw
        elif isinstance(raw, int | float) or re.fullmatch(r"\d+(\.\d+)?", str(raw)):
            moment = datetime.fromtimestamp(float(raw), UTC)
        else:
            moment = datetime.fromisoformat(str(raw))
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise _bad(
            parameter, "a time in ISO 8601", raw, "for example 2026-01-31T12:00:00Z"
        ) from None
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise _bad(parameter, f"a time of the years {_YEARS[0]} to {_YEARS[1]}", raw)
    return moment


def _account(parameter: Parameter, raw: Any) -> str:
    if re.fullmatch(r"\d{12}", str(raw), re.ASCII):
        return str(raw)
    raise _bad(parameter, "an account of twelve digits", raw)


def _region(parameter: Parameter, raw: Any) -> str:
    if isinstance(raw, str) and _REGION.fullmatch(raw):
        return raw
    raise _bad(parameter, "a region", raw, "for example eu-west-1")


def _partition(parameter: Parameter, raw: Any) -> str:
    known = library.partitions()
    if raw in known:
        return str(raw)
    raise _bad(
        parameter,
        "a partition",
        raw,
        closest(str(raw), known) or f"one of: {', '.join(known)}",
    )


_CONVERTERS = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "json": _json,
    "object": _object,
    "list": _list,
    "pairs": _pairs,
    "time": _time,
    "account": _account,
    "region": _region,
    "partition": _partition,
}
TYPES = tuple(_CONVERTERS)
