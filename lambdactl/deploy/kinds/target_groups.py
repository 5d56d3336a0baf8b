"""Target groups of load balancers with a function as their target.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import calling, tagging
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.callers import caller_of, callers
from lambdactl.deploy.model import Context, Live, Resource

PRINCIPAL = "elasticloadbalancing.amazonaws.com"
_GONE = ("TargetGroupNotFound", "TargetGroupNotFoundException")
_MULTI = "lambda.multi_value_headers.enabled"
_LEAVING = frozenset({"draining", "unhealthy.draining"})


class TargetGroup:
    """``target_group:NAME``."""

    name: ClassVar[str] = "target_group"
    title: ClassVar[str] = "target group"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        group = target_groups(context).get(name)
        if group is None:
            return None
        arn = group["TargetGroupArn"]
        elb = context.account.client("elbv2")
        with allowed(*_GONE):
            described = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
            tags = tagging.mapping(described[0]["Tags"] if described else ())
            targets = _targets(context, arn)
            attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
            target = targets[0] if len(targets) == 1 else None
            caller = caller_of(context, target, calling.target_group(name)) if target else None
            return Live(
                kind=self.name,
                name=name,
                properties={
                    # More than one is not what we have made: all of them go then.
                    "target": target or (targets or None),
                    "multi_value_headers": {"Key": _MULTI, "Value": "true"} in attributes,
                    "health_check": _health_check(group),
                },
                outputs={"arn": arn},
                owner=tagging.owner(tags),
                hash=tagging.deployed(tags),
                needs=caller.needs if caller else (),
            )
        return None

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return group_names(context, functions)

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        elb = context.account.client("elbv2")
        # "This operation is idempotent": again with the same settings, it gives what is there.
        answer = elb.create_target_group(
            Name=resource.name,
            TargetType="lambda",
            Tags=tagging.pairs(tagging.begun(context, resource)),
            **_wanted_check(resource.properties["health_check"]),
        )
        arn = answer["TargetGroups"][0]["TargetGroupArn"]
        _set_multi(context, arn, resource.properties["multi_value_headers"])
        _register(context, arn, resource.properties["target"])
        elb.add_tags(ResourceArns=[arn], Tags=tagging.pairs(tagging.of(context, resource)))
        context.account.forget("target_groups/")
        return {"arn": arn}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        arn = live.outputs["arn"]
        elb = context.account.client("elbv2")
        if "health_check" in changed:
            elb.modify_target_group(
                TargetGroupArn=arn, **_wanted_check(resource.properties["health_check"])
            )
        if "multi_value_headers" in changed:
            _set_multi(context, arn, resource.properties["multi_value_headers"])
        if "target" in changed:
            _register(context, arn, resource.properties["target"])
        elb.add_tags(ResourceArns=[arn], Tags=tagging.pairs(tagging.of(context, resource)))
        context.account.forget("target_groups/")
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        with allowed(*_GONE):
            context.account.client("elbv2").delete_target_group(TargetGroupArn=live.outputs["arn"])
        context.account.forget("target_groups/")


KINDS = (TargetGroup(),)


def group_names(context: Context, functions: Iterable[str]) -> set[str]:
    """Names of the target groups that are ours, and maybe of some that are not there."""
    arns = [one.source_arn or "" for one in callers(context, functions, PRINCIPAL)]
    arns += tagging.arns(context, "elasticloadbalancing")
    return {arn.split("/")[1] for arn in arns if ":targetgroup/" in arn}


def target_groups(context: Context) -> Mapping[str, Mapping[str, Any]]:
    """All target groups of the account, by name."""

    def ask() -> dict[str, Mapping[str, Any]]:
        pages = context.account.client("elbv2").get_paginator("describe_target_groups")
        return {
            one["TargetGroupName"]: one for page in pages.paginate() for one in page["TargetGroups"]
        }

    return context.account.once("target_groups/", ask)


def _targets(context: Context, arn: str) -> list[str]:
    answer = context.account.client("elbv2").describe_target_health(TargetGroupArn=arn)
    return sorted(
        one["Target"]["Id"]
        for one in answer["TargetHealthDescriptions"]
        if one["TargetHealth"]["State"] not in _LEAVING
    )


def _register(context: Context, arn: str, target: str) -> None:
    """Make ``target`` the only one: a group takes one function."""
    elb = context.account.client("elbv2")
    others = [one for one in _targets(context, arn) if one != target]
    if others:
        elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": one} for one in others])
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": target}])


def _set_multi(context: Context, arn: str, enabled: bool) -> None:
    context.account.client("elbv2").modify_target_group_attributes(
        TargetGroupArn=arn,
        Attributes=[{"Key": _MULTI, "Value": "true" if enabled else "false"}],
    )


def _health_check(group: Mapping[str, Any]) -> dict[str, Any]:
    if not group.get("HealthCheckEnabled"):
        return {"enabled": False}
    return {
        "enabled": True,
        "path": group.get("HealthCheckPath"),
        "interval_s": group.get("HealthCheckIntervalSeconds"),
        "timeout_s": group.get("HealthCheckTimeoutSeconds"),
        "healthy": group.get("HealthyThresholdCount"),
        "unhealthy": group.get("UnhealthyThresholdCount"),
        "codes": group.get("Matcher", {}).get("HttpCode"),
    }


def _wanted_check(check: Mapping[str, Any]) -> dict[str, Any]:
    if not check["enabled"]:
        return {"HealthCheckEnabled": False}
    return {
        "HealthCheckEnabled": True,
        "HealthCheckPath": check["path"],
        "HealthCheckIntervalSeconds": check["interval_s"],
        "HealthCheckTimeoutSeconds": check["timeout_s"],
        "HealthyThresholdCount": check["healthy"],
        "UnhealthyThresholdCount": check["unhealthy"],
        "Matcher": {"HttpCode": check["codes"]},
    }
