"""Subscription filters of log groups.

A filter can't be tagged: it is lambdactl's where it leads to a function that CloudWatch Logs may
call for its group by a permission of lambdactl's.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import calling
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.callers import Caller, caller_of, callers
from lambdactl.deploy.model import Context, Live, Resource

_PRINCIPAL = "logs.amazonaws.com"


class LogSubscription:
    """``log_subscription:GROUP:NAME``."""

    name: ClassVar[str] = "log_subscription"
    title: ClassVar[str] = "subscription filter"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        group, _, filter_name = name.partition(":")
        found = _filters(context, group).get(filter_name)
        if found is None:
            return None
        caller = _caller(context, group, found)
        return Live(
            kind=self.name,
            name=name,
            properties={"filter": found["filterPattern"], "target": found["destinationArn"]},
            owner=context.naming.owner if caller else None,
            needs=(*(caller.needs if caller else ()), f"log_group:{group}"),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        home = context.naming.arn("logs", "log-group:")
        groups = {
            one.source_arn.removeprefix(home).removesuffix(":*")
            for one in callers(context, functions, _PRINCIPAL)
            if one.source_arn and one.source_arn.startswith(home)
        }
        for group in sorted(groups):
            for name, found in _filters(context, group).items():
                if _caller(context, group, found):
                    yield f"{group}:{name}"

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        group, _, name = resource.name.partition(":")
        context.account.client("logs").put_subscription_filter(
            logGroupName=group,
            filterName=name,
            filterPattern=resource.properties["filter"],
            destinationArn=resource.properties["target"],
        )
        context.account.forget(f"log_subscriptions:{group}:")
        return {}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return self.create(context, resource)

    def delete(self, context: Context, live: Live) -> None:
        group, _, name = live.name.partition(":")
        with allowed("ResourceNotFoundException"):
            context.account.client("logs").delete_subscription_filter(
                logGroupName=group, filterName=name
            )
        context.account.forget(f"log_subscriptions:{group}:")


KINDS = (LogSubscription(),)


def _filters(context: Context, group: str) -> Mapping[str, Mapping[str, Any]]:
    """A group's filters by name; none where there is no such group."""

    def ask() -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        with allowed("ResourceNotFoundException"):
            pages = context.account.client("logs").get_paginator("describe_subscription_filters")
            for page in pages.paginate(logGroupName=group):
                found.update({one["filterName"]: one for one in page["subscriptionFilters"]})
        return found

    return context.account.once(f"log_subscriptions:{group}:", ask)


def _caller(context: Context, group: str, found: Mapping[str, Any]) -> Caller | None:
    words = calling.log_filter(group, found["filterName"])
    return caller_of(context, found["destinationArn"], words)
