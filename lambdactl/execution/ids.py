"""Random identifiers, fast: an invocation needs several, and each would be a system call."""

from __future__ import annotations

import base64
import os

_STOCK_BYTES = 4096
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}

_stock = ""
_used = 0
_text = ""
_text_used = 0


def new_hex(digits: int) -> str:
    """``digits`` random hexadecimal digits (at most 64) in lower case, from the system's own
    source of randomness."""
    global _stock, _used
    end = _used + digits
    if end > len(_stock):
        _stock = os.urandom(_STOCK_BYTES).hex()
        _used, end = 0, digits
    found = _stock[_used:end]
    _used = end
    return found


def new_text(length: int) -> str:
    """``length`` random characters of URL-safe Base64 (at most 64)."""
    global _text, _text_used
    end = _text_used + length
    if end > len(_text):
        _text = base64.urlsafe_b64encode(os.urandom(_STOCK_BYTES)).decode().rstrip("=")
        _text_used, end = 0, length
    found = _text[_text_used:end]
    _text_used = end
    return found


def new_uuid() -> str:
    """A random UUID (version 4, RFC 9562) as text."""
    d = new_hex(32)
    return f"{d[:8]}-{d[8:12]}-4{d[13:16]}-{_VARIANT[d[16]]}{d[17:20]}-{d[20:]}"


def new_trace_root(now: float) -> str:
    """The root of a trace, ``Root=1-<epoch seconds>-<24 digits>``
    (https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader)."""
    return f"Root=1-{int(now):08x}-{new_hex(24)}"


def _forget() -> None:
    global _stock, _text
    _stock = _text = ""


# A child must not hand out what its parent does.
os.register_at_fork(after_in_child=_forget)
