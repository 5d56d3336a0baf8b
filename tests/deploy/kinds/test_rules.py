"""Rules of EventBridge, against moto."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdactl.errors import TakenError
from tests.deploy.kinds.shop import Shop, function_arn, manifest

pytestmark = pytest.mark.aws


def rule(shop: Shop, name: str, bus: str = "default") -> dict[str, Any]:
    """A rule, its targets by their ids and its tags."""
    events = shop.account.client("events")
    found: dict[str, Any] = events.describe_rule(Name=name, EventBusName=bus)
    targets = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
    tags = events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"]
    return {
        **found,
        "Targets": {one["Id"]: one for one in targets},
        "Tags": {one["Key"]: one["Value"] for one in tags},
    }


def test_a_rule_comes_changes_and_goes(shop: Shop) -> None:
    one = manifest(
        a=[
            "eventbridge: {pattern: {source: [shop], detail: {n: [{numeric: ['>', 3]}]}}, "
            "input_template: {paths: {n: $.detail.n}, template: '{\"n\": <n>}'}, max_age: 1h}"
        ]
    )
    assert "create rule:default/a" in shop.deploy(one)
    found = rule(shop, "a")
    assert json.loads(found["EventPattern"]) == {
        "source": ["shop"],
        "detail": {"n": [{"numeric": [">", 3]}]},
    }
    assert found["Targets"] == {
        "lambdactl": {
            "Id": "lambdactl",
            "Arn": function_arn("a"),
            "InputTransformer": {
                "InputPathsMap": {"n": "$.detail.n"},
                "InputTemplate": '{"n": <n>}',
            },
            "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 3600},
        }
    }
    assert found["Tags"]["lambdactl:service"] == "shop"
    before = found["Tags"]["lambdactl:hash"]

    # One field, one step; it is off, and there still.
    assert shop.deploy(one.replace("max_age: 1h", "max_age: 1h, enabled: false")) == [
        "update rule:default/a"
    ]
    found = rule(shop, "a")
    assert found["State"] == "DISABLED"
    assert found["Tags"]["lambdactl:hash"] != before

    plain = manifest(a=["eventbridge: {pattern: {source: [shop]}, input: {a: 1}, alias: live}"])
    shop.deploy(plain)
    target = rule(shop, "a")["Targets"]["lambdactl"]
    assert target["Arn"] == f"{function_arn('a')}:live"
    assert (target["Input"], "InputTransformer" in target) == ('{"a": 1}', False)
    assert shop.deploy(manifest(a=[])) == [
        "delete rule:default/a",
        "delete permission:a:live/lambdactl-rule-a",
    ]


def test_rules_of_other_buses_and_with_names(shop: Shop) -> None:
    shop.account.client("events").create_event_bus(Name="orders")
    one = manifest(
        a=[
            "eventbridge: {bus: orders, pattern: {source: [shop]}}",
            "eventbridge: {bus: orders, pattern: {source: [shop]}, name: mine}",
        ]
    )
    steps = shop.deploy(one)
    assert {"create rule:orders/a", "create rule:orders/mine"} <= set(steps)
    statement = shop.account.client("lambda").get_policy(FunctionName="a")["Policy"]
    assert ":rule/orders/mine" in statement
    shop.destroy(one)
    listed = shop.account.client("events").list_rules(EventBusName="orders")["Rules"]
    assert not [found for found in listed if found["Name"] in ("a", "mine")]


def test_somebody_elses_rule_is_left_alone(shop: Shop) -> None:
    events = shop.account.client("events")
    events.put_rule(Name="mine", EventPattern='{"source": ["theirs"]}')
    one = manifest(a=["eventbridge: {pattern: {source: [shop]}, name: mine}"])
    with pytest.raises(TakenError, match="the rule default/mine is there already"):
        shop.plan(one)


def test_what_is_changed_by_hand_is_drift(shop: Shop) -> None:
    one = manifest(a=["eventbridge: {pattern: {source: [shop]}}"])
    shop.deploy(one)
    shop.account.client("events").disable_rule(Name="a")
    step = shop.plan(one).steps[0]
    assert [(change.path, change.drift) for change in step.changes] == [("enabled", True)]
    assert shop.deploy(one) == ["update rule:default/a"]
