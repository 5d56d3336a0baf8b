"""Property: whatever a handler returns, our JSON is that of AWS's client, to the byte."""

from __future__ import annotations

import collections
import decimal
import enum
import importlib
import sys
from typing import Any

import pytest
from awslambdaric.lambda_runtime_marshaller import to_json as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.bootstraps.python.clients import BOOTSTRAP


@pytest.fixture(scope="module")
def to_json() -> Any:
    sys.path.insert(0, str(BOOTSTRAP.parent))
    try:
        return importlib.import_module("lambdactl_runtime.payload").to_json
    finally:
        sys.path.remove(str(BOOTSTRAP.parent))


class Size(enum.IntEnum):
    SMALL = 1
    BIG = 2**40


class Word(str):
    __slots__ = ()


class Number(float):
    __slots__ = ()


class Row(list[Any]):
    pass


class Pair(collections.namedtuple("Pair", "first second")):
    __slots__ = ()


plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec="utf-8"))
    | st.text('\x00\x1f\x7f"\\/\u2028\u2029\ud800\U0001f389é', max_size=5)
)
odd = (
    st.decimals()
    | st.binary(max_size=4)
    | st.sampled_from(list(Size))
    | st.builds(Word, st.text(max_size=3))
    | st.builds(Number, st.floats())
    | st.sampled_from([object(), 1j, ..., {1}, frozenset(), bytearray(b"a"), range(2), int])
)
keys = (
    st.text(max_size=3)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | st.binary(max_size=3)
    | st.sampled_from(list(Size))
    | st.tuples(st.integers())
)


def nested(leaves: st.SearchStrategy[Any], names: st.SearchStrategy[Any]) -> Any:
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=4).map(tuple)
            | st.dictionaries(names, inner, max_size=4)
        ),
        max_leaves=12,
    )


def nested_oddly(leaves: st.SearchStrategy[Any]) -> Any:
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=3).map(Row)
            | st.builds(Pair, inner, inner)
            | st.dictionaries(keys, inner, max_size=3)
            | st.dictionaries(keys, inner, max_size=3).map(collections.OrderedDict)
        ),
        max_leaves=8,
    )


def outcome(encode: Any, value: Any) -> str:
    try:
        text = encode(value)
        assert isinstance(text, str)
        return text
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


@settings(max_examples=150, deadline=None)
@given(value=nested(plain, st.text(max_size=3)))
def test_plain_values(to_json: Any, value: Any) -> None:
    assert outcome(to_json, value) == outcome(reference, value)


@settings(max_examples=300, deadline=None)
@given(value=nested_oddly(plain | odd))
def test_odd_values(to_json: Any, value: Any) -> None:
    assert outcome(to_json, value) == outcome(reference, value)


@settings(max_examples=100, deadline=None)
@given(value=st.decimals() | st.lists(st.decimals()))
def test_decimals(to_json: Any, value: Any) -> None:
    assert outcome(to_json, value) == outcome(reference, value)
    assert isinstance(value, (decimal.Decimal, list))
