"""Events as users give them: from files, with byte order marks, mistakes and values to set."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.errors import EventError, UserError
from lambdactl.events.given import checked, from_file, to_bytes, with_values

LIMIT = 6_291_456


def refused(data: bytes, limit: int = LIMIT) -> EventError:
    with pytest.raises(EventError) as caught:
        checked(data, "event.json", limit=limit)
    assert caught.value.exit_code == 2
    return caught.value


# files


def test_a_files_bytes_are_the_event(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_bytes(b'{"a":\r\n 1}\n')
    assert from_file(file) == b'{"a":\r\n 1}\n'


def test_a_missing_file_or_a_folder_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(EventError, match="there is no event file"):
        from_file(tmp_path / "missing.json")
    with pytest.raises(EventError) as caught:
        from_file(Path('{"id": 7}'))
    assert caught.value.hint == "the event itself goes with --event-json"
    with pytest.raises(EventError, match="is a folder"):
        from_file(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(EventError, match=r"cannot read the event .*: Not a directory"):
        from_file(tmp_path / "file" / "event.json")


def test_a_pipe_is_read_as_a_file_is(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"{}")
    os.close(theirs)
    assert from_file(Path(f"/dev/fd/{ours}")) == b"{}"
    os.close(ours)


# checks


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b" [1, 2.50, 1e400, -0]\n",
        b"null",
        b'"text"',
        b"12345678901234567890123456789",
        '{"city": "grün 東京 😀"}'.encode(),
        b'{"half": "\\ud800"}',
        b'{"twice": 1, "twice": 2}',
        b"[" * 300 + b"]" * 300,
    ],
)
def test_json_goes_through_untouched(data: bytes) -> None:
    assert checked(data, "event.json", limit=LIMIT) == data
    assert with_values(data, [], "event.json") == data


def test_a_byte_order_mark_is_left_out() -> None:
    assert checked(b'\xef\xbb\xbf{"a": 1}\r\n', "event.json", limit=LIMIT) == b'{"a": 1}\r\n'
    assert with_values(b'\xef\xbb\xbf{"a": 1}', [("a", "2")], "event.json") == b'{"a": 2}'


def test_the_limit_is_exact() -> None:
    data = b'"%s"' % (b"x" * (LIMIT - 2))
    assert checked(data, "event.json", limit=LIMIT) == data
    error = refused(data + b" ")
    assert error.message == (
        "the event (event.json) has 6291457 bytes; Lambda takes at most 6291456"
    )


@pytest.mark.parametrize(
    ("data", "line", "column", "source", "message"),
    [
        (b"{'a': 1}", 1, 2, "{'a': 1}", "Expecting property name enclosed in double quotes"),
        (b'{"a": 1}\n{"b": 2}', 2, 1, '{"b": 2}', "Extra data"),
        (b'{\r\n  "a": 1\r\n  "b": 2\r\n}', 3, 3, '  "b": 2', "Expecting ',' delimiter"),
        (b'{"a": ', 1, 7, '{"a": ', "Expecting value"),
        (b'{"a": 1\n', 2, 1, "", "Expecting ',' delimiter"),
        (b"hello", 1, 1, "hello", "Expecting value"),
        # What other programs call a line is none here.
        (
            '["\u2028\x85\x0c",\nx]'.encode(),
            1,
            5,
            '["\u2028\x85\x0c",',
            "Invalid control character at",
        ),
        ('["\u2028\x85",\nx]'.encode(), 2, 1, "x]", "Expecting value"),
    ],
)
def test_what_is_no_json_is_shown_at_its_place(
    data: bytes, line: int, column: int, source: str, message: str
) -> None:
    error = refused(data)
    assert error.message == f"the event is not JSON: {message}"
    assert error.where is not None
    assert (error.where.file, error.where.line, error.where.column) == ("event.json", line, column)
    assert error.where.source == source


def test_of_a_long_line_only_the_beginning_is_shown() -> None:
    error = refused(b'{"a": "' + b"x" * 100_000 + b'" 1}')
    assert error.where is not None
    assert error.where.source is not None
    assert len(error.where.source) == 200


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the event (event.json) is empty"),
        (b" \r\n\t", "the event (event.json) is empty"),
        (b"\xef\xbb\xbf", "the event (event.json) is empty"),
        (b'{"a": "\xff"}', "the event (event.json) is not UTF-8: byte 7 is 0xff"),
        (b"\xff\xfe{\x00}\x00", "the event (event.json) is not UTF-8: byte 0 is 0xff"),
        (b"[NaN]", "the event (event.json) is not JSON: JSON has no NaN"),
        (b'{"a": -Infinity}', "the event (event.json) is not JSON: JSON has no -Infinity"),
        (b"9" * 5000, "the event (event.json) has a number of thousands of digits"),
        (b"[" * 200_000, "the event (event.json) is nested too deeply"),
    ],
)
def test_every_other_mistake_is_one_clear_line(data: bytes, message: str) -> None:
    assert refused(data).message == message


@given(st.binary(max_size=200))
def test_no_bytes_are_more_than_a_mistake(data: bytes) -> None:
    try:
        result = checked(data, "event.json", limit=100)
    except EventError:
        return
    json.loads(result.decode("utf-8"))
    assert len(data) <= 100


# values


def test_values_are_set_in_their_order() -> None:
    data = b'{"Records": [{"s3": {"bucket": {"name": "x"}}}], "keep": 1.5}'
    values: list[tuple[str, Any]] = [
        ("Records.0.s3.bucket.name", "photos"),
        ("Records.0.s3.size", "12"),
        ("extra", '{"nested": [true, null]}'),
        ("extra.nested.0", "false"),
    ]
    assert json.loads(with_values(data, values, "event.json")) == {
        "Records": [{"s3": {"bucket": {"name": "photos"}, "size": 12}}],
        "keep": 1.5,
        "extra": {"nested": [False, None]},
    }


def test_a_path_that_leads_nowhere_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match=r"--set a\.b"):
        with_values(b"{}", [("a.b", "1")], "event.json")


def test_values_are_set_only_in_json() -> None:
    with pytest.raises(EventError, match="is not JSON"):
        with_values(b"{]", [("a", "1")], "standard input")


def test_text_stays_readable_and_half_a_surrogate_stays_json() -> None:
    assert with_values(b"{}", [("city", "grün")], "e") == '{"city": "grün"}'.encode()
    assert with_values(b'{"half": "\\ud800"}', [("a", "1")], "e") == b'{"half": "\\ud800", "a": 1}'
    assert to_bytes({"from the shell": "\udcff"}) == b'{"from the shell": "\\udcff"}'


def test_what_cannot_be_written_again_is_a_mistake() -> None:
    with pytest.raises(EventError, match="a number that is too large"):
        with_values(b'{"n": 1e400}', [("a", "1")], "event.json")


@pytest.mark.parametrize("depth", [300, 700, 900, 990, 1200, 50_000])
def test_deep_nesting_is_set_in_or_refused_but_never_a_traceback(depth: int) -> None:
    data = b'{"a":' * depth + b"1" + b"}" * depth
    try:
        result = with_values(data, [("b", "1")], "event.json")
    except EventError as error:
        result = error.message.encode()
    refusal = b"the event (event.json) is nested too deeply"
    assert (result == refusal and depth > 300) or result.endswith(b', "b": 1}')
