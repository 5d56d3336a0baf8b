"""The tools that a build has started: when the build is given up they end, with all that they have
started themselves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import Any


class Children:
    """Processes that threads wait for, and another thread may end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    @contextlib.contextmanager
    def run(self, words: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """A process in a session of its own, as ``subprocess.Popen`` starts it; it is waited for,
        and if that is interrupted, it ends.

        :raises OSError: it can't be started.
        """
        process = subprocess.Popen(words, start_new_session=True, **options)
        with self._lock:
            self._running.add(process)
            ended = self._ended
        try:
            if ended:
                _kill(process)
            with process:
                yield process
        except BaseException:
            _kill(process)
            raise
        finally:
            with self._lock:
                self._running.discard(process)

    def end(self) -> None:
        """Kill what runs, and what is still to be started."""
        with self._lock:
            self._ended = True
            running = [*self._running]
        for process in running:
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    # One that was waited for may have given its number to another by now.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
