"""IAM policies as Lambda authorizers return them: read once, decided for every request.

The rules are IAM's: an explicit deny goes before every allow, and what no statement speaks of is
denied (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).
The action is always ``execute-api:Invoke``
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lambdactl.triggers.http.authorizers.conditions import Condition, PolicyError, conditions
from lambdactl.triggers.http.authorizers.wildcards import matches

__all__ = ["Decision", "Policy", "PolicyError", "decide", "read"]

Decision = Literal["allow", "deny", "none"]
"""Allowed, denied by a statement, or spoken of by none (an implicit deny)."""

INVOKE = "execute-api:invoke"
"""The one action, in lower case: actions are compared without regard to case."""


@dataclass(frozen=True, slots=True)
class Statement:
    """:ivar but: the action or resource has to be none of those named (``NotAction``)."""

    allow: bool
    actions: tuple[str, ...]
    but_actions: bool
    resources: tuple[str, ...]
    but_resources: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    statements: tuple[Statement, ...]


def read(document: Any) -> Policy:
    """The policy of a ``policyDocument``.

    :raises PolicyError: it is not one; the message says what is wrong with it.
    """
    if not isinstance(document, dict):
        raise PolicyError("policyDocument is not an object")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyError("policyDocument has no Statement")
    return Policy(tuple(_statement(each) for each in statements))


def _statement(node: Any) -> Statement:
    if not isinstance(node, dict):
        raise PolicyError("a Statement is not an object")
    effect = node.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"Effect is {effect!r}, not Allow or Deny")
    actions, but_actions = _either(node, "Action")
    resources, but_resources = _either(node, "Resource")
    return Statement(
        allow=effect == "Allow",
        actions=tuple(action.lower() for action in actions),
        but_actions=but_actions,
        resources=resources,
        but_resources=but_resources,
        conditions=conditions(node.get("Condition")),
    )


def _either(node: Mapping[str, Any], name: str) -> tuple[tuple[str, ...], bool]:
    found = [key for key in (name, f"Not{name}") if key in node]
    if len(found) != 1:
        raise PolicyError(f"a Statement needs either {name} or Not{name}")
    value = node[found[0]]
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise PolicyError(f"{found[0]} is not a string or a list of strings")
    return tuple(values), found[0] != name


def decide(policy: Policy, resource: str, facts: Mapping[str, str]) -> Decision:
    """Whether ``policy`` lets the request to ``resource`` (an ARN) pass.

    :param facts: what conditions may ask about, by lower-case key (``aws:sourceip``).
    """
    allowed = False
    for statement in policy.statements:
        # An allow can't change anything any more once there is one.
        if (statement.allow and allowed) or not _applies(statement, resource, facts):
            continue
        if not statement.allow:
            return "deny"
        allowed = True
    return "allow" if allowed else "none"


def _applies(statement: Statement, resource: str, facts: Mapping[str, str]) -> bool:
    return (
        any(matches(each, INVOKE) for each in statement.actions) is not statement.but_actions
        and any(_names(each, resource) for each in statement.resources)
        is not statement.but_resources
        and all(condition(facts) for condition in statement.conditions)
    )


def _names(pattern: str, arn: str) -> bool:
    """Whether ``pattern`` names ``arn``. A wildcard stays within its segment of the ARN, unless
    the pattern leaves segments out
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html)."""
    wanted, segments = pattern.split(":", 5), arn.split(":", 5)
    if len(wanted) == len(segments):
        return all(map(matches, wanted, segments))
    return matches(pattern, arn)
