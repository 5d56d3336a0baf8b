"""The words of the status line."""

from __future__ import annotations

import pytest

from lambdactl.cli.status import KEYS, Status, milliseconds
from lambdactl.triggers.http.stats import Row

ORDERS = Row("orders", 12, 1, 1.24, 2)
PAYMENTS = Row("payments", 3456, 0, None, 0)


def test_each_function_with_its_figures() -> None:
    line = Status(colour=False).line([ORDERS, PAYMENTS], 200)
    assert line == (
        "orders  12 requests  1 error  p50 1.2 ms  2 env | "
        f"payments  3,456 requests  0 errors  p50 -  0 env | {KEYS}"
    )


def test_before_the_first_request() -> None:
    assert Status(colour=False).line([], 80) == f"no requests yet | {KEYS}"
    assert "l logs (off)" in Status(colour=False).line([], 80, logs=False)


def test_the_function_that_was_called_last_comes_first() -> None:
    status = Status(colour=False)
    assert status.line([ORDERS, PAYMENTS], 200).startswith("orders")
    busy = Row("payments", 3457, 0, 5.0, 1)
    assert status.line([ORDERS, busy], 200).startswith("payments")
    assert status.line([ORDERS, busy], 200).startswith("payments")
    # As long as it is called, it stays where it is.
    both = [Row("orders", 99, 1, 1.0, 2), Row("payments", 3458, 0, 5.0, 1)]
    assert status.line(both, 200).startswith("payments")
    assert status.line([ORDERS], 200).startswith("orders")


@pytest.mark.parametrize("width", [1, 10, 30, 49, 50, 51, 60, 80, 120, 200])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_it_is_one_line_of_any_terminal(width: int, count: int) -> None:
    rows = [Row(f"function-{number}", number, 0, 1.0, 1) for number in range(count)]
    line = Status(colour=False).line(rows, width)
    assert len(line) < max(width, 1) or not line
    if width >= 120 and count == 7:
        assert "+" in line


def test_those_without_room_are_counted() -> None:
    rows = [Row(f"function-{number}", 1, 0, 1.0, 1) for number in range(7)]
    line = Status(colour=False).line(rows, 80)
    assert line.startswith("function-")
    assert line.endswith("+6 more")


def test_colour_sets_it_off() -> None:
    assert Status(colour=True).line([], 20).startswith("\x1b[7m")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.523, "0.52 ms"), (4.12, "4.1 ms"), (73.4, "73 ms"), (999.0, "999 ms"), (1234.0, "1.2 s")],
)
def test_durations(value: float, text: str) -> None:
    assert milliseconds(value) == text
