"""The tools that a build has started: when the build is given up they end, with all that they have
started themselves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any

_PATIENCE_S = 0.3
_TURN_S = 0.01


class GivenUp(Exception):
    """The build that asks for something has been given up; nobody gets to see this."""


class Children:
    """Processes that threads wait for, and another thread may end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def check(self) -> None:
        """:raises GivenUp: this has been ended."""
        if self._ended:
            raise GivenUp

    @contextlib.contextmanager
    def run(self, words: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """A process in a session of its own, as ``subprocess.Popen`` starts it; it is waited for,
        and if that is interrupted, it ends.

        :raises OSError: it can't be started.
        :raises GivenUp: this has been ended, before or meanwhile: how the process ended says
            nothing.
        """
        # Nothing is started and not yet known when the end comes.
        with self._lock:
            self.check()
            process = subprocess.Popen(words, start_new_session=True, **options)
            self._running.add(process)
        try:
            with process:
                try:
                    yield process
                except BaseException:
                    _send(process, signal.SIGKILL)
                    raise
        finally:
            with self._lock:
                self._running.discard(process)
        self.check()

    def refuse(self) -> None:
        """Start nothing any more."""
        with self._lock:
            self._ended = True

    def end(self) -> None:
        """End what runs, politely first, and start nothing any more. Blocks for a moment."""
        with self._lock:
            self._ended = True
            running = {*self._running}
        for process in running:
            _send(process, signal.SIGTERM)
        patience = time.monotonic() + _PATIENCE_S
        while not self._running.isdisjoint(running) and time.monotonic() < patience:
            time.sleep(_TURN_S)
        # Those that they have started may be more stubborn.
        for process in running:
            _send(process, signal.SIGKILL)


_current: ContextVar[Children | None] = ContextVar("children", default=None)


def current() -> Children:
    """What starts the tools of the build that this thread works for."""
    return _current.get() or Children()


@contextlib.contextmanager
def working_for(children: Children) -> Iterator[None]:
    """This thread works for a build."""
    token = _current.set(children)
    try:
        yield
    finally:
        _current.reset(token)


def _send(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
