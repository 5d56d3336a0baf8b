"""What a function may do: ``Policies`` of SAM, or a role of the same template -> ``role``.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html#sam-function-policies
and, for the policy templates of SAM (``policies.json``),
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-policy-template-list.html
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, sequence
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, text_of

TABLE = Path(__file__).with_name("policies.json")
_OF_AWS = re.compile(r"arn:[^:]+:iam::aws:policy/(?:[^/]+/)*(?P<name>[^/]+)")
_VARIABLE = re.compile(r"\$\{([^{}]+)\}")


@functools.cache
def table() -> Mapping[str, Any]:
    """SAM's policy templates by name."""
    document: Mapping[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    templates: Mapping[str, Any] = document["templates"]
    return templates


def of_function(draft: Draft, resource: Resource, fields: Fields) -> None:
    """Set ``role`` from ``Policies`` and ``PermissionsBoundary``."""
    policies = resource.get("Policies")
    managed: list[Node] = []
    statements: list[Node] = []
    for policy in members(policies):
        if policy.is_mapping and "Statement" in policy.value:
            statements += _statements(policy.value["Statement"])
        elif policy.is_mapping:
            for name, given in policy.items():
                at = policy.keys.get(name, policy.at)
                statements += _from_template(draft, name, given, at, policy)
        elif not policy.unknown:
            managed.append(_managed(policy))
    boundary = resource.get("PermissionsBoundary")
    _put(draft, fields, policies or boundary or resource.body, managed, statements, boundary)


def of_role(draft: Draft, role: Resource, at: Node, fields: Fields) -> None:
    """Set ``role`` from an ``AWS::IAM::Role`` of the template.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html
    """
    managed = [_managed(arn) for arn in members(role.get("ManagedPolicyArns")) if not arn.unknown]
    statements: list[Node] = []
    for policy in members(role.get("Policies")):
        document = policy.get("PolicyDocument", "Statement")
        if document is not None:
            statements += _statements(document)
    _put(draft, fields, at, managed, statements, role.get("PermissionsBoundary"))


def _put(
    draft: Draft,
    fields: Fields,
    at: Node,
    managed: list[Node],
    statements: list[Node],
    boundary: Node | None,
) -> None:
    inner = draft.fields(at.at)
    if managed:
        inner.put("managed", sequence(managed, managed[0].at), "Policies")
    if statements:
        inner.put("statements", sequence(statements, statements[0].at), "Policies")
    inner.put("boundary", boundary, "PermissionsBoundary")
    fields.nest("role", inner, "Policies")


def _managed(policy: Node) -> Node:
    """AWS's managed policies by their name alone."""
    match = _OF_AWS.fullmatch(policy.text)
    return made(match["name"], policy) if match else policy


def _statements(node: Node) -> list[Node]:
    return [statement for statement in members(node) if not statement.unknown]


def _from_template(
    draft: Draft, name: str, given: Node, at: tuple[int, int], policy: Node
) -> list[Node]:
    known = table()
    if name not in known:
        draft.problems.add(
            "unknown-policy", f"there is no policy template `{name}`", at, did_you_mean(name, known)
        )
        return []
    values: dict[str, str] = {}
    for parameter in known[name]["parameters"]:
        node = given.get(parameter)
        if node is None:
            draft.problems.add("missing-field", f"`{name}` needs `{parameter}`", at, node=policy)
        values[parameter] = text_of(node) or parameter
    statements: list[Node] = made(
        [_filled(statement, values, draft) for statement in known[name]["statements"]], policy
    ).value
    return statements


def _filled(value: Any, values: Mapping[str, str], draft: Draft) -> Any:
    if isinstance(value, dict):
        return {key: _filled(child, values, draft) for key, child in value.items()}
    if isinstance(value, list):
        return [_filled(child, values, draft) for child in value]

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        return values[name] if name in values else draft.template.pseudo(name)

    return _VARIABLE.sub(replacement, value)
