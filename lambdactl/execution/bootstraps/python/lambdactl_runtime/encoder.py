"""JSON with care: what the quick way of `payload` leaves over.

`simplejson` (https://simplejson.readthedocs.io) differs from the standard library's `json`: bytes
are text, anything with an `_asdict` method (a named tuple) is an object, an int or a float of a
subclass is encoded by value, and the event may hold no NaN. AWS adds decimals, as numbers.
"""

import decimal
import json

from lambdactl_runtime.faults import Fault
from lambdactl_runtime.payload import refuse_constant


def parse(body):
    """Return the event in `body`, or raise the Fault that says where it isn't JSON."""
    try:
        text = str(body, "utf-8")
        return json.loads(text[1:] if text[:1] == "\ufeff" else text, parse_constant=refuse_constant)
    except Exception as error:
        raise Fault("UnmarshalError", "Unable to unmarshal input: %s" % error)


def encode(value, quote):
    """Return `value` as JSON text; `quote` makes a JSON string of a str."""
    parents = {}

    def item(value):
        if isinstance(value, str):
            return quote(value)
        if isinstance(value, bytes):
            return quote(str(value, "utf-8"))
        if value is None:
            return "null"
        if value is True:
            return "true"
        if value is False:
            return "false"
        if isinstance(value, int):
            return int.__repr__(value)
        if isinstance(value, float):
            return _number(value)
        mapping = _as_dict(value)
        if mapping is not None:
            return guarded(value, members, mapping)
        if isinstance(value, (list, tuple)):
            return guarded(value, elements, value) if value else "[]"
        if isinstance(value, dict):
            return guarded(value, members, value)
        if isinstance(value, decimal.Decimal):
            return "NaN" if value.is_nan() else str(value)
        raise TypeError("Object of type %s is not JSON serializable" % value.__class__.__name__)

    def guarded(value, encode_parts, parts):
        if id(value) in parents:
            raise ValueError("Circular reference detected")
        parents[id(value)] = value
        text = encode_parts(parts)
        del parents[id(value)]
        return text

    def elements(values):
        return "[%s]" % ", ".join([item(value) for value in values])

    def members(mapping):
        return "{%s}" % ", ".join(
            ["%s: %s" % (quote(_key(key)), item(value)) for key, value in mapping.items()]
        )

    try:
        return item(value)
    except RecursionError:
        # In the words of `simplejson`, whose recursion is in C.
        raise RecursionError(
            "maximum recursion depth exceeded while encoding a JSON object"
        ) from None


def _as_dict(value):
    method = getattr(value, "_asdict", None)
    if not callable(method):
        return None
    try:
        mapping = method()
    except TypeError:
        return None
    if not isinstance(mapping, dict):
        raise TypeError("_asdict() must return a dict, not %s" % type(mapping).__name__)
    return mapping


def _key(key):
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return str(key, "utf-8")
    if isinstance(key, float):
        return _number(key)
    if key is None:
        return "null"
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int):
        return int.__repr__(key)
    raise TypeError(
        "keys must be str, int, float, bool or None, not %s" % key.__class__.__name__
    )


def _number(value):
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)
