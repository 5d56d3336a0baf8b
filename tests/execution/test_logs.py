"""From a function's output to log events: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lambdactl.execution.logs import (
    FRAME_MAGIC,
    LEVELS,
    MAX_EVENT_BYTES,
    OutputParser,
    Tail,
    level_of,
    passes,
)

LogEvent = tuple[bytes, float | None]
Piece = tuple[Literal["line", "text", "frame"], bytes]
AT = 1_700_000_000_123_456  # microseconds; in bytes a line end is among them


def frame(message: bytes, at: int = AT, kind: int = 3) -> bytes:
    return (
        FRAME_MAGIC
        + bytes([kind])
        + len(message).to_bytes(4, "big")
        + at.to_bytes(8, "big")
        + message
    )


def parse(*pieces: bytes) -> list[LogEvent]:
    events: list[LogEvent] = []
    parser = OutputParser(lambda text, at: events.append((text, at)))
    for piece in pieces:
        parser.feed(piece)
    parser.flush()
    return events


def expected(pieces: list[Piece]) -> list[LogEvent]:
    """What the events of ``pieces`` are, told without parsing anything."""
    events: list[LogEvent] = []
    unfinished = b""
    for kind, data in pieces:
        if kind == "frame":
            if unfinished:
                events.append((unfinished.removesuffix(b"\r"), None))
            unfinished = b""
            events.append((data.removesuffix(b"\n"), AT / 1e6))
        else:
            unfinished += data
            if kind == "line":
                events.append((unfinished.removesuffix(b"\r"), None))
                unfinished = b""
    if unfinished:
        events.append((unfinished.removesuffix(b"\r"), None))
    return events


def written(pieces: list[Piece]) -> bytes:
    forms = {"line": lambda data: data + b"\n", "text": bytes, "frame": frame}
    return b"".join(forms[kind](data) for kind, data in pieces)


# Magic bytes and parts of them are as likely as anything else; a line holds no line end.
words = st.sampled_from(
    [b"hello", b" ", b"\r", b"\xc3\xbc", b"\x00", b"x" * 40, FRAME_MAGIC]
    + [FRAME_MAGIC[:count] + b"y" * more for count in (1, 2, 3) for more in (0, 20)]
)
texts = st.lists(words, max_size=6).map(b"".join)
messages = st.lists(st.sampled_from([b"a", b"\n", b"\r\n", FRAME_MAGIC, b"z" * 300])).map(b"".join)
streams = st.lists(
    st.one_of(
        st.tuples(st.just("line"), texts),
        st.tuples(st.just("text"), texts),
        st.tuples(st.just("frame"), messages),
    ),
    max_size=8,
)


@given(pieces=streams, cuts=st.lists(st.integers(0, 2000), max_size=10))
@example(pieces=[("text", b"no end"), ("frame", b"one\ntwo"), ("line", b"")], cuts=[3, 7, 8, 20])
@example(pieces=[("line", FRAME_MAGIC + b"\x03 printed by the function")], cuts=[1, 2, 3, 4])
def test_events_do_not_depend_on_where_the_stream_is_cut(
    pieces: list[Piece], cuts: list[int]
) -> None:
    stream = written(pieces)
    ends = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    assert parse(*(stream[start:end] for start, end in pairwise(ends))) == expected(pieces)


@given(pieces=streams)
def test_events_are_the_same_byte_by_byte(pieces: list[Piece]) -> None:
    stream = written(pieces)
    assert parse(*(bytes([byte]) for byte in stream)) == expected(pieces)


def test_a_frame_keeps_its_lines_together_and_its_time() -> None:
    trace = b"[ERROR] boom\nTraceback:\n  line 1\n"
    assert parse(frame(trace)) == [(trace[:-1], 1_700_000_000.123456)]


@pytest.mark.parametrize("kind", [0x02, 0x03, 0x0A, 0x0F, 0x16, 0x1B])
def test_every_kind_of_frame_that_aws_writes_is_one(kind: int) -> None:
    """The kinds of awslambdaric, lambda_runtime_log_utils.py: text or JSON, and a level."""
    assert parse(frame(b"hello", kind=kind)) == [(b"hello", AT / 1e6)]


@pytest.mark.parametrize(
    "lookalike",
    [
        FRAME_MAGIC + b" is how a frame begins",
        FRAME_MAGIC * 5,
        frame(b"an odd kind", at=2**50, kind=0),
        frame(b"a time of 1970", at=1),
        FRAME_MAGIC + b"\x03" + b"\xff" * 4 + (2**50).to_bytes(8, "big") + b"too long",
    ],
)
def test_magic_bytes_that_are_no_frame_stay_in_their_line(lookalike: bytes) -> None:
    assert parse(b"before " + lookalike + b" after\nnext\n") == [
        (b"before " + lookalike + b" after", None),
        (b"next", None),
    ]


def test_a_frame_whose_writer_was_stopped_shows_what_there_is() -> None:
    assert parse(frame(b"half a message")[:-8]) == [(b"half a", AT / 1e6)]


def test_complete_lines_are_emitted_at_once_and_unfinished_ones_at_the_flush() -> None:
    events: list[LogEvent] = []
    parser = OutputParser(lambda text, at: events.append((text, at)))
    parser.feed(b"one\ntwo\r\nthr")
    assert events == [(b"one", None), (b"two", None)]
    parser.flush()
    parser.flush()
    parser.feed(b"four\n\n")
    assert [text for text, _ in events] == [b"one", b"two", b"thr", b"four", b""]


@pytest.mark.parametrize("extra", [0, 1, 1000])
@pytest.mark.parametrize("line_end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("step", [100_000, MAX_EVENT_BYTES, MAX_EVENT_BYTES + 1, 10**8])
def test_a_line_longer_than_an_event_becomes_several(
    extra: int, line_end: bytes, step: int
) -> None:
    line = b"a" * MAX_EVENT_BYTES + b"b" * MAX_EVENT_BYTES + b"c" * extra
    stream = line + line_end + b"next\n" * bool(line_end)
    events = [
        text for text, _ in parse(*(stream[at : at + step] for at in range(0, len(stream), step)))
    ]
    assert b"".join(events) == line + b"next" * bool(line_end)
    assert [len(text) for text in events] == (
        [MAX_EVENT_BYTES] * 2 + [extra] * bool(extra) + [4] * bool(line_end)
    )


@given(lines=st.lists(st.binary(max_size=60)), limit=st.integers(1, 64))
def test_the_tail_is_the_last_bytes_of_everything(lines: list[bytes], limit: int) -> None:
    tail = Tail(limit)
    for line in lines:
        tail.add(line)
    assert tail.value() == b"".join(line + b"\n" for line in lines)[-limit:]


def test_the_tail_of_much_output_stays_small() -> None:
    tail = Tail(4096)
    for number in range(10_000):
        tail.add(b"line %d" % number)
    assert len(tail.value()) == 4096
    assert tail.value().endswith(b"line 9998\nline 9999\n")


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (b'{"level":"ERROR","message":"boom"}', "error"),
        (b'{"level": "debug", "msg": "my debug log"}', "debug"),
        (b'{"level":"WARNING"}', "warn"),
        (b'{"level":"CRITICAL"}', "fatal"),
        (b'{"level":"trace"}', "trace"),
        (b'{"level":"NOTICE"}', "info"),
        (b'{"level":30}', "info"),
        (b'{"level":null}', "info"),
        (b'{"message":"no level"}', "info"),
        (b'{"level":"ERROR"', "info"),
        (b'["level","ERROR"]', "info"),
        (b"\xff\xfe", "info"),
        (b'{"a":' * 100_000, "info"),
        (b"plain text ERROR", "info"),
        (b"", "info"),
    ],
)
def test_a_line_without_a_valid_level_is_info(text: bytes, level: str) -> None:
    assert level_of(text) == level


@pytest.mark.parametrize("threshold", LEVELS)
def test_lines_at_the_level_and_above_it_are_shown(threshold: str) -> None:
    shown = [level for level in LEVELS if passes(json.dumps({"level": level}).encode(), threshold)]
    assert shown == list(LEVELS)[LEVELS[threshold] :]
    assert passes(b"plain text", threshold) == (LEVELS[threshold] <= LEVELS["info"])
