"""Event source mappings of all kinds, as Lambda's documentation has them.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html and those beside it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from tests.deploy.lambda_parts import (
    ACCOUNT,
    REGION,
    Answer,
    Input,
    Parts,
    Refusal,
    arn_of,
    had,
    key_of,
    page,
)

_SHARED = (
    "The event source arn ({0}) and function ({1}) provided mapping already exists. "
    "Please update or delete the existing mapping with UUID {2}"
)
_CLEARED: tuple[Any, ...] = ({}, "", [])


def _create_mapping(parts: Parts, given: Input) -> Answer:
    function, qualifier = key_of(parts, given)
    arn = arn_of(function, qualifier)
    source = given.get("EventSourceArn")
    service = source.split(":")[2] if source else "kafka"
    for one in parts.mappings.values():
        same = ("EventSourceArn", "Topics", "Queues", "SelfManagedEventSource")
        if one["FunctionArn"] == arn and all(one.get(name) == given.get(name) for name in same):
            words = _SHARED.format(source, function, one["UUID"])
            raise Refusal(409, "ResourceConflictException", words)
    share_group = (given.get("SelfManagedKafkaEventSourceConfig") or {}).get("ConsumptionMode")
    if service not in ("sqs", "mq") and not share_group and "StartingPosition" not in given:
        words = "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
        raise Refusal(400, "InvalidParameterValueException", words + "constraint: not null")
    id_ = str(uuid.uuid4())
    found = {
        **{key: value for key, value in given.items() if key not in ("Tags", "FunctionName")},
        "UUID": id_,
        "FunctionArn": arn,
        "EventSourceMappingArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{id_}",
        "State": "Creating",
    }
    enabled = found.pop("Enabled", True)
    found.update(_DEFAULTS.get(service, {}) | found)
    parts.mappings[id_] = found
    parts.tags[found["EventSourceMappingArn"]] = dict(given.get("Tags", {}))
    answer = dict(found)
    found["State"] = "Enabled" if enabled else "Disabled"
    return 202, answer


_STREAM = {
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "TumblingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
    "DestinationConfig": {"OnFailure": {}},
}
_DEFAULTS: Mapping[str, dict[str, Any]] = {
    "sqs": {"MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []},
    "kinesis": _STREAM,
    "dynamodb": _STREAM,
}
"""What Lambda answers for what was not given, as examples of its guide show."""


def _update_mapping(parts: Parts, given: Input) -> Answer:
    found = _mapping(parts, given)
    for name in ("EventSourceArn", "StartingPosition", "Topics", "Queues", "Tags"):
        assert name not in given, f"UpdateEventSourceMapping takes no {name}"
    for name, value in given.items():
        if name == "FunctionName":
            found["FunctionArn"] = arn_of(*key_of(parts, {"FunctionName": value}))
        elif name == "Enabled":
            found["State"] = "Enabled" if value else "Disabled"
        elif name == "DestinationConfig" and not value["OnFailure"].get("Destination"):
            found[name] = {"OnFailure": {}}
        elif value in _CLEARED or value == {"SchemaRegistryConfig": {}}:
            found.pop(name, None)
        elif name != "UUID":
            found[name] = value
    return 202, {**found, "State": "Updating"}


def _mapping(parts: Parts, given: Input) -> dict[str, Any]:
    found: dict[str, Any] = had(
        parts.mappings.get(given["UUID"]), "The resource you requested does not exist."
    )
    if found["State"] == "Deleting":
        if not parts.settling:
            del parts.mappings[given["UUID"]]
            words = "The resource you requested does not exist."
            raise Refusal(404, "ResourceNotFoundException", words)
        parts.settling.pop(0)
    return found


def _get_mapping(parts: Parts, given: Input) -> Answer:
    return 200, _mapping(parts, given)


def _delete_mapping(parts: Parts, given: Input) -> Answer:
    found = _mapping(parts, given)
    found["State"] = "Deleting"
    return 202, found


def _list_mappings(parts: Parts, given: Input) -> Answer:
    return 200, page(list(parts.mappings.values()), given, "EventSourceMappings")


def _of_mapping(given: Input) -> bool:
    return ":event-source-mapping:" in given.get("Resource", given.get("ARN", ""))


def _tag(parts: Parts, given: Input) -> Answer | None:
    if not _of_mapping(given):
        return None
    parts.tags[given["Resource"]].update(given["Tags"])
    return 204, {}


def _untag(parts: Parts, given: Input) -> Answer | None:
    if not _of_mapping(given):
        return None
    for key in given["TagKeys"]:
        parts.tags[given["Resource"]].pop(key, None)
    return 204, {}


def _list_tags(parts: Parts, given: Input) -> Answer | None:
    return (200, {"Tags": parts.tags[given["Resource"]]}) if _of_mapping(given) else None


OPERATIONS: Mapping[str, Callable[[Parts, Input], Answer | None]] = {
    "CreateEventSourceMapping": _create_mapping,
    "UpdateEventSourceMapping": _update_mapping,
    "GetEventSourceMapping": _get_mapping,
    "DeleteEventSourceMapping": _delete_mapping,
    "ListEventSourceMappings": _list_mappings,
    "TagResource": _tag,
    "UntagResource": _untag,
    "ListTags": _list_tags,
}
