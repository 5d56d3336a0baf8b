"""The pool: reuse, growth, throttling, retirement, and an end that leaves nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from lambdactl.errors import EnvironmentStartError, EnvironmentStoppedError, ThrottledError
from lambdactl.execution.environment import Environment
from lambdactl.execution.invocation import InvocationResult
from lambdactl.execution.pool import NOTICED_S, PATIENCE_S, Pool
from tests.aio import other_tasks, run, settle, until
from tests.clock import ManualClock
from tests.execution.in_process import Init, Machine, asking

pytestmark = pytest.mark.filterwarnings("error")

SLOW_START_S = 0.25


@dataclass
class Running:
    pool: Pool
    machine: Machine
    clock: ManualClock

    def call(self, do: str = "echo") -> asyncio.Task[InvocationResult]:
        return asyncio.create_task(self.pool.invoke(asking(do)))

    async def calls(self, count: int, do: str = "wait") -> list[asyncio.Task[InvocationResult]]:
        """``count`` calls that are all in a runtime, each in one of its own."""
        calls = [self.call(do) for _ in range(count)]
        await until(lambda: self.machine.busy == count)
        return calls


@asynccontextmanager
async def pool_of(init: Init = lambda number: "ready", **settings: Any) -> AsyncIterator[Running]:
    """A pool; when it is closed nothing may be left of it."""
    machine, clock = Machine(init=init), ManualClock()
    pool = Pool(lambda: machine.environment(clock), name="resize", clock=clock, **settings)
    try:
        yield Running(pool, machine, clock)
    finally:
        await pool.close()
    await settle()
    assert not machine.running
    assert not other_tasks()


async def outcome(call: asyncio.Task[InvocationResult]) -> str:
    try:
        return "error" if (await call).function_error else "success"
    except Exception as error:
        return type(error).__name__


def test_a_warm_environment_is_used_again() -> None:
    async def work() -> None:
        async with pool_of() as it:
            results = [await it.pool.invoke(asking()) for _ in range(5)]
            assert [result.cold for result in results] == [True, False, False, False, False]
            assert (it.machine.starts, it.pool.size) == (1, 1)

    run(work())


def test_concurrent_calls_get_an_environment_each() -> None:
    async def work() -> None:
        async with pool_of() as it:
            calls = await it.calls(5)
            assert it.pool.size == it.machine.starts == 5
            it.machine.gate.set()
            assert all(result.cold for result in await asyncio.gather(*calls))
            again = await asyncio.gather(*(it.call() for _ in range(5)))
            assert not any(result.cold for result in again)
            assert it.machine.starts == 5

    run(work())


def test_short_calls_share_an_environment_rather_than_wait_for_a_new_one() -> None:
    async def work() -> None:
        async with pool_of() as it:
            await it.pool.invoke(asking())
            await asyncio.gather(it.call(), it.call())
            assert it.machine.starts == 1

    run(work())


def slow_to_start(number: int) -> str:
    """The first start takes its time, so the pool thinks that each one does."""
    if number == 0:
        time.sleep(SLOW_START_S)
    return "ready"


def test_a_crowd_of_short_calls_needs_no_more_environments_though_it_waits_long() -> None:
    """It waits for the event loop, which more environments would only keep from its work."""

    async def work() -> None:
        async with pool_of(slow_to_start, wanted_s=time.monotonic) as it:
            await it.pool.invoke(asking())
            begun = time.monotonic()
            await asyncio.gather(*(it.call() for _ in range(8000)))
            # Longer than an environment takes to start: what used to call for another one.
            assert time.monotonic() - begun > SLOW_START_S
            # One more for each moment in which the machine stood still; it used to be dozens.
            assert it.machine.starts < 10

    run(work())


def test_a_crowd_that_lasts_gets_an_environment_for_each_caller() -> None:
    """Each is served sooner than another environment starts, and yet they pay: in containers
    each has a processor's share of its own."""

    async def work() -> None:
        async with pool_of(slow_to_start, wanted_s=lambda: 0.0) as it:

            async def caller() -> None:
                while it.machine.starts < 3:
                    await it.pool.invoke(asking())

            await it.pool.invoke(asking())
            await asyncio.wait_for(asyncio.gather(*(caller() for _ in range(10))), 30)

    run(work())


def test_a_crowd_gets_environments_when_calls_take_longer_than_they_used_to() -> None:
    async def work() -> None:
        async with pool_of(slow_to_start, wanted_s=lambda: 0.0) as it:
            await it.pool.invoke(asking())
            await asyncio.gather(*(it.call() for _ in range(20)))
            assert it.machine.starts == 1
            calls = await it.calls(5)
            it.machine.gate.set()
            await asyncio.gather(*calls)

    run(work())


def test_beyond_the_machines_bound_callers_wait_and_all_are_served() -> None:
    async def work() -> None:
        async with pool_of(max_environments=2) as it:
            calls = [it.call("wait") for _ in range(7)]
            await until(lambda: it.machine.busy == 2)
            await asyncio.sleep(0.05)
            assert it.pool.size == it.machine.busy == 2
            it.machine.gate.set()
            assert [await outcome(call) for call in calls] == ["success"] * 7
            assert (it.machine.starts, it.machine.most) == (2, 2)

    run(work())


def test_who_waits_longest_is_served_first() -> None:
    async def work() -> None:
        async with pool_of(max_environments=1) as it:
            (first,) = await it.calls(1)
            order: list[int] = []
            waiting = [it.call() for _ in range(4)]
            for number, call in enumerate(waiting):
                call.add_done_callback(lambda _, number=number: order.append(number))
            await settle()
            it.machine.gate.set()
            # Somebody who comes when the environment is just free does not overtake them.
            await first
            await it.call()
            await asyncio.gather(*waiting)
            assert order == [0, 1, 2, 3]

    run(work())


@pytest.mark.parametrize("reserved", [0, 1, 3])
def test_beyond_the_reserved_concurrency_calls_are_throttled(reserved: int) -> None:
    async def work() -> None:
        async with pool_of(reserved=reserved) as it:
            calls = await it.calls(reserved)
            with pytest.raises(ThrottledError) as caught:
                await it.pool.invoke(asking())
            assert caught.value.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
            assert it.machine.starts == reserved
            it.machine.gate.set()
            await asyncio.gather(*calls)
            if reserved:
                assert await outcome(it.call()) == "success"

    run(work())


@pytest.mark.parametrize("bad", [{0}, {1}, {0, 1, 2}, set(range(20))])
@pytest.mark.parametrize("bound", [1, 2, 100])
def test_each_start_that_fails_reaches_one_caller_and_the_others_are_served(
    bad: set[int], bound: int
) -> None:
    async def work() -> None:
        def init(number: int) -> str:
            return "refuse" if number in bad else "ready"

        async with pool_of(init, max_environments=bound) as it:
            it.machine.gate.set()
            outcomes = [await outcome(call) for call in [it.call("wait") for _ in range(6)]]
            refused = outcomes.count("EnvironmentStartError")
            assert refused == len(bad & set(range(it.machine.starts)))
            assert outcomes.count("success") == 6 - refused
            assert it.pool.size <= bound
            if len(bad) < 6:
                assert await outcome(it.call()) == "success"

    run(work())


def test_an_environment_that_cannot_even_be_made_fails_its_caller() -> None:
    async def work() -> None:
        def create() -> Environment:
            raise EnvironmentStartError("no credentials")

        pool = Pool(create, name="resize", clock=ManualClock())
        calls = [asyncio.create_task(pool.invoke(asking())) for _ in range(5)]
        assert [await outcome(call) for call in calls] == ["EnvironmentStartError"] * 5
        await pool.close()
        assert not other_tasks()

    run(work())


def test_a_failed_init_is_not_the_pools_business() -> None:
    async def work() -> None:
        async with pool_of(lambda number: "exit" if number == 0 else "ready") as it:
            assert await outcome(it.call()) == "success"
            assert (it.machine.starts, it.pool.size) == (2, 1)

    run(work())


def test_who_is_cancelled_while_waiting_takes_no_environment_with_him() -> None:
    async def work() -> None:
        async with pool_of(max_environments=1) as it:
            (running,) = await it.calls(1)
            early, late, patient = (it.call() for _ in range(3))
            await settle()
            early.cancel()
            await settle()

            def cancel_whoever_is_next(line: str) -> None:
                if line.startswith("REPORT"):
                    # He will have been given the environment, but will not have seen it yet.
                    asyncio.get_running_loop().call_soon(late.cancel)
                    it.machine.on_line = lambda line: None

            it.machine.on_line = cancel_whoever_is_next
            it.machine.gate.set()
            await running
            assert (await patient).function_error is None
            assert (early.cancelled(), late.cancelled()) == (True, True)
            assert it.machine.starts == 1
            assert await outcome(it.call()) == "success"

    run(work())


def test_a_cancelled_invocation_ends_its_environment_and_nobody_elses_wait() -> None:
    async def work() -> None:
        async with pool_of(max_environments=1) as it:
            (running,) = await it.calls(1, "hang")
            waiting = it.call()
            await asyncio.sleep(2 * PATIENCE_S)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert (await waiting).cold
            await until(lambda: it.machine.closed == 1)
            assert (it.machine.starts, it.pool.size) == (2, 1)

    run(work())


def test_an_environment_that_was_cancelled_is_stopped_even_if_the_pool_closes_at_once() -> None:
    async def work() -> None:
        async with pool_of() as it:
            (running,) = await it.calls(1, "hang")
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            await it.pool.close()
            assert (it.machine.closed, it.machine.running) == (1, set())

    run(work())


def test_closing_goes_on_when_whoever_waits_for_it_gives_up() -> None:
    async def work() -> None:
        async with pool_of() as it:
            await it.pool.invoke(asking())
            closing = asyncio.create_task(it.pool.close())
            await settle()
            closing.cancel()
            await until(lambda: it.machine.closed == 1)

    run(work())


@pytest.mark.parametrize("moment", ["starting", "waiting", "running", "idle"])
def test_closing_ends_every_call_and_leaves_nothing(moment: str) -> None:
    async def work() -> None:
        async with pool_of(
            lambda number: "hang" if moment == "starting" else "ready", max_environments=1
        ) as it:
            calls = [it.call("hang" if moment != "idle" else "echo")]
            await until(lambda: it.machine.running if moment == "starting" else it.machine.starts)
            if moment == "idle":
                await calls[0]
            elif moment == "waiting":
                calls += [it.call(), it.call()]
                await settle()
            await it.pool.close()
            await it.pool.close()
            wanted = "success" if moment == "idle" else "EnvironmentStoppedError"
            assert [await outcome(call) for call in calls] == [wanted] * len(calls)
            assert (it.pool.size, it.machine.running) == (0, set())
            with pytest.raises(EnvironmentStoppedError):
                await it.pool.invoke(asking())
            assert it.machine.starts == 1

    run(work())


def test_idle_environments_retire_and_used_ones_stay() -> None:
    async def work() -> None:
        async with pool_of(idle_s=100) as it:
            calls = await it.calls(3)
            it.machine.gate.set()
            await asyncio.gather(*calls)
            for _ in range(10):
                await it.clock.advance(50)
                await it.pool.invoke(asking())
            await until(lambda: it.machine.closed == 2)
            assert it.pool.size == 1
            await it.clock.advance(99)
            assert it.pool.size == 1
            await it.clock.advance(30)
            await until(lambda: it.machine.closed == 3)
            assert it.pool.size == 0
            assert (await it.pool.invoke(asking())).cold

    run(work())


def test_one_that_is_taken_while_others_retire_is_not_stopped() -> None:
    async def work() -> None:
        async with pool_of(idle_s=100) as it:
            calls = await it.calls(4)
            it.machine.gate.set()
            await asyncio.gather(*calls)
            passing = asyncio.create_task(it.clock.advance(125))
            results = [await outcome(it.call()) for _ in range(20)]
            await passing
            assert results == ["success"] * 20
            await it.clock.advance(200)
            await until(lambda: it.machine.closed == it.machine.starts)
            assert it.pool.size == 0

    run(work())


def test_warm_starts_an_environment_that_the_first_caller_finds() -> None:
    async def work() -> None:
        async with pool_of() as it:
            await it.pool.warm()
            assert (it.pool.size, it.machine.starts) == (1, 1)
            await it.pool.invoke(asking())
            assert it.machine.starts == 1

    run(work())


def test_a_warm_start_that_fails_leaves_nothing_behind() -> None:
    async def work() -> None:
        async with pool_of(init=lambda number: "refuse") as it:
            with pytest.raises(EnvironmentStartError):
                await it.pool.warm()
            await settle()
            assert it.pool.size == 0

    run(work())


def test_a_retired_pool_ends_what_it_has_begun_and_keeps_nothing() -> None:
    async def work() -> None:
        async with pool_of(max_environments=2) as it:
            busy = await it.calls(2)
            waiting = [it.call() for _ in range(3)]
            await settle()
            it.pool.retire()
            await settle()
            assert it.pool.size == 2
            it.machine.gate.set()
            assert [await outcome(call) for call in busy] == ["success"] * 2
            # They have not begun, and the pool that takes over may be quicker.
            assert [await outcome(call) for call in waiting] == ["Retired"] * 3
            await until(lambda: it.pool.size == 0 and not it.machine.running)

    run(work())


def test_idle_environments_of_a_retired_pool_stop_at_once() -> None:
    async def work() -> None:
        async with pool_of() as it:
            await it.pool.invoke(asking())
            it.pool.retire()
            await until(lambda: not it.machine.running)
            assert it.pool.size == 0

    run(work())


def test_a_prompt_call_has_its_answer_before_its_environment_is_free() -> None:
    async def work() -> None:
        async with pool_of() as it:
            result = await it.pool.invoke(asking(prompt=True))
            assert result.log_tail == b""
            await settle()
            # Free again: the next call meets the same environment.
            again = await it.pool.invoke(asking())
            assert (it.machine.starts, again.cold) == (1, False)

    run(work())


def test_a_pool_that_is_held_starts_nothing_more_unless_it_has_nothing() -> None:
    async def work() -> None:
        async with pool_of() as it:
            it.pool.hold()
            busy = await it.calls(1)
            waiting = it.call()
            await asyncio.sleep(5 * PATIENCE_S)
            assert (it.machine.starts, it.pool.size) == (1, 1)
            it.machine.gate.set()
            assert [await outcome(call) for call in (*busy, waiting)] == ["success"] * 2

    run(work())


def test_one_that_starts_while_a_pool_is_held_answers_no_call() -> None:
    """It may have read the code that the other pool is started for."""

    async def work() -> None:
        async with pool_of(init=lambda number: "hang" if number == 1 else "ready") as it:
            busy = await it.calls(1)
            await asyncio.sleep(NOTICED_S)
            waiting = it.call()
            await until(lambda: it.machine.starts == 2)
            it.pool.hold()
            it.machine.proceed.set()
            await until(lambda: it.pool.size == 1)
            assert not waiting.done()
            it.machine.gate.set()
            assert [(await call).cold for call in (*busy, waiting)] == [True, False]

    run(work())


@pytest.mark.parametrize("idle", [True, False])
def test_one_that_has_just_started_when_a_pool_is_held_answers_no_more_calls(idle: bool) -> None:
    async def work() -> None:
        async with pool_of() as it:
            await it.pool.warm()
            first = set(it.machine.running)
            await asyncio.sleep(NOTICED_S)
            calls = await it.calls(2)
            if idle:
                it.machine.gate.set()
                await asyncio.gather(*calls)
            it.pool.hold()
            assert it.pool.size == (1 if idle else 2)
            it.machine.gate.set()
            await asyncio.gather(*calls)
            assert it.pool.size == 1
            await until(lambda: it.machine.running == first)

    run(work())


def test_a_pool_that_is_held_keeps_those_that_have_just_started_when_there_are_no_others() -> None:
    async def work() -> None:
        async with pool_of() as it:
            await it.pool.warm()
            it.pool.hold()
            assert (await it.call()).function_error is None
            assert (it.machine.starts, it.pool.size) == (1, 1)

    run(work())


def test_of_several_that_have_just_started_one_stays_when_a_pool_is_held() -> None:
    """Some may have read the code before it was saved, and some after it."""

    async def work() -> None:
        async with pool_of() as it:
            await it.pool.warm()
            first = set(it.machine.running)
            await it.pool.warm()
            assert it.pool.size == 2
            it.pool.hold()
            assert it.pool.size == 1
            await until(lambda: it.machine.running == first)
            assert (await it.call()).function_error is None
            assert it.machine.starts == 2

    run(work())
