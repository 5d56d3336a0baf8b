"""What clients get of what functions return."""

from __future__ import annotations

import base64
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.triggers.http.calls import Call, Refusal
from lambdactl.triggers.http.rest.response import response
from tests.triggers.http.parts import request, setting
from tests.triggers.http.rest.serving import Served, api, header, route

PNG = b"\x89PNG\r\n"


def answer(returned, asked=None, **more):
    on = route()
    payload = returned if isinstance(returned, bytes) else json.dumps(returned).encode()
    return response(Call(setting(), api(on, **more), on, asked or request(), {}), payload)


def plain(made):
    """Headers without those that API Gateway adds."""
    added = {"x-amzn-requestid", "x-amz-apigw-id", "x-amzn-trace-id"}
    return [pair for pair in made.headers if pair[0].lower() not in added]


@pytest.mark.parametrize(
    ("returned", "status"),
    [
        ({"statusCode": 201}, 201),
        ({"statusCode": "404"}, 404),
        ({"statusCode": 200.0}, 200),
        ({}, 200),
        ({"statusCode": None}, 200),
    ],
)
def test_status(returned, status):
    made = answer(returned)
    assert (made.status, made.body) == (status, b"")
    assert plain(made) == [("Content-Type", "application/json")]


def test_body_and_what_is_added():
    made = answer({"statusCode": 200, "body": "grüezi", "headers": {"content-type": "text/plain"}})
    assert made.body == "grüezi".encode()
    assert plain(made) == [("content-type", "text/plain")]
    for name in ("x-amzn-RequestId", "x-amz-apigw-id", "X-Amzn-Trace-Id"):
        assert header(made, name)


def test_both_kinds_of_headers_are_merged():
    made = answer(
        {
            "headers": {"A": "1", "B": "2", "Content-Type": "x/y"},
            "multiValueHeaders": {"A": ["1", "3"], "Set-Cookie": ["a=1", "b=2"]},
        }
    )
    assert plain(made) == [
        ("A", "1"),
        ("A", "3"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("B", "2"),
        ("Content-Type", "x/y"),
    ]


def test_another_value_of_the_same_header_is_kept():
    made = answer({"headers": {"A": "2"}, "multiValueHeaders": {"A": ["1"]}})
    assert plain(made)[:2] == [("A", "1"), ("A", "2")]


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Connection",
        "Content-Length",
        "Content-MD5",
        "Date",
        "Max-Forwards",
        "Server",
        "User-Agent",
        "WWW-Authenticate",
        "www-authenticate",
    ],
)
def test_headers_that_are_remapped(name):
    made = answer({"headers": {name: "x"}})
    assert plain(made)[0] == (f"x-amzn-Remapped-{name}", "x")


@pytest.mark.parametrize(
    "name",
    [
        "Expect",
        "Host",
        "Proxy-Authenticate",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Via",
    ],
)
def test_headers_that_are_dropped(name):
    assert plain(answer({"headers": {name: "x"}})) == [("Content-Type", "application/json")]


def test_values_that_are_not_ascii_go_out_as_utf_8():
    made = answer({"headers": {"X": "é€", "Y": True}})
    assert plain(made)[:2] == [("X", "é€".encode().decode("latin-1")), ("Y", "true")]


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (b"", "it is empty"),
        (b"hello", "not JSON"),
        (None, "it is null"),
        ("hello", "it is a string"),
        ([1], "it is a list"),
        (7, "it is a number"),
        ({"statusCode": "ok"}, '`statusCode` is "ok"'),
        ({"statusCode": 99}, "`statusCode` is 99"),
        ({"statusCode": True}, "`statusCode` is true"),
        ({"statusCode": [200]}, "`statusCode` is [200]"),
        ({"statusCode": 200, "body": {"a": 1}}, "`body` is an object"),
        ({"statusCode": 200, "body": 5}, "`body` is a number"),
        ({"statusCode": 200, "headers": ["a"]}, "`headers` is a list"),
        ({"statusCode": 200, "headers": []}, "`headers` is a list"),
        ({"statusCode": 200, "headers": {"A": 1}}, "header `A` is a number"),
        ({"statusCode": 200, "headers": {"A": None}}, "header `A` is null"),
        ({"statusCode": 200, "headers": {"A": "a\r\nB: b"}}, "line break"),
        ({"statusCode": 200, "headers": {"A:": "a"}}, "no name for a header"),
        ({"statusCode": 200, "multiValueHeaders": {"A": "a"}}, "`multiValueHeaders.A` is a string"),
        ({"statusCode": 200, "multiValueHeaders": {"A": [1]}}, "header `A` is a number"),
        ({"statusCode": 200, "multiValueHeaders": ["A"]}, "`multiValueHeaders` is a list"),
        ({"statusCode": 200, "isBase64Encoded": "x", "body": ""}, "`isBase64Encoded` is"),
        ({"statusCode": 200, "cookies": ["a=1"]}, "takes no `cookies`"),
        ({"message": "hi"}, "takes no `message`"),
        ({"errorMessage": "no"}, 'an error object (`errorMessage`: "no")'),
    ],
)
def test_malformed_answers(returned, words):
    with pytest.raises(Refusal) as refused:
        answer(returned)
    assert refused.value.type == "INTEGRATION_FAILURE"
    assert words in (refused.value.reason or "")


def test_the_client_of_a_malformed_answer_learns_nothing_and_the_developer_why():
    served = Served(api(), b'{"statusCode": 200, "body": {}}')
    made = served.ask()
    assert (made.status, made.body) == (502, b'{"message": "Internal server error"}')
    assert header(made, "x-amzn-ErrorType") == "InternalServerErrorException"
    assert len(served.told) == 1
    assert served.told[0].startswith("GET /pets: ")
    assert "`body` is an object instead of a string" in served.told[0]


@pytest.mark.parametrize(
    ("types", "accept", "decoded"),
    [
        (("image/png",), "image/png", True),
        (("image/png",), "image/png;q=0.9,text/html", True),
        (("image/png",), "text/html,image/png", False),
        (("image/png",), "*/*", False),
        (("image/png",), None, False),
        (("*/*",), "text/html", True),
        (("*/*",), None, True),
        ((), "image/png", False),
    ],
)
def test_base64_is_undone_where_the_client_accepts_binary(types, accept, decoded):
    text = base64.b64encode(PNG).decode()
    asked = request(headers={"Accept": accept} if accept else {})
    made = answer({"body": text, "isBase64Encoded": True}, asked, binary_types=types)
    assert made.body == (PNG if decoded else text.encode())


def test_base64_that_is_none():
    with pytest.raises(Refusal) as refused:
        answer({"body": "%%%", "isBase64Encoded": True}, binary_types=("*/*",))
    assert refused.value.type == "API_CONFIGURATION_ERROR"


def test_a_streamed_answer_without_streaming_has_no_body():
    made = answer(b'{"statusCode": 206, "cookies": ["a=1"]}' + b"\0" * 8 + b"lost")
    assert (made.status, made.body) == (206, b"")
    assert header(made, "set-cookie") == "a=1"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "X"]
                ),
                inner,
            )
        ),
    )
)
def test_anything_is_an_answer_or_refused_in_words(returned):
    try:
        payload = orjson.dumps(returned)
    except orjson.JSONEncodeError:
        return
    made, words = None, None
    try:
        made = answer(payload)
    except Refusal as refusal:
        words = refusal.reason
    assert words or made
    if made:
        assert 100 <= made.status <= 599
        assert all("\r" not in value and "\n" not in value for _, value in made.headers)
