"""Identifiers as AWS services make them, out of the seed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdactl.events.render import Scope

_DIGITS = "0123456789"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()


def _of(scope: Scope, alphabet: str, length: int) -> str:
    return "".join(scope.random().choices(alphabet, k=length))


def uuid(scope: Scope) -> str:
    """A version 4 UUID."""
    bits = scope.random().getrandbits(128)
    bits = bits & ~(0xF << 76) | 4 << 76
    bits = bits & ~(0x3 << 62) | 2 << 62
    digits = f"{bits:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def hexadecimal(scope: Scope, length: int) -> str:
    return _of(scope, "0123456789abcdef", length)


def digits(scope: Scope, length: int) -> str:
    """Decimal digits, the first of them not 0."""
    return _of(scope, _DIGITS[1:], 1) + (_of(scope, _DIGITS, length - 1) if length > 1 else "")


def alnum(scope: Scope, length: int) -> str:
    """Letters of both cases and digits."""
    return _of(scope, _LOWER + _UPPER + _DIGITS, length)


def lower_alnum(scope: Scope, length: int) -> str:
    return _of(scope, _LOWER + _DIGITS, length)


def upper_alnum(scope: Scope, length: int) -> str:
    return _of(scope, _UPPER + _DIGITS, length)


def base32(scope: Scope, length: int) -> str:
    return _of(scope, _UPPER + "234567", length)


def random_bytes(scope: Scope, length: int) -> bytes:
    return scope.random().randbytes(length)


def integer(scope: Scope, least: int, most: int) -> int:
    """An integer from ``least`` to ``most``, both included."""
    return scope.random().randint(least, most)


def one_of(scope: Scope, *choices: str) -> str:
    return scope.random().choice(choices)


def ip(scope: Scope) -> str:
    """An address of TEST-NET-3, which belongs to nobody (RFC 5737)."""
    return f"203.0.113.{scope.random().randint(1, 254)}"


def private_ip(scope: Scope) -> str:
    random = scope.random()
    return f"10.0.{random.randint(0, 255)}.{random.randint(4, 254)}"


def trace_id(scope: Scope, moment: datetime) -> str:
    """An X-Ray trace ID: version, time in hexadecimal, 96 random bits
    (https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html)."""
    return f"1-{int(moment.timestamp()):08x}-{scope.random().getrandbits(96):024x}"


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "alnum": alnum,
    "base32": base32,
    "digits": digits,
    "hex": hexadecimal,
    "integer": integer,
    "ip": ip,
    "lower_alnum": lower_alnum,
    "one_of": one_of,
    "private_ip": private_ip,
    "random_bytes": random_bytes,
    "trace_id": trace_id,
    "upper_alnum": upper_alnum,
    "uuid": uuid,
}
