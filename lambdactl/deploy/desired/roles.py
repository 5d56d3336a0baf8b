"""Execution roles: one for each function that names none, and any other that a service needs.

A role may do what the manifest asks of the function and no more: :mod:`policies` says what that
is (https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lambdactl.deploy.desired import Wanted, policies
from lambdactl.deploy.model import Resource
from lambdactl.errors import Location

VERSION = "2012-10-17"
"""Of the language of policies
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html)."""

_LAMBDA = "lambda.amazonaws.com"


def resources(wanted: Wanted) -> Iterable[Resource]:
    for function in wanted.functions:
        given = function.role
        if given is not None and given.arn is not None:
            continue
        yield role(
            wanted.naming.role(function.name),
            _LAMBDA,
            policies.statements(wanted.naming, function),
            managed=given.managed if given else (),
            boundary=given.boundary if given else None,
            function=function.name,
            where=function.where,
        )


def role(
    name: str,
    service: str,
    statements: Iterable[Mapping[str, Any]],
    *,
    condition: Mapping[str, Any] | None = None,
    managed: Iterable[str] = (),
    boundary: str | None = None,
    function: str | None = None,
    where: Location | None = None,
) -> Resource:
    """A role that a service of AWS assumes.

    :param name: in AWS.
    :param service: as ``scheduler.amazonaws.com``.
    :param statements: of its policy.
    :param condition: of its trust in the service, as IAM spells it.
    :param managed: names of AWS's managed policies, and ARNs of any.
    :param function: of the manifest, that it serves.
    """
    trust: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    if condition:
        trust["Condition"] = dict(condition)
    allowed = [dict(one) for one in statements]
    return Resource(
        kind="role",
        name=name,
        properties={
            "trust": {"Version": VERSION, "Statement": [trust]},
            "policy": {"Version": VERSION, "Statement": allowed} if allowed else None,
            "managed": sorted({policy_name(one) for one in managed}),
            "boundary": boundary,
        },
        function=function,
        where=where,
    )


def policy_name(policy: str) -> str:
    """A managed policy as it is compared: AWS's own by its name, others by their ARN. The names
    of AWS's are unique, whatever their path.

    >>> policy_name("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    'AWSLambdaBasicExecutionRole'
    """
    pieces = policy.split(":")
    return policy.rpartition("/")[2] if len(pieces) > 5 and pieces[4] == "aws" else policy
