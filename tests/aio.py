"""Coroutines in plain tests: :func:`run` one, wait :func:`until` something is so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from lambdactl.local import new_event_loop

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], timeout_s: float = 20.0) -> T:
    """Run ``work`` on the event loop that lambdactl itself uses. Nothing it reports to the loop's
    exception handler (a failed callback, an exception that nobody took) goes unnoticed."""
    unnoticed: list[dict[str, Any]] = []

    async def main() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: unnoticed.append(what))
        async with asyncio.timeout(timeout_s):
            return await work

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        result = runner.run(main())
    assert not unnoticed, unnoticed
    return result


async def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Let the loop run until ``condition()`` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.001)


async def settle() -> None:
    """Let everything run that can run now, without waiting for anything outside."""
    for _ in range(20):
        await asyncio.sleep(0)


def other_tasks() -> set[asyncio.Task[Any]]:
    """Tasks of the running loop, but for the one that asks."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
