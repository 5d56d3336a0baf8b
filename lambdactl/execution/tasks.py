"""Tasks that run by themselves. Somebody has to hold each of them: the event loop does not
(https://docs.python.org/3/library/asyncio-task.html#asyncio.create_task)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from lambdactl.execution.clock import Clock

T = TypeVar("T")


def keep(tasks: set[asyncio.Task[T]], work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run ``work`` by itself; ``tasks`` holds it until it is done."""
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


async def finished(tasks: set[asyncio.Task[None]]) -> None:
    """Wait until all are done. Whoever cancels this wait does not cancel them.

    :raises Exception: one of them did.
    """
    if tasks:
        done, _ = await asyncio.wait(tasks)
        for task in done:
            task.result()


async def within(
    work: Coroutine[Any, Any, T], seconds: float, clock: Clock, tasks: set[asyncio.Task[T]]
) -> T:
    """What ``work`` returns.

    :param tasks: holds it until it is done.
    :raises TimeoutError: it took longer than so many seconds of the clock's time. It runs on, as
        a function in AWS does when nobody waits for it any more.
    """
    task = keep(tasks, work)
    alarm = asyncio.create_task(clock.sleep(seconds))
    try:
        await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        raise
    finally:
        alarm.cancel()
    if task.done():
        return task.result()
    # asyncio would complain of an error that nobody took.
    task.add_done_callback(lambda late: late.cancelled() or late.exception())
    raise TimeoutError
