"""The intrinsic functions of CloudFormation, as far as they can be computed without AWS.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
and, for ``Fn::ForEach``, ``Fn::Length`` and ``Fn::ToJsonString``,
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html

What only AWS knows (an export of another stack, a secret) becomes a stand-in, and a warning says
which. A stand-in has a readable text, so that a variable of a function is not empty, and is marked
as unknown, so that no rule is applied to it.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node, plain
from lambdactl.manifest.sam.values import NO_VALUE, Value, made, moved, text_of

if TYPE_CHECKING:
    from lambdactl.manifest.sam.template import Template

Function = Callable[["Template", Node, Node], Node]
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
LOOP = "Fn::ForEach::"
_VARIABLE = re.compile(r"\$\{(!?)([^{}]*)\}")
_DYNAMIC = re.compile(r"\{\{resolve:[^{}]+\}\}")
_ALPHANUMERIC = re.compile("[^A-Za-z0-9]")


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
    for key, child, at in entries(scope, node):
        new = resolve(scope, child)
        changed = changed or new is not node.value.get(key)
        if new is not NO_VALUE:
            children[key], keys[key] = new, at
    if not changed and len(children) == len(node.value):
        return node
    return Value(children, *node.at, keys=keys, size=1 + sum(c.size for c in children.values()))


def _call(scope: Template, node: Node) -> Node:
    known = scope.resolved.get(id(node))
    if known is not None:
        return known[1]
    key, argument = next(iter(node.value.items()))
    function = FUNCTIONS.get(key)
    if function is None:
        scope.problems.add(
            "unknown-function",
            f"there is no function `{key}`",
            node.keys.get(key, node.at),
            did_you_mean(key, FUNCTIONS),
        )
        result: Node = _unknown(node)
    elif len(scope.calls) > 60 or any(call is node for call in scope.calls):
        scope.problems.add("circular", f"`{key}` needs its own result", node)
        result = _unknown(node)
    else:
        scope.calls.append(node)
        try:
            result = function(scope, argument, node)
        finally:
            scope.calls.pop()
    scope.resolved[id(node)] = (node, result)
    return result


def _unknown(at: Node) -> Node:
    return Value(None, *at.at, unknown=True)


def _malformed(scope: Template, at: Node, message: str) -> Node:
    scope.problems.add("malformed-function", message, at)
    return _unknown(at)


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


def _dynamic(scope: Template, node: Node) -> Node:
    """``{{resolve:ssm:...}}``: CloudFormation asks another service when it deploys.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html"""
    reference = _DYNAMIC.search(node.text)
    if reference is None:
        return node
    return stand_in(scope, node, f"`{reference.group()}`", node.text)


# Loops


def entries(scope: Template, node: Node) -> Iterator[tuple[str, Node, tuple[int, int]]]:
    """The entries of a mapping, each with its place; those of ``Fn::ForEach`` are unrolled."""
    for key, child in node.items():
        at = node.keys.get(key, child.at)
        if key.startswith(LOOP):
            yield from _loop(scope, key, child, at)
        else:
            yield key, child, at


def _loop(
    scope: Template, key: str, node: Node, at: tuple[int, int]
) -> Iterator[tuple[str, Node, tuple[int, int]]]:
    parts = node.value if isinstance(node.value, list) else []
    name = text_of(parts[0]) if len(parts) == 3 else None
    if name is None or not parts[2].is_mapping:
        _malformed(scope, node, f"`{key}` takes a name, a list and a mapping")
        return
    collection = resolve(scope, parts[1])
    if not isinstance(collection.value, list):
        if not collection.unknown:
            _malformed(scope, parts[1], f"the values of `{key}` must be a list")
        return
    for item in collection.value:
        text = text_of(item)
        if text is None:
            continue
        for inner, child in parts[2].items():
            fragment = _substituted(Node({inner: child}, *at, keys={inner: at}), name, text)
            yield from entries(scope, fragment)


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
    return plain_text.replace(f"&{{{name}}}", _ALPHANUMERIC.sub("", text))


# References


def _ref(scope: Template, argument: Node, at: Node) -> Node:
    name = text_of(argument)
    if name is None:
        return _malformed(scope, at, "`Ref` takes the name of a parameter or of a resource")
    return scope.reference(name, at)


def _get_att(scope: Template, argument: Node, at: Node) -> Node:
    if isinstance(argument.value, list):
        parts = [text_of(resolve(scope, part)) or "" for part in argument.value]
        name, attribute = (parts[0], ".".join(parts[1:])) if parts else ("", "")
    else:
        name, _, attribute = (text_of(argument) or "").partition(".")
    if not (name and attribute):
        return _malformed(scope, at, "`Fn::GetAtt` takes a resource and one of its attributes")
    return scope.attribute(name, attribute, at)


def _sub(scope: Template, argument: Node, at: Node) -> Node:
    parts = argument.value if isinstance(argument.value, list) else [argument]
    text = text_of(parts[0]) if parts else None
    given = parts[1] if len(parts) == 2 else None
    if text is None or len(parts) > 2 or not (given is None or given.is_mapping):
        return _malformed(scope, at, "`Fn::Sub` takes a text, or a text and a mapping of values")

    def value(name: str) -> Node:
        own = given.value.get(name) if given is not None else None
        if own is not None:
            return resolve(scope, own)
        resource, dot, attribute = name.partition(".")
        if dot and not scope.knows(name):
            return scope.attribute(resource, attribute, at)
        return scope.reference(name, at)

    whole = _VARIABLE.fullmatch(text)
    if whole is not None and not whole[1]:
        found = value(whole[2].strip())
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
            _malformed(scope, at, f"`${{{name}}}` in `Fn::Sub` is a list or a mapping, not a text")
        return inner or ""

    result = made(_VARIABLE.sub(replacement, text), at, stand_in=uncertain)
    return _dynamic(scope, result) if "{{resolve:" in result.text else result


def _import_value(scope: Template, argument: Node, at: Node) -> Node:
    name = text_of(resolve(scope, argument)) or "export"
    return stand_in(scope, at, f"the export `{name}` of another stack", name)


# Texts and lists


def _arguments(
    scope: Template, argument: Node, at: Node, count: tuple[int, ...], form: str
) -> list[Node] | None:
    members = argument.value
    if not isinstance(members, list) or len(members) not in count:
        _malformed(scope, at, form)
        return None
    return [resolve(scope, member) for member in members]


def _join(scope: Template, argument: Node, at: Node) -> Node:
    form = "`Fn::Join` takes a delimiter and a list of texts"
    parts = _arguments(scope, argument, at, (2,), form)
    if parts is None:
        return _unknown(at)
    delimiter, listed = text_of(parts[0]), parts[1]
    if listed.unknown:
        return _unknown(at) if listed.value is None else made(listed.text, at, stand_in=True)
    if delimiter is None or not isinstance(listed.value, list):
        return _malformed(scope, at, form)
    texts = [text_of(member) for member in listed.value]
    uncertain = any(member.unknown for member in listed.value)
    if None in texts and not uncertain:
        return _malformed(scope, at, form)
    return made(delimiter.join(text or "" for text in texts), at, stand_in=uncertain)


def _split(scope: Template, argument: Node, at: Node) -> Node:
    form = "`Fn::Split` takes a delimiter and a text"
    parts = _arguments(scope, argument, at, (2,), form)
    if parts is None:
        return _unknown(at)
    delimiter, text = text_of(parts[0]), text_of(parts[1])
    if not delimiter or text is None:
        return _unknown(at) if parts[1].unknown else _malformed(scope, at, form)
    pieces = [made(piece, at, stand_in=parts[1].unknown) for piece in text.split(delimiter)]
    return Value(pieces, *at.at, size=1 + len(pieces))


def _select(scope: Template, argument: Node, at: Node) -> Node:
    form = "`Fn::Select` takes the number of a member, from 0, and a list"
    parts = _arguments(scope, argument, at, (2,), form)
    if parts is None:
        return _unknown(at)
    index, listed = text_of(parts[0]) or "", parts[1]
    if not isinstance(listed.value, list):
        if listed.unknown and listed.value is not None:
            return made(listed.text, at, stand_in=True)
        return _unknown(at) if listed.unknown else _malformed(scope, at, form)
    if not index.isdigit() or int(index) >= len(listed.value):
        if any(member.unknown for member in listed.value):
            return made(listed.value[0].text, at, stand_in=True)
        count = len(listed.value)
        return _malformed(scope, at, f"`Fn::Select` asks for member {index}; the list has {count}")
    found: Node = listed.value[int(index)]
    return found


def _base64(scope: Template, argument: Node, at: Node) -> Node:
    value = resolve(scope, argument)
    text = text_of(value)
    if text is None:
        return _unknown(at) if value.unknown else _malformed(scope, at, "`Fn::Base64` takes a text")
    return made(base64.b64encode(text.encode()).decode(), at, stand_in=value.unknown)


def _find_in_map(scope: Template, argument: Node, at: Node) -> Node:
    """With a default value:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-findinmap-enhancements.html
    """
    form = "`Fn::FindInMap` takes a map, a key in it and a key in that"
    parts = _arguments(scope, argument, at, (3, 4), form)
    if parts is None:
        return _unknown(at)
    path = [text_of(part) or "" for part in parts[:3]]
    node: Node | None = scope.section("Mappings")
    for step in path:
        inner = node.get(step) if node is not None else None
        if inner is None:
            break
        node = inner
    else:
        assert node is not None
        return moved(resolve(scope, node), at)
    default = parts[3].get("DefaultValue") if len(parts) == 4 else None
    if default is not None:
        return default
    known = list(node.value) if node is not None and node.is_mapping else []
    scope.problems.add(
        "unknown-map-key",
        f"there is no `{step}` in `Mappings`"
        if step == path[0]
        else f"the map `{path[0]}` has no key `{step}`",
        at,
        did_you_mean(step, known) or (f"it has: {', '.join(known)}" if known else None),
    )
    return _unknown(at)


def _length(scope: Template, argument: Node, at: Node) -> Node:
    value = resolve(scope, argument)
    if not isinstance(value.value, list):
        return _unknown(at) if value.unknown else _malformed(scope, at, "`Fn::Length` takes a list")
    return made(len(value.value), at)


def _to_json_string(scope: Template, argument: Node, at: Node) -> Node:
    value = resolve(scope, argument)
    if not isinstance(value.value, (dict, list)):
        form = "`Fn::ToJsonString` takes a list or a mapping"
        return _unknown(at) if value.unknown else _malformed(scope, at, form)
    text = json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False)
    return made(text, at, stand_in=_uncertain(value))


def _uncertain(node: Node) -> bool:
    children = node.value.values() if isinstance(node.value, dict) else node.value
    return node.unknown or (
        isinstance(node.value, (dict, list)) and any(_uncertain(child) for child in children)
    )


def _cidr(scope: Template, argument: Node, at: Node) -> Node:
    form = "`Fn::Cidr` takes a block, a count and the bits of each part"
    parts = _arguments(scope, argument, at, (2, 3), form)
    if parts is None:
        return _unknown(at)
    block, count, bits = (text_of(part) or "" for part in (*parts, made("8", at))[:3])
    try:
        network = ipaddress.ip_network(block)
        subnets = network.subnets(new_prefix=network.max_prefixlen - int(bits))
        return made([str(next(subnets)) for _ in range(int(count))], at)
    except (ValueError, StopIteration, RuntimeError):
        unknown = any(part.unknown for part in parts)
        return _unknown(at) if unknown else _malformed(scope, at, form)


def _get_azs(scope: Template, argument: Node, at: Node) -> Node:
    """Zones differ by account; three of the usual names stand in."""
    region = text_of(resolve(scope, argument)) or scope.pseudo("AWS::Region")
    return made([f"{region}{letter}" for letter in "abc"], at)


def _transform(scope: Template, argument: Node, at: Node) -> Node:
    name = text_of(argument.get("Name")) or "macro"
    scope.problems.add(
        "not-supported",
        f"the macro `{name}` runs in AWS only: what it would write is missing here",
        at,
        severity="warning",
    )
    return _unknown(at)


# Conditions


def _if(scope: Template, argument: Node, at: Node) -> Node:
    parts = argument.value
    name = text_of(parts[0]) if isinstance(parts, list) and len(parts) == 3 else None
    if name is None:
        return _malformed(scope, at, "`Fn::If` takes a condition and two values")
    return resolve(scope, parts[1] if scope.condition(name, parts[0]) else parts[2])


def _equals(scope: Template, argument: Node, at: Node) -> Node:
    parts = _arguments(scope, argument, at, (2,), "`Fn::Equals` takes two values")
    if parts is None:
        return _unknown(at)
    one, other = parts
    if text_of(one) is not None and text_of(other) is not None:
        return made(one.text == other.text, at)
    return made(plain(one) == plain(other), at)


def truth(scope: Template, node: Node) -> bool:
    """What a condition gives; what can't be known counts as true."""
    value = resolve(scope, node)
    if value.unknown or value.text not in ("true", "false", "True", "False"):
        if not value.unknown:
            _malformed(scope, node, "a condition must be true or false")
        return True
    return value.text.lower() == "true"


def _not(scope: Template, argument: Node, at: Node) -> Node:
    parts = argument.value if isinstance(argument.value, list) else []
    if len(parts) != 1:
        return _malformed(scope, at, "`Fn::Not` takes a list of one condition")
    return made(not truth(scope, parts[0]), at)


def _and(scope: Template, argument: Node, at: Node) -> Node:
    parts = argument.value if isinstance(argument.value, list) else []
    if not parts:
        return _malformed(scope, at, "`Fn::And` takes a list of conditions")
    return made(all(truth(scope, part) for part in parts), at)


def _or(scope: Template, argument: Node, at: Node) -> Node:
    parts = argument.value if isinstance(argument.value, list) else []
    if not parts:
        return _malformed(scope, at, "`Fn::Or` takes a list of conditions")
    return made(any(truth(scope, part) for part in parts), at)


def _condition(scope: Template, argument: Node, at: Node) -> Node:
    return made(scope.condition(argument.text, argument), at)


FUNCTIONS: dict[str, Function] = {
    "Condition": _condition,
    "Fn::And": _and,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::Equals": _equals,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Not": _not,
    "Fn::Or": _or,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::ToJsonString": _to_json_string,
    "Fn::Transform": _transform,
    "Ref": _ref,
}
