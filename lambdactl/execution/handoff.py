"""Coroutines that go on at once, without a task and without a turn of the event loop.

A task starts in the next turn of the loop and wakes in a later one; each turn asks the kernel for
news. On the way of a request from socket to function and back that is a third of its time. So the
hot path waits for a :class:`Slot`: whoever fills it continues the waiting coroutine there and then,
inside the very callback that brought the news.

:func:`drive` runs a coroutine that way. Where it waits for anything of asyncio's own instead, or
asks for a task with :func:`in_task`, it becomes an ordinary task and stays one. A slot that is
awaited in a task is as good as a future. What this gave: docs/decisions/0006-http-hot-path.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_current: _Driver[Any] | None = None


class Slot(Generic[T]):
    """A place for one value that one coroutine waits for."""

    __slots__ = ("_driver", "_error", "_future", "done", "value")

    def __init__(self) -> None:
        self.done = False
        self.value: T | None = None
        """What it was filled with."""
        self._error: Exception | None = None
        self._driver: _Driver[Any] | None = None
        self._future: asyncio.Future[None] | None = None

    def set_result(self, value: T) -> None:
        """Fill the slot. Whoever waits goes on before this returns."""
        self.value = value
        self._finish()

    def set_exception(self, error: Exception) -> None:
        """As :meth:`set_result`; the waiting coroutine gets the error."""
        self._error = error
        self._finish()

    def abandon(self) -> None:
        """Nobody waits any more."""
        self.done = True

    def _finish(self) -> None:
        self.done = True
        if self._driver is not None:
            driver, self._driver = self._driver, None
            driver.step()
        elif self._future is not None and not self._future.done():
            self._future.set_result(None)

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done:
            if _current is not None:
                self._driver = _current
                yield self
            else:
                self._future = asyncio.get_running_loop().create_future()
                yield from self._future
        if self._error is not None:
            raise self._error
        return self.value  # type: ignore[return-value]


class _Driver(Generic[T]):
    __slots__ = ("_coroutine", "_done", "_tasks")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, T],
        done: Callable[[T], None],
        tasks: set[asyncio.Task[T]],
    ) -> None:
        self._coroutine = coroutine
        self._done = done
        self._tasks = tasks

    def step(self) -> None:
        global _current
        before, _current = _current, self
        try:
            waits_for = self._coroutine.send(None)
        except StopIteration as end:
            result = end.value
        else:
            self._wait_for(waits_for)
            return
        finally:
            _current = before
        self._done(result)

    def _wait_for(self, waits_for: Any) -> None:
        if type(waits_for) is Slot:
            return
        if waits_for is _IN_TASK or waits_for is None:
            # None is a bare turn of the loop: asyncio.sleep(0).
            self._become_task(None)
        else:
            waits_for._asyncio_future_blocking = False
            waits_for.add_done_callback(self._become_task)

    def _become_task(self, _: object) -> None:
        task = asyncio.get_running_loop().create_task(self._coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._done(task.result())


_IN_TASK = object()


class _InTask:
    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        if _current is not None:
            yield _IN_TASK


def in_task() -> _InTask:
    """``await in_task()``: from here on the coroutine is a task, which ``asyncio.timeout`` and the
    like need."""
    return _InTask()


def drive(
    coroutine: Coroutine[Any, Any, T], done: Callable[[T], None], tasks: set[asyncio.Task[T]]
) -> None:
    """Run ``coroutine``, starting now; ``done`` gets what it returns. It must not raise.

    :param tasks: keeps those that became tasks, while they run.
    """
    _Driver(coroutine, done, tasks).step()
