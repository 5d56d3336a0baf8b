"""Digests, sizes, encodings and compression, so that what an event says of its data is true.

``hashlib``, ``gzip`` and ``base64`` are imported where they are used: most events need none.
"""

from __future__ import annotations

import json as json_module
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdactl.events.render import Scope


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def json(_scope: Scope, value: Any) -> str:
    """Compact JSON text."""
    return json_module.dumps(value, ensure_ascii=False, separators=(",", ":"))


def size(_scope: Scope, value: str | bytes | None) -> int | None:
    """The length in bytes (of UTF-8), or null."""
    return None if value is None else len(_bytes(value))


def count(_scope: Scope, values: list[Any]) -> int:
    return len(values)


def md5(_scope: Scope, value: str | bytes | None) -> str | None:
    import hashlib

    if value is None:
        return None
    return hashlib.md5(_bytes(value), usedforsecurity=False).hexdigest()


def sha1(_scope: Scope, value: str | bytes) -> str:
    import hashlib

    return hashlib.sha1(_bytes(value), usedforsecurity=False).hexdigest()


def sha256(_scope: Scope, value: str | bytes) -> str:
    import hashlib

    return hashlib.sha256(_bytes(value)).hexdigest()


def base64(_scope: Scope, value: str | bytes) -> str:
    from base64 import b64encode

    return b64encode(_bytes(value)).decode()


def base64url(_scope: Scope, value: str | bytes) -> str:
    """The alphabet that is safe in URLs, without padding."""
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(_bytes(value)).decode().rstrip("=")


def gzip(_scope: Scope, value: str | bytes) -> bytes:
    """A gzip stream without a time in its header, so the same input gives the same bytes."""
    from gzip import compress

    return compress(_bytes(value), mtime=0)


def octets(_scope: Scope, value: str | bytes) -> list[int]:
    """The bytes as the signed numbers that Java's byte arrays become in JSON."""
    return [byte - 256 if byte > 127 else byte for byte in _bytes(value)]


def utf8(_scope: Scope, value: str) -> bytes:
    return value.encode()


def characters(_scope: Scope, value: str | bytes) -> str | None:
    """The text that the bytes are in UTF-8, or null if they are none."""
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError:
        return None


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "base64": base64,
    "base64url": base64url,
    "characters": characters,
    "count": count,
    "gzip": gzip,
    "json": json,
    "md5": md5,
    "octets": octets,
    "sha1": sha1,
    "sha256": sha256,
    "size": size,
    "utf8": utf8,
}
