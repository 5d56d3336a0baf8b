"""The function's own module of this name: it, and nobody else's, must be found."""

# ruff: noqa


def call(function):
    return function()


def fail():
    raise ValueError("in the function's own bootstrap")
