"""The bucket for archives that are too large to be uploaded directly: one a service and stage.

Lambda copies what it is given, so the bucket is only a way; what an upload has left is gone after
a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import code_upload, tagging
from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.model import Context, Live, Resource

_GONE = ("NoSuchBucket", "404", "NotFound")
_RULE = "lambdactl"


class CodeBuckets:
    name: ClassVar[str] = "code_bucket"
    title: ClassVar[str] = "bucket for code"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        from botocore.exceptions import ClientError

        client = context.account.client("s3")
        tags: dict[str, str] = {}
        try:
            tags = tagging.mapping(client.get_bucket_tagging(Bucket=name)["TagSet"])
        except ClientError as error:
            if code(error) in _GONE:
                return None
            if code(error) != "NoSuchTagSet":
                raise
        owner = tagging.owner(tags)
        if owner is None and name == code_upload.bucket(context.naming):
            # Its name says whose it is; a creation broke off before its tags were set.
            owner = context.naming.owner
        return Live(
            kind="code_bucket",
            name=name,
            properties={
                "owner": "/".join(tagging.owner(tags) or ()),
                "kept_days": _kept_days(client, name),
            },
            outputs={"arn": f"arn:{context.naming.partition}:s3:::{name}", "name": name},
            owner=owner,
            hash=tagging.deployed(tags),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        # The listing of tags lags behind; there is at most this one.
        name = code_upload.bucket(context.naming)
        # Who deploys small archives only needs no permission of S3; without any it answers 403 of
        # a bucket that isn't there
        # (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html).
        with allowed(*_GONE, "403"):
            context.account.client("s3").head_bucket(
                Bucket=name, ExpectedBucketOwner=context.naming.account
            )
            return [name]
        return []

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        region = context.account.region
        client = context.account.client("s3")
        arguments: dict[str, Any] = {"Bucket": resource.name}
        if region != "us-east-1":
            arguments["CreateBucketConfiguration"] = {"LocationConstraint": region}
        with allowed("BucketAlreadyOwnedByYou"):
            client.create_bucket(**arguments)
        self._set(context, resource)
        return {
            "arn": f"arn:{context.naming.partition}:s3:::{resource.name}",
            "name": resource.name,
        }

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        self._set(context, resource)
        return live.outputs

    def _set(self, context: Context, resource: Resource) -> None:
        client = context.account.client("s3")
        days = resource.properties["kept_days"]
        client.put_bucket_lifecycle_configuration(
            Bucket=resource.name,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": _RULE,
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "Expiration": {"Days": days},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days},
                    }
                ]
            },
        )
        tags = context.naming.tags(resource.digest)
        client.put_bucket_tagging(
            Bucket=resource.name,
            Tagging={"TagSet": tagging.pairs(tags)},
        )

    def delete(self, context: Context, live: Live) -> None:
        client = context.account.client("s3")
        with allowed(*_GONE):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=live.name):
                keys = [{"Key": one["Key"]} for one in page.get("Contents", ())]
                if keys:
                    client.delete_objects(Bucket=live.name, Delete={"Objects": keys})
            client.delete_bucket(Bucket=live.name)


def _kept_days(client: Any, name: str) -> int | None:
    with allowed("NoSuchLifecycleConfiguration", *_GONE):
        for rule in client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]:
            if rule.get("ID") == _RULE and rule["Status"] == "Enabled":
                days = rule.get("Expiration", {}).get("Days")
                return None if days is None else int(days)
    return None


KINDS = (CodeBuckets(),)
