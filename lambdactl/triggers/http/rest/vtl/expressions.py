"""References and expressions: what stands behind a ``$`` and within the brackets of directives."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import NoReturn

from lambdactl.triggers.http.rest.vtl.errors import VtlError
from lambdactl.triggers.http.rest.vtl.nodes import (
    Binary,
    Block,
    Call,
    Expression,
    Index,
    Interpolated,
    ListOf,
    Literal,
    MapOf,
    Not,
    Property,
    Range,
    Reference,
)

REFERENCE = re.compile(r"\$!?(\{?)([A-Za-z_][A-Za-z0-9_-]*)")
SINGLE = re.compile(r"'((?:[^']|'')*)'")
DOUBLE = re.compile(r'"((?:[^"]|"")*)"')

_SPACE = re.compile(r"\s*")
_LINE_END = re.compile(r"[ \t]*(?:\r\n|\n|\r)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PROPERTY = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)")
_NUMBER = re.compile(r"-?(?:\d+\.\d+(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+)")

_OPERATORS: tuple[tuple[re.Pattern[str], dict[str, str]], ...] = (
    (re.compile(r"\|\||or\b"), {"or": "||"}),
    (re.compile(r"&&|and\b"), {"and": "&&"}),
    (re.compile(r"==|!=|eq\b|ne\b"), {"eq": "==", "ne": "!="}),
    (re.compile(r"<=|>=|<|>|(?:lt|le|gt|ge)\b"), {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}),
    (re.compile(r"[+-]"), {}),
    (re.compile(r"[*/%]"), {}),
)
"""Loosest first, with the words that stand for signs."""


class Expressions(ABC):
    """Reads ``text`` from ``at`` on. What reads templates is a subclass, for strings in double
    quotes are templates too."""

    def __init__(self, text: str, *, nested: bool = False, line: int = 1) -> None:
        self.text = text
        self.at = 0
        self.nested = nested
        self.first_line = line

    @abstractmethod
    def template_within(self, text: str, line: int) -> Block:
        """The nodes of a string in double quotes."""

    def reference(self, found: re.Match[str]) -> Reference:
        line = self.line()
        self.at = found.end()
        steps: list[Property | Index | Call] = []
        while True:
            if name := _PROPERTY.match(self.text, self.at):
                self.at = name.end()
                if self.text.startswith("(", self.at):
                    self.at += 1
                    steps.append(Call(name[1], self.arguments(")")))
                else:
                    steps.append(Property(name[1]))
            elif self.text.startswith("[", self.at):
                self.at += 1
                steps.append(Index(self.expression()))
                self.space()
                self.expect("]")
            else:
                break
        if found[1]:
            self.expect("}")
        return Reference(found[2], tuple(steps), line)

    def expect_reference(self) -> Reference:
        found = REFERENCE.match(self.text, self.at)
        if not found:
            self.fail("a reference ($name) is wanted here")
        return self.reference(found)

    def arguments(self, end: str) -> tuple[Expression, ...]:
        """Expressions with commas between them, up to ``end``."""
        items: list[Expression] = []
        self.space()
        while not self.text.startswith(end, self.at):
            if items:
                self.expect(",")
            items.append(self.expression(word=end == ")"))
            self.space()
        self.at += 1
        return tuple(items)

    def expression(self, level: int = 0, *, word: bool = False) -> Expression:
        if level == len(_OPERATORS):
            return self.unary(word=word)
        pattern, words = _OPERATORS[level]
        left = self.expression(level + 1, word=word)
        while True:
            self.space()
            if not (sign := pattern.match(self.text, self.at)):
                return left
            self.at = sign.end()
            right = self.expression(level + 1)
            left = Binary(words.get(sign[0], sign[0]), left, right)

    def unary(self, *, word: bool) -> Expression:
        self.space()
        text, at = self.text, self.at
        sign = text[at : at + 1]
        if sign == "!":
            self.at += 1
            return Not(self.unary(word=False))
        if sign == "$":
            return self.expect_reference()
        if sign == "(":
            self.at += 1
            inner = self.expression()
            self.space()
            self.expect(")")
            return inner
        if sign == "[":
            self.at += 1
            return self.list_or_range()
        if sign == "{":
            self.at += 1
            return self.map()
        if single := SINGLE.match(text, at):
            self.at = single.end()
            return Literal(single[1].replace("''", "'"))
        if double := DOUBLE.match(text, at):
            line = self.line()
            self.at = double.end()
            return self.interpolated(double[1].replace('""', '"'), line)
        if number := _NUMBER.match(text, at):
            self.at = number.end()
            digits = number[0]
            whole = digits.lstrip("-").isdigit()
            return Literal(int(digits) if whole and len(digits) < 4000 else float(digits))
        name = _NAME.match(text, at)
        if name:
            self.at = name.end()
            if name[0] in ("true", "false"):
                return Literal(name[0] == "true")
            if name[0] == "not":
                return Not(self.unary(word=False))
            if word:
                # A bare word among arguments is nothing: that is how `null` comes to work there.
                return Literal(None)
            self.at = at
        return self.fail("a value is wanted here")

    def interpolated(self, text: str, line: int) -> Expression:
        """A string in double quotes, cheap where nothing in it needs rendering."""
        if "$" not in text and "#" not in text:
            return Literal(text)
        return Interpolated(self.template_within(text, line))

    def list_or_range(self) -> Expression:
        self.space()
        if self.text.startswith("]", self.at):
            self.at += 1
            return ListOf(())
        first = self.expression()
        self.space()
        if self.text.startswith("..", self.at):
            self.at += 2
            last = self.expression()
            self.space()
            self.expect("]")
            return Range(first, last)
        if self.text.startswith(",", self.at):
            self.at += 1
            return ListOf((first, *self.arguments("]")))
        self.expect("]")
        return ListOf((first,))

    def map(self) -> Expression:
        items: list[tuple[Expression, Expression]] = []
        self.space()
        while not self.text.startswith("}", self.at):
            if items:
                self.expect(",")
            key = self.expression()
            self.space()
            self.expect(":")
            items.append((key, self.expression()))
            self.space()
        self.at += 1
        return MapOf(tuple(items))

    # --- Small things ------------------------------------------------------------------------

    def space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        assert found is not None
        self.at = found.end()

    def close(self) -> None:
        """The ``)`` of a directive, with the line end behind it."""
        self.space()
        self.expect(")")
        self.line_end()

    def line_end(self) -> None:
        if found := _LINE_END.match(self.text, self.at):
            self.at = found.end()

    def expect(self, sign: str) -> None:
        if not self.text.startswith(sign, self.at):
            self.fail(f"{sign} is wanted here")
        self.at += len(sign)

    def line(self) -> int:
        return self.first_line + self.text.count("\n", 0, self.at)

    def fail(self, message: str, *, back: int = 0) -> NoReturn:
        at = self.at - back
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        raise VtlError(
            f"line {self.first_line + self.text.count(chr(10), 0, at)}, column {column}: {message}"
        )
