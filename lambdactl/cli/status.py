"""The words of the status line: each function's requests, errors, median and environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambdactl.triggers.http.stats import Row

KEYS = "r reload  l logs  q quit"
_SEPARATOR = " | "


class Status:
    """Makes the line. The function that was called last comes first; those that have no room are
    counted.

    :param colour: set it off from the log, errors in red.
    """

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._requests: dict[str, int] = {}
        self._order: list[str] = []

    def line(self, rows: Sequence[Row], width: int, *, logs: bool = True) -> str:
        """One line of at most ``width`` - 1 columns."""
        self._sort(rows)
        keys = KEYS if logs else KEYS.replace("l logs", "l logs (off)")
        room = width - 1
        by_name = {row.function: row for row in rows}
        shown: list[str] = []
        words = [_words(by_name[name]) for name in self._order]
        for number, word in enumerate(words):
            rest = len(words) - number - 1
            more = f"{_SEPARATOR}+{rest} more" if rest else ""
            if len(_SEPARATOR.join([*shown, word])) + len(more) > room and shown:
                break
            shown.append(word)
        if len(shown) < len(words):
            shown.append(f"+{len(words) - len(shown)} more")
        text = _SEPARATOR.join(shown) or "no requests yet"
        if len(text) + len(_SEPARATOR) + len(keys) <= room:
            text += _SEPARATOR + keys
        text = text[: max(0, room)]
        return self._tinted(text)

    def _sort(self, rows: Sequence[Row]) -> None:
        active = [row for row in rows if row.requests > self._requests.get(row.function, 0)]
        active.sort(key=lambda row: row.requests - self._requests.get(row.function, 0))
        for row in rows:
            if row.function not in self._order:
                self._order.append(row.function)
            self._requests[row.function] = row.requests
        names = {row.function for row in rows}
        # One that is first already stays there though others are busier: no flicker.
        if self._order and self._order[0] in {row.function for row in active}:
            active = []
        for row in active:
            self._order.remove(row.function)
            self._order.insert(0, row.function)
        self._order = [name for name in self._order if name in names]

    def _tinted(self, text: str) -> str:
        return f"\x1b[7m{text}\x1b[0m" if self._colour else text


def _words(row: Row) -> str:
    p50 = "-" if row.p50_ms is None else milliseconds(row.p50_ms)
    requests = "1 request" if row.requests == 1 else f"{row.requests:,} requests"
    errors = "1 error" if row.errors == 1 else f"{row.errors:,} errors"
    return f"{row.function}  {requests}  {errors}  p50 {p50}  {row.environments} env"


def milliseconds(value: float) -> str:
    """A duration as a person reads it: ``0.52 ms``, ``4.1 ms``, ``120 ms``, ``1.2 s``."""
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    if value >= 10:
        return f"{value:.0f} ms"
    return f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"
