"""Notifications of buckets, against moto."""

from __future__ import annotations

from typing import Any

import pytest

from lambdactl.deploy import planning
from lambdactl.errors import UserError
from tests.deploy.conftest import REGION
from tests.deploy.kinds.shop import ACCOUNT, Shop, function_arn, manifest

pytestmark = pytest.mark.aws

THEIRS = {
    "QueueConfigurations": [
        {
            "Id": "theirs",
            "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:theirs",
            "Events": ["s3:ObjectRemoved:*"],
        }
    ],
    "LambdaFunctionConfigurations": [
        {
            "Id": "lambdactl:other:prod:x:1",
            "LambdaFunctionArn": function_arn("other"),
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "theirs/"}]}},
        }
    ],
}


def notifications(shop: Shop, bucket: str = "photos") -> dict[str, Any]:
    found: dict[str, Any] = shop.account.client("s3").get_bucket_notification_configuration(
        Bucket=bucket
    )
    found.pop("ResponseMetadata")
    return found


def ours(shop: Shop) -> dict[str, str]:
    """What is called, by the prefixes of ours."""
    return {
        one["Filter"]["Key"]["FilterRules"][0]["Value"]: one["LambdaFunctionArn"]
        for one in notifications(shop).get("LambdaFunctionConfigurations", ())
        if one["Id"].startswith("lambdactl:shop:default:")
    }


@pytest.fixture
def shop_with_photos(shop: Shop) -> Shop:
    shop.bucket("photos")
    shop.account.client("sqs").create_queue(QueueName="theirs")
    shop.account.client("s3").put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration=THEIRS, SkipDestinationValidation=True
    )
    return shop


def test_notifications_stand_beside_those_of_others(shop_with_photos: Shop) -> None:
    shop = shop_with_photos
    before = notifications(shop)
    one = manifest(
        a=["s3: {bucket: photos, prefix: in/, suffix: .jpg}"],
        b=["s3: {bucket: photos, prefix: b/, alias: live}"],
    )
    steps = shop.deploy(one)
    assert "create s3_notification:photos" in steps
    assert ours(shop) == {"in/": function_arn("a"), "b/": function_arn("b") + ":live"}
    assert before["QueueConfigurations"] == notifications(shop)["QueueConfigurations"]
    shop.destroy(one)
    assert notifications(shop) == before


def test_a_prefix_moves_to_another_function_in_one_call(shop_with_photos: Shop) -> None:
    shop = shop_with_photos
    shop.deploy(manifest(a=["s3: {bucket: photos, prefix: in/}"], b=[]))
    steps = shop.deploy(manifest(a=[], b=["s3: {bucket: photos, prefix: in/}"]))
    # The old permission goes last: S3 looks at all destinations in each call.
    assert steps == [
        "create permission:b/lambdactl-s3-photos",
        "update s3_notification:photos",
        "delete permission:a/lambdactl-s3-photos",
    ]
    assert ours(shop) == {"in/": function_arn("b")}


def test_one_function_alone_leaves_those_of_others(shop_with_photos: Shop) -> None:
    shop = shop_with_photos
    both = manifest(a=["s3: {bucket: photos, prefix: a/}"], b=["s3: {bucket: photos, prefix: b/}"])
    shop.deploy(both)
    steps = shop.deploy(both.replace("a/", "aa/").replace("b/", "bb/"), names=["a"])
    assert steps == ["update s3_notification:photos"]
    assert ours(shop) == {"aa/": function_arn("a"), "b/": function_arn("b")}


def test_a_trigger_that_is_off_is_not_there(shop_with_photos: Shop) -> None:
    shop = shop_with_photos
    shop.deploy(manifest(a=["s3: {bucket: photos, prefix: a/}"]))
    steps = shop.deploy(manifest(a=["s3: {bucket: photos, prefix: a/, enabled: false}"]))
    assert steps == [
        "delete s3_notification:photos",
        "delete permission:a/lambdactl-s3-photos",
    ]
    assert ours(shop) == {}


def test_a_change_by_hand_is_taken_back(shop_with_photos: Shop) -> None:
    shop = shop_with_photos
    one = manifest(a=["s3: {bucket: photos, prefix: a/}"])
    shop.deploy(one)
    shop.account.client("s3").put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration=THEIRS, SkipDestinationValidation=True
    )
    assert shop.deploy(one) == ["create s3_notification:photos"]
    assert ours(shop) == {"a/": function_arn("a")}


def test_a_bucket_of_the_manifests_own(shop: Shop) -> None:
    one = manifest("resources: {buckets: {photos: {}}}\n", a=["s3: {bucket: photos, prefix: a/}"])
    steps = shop.deploy(one)
    assert steps.index("create bucket:photos") < steps.index("create s3_notification:photos")
    steps = [step.id for step in planning.destruction(shop.context(one)).steps]
    assert steps.index("delete s3_notification:photos") < steps.index("delete bucket:photos")
    shop.destroy(one)


def test_a_bucket_that_is_gone_takes_its_notifications(shop: Shop) -> None:
    shop.bucket("photos")
    shop.deploy(manifest(a=["s3: {bucket: photos}"]))
    shop.account.client("s3").delete_bucket(Bucket="photos")
    assert shop.deploy(manifest(a=[])) == ["delete permission:a/lambdactl-s3-photos"]


def test_stages_share_a_bucket(shop: Shop) -> None:
    shop.bucket("photos")
    one = manifest(
        "stages: {prod: {}, test: {}}\n", a=["s3: {bucket: photos, prefix: '${stage}/'}"]
    )
    shop.deploy(one, stage="prod")
    shop.deploy(one, stage="test")
    assert len(notifications(shop)["LambdaFunctionConfigurations"]) == 2
    shop.destroy(one, stage="prod")
    left = notifications(shop)["LambdaFunctionConfigurations"]
    assert [one["LambdaFunctionArn"] for one in left] == [function_arn("a-test")]


def test_two_triggers_of_one_thing_are_refused(shop: Shop) -> None:
    both = manifest(a=["sns: {topic: sold}", "sns: {topic: sold}"])
    with pytest.raises(UserError, match="two triggers want the subscription sold/a") as raised:
        shop.plan(both)
    assert raised.value.where is not None
