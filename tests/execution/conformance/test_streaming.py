"""Responses that come in pieces, from the runtimes that can stream."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.execution.conformance.conftest import FAMILIES, Ran

Start = Callable[..., Ran]

# Lambda's Python and Ruby runtimes don't stream; nor does AWS's client for Python in an image.
streaming = pytest.mark.parametrize(
    "language", [pytest.param(name, marks=FAMILIES[name]) for name in ("node", "provided")]
)


@streaming
def test_pieces_come_when_the_function_writes_them(language: str, start: Start) -> None:
    ran = start(language, handler="app.stream")
    ran.stream()
    begun = time.monotonic()
    result, pieces = ran.stream(seconds=1)
    assert b"".join(data for _, _, data in pieces) == b"first last"
    assert {kind for _, kind, _ in pieces} == {"text/plain"}
    assert result.streamed
    assert result.function_error is None
    (first, *_, last) = [when - begun for when, _, _ in pieces]
    assert first < 0.9
    assert last >= 1


@streaming
def test_a_stream_longer_than_a_buffered_response_may_be(language: str, start: Start) -> None:
    result, pieces = start(language, handler="app.stream", memory_mb=512).stream(mb=8)
    assert sum(len(data) for _, _, data in pieces) == 8 * 1024 * 1024 + len("first last")
    assert result.function_error is None


@streaming
def test_a_runtime_that_dies_in_the_middle_of_a_stream_is_an_error(
    language: str, start: Start
) -> None:
    ran = start(language, handler="app.stream")
    result, pieces = ran.stream(seconds=0.3, exit=True)
    assert b"".join(data for _, _, data in pieces).startswith(b"first ")
    assert result.function_error == "Unhandled"
    assert b"last" in b"".join(data for _, _, data in ran.stream()[1]), "the next call works"
