"""What is said when a function of a template has no result, or none that is known here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.values import Value, made

if TYPE_CHECKING:
    from lambdactl.manifest.sam.template import Template


def unknown(at: Node) -> Node:
    """No value; the reason is reported."""
    return Value(None, *at.at, unknown=True)


def malformed(scope: Template, at: Node, message: str) -> Node:
    """Report a function that is called with the wrong arguments."""
    scope.problems.add("malformed-function", message, at)
    return unknown(at)


def stand_in(scope: Template, at: Node, what: str, text: str, hint: str | None = None) -> Node:
    """A text in place of what can't be known here; said in a warning."""
    scope.problems.add(
        "unresolved",
        f"{what} is not known on this machine; `{text}` stands in for it",
        at,
        hint,
        severity="warning",
    )
    return made(text, at, stand_in=True)


def arguments(
    scope: Template, argument: Node, at: Node, count: tuple[int, ...], form: str
) -> list[Node] | None:
    """The values of a function that takes a list of ``count``; None where it is called otherwise,
    which is reported."""
    members = argument.value
    if not isinstance(members, list) or len(members) not in count:
        malformed(scope, at, form)
        return None
    return [scope.resolve(member) for member in members]
