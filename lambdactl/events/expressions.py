"""The placeholders of a template: ``"${md5(body)}"`` and how they are read.

A string of a template may hold placeholders between ``${`` and ``}``; ``$${`` is a literal
``${``. Inside stands an expression::

    expression = literal | name | call, each with optional ".key" behind it
    literal    = 'text' | 12 | 1.5 | true | false | null
    call       = name "(" [expression {"," expression}] ")"

There are no operators: what a template computes, it computes with a named function
(:mod:`lambdactl.events.functions`), so that a catalog file stays readable as data.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple


class ExpressionError(ValueError):
    """A placeholder in a catalog file can't be read: a mistake in the catalog, not of the user."""


class Literal(NamedTuple):
    value: str | int | float | bool | None


class Name(NamedTuple):
    name: str


class Call(NamedTuple):
    function: str
    arguments: tuple[Expression, ...]


class Member(NamedTuple):
    owner: Expression
    key: str


Expression = Literal | Name | Call | Member
Part = str | Literal | Name | Call | Member

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^']*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<mark>[(),.]))"
)
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[Part, ...]:
    """The literal pieces and the expressions of a template string, in order.

    :raises ExpressionError: a placeholder is not closed or not an expression.
    """
    parts: list[Part] = []
    position = 0
    literal = ""
    while True:
        start = text.find("${", position)
        if start < 0:
            literal += text[position:]
            break
        if start > 0 and text[start - 1] == "$":
            literal += text[position : start - 1] + "${"
            position = start + 2
            continue
        literal += text[position:start]
        end = _closing(text, start + 2)
        if literal:
            parts.append(literal)
            literal = ""
        parts.append(_Reader(text[start + 2 : end]).read())
        position = end + 1
    if literal:
        parts.append(literal)
    return tuple(parts)


def names(part: Part) -> set[str]:
    """The names (not functions) that an expression looks up."""
    match part:
        case Name(name):
            return {name}
        case Call(_, arguments):
            return set().union(*(names(argument) for argument in arguments))
        case Member(owner, _):
            return names(owner)
        case _:
            return set()


def calls(part: Part) -> list[Call]:
    """Every call in an expression, the outer ones first."""
    match part:
        case Call(_, arguments):
            return [part, *(call for argument in arguments for call in calls(argument))]
        case Member(owner, _):
            return calls(owner)
        case _:
            return []


def _closing(text: str, position: int) -> int:
    quoted = False
    for index in range(position, len(text)):
        if text[index] == "'":
            quoted = not quoted
        elif text[index] == "}" and not quoted:
            return index
    raise ExpressionError(f"a placeholder is not closed: {text!r}")


class _Reader:
    """A recursive-descent parser of one expression."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str]] = []
        position = 0
        stripped = text.rstrip()
        while position < len(stripped):
            match = _TOKEN.match(stripped, position)
            if match is None or match.lastgroup is None:
                raise ExpressionError(f"not an expression: {text!r}")
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            position = match.end()
        self.index = 0

    def read(self) -> Expression:
        expression = self._expression()
        if self.index != len(self.tokens):
            raise ExpressionError(f"more than one expression: {self.text!r}")
        return expression

    def _next(self) -> tuple[str, str]:
        if self.index >= len(self.tokens):
            raise ExpressionError(f"an expression ends too early: {self.text!r}")
        self.index += 1
        return self.tokens[self.index - 1]

    def _at(self, mark: str) -> bool:
        return self.index < len(self.tokens) and self.tokens[self.index] == ("mark", mark)

    def _expression(self) -> Expression:
        kind, token = self._next()
        expression: Expression
        if kind == "text":
            expression = Literal(token[1:-1])
        elif kind == "number":
            expression = Literal(float(token) if "." in token else int(token))
        elif kind == "word" and token in _WORDS:
            expression = Literal(_WORDS[token])
        elif kind == "word":
            expression = self._call(token) if self._at("(") else Name(token)
        else:
            raise ExpressionError(f"{token!r} is out of place: {self.text!r}")
        while self._at("."):
            self._next()
            kind, key = self._next()
            if kind != "word":
                raise ExpressionError(f"a name must follow the dot: {self.text!r}")
            expression = Member(expression, key)
        return expression

    def _call(self, function: str) -> Call:
        self._next()
        arguments: list[Expression] = []
        while not self._at(")"):
            arguments.append(self._expression())
            if not self._at(")"):
                if not self._at(","):
                    raise ExpressionError(f"a comma is missing: {self.text!r}")
                self._next()
        self._next()
        return Call(function, tuple(arguments))
