"""Waiting for AWS to come to an end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from lambdactl.deploy.account import Account
from lambdactl.deploy.model import Context
from lambdactl.deploy.naming import Naming
from lambdactl.deploy.waiting import until
from lambdactl.errors import AwsError
from tests.deploy.conftest import TestClock


class Clocked:
    """As much of an account as waiting needs."""

    def __init__(self) -> None:
        self.clock = TestClock()


def context(heard: list[str]) -> tuple[Context, TestClock]:
    account = Clocked()
    naming = cast(Naming, None)
    return Context(cast(Account, account), naming, heard.append), account.clock


def answers(*values: bool) -> Any:
    left: Iterator[bool] = iter(values)
    return lambda: next(left)


def test_what_is_done_is_not_waited_for() -> None:
    heard: list[str] = []
    one, clock = context(heard)
    until(one, answers(True), "it", 10)
    assert (heard, clock.slept) == ([], [])


def test_pauses_grow_to_five_seconds() -> None:
    heard: list[str] = []
    one, clock = context(heard)
    until(one, answers(*[False] * 5, True), "it to be ready", 100)
    assert clock.slept == [1, 2, 4, 5, 5]
    assert set(heard) == {"waiting for it to be ready"}


def test_waiting_comes_to_an_end() -> None:
    one, clock = context([])
    with pytest.raises(AwsError, match="waited 12 s for it") as error:
        until(one, lambda: False, "it", 12)
    assert error.value.hint is not None
    assert sum(clock.slept) == 12
