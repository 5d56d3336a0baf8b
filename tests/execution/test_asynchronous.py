"""Retries without waiting: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""

from __future__ import annotations

import asyncio
import uuid

import pytest

from lambdactl.errors import EnvironmentStartError, EventError
from lambdactl.execution.asynchronous import MAX_ASYNC_PAYLOAD_BYTES, Delivery, deliver
from lambdactl.execution.clock import SystemClock
from lambdactl.execution.invocation import Invocation
from tests.aio import run
from tests.clock import ManualClock
from tests.execution.scripted import Scripted

SIX_HOURS = 21_600.0


async def delivered(
    invoker: Scripted, clock: ManualClock, *, retries: int = 2, max_age_s: float = SIX_HOURS
) -> Delivery:
    work = asyncio.create_task(
        deliver(invoker, Invocation("resize"), retries=retries, max_age_s=max_age_s, clock=clock)
    )
    while not work.done():
        await clock.advance(1)
    return await work


def test_an_event_that_succeeds_is_delivered_once() -> None:
    async def work() -> None:
        clock, invoker = ManualClock(), Scripted()
        delivery = await delivered(invoker, clock)
        assert (delivery.condition, delivery.succeeded) == ("Success", True)
        assert (len(delivery.attempts), clock.slept) == (1, [])

    run(work())


def test_a_failure_is_retried_after_one_minute_and_after_two_more() -> None:
    async def work() -> None:
        clock = ManualClock()
        invoker = Scripted(lambda number: "error")
        begun, times = clock.now(), list[float]()
        invoker.before = lambda number: times.append(clock.now() - begun)
        delivery = await delivered(invoker, clock)
        assert (delivery.condition, delivery.succeeded) == ("RetriesExhausted", False)
        assert times == [0, 60, 180]
        assert [result.payload for result in delivery.attempts] == [b"0", b"1", b"2"]

    run(work())


@pytest.mark.parametrize(("retries", "waits"), [(0, []), (1, [60]), (2, [60, 120])])
def test_the_function_says_how_often(retries: int, waits: list[float]) -> None:
    async def work() -> None:
        clock = ManualClock()
        delivery = await delivered(Scripted(lambda number: "error"), clock, retries=retries)
        assert delivery.condition == "RetriesExhausted"
        assert (len(delivery.attempts), clock.slept) == (retries + 1, waits)

    run(work())


def test_a_retry_may_succeed() -> None:
    async def work() -> None:
        clock = ManualClock()
        invoker = Scripted(lambda number: "error" if number == 0 else "success")
        delivery = await delivered(invoker, clock)
        assert delivery.succeeded
        assert [result.function_error for result in delivery.attempts] == ["Unhandled", None]

    run(work())


@pytest.mark.parametrize("given", [None, "0f9a7c3e-1111-4222-8333-444455556666"])
def test_all_attempts_have_the_same_request_id(given: str | None) -> None:
    async def work() -> None:
        invoker = Scripted(lambda number: "error")
        delivery = await deliver(
            invoker,
            Invocation("resize", request_id=given),
            retries=2,
            max_age_s=SIX_HOURS,
            clock=SystemClock(1e6),
        )
        assert {call.request_id for call in invoker.calls} == {delivery.request_id}
        assert given in (None, delivery.request_id)
        assert str(uuid.UUID(delivery.request_id)) == delivery.request_id

    run(work())


@pytest.mark.parametrize(
    ("max_age_s", "takes_s", "attempts"),
    [
        (60, 0, 2),  # the retry after a minute is just in time, the one after three is not
        (60, 1, 1),
        (179, 0, 2),
        (180, 0, 3),
        (180, 0.5, 2),
        (190, 5, 3),
    ],
)
def test_an_event_that_would_be_too_old_is_not_retried(
    max_age_s: float, takes_s: float, attempts: int
) -> None:
    async def work() -> None:
        clock = ManualClock()
        invoker = Scripted(lambda number: "error")
        invoker.before = lambda number: clock.spend(takes_s)
        delivery = await delivered(invoker, clock, max_age_s=max_age_s)
        assert len(delivery.attempts) == attempts
        assert delivery.condition == ("RetriesExhausted" if attempts == 3 else "EventAgeExceeded")

    run(work())


def test_a_clock_that_is_sped_up_ages_the_event_just_as_much() -> None:
    async def work() -> None:
        invoker = Scripted(lambda number: "error")
        delivery = await deliver(
            invoker, Invocation("resize"), retries=2, max_age_s=170, clock=SystemClock(6000)
        )
        assert (delivery.condition, len(delivery.attempts)) == ("EventAgeExceeded", 2)

    run(work())


def test_each_wait_is_told_ahead() -> None:
    async def work() -> None:
        told: list[tuple[int, float]] = []
        await deliver(
            Scripted(lambda number: "error"),
            Invocation("resize"),
            retries=2,
            max_age_s=SIX_HOURS,
            clock=SystemClock(1e6),
            on_wait=lambda attempt, seconds: told.append((attempt, seconds)),
        )
        assert told == [(1, 60), (2, 120)]

    run(work())


def test_one_megabyte_is_taken_and_a_byte_more_is_not() -> None:
    assert MAX_ASYNC_PAYLOAD_BYTES == 1_048_576

    async def work(size: int) -> Delivery:
        event = Invocation("resize", b'"%s"' % (b"x" * (size - 2)))
        return await deliver(Scripted(), event, retries=2, max_age_s=SIX_HOURS, clock=ManualClock())

    assert run(work(1_048_576)).succeeded
    with pytest.raises(EventError, match="1048577 bytes; an asynchronous invocation takes 1048576"):
        run(work(1_048_577))


def test_what_cannot_be_started_is_not_retried() -> None:
    async def work() -> None:
        invoker = Scripted(lambda number: EnvironmentStartError("no interpreter"))
        with pytest.raises(EnvironmentStartError):
            await delivered(invoker, ManualClock())
        assert len(invoker.calls) == 1

    run(work())
