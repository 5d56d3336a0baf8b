"""Single keys of a terminal, while a command runs.

The terminal is set to give each key at once and not to show it, and set back whatever happens: at
the end, on a crash, and while the command is stopped with Ctrl-Z. In the background the terminal
belongs to somebody else and is left alone.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import termios
import tty
from collections.abc import Callable
from typing import Any

_STDIN = 0


class Keys:
    """Keys from :meth:`open` to :meth:`close`.

    :param pressed: called in the event loop with each key.
    :param stopping: called before the command is stopped (Ctrl-Z).
    :param resumed: called when it goes on.
    """

    def __init__(
        self,
        pressed: Callable[[str], None],
        *,
        stopping: Callable[[], None],
        resumed: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._pressed = pressed
        self._stopping = stopping
        self._resumed = resumed
        self._before: list[Any] | None = None
        self._terminal = -1

    def open(self) -> None:
        """Does nothing where standard input is no terminal."""
        if not os.isatty(_STDIN):
            return
        self._enter()
        atexit.register(self._leave)
        for number, handler in (
            (signal.SIGTSTP, self._stop),
            (signal.SIGCONT, self._go_on),
        ):
            if signal.getsignal(number) != signal.SIG_IGN:
                self._loop.add_signal_handler(number, handler)

    def close(self) -> None:
        self._leave()
        atexit.unregister(self._leave)
        for number in (signal.SIGTSTP, signal.SIGCONT):
            self._loop.remove_signal_handler(number)

    def _enter(self) -> None:
        if self._before is not None or not _in_foreground():
            return
        with contextlib.suppress(termios.error, OSError):
            # Opened once more, because an event loop makes what it reads one that doesn't wait,
            # and the shell's own descriptor must not become that.
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            self._terminal = os.open(os.ttyname(_STDIN), flags)
            self._before = termios.tcgetattr(_STDIN)
            tty.setcbreak(_STDIN, termios.TCSANOW)
            self._loop.add_reader(self._terminal, self._read)

    def _leave(self) -> None:
        before, self._before = self._before, None
        if before is None:
            return
        if not self._loop.is_closed():
            self._loop.remove_reader(self._terminal)
        os.close(self._terminal)
        # From the background it would stop us.
        if _in_foreground():
            with contextlib.suppress(termios.error):
                termios.tcsetattr(_STDIN, termios.TCSANOW, before)

    def _read(self) -> None:
        try:
            data = os.read(self._terminal, 64)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            # The terminal is gone.
            self._loop.remove_reader(self._terminal)
        for key in data.decode("utf-8", "replace"):
            self._pressed(key)

    def _stop(self) -> None:
        self._stopping()
        self._leave()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _go_on(self) -> None:
        self._enter()
        self._resumed()


def _in_foreground() -> bool:
    try:
        return os.tcgetpgrp(_STDIN) == os.getpgrp()
    except OSError:
        return False
