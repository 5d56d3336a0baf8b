"""A function's output, from raw bytes to log lines.

stdout, stderr and the runtime's own log channel are one pipe, so everything arrives in the
order it was written. On that channel a runtime writes *frames*: four bytes of type, four of
length, eight of time stamp (microseconds since the epoch), then the message, all big-endian. A
frame is one log event however many lines it has, which keeps a stack trace together. The
format is that of AWS's runtime interface clients (``FramedTelemetryLogSink`` in
https://github.com/aws/aws-lambda-python-runtime-interface-client).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal, NamedTuple

FRAME_MAGIC = b"\xa5\x5a\x00"
_FRAME_HEADER = 16
_MAX_FRAME = 8 * 1024 * 1024
_HAS_TIME = 0b10
_PLAUSIBLE_TIMES = range(10**15, 10**16)  # microseconds: the years 2001 to 2286
MAX_EVENT_BYTES = 1024 * 1024
"""A CloudWatch log event holds 1 MB; a longer line is cut into several
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html)."""

Source = Literal["platform", "function"]

LEVELS = {"trace": 0, "debug": 1, "info": 2, "warn": 3, "error": 4, "fatal": 5}
"""AWS's log levels, least severe first
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html)."""

_ALIASES = {"warning": "warn", "critical": "fatal"}


class LogLine(NamedTuple):
    """One log event as CloudWatch would show it, without its line end (it may hold line breaks)."""

    function: str
    request_id: str | None
    time: float
    """Seconds since the epoch."""
    source: Source
    text: bytes


LogSink = Callable[[LogLine], None]
"""Takes each log line as it comes. Called in the event loop: it must not wait."""


class OutputParser:
    """Cuts a byte stream into log events: lines, and frames among them. Where the stream is cut
    into pieces makes no difference.

    :param emit: called with each event's bytes and, for a frame, its time in seconds.
    """

    __slots__ = ("_continued", "_emit", "_pending")

    def __init__(self, emit: Callable[[bytes, float | None], None]) -> None:
        self._emit = emit
        self._pending = b""
        self._continued = False
        """The unfinished line has already given an event, being longer than one may be."""

    def feed(self, data: bytes) -> None:
        """Take more output; emit every event that is complete."""
        data = self._pending + data if self._pending else data
        self._pending = data[self._take(data) :]

    def flush(self) -> None:
        """Emit what has no line end yet: the function has stopped, or the invocation is over."""
        pending, self._pending = self._pending, b""
        if _frame_length(pending, 0) is not None:
            # Its writer was stopped in the middle.
            self._frame(pending)
        elif pending:
            self._text(pending)
        self._continued = False

    def _take(self, data: bytes) -> int:
        """Emit what is complete in ``data``; returns how many of its bytes that were."""
        begin = search = 0
        while (start := data.find(FRAME_MAGIC, search)) >= 0:
            if len(data) - start < _FRAME_HEADER:
                return self._lines(data, begin, start)
            length = _frame_length(data, start)
            if length is None:
                # The function printed these bytes itself.
                search = start + 1
                continue
            if start > begin:
                self._text(data[begin:start])
            end = start + _FRAME_HEADER + length
            if len(data) < end:
                return start
            self._frame(data[start:end])
            begin = search = end
        # The last byte or two may be the beginning of a frame.
        undecided = next((n for n in (2, 1) if data.endswith(FRAME_MAGIC[:n])), 0)
        return self._lines(data, begin, len(data) - undecided)

    def _frame(self, frame: bytes) -> None:
        seconds = int.from_bytes(frame[8:_FRAME_HEADER], "big") / 1e6
        self._emit(frame[_FRAME_HEADER:].removesuffix(b"\n"), seconds)

    def _text(self, data: bytes) -> None:
        for line in data.removesuffix(b"\n").split(b"\n"):
            self._line(line)

    def _lines(self, data: bytes, begin: int, end: int) -> int:
        """Emit the complete lines between ``begin`` and ``end`` and as much of the unfinished one
        as no longer fits into one event; returns where the rest begins."""
        last = data.rfind(b"\n", begin, end) + 1
        if last > begin:
            self._text(data[begin:last])
            begin = last
        while end - begin > MAX_EVENT_BYTES:
            self._emit(data[begin : begin + MAX_EVENT_BYTES], None)
            self._continued = True
            begin += MAX_EVENT_BYTES
        return begin

    def _line(self, line: bytes) -> None:
        line = line.removesuffix(b"\r")
        if line or not self._continued:
            for start in range(0, len(line) or 1, MAX_EVENT_BYTES):
                self._emit(line[start : start + MAX_EVENT_BYTES], None)
        self._continued = False


def _frame_length(data: bytes, start: int) -> int | None:
    """The length of the message whose frame begins at ``start``; None when no frame does, or when
    there is too little of it to tell. Magic bytes alone may be anybody's: a frame also has a type
    that says it has a time stamp, and a time of this age."""
    if not data.startswith(FRAME_MAGIC, start) or len(data) - start < _FRAME_HEADER:
        return None
    length = int.from_bytes(data[start + 4 : start + 8], "big")
    microseconds = int.from_bytes(data[start + 8 : start + _FRAME_HEADER], "big")
    is_frame = (
        data[start + 3] & _HAS_TIME and length <= _MAX_FRAME and microseconds in _PLAUSIBLE_TIMES
    )
    return length if is_frame else None


class Tail:
    """The last ``limit`` bytes of what is added, for ``X-Amz-Log-Result``."""

    __slots__ = ("_limit", "_parts", "_size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, text: bytes) -> None:
        self._parts.append(text)
        self._size += len(text) + 1
        if self._size > 4 * self._limit:
            kept = self.value()
            self._parts = [kept.removesuffix(b"\n")]
            self._size = len(kept)

    def value(self) -> bytes:
        return (b"\n".join(self._parts) + b"\n")[-self._limit :] if self._parts else b""


def level_of(text: bytes) -> str:
    """The level of a JSON log event, "info" when it has no valid one (the AWS page of LEVELS)."""
    if not text.startswith(b"{"):
        return "info"
    try:
        level = str(json.loads(text).get("level", "")).lower()
    except (ValueError, RecursionError):
        return "info"
    level = _ALIASES.get(level, level)
    return level if level in LEVELS else "info"


def passes(text: bytes, application_level: str) -> bool:
    """Whether an event of a function with JSON logs is shown at this application log level."""
    threshold = LEVELS[application_level]
    return threshold == 0 or LEVELS[level_of(text)] >= threshold
