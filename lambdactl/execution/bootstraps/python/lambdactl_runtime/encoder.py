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
        return json.loads(
            text[1:] if text[:1] == "\ufeff" else text, parse_constant=refuse_constant
        )
    except Exception as error:
        raise Fault("UnmarshalError", "Unable to unmarshal input: %s" % error)


def encode(value, quote):
    """Return `value` as JSON text; `quote` makes a JSON string of a str."""
    parents = {}

    # One frame a level: so it reaches as deep as `simplejson`, whose recursion is in C.
    def item(value):
        if isinstance(value, str):
            return quote(value)
        if isinstance(value, decimal.Decimal):
            return "NaN" if value.is_nan() else str(value)
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
        if isinstance(value, bytes):
            return quote(str(value, "utf-8"))
        mapping = _mapping(value)
        if mapping is None and not isinstance(value, (list, tuple)):
            raise TypeError("Object of type %s is not JSON serializable" % value.__class__.__name__)
        if id(value) in parents:
            raise ValueError("Circular reference detected")
        parents[id(value)] = value
        parts = []
        if mapping is None:
            for element in value:
                parts.append(item(element))
            text = "[%s]"
        else:
            for key, element in mapping.items():
                parts.append("%s: %s" % (quote(_key(key)), item(element)))
            text = "{%s}"
        del parents[id(value)]
        return text % ", ".join(parts)

    try:
        return item(value)
    except RecursionError:
        message = "maximum recursion depth exceeded while encoding a JSON object"
        raise RecursionError(message) from None


def _mapping(value):
    """The dict that an object is made of; None for a list, a tuple and what can't be encoded."""
    method = getattr(value, "_asdict", None)
    if callable(method):
        try:
            mapping = method()
        except TypeError:
            # Then it counts as what it is otherwise.
            pass
        else:
            if isinstance(mapping, dict):
                return mapping
            raise TypeError("_asdict() must return a dict, not %s" % type(mapping).__name__)
    return value if isinstance(value, dict) else None


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
    raise TypeError("keys must be str, int, float, bool or None, not %s" % key.__class__.__name__)


def _number(value):
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)
