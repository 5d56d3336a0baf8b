"""``cloudwatch_logs`` triggers: subscription filters of log groups.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

from collections.abc import Iterator

from lambdactl.deploy import calling
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.triggered import Triggered, once, triggers
from lambdactl.deploy.model import Resource

_LONGEST = 512


def resources(wanted: Wanted) -> Iterator[Resource]:
    """Filters that are off are not there: CloudWatch Logs has no such state."""
    yield from once(
        resource
        for one in triggers(wanted, "cloudwatch_logs")
        if one.enabled
        for resource in _filter(one)
    )


def _filter(one: Triggered) -> Iterator[Resource]:
    naming, group = one.naming, one.settings["group"]
    name = one.given_name(longest=_LONGEST)
    grant = one.grant(
        calling.log_filter(group, name),
        "logs.amazonaws.com",
        source_arn=naming.arn("logs", f"log-group:{group}:*"),
        source_account=naming.account,
    )
    yield grant
    ours = {naming.log_group(name) for name in one.wanted.app.functions}
    yield Resource(
        kind="log_subscription",
        # Neither name may have a colon in it.
        name=f"{group}:{name}",
        properties={"filter": one.settings.get("filter", ""), "target": one.target},
        needs=(grant.address, *([f"log_group:{group}"] if group in ours else ())),
        function=one.function.name,
        where=one.where,
    )
