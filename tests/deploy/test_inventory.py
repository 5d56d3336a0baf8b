"""The list of everything: it sees what there is."""

from __future__ import annotations

import boto3
import pytest

from tests.deploy.inventory import inventory

pytestmark = pytest.mark.aws


def test_it_sees_what_comes_and_goes(aws: str) -> None:
    before = inventory()
    boto3.client("sqs").create_queue(QueueName="mails")
    boto3.client("s3").create_bucket(
        Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    found = inventory() - before
    assert len(found) == 2
    assert any(line.endswith("/mails") for line in found)
    assert "bucket photos" in found
    boto3.client("s3").delete_bucket(Bucket="photos")
    assert not any("photos" in line for line in inventory())
