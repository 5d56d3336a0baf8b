"""Random identifiers, fast: an invocation needs several, and each would be a system call."""

from __future__ import annotations

import os

_STOCK_BYTES = 4096

_stock = ""
_used = 0


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


def new_uuid() -> str:
    """A random UUID (version 4, RFC 9562) as text."""
    digits = new_hex(32)
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _forget() -> None:
    global _stock
    _stock = ""


# A child must not hand out what its parent does.
os.register_at_fork(after_in_child=_forget)
