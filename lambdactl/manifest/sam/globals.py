"""``Globals``: what all resources of a kind share.

Mappings are merged, lists are joined with the shared members first, words are replaced; only
``Architectures`` is replaced as a whole.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
"""

from __future__ import annotations

from dataclasses import replace

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node, Problems
from lambdactl.manifest.sam.intrinsics import is_function
from lambdactl.manifest.sam.values import Value

_PREFIX = "AWS::Serverless::"
_KINDS = (
    "Api",
    "CapacityProvider",
    "Function",
    "HttpApi",
    "LayerVersion",
    "MicrovmImage",
    "NetworkConnector",
    "SimpleTable",
    "StateMachine",
    "WebFunction",
    "WebSocketApi",
)
_REPLACED = frozenset({"Architectures"})
_NOT_SHARED = frozenset({"FunctionName", "Role", "Policies", "Events", "InlineCode", "ImageUri"})
"""Properties of a function that ``Globals`` may not hold."""


def with_globals(shared: Node | None, kind: str, properties: Node) -> Node:
    """``properties`` of a resource of type ``kind`` with what ``Globals`` says laid under."""
    if shared is None or not kind.startswith(_PREFIX):
        return properties
    base = shared.get(kind.removeprefix(_PREFIX))
    if base is None or not base.is_mapping:
        return properties
    if not _NOT_SHARED.isdisjoint(base.value):
        base = replace(base, value={n: c for n, c in base.items() if n not in _NOT_SHARED})
    return _merged(base, properties)


def check(shared: Node, problems: Problems) -> None:
    """Report what ``Globals`` may not hold."""
    for kind, body in shared.items():
        at = shared.keys[kind]
        if kind not in _KINDS:
            problems.add(
                "unknown-field",
                f"`Globals` has no `{kind}`",
                at,
                did_you_mean(kind, _KINDS) or "it has: Function, Api, HttpApi, SimpleTable, ...",
            )
            continue
        for name in body.value if body.is_mapping and kind == "Function" else ():
            if name in _NOT_SHARED:
                problems.add(
                    "unknown-field",
                    f"`Globals` can't give functions `{name}`",
                    body.keys[name],
                    "write it in each function",
                )


def _merged(base: Node, over: Node) -> Node:
    if base.is_mapping and over.is_mapping and not (is_function(base) or is_function(over)):
        children: dict[str, Node] = dict(base.value)
        for name, child in over.items():
            below = base.value.get(name)
            whole = below is None or name in _REPLACED
            children[name] = child if whole or below is None else _merged(below, child)
        size = 1 + sum(child.size for child in children.values())
        return Value(children, *over.at, keys={**base.keys, **over.keys}, size=size)
    if isinstance(base.value, list) and isinstance(over.value, list):
        return Value([*base.value, *over.value], *over.at, size=base.size + over.size)
    return over
