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
from dataclasses import dataclass
from typing import Literal

FRAME_MAGIC = b"\xa5\x5a\x00"
_FRAME_HEADER = 16
_MAX_FRAME = 8 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
"""A CloudWatch log event holds 1 MB; a longer line is cut into several
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html)."""

Source = Literal["platform", "function"]

LEVELS = {"trace": 0, "debug": 1, "info": 2, "warn": 3, "error": 4, "fatal": 5}
"""AWS's log levels, least severe first
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html)."""

_ALIASES = {"warning": "warn", "critical": "fatal"}


@dataclass(frozen=True, slots=True)
class LogLine:
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
    """Cuts a byte stream into log events: lines, and frames among them.

    :param emit: called with each event's bytes and, for a frame, its time in seconds.
    """

    __slots__ = ("_emit", "_pending")

    def __init__(self, emit: Callable[[bytes, float | None], None]) -> None:
        self._emit = emit
        self._pending = b""

    def feed(self, data: bytes) -> None:
        """Take more output; emit every event that is complete."""
        data = self._pending + data if self._pending else data
        self._pending = b""
        while data:
            start = data.find(FRAME_MAGIC)
            if start < 0:
                self._lines(data, final=False)
                return
            if start > 0:
                self._lines(data[:start], final=True)
                data = data[start:]
            if len(data) < _FRAME_HEADER:
                self._pending = data
                return
            length = int.from_bytes(data[4:8], "big")
            if length > _MAX_FRAME:
                # Not a frame: the function printed these bytes itself.
                self._emit(data[:3], None)
                data = data[3:]
                continue
            end = _FRAME_HEADER + length
            if len(data) < end:
                self._pending = data
                return
            message = data[_FRAME_HEADER:end]
            self._emit(message.removesuffix(b"\n"), int.from_bytes(data[8:16], "big") / 1e6)
            data = data[end:]

    def flush(self) -> None:
        """Emit what has no line end yet: the function has stopped, or the invocation is over."""
        pending, self._pending = self._pending, b""
        if pending:
            self._lines(pending, final=True)

    def _lines(self, data: bytes, *, final: bool) -> None:
        *complete, rest = data.split(b"\n")
        for line in complete:
            self._event(line)
        if rest and (final or len(rest) > MAX_EVENT_BYTES):
            self._event(rest)
        elif rest:
            self._pending = rest

    def _event(self, line: bytes) -> None:
        line = line.removesuffix(b"\r")
        for start in range(0, len(line) or 1, MAX_EVENT_BYTES):
            self._emit(line[start : start + MAX_EVENT_BYTES], None)


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
    except ValueError:
        return "info"
    level = _ALIASES.get(level, level)
    return level if level in LEVELS else "info"


def passes(text: bytes, application_level: str) -> bool:
    """Whether an event of a function with JSON logs is shown at this application log level."""
    threshold = LEVELS[application_level]
    return threshold == 0 or LEVELS[level_of(text)] >= threshold
