from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.triggers.http.websocket.selection import selector


@pytest.mark.parametrize(
    ("expression", "message", "key"),
    [
        ("$request.body.action", '{"action": "join"}', "join"),
        ("${request.body.action}", ' {"action": "join"}', "join"),
        ("$request.body.message.kind", '{"message": {"kind": "text"}}', "text"),
        ("${request.body.a.b}-beta", '{"a": {"b": "v1"}}', "v1-beta"),
        ("${request.body.service}/${request.body.verb}", '{"service":"s","verb":"v"}', "s/v"),
        ("$request.body.list[1].x", '{"list": [{}, {"x": "y"}]}', "y"),
        ("$request.body['two words']", '{"two words": "y"}', None),
        ("${request.body['two words']}", '{"two words": "y"}', "y"),
        (r"\$default", '{"action": "join"}', "$default"),
        ("$request.body.n", '{"n": 1}', "1"),
        ("$request.body.n", '{"n": true}', "true"),
        ("$request.body.n", '{"n": null}', None),
        ("$request.body.n", '{"n": {"x": 1}}', None),
        ("$request.body.n", '{"m": 1}', None),
        ("$request.body.n.deeper", '{"n": "x"}', None),
        ("$request.body.list[3]", '{"list": []}', None),
        ("$request.body.action", "hello", None),
        ("$request.body.action", "", None),
        ("$request.body.action", "[1, 2]", None),
        ("$request.body.action", '{"action": ', None),
        ("${request.body.a}-${request.body.b}", '{"a": "x"}', None),
    ],
)
def test_the_key_of_a_message(expression, message, key):
    assert selector(expression)(message) == key


@given(st.text())
def test_no_message_is_too_strange(message):
    selected = selector("$request.body.action")(message)
    try:
        expected = json.loads(message)["action"]
    except Exception:
        assert selected is None or isinstance(selected, str)
    else:
        assert selected == expected or not isinstance(expected, str)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())))
def test_a_string_in_its_place_is_the_key(body):
    key = selector("$request.body.action")(json.dumps(body))
    value = body.get("action")
    if isinstance(value, str):
        assert key == value
