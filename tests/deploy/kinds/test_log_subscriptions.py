"""Subscription filters of log groups, against moto."""

from __future__ import annotations

import pytest

from lambdactl.errors import TakenError
from tests.deploy.kinds.shop import Shop, function_arn, manifest

pytestmark = pytest.mark.aws


def filters(shop: Shop, group: str) -> dict[str, tuple[str, str]]:
    found = shop.account.client("logs").describe_subscription_filters(logGroupName=group)
    return {
        one["filterName"]: (one["filterPattern"], one["destinationArn"])
        for one in found["subscriptionFilters"]
    }


def test_a_filter_comes_changes_and_goes(shop: Shop) -> None:
    shop.account.client("logs").create_log_group(logGroupName="/theirs")
    one = manifest(a=["cloudwatch_logs: {group: /theirs, filter: ERROR}"])
    assert "create log_subscription:/theirs:a" in shop.deploy(one)
    assert filters(shop, "/theirs") == {"a": ("ERROR", function_arn("a"))}
    assert shop.deploy(one.replace("ERROR", "WARN")) == ["update log_subscription:/theirs:a"]
    aliased = one.replace("filter: ERROR", "alias: live")
    shop.deploy(aliased)
    assert filters(shop, "/theirs") == {"a": ("", f"{function_arn('a')}:live")}
    shop.deploy(manifest(a=[]))
    assert filters(shop, "/theirs") == {}


def test_filters_of_others_stay(shop: Shop) -> None:
    logs = shop.account.client("logs")
    logs.create_log_group(logGroupName="/theirs")
    shop.deploy(manifest(a=[], b=[]))
    logs.put_subscription_filter(
        logGroupName="/theirs",
        filterName="hers",
        filterPattern="",
        destinationArn=function_arn("b"),
    )
    one = manifest(a=["cloudwatch_logs: {group: /theirs}"], b=[])
    shop.deploy(one)
    with pytest.raises(TakenError, match="the subscription filter /theirs:hers is there already"):
        shop.plan(manifest(a=["cloudwatch_logs: {group: /theirs, name: hers}"], b=[]))
    shop.deploy(manifest(a=[], b=[]))
    assert set(filters(shop, "/theirs")) == {"hers"}


def test_the_log_group_of_a_function_of_the_manifest(shop: Shop) -> None:
    one = manifest(a=["cloudwatch_logs: {group: /aws/lambda/b}"], b=[])
    steps = shop.deploy(one)
    assert steps.index("create log_group:/aws/lambda/b") < steps.index(
        "create log_subscription:/aws/lambda/b:a"
    )
    shop.destroy(one)
