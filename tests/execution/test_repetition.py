"""The same event many times, and the figures."""

from __future__ import annotations

import asyncio
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.errors import EnvironmentStartError, ThrottledError
from lambdactl.execution.clock import SystemClock
from lambdactl.execution.invocation import Invocation
from lambdactl.execution.repetition import Repetition, repeat, summarise
from tests.aio import other_tasks, run, until
from tests.clock import ManualClock
from tests.execution.scripted import Scripted


async def repeated(invoker: Scripted, times: int, concurrency: int = 1) -> Repetition:
    return await repeat(
        invoker, Invocation("resize"), times=times, concurrency=concurrency, clock=SystemClock()
    )


@pytest.mark.parametrize("concurrency", [1, 2, 7, 50, 80])
def test_so_many_calls_and_so_many_at_once(concurrency: int) -> None:
    async def work() -> None:
        invoker = Scripted()
        done = await repeated(invoker, 50, concurrency)
        assert len(invoker.calls) == 50
        assert invoker.most == min(50, concurrency)
        # Whoever calls before anything has answered waits for an environment to start.
        first = min(50, concurrency)
        counts = [latency.count if latency else 0 for latency in (done.cold, done.warm)]
        assert (counts, done.failed) == ([first, 50 - first], 0)

    run(work())


def test_a_place_that_comes_free_is_taken_at_once() -> None:
    async def work() -> None:
        slow = asyncio.Event()

        class Uneven(Scripted):
            async def invoke(self, invocation: Invocation):  # type: ignore[no-untyped-def]
                if not self.calls:
                    self.calls.append(invocation)
                    await slow.wait()
                return await super().invoke(invocation)

        invoker = Uneven()
        task = asyncio.create_task(repeated(invoker, 20, 2))
        await until(lambda: len(invoker.calls) == 20)
        assert not task.done()
        slow.set()
        await task

    run(work())


def test_failures_are_counted_and_the_last_answer_is_kept() -> None:
    async def work() -> None:
        done = await repeated(
            Scripted(lambda number: "error" if number % 3 == 0 else "success"), 10
        )
        assert done.failed == 4
        assert done.last.payload == b"9"

    run(work())


def throttle() -> ThrottledError:
    return ThrottledError("Rate Exceeded.", reason="ReservedFunctionConcurrentInvocationLimit")


def test_throttled_calls_are_counted_apart() -> None:
    async def work() -> None:
        invoker = Scripted(lambda number: throttle() if number % 2 else "success")
        done = await repeated(invoker, 10)
        assert (done.throttled, done.failed) == (5, 0)
        assert done.warm is not None
        assert done.warm.count == 4
        with pytest.raises(ThrottledError):
            await repeated(Scripted(lambda number: throttle()), 3)

    run(work())


def test_a_call_that_cannot_be_made_ends_all_with_its_own_error() -> None:
    async def work() -> None:
        invoker = Scripted(
            lambda number: EnvironmentStartError("no interpreter") if number == 7 else "success"
        )
        with pytest.raises(EnvironmentStartError, match="no interpreter"):
            await repeated(invoker, 1000, 4)
        assert len(invoker.calls) < 20
        assert not other_tasks()

    run(work())


def test_latencies_are_what_the_caller_saw() -> None:
    async def work() -> None:
        clock, invoker = ManualClock(), Scripted()
        invoker.before = lambda number: clock.spend(number + 1)
        done = await repeat(invoker, Invocation("resize"), times=4, concurrency=1, clock=clock)
        assert done.cold is not None
        assert done.warm is not None
        assert done.cold.max_ms == 1000
        assert (done.warm.min_ms, done.warm.p50_ms, done.warm.max_ms) == (2000, 3000, 4000)
        assert done.seconds == 10

    run(work())


def test_nothing_has_no_summary() -> None:
    assert summarise([]) is None


def test_one_latency_is_every_percentile() -> None:
    one = summarise([4.2])
    assert one is not None
    assert {one.min_ms, one.p50_ms, one.p90_ms, one.p99_ms, one.max_ms} == {4.2}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_percentiles_are_nearest_rank(latencies: list[float]) -> None:
    """At least that share of all calls was as fast, and fewer were any faster."""
    found = summarise(latencies)
    assert found is not None
    assert found.count == len(latencies)
    assert (found.min_ms, found.max_ms) == (min(latencies), max(latencies))
    for share, value in ((50, found.p50_ms), (90, found.p90_ms), (99, found.p99_ms)):
        assert value in latencies
        as_fast = sum(latency <= value for latency in latencies)
        faster = sum(latency < value for latency in latencies)
        assert as_fast * 100 >= share * len(latencies) > faster * 100
    assert found.p50_ms == statistics.median_low(latencies)


@given(st.integers(1, 400))
def test_percentiles_of_one_to_n(count: int) -> None:
    found = summarise([float(number) for number in range(count, 0, -1)])
    assert found is not None
    assert found.p50_ms == math.ceil(count * 50 / 100)
    assert found.p90_ms == math.ceil(count * 90 / 100)
    assert found.p99_ms == math.ceil(count * 99 / 100)
