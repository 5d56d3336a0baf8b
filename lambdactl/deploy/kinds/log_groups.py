"""Log groups of CloudWatch Logs.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import tagging
from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.errors import TakenError

LAMBDAS = "/aws/lambda/"
"""How groups begin that Lambda makes for functions that have none."""


class LogGroup:
    """One that is there already and isn't ours is used as it is, and stays when we go: Lambda may
    have made it, or others write to it too. What it keeps is set where the manifest asks for it,
    and only where Lambda has named it after the function."""

    name: ClassVar[str] = "log_group"
    title: ClassVar[str] = "log group"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        group = _find(context, name)
        if group is None:
            return None
        tags = _tags(context, name)
        mine = _mine(context, tags)
        hash_ = tagging.deployed(tags) if mine else None
        days = group.get("retentionInDays") if mine or _asked(context, name) else None
        found: dict[str, Any] = {"retention_days": days}
        if mine and hash_ is None:
            found = tagging.unfinished(found)
        return Live(
            kind=self.name,
            name=name,
            properties=found,
            outputs={"arn": _arn(context, name), "name": name},
            owner=context.naming.owner,
            hash=hash_,
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        found = {arn.split(":", 6)[6].removesuffix(":*") for arn in tagging.arns(context, "logs")}
        names = map(context.naming.log_group, context.naming.app.functions)
        for name in sorted(found | set(names)):
            if _mine(context, _tags(context, name)):
                yield name

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        days = resource.properties.get("retention_days")
        # With a retention to come it is not yet what it was deployed as.
        tags = (tagging.begun if days else tagging.of)(context, resource)
        with allowed("ResourceAlreadyExistsException"):
            context.account.client("logs").create_log_group(logGroupName=resource.name, tags=tags)
        context.account.forget(f"log group tags:{resource.name}")
        if days:
            self._keep(context, resource)
        return {"arn": _arn(context, resource.name), "name": resource.name}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        self._keep(context, resource)
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        with allowed("ResourceNotFoundException"):
            context.account.client("logs").delete_log_group(logGroupName=live.name)
        context.account.forget(f"log group tags:{live.name}")

    def _keep(self, context: Context, resource: Resource) -> None:
        name, days = resource.name, resource.properties["retention_days"]
        tags = _tags(context, name)
        mine = _mine(context, tags)
        if not mine and not (name.startswith(LAMBDAS) and tagging.owner(tags) is None):
            raise TakenError(
                f"the log group {name} is somebody else's, and its retention too",
                where=resource.where,
                hint="leave `logging.retention` out, or take another `logging.group`",
            )
        logs = context.account.client("logs")
        arn = _arn(context, name)
        if mine and tagging.deployed(tags) is not None:
            logs.tag_resource(resourceArn=arn, tags=tagging.begun(context, resource))
        if days:
            logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        else:
            logs.delete_retention_policy(logGroupName=name)
        if mine:
            logs.tag_resource(resourceArn=arn, tags=tagging.of(context, resource))
            context.account.forget(f"log group tags:{name}")


KINDS = (LogGroup(),)


def _arn(context: Context, name: str) -> str:
    return context.naming.arn("logs", f"log-group:{name}")


def _mine(context: Context, tags: Mapping[str, str]) -> bool:
    return tagging.owner(tags) == context.naming.owner


def _asked(context: Context, name: str) -> bool:
    """Whether the manifest says how long the group keeps its lines."""
    functions = context.naming.app.functions
    return any(
        one.logging.retention_days and context.naming.log_group(key) == name
        for key, one in functions.items()
    )


def _find(context: Context, name: str) -> Mapping[str, Any] | None:
    """Groups are answered in the order of their names, so the one that is meant comes first."""
    logs = context.account.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
        for group in page["logGroups"]:
            found: Mapping[str, Any] = group
            if group["logGroupName"] == name:
                return found
            if group["logGroupName"] > name:
                return None
    return None


def _tags(context: Context, name: str) -> Mapping[str, str]:
    def ask() -> dict[str, str]:
        try:
            answer = context.account.client("logs").list_tags_for_resource(
                resourceArn=_arn(context, name)
            )
        except Exception as error:
            if code(error) != "ResourceNotFoundException":
                raise
            return {}
        return dict(answer.get("tags", {}))

    return context.account.once(f"log group tags:{name}", ask)
