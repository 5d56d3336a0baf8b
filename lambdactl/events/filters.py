"""What the filters of an event source let through, as parameters of the source's event.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html says which part of a
record a pattern of each source looks at. Of several patterns the first is taken: one is enough.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambdactl.events.patterns import matching_value

_KINDS = {
    "sqs": {"body": "body"},
    "kinesis": {"data": "data", "partitionKey": "partition_key"},
    "kafka": {"value": "value", "key": "key"},
    "mq": {"data": "data"},
}
"""Kind of trigger -> member of a pattern -> parameter."""
_CHANGES = {"INSERT": "insert", "MODIFY": "modify", "REMOVE": "remove"}
_OPERATIONS = frozenset({"insert", "update", "replace", "delete"})


def passing(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A record, in part, that the filters of a trigger let through."""
    for given in settings.get("filters") or ():
        pattern = json.loads(given) if isinstance(given, str) else given
        return matching_value(pattern)
    return {}


def params(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a message or a record that the filters of a trigger let through."""
    record = passing(settings)
    found: dict[str, Any] = {
        name: text(record[member]) for member, name in _KINDS[kind].items() if member in record
    }
    attributes = record.get("messageAttributes")
    if isinstance(attributes, Mapping):
        found["attribute"] = [
            (name, text(each["stringValue"]))
            for name, each in attributes.items()
            if isinstance(each, Mapping) and "stringValue" in each
        ]
    return found


def text(value: Any) -> str:
    """The text that holds a value: a pattern for JSON is one for what the text says."""
    return value if isinstance(value, str) else json.dumps(value)


def of_policy(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of an SNS message that a subscription's filter policy lets through.
    https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html"""
    message = matching_value(settings.get("filter") or {})
    if not message:
        return {}
    if settings.get("filter_scope") == "message_body":
        return {"message": text(message)}
    return {"attribute": [(name, text(value)) for name, value in message.items()]}


def of_table(settings: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The event of a DynamoDB stream, where the filters say which, and its parameters."""
    record = passing(settings)
    change = record.get("dynamodb")
    images = change if isinstance(change, Mapping) else {}
    keys, new, old = (_item(images.get(name)) for name in ("Keys", "NewImage", "OldImage"))
    found: dict[str, Any] = {}
    if keys or new or old:
        if not keys:
            keys = {"Id": 101}
        found = {"key": list(keys), "item": {**keys, **new}, "old_item": {**keys, **old}}
    event = _CHANGES.get(str(record.get("eventName")))
    if "userIdentity" in record:
        event = "ttl"
    elif event is None and old and not new:
        event = "remove"
    return event, found


def _item(image: Any) -> dict[str, Any]:
    """An item of a pattern as plain JSON: ``{"Id": {"N": "101"}}`` -> ``{"Id": 101}``."""
    found: dict[str, Any] = {}
    for name, value in image.items() if isinstance(image, Mapping) else ():
        for type_, content in value.items() if isinstance(value, Mapping) else ():
            match type_:
                case "N":
                    try:
                        found[name] = json.loads(str(content))
                    except ValueError:
                        found[name] = 1
                case "M":
                    found[name] = _item(content)
                case "S" | "BOOL":
                    found[name] = content
    return found


def of_collection(settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The event of a DocumentDB change stream, and its parameters."""
    change = passing(settings).get("event")
    if not isinstance(change, Mapping):
        return "insert", {}
    operation = str(change.get("operationType"))
    document = change.get("fullDocument")
    found = {"document": document} if isinstance(document, Mapping) else {}
    return operation if operation in _OPERATIONS else "insert", found
