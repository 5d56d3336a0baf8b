"""Schedules, their group and their roles, against moto."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdactl.deploy import planning
from lambdactl.errors import AwsError
from tests.deploy.conftest import REGION
from tests.deploy.kinds.shop import ACCOUNT, Shop, function_arn, manifest

pytestmark = pytest.mark.aws

GROUP = "lambdactl-shop-default"
ROLE = "a.schedule-eu-west-1"


def schedule(shop: Shop, name: str, group: str = GROUP) -> dict[str, Any]:
    found: dict[str, Any] = shop.account.client("scheduler").get_schedule(
        Name=name, GroupName=group
    )
    return found


def test_a_schedule_comes_changes_and_goes(shop: Shop) -> None:
    one = manifest(
        "resources: {queues: {failed: {}}}\n",
        a=[
            "schedule: rate(5 minutes)",
            "schedule: {expression: cron(0 12 * * ? *), timezone: Europe/Berlin, alias: live, "
            "flexible_window: 5m, input: {a: 1}, retries: 3, dead_letter: {queue: failed}, "
            "end: 2999-01-31T12:00:00+01:00}",
        ],
    )
    steps = shop.deploy(one)
    assert f"create schedule:{GROUP}/a" in steps
    found = schedule(shop, "a-2")
    assert found["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert found["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}
    assert found["EndDate"].isoformat().startswith("2999-01-31T11:00:00")
    assert found["Target"] == {
        "Arn": f"{function_arn('a')}:live",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/lambdactl/shop/default/{REGION}/{ROLE}",
        "Input": '{"a": 1}',
        "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 3},
        "DeadLetterConfig": {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:failed"},
    }

    assert shop.deploy(one.replace("rate(5 minutes)", "rate(6 minutes)")) == [
        f"update schedule:{GROUP}/a"
    ]
    off = one.replace("rate(5 minutes)", "{expression: rate(6 minutes), enabled: false}")
    shop.deploy(off)
    assert schedule(shop, "a")["State"] == "DISABLED"
    assert shop.deploy(manifest("resources: {queues: {failed: {}}}\n", a=[])) == [
        f"delete schedule:{GROUP}/a",
        f"delete schedule:{GROUP}/a-2",
        f"delete role:{ROLE}",
        f"delete schedule_group:{GROUP}",
    ]


def test_the_role_may_do_what_its_schedules_need_and_no_more(shop: Shop) -> None:
    shop.deploy(
        manifest(
            a=["schedule: rate(5 minutes)", "schedule: {expression: rate(1 day), alias: live}"]
        )
    )
    iam = shop.account.client("iam")
    policy = iam.get_role_policy(RoleName=ROLE, PolicyName="lambdactl")["PolicyDocument"]
    assert policy["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": [function_arn("a"), f"{function_arn('a')}:live"],
        }
    ]
    trust = iam.get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert json.dumps(trust["Condition"]).count(f"schedule-group/{GROUP}") == 1


def test_a_group_of_somebody_else_keeps_what_it_has(shop: Shop) -> None:
    scheduler = shop.account.client("scheduler")
    scheduler.create_schedule_group(Name="theirs")
    target = {"Arn": function_arn("other"), "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/other"}
    scheduler.create_schedule(
        Name="hers",
        GroupName="theirs",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )
    one = manifest(a=["schedule: {expression: rate(1 day), group: theirs, name: mine}"])
    shop.deploy(one)
    assert schedule(shop, "mine", "theirs")["State"] == "ENABLED"
    # It is found without the manifest's help: the tags of our own group say where to look.
    steps = [step.id for step in planning.destruction(shop.context(manifest(b=[]))).steps]
    assert "delete schedule:theirs/mine" in steps
    shop.destroy(one)
    left = scheduler.list_schedules(GroupName="theirs")["Schedules"]
    assert [found["Name"] for found in left] == ["hers"]


def test_a_beginning_that_is_over_is_noted(shop: Shop) -> None:
    over = manifest(a=["schedule: {expression: rate(1 day), start: 2020-01-31T12:00:00Z}"])
    shop.deploy(over)
    assert "StartDate" not in schedule(shop, "a")
    assert shop.deploy(over.replace("2020-01-31", "2020-02-01")) == [f"update schedule:{GROUP}/a"]


def test_our_group_is_not_deleted_with_schedules_of_others(shop: Shop) -> None:
    one = manifest(a=["schedule: rate(1 day)"])
    shop.deploy(one)
    given = schedule(shop, "a")
    scheduler = shop.account.client("scheduler")
    scheduler.create_schedule(
        Name="hers",
        GroupName=GROUP,
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=given["Target"],
    )
    with pytest.raises(AwsError, match="has schedules that lambdactl has not made: hers"):
        shop.destroy(one)
    assert schedule(shop, "hers")
    with pytest.raises(ClientError):
        schedule(shop, "a")
