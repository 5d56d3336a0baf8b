"""Fails for others."""

# ruff: noqa


def fail():
    # fmt: off
    numbers = [1, 2]
    return numbers[
        2
    ]
    # fmt: on
