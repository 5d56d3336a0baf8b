"""The function that a resource of CloudFormation's own names, and what calls it through that."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, Place, Trigger
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, resource_of, text_of

Owned = Mapping[str, Fields]
"""The fields of functions by their names."""
Reading = Callable[[Draft, Owned, Resource], list[Trigger]]
_NAME = r"(?:.*:function:)?(?P<name>[A-Za-z0-9_-]+)(?::(?P<qualifier>[A-Za-z0-9_$-]+))?"


class Target:
    """A function that a resource names, and the alias or version of it."""

    def __init__(self, function: Resource, qualifier: str | None) -> None:
        self.function = function
        self.qualifier = qualifier


def target_of(draft: Draft, node: Node | None) -> Target | None:
    """The function of this template that ``node`` names: by ``Ref``, by ARN or by name."""
    resource = resource_of(node)
    if resource is not None and resource.type in ("AWS::Lambda::Alias", "AWS::Lambda::Version"):
        inner = target_of(draft, resource.get("FunctionName"))
        if inner is None:
            return None
        qualifier = resource.text("Name") if resource.type.endswith("Alias") else "1"
        return Target(inner.function, qualifier)
    text = text_of(node)
    match = re.fullmatch(_NAME, text or "")
    function = resource if resource is not None and resource.is_function else None
    if function is None and match is not None:
        function = function_named(draft, match["name"])
    if function is None:
        return None
    return Target(function, match["qualifier"] if match is not None else None)


def function_named(draft: Draft, name: str) -> Resource | None:
    """The function that is called ``name`` in AWS or in the template."""
    for resource in draft.template.resources.values():
        if resource.is_function and name in (resource.physical_name, resource.name):
            return resource
    return None


def uri_target(
    draft: Draft, node: Node | None, variables: Mapping[str, str] | None = None
) -> Target | None:
    """The function in the URI of an integration or an authorizer; ``variables`` are those of the
    stage, which may stand in it."""
    text = text_of(node) or ""
    start = text.find("arn:", 1) if "/functions/" in text else 0
    resource = resource_of(node)
    if resource is not None and start == 0:
        return target_of(draft, node)
    if node is None or not text:
        return None
    for name, value in (variables or {}).items():
        text = text.replace(f"${{stageVariables.{name}}}", value)
    return target_of(draft, made(text[start:].removesuffix("/invocations"), node))


def trigger_of(target: Target, kind: str, fields: Fields, at: Place) -> Trigger:
    """A trigger that calls the target, through its alias if there is one."""
    if target.qualifier is not None and not target.qualifier.startswith("$"):
        fields.put("alias", made(target.qualifier, Node(None, *at)))
    return Trigger(target.function.key, kind, fields, at)
