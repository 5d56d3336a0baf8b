"""Placeholders, and the scopes that fill them in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.events.expressions import ExpressionError, parse
from lambdactl.events.render import Scope, TemplateError


def render(template: Any, **lets: Any) -> Any:
    return Scope("test", lets, {}).render(template)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("plain", "plain"),
        ("$${name}", "${name}"),
        ("${'a}b'}", "a}b"),
        ("${12}", 12),
        ("${-1.5}", -1.5),
        ("${null}", None),
        ("a${name}b${true}", "axbtrue"),
        ("${upper(name)}", "X"),
        ("${first( null , name )}", "x"),
        ("${thing.inner.key}", 7),
        ({"k${name}": ["${name}", "${optional(null)}", 1]}, {"kx": ["x", 1]}),
        ({"a": "${optional('')}", "b": None}, {"b": None}),
    ],
)
def test_render(template: Any, value: Any) -> None:
    assert render(template, name="x", thing={"inner": {"key": 7}}) == value


@pytest.mark.parametrize(
    "template",
    ["${", "${}", "${a b}", "${a(}", "${a(b c)}", "${a.}", "${a.'b'}", "${,}", "${a+b}", "${'a}"],
)
def test_what_is_no_expression(template: str) -> None:
    with pytest.raises(ExpressionError):
        parse(template)


@pytest.mark.parametrize(
    "template",
    ["${nothing}", "${nothing()}", "${loop}", "${name.key}", "a${thing}", "a${now_}"],
)
def test_what_can_not_be_filled_in(template: str) -> None:
    from datetime import UTC, datetime

    scope = Scope("t", {"loop": "${loop}", "name": "x", "thing": {}}, {"now_": datetime.now(UTC)})
    with pytest.raises(TemplateError):
        scope.render(template)


def test_a_named_value_is_worked_out_once_a_scope() -> None:
    outer = Scope("t", {"id": "${uuid()}"}, {})
    assert outer.render("${id}") == outer.render("${id}")
    rows = [Scope(f"t{index}", {"own": "${uuid()}"}, {}, outer) for index in range(2)]
    assert rows[0].render("${id}") == rows[1].render("${id}")
    assert rows[0].render("${own}") != rows[1].render("${own}")


def test_random_values_depend_on_their_place() -> None:
    first = Scope("t", {}, {}).render({"a": "${uuid()}", "b": "${uuid()}"})
    longer = Scope("t", {}, {}).render({"new": "${uuid()}", "a": "${uuid()}", "b": "${uuid()}"})
    assert first["a"] != first["b"]
    assert (longer["a"], longer["b"]) == (first["a"], first["b"])


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parts = parse(text)
    except ExpressionError:
        return
    if "${" not in text:
        assert "".join(part for part in parts if isinstance(part, str)) == text
