"""What the server has done so far, by function: for the status line and for ``--output json``."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Row:
    """One function: requests since the start, those answered with 5xx, the median of the last
    ones in milliseconds (None without any), environments that exist now."""

    function: str
    requests: int
    errors: int
    p50_ms: float | None
    environments: int


@dataclass(slots=True)
class _Counter:
    requests: int = 0
    errors: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Stats:
    """Counts answers; :meth:`rows` does the arithmetic, when somebody looks."""

    def __init__(self) -> None:
        self._counters: dict[str, _Counter] = {}

    def add(self, function: str, status: int, seconds: float) -> None:
        counter = self._counters.get(function)
        if counter is None:
            counter = self._counters[function] = _Counter()
        counter.requests += 1
        if status >= 500:
            counter.errors += 1
        counter.seconds.append(seconds)

    def rows(self, environments: dict[str, int]) -> list[Row]:
        """The functions that were asked for or have environments, by name."""
        found = []
        for name in sorted({*self._counters, *environments} - {""}):
            counter = self._counters.get(name) or _Counter()
            ordered = sorted(counter.seconds)
            found.append(
                Row(
                    function=name,
                    requests=counter.requests,
                    errors=counter.errors,
                    p50_ms=ordered[len(ordered) // 2] * 1000 if ordered else None,
                    environments=environments.get(name, 0),
                )
            )
        return found
