"""Compressed answers and requests."""

from __future__ import annotations

import gzip
import zlib

import pytest

from lambdactl.triggers.http.rest.compression import wanted
from lambdactl.triggers.http.rest.door import MAX_BODY_BYTES
from tests.triggers.http.rest.serving import Served, api, header

LONG = "pet " * 100


def served(answer=None, least=100):
    return Served(api(compression_from=least), answer or {"statusCode": 200, "body": LONG})


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("", None),
        ("gzip", "gzip"),
        ("deflate, gzip", "deflate"),
        ("gzip, deflate, br", "gzip"),
        ("*", "gzip"),
        ("deflate;q=0.5,gzip;q=1.0", "gzip"),
        ("br;q=1.0, gzip;q=0.8", None),
        ("gzip;q=0.5,identity;q=1.0", None),
        ("gzip;q=1.0,identity;q=0.5,*;q=0", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=x", None),
    ],
)
def test_what_the_client_accepts(accept, coding):
    assert wanted(accept) == coding


def test_long_answers_are_compressed():
    made = served().ask(headers={"Accept-Encoding": "gzip"})
    assert header(made, "Content-Encoding") == "gzip"
    assert gzip.decompress(made.body) == LONG.encode()
    made = served().ask(headers={"Accept-Encoding": "deflate"})
    assert header(made, "Content-Encoding") == "deflate"
    assert zlib.decompress(made.body) == LONG.encode()


def test_very_long_answers_are_too():
    text = "pet " * 100_000
    made = served({"statusCode": 200, "body": text}).ask(headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(made.body) == text.encode()


@pytest.mark.parametrize(
    ("answer", "least"),
    [
        ({"statusCode": 200, "body": "x" * 99}, 100),
        ({"statusCode": 204}, 0),
        ({"statusCode": 200, "body": LONG, "headers": {"content-encoding": "br"}}, 100),
        ({"statusCode": 200, "body": LONG}, None),
    ],
)
def test_others_are_not(answer, least):
    made = served(answer, least).ask(headers={"Accept-Encoding": "gzip"})
    assert made.body == answer.get("body", "").encode()
    assert header(made, "Content-Encoding") in (None, "br")


@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress(LONG.encode(), mtime=0)), ("deflate", zlib.compress(LONG.encode()))],
)
def test_requests_are_decompressed(coding, packed):
    at = served(least=10)
    at.ask(headers={"Content-Encoding": coding}, body=packed)
    assert at.event["body"] == LONG
    assert "Content-Encoding" not in at.event["headers"]


def test_short_requests_are_not():
    at = served(least=1000)
    at.ask(headers={"Content-Encoding": "gzip"}, body=b"short")
    assert at.event["body"] == "short"
    assert at.event["headers"]["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("coding", "body"),
    [("br", b"x" * 20), ("gzip", b"x" * 20), ("gzip", gzip.compress(LONG.encode(), mtime=0)[:-9])],
)
def test_requests_that_are_not_what_they_say(coding, body):
    at = served(least=10)
    made = at.ask(headers={"Content-Encoding": coding}, body=body)
    assert (made.status, made.body) == (415, b'{"message":"Unsupported Media Type"}')
    assert at.functions.calls == []


def test_a_bomb():
    packed = gzip.compress(b"\0" * (MAX_BODY_BYTES + 1), mtime=0)
    made = served(least=10).ask(headers={"Content-Encoding": "gzip"}, body=packed)
    assert made.status == 413
