"""Asynchronous invocation of one event: try, wait, try again, as Lambda's queue does.

A function error is retried twice, after one minute and then two, unless the function's
``MaximumRetryAttempts`` says otherwise; an event older than ``MaximumEventAgeInSeconds`` is given
up (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html). All attempts
have the same request id.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from lambdactl.errors import EventError
from lambdactl.execution.clock import Clock
from lambdactl.execution.invocation import Invocation, InvocationResult, Invoker

MAX_ASYNC_PAYLOAD_BYTES = 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

RETRY_WAITS_S = (60.0, 120.0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an event fared. ``condition`` is the word of Lambda's invocation records: Success,
    RetriesExhausted or EventAgeExceeded."""

    request_id: str
    condition: str
    attempts: tuple[InvocationResult, ...]

    @property
    def succeeded(self) -> bool:
        return self.condition == "Success"


async def deliver(
    invoker: Invoker,
    invocation: Invocation,
    *,
    retries: int,
    max_age_s: float,
    clock: Clock,
    on_wait: Callable[[int, float], None] = lambda attempt, seconds: None,
) -> Delivery:
    """Invoke until it succeeds or is given up.

    :param on_wait: told before each wait: the attempt that failed (from 1), and seconds to wait.
    :raises EventError: the event is larger than an asynchronous invocation takes (1 MB).
    """
    if len(invocation.payload) > MAX_ASYNC_PAYLOAD_BYTES:
        raise EventError(
            f"the event has {len(invocation.payload)} bytes; "
            f"an asynchronous invocation takes {MAX_ASYNC_PAYLOAD_BYTES}"
        )
    request_id = invocation.request_id or str(uuid.uuid4())
    invocation = invocation._replace(request_id=request_id)
    # Waits count in full on a clock that is sped up, the function's own time as it passed.
    age_s = 0.0
    attempts: list[InvocationResult] = []
    while True:
        begun = clock.monotonic()
        result = await invoker.invoke(invocation)
        age_s += clock.monotonic() - begun
        attempts.append(result)
        if result.function_error is None:
            return Delivery(request_id, "Success", tuple(attempts))
        if len(attempts) > retries:
            return Delivery(request_id, "RetriesExhausted", tuple(attempts))
        wait_s = RETRY_WAITS_S[len(attempts) - 1]
        if age_s + wait_s > max_age_s:
            return Delivery(request_id, "EventAgeExceeded", tuple(attempts))
        on_wait(len(attempts), wait_s)
        await clock.sleep(wait_s)
        age_s += wait_s
