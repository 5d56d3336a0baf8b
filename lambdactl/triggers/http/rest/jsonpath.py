"""JSONPath as Jayway's Java library has it, which API Gateway uses.

"For more information about JSONPath, see JSONPath or JSONPath for Java"
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html).
Its habits: a *definite* path (names and single indexes) has one value or none, any other has a
list of values; a name in dot notation may have dashes; a path needs no ``$.`` before it.
https://github.com/json-path/JsonPath describes the language; compared with its version 2.0.0
(docs/decisions/0002-vtl.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from lambdactl.triggers.http.rest.java_regex import compiled as java_regex

ABSENT: Final = object()
"""A definite path leads nowhere."""

Predicate = Callable[[Any, Any], bool]
"""Of the element and the whole document."""
Operand = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class _Names:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Indexes:
    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Slice:
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class _Wildcard:
    pass


@dataclass(frozen=True, slots=True)
class _Deep:
    """``..``: the value and all below it."""


@dataclass(frozen=True, slots=True)
class _Filter:
    keeps: Predicate


@dataclass(frozen=True, slots=True)
class _Function:
    """``.length()`` at the end of a path."""

    name: str


_Step = _Names | _Indexes | _Slice | _Wildcard | _Deep | _Filter | _Function


@dataclass(frozen=True, slots=True)
class Path:
    """A JSONPath, parsed."""

    steps: tuple[_Step, ...]
    definite: bool

    def read(self, document: Any) -> Any:
        """The value (:data:`ABSENT` without one) that a definite path leads to, or the list of
        those that any other path leads to."""
        last = self.steps[-1] if self.steps else None
        steps = self.steps[:-1] if isinstance(last, _Function) else self.steps
        found = list(_walk(document, steps, document))
        value: Any = found
        if self.definite:
            value = found[0] if found else ABSENT
        return _FUNCTIONS[last.name](value) if isinstance(last, _Function) else value


@lru_cache(maxsize=512)
def path(text: str) -> Path:
    """The path that ``text`` is, with or without ``$``.

    :raises ValueError: it is none.
    """
    text = text.strip()
    if not text.startswith(("$", "@")):
        text = f"${text}" if text.startswith("[") else f"$.{text}"
    reader = _Reader(text)
    reader.at = 1
    steps = reader.steps()
    if reader.at < len(text):
        raise ValueError(f"{text}: `{text[reader.at :]}` is no part of a JSONPath")
    return _path(steps)


def _path(steps: tuple[_Step, ...]) -> Path:
    definite = all(
        isinstance(step, _Names | _Function)
        or (isinstance(step, _Indexes) and len(step.indexes) == 1)
        for step in steps
    )
    return Path(steps, definite)


def _walk(value: Any, steps: tuple[_Step, ...], document: Any) -> Iterator[Any]:
    if not steps:
        yield value
        return
    for each in _next(value, steps[0], document):
        yield from _walk(each, steps[1:], document)


def _next(value: Any, step: _Step, document: Any) -> Iterator[Any]:
    if isinstance(step, _Names):
        if isinstance(value, dict):
            if len(step.names) == 1:
                if step.names[0] in value:
                    yield value[step.names[0]]
            else:
                yield {name: value[name] for name in step.names if name in value}
    elif isinstance(step, _Indexes):
        if isinstance(value, list):
            for at in step.indexes:
                if -len(value) <= at < len(value):
                    yield value[at]
    elif isinstance(step, _Slice):
        if isinstance(value, list):
            yield from value[step.first : step.last]
    elif isinstance(step, _Wildcard):
        yield from _children(value)
    elif isinstance(step, _Deep):
        yield value
        for each in _children(value):
            yield from _next(each, step, document)
    elif isinstance(step, _Filter):
        candidates = value if isinstance(value, list) else [value]
        yield from (each for each in candidates if step.keeps(each, document))


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def _numbers(value: Any) -> list[float]:
    return [
        each
        for each in (value if isinstance(value, list) else ())
        if isinstance(each, int | float) and not isinstance(each, bool)
    ]


def _size(value: Any) -> Any:
    return len(value) if isinstance(value, list | dict | str) else ABSENT


def _mean(value: Any) -> Any:
    numbers = _numbers(value)
    return sum(numbers) / len(numbers) if numbers else ABSENT


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "length": _size,
    "size": _size,
    "min": lambda value: min(_numbers(value), default=ABSENT),
    "max": lambda value: max(_numbers(value), default=ABSENT),
    "sum": lambda value: sum(_numbers(value)),
    "avg": _mean,
    "keys": lambda value: list(value) if isinstance(value, dict) else ABSENT,
}

_DOT_NAME = re.compile(r"[^.\[\]()\s,=!<>&|'\"]+")
_CALL = re.compile(r"\.(length|size|min|max|sum|avg|keys)\(\s*\)")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_INTEGER = re.compile(r"-?\d+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"(true|false|null)\b")
_OPERATOR = re.compile(r"==|!=|<=|>=|<|>|=~|(?:in|nin|contains|size|empty)\b")
_PATTERN = re.compile(r"/((?:[^/\\]|\\.)*)/([a-z]*)")
_BLANK = re.compile(r"\s*")


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, wanted: str) -> ValueError:
        return ValueError(f"{self.text}: {wanted} is wanted at `{self.text[self.at :][:20]}`")

    def blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        assert found is not None
        self.at = found.end()

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def sign(self, sign: str) -> bool:
        """Pass by ``sign``, if it is here."""
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def steps(self) -> tuple[_Step, ...]:
        steps: list[_Step] = []
        while True:
            if call := self.take(_CALL):
                return (*steps, _Function(call[1]))
            if self.sign(".."):
                steps.append(_Deep())
                if not self.text.startswith("[", self.at):
                    steps.append(self.name())
            elif self.sign("."):
                if not self.text.startswith("[", self.at):
                    steps.append(self.name())
            elif self.sign("["):
                steps.append(self.bracket())
            else:
                return tuple(steps)

    def name(self) -> _Step:
        if self.sign("*"):
            return _Wildcard()
        if name := self.take(_DOT_NAME):
            return _Names((name[0],))
        raise self.fail("a name")

    def bracket(self) -> _Step:
        self.blank()
        step: _Step
        if self.sign("*"):
            step = _Wildcard()
        elif self.sign("?"):
            self.blank()
            if not self.sign("("):
                raise self.fail("(")
            keeps = self.either()
            self.blank()
            if not self.sign(")"):
                raise self.fail(")")
            step = _Filter(keeps)
        elif self.text[self.at : self.at + 1] in ("'", '"'):
            step = _Names(tuple(self.several(self.quoted)))
        else:
            step = self.indexes()
        self.blank()
        if not self.sign("]"):
            raise self.fail("]")
        return step

    def indexes(self) -> _Step:
        first = self.take(_INTEGER)
        self.blank()
        if self.sign(":"):
            self.blank()
            last = self.take(_INTEGER)
            return _Slice(int(first[0]) if first else None, int(last[0]) if last else None)
        if not first:
            raise self.fail("an index, a name in quotes, * or ?()")
        indexes = [int(first[0])]
        while self.sign(","):
            self.blank()
            more = self.take(_INTEGER)
            if not more:
                raise self.fail("an index")
            indexes.append(int(more[0]))
            self.blank()
        return _Indexes(tuple(indexes))

    def several(self, one: Callable[[], Any]) -> list[Any]:
        found = [one()]
        self.blank()
        while self.sign(","):
            self.blank()
            found.append(one())
            self.blank()
        return found

    def quoted(self) -> str:
        found = self.take(_QUOTED)
        if not found:
            raise self.fail("a string in quotes")
        return _ESCAPE.sub(r"\1", found[1] if found[1] is not None else found[2])

    # --- Filters -----------------------------------------------------------------------------

    def either(self) -> Predicate:
        left = self.both()
        self.blank()
        while self.sign("||"):
            left = _or(left, self.both())
            self.blank()
        return left

    def both(self) -> Predicate:
        left = self.one()
        self.blank()
        while self.sign("&&"):
            left = _and(left, self.one())
            self.blank()
        return left

    def one(self) -> Predicate:
        self.blank()
        if self.sign("!"):
            inner = self.one()
            return lambda value, document: not inner(value, document)
        if self.sign("("):
            inner = self.either()
            self.blank()
            if not self.sign(")"):
                raise self.fail(")")
            return inner
        left = self.operand()
        self.blank()
        operator = self.take(_OPERATOR)
        if not operator:
            return lambda value, document: left(value, document) is not ABSENT
        self.blank()
        if operator[0] == "=~":
            found = self.take(_PATTERN)
            if not found:
                raise self.fail("/pattern/")
            pattern = java_regex(("(?i)" if "i" in found[2] else "") + found[1])
            return lambda value, document: _matches(left(value, document), pattern)
        right = self.operand()
        compare = _COMPARE[operator[0]]
        return lambda value, document: compare(left(value, document), right(value, document))

    def operand(self) -> Operand:
        self.blank()
        sign = self.text[self.at : self.at + 1]
        if sign in ("@", "$"):
            self.at += 1
            inner = _path(self.steps())
            return lambda value, document: inner.read(value if sign == "@" else document)
        constant: Any
        if word := self.take(_WORD):
            constant = {"true": True, "false": False, "null": None}[word[1]]
        elif sign in ("'", '"'):
            constant = self.quoted()
        elif self.sign("["):
            self.blank()
            items = [] if self.text.startswith("]", self.at) else self.several(self.operand)
            if not self.sign("]"):
                raise self.fail("]")
            return lambda value, document: [each(value, document) for each in items]
        elif number := self.take(_NUMBER):
            constant = float(number[0]) if set(number[0]) & set(".eE") else int(number[0])
        else:
            raise self.fail("a path or a value")
        return lambda value, document: constant


def _or(left: Predicate, right: Predicate) -> Predicate:
    return lambda value, document: left(value, document) or right(value, document)


def _and(left: Predicate, right: Predicate) -> Predicate:
    return lambda value, document: left(value, document) and right(value, document)


def _matches(value: Any, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _same(left: Any, right: Any) -> bool:
    if left is ABSENT or right is ABSENT:
        return False
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        for wanted in (int | float, str):
            if isinstance(left, wanted) and isinstance(right, wanted):
                return test(left, right)
        return False

    return compare


def _within(left: Any, right: Any) -> bool:
    return isinstance(right, list) and any(_same(left, each) for each in right)


def _holds(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return right in left
    return _within(right, left)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "in": _within,
    "nin": lambda left, right: not _within(left, right),
    "contains": _holds,
    "size": lambda left, right: _size(left) == right,
    "empty": lambda left, right: (not left) == right if _size(left) is not ABSENT else False,
}
