"""Subscriptions to topics, against moto."""

from __future__ import annotations

import json

import pytest

from tests.deploy.conftest import REGION
from tests.deploy.kinds.shop import ACCOUNT, Shop, function_arn, manifest

pytestmark = pytest.mark.aws

RESOURCES = "resources: {queues: {failed: {}}, topics: {sold: {}}}\n"


def subscriptions(shop: Shop, topic: str = "sold") -> dict[str, dict[str, str]]:
    """Attributes by what is called."""
    sns = shop.account.client("sns")
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:{topic}"
    listed = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    return {
        one["Endpoint"]: sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])[
            "Attributes"
        ]
        for one in listed
    }


def policy(shop: Shop, queue: str = "failed") -> list[dict[str, object]]:
    sqs = shop.account.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    found = json.loads(attributes.get("Attributes", {}).get("Policy") or "{}")
    statements: list[dict[str, object]] = found.get("Statement", [])
    return statements


def test_a_subscription_comes_changes_and_goes(shop: Shop) -> None:
    one = manifest(RESOURCES, a=["sns: {topic: sold, filter: {kind: [book]}}"])
    steps = shop.deploy(one)
    assert steps.index("create topic:sold") < steps.index("create subscription:sold/a")
    found = subscriptions(shop)[function_arn("a")]
    assert json.loads(found["FilterPolicy"]) == {"kind": ["book"]}

    # A nested filter works on the body only.
    two = manifest(
        RESOURCES,
        a=[
            "sns: {topic: sold, filter: {item: {kind: [book]}}, filter_scope: message_body, "
            "dead_letter: {queue: failed}}"
        ],
    )
    assert shop.deploy(two) == [
        "create queue_grant:failed/lambdactl-sns-sold",
        "update subscription:sold/a",
    ]
    found = subscriptions(shop)[function_arn("a")]
    assert found["FilterPolicyScope"] == "MessageBody"
    assert json.loads(found["RedrivePolicy"])["deadLetterTargetArn"].endswith(":failed")
    assert policy(shop) == [
        {
            "Sid": "lambdactl-sns-sold",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:failed",
            "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:sold"}},
        }
    ]

    assert shop.deploy(manifest(RESOURCES, a=["sns: {topic: sold}"])) == [
        "update subscription:sold/a",
        "delete queue_grant:failed/lambdactl-sns-sold",
    ]
    assert policy(shop) == []
    assert shop.deploy(manifest(RESOURCES, a=[])) == [
        "delete subscription:sold/a",
        "delete permission:a/lambdactl-sns-sold",
    ]
    assert subscriptions(shop) == {}


def test_subscriptions_of_others_stay(shop: Shop) -> None:
    sns = shop.account.client("sns")
    topic = sns.create_topic(Name="sold")["TopicArn"]
    shop.deploy(manifest(a=[], b=[]))
    # By hand, to a function of ours: nothing of lambdactl's lets the topic call it.
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function_arn("b"))
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function_arn("other"))
    one = manifest(a=["sns: {topic: sold, alias: live}"], b=[])
    shop.deploy(one)
    assert set(subscriptions(shop)) == {
        function_arn("b"),
        function_arn("other"),
        f"{function_arn('a')}:live",
    }
    shop.destroy(one)
    assert set(subscriptions(shop)) == {function_arn("b"), function_arn("other")}


def test_a_topic_of_another_region_by_its_arn(shop: Shop) -> None:
    topic = shop.account.client("sns", in_region="eu-north-1").create_topic(Name="sold")
    arn = topic["TopicArn"]
    shop.deploy(manifest(a=[f"sns: {{topic: '{arn}'}}"]))
    assert f"create subscription:{arn}/a" not in shop.deploy(
        manifest(a=[f"sns: {{topic: '{arn}', filter: {{kind: [book]}}}}"])
    )
    assert f"delete subscription:{arn}/a" in shop.deploy(manifest(a=[]))


def test_one_queue_for_what_several_could_not_deliver(shop: Shop) -> None:
    triggers = [
        "sns: {topic: sold, dead_letter: {queue: failed}}",
        "eventbridge: {pattern: {source: [shop]}, dead_letter: {queue: failed}}",
    ]
    one = manifest(RESOURCES, a=triggers, b=triggers)
    shop.deploy(one)
    assert {statement["Sid"] for statement in policy(shop)} == {
        "lambdactl-sns-sold",
        "lambdactl-events-rule-a-32adfb71",
        "lambdactl-events-rule-b-7ccd06fe",
    } or len(policy(shop)) == 3
    shop.deploy(manifest(RESOURCES, a=triggers, b=[]))
    assert len(policy(shop)) == 2
    shop.destroy(one)
