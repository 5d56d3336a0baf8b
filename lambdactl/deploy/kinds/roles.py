"""Roles that services of AWS assume: trust, one policy of our own, managed policies, a boundary.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import tagging
from lambdactl.deploy.desired.roles import policy_name
from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.errors import UserError

POLICY = "lambdactl"
"""The name of the policy in a role that is ours."""

_PATHS = ("service-role/", "", "job-function/")
"""Where AWS keeps its managed policies
(https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html)."""


class Role:
    name: ClassVar[str] = "role"
    title: ClassVar[str] = "role"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        iam = context.account.client("iam")
        with allowed("NoSuchEntity"):
            role = iam.get_role(RoleName=name)["Role"]
            tags = tagging.mapping(role.get("Tags", ()))
            owner = tagging.owner(tags)
            properties = tagging.unfinished(("trust", "policy", "managed", "boundary"))
            # What is somebody else's is not looked into.
            if owner == context.naming.owner and tagging.deployed(tags) is not None:
                properties = _properties(iam, role)
            return Live(
                kind=self.name,
                name=name,
                properties=properties,
                outputs=_outputs(role),
                owner=owner,
                hash=tagging.deployed(tags),
            )
        return None

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        pages = context.account.client("iam").get_paginator("list_roles")
        for page in pages.paginate(PathPrefix=context.naming.role_path):
            for role in page["Roles"]:
                yield role["RoleName"]

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        wanted = resource.properties
        boundary = wanted["boundary"]
        try:
            role = context.account.client("iam").create_role(
                Path=context.naming.role_path,
                RoleName=resource.name,
                AssumeRolePolicyDocument=json.dumps(wanted["trust"]),
                Description=f"Made by lambdactl: {context.naming.role_path}",
                Tags=tagging.pairs(tagging.begun(context, resource)),
                **({"PermissionsBoundary": boundary} if boundary else {}),
            )["Role"]
        except Exception as error:
            live = self.read(context, resource.name) if code(error) == _EXISTS else None
            if live is None or live.owner != context.naming.owner:
                raise
            return self.update(context, resource, live, frozenset(wanted))
        self._put(context, resource, frozenset(key for key in ("policy", "managed") if wanted[key]))
        return _outputs(role)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        begun = tagging.pairs(tagging.begun(context, resource))
        context.account.client("iam").tag_role(RoleName=resource.name, Tags=begun)
        self._put(context, resource, changed)
        return live.outputs

    def _put(self, context: Context, resource: Resource, changed: frozenset[str]) -> None:
        iam = context.account.client("iam")
        name, wanted = resource.name, resource.properties
        if "trust" in changed:
            document = json.dumps(wanted["trust"])
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)
        if "boundary" in changed:
            if wanted["boundary"]:
                boundary = wanted["boundary"]
                iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
            else:
                with allowed("NoSuchEntity"):
                    iam.delete_role_permissions_boundary(RoleName=name)
        # New permissions come before old ones go: a function that runs loses none that it keeps.
        attached = _attached(iam, name) if "managed" in changed else []
        if "managed" in changed:
            for policy in sorted(set(wanted["managed"]) - {policy_name(arn) for arn in attached}):
                _attach(context, resource, policy)
        if "policy" in changed:
            if wanted["policy"] is not None:
                document = json.dumps(wanted["policy"], separators=(",", ":"))
                iam.put_role_policy(RoleName=name, PolicyName=POLICY, PolicyDocument=document)
            else:
                with allowed("NoSuchEntity"):
                    iam.delete_role_policy(RoleName=name, PolicyName=POLICY)
        for arn in attached:
            if policy_name(arn) not in wanted["managed"]:
                with allowed("NoSuchEntity"):
                    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        iam.tag_role(RoleName=name, Tags=tagging.pairs(tagging.of(context, resource)))

    def delete(self, context: Context, live: Live) -> None:
        """Policies that somebody else has put into it go too: a role with policies can't go
        (https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html)."""
        iam = context.account.client("iam")
        with allowed("NoSuchEntity"):
            for arn in _attached(iam, live.name):
                with allowed("NoSuchEntity"):
                    iam.detach_role_policy(RoleName=live.name, PolicyArn=arn)
            for page in iam.get_paginator("list_role_policies").paginate(RoleName=live.name):
                for policy in page["PolicyNames"]:
                    with allowed("NoSuchEntity"):
                        iam.delete_role_policy(RoleName=live.name, PolicyName=policy)
            iam.delete_role(RoleName=live.name)


KINDS = (Role(),)

_EXISTS = "EntityAlreadyExists"


def _outputs(role: Mapping[str, Any]) -> dict[str, str]:
    return {"arn": role["Arn"], "name": role["RoleName"]}


def _properties(iam: Any, role: Mapping[str, Any]) -> dict[str, Any]:
    name = role["RoleName"]
    return {
        "trust": role["AssumeRolePolicyDocument"],
        "policy": _policy(iam, name),
        "managed": sorted(policy_name(arn) for arn in _attached(iam, name)),
        "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
    }


def _policy(iam: Any, name: str) -> Mapping[str, Any] | None:
    with allowed("NoSuchEntity"):
        document: Mapping[str, Any] = iam.get_role_policy(RoleName=name, PolicyName=POLICY)[
            "PolicyDocument"
        ]
        return document
    return None


def _attached(iam: Any, name: str) -> list[str]:
    pages = iam.get_paginator("list_attached_role_policies").paginate(RoleName=name)
    return [one["PolicyArn"] for page in pages for one in page["AttachedPolicies"]]


def _attach(context: Context, resource: Resource, policy: str) -> None:
    """:raises UserError: AWS has no managed policy of that name."""
    iam = context.account.client("iam")
    if policy.startswith("arn:"):
        iam.attach_role_policy(RoleName=resource.name, PolicyArn=policy)
        return
    for path in _PATHS:
        arn = f"arn:{context.naming.partition}:iam::aws:policy/{path}{policy}"
        try:
            iam.attach_role_policy(RoleName=resource.name, PolicyArn=arn)
        except Exception as error:
            if code(error) != "NoSuchEntity":
                raise
        else:
            return
    raise UserError(
        f"AWS has no managed policy {policy!r}",
        where=resource.where,
        hint="check its name; a policy of your own is named by its ARN",
    )
