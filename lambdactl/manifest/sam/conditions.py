"""Functions that decide: ``Fn::If``, ``Fn::Equals``, ``Fn::And``, ``Fn::Or``, ``Fn::Not``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambdactl.manifest.document import Node, plain
from lambdactl.manifest.sam.faults import arguments, malformed, unknown
from lambdactl.manifest.sam.values import made, text_of

if TYPE_CHECKING:
    from lambdactl.manifest.sam.template import Template


def if_(scope: Template, argument: Node, at: Node) -> Node:
    parts = argument.value
    name = text_of(parts[0]) if isinstance(parts, list) and len(parts) == 3 else None
    if name is None:
        return malformed(scope, at, "`Fn::If` takes a condition and two values")
    return scope.resolve(parts[1] if scope.condition(name, parts[0]) else parts[2])


def equals(scope: Template, argument: Node, at: Node) -> Node:
    parts = arguments(scope, argument, at, (2,), "`Fn::Equals` takes two values")
    if parts is None:
        return unknown(at)
    one, other = parts
    if text_of(one) is not None and text_of(other) is not None:
        return made(one.text == other.text, at)
    return made(plain(one) == plain(other), at)


def truth(scope: Template, node: Node) -> bool:
    """What a condition gives; what can't be known counts as true."""
    value = scope.resolve(node)
    if value.unknown or value.text not in ("true", "false", "True", "False"):
        if not value.unknown:
            malformed(scope, node, "a condition must be true or false")
        return True
    return value.text.lower() == "true"


def not_(scope: Template, argument: Node, at: Node) -> Node:
    parts = argument.value if isinstance(argument.value, list) else []
    if len(parts) != 1:
        return malformed(scope, at, "`Fn::Not` takes a list of one condition")
    return made(not truth(scope, parts[0]), at)


def and_(scope: Template, argument: Node, at: Node) -> Node:
    parts = argument.value if isinstance(argument.value, list) else []
    if not parts:
        return malformed(scope, at, "`Fn::And` takes a list of conditions")
    return made(all(truth(scope, part) for part in parts), at)


def or_(scope: Template, argument: Node, at: Node) -> Node:
    parts = argument.value if isinstance(argument.value, list) else []
    if not parts:
        return malformed(scope, at, "`Fn::Or` takes a list of conditions")
    return made(any(truth(scope, part) for part in parts), at)


def condition(scope: Template, argument: Node, at: Node) -> Node:
    return made(scope.condition(argument.text, argument), at)
