"""``Fn::ForEach``: the same part of a template for each value of a list.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.faults import malformed
from lambdactl.manifest.sam.values import text_of

if TYPE_CHECKING:
    from lambdactl.manifest.sam.template import Template


def unrolled(
    scope: Template, key: str, node: Node, at: tuple[int, int]
) -> Iterator[tuple[str, Node, tuple[int, int]]]:
    """The entries that the loop ``key`` stands for."""
    parts = node.value if isinstance(node.value, list) else []
    name = text_of(parts[0]) if len(parts) == 3 else None
    if name is None or not parts[2].is_mapping:
        malformed(scope, node, f"`{key}` takes a name, a list and a mapping")
        return
    collection = scope.resolve(parts[1])
    if not isinstance(collection.value, list):
        if not collection.unknown:
            malformed(scope, parts[1], f"the values of `{key}` must be a list")
        return
    for item in collection.value:
        text = text_of(item)
        if text is None:
            continue
        for inner, child in parts[2].items():
            fragment = _substituted(Node({inner: child}, *at, keys={inner: at}), name, text)
            yield from scope.entries(fragment)


def _substituted(node: Node, name: str, text: str) -> Node:
    """A copy of ``node`` in which the variable of a loop has its value."""
    value = node.value
    if isinstance(value, str):
        new = _put(value, name, text)
        return Node(new, *node.at, text=new, fluid=True)
    if isinstance(value, list):
        members = [_substituted(member, name, text) for member in value]
        return Node(members, *node.at, size=node.size)
    if not isinstance(value, dict):
        return node
    if len(value) == 1 and "Ref" in value and value["Ref"].text == name:
        return Node(text, *node.at, text=text, fluid=True)
    children, keys = {}, {}
    for key, child in value.items():
        new = _put(key, name, text)
        children[new] = _substituted(child, name, text)
        keys[new] = node.keys.get(key, child.at)
    return Node(children, *node.at, keys=keys, size=node.size)


def _put(written: str, name: str, text: str) -> str:
    """``${name}`` as it is; ``&{name}`` without what a logical id may not have."""
    if "{" not in written:
        return written
    plain_text = written.replace(f"${{{name}}}", text)
    return plain_text.replace(f"&{{{name}}}", re.sub("[^A-Za-z0-9]", "", text))
