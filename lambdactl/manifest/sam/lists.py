"""Functions that compute texts and lists: ``Fn::Join``, ``Fn::Select``, ``Fn::FindInMap`` ..."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node, plain
from lambdactl.manifest.sam.faults import arguments, malformed, unknown
from lambdactl.manifest.sam.values import Value, made, moved, text_of

if TYPE_CHECKING:
    from lambdactl.manifest.sam.template import Template


def join(scope: Template, argument: Node, at: Node) -> Node:
    form = "`Fn::Join` takes a delimiter and a list of texts"
    parts = arguments(scope, argument, at, (2,), form)
    if parts is None:
        return unknown(at)
    delimiter, listed = text_of(parts[0]), parts[1]
    if listed.unknown:
        return unknown(at) if listed.value is None else made(listed.text, at, stand_in=True)
    if delimiter is None or not isinstance(listed.value, list):
        return malformed(scope, at, form)
    texts = [text_of(member) for member in listed.value]
    uncertain = any(member.unknown for member in listed.value)
    if None in texts and not uncertain:
        return malformed(scope, at, form)
    return made(delimiter.join(text or "" for text in texts), at, stand_in=uncertain)


def split(scope: Template, argument: Node, at: Node) -> Node:
    form = "`Fn::Split` takes a delimiter and a text"
    parts = arguments(scope, argument, at, (2,), form)
    if parts is None:
        return unknown(at)
    delimiter, text = text_of(parts[0]), text_of(parts[1])
    if not delimiter or text is None:
        return unknown(at) if parts[1].unknown else malformed(scope, at, form)
    pieces = [made(piece, at, stand_in=parts[1].unknown) for piece in text.split(delimiter)]
    return Value(pieces, *at.at, size=1 + len(pieces))


def select(scope: Template, argument: Node, at: Node) -> Node:
    form = "`Fn::Select` takes the number of a member, from 0, and a list"
    parts = arguments(scope, argument, at, (2,), form)
    if parts is None:
        return unknown(at)
    index, listed = text_of(parts[0]) or "", parts[1]
    if not isinstance(listed.value, list):
        if listed.unknown and listed.value is not None:
            return made(listed.text, at, stand_in=True)
        return unknown(at) if listed.unknown else malformed(scope, at, form)
    if not index.isdigit() or int(index) >= len(listed.value):
        if any(member.unknown for member in listed.value):
            return made(listed.value[0].text, at, stand_in=True)
        count = len(listed.value)
        return malformed(scope, at, f"`Fn::Select` asks for member {index}; the list has {count}")
    found: Node = listed.value[int(index)]
    return found


def base64(scope: Template, argument: Node, at: Node) -> Node:
    value = scope.resolve(argument)
    text = text_of(value)
    if text is None:
        return unknown(at) if value.unknown else malformed(scope, at, "`Fn::Base64` takes a text")
    import base64 as coding

    return made(coding.b64encode(text.encode()).decode(), at, stand_in=value.unknown)


def find_in_map(scope: Template, argument: Node, at: Node) -> Node:
    """With a default value:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-findinmap-enhancements.html
    """
    form = "`Fn::FindInMap` takes a map, a key in it and a key in that"
    parts = arguments(scope, argument, at, (3, 4), form)
    if parts is None:
        return unknown(at)
    path = [text_of(part) or "" for part in parts[:3]]
    node: Node | None = scope.section("Mappings")
    for step in path:
        inner = node.get(step) if node is not None else None
        if inner is None:
            break
        node = inner
    else:
        assert node is not None
        return moved(scope.resolve(node), at)
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
    return unknown(at)


def length(scope: Template, argument: Node, at: Node) -> Node:
    value = scope.resolve(argument)
    if not isinstance(value.value, list):
        return unknown(at) if value.unknown else malformed(scope, at, "`Fn::Length` takes a list")
    return made(len(value.value), at)


def to_json_string(scope: Template, argument: Node, at: Node) -> Node:
    value = scope.resolve(argument)
    if not isinstance(value.value, (dict, list)):
        form = "`Fn::ToJsonString` takes a list or a mapping"
        return unknown(at) if value.unknown else malformed(scope, at, form)
    text = json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False)
    return made(text, at, stand_in=_uncertain(value))


def _uncertain(node: Node) -> bool:
    children = node.value.values() if isinstance(node.value, dict) else node.value
    return node.unknown or (
        isinstance(node.value, (dict, list)) and any(_uncertain(child) for child in children)
    )


def cidr(scope: Template, argument: Node, at: Node) -> Node:
    form = "`Fn::Cidr` takes a block, a count and the bits of each part"
    parts = arguments(scope, argument, at, (2, 3), form)
    if parts is None:
        return unknown(at)
    import ipaddress

    block, count, bits = (text_of(part) or "" for part in (*parts, made("8", at))[:3])
    try:
        network = ipaddress.ip_network(block)
        subnets = network.subnets(new_prefix=network.max_prefixlen - int(bits))
        return made([str(next(subnets)) for _ in range(int(count))], at)
    except (ValueError, StopIteration, RuntimeError):
        uncertain = any(part.unknown for part in parts)
        return unknown(at) if uncertain else malformed(scope, at, form)


def get_azs(scope: Template, argument: Node, at: Node) -> Node:
    """Zones differ by account; three of the usual names stand in."""
    region = text_of(scope.resolve(argument)) or scope.pseudo("AWS::Region")
    return made([f"{region}{letter}" for letter in "abc"], at)
