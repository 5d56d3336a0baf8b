"""Names and digests by the rules of one AWS service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdactl.events.render import Scope

_PART_BYTES = 8 * 1024 * 1024


def arn(
    scope: Scope, service: str, resource: str, region: str | None = None, account: str | None = None
) -> str:
    """An ARN of the event's partition, region and account; pass ``''`` for a part that a service
    leaves empty (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html)."""
    where = scope.value("region") if region is None else region
    whose = scope.value("account") if account is None else account
    return f"arn:{scope.value('partition')}:{service}:{where}:{whose}:{resource}"


def arn_resource(_scope: Scope, name: str) -> str:
    """The last part of an ARN: ``arn:aws:sqs:us-east-1:123456789012:jobs`` -> ``jobs``."""
    return name.rsplit(":", 1)[-1]


def s3_key(_scope: Scope, key: str) -> str:
    """An object key as S3 writes it in a notification: URL-encoded, a space as ``+``, ``/`` as it
    is (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html)."""
    from urllib.parse import quote_plus

    return quote_plus(key, safe="/")


def s3_etag(scope: Scope, content: str | None, size: int) -> str:
    """The ETag of an object put in one piece: the MD5 of its content
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html).

    Without content, an object of ``size`` zero bytes stands for it; when that is too large to
    digest in no time, any ETag is as good.
    """
    from lambdactl.events.functions.data import md5

    if content is not None:
        return str(md5(scope, content))
    if size <= _PART_BYTES:
        return str(md5(scope, bytes(size)))
    return f"{scope.random().getrandbits(128):032x}"


def s3_multipart_etag(scope: Scope, content: str | None, size: int) -> str:
    """The ETag of a multipart upload: the MD5 of the MD5s of its parts, and their number. Parts
    are of 8 MiB, as the AWS CLI makes them
    (https://docs.aws.amazon.com/cli/latest/topic/s3-config.html)."""
    import hashlib

    data = content.encode() if content is not None else None
    length = size if data is None else len(data)
    parts = max(1, -(-length // _PART_BYTES))
    if data is None and parts > 1:
        return f"{scope.random().getrandbits(128):032x}-{parts}"
    body = bytes(length) if data is None else data
    digests = b"".join(
        hashlib.md5(
            body[part * _PART_BYTES : (part + 1) * _PART_BYTES], usedforsecurity=False
        ).digest()
        for part in range(parts)
    )
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{parts}"


def s3_sequencer(_scope: Scope, moment: datetime, index: int) -> str:
    """A hexadecimal number that is larger for a later change of the same key."""
    return f"00{int(moment.timestamp()):08X}{moment.microsecond * 1000 + index:08X}"


def fifo_sequence(_scope: Scope, moment: datetime, index: int) -> str:
    """The sequence number of a message in a FIFO queue or topic: 20 digits that grow
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html)."""
    return str(18_800_000_000_000_000_000 + int(moment.timestamp() * 1000) * 10_000 + index)


def sqs_attributes(_scope: Scope, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """``NAME=VALUE`` as the message attributes of an SQS message that Lambda receives
    (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html)."""
    return {
        name: {
            "stringValue": value,
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "String",
        }
        for name, value in pairs
    }


def sqs_attributes_md5(_scope: Scope, pairs: list[tuple[str, str]]) -> str | None:
    """The MD5 of the message attributes, or null when there are none: names in order; of each the
    name, the data type, the transport type (1 for a string) and the value, each but the transport
    type behind its length in four bytes
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation).
    """
    import hashlib

    if not pairs:
        return None

    def sized(text: str) -> bytes:
        data = text.encode()
        return len(data).to_bytes(4, "big") + data

    digest = hashlib.md5(usedforsecurity=False)
    for name, value in sorted(dict(pairs).items()):
        digest.update(sized(name) + sized("String") + b"\x01" + sized(value))
    return digest.hexdigest()


def sync_records(_scope: Scope, changes: list[tuple[str, str]]) -> dict[str, Any]:
    """The changed records of a Cognito Sync dataset
    (https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-events.html)."""
    return {
        name: {"oldValue": f"old{value[:1].upper()}{value[1:]}", "newValue": value, "op": "replace"}
        for name, value in changes
    }


def alarm_dimensions(_scope: Scope, pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    """The dimensions of a metric in the notification of an alarm."""
    return [{"value": value, "name": name} for name, value in pairs]


def named_values(_scope: Scope, pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def config_arn(scope: Scope, resource_type: str, resource_id: str) -> str:
    """The ARN of a resource of an AWS Config type, by the usual scheme of ARNs
    (https://docs.aws.amazon.com/config/latest/developerguide/resource-config-reference.html)."""
    if resource_type == "AWS::S3::Bucket":
        return arn(scope, "s3", resource_id, "", "")
    _, service, kind = f"{resource_type}::::".split("::")[:3]
    return arn(scope, service.lower(), f"{kind.lower()}/{resource_id}")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "alarm_dimensions": alarm_dimensions,
    "arn": arn,
    "arn_resource": arn_resource,
    "config_arn": config_arn,
    "fifo_sequence": fifo_sequence,
    "named_values": named_values,
    "s3_etag": s3_etag,
    "s3_key": s3_key,
    "s3_multipart_etag": s3_multipart_etag,
    "s3_sequencer": s3_sequencer,
    "sqs_attributes": sqs_attributes,
    "sqs_attributes_md5": sqs_attributes_md5,
    "sync_records": sync_records,
}
