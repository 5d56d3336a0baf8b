"""How the fields of a request become fields of an event, where several kinds of API agree."""

from __future__ import annotations

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from urllib.parse import unquote_plus

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

Single = dict[str, str]
Multi = dict[str, list[str]]


def pairs(query: str) -> list[tuple[str, str]]:
    """The parameters of a query string, decoded, in their order.

    A name without ``=`` has an empty value; ``+`` is a space; escapes are UTF-8.
    """
    found = []
    encoded = "%" in query or "+" in query
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            if encoded:
                name, value = unquote_plus(name), unquote_plus(value)
            found.append((name, value))
    return found


def query_maps(query: str) -> tuple[Single | None, Multi | None]:
    """The parameters of a query string: name to last value, and name to all values. None and None
    when there are none."""
    if not query:
        return None, None
    single: Single = {}
    multi: Multi = {}
    for name, value in pairs(query):
        single[name] = value
        if name in multi:
            multi[name].append(value)
        else:
            multi[name] = [value]
    return (single, multi) if single else (None, None)


def header_maps(headers: Iterable[tuple[str, str]]) -> tuple[Single, Multi]:
    """Headers by name as it was sent: to the last value, and to all values."""
    single: Single = {}
    multi: Multi = {}
    for name, value in headers:
        single[name] = value
        if name in multi:
            multi[name].append(value)
        else:
            multi[name] = [value]
    return single, multi


_clf: tuple[int, str] = (-1, "")


def clf_time(now: float) -> str:
    """The moment (seconds since the epoch) as ``09/Apr/2015:12:34:56 +0000``, which is how
    ``requestContext.requestTime`` and ``requestContext.time`` are written
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html)."""
    global _clf
    second, text = _clf
    if int(now) != second:
        second = int(now)
        moment = time.gmtime(second)
        # Not strftime: the names of months must not depend on the locale.
        text = (
            f"{moment.tm_mday:02}/{_MONTHS[moment.tm_mon - 1]}/{moment.tm_year}"
            f":{moment.tm_hour:02}:{moment.tm_min:02}:{moment.tm_sec:02} +0000"
        )
        _clf = (second, text)
    return text


def body_text(body: bytes, binary: bool) -> tuple[str | None, bool]:
    """``body`` and ``isBase64Encoded`` of an event: None for an empty body, Base64 for a binary
    one, otherwise text (what is not UTF-8 in it is lost, as it is in AWS)."""
    if not body:
        return None, False
    if binary:
        return b64encode(body).decode("ascii"), True
    return body.decode("utf-8", "replace"), False


def media_type(value: str | None) -> str:
    """The media type of a ``Content-Type`` value in lower case, without its parameters."""
    return value.partition(";")[0].strip().lower() if value else ""


def media_matcher(types: Iterable[str]) -> Callable[[str], bool]:
    """Whether a media type (see :func:`media_type`) is one of ``types``, which may have wildcards:
    ``image/*``, ``*/*``."""
    exact = {media_type(each) for each in types}
    if "*/*" in exact:
        return lambda value: True
    families = tuple(each[:-1] for each in exact if each.endswith("/*"))
    if families:
        return lambda value: value in exact or value.startswith(families)
    return exact.__contains__


def stable_id(*names: str, length: int = 10) -> str:
    """An id that looks like API Gateway's own (``a1b2c3d4e5``), the same for the same names: lower
    case letters and digits, a letter first, as it is part of a host name."""
    number = int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest(), "big")
    number, first = divmod(number, 26)
    letters = [_ID_LETTERS[first]]
    for _ in range(length - 1):
        number, rest = divmod(number, 36)
        letters.append(_ID_LETTERS[rest])
    return "".join(letters)


_names: dict[str, tuple[str, str, str]] = {}


def server_name(host: str) -> tuple[str, str, str]:
    """What a ``Host`` header says: ``domainName``, ``domainPrefix`` and the port (``""`` without).

    The domain name keeps the port, so that a handler which builds a URL of it reaches this server.
    The prefix is the first label of a name; an address is not taken apart.
    """
    found = _names.get(host)
    if found is None:
        name, port = _port(host)
        address = name.startswith("[") or name.replace(".", "").isdigit()
        found = (host, name if address else name.partition(".")[0], port)
        if len(_names) < 256:
            _names[host] = found
    return found


def _port(host: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and port.isdigit() else (host, "")
