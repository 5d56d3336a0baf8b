"""Values that a template's functions give, and trees that move to where they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambdactl.manifest.document import Node, written

if TYPE_CHECKING:
    from lambdactl.manifest.sam.template import Resource


class Value(Node):
    """A node that was not written but computed. ``resource`` is what a ``Ref`` or ``GetAtt``
    names; ``unknown`` marks a stand-in for what can't be known on this machine."""

    __slots__ = ("resource",)

    def __init__(self, *given: Any, resource: Resource | None = None, **named: Any) -> None:
        super().__init__(*given, **named)
        self.resource = resource


NO_VALUE = Node(None, 0, 0, unknown=True)
"""What ``AWS::NoValue`` is: the key that holds it is left out."""


def made(
    value: Any, at: Node, *, resource: Resource | None = None, stand_in: bool = False
) -> Value:
    """A plain value as a tree that stands where ``at`` stands."""
    place = at.at
    if isinstance(value, dict):
        children = {key: made(child, at) for key, child in value.items()}
        keys = dict.fromkeys(children, place)
        size = 1 + sum(child.size for child in children.values())
        return Value(children, *place, keys=keys, size=size, unknown=stand_in)
    if isinstance(value, list):
        members = [made(child, at) for child in value]
        size = 1 + sum(child.size for child in members)
        return Value(members, *place, size=size, unknown=stand_in)
    return Value(
        value,
        *place,
        text=written(value),
        fluid=isinstance(value, str),
        unknown=stand_in,
        resource=resource,
    )


def moved(node: Node, at: Node) -> Node:
    """``node`` as it is, standing where ``at`` stands."""
    value: Any = node.value
    keys = node.keys
    if isinstance(value, dict):
        value = {key: moved(child, at) for key, child in value.items()}
        keys = dict.fromkeys(value, at.at)
    elif isinstance(value, list):
        value = [moved(child, at) for child in value]
    return Value(
        value,
        *at.at,
        text=node.text,
        keys=keys,
        unknown=node.unknown,
        fluid=node.fluid,
        size=node.size,
        resource=resource_of(node),
    )


def resource_of(node: Node | None) -> Resource | None:
    """The resource of the template that a value names."""
    return node.resource if isinstance(node, Value) else None


def text_of(node: Node | None) -> str | None:
    """The text of a scalar; None for a list, a mapping, or nothing."""
    if node is None or node.value is None or isinstance(node.value, (dict, list)):
        return None
    return node.text


def members(node: Node | None) -> list[Node]:
    """The members of a list; a value that stands alone is a list of one."""
    if node is None or node.value is None:
        return []
    return node.value if isinstance(node.value, list) else [node]
