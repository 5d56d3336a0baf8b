"""What is done once for each run of lambdactl, however many functions and threads ask for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Run:
    """One run: an invoker's life."""

    done: set[Hashable] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    _locks: dict[Hashable, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lock(self, key: Hashable) -> threading.Lock:
        """The lock of one thing that takes its time: a second thread waits for the first."""
        with self._lock:
            return self._locks.setdefault(key, threading.Lock())

    def once(self, tell: Callable[[str], None]) -> Callable[[str], None]:
        """Tells each sentence once: a save must not repeat what is known."""

        def tell_once(sentence: str) -> None:
            with self._lock:
                if sentence in self._told:
                    return
                self._told.add(sentence)
            tell(sentence)

        return tell_once


_runs: dict[Path, Run] = {}
_guard = threading.Lock()


def of(owner: Path) -> Run:
    """The run that owns ``owner``, its work folder."""
    with _guard:
        return _runs.setdefault(owner, Run())
