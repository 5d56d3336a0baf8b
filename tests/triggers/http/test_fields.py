"""Query strings, headers, times, bodies and ids."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.triggers.http.fields import (
    body_text,
    clf_time,
    header_maps,
    media_matcher,
    media_type,
    pairs,
    query_maps,
    server_name,
    stable_id,
)


@pytest.mark.parametrize(
    ("query", "single", "multi"),
    [
        ("", None, None),
        ("&", None, None),
        ("a=1", {"a": "1"}, {"a": ["1"]}),
        ("a=1&b=2&a=3", {"a": "3", "b": "2"}, {"a": ["1", "3"], "b": ["2"]}),
        ("a", {"a": ""}, {"a": [""]}),
        ("a=", {"a": ""}, {"a": [""]}),
        ("a=b=c", {"a": "b=c"}, {"a": ["b=c"]}),
        ("a%20b=c+d%2Be", {"a b": "c d+e"}, {"a b": ["c d+e"]}),
        ("n=%C3%A9%E2%82%AC", {"n": "é€"}, {"n": ["é€"]}),
        ("p=100%", {"p": "100%"}, {"p": ["100%"]}),
    ],
)
def test_query_strings(query, single, multi):
    assert query_maps(query) == (single, multi)


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_what_is_encoded_comes_back(given):
    assert pairs(urlencode(given, errors="surrogatepass")) == [
        tuple(pair)
        for pair in parse_qsl(urlencode(given, errors="surrogatepass"), keep_blank_values=True)
    ]


def test_headers_keep_their_names_and_the_last_value():
    assert header_maps([("X-A", "1"), ("Accept", "*/*"), ("X-A", "2")]) == (
        {"X-A": "2", "Accept": "*/*"},
        {"X-A": ["1", "2"], "Accept": ["*/*"]},
    )


def test_time_in_the_common_log_format():
    assert clf_time(1428582896.999) == "09/Apr/2015:12:34:56 +0000"
    assert clf_time(1428582897.0) == "09/Apr/2015:12:34:57 +0000"
    assert clf_time(0) == "01/Jan/1970:00:00:00 +0000"


@pytest.mark.parametrize(
    ("body", "binary", "expected"),
    [
        (b"", False, (None, False)),
        (b"", True, (None, False)),
        (b"text", False, ("text", False)),
        ("é".encode(), False, ("é", False)),
        (b"\xff", False, ("\ufffd", False)),
        (b"\xff\x00", True, ("/wA=", True)),
    ],
)
def test_bodies(body, binary, expected):
    assert body_text(body, binary) == expected


@pytest.mark.parametrize(
    ("types", "value", "matches"),
    [
        ((), "image/png", False),
        (("image/png",), "image/png", True),
        (("image/png",), "Image/PNG; q=1", True),
        (("image/png",), "image/jpeg", False),
        (("image/*",), "image/jpeg", True),
        (("image/*",), "imagery/jpeg", False),
        (("image/*", "application/pdf"), "application/pdf", True),
        (("*/*",), "text/plain", True),
        (("*/*",), None, True),
        (("image/*",), None, False),
    ],
)
def test_media_types(types, value, matches):
    assert media_matcher(types)(media_type(value)) is matches


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("shop.test:3000", ("shop.test:3000", "shop", "3000")),
        ("localhost", ("localhost", "localhost", "")),
        ("127.0.0.1:80", ("127.0.0.1:80", "127.0.0.1", "80")),
        ("[::1]:3000", ("[::1]:3000", "[::1]", "3000")),
        ("[::1]", ("[::1]", "[::1]", "")),
        ("", ("", "", "")),
    ],
)
def test_names_of_the_server(host, expected):
    assert server_name(host) == expected


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_ids_are_stable_and_look_like_ids(names):
    assert stable_id(*names) == stable_id(*names)
    assert re.fullmatch("[a-z][a-z0-9]{9}", stable_id(*names))
    assert stable_id(*names, "more") != stable_id(*names)
