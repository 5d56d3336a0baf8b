"""The intrinsic functions of CloudFormation, as far as they can be computed without AWS.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
and, for ``Fn::ForEach``, ``Fn::Length`` and ``Fn::ToJsonString``,
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html

What only AWS knows (an export of another stack, a secret) becomes a stand-in, and a warning says
which. A stand-in has a readable text, so that a variable of a function is not empty, and is marked
as unknown, so that no rule is applied to it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.faults import malformed, stand_in, unknown
from lambdactl.manifest.sam.values import NO_VALUE, Value, made, moved, text_of

if TYPE_CHECKING:
    from lambdactl.manifest.sam.template import Template

Function = Callable[["Template", Node, Node], Node]
LOOP = "Fn::ForEach::"
TAGS = {
    "!Base64": "Fn::Base64",
    "!Cidr": "Fn::Cidr",
    "!And": "Fn::And",
    "!Condition": "Condition",
    "!Equals": "Fn::Equals",
    "!FindInMap": "Fn::FindInMap",
    "!GetAtt": "Fn::GetAtt",
    "!GetAZs": "Fn::GetAZs",
    "!If": "Fn::If",
    "!ImportValue": "Fn::ImportValue",
    "!Join": "Fn::Join",
    "!Length": "Fn::Length",
    "!Not": "Fn::Not",
    "!Or": "Fn::Or",
    "!Ref": "Ref",
    "!Select": "Fn::Select",
    "!Split": "Fn::Split",
    "!Sub": "Fn::Sub",
    "!ToJsonString": "Fn::ToJsonString",
    "!Transform": "Fn::Transform",
}
"""The short forms of YAML, each with the key it stands for."""
_VARIABLE = r"\$\{(!?)([^{}]*)\}"
_DYNAMIC = r"\{\{resolve:[^{}]+\}\}"


def is_function(node: Node) -> bool:
    """Whether the mapping is a call of a function (``{"Fn::Sub": ...}``)."""
    if not isinstance(node.value, dict) or len(node.value) != 1:
        return False
    key, argument = next(iter(node.value.items()))
    if key == "Condition":  # a condition by name; in an IAM policy a mapping
        return isinstance(argument.value, str)
    return key in FUNCTIONS or (key.startswith("Fn::") and not key.startswith(LOOP))


def resolve(scope: Template, node: Node) -> Node:
    """The tree with all functions replaced by what they give; ``NO_VALUE`` for nothing."""
    value = node.value
    if node.unknown:
        return node
    if isinstance(value, str):
        node.fluid = True
        return _dynamic(scope, node) if "{{resolve:" in value else node
    if isinstance(value, dict):
        return _mapping(scope, node)
    if isinstance(value, list):
        members = [resolve(scope, member) for member in value]
        if all(new is old for new, old in zip(members, value, strict=True)):
            return node
        members = [member for member in members if member is not NO_VALUE]
        return Value(members, *node.at, size=1 + sum(member.size for member in members))
    return node


def _mapping(scope: Template, node: Node) -> Node:
    if is_function(node):
        return _call(scope, node)
    children: dict[str, Node] = {}
    keys: dict[str, tuple[int, int]] = {}
    changed = False
    for key, child, at in scope.entries(node):
        new = resolve(scope, child)
        changed = changed or new is not node.value.get(key)
        if new is not NO_VALUE:
            children[key], keys[key] = new, at
    if not changed and len(children) == len(node.value):
        return node
    return Value(children, *node.at, keys=keys, size=1 + sum(c.size for c in children.values()))


def _function(key: str) -> Function | None:
    found = FUNCTIONS.get(key)
    if isinstance(found, str):
        module, _, name = found.partition(".")
        package = __name__.rpartition(".")[0]
        loaded: Function = getattr(importlib.import_module(f"{package}.{module}"), name)
        FUNCTIONS[key] = loaded
        return loaded
    return found


def _call(scope: Template, node: Node) -> Node:
    known = scope.resolved.get(id(node))
    if known is not None:
        return known[1]
    key, argument = next(iter(node.value.items()))
    function = _function(key)
    if function is None:
        scope.problems.add(
            "unknown-function",
            f"there is no function `{key}`",
            node.keys.get(key, node.at),
            did_you_mean(key, FUNCTIONS),
        )
        result: Node = unknown(node)
    elif len(scope.calls) > 60 or any(call is node for call in scope.calls):
        scope.problems.add("circular", f"`{key}` needs its own result", node)
        result = unknown(node)
    else:
        scope.calls.append(node)
        try:
            result = function(scope, argument, node)
        finally:
            scope.calls.pop()
    scope.resolved[id(node)] = (node, result)
    return result


def _dynamic(scope: Template, node: Node) -> Node:
    """``{{resolve:ssm:...}}``: CloudFormation asks another service when it deploys.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html"""
    reference = re.search(_DYNAMIC, node.text)
    if reference is None:
        return node
    message = f"`{reference.group()}` is not looked up on this machine: the text stays as it is"
    scope.problems.add("unresolved", message, node, severity="warning")
    return made(node.text, node, stand_in=True)


# References


def _ref(scope: Template, argument: Node, at: Node) -> Node:
    name = text_of(argument)
    if name is None:
        return malformed(scope, at, "`Ref` takes the name of a parameter or of a resource")
    return scope.reference(name, at)


def _get_att(scope: Template, argument: Node, at: Node) -> Node:
    if isinstance(argument.value, list):
        parts = [text_of(resolve(scope, part)) or "" for part in argument.value]
        name, attribute = (parts[0], ".".join(parts[1:])) if parts else ("", "")
    else:
        name, _, attribute = (text_of(argument) or "").partition(".")
    if not (name and attribute):
        return malformed(scope, at, "`Fn::GetAtt` takes a resource and one of its attributes")
    return scope.attribute(name, attribute, at)


def _sub(scope: Template, argument: Node, at: Node) -> Node:
    parts = argument.value if isinstance(argument.value, list) else [argument]
    text = text_of(parts[0]) if parts else None
    given = parts[1] if len(parts) == 2 else None
    if text is None or len(parts) > 2 or not (given is None or given.is_mapping):
        return malformed(scope, at, "`Fn::Sub` takes a text, or a text and a mapping of values")

    def value(name: str) -> Node:
        own = given.value.get(name) if given is not None else None
        if own is not None:
            return resolve(scope, own)
        resource, dot, attribute = name.partition(".")
        if dot and not scope.knows(name):
            return scope.attribute(resource, attribute, at)
        return scope.reference(name, at)

    whole = re.fullmatch(_VARIABLE, text)
    if whole is not None and not whole[1]:
        found = value(whole[2].strip())
        if isinstance(found.value, (dict, list)) and not found.unknown:
            return malformed(scope, at, f"`{text}` is a list or a mapping, not a text")
        return found if found is NO_VALUE else moved(found, at)
    uncertain = False

    def replacement(match: re.Match[str]) -> str:
        nonlocal uncertain
        if match[1]:
            return f"${{{match[2]}}}"
        name = match[2].strip()
        found = value(name)
        uncertain = uncertain or (found.unknown and found is not NO_VALUE)
        inner = text_of(found)
        if inner is None and not found.unknown:
            malformed(scope, at, f"`${{{name}}}` in `Fn::Sub` is a list or a mapping, not a text")
        return inner or ""

    result = made(re.sub(_VARIABLE, replacement, text), at, stand_in=uncertain)
    return _dynamic(scope, result) if "{{resolve:" in result.text else result


def _import_value(scope: Template, argument: Node, at: Node) -> Node:
    name = text_of(resolve(scope, argument)) or "export"
    return stand_in(scope, at, f"the export `{name}` of another stack", name)


def transform(scope: Template, argument: Node, at: Node) -> Node:
    """A macro. ``AWS::Include`` of a file that is here is read; others only AWS can run.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-include.html
    """
    name = text_of(argument.get("Name")) or "macro"
    location = argument.get("Parameters", "Location")
    if name == "AWS::Include" and location is not None:
        included = scope.include(scope.resolve(location), at)
        if included is not None:
            return included
    scope.problems.add(
        "not-supported",
        f"the macro `{name}` runs in AWS only: what it would write is missing here",
        at,
        severity="warning",
    )
    return unknown(at)


FUNCTIONS: dict[str, Function | str] = {
    "Condition": "conditions.condition",
    "Fn::And": "conditions.and_",
    "Fn::Base64": "lists.base64",
    "Fn::Cidr": "lists.cidr",
    "Fn::Equals": "conditions.equals",
    "Fn::FindInMap": "lists.find_in_map",
    "Fn::GetAZs": "lists.get_azs",
    "Fn::GetAtt": _get_att,
    "Fn::If": "conditions.if_",
    "Fn::ImportValue": _import_value,
    "Fn::Join": "lists.join",
    "Fn::Length": "lists.length",
    "Fn::Not": "conditions.not_",
    "Fn::Or": "conditions.or_",
    "Fn::Select": "lists.select",
    "Fn::Split": "lists.split",
    "Fn::Sub": _sub,
    "Fn::ToJsonString": "lists.to_json_string",
    "Fn::Transform": transform,
    "Ref": _ref,
}
"""A name stands for a function of another module, which is imported when it is called."""
