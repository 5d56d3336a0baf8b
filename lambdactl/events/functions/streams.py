"""Records of streams and logs: sequence numbers, shards, windows, DynamoDB items, log batches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdactl.events.render import Scope


def shard_id(_scope: Scope, number: int) -> str:
    return f"shardId-{number:012d}"


def kinesis_sequence(_scope: Scope, moment: datetime, index: int) -> str:
    """A sequence number of a Kinesis stream: 56 digits that grow with time and record."""
    return f"496{int(moment.timestamp() * 1000):014d}{index:039d}"


def ddb_sequence(_scope: Scope, moment: datetime, index: int) -> str:
    """A sequence number of a DynamoDB stream: 21 to 40 digits that grow with time and record
    (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html)."""
    return f"44215{int(moment.timestamp() * 1000):014d}{index:09d}"


def window_start(_scope: Scope, moment: datetime, seconds: int) -> datetime:
    """The start of the tumbling window of that length that ``moment`` is in."""
    start = int(moment.timestamp()) // seconds * seconds
    return datetime.fromtimestamp(start, UTC)


def iso_label(_scope: Scope, moment: datetime) -> str:
    """``2026-01-31T12:00:00.000``, the label of a DynamoDB stream."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}"


def ddb_value(value: Any) -> dict[str, Any]:
    """A JSON value as a DynamoDB attribute value
    (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_AttributeValue.html)."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": str(value)}
    if isinstance(value, list):
        return {"L": [ddb_value(item) for item in value]}
    if isinstance(value, dict):
        return {"M": {key: ddb_value(item) for key, item in value.items()}}
    return {"S": str(value)}


def ddb_item(_scope: Scope, item: dict[str, Any]) -> dict[str, Any]:
    """A JSON object as a DynamoDB item."""
    return {key: ddb_value(value) for key, value in item.items()}


def ddb_keys(_scope: Scope, image: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The key attributes of an item.

    :raises UserError: the item has no such attribute.
    """
    from lambdactl.errors import UserError

    missing = [name for name in names if name not in image]
    if missing:
        raise UserError(
            f"the item has no key attribute {missing[0]!r}",
            hint=f"--key takes one of: {', '.join(image)}",
        )
    return {name: image[name] for name in names}


def ddb_size(_scope: Scope, *images: dict[str, Any] | None) -> int:
    """The bytes that DynamoDB counts for items: the names and values of their attributes
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html)."""
    return sum(
        len(name.encode()) + _ddb_bytes(value)
        for image in images
        for name, value in (image or {}).items()
    )


def _ddb_bytes(value: dict[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        digits = Decimal(content).normalize().as_tuple().digits
        return (len(digits) + 1) // 2 + 1
    if kind == "L":
        return 3 + sum(1 + _ddb_bytes(item) for item in content)
    if kind == "M":
        return 3 + sum(len(key.encode()) + 1 + _ddb_bytes(item) for key, item in content.items())
    return 1


def logs_message(
    scope: Scope,
    group: str,
    subscription: str,
    messages: list[str],
    moment: datetime,
    owner: str,
    stream: str = "my-stream",
) -> dict[str, Any]:
    """What CloudWatch Logs sends to a subscription, before it compresses it
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html). Each log
    event has its ID and a time one millisecond after the one before."""
    from lambdactl.events.functions.identifiers import digits

    first = int(moment.timestamp()) * 1000 + moment.microsecond // 1000
    return {
        "messageType": "DATA_MESSAGE",
        "owner": owner,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": [subscription],
        "logEvents": [
            {"id": digits(scope, 56), "timestamp": first + index, "message": message}
            for index, message in enumerate(messages)
        ],
    }


def sns_attributes(_scope: Scope, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """``NAME=VALUE`` as the message attributes of an SNS message
    (https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html)."""
    return {name: {"Type": "String", "Value": value} for name, value in pairs}


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "ddb_item": ddb_item,
    "ddb_keys": ddb_keys,
    "ddb_sequence": ddb_sequence,
    "ddb_size": ddb_size,
    "iso_label": iso_label,
    "kinesis_sequence": kinesis_sequence,
    "logs_message": logs_message,
    "shard_id": shard_id,
    "sns_attributes": sns_attributes,
    "window_start": window_start,
}
