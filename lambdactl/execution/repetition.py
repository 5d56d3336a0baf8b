"""The same event many times, and how long it took: ``invoke --repeat N --concurrency M``."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from lambdactl.errors import ThrottledError
from lambdactl.execution.clock import Clock
from lambdactl.execution.invocation import Invocation, InvocationResult, Invoker


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from call to answer, as the caller saw them. Percentiles are nearest-rank."""

    count: int
    min_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Repetition:
    """All of it: the last answer, the numbers of calls that failed and that were throttled,
    latencies of cold and warm calls. A call is cold that started its environment, or that began
    before any environment had answered."""

    last: InvocationResult
    failed: int
    throttled: int
    seconds: float
    cold: Latency | None
    warm: Latency | None


async def repeat(
    invoker: Invoker, invocation: Invocation, *, times: int, concurrency: int, clock: Clock
) -> Repetition:
    """Invoke ``times`` times, ``concurrency`` at once.

    :raises LambdactlError: what the first call raised that could not be made; the others end.
    :raises ThrottledError: not a single call was let through.
    """
    results: list[tuple[float, bool, InvocationResult]] = []
    throttles: list[ThrottledError] = []
    remaining = iter(range(times))

    async def work() -> None:
        for _ in remaining:
            begun, nothing_is_warm = clock.monotonic(), not results
            try:
                result = await invoker.invoke(invocation)
            except ThrottledError as error:
                throttles.append(error)
                continue
            latency_ms = (clock.monotonic() - begun) * 1000
            results.append((latency_ms, result.cold or nothing_is_warm, result))

    begun = clock.monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(times, concurrency)):
                group.create_task(work())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    if not results:
        raise throttles[0]
    return Repetition(
        last=results[-1][2],
        failed=sum(result.function_error is not None for *_, result in results),
        throttled=len(throttles),
        seconds=clock.monotonic() - begun,
        cold=summarise([ms for ms, cold, _ in results if cold]),
        warm=summarise([ms for ms, cold, _ in results if not cold]),
    )


def summarise(latencies_ms: Sequence[float]) -> Latency | None:
    """None for no latencies at all."""
    if not latencies_ms:
        return None
    ordered = sorted(latencies_ms)

    def percentile(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return Latency(
        count=len(ordered),
        min_ms=ordered[0],
        p50_ms=percentile(0.50),
        p90_ms=percentile(0.90),
        p99_ms=percentile(0.99),
        max_ms=ordered[-1],
    )
