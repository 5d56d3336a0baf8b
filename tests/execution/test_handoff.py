"""Coroutines that go on at once: what is awaited may be a slot, a future, or nothing at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lambdactl.execution.handoff import Slot, drive, in_task
from tests.aio import run, until

Results = list[Any]


def _drive(work: Coroutine[Any, Any, Any]) -> tuple[Results, set[asyncio.Task[Any]]]:
    results: Results = []
    tasks: set[asyncio.Task[Any]] = set()
    drive(work, results.append, tasks)
    return results, tasks


def test_a_coroutine_that_waits_for_nothing_is_done_at_once() -> None:
    async def work() -> int:
        return 1

    async def main() -> None:
        assert _drive(work())[0] == [1]

    run(main())


def test_who_fills_a_slot_continues_the_waiter_before_going_on() -> None:
    async def main() -> None:
        slot: Slot[str] = Slot()
        order: list[str] = []

        async def work() -> str:
            order.append("waits")
            value = await slot
            order.append(value)
            return value

        results, tasks = _drive(work())
        order.append("fills")
        slot.set_result("got")
        order.append("after")
        assert order == ["waits", "fills", "got", "after"]
        assert (results, tasks) == (["got"], set())

    run(main())


def test_a_slot_that_is_filled_already_is_no_wait() -> None:
    async def main() -> None:
        slot: Slot[int] = Slot()
        slot.set_result(2)

        async def work() -> int:
            return await slot

        assert _drive(work())[0] == [2]
        assert await slot == 2

    run(main())


def test_an_error_reaches_the_waiter() -> None:
    async def main() -> None:
        slot: Slot[int] = Slot()

        async def work() -> str:
            try:
                await slot
            except ValueError as error:
                return str(error)
            return "none"

        results, _ = _drive(work())
        slot.set_exception(ValueError("no"))
        assert results == ["no"]

    run(main())


def _sleep() -> Coroutine[Any, Any, None]:
    return asyncio.sleep(0.001)


def _bare_turn() -> Coroutine[Any, Any, None]:
    return asyncio.sleep(0)


async def _gather() -> None:
    await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0.001))


async def _limited() -> None:
    await in_task()
    async with asyncio.timeout(5):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("wait", [_sleep, _bare_turn, _gather, _limited])
def test_what_waits_for_anything_else_becomes_a_task(
    wait: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    async def main() -> None:
        slot: Slot[int] = Slot()

        async def work() -> tuple[bool, int]:
            await wait()
            named = asyncio.current_task() is not None
            return named, await slot

        results, tasks = _drive(work())
        assert results == []
        await until(lambda: len(tasks) == 1)
        slot.set_result(3)
        await until(lambda: results == [(True, 3)])
        assert not tasks

    run(main())


def test_drivers_within_drivers_do_not_take_each_others_news() -> None:
    async def main() -> None:
        first: Slot[str] = Slot()
        second: Slot[str] = Slot()

        async def inner() -> str:
            return await second

        async def outer() -> list[str]:
            inside, _ = _drive(inner())
            value = await first
            return [value, *inside]

        results, _ = _drive(outer())
        second.set_result("b")
        first.set_result("a")
        assert results == [["a", "b"]]

    run(main())


def test_a_task_that_is_cancelled_while_it_waits_is_cancelled() -> None:
    async def main() -> None:
        slot: Slot[int] = Slot()

        async def work() -> int:
            return await slot

        task = asyncio.get_running_loop().create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        slot.set_result(1)  # Nobody is there any more, and nobody is hurt.

    run(main())
