"""Output of a command that goes on running: lines that scroll, and below them a status line.

Nobody waits for it. Lines are collected and written a few times a second, without blocking; when
whoever reads them is too slow, lines are left out and counted. The event loop of a server must
never stand still because a terminal was stopped with Ctrl-S, or a log is piped into ``less``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import stat
from collections.abc import Callable, Iterator

MAX_BACKLOG = 1024 * 1024
"""Bytes that may wait to be written."""
GATHER_S = 0.02
REFRESH_S = 0.25
_LAST_WORDS_S = 0.2
_RETRY_S = 0.02
_PIECE = 512
"""Bytes that a pipe takes without waiting, once it says that it takes some (PIPE_BUF of POSIX)."""

_ERASE = b"\r\x1b[K"


class Screen:
    """Lines on a descriptor, and a status line on a terminal.

    :param status: makes the status line for a width in columns; None: there is none. It is asked
        a few times a second, and drawn when it has changed.
    """

    def __init__(self, descriptor: int, *, status: Callable[[int], str] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._status = status
        self._own = _reopened(descriptor)
        self._regular = _is_regular(descriptor)
        self._lines: list[bytes] = []
        self._waiting = 0
        self._left_out = 0
        self._backlog = b""
        self._shown = b""
        self._gathering: asyncio.TimerHandle | None = None
        self._stuck = False
        self._retry: asyncio.TimerHandle | None = None
        self._paused = False
        self._broken = False
        self._ticker: asyncio.TimerHandle | None = None
        if status is not None:
            self._ticker = self._loop.call_later(REFRESH_S, self._tick)

    def write(self, line: bytes) -> None:
        """Show ``line`` (or lines), soon."""
        if self._broken:
            return
        if self._waiting + len(self._backlog) > MAX_BACKLOG:
            self._left_out += 1
            return
        self._lines.append(line)
        self._waiting += len(line)
        if self._gathering is None and not self._stuck and not self._paused:
            self._gathering = self._loop.call_later(GATHER_S, self.flush)

    def flush(self) -> None:
        """Write what there is, as far as it is taken."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        while not self._paused:
            self._push()
            if self._backlog or not self._pending():
                return
            self._compose()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Inside, others may write to the terminal themselves."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def pause(self) -> None:
        """Take the status line away and write no more until :meth:`resume`."""
        if self._paused:
            return
        self.flush()
        self._paused = True
        if self._shown:
            self._backlog += _ERASE
            self._shown = b""
        self._push()

    def resume(self) -> None:
        self._paused = False
        self.flush()
        self._draw()

    def end_status(self) -> None:
        """There is no status line from now on."""
        self._status = None
        if self._ticker is not None:
            self._ticker.cancel()
        if self._shown:
            self._backlog += _ERASE
            self._shown = b""
        self.flush()

    def close(self) -> None:
        """Write the rest, as far as it is taken in a moment, and give up the rest of that."""
        self._paused = False
        self.end_status()
        end = self._loop.time() + _LAST_WORDS_S
        while self._pending() and not self._broken:
            left = end - self._loop.time()
            if left <= 0:
                break
            if not self._backlog:
                self._compose()
            select.select([], [self._target], [], left)
            self._write_some()
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._unstick()
        if self._own is not None:
            os.close(self._own)
            self._own = None

    # what is written

    def _pending(self) -> bool:
        return bool(self._backlog or self._lines or self._left_out)

    def _compose(self) -> None:
        """Turn the lines into what goes to the terminal."""
        if not self._lines and not self._left_out:
            return
        lines, self._lines = self._lines, []
        self._waiting = 0
        parts = [_ERASE] if self._shown else []
        for line in lines:
            parts.append(line)
            # Whatever a line has switched on ends with it.
            parts.append(b"\x1b[0m\n" if b"\x1b" in line else b"\n")
        if self._left_out:
            parts.append(b"... %d lines left out: nobody read them\n" % self._left_out)
            self._left_out = 0
        parts.append(self._shown)
        self._backlog = b"".join(parts)

    def _tick(self) -> None:
        self._ticker = self._loop.call_later(REFRESH_S, self._tick)
        self._draw()

    def _draw(self) -> None:
        """Show the status line anew, if it is another one."""
        if self._status is None or self._paused or self._stuck or self._broken:
            return
        text = self._status(_width(self._descriptor)).encode()
        if text != self._shown:
            # With lines that wait it is drawn below them, soon.
            self._shown = text
            if not self._lines:
                self._backlog += _ERASE + text
                self._push()

    # without waiting

    @property
    def _target(self) -> int:
        return self._descriptor if self._own is None else self._own

    def _push(self) -> None:
        if self._stuck:
            return
        while self._backlog and not self._broken:
            if not self._write_some():
                self._stuck = True
                if self._own is not None:
                    self._loop.add_writer(self._own, self._unstuck)
                else:
                    # Not add_writer: it makes the descriptor one that doesn't wait, for all.
                    self._retry = self._loop.call_later(_RETRY_S, self._unstuck)
                return

    def _write_some(self) -> int:
        """Write what is taken at once; returns how much that was."""
        data = self._backlog
        try:
            if self._own is None and not self._regular:
                if not select.select([], [self._descriptor], [], 0)[1]:
                    return 0
                data = data[:_PIECE]
            written = os.write(self._target, data)
        except BlockingIOError:
            return 0
        except (OSError, ValueError):
            # Whoever read it has gone. The server has not.
            self._broken = True
            self._backlog, self._lines, self._left_out = b"", [], 0
            return 0
        self._backlog = self._backlog[written:]
        return written

    def _unstuck(self) -> None:
        self._unstick()
        self._push()
        if not self._stuck:
            self.flush()

    def _unstick(self) -> None:
        self._stuck = False
        if self._own is not None:
            self._loop.remove_writer(self._own)
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None


def _reopened(descriptor: int) -> int | None:
    """The same pipe or terminal opened once more, not to wait for it: the descriptor that we were
    given is shared with others (the shell), who would be surprised if theirs did not wait."""
    try:
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            return None
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(f"/proc/self/fd/{descriptor}", flags)
    except OSError:
        return None


def _is_regular(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def _width(descriptor: int) -> int:
    try:
        return os.get_terminal_size(descriptor).columns or 80
    except OSError:
        return 80
