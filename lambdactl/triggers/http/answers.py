"""Answers in wire form: the head of a response, and a body that comes piece by piece."""

from __future__ import annotations

import email.utils
import http
import time
from collections.abc import Callable
from typing import Protocol

from lambdactl.triggers.http.exchange import Response

_OURS = frozenset({"date", "connection", "transfer-encoding", "keep-alive"})
"""Headers that belong to the connection and not to the answer."""
_REASONS = {status.value: status.phrase for status in http.HTTPStatus}
_NO_BODY = frozenset({204, 304})
_PASSED, _LENGTH, _DROPPED = range(3)
_kinds: dict[str, int] = {}
_dated = (0, "")


def is_bodiless(method: str, status: int) -> bool:
    """Whether HTTP has no body for this answer (RFC 9110, sections 6.4.1 and 9.3.2)."""
    return status in _NO_BODY or status < 200 or method == "HEAD"


def head(response: Response, length: int | None, *, keep: bool, chunked: bool = False) -> bytes:
    """The head of ``response``.

    :param length: of the body in bytes; None leaves that to the response's own header.
    :param keep: whether the connection lives on.
    """
    status = response.status
    reason = response.reason or _REASONS.get(status, "")
    lines = [f"HTTP/1.1 {status} {reason}\r\nDate: {_date()}"]
    for name, value in response.headers:
        kind = _kinds.get(name)
        if kind is None:
            kind = _kind(name)
        if kind == _PASSED or (kind == _LENGTH and length is None and not chunked):
            lines.append(f"{name}: {value}")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    elif chunked:
        lines.append("Transfer-Encoding: chunked")
    end = "Connection: keep-alive\r\n\r\n" if keep else "Connection: close\r\n\r\n"
    lines.append(end)
    text = "\r\n".join(lines)
    wanted = len(lines) + 2
    if text.count("\n") != wanted or text.count("\r") != wanted:
        # A header's value may not end the header.
        first = lines[0].split("\r\nDate: ")
        lines = [
            " ".join(line.splitlines()) for line in (first[0], f"Date: {_date()}", *lines[1:-1])
        ]
        text = "\r\n".join([*lines, end])
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _kind(name: str) -> int:
    lower = name.lower()
    kind = _LENGTH if lower == "content-length" else _DROPPED if lower in _OURS else _PASSED
    if len(_kinds) < 1000:
        _kinds[name] = kind
    return kind


def _date() -> str:
    """The ``Date`` header, made once a second."""
    global _dated
    second = int(time.time())
    if _dated[0] != second:
        _dated = (second, email.utils.formatdate(second, usegmt=True))
    return _dated[1]


class Outlet(Protocol):
    """What a streamed body needs of its connection."""

    def write(self, data: bytes) -> None: ...

    def abort(self) -> None: ...

    async def drained(self) -> bool: ...


class StreamedBody:
    """A :class:`~lambdactl.triggers.http.exchange.Body`.

    :param silent: HTTP has no body here; nothing is written.
    :param finished: called once, when the body is complete or never will be.
    """

    __slots__ = ("_chunked", "_finished", "_open", "_outlet", "_silent")

    def __init__(
        self, outlet: Outlet, finished: Callable[[], None], *, chunked: bool, silent: bool
    ) -> None:
        self._outlet = outlet
        self._finished = finished
        self._chunked = chunked
        self._silent = silent
        self._open = True

    def write(self, data: bytes) -> None:
        if data and self._open and not self._silent:
            self._outlet.write(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    async def drained(self) -> bool:
        return await self._outlet.drained()

    def close(self) -> None:
        if self._open:
            self._open = False
            if self._chunked:
                self._outlet.write(b"0\r\n\r\n")
            self._finished()

    def abort(self) -> None:
        if self._open:
            self._open = False
            self._outlet.abort()
            self._finished()
