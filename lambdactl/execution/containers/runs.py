"""What is done once for each run of lambdactl, however many functions and threads ask for it; and
how what takes minutes is given up when the run ends.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdactl.errors import EnvironmentStoppedError

Event = Mapping[str, Any]
_END: Event = {}


@dataclass(slots=True)
class Run:
    """One run: an invoker's life."""

    done: set[Hashable] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    _locks: dict[Hashable, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: bool = False
    _waiting: set[queue.SimpleQueue[Event | BaseException]] = field(default_factory=set)

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

    def events(self, ask: Callable[[], Iterable[Event]]) -> Iterator[Event]:
        """What ``ask`` gives, until the run ends.

        A silent engine can't be waited for and left at the same time, so a thread of its own
        waits, which nobody waits for: with the process its connection ends, and the engine gives
        up what was asked of it.

        :raises EnvironmentStoppedError: the run has ended.
        """
        coming: queue.SimpleQueue[Event | BaseException] = queue.SimpleQueue()
        with self._lock:
            self._check()
            self._waiting.add(coming)
        left = threading.Event()
        threading.Thread(target=_ask, args=(ask, coming, left), daemon=True).start()
        try:
            while True:
                event = coming.get()
                with self._lock:
                    self._check()
                if isinstance(event, BaseException):
                    raise event
                if event is _END:
                    return
                yield event
        finally:
            left.set()
            with self._lock:
                self._waiting.discard(coming)

    def end(self) -> None:
        """Whoever waits gets an error instead."""
        with self._lock:
            self._ended = True
            for coming in self._waiting:
                coming.put(_END)

    def _check(self) -> None:
        if self._ended:
            raise EnvironmentStoppedError("stopped while its image was being made ready")


def _ask(
    ask: Callable[[], Iterable[Event]],
    coming: queue.SimpleQueue[Event | BaseException],
    left: threading.Event,
) -> None:
    try:
        for event in ask():
            if left.is_set():
                return
            coming.put(event)
        coming.put(_END)
    except BaseException as error:
        coming.put(error)


_runs: dict[Path, Run] = {}
_guard = threading.Lock()


def of(owner: Path) -> Run:
    """The run that owns ``owner``, its work folder."""
    with _guard:
        return _runs.setdefault(owner, Run())


def end(owner: Path) -> None:
    """The run is over: pulls and builds that it waits for are given up."""
    with _guard:
        run = _runs.pop(owner, None)
    if run is not None:
        run.end()
