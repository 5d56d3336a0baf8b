"""Log lines on stderr: as they are, with colour on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from lambdactl.execution.logs import LogLine

_DIM, _RED, _YELLOW, _RESET = b"\x1b[2m", b"\x1b[31m", b"\x1b[33m", b"\x1b[0m"


def wants_colour() -> bool:
    """Colour belongs on a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _to_stderr(line: bytes) -> None:
    stream = sys.stderr.buffer
    stream.write(line + b"\n")
    stream.flush()


class LogView:
    """A sink that writes each line to stderr at once, or hands it to ``write``."""

    def __init__(
        self, write: Callable[[bytes], None] | None = None, *, colour: bool | None = None
    ) -> None:
        self._colour = wants_colour() if colour is None else colour
        self._write = write or _to_stderr

    def __call__(self, line: LogLine) -> None:
        tint = self._tint(line) if self._colour else b""
        self._write(tint + line.text + _RESET if tint else line.text)

    def _tint(self, line: LogLine) -> bytes:
        if line.source == "platform":
            failed = b"Status: " in line.text or b" Error: " in line.text
            return _RED if failed or b"Task timed out" in line.text else _DIM
        if b"[ERROR]" in line.text or b"\tERROR\t" in line.text:
            return _RED
        if b"[WARNING]" in line.text or b"\tWARN\t" in line.text:
            return _YELLOW
        return b""
