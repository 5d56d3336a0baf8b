"""What blocks, in threads that nobody waits for at the end: asyncio's own are joined when the
process exits, and the other side may take half a minute."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """At most ``most`` threads called ``name``, made when they are needed."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._count = 0
        self._lock = threading.Lock()
        self._idle = threading.Semaphore(0)
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    async def do(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises. Cancelled before its turn, it is not done at all."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()

        def settle(done: Callable[[], None]) -> None:
            # The loop may be closed by now: then nobody waits for this.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(lambda: None if outcome.done() else done())

        def run() -> None:
            if outcome.done():
                return
            try:
                value = work()
            except BaseException as error:
                failure = error
                settle(lambda: outcome.set_exception(failure))
            else:
                settle(lambda: outcome.set_result(value))

        self._run(run)
        return await outcome

    def _run(self, work: Callable[[], None]) -> None:
        self._queue.put(work)
        if self._idle.acquire(blocking=False):
            return
        with self._lock:
            if self._count == self._most:
                return
            self._count += 1
        threading.Thread(target=self._loop, name=self._name, daemon=True).start()

    def _loop(self) -> None:
        while True:
            try:
                work = self._queue.get_nowait()
            except queue.Empty:
                self._idle.release()
                work = self._queue.get()
            work()
