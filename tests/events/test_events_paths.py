"""``--set``: paths into a JSON value."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.errors import UserError
from lambdactl.events import apply_set, split_assignment
from lambdactl.events.paths import split_path

VALUE = {"Records": [{"s3": {"bucket": {"name": "a"}}, "n": 1, "a.b": None}], "empty": []}


@pytest.mark.parametrize(
    ("path", "raw", "where", "value"),
    [
        ("Records.0.s3.bucket.name", "photos", ["Records", 0, "s3", "bucket", "name"], "photos"),
        ("Records[0].s3.bucket.name", "12", ["Records", 0, "s3", "bucket", "name"], 12),
        ("Records.-1.n", "null", ["Records", 0, "n"], None),
        ("Records.0.n", '"12"', ["Records", 0, "n"], "12"),
        ("Records.0.n", "[1, {}]", ["Records", 0, "n"], [1, {}]),
        ("Records.0.n", "NaN", ["Records", 0, "n"], "NaN"),
        ("Records.0.n", "1e999", ["Records", 0, "n"], "1e999"),
        ("Records.0.n", "{broken", ["Records", 0, "n"], "{broken"),
        ("Records.0.n", True, ["Records", 0, "n"], True),
        ("Records.0.new", "x", ["Records", 0, "new"], "x"),
        (r"Records.0.a\.b", "x", ["Records", 0, "a.b"], "x"),
        ("empty", "", ["empty"], ""),
    ],
)
def test_set(path: str, raw: Any, where: list[Any], value: Any) -> None:
    before = copy.deepcopy(VALUE)
    found: Any = apply_set(VALUE, path, raw)
    assert before == VALUE
    for step in where:
        found = found[step]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Recrods.0.n", "there is no 'Recrods' in the event (did you mean `Records`?)"),
        ("Records.0.s3.buket.name", "there is no 'buket' in Records.0.s3 (did you mean `bucket`?)"),
        ("Records.1.n", "Records has 1 item, so there is no 1 (the last is `Records.0`)"),
        ("Records.1", "Records has 1 item, so there is no 1"),
        ("Records.n", "Records is a list of 1 item, so 'n' is no part of it"),
        ("empty.0", "empty has 0 items, so there is no 0"),
        ("Records.0.n.x", "Records.0.n is a number, so it has no 'x' inside"),
        (r"Records.0.a\.b.x", "is null, so it has no 'x' inside"),
        ("", "can't read the path ''"),
        ("Records..n", "can't read the path"),
        ("Records.", "can't read the path"),
        (".Records", "can't read the path"),
    ],
)
def test_a_path_to_nothing_says_where_it_ends(path: str, text: str) -> None:
    with pytest.raises(UserError) as caught:
        apply_set(VALUE, path, "x")
    assert text in str(caught.value)


def test_assignment_is_split_at_the_first_equals() -> None:
    assert split_assignment("a.b=c=d") == ("a.b", "c=d")
    for wrong in ("a.b", "=c"):
        with pytest.raises(UserError, match="PATH=VALUE"):
            split_assignment(wrong)


@given(st.lists(st.text(min_size=1), min_size=1))
def test_any_keys_make_a_path(keys: list[str]) -> None:
    path = ".".join(
        "".join("\\" + character if character in ".[\\" else character for character in key)
        for key in keys
    )
    assert split_path(path) == tuple(keys)


@given(st.text())
def test_any_text_is_a_path_or_a_clear_error(path: str) -> None:
    with contextlib.suppress(UserError):
        apply_set(VALUE, path, "x")
