"""The token bucket of a throttled stage, route or target."""

from __future__ import annotations

from lambdactl.execution.clock import Clock
from lambdactl.manifest.apis import Throttle


class Bucket:
    """A token a request: ``burst`` of them at most, ``rate`` a second come back
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html).

    Without a burst one second's worth may come at once; without a rate nothing comes back.
    """

    __slots__ = ("_clock", "_filled", "_rate", "_size", "_tokens")

    def __init__(self, throttle: Throttle, clock: Clock) -> None:
        self._clock = clock
        self._rate = throttle.rate
        burst = throttle.burst
        self._size = float(burst if burst is not None else max(throttle.rate or 0.0, 1.0))
        self._tokens = self._size
        self._filled = clock.monotonic()

    def take(self) -> bool:
        """Whether one more request may pass now."""
        if self._rate is None:
            # A burst alone limits nothing in the long run.
            return self._size > 0
        now = self._clock.monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
