"""JSON as API Gateway's templates read and write it.

They use Jayway's JsonPath with json-smart under it (``$input.path`` and ``$input.json`` are
described as that in
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html),
which takes more for JSON than the standard does: names and strings without quotes or in single
ones, commas too many. What is a string without quotes to it is a body that is no JSON at all:
``$input.json('$')`` of ``a=b&c=d`` is ``"a=b&c=d"``. Compared with json-smart 2.2
(docs/decisions/0002-vtl.md).
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\Z")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_BLANK = " \t\r\n"
_WORDS = {"true": True, "false": False, "null": None}

_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2000-\u20ff]')
_DIFFERENT = re.compile(
    # What Java escapes and Python doesn't, or in other letters; what may be a number that Java
    # writes with an exponent, or Python, or with more digits than Python.
    r"[\x7f-\x9f\u2000-\u20ff]|\\u00|\d[eE][+-]?\d|\d{8}\.\d|0\.000|\.\d{9}"
)
_ESCAPED_SLASHES = re.compile(r'["\\/\x00-\x1f\x7f-\x9f\u2000-\u20ff]')
_SHORT = {char: f"\\{letter}" for letter, char in _ESCAPES.items()} | {
    each: f"\\{each}" for each in '"\\/'
}


class Exact(float):
    """A number with more digits than a double is sure to keep: it stays as it was written, as
    Java's ``BigDecimal`` does."""

    __slots__ = ("written",)

    def __init__(self, digits: str) -> None:
        self.written = str(Decimal(digits))


def _decimal(digits: str) -> float:
    return Exact(digits) if len(digits) > 18 else float(digits)


def loads(text: str) -> Any:
    """The value that ``text`` is.

    :raises ValueError: it is none, not even in the generous way of json-smart.
    """
    try:
        return json.loads(text, parse_float=_decimal)
    except (ValueError, RecursionError):
        pass
    try:
        return _Reader(text).document()
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value: Any, *, slashes: bool = False) -> str:
    """``value`` as JSON in the way of json-smart: ``/`` is escaped where ``slashes`` says so (it
    does in a list's ``toString``, not in ``$input.json``)."""
    try:
        # Ten times as fast, and mostly the same.
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except (TypeError, ValueError):
        pass
    else:
        if not _DIFFERENT.search(text):
            return text.replace("/", "\\/") if slashes else text
    pieces: list[str] = []
    _write(value, pieces.append, _ESCAPED_SLASHES if slashes else _ESCAPED)
    return "".join(pieces)


def _write(value: Any, put: Any, escaped: re.Pattern[str]) -> None:
    if isinstance(value, str):
        put(f'"{escaped.sub(_escape, value)}"')
    elif isinstance(value, dict):
        for number, (name, item) in enumerate(value.items()):
            put("," if number else "{")
            _write(name if isinstance(name, str) else _plain(name), put, escaped)
            put(":")
            _write(item, put, escaped)
        put("}" if value else "{}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            put("," if number else "[")
            _write(item, put, escaped)
        put("]" if value else "[]")
    else:
        put(_plain(value))


def _plain(value: Any) -> str:
    from lambdactl.triggers.http.rest.vtl.values import text

    return text(value)


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    return _SHORT.get(char) or f"\\u{ord(char):04X}"


class _Reader:
    """json-smart's permissive mode."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def document(self) -> Any:
        self.blank()
        value = self.value("")
        self.blank()
        return value

    def blank(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _BLANK:
            self.at += 1

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def value(self, stops: str) -> Any:
        sign = self.peek()
        if sign == "{":
            return self.object()
        if sign == "[":
            return self.array()
        if sign and sign in "\"'":
            return self.quoted(sign)
        if sign and sign in "}]:,":
            raise ValueError(f"unexpected {sign} at {self.at}")
        word = self.bare(stops)
        if word in _WORDS:
            return _WORDS[word]
        if _NUMBER.match(word):
            return _decimal(word) if any(each in word for each in ".eE") else int(word[:4000])
        return word

    def bare(self, stops: str) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in stops:
            self.at += 1
        return self.text[start : self.at].strip(_BLANK)

    def quoted(self, quote: str) -> str:
        pieces: list[str] = []
        self.at += 1
        while True:
            char = self.peek()
            if not char:
                raise ValueError("a string has no end")
            self.at += 1
            if char == quote:
                return "".join(pieces)
            if char == "\\":
                char = self.peek()
                self.at += 1
                if char == "u":
                    digits = self.text[self.at : self.at + 4]
                    self.at += 4
                    char = chr(int(digits, 16))
                else:
                    char = _ESCAPES.get(char, char)
            pieces.append(char)

    def object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.at += 1
        while True:
            self.blank()
            sign = self.peek()
            if sign == "}":
                self.at += 1
                return found
            if sign == ",":
                self.at += 1
                continue
            if not sign or sign in ":[]{":
                raise ValueError(f"a name is wanted at {self.at}")
            name = self.quoted(sign) if sign in "\"'" else self.bare(":}")
            self.blank()
            if self.peek() != ":":
                raise ValueError(f": is wanted at {self.at}")
            self.at += 1
            self.blank()
            found[name] = self.value(",}")
            self.blank()
            if self.peek() not in (",", "}"):
                raise ValueError(f", or }} is wanted at {self.at}")

    def array(self) -> list[Any]:
        found: list[Any] = []
        self.at += 1
        while True:
            self.blank()
            sign = self.peek()
            if sign == "]":
                self.at += 1
                return found
            if sign == ",":
                self.at += 1
                continue
            found.append(self.value(",]"))
            self.blank()
            if self.peek() not in (",", "]"):
                raise ValueError(f", or ] is wanted at {self.at}")
