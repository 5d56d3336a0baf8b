"""JSONPath and JSON, against what Jayway's JsonPath and json-smart were seen to do."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.triggers.http.rest.json_smart import dumps, loads
from lambdactl.triggers.http.rest.jsonpath import ABSENT, path
from lambdactl.triggers.http.rest.vtl.values import Entry

HERE = Path(__file__).parent / "velocity"
PATHS = [each for each in json.loads((HERE / "recorded.json").read_text("utf-8")) if "path" in each]
STORE = loads((HERE / "store.json").read_text("utf-8"))

# What JsonPath 2.0.0 could not do yet, or only its toJson (strings and numbers).
_LATER = {
    "UnsupportedOperationException",
    "NullPointerException",
}
_NEWER = {
    "$.store.book[?(@.price in [8.95, 12.99])].title": ["Sayings", "Sword"],
    '$.store.book[?(@.category == "fiction")]': STORE["store"]["book"][1:],
    "$..book[-1]": STORE["store"]["book"][-1:],
}


@pytest.mark.parametrize("each", PATHS, ids=lambda each: each["path"])
def test_reads_as_jayway_does(each: dict[str, str]) -> None:
    text, error = each["path"], each.get("error")
    if text in _NEWER:
        assert path(text).read(STORE) == _NEWER[text]
    elif error == "PathNotFoundException":
        assert path(text).read(STORE) is ABSENT
    elif error is None:
        assert dumps(path(text).read(STORE)) == each["out"]
    elif error in _LATER:
        assert path(text).read(STORE) is not ABSENT
    elif text == "$.s[0]":
        # Jayway finds out only now that a string has no elements, and says that of the path.
        assert path(text).read(STORE) is ABSENT
    else:
        with pytest.raises(ValueError, match=r"\S"):
            path(text)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$.store.book[1].title", "Sword"),
        ("store.book[-1].title", "Moby Dick"),
        ("$['x/y']", "€\x7f/"),
        ("$.store.book.length()", 3),
        ("$.store.book[*].price.max()", 12.99),
        ("$..price.sum()", pytest.approx(50.88)),
        ("$.n", None),
        ("$.big", 12345678901234567890123),
        ("$.store.book[?(@.isbn && @.price < 9)].title", ["Moby Dick"]),
        ("$.store.book[?(@.title contains 'ay')].price", [8.95]),
        ("$.store.book[?(@.price nin [8.95, 8.99])].title", ["Sword"]),
    ],
)
def test_reads_values(expression: str, value: Any) -> None:
    assert path(expression).read(STORE) == value


# The right column is json-smart 2.2's.
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=b&c=d", "a=b&c=d"),
        ("{a:1}", {"a": 1}),
        ("{'a':'it\\'s'}", {"a": "it's"}),
        ('{"statusCode": 200,\n}', {"statusCode": 200}),
        ("[1,,2]", [1, 2]),
        ("{a:b c,d:e}", {"a": "b c", "d": "e"}),
        ("{a:[x,y],b:{c:d}}", {"a": ["x", "y"], "b": {"c": "d"}}),
        ('<xml a="b"/>', '<xml a="b"/>'),
        ("01", 1),
        ("1.5.2", "1.5.2"),
        ('{"a":1} trailing', {"a": 1}),
        ("12345678901234567890", 12345678901234567890),
    ],
)
def test_takes_for_json_what_json_smart_takes(text: str, value: Any) -> None:
    assert loads(text) == value


@pytest.mark.parametrize("text", ['{"a"', '{"a":', "{", "[1", "[1}", '"abc', '{"a" 1}', "[" * 9999])
def test_refuses_what_json_smart_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        loads(text)


def test_writes_as_json_smart_writes() -> None:
    value = {"a": ["x/y", 'q"', "\x7f\u2028\n"], "b": 1.0, "c": None}
    assert dumps(value) == '{"a":["x/y","q\\"","\\u007F\\u2028\\n"],"b":1.0,"c":null}'
    assert dumps("x/y", slashes=True) == '"x\\/y"'


def test_numbers_with_many_digits_stay_as_they_are() -> None:
    text = "[1234567890.12345678901,1.7976931348623157E+308,0.000005519171348714339,1.5]"
    assert dumps(loads(text)) == text
    assert loads(text)[0] == 1234567890.1234567


_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@given(_JSON, st.booleans())
def test_what_is_written_reads_back(value: Any, slashes: bool) -> None:
    assert json.loads(dumps(value, slashes=slashes)) == value
    assert loads(json.dumps(value)) == value


@given(st.text())
def test_any_text_is_json_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        loads(text)


_PARTS = st.sampled_from(
    ["$", "@", ".", "..", "[", "]", "(", ")", "?(", "*", "'a'", "a", "0", "-1", ":", ",", "==",
     "<", "&&", "||", "!", " in ", "=~", "/x/i", "store", "book", ".length()", "true"]
)  # fmt: skip


@given(st.lists(_PARTS, max_size=12))
def test_any_text_is_a_path_or_a_value_error(parts: list[str]) -> None:
    with suppress(ValueError):
        path("".join(parts)).read(STORE)


@given(_JSON, st.booleans())
def test_the_fast_way_of_writing_is_the_same(value: Any, slashes: bool) -> None:
    # A map in a list of things that json does not know takes the slow way.
    inner = dumps([value, Entry("a", "b")], slashes=slashes)
    assert inner == f"[{dumps(value, slashes=slashes)},a=b]"
