"""Events and responses as JSON, the way AWS's client makes them: with `simplejson`.

For what consists of plain lists, tuples, dicts, strings and numbers `simplejson` and the standard
library's C code do the same; that code is used directly, because the `json` package around it
costs 7 ms of start-up. All else is left to `encoder`, which knows where the two differ.
"""

import os
from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner
from marshal import dumps

# From Python 3.12 on AWS leaves characters beyond ASCII as they are.
_UNICODE_RUNTIMES = ("3.12", "3.13", "3.14", "3.15")
quote = (
    encode_basestring
    if os.environ.get("AWS_EXECUTION_ENV") in ["AWS_Lambda_python" + v for v in _UNICODE_RUNTIMES]
    else encode_basestring_ascii
)


def refuse_constant(word):
    """`simplejson` takes no NaN and no Infinity in an event."""
    raise ValueError(word)


def _refuse_object(value):
    raise TypeError


class _Scanning:
    """What the scanner reads its settings from, in place of a `json.JSONDecoder`."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(refuse_constant)


_scan = make_scanner(_Scanning())
# (markers, default, string encoder, indent, separators, sort_keys, skipkeys, allow_nan). No markers
# for cycles: what `marshal` takes has none.
_encode = make_encoder(None, _refuse_object, quote, None, ": ", ", ", False, False, True)


def parse(body):
    """Return the event in `body` (bytes).

    :raises Fault: it isn't JSON.
    """
    try:
        text = str(body, "utf-8").strip(" \t\n\r")
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except Exception:
        # The careful way below finds the right words.
        pass
    from lambdactl_runtime import encoder

    return encoder.parse(body)


def to_json(value):
    """Return `value` as JSON text.

    :raises Exception: what `simplejson` would raise: TypeError, ValueError, RecursionError, ...
    """
    try:
        # The quickest way to learn that there is none but plain types in it: `marshal` refuses
        # subclasses, where the two libraries differ, and what is nested too deep or in a circle.
        dumps(value, 2)
        return "".join(_encode(value, 0))
    except Exception:
        from lambdactl_runtime import encoder

        return encoder.encode(value, quote)


def marshal(response):
    """Return a handler's response as JSON text.

    :raises Fault: it can't be JSON.
    """
    try:
        return to_json(response)
    except Exception as error:
        from lambdactl_runtime.faults import Fault

        raise Fault("MarshalError", "Unable to marshal response: %s" % error)
