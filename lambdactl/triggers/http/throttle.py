"""The token bucket of a throttled stage, route or target."""

from __future__ import annotations

from lambdactl.execution.clock import Clock
from lambdactl.manifest.apis import Throttle

_ACCOUNT_RATE = 10_000.0


class Bucket:
    """A token a request: ``burst`` of them at most, ``rate`` a second come back
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html).

    Without a rate the account's own stands in
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html); without a burst one
    second's worth may come at once.
    """

    __slots__ = ("_clock", "_filled", "_rate", "_size", "_tokens")

    def __init__(self, throttle: Throttle, clock: Clock) -> None:
        self._clock = clock
        self._rate = _ACCOUNT_RATE if throttle.rate is None else throttle.rate
        self._size = float(max(self._rate, 1.0) if throttle.burst is None else throttle.burst)
        self._tokens = self._size
        self._filled = clock.monotonic()

    def take(self) -> bool:
        """Whether one more request may pass now."""
        now = self._clock.monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
