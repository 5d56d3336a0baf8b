"""``s3`` triggers: what a bucket tells functions of its objects.

All notifications of a bucket are one document, so all that lambdactl has in it are one resource:
``s3_notification:BUCKET``. A notification can move from one function to another in one call then,
which it has to: S3 takes no two of one event whose prefixes overlap
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambdactl.deploy import calling
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.triggered import Triggered, once, owned, triggers
from lambdactl.deploy.model import Resource
from lambdactl.deploy.shared import shares


def resources(wanted: Wanted) -> Iterator[Resource]:
    """Notifications that are off are not there: S3 has no such state."""
    buckets: dict[str, list[tuple[Triggered, Resource]]] = {}
    for one in triggers(wanted, "s3"):
        if one.enabled:
            bucket = wanted.naming.bucket(one.settings["bucket"])
            buckets.setdefault(bucket, []).append((one, _grant(one, bucket)))
    for bucket, found in buckets.items():
        yield from once(grant for _, grant in found)
        yield _notifications(wanted, bucket, found)


def _grant(one: Triggered, bucket: str) -> Resource:
    # The ARN of a bucket does not say whose it is.
    # https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html
    arn = one.naming.bucket_arn(one.settings["bucket"])
    return one.grant(
        calling.bucket(bucket),
        "s3.amazonaws.com",
        source_arn=arn,
        source_account=one.naming.account,
    )


def _notifications(
    wanted: Wanted, bucket: str, found: list[tuple[Triggered, Resource]]
) -> Resource:
    entries: dict[str, list[dict[str, Any]]] = {}
    needs = set()
    for one, grant in found:
        needs |= {grant.address, *owned(wanted.naming, "buckets", one.settings["bucket"])}
        entries.setdefault(one.name, []).append(
            {
                "target": one.target,
                "events": sorted(one.settings["events"]),
                "prefix": one.settings.get("prefix") or "",
                "suffix": one.settings.get("suffix") or "",
            }
        )
    return shares(
        wanted,
        Resource(
            kind="s3_notification",
            name=bucket,
            properties={name: sorted(some, key=str) for name, some in entries.items()},
            needs=tuple(sorted(needs)),
            where=found[0][0].where,
        ),
        [one.function.name for one, _ in found],
    )
