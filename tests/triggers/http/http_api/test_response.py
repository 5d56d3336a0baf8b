"""What functions return, as answers. Many cases are those that AWS's emulator for .NET checks
against the real service (https://github.com/aws/aws-lambda-dotnet, Tools/LambdaTestTool-v2/tests,
ApiGatewayResponseTestCases.cs and InvokeResponseExtensionsIntegrationTests.cs)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.triggers.http.calls import Refusal
from lambdactl.triggers.http.http_api.response import response_v1, response_v2


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        ('{"name": "John Doe", "age":', '{"name": "John Doe", "age":'),
        ('{"name": "John Doe", "age": 30}', '{"name": "John Doe", "age": 30}'),
        ("[1, 2, 3, 4, 5]", "[1, 2, 3, 4, 5]"),
        ("Hello, World!", "Hello, World!"),
        ("42", "42"),
        ("true", "true"),
        ("null", "null"),
        ('"Hello, World!"', "Hello, World!"),
        ('""', ""),
        (r'"Special \"quoted\" text"', 'Special "quoted" text'),
        ('{"body": "no status", "headers": {"X-A": "1"}}',) * 2,
    ],
)
def test_what_has_no_status_code_is_the_body(payload: str, body: str) -> None:
    answer = response_v2(payload.encode())
    assert (answer.status, answer.headers) == (200, [("Content-Type", "application/json")])
    assert answer.body == body.encode()


def v2(**result: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    answer = response_v2(json.dumps(result).encode())
    return answer.status, answer.headers, answer.body


def test_a_whole_response_of_format_2_0() -> None:
    assert v2(
        statusCode=201,
        headers={"Content-Type": "application/json", "X-Count": 3, "X-Flag": True, "X-None": None},
        cookies=["a=1; Secure", "b=2"],
        body='{"made": true}',
    ) == (
        201,
        [
            ("Content-Type", "application/json"),
            ("X-Count", "3"),
            ("X-Flag", "true"),
            ("Set-Cookie", "a=1; Secure"),
            ("Set-Cookie", "b=2"),
        ],
        b'{"made": true}',
    )


def test_an_answer_without_a_type_is_plain_text() -> None:
    plain = [("Content-Type", "text/plain; charset=utf-8")]
    assert v2(statusCode=200, body="hi") == (200, plain, b"hi")
    assert v2(statusCode="418") == (418, plain, b"")
    assert v2(statusCode=204) == (204, [], b"")
    answer = response_v1(b'{"statusCode": 200, "body": "hi"}')
    assert answer.headers == plain


def test_the_name_of_the_type_may_be_written_in_any_case() -> None:
    assert v2(statusCode=200, headers={"content-TYPE": "a/b"})[1] == [("content-TYPE", "a/b")]


def test_base64() -> None:
    assert v2(statusCode=200, body="AP8=", isBase64Encoded=True)[2] == b"\x00\xff"
    assert v2(statusCode=200, body="AP8=", isBase64Encoded=False)[2] == b"AP8="


def test_text_beyond_ascii() -> None:
    _, headers, body = v2(statusCode=200, headers={"X-Cup": "☕"}, body="☕")
    assert body == "☕".encode()
    assert dict(headers)["X-Cup"].encode("latin-1") == "☕".encode()


def test_headers_that_the_server_sets_are_dropped() -> None:
    given = {"Content-Length": "999", "Connection": "close", "Transfer-Encoding": "chunked"}
    assert v2(statusCode=204, headers={**given, "Date": "never", "X-A": "1"})[1] == [("X-A", "1")]


def test_format_1_0_joins_both_kinds_of_headers() -> None:
    answer = response_v1(
        json.dumps(
            {
                "statusCode": 200,
                "headers": {"Content-Type": "text/css", "Combined": "single", "Once": "v"},
                "multiValueHeaders": {"Combined": ["multi1", "multi2"], "Once": ["v"]},
            }
        ).encode()
    )
    assert sorted(answer.headers) == [
        ("Combined", "multi1"),
        ("Combined", "multi2"),
        ("Combined", "single"),
        ("Content-Type", "text/css"),
        ("Once", "v"),
    ]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"statusCode": 200.5}, "`statusCode` 200.5"),
        ({"statusCode": 0}, "`statusCode` 0"),
        ({"statusCode": "ok"}, '`statusCode` "ok"'),
        ({"statusCode": True}, "`statusCode` true"),
        ({"statusCode": None}, "`statusCode` null"),
        ({"statusCode": 200, "body": {"a": 1}}, "`body` that is an object"),
        ({"statusCode": 200, "body": "%%%", "isBase64Encoded": True}, "not Base64"),
        ({"statusCode": 200, "headers": ["a"]}, "`headers` that are a list"),
        ({"statusCode": 200, "headers": {"X-A": ["a"]}}, 'the header "X-A" that is a list'),
        ({"statusCode": 200, "headers": {"X A": "a"}}, 'the name "X A"'),
        ({"statusCode": 200, "headers": {"X-A": "a\r\nB: c"}}, "a line break"),
        ({"statusCode": 200, "cookies": "a=1"}, "`cookies` that are text"),
    ],
)
def test_what_is_malformed_is_said_in_words(result: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal) as refused:
        response_v2(json.dumps(result).encode())
    assert refused.value.type == "INTEGRATION_FAILURE"
    assert words in (refused.value.reason or "")


@pytest.mark.parametrize(
    "payload",
    [
        *('"text"', "null", "[]", "Not a valid proxy response object", '{"body": "a"}'),
        *('{"statusCode": 0}', '{"statusCode": 200, "multiValueHeaders": {"A": "b"}}'),
    ],
)
def test_format_1_0_takes_nothing_but_a_whole_response(payload: str) -> None:
    with pytest.raises(Refusal):
        response_v1(payload.encode())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 1000) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    ["statusCode", "headers", "multiValueHeaders", "cookies", "body", "isBase64Encoded"]
)


@given(st.dictionaries(_FIELDS, _JSON) | _JSON)
def test_anything_is_an_answer_or_a_refusal(result: Any) -> None:
    for read in (response_v1, response_v2):
        try:
            answer = read(json.dumps(result).encode())
        except Refusal:
            continue
        assert 200 <= answer.status <= 599
        for name, value in answer.headers:
            assert "\n" not in name + value
            (name + value).encode("latin-1")
