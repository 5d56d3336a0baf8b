"""``.env`` files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.errors import UserError
from lambdactl.manifest import env_file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# a comment\n\n  # another\n", {}),
        ("A=1", {"A": "1"}),
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("export A=1", {"A": "1"}),
        ("  export   A = 1  ", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A= # nothing", {"A": ""}),
        ("A=a b c", {"A": "a b c"}),
        ("A=a#b", {"A": "a#b"}),
        ("A=a #b", {"A": "a"}),
        ("A=a=b", {"A": "a=b"}),
        ("A='a # b'", {"A": "a # b"}),
        ("A='$HOME `id` $(id)'", {"A": "$HOME `id` $(id)"}),
        ("A=$(id)", {"A": "$(id)"}),
        ('A="a b" # comment', {"A": "a b"}),
        ('A="a\\nb\\t\\"c\\"\\\\"', {"A": 'a\nb\t"c"\\'}),
        ("A='a\\nb'", {"A": "a\\nb"}),
        ('A="one\ntwo"\nB=3', {"A": "one\ntwo", "B": "3"}),
        ("A='one\ntwo'\nB=3", {"A": "one\ntwo", "B": "3"}),
        ('A="a\\\nb"', {"A": "ab"}),
        ("A=1\nA=2", {"A": "2"}),
        ('A=a"b"', {"A": 'a"b"'}),
        ("dotted.name=1", {"dotted.name": "1"}),
        ("A=é✓", {"A": "é✓"}),
    ],
)
def test_parse(text: str, expected: dict[str, str]) -> None:
    assert env_file.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("A", 1, 1, "NAME=value"),
        ("A=1\nhello world\n", 2, 1, "NAME=value"),
        ("1A=2", 1, 1, "NAME=value"),
        ("=2", 1, 1, "NAME=value"),
        ('A=1\nB="2', 2, 3, "never closed"),
        ("A='1\n2", 1, 3, "never closed"),
        ('A="1"2', 1, 6, "after the quote"),
    ],
)
def test_malformed(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        env_file.parse(text, "my.env")
    where = caught.value.where
    assert where is not None
    assert (where.file, where.line, where.column) == ("my.env", line, column)
    assert where.source == text.split("\n")[line - 1]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.env").write_bytes(b"A=\xe9\n")
    for path, message in [
        (tmp_path / "nothing.env", "there is no env file"),
        (tmp_path, "can't read the env file"),
        (tmp_path / "latin.env", "not UTF-8"),
    ]:
        with pytest.raises(UserError, match=message):
            env_file.read(path)


NAMES = st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=30)


@given(st.dictionaries(NAMES, TEXTS, max_size=5))
def test_what_is_quoted_comes_back(variables: dict[str, str]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = "".join(f"{name}={quoted(value)}\n" for name, value in variables.items())
    assert env_file.parse(text) == variables


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    variables: dict[str, str] = {}
    with suppress(UserError):
        variables = env_file.parse(text)
    assert all(name and "=" not in name for name in variables)
