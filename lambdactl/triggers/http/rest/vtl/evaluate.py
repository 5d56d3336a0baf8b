"""Running a template.

API Gateway's engine is Velocity 1.7 with an answer of its own to references that lead nowhere:
they are an empty string, which is printed as nothing, equals ``""`` and counts as true
(recorded from API Gateway in the tests of https://github.com/localstack/airspeed).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from lambdactl.triggers.http.rest.vtl.errors import VtlError
from lambdactl.triggers.http.rest.vtl.methods import MISSING, call, get, index, put
from lambdactl.triggers.http.rest.vtl.nodes import (
    Binary,
    Block,
    Break,
    Call,
    Define,
    Expression,
    Fails,
    Foreach,
    If,
    Index,
    Interpolated,
    ListOf,
    Literal,
    MapOf,
    Not,
    Property,
    Range,
    Reference,
    Set,
    Text,
)
from lambdactl.triggers.http.rest.vtl.values import Host, is_number, same, text

MAX_ITERATIONS = 1000
""""Maximum number of iterations in a #foreach ... #end loop in mapping templates"
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html)."""


class _Stopped(Exception):
    """``#stop``"""


class _Broken(Exception):
    """``#break``"""


class _Defined:
    """What ``#define`` names: a block that is rendered wherever it is used, with what the names
    mean there."""

    __slots__ = ("_block", "_run")

    def __init__(self, run: _Run, block: Block) -> None:
        self._run = run
        self._block = block

    def rendered(self) -> str:
        return self._run.nested(self._block)


def run(block: Block, names: dict[str, Any]) -> str:
    """The output of a template. ``names`` gets what the template sets.

    :raises VtlError: a method was called with what it can't take, or the template calls itself.
    """
    running = _Run(names)
    try:
        running.render(block)
    except (_Stopped, _Broken):
        pass
    except RecursionError:
        raise VtlError("the template goes too deep") from None
    return "".join(running.pieces)


class _Run:
    __slots__ = ("names", "pieces")

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.pieces: list[str] = []

    def nested(self, block: Block) -> str:
        outer, self.pieces = self.pieces, []
        try:
            self.render(block)
            return "".join(self.pieces)
        finally:
            self.pieces = outer

    def render(self, block: Block) -> None:
        for node in block:
            if isinstance(node, Text):
                self.pieces.append(node.text)
            elif isinstance(node, Reference):
                self.pieces.append(text(self.reference(node)))
            elif isinstance(node, Set):
                self.assign(node)
            elif isinstance(node, If):
                self.choose(node)
            elif isinstance(node, Foreach):
                self.loop(node)
            elif isinstance(node, Define):
                self.names[node.name] = _Defined(self, node.body)
            elif isinstance(node, Fails):
                raise VtlError(node.why)
            elif isinstance(node, Break):
                raise _Broken
            else:
                raise _Stopped

    def choose(self, node: If) -> None:
        for test, body in node.branches:
            if self.truth(test):
                self.render(body)
                return
        self.render(node.otherwise)

    def assign(self, node: Set) -> None:
        value = self.value(node.value)
        if value is None:
            return
        target = node.target
        if not target.steps:
            self.names[target.root] = value
            return
        owner = self.names.get(target.root)
        for step in target.steps[:-1]:
            owner = self.step(owner, step, target.line)
            if owner is None:
                return
        last = target.steps[-1]
        if not isinstance(last, Call):
            key = last.name if isinstance(last, Property) else self.value(last.key)
            put(owner, key, value, target.line)

    def loop(self, node: Foreach) -> None:
        items = _items(self.value(node.items))
        if items is None:
            return
        outer = {name: self.names.get(name) for name in (node.name, *_LOOP_NAMES)}
        total = len(items)
        parent = outer["foreach"]
        topmost = parent.properties["topmost"] if isinstance(parent, Host) else None
        try:
            for number, item in enumerate(items[:MAX_ITERATIONS]):
                more = number + 1 < total
                facts: dict[str, Any] = {
                    "index": number,
                    "count": number + 1,
                    "hasNext": more,
                    "first": number == 0,
                    "last": not more,
                    "parent": parent,
                }
                state = Host("foreach", {"stop": _break}, facts)
                facts["topmost"] = topmost or state
                self.names |= {
                    node.name: item,
                    "foreach": state,
                    "velocityCount": number + 1,
                    "velocityHasNext": more,
                }
                self.render(node.body)
        except _Broken:
            pass
        finally:
            for name, value in outer.items():
                if value is None:
                    self.names.pop(name, None)
                else:
                    self.names[name] = value

    # --- Values ------------------------------------------------------------------------------

    def reference(self, node: Reference) -> Any:
        value = self.names.get(node.root)
        for step in node.steps:
            if value is None:
                break
            value = self.step(value, step, node.line)
        return "" if value is None else value

    def step(self, owner: Any, step: Property | Index | Call, line: int) -> Any:
        if isinstance(step, Property):
            found = get(owner, step.name)
        elif isinstance(step, Call):
            found = call(owner, step.name, [self.value(each) for each in step.arguments], line)
        else:
            found = index(owner, self.value(step.key), line)
        return None if found is MISSING else found

    def value(self, node: Expression) -> Any:
        if isinstance(node, Reference):
            return self.reference(node)
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Interpolated):
            return self.nested(node.body)
        if isinstance(node, ListOf):
            return [self.value(each) for each in node.items]
        if isinstance(node, MapOf):
            return {_key(self.value(key)): self.value(value) for key, value in node.items}
        if isinstance(node, Range):
            return _range(self.value(node.first), self.value(node.last))
        if isinstance(node, Not):
            return not self.truth(node.operand)
        if node.operator == "&&":
            return self.truth(node.left) and self.truth(node.right)
        if node.operator == "||":
            return self.truth(node.left) or self.truth(node.right)
        return _binary(node.operator, self.value(node.left), self.value(node.right))

    def truth(self, node: Expression) -> bool:
        """What a condition is: literals but ``true`` are false in Velocity 1.7, references are
        true unless they are ``false``."""
        if isinstance(node, Reference):
            return self.reference(node) is not False
        if isinstance(node, Not | Binary | Literal):
            return self.value(node) is True
        return False


def _break() -> None:
    raise _Broken


_LOOP_NAMES = ("foreach", "velocityCount", "velocityHasNext")


def _items(value: Any) -> list[Any] | None:
    """What ``#foreach`` goes through; None where there is nothing to go through."""
    if isinstance(value, list):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    return None


def _key(value: Any) -> Any:
    """A key of a map; Java has lists and maps for keys too, Python their text."""
    return text(value) if isinstance(value, Iterable) and not isinstance(value, str) else value


def _range(first: Any, last: Any) -> list[int] | None:
    if not (isinstance(first, int) and isinstance(last, int)):
        return None
    if abs(last - first) > 1_000_000:
        raise VtlError(f"the range [{first}..{last}] is too long")
    return list(range(first, last + 1) if first <= last else range(first, last - 1, -1))


def _binary(operator: str, left: Any, right: Any) -> Any:
    if operator == "==":
        return same(left, right)
    if operator == "!=":
        return not same(left, right)
    if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
        return text(left) + text(right)
    if not (is_number(left) and is_number(right)):
        return False if operator in ("<", "<=", ">", ">=") else None
    if operator == "<":
        return left < right
    if operator == "<=":
        return left <= right
    if operator == ">":
        return left > right
    if operator == ">=":
        return left >= right
    try:
        return _arithmetic(operator, left, right)
    except OverflowError:
        return math.inf


def _arithmetic(operator: str, left: Any, right: Any) -> Any:
    """Java's arithmetic: whole numbers stay whole, division goes towards zero, and by zero it is
    nothing."""
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if right == 0:
        return None
    if isinstance(left, float) or isinstance(right, float):
        return left / right if operator == "/" else math.fmod(left, right)
    quotient = abs(left) // abs(right)
    if (left < 0) != (right < 0):
        quotient = -quotient
    return quotient if operator == "/" else left - quotient * right
