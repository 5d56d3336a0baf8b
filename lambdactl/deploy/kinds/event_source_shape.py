"""An event source mapping's properties, and what Lambda calls them.

Each kind of source takes its own settings and refuses those of others, so what is at its default
is left out (https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html).
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lambdactl.deploy.naming import shortened

Properties = Mapping[str, Any]
Answer = Mapping[str, Any]

_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9 +=._:/@-]")
"""What the value of a tag can't hold
(https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html)."""
_NAME_LENGTH = 160
_SERVERS = "KAFKA_BOOTSTRAP_SERVERS"
_STREAM = {
    "parallelization": 1,
    "bisect": False,
    "max_age_s": -1,
    "retries": -1,
    "report_failures": False,
    "on_failure": None,
    "tumbling_window_s": 0,
}
_ANY = {"enabled": True, "filters": [], "kms_key": None, "metrics": []}

DEFAULTS: Mapping[str, Properties] = {
    "sqs": {
        **_ANY,
        "batch_size": 10,
        "window_s": 0,
        "report_failures": False,
        "max_concurrency": None,
        "provisioned": None,
    },
    "kinesis": {**_ANY, **_STREAM, "batch_size": 100, "window_s": 0},
    "dynamodb": {**_ANY, **_STREAM, "batch_size": 100, "window_s": 0},
    "kafka": {
        **_ANY,
        "batch_size": 100,
        "bisect": False,
        "max_age_s": -1,
        "retries": -1,
        "report_failures": False,
        "on_failure": None,
        "provisioned": None,
        "consumption_mode": "stream",
        "schema_registry": None,
        "log_level": None,
        "access": [],
    },
    "mq": {**_ANY, "batch_size": 100, "access": []},
    "documentdb": {
        **_ANY,
        "batch_size": 100,
        "access": [],
        "full_document": "default",
        "collection": None,
    },
}
"""What each kind of source takes, and Lambda's own settings of it."""

FIXED = frozenset(
    {
        "source",
        "table",
        "servers",
        "topic",
        "queue",
        "starting_position",
        "starting_timestamp",
        "consumer_group",
        "consumption_mode",
    }
)
"""What ``UpdateEventSourceMapping`` does not take
(https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html)."""


@dataclass(frozen=True, slots=True)
class _Field:
    """:ivar read: of what AWS says; None: it does not say.
    :ivar write: all properties to arguments.
    """

    read: Callable[[Answer], Any]
    write: Callable[[Properties], dict[str, Any]]


def kind_of(properties: Properties) -> str:
    """The kind of source of a mapping: a key of :data:`DEFAULTS`."""
    if properties.get("servers"):
        return "kafka"
    if properties.get("table"):
        return "dynamodb"
    service = str(properties.get("source", "")).split(":")[2:3]
    return {"rds": "documentdb"}.get(service[0], service[0]) if service else ""


def source_name(properties: Properties) -> str:
    """What the source of a mapping is called in its name.

    >>> source_name({"source": "arn:aws:sqs:eu-west-1:123456789012:jobs"})
    'sqs:jobs'
    """
    kind = kind_of(properties)
    arn = str(properties.get("table") or properties.get("source") or "")
    resource = arn.split(":", 5)[-1]
    if kind == "kafka":
        where = properties["servers"][0] if properties.get("servers") else resource.split("/")[1]
        words = f"{properties['topic']}@{where}"
    elif kind == "mq":
        words = f"{properties['queue']}@{resource.split(':')[1]}"
    elif kind == "documentdb":
        pieces = (resource.split(":")[-1], properties["database"], properties.get("collection"))
        words = "/".join(piece for piece in pieces if piece)
    else:
        words = resource.partition("/")[2] or resource
    name = f"{kind}:{words}"
    plain = _NOT_IN_TAGS.sub("-", name)
    if plain != name:
        plain = f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return shortened(plain, _NAME_LENGTH)


def properties(answer: Answer) -> dict[str, Any]:
    """What a mapping is.

    :param answer: of ``ListEventSourceMappings``.
    """
    found: dict[str, Any] = {}
    source = str(answer.get("EventSourceArn") or "")
    if ":dynamodb:" in source:
        found["table"] = source.partition("/stream/")[0]
    servers = FIELDS["servers"].read(answer)
    defaults = DEFAULTS.get(kind_of({**found, "source": source, "servers": servers}), _ANY)
    for name, field in FIELDS.items():
        value = field.read(answer)
        if value is None:
            value = defaults.get(name)
        if value is not None or name in defaults:
            found[name] = value
    return found


def creation(wanted: Properties) -> dict[str, Any]:
    """Arguments of ``CreateEventSourceMapping`` but the function and tags."""
    defaults = DEFAULTS[kind_of(wanted)]
    given = [
        name
        for name, value in wanted.items()
        # The batch size is what people look for.
        if name == "batch_size" or name not in defaults or value != defaults[name]
    ]
    return _arguments(wanted, given)


def update(wanted: Properties, changed: Iterable[str]) -> dict[str, Any]:
    """Arguments of ``UpdateEventSourceMapping`` for the properties that changed."""
    names = frozenset(changed) - FIXED
    found = _arguments(wanted, names)
    if "schema_registry" in names and wanted["schema_registry"] is None:
        # What is left out stays as it was.
        for config in _write_kafka(wanted):
            found[config] = {**found[config], "SchemaRegistryConfig": {}}
    return found


def filters(patterns: Iterable[Any]) -> list[str]:
    """Patterns as JSON, in one form; their order means nothing."""
    texts = {_canonical(json.loads(one) if isinstance(one, str) else one) for one in patterns}
    return sorted(texts)


def _arguments(wanted: Properties, names: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        if name in FIELDS:
            found.update(FIELDS[name].write(wanted))
    return found


def _canonical(pattern: Any) -> str:
    return json.dumps(pattern, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(name: str, word: str, empty: Any = None) -> _Field:
    """:param empty: what is sent for None, to take away what was there."""

    def write(wanted: Properties) -> dict[str, Any]:
        value = wanted[name]
        return {word: empty if value is None else value}

    return _Field(lambda answer: answer.get(word) or answer.get(word, None), write)


def _inner(answer: Answer, *path: str) -> Any:
    value: Any = answer
    for word in path:
        value = (value or {}).get(word)
    return value


def _seconds(answer: Answer) -> int | None:
    found = answer.get("StartingPositionTimestamp")
    if isinstance(found, datetime.datetime):
        return int(found.timestamp())
    return int(found) if found is not None else None


def _lower(value: Any) -> str | None:
    return str(value).lower() if value else None


def _one(values: Any) -> Any:
    return next(iter(values or ()), None)


def _read_filters(answer: Answer) -> list[str]:
    return filters(one["Pattern"] for one in _inner(answer, "FilterCriteria", "Filters") or ())


def _words(values: Iterable[str]) -> list[str]:
    """AWS's words in ours: ``EventCount`` is ``event_count``."""
    return sorted(
        "".join(f"_{char.lower()}" if char.isupper() else char for char in value).lstrip("_")
        for value in values
    )


def _theirs(word: str) -> str:
    """``event_count`` is ``EventCount``."""
    return "".join(piece.capitalize() for piece in word.split("_"))


def _read_provisioned(answer: Answer) -> dict[str, Any] | None:
    found = answer.get("ProvisionedPollerConfig")
    if not found:
        return None
    return {
        "min": found.get("MinimumPollers"),
        "max": found.get("MaximumPollers"),
        "group": found.get("PollerGroupName") or None,
    }


def _write_provisioned(wanted: Properties) -> dict[str, Any]:
    value = wanted["provisioned"]
    if value is None:
        return {"ProvisionedPollerConfig": {}}
    config = {"MinimumPollers": value["min"], "MaximumPollers": value["max"]}
    if value.get("group"):
        config["PollerGroupName"] = value["group"]
    return {"ProvisionedPollerConfig": config}


def _read_access(answer: Answer) -> list[dict[str, str]]:
    return pairs(answer.get("SourceAccessConfigurations") or ())


def pairs(access: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """``SourceAccessConfigurations`` or ``access`` of a manifest; the order means nothing."""
    found = [
        {
            "type": str(one.get("Type") or one["type"]).lower(),
            "uri": str(one.get("URI") or one["uri"]),
        }
        for one in access
    ]
    return sorted(found, key=lambda one: (one["type"], one["uri"]))


def _access(configs: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"Type": one["type"].upper(), "URI": one["uri"]} for one in configs]


def _kafka(answer: Answer) -> Mapping[str, Any]:
    found = answer.get("AmazonManagedKafkaEventSourceConfig")
    return found or answer.get("SelfManagedKafkaEventSourceConfig") or {}


def _read_registry(answer: Answer) -> dict[str, Any] | None:
    found = _kafka(answer).get("SchemaRegistryConfig")
    if not found or not found.get("SchemaRegistryURI"):
        return None
    return {
        "uri": found["SchemaRegistryURI"],
        "format": str(found.get("EventRecordFormat", "JSON")).lower(),
        "access": pairs(found.get("AccessConfigs") or ()),
        "validate": _words(
            str(one["Attribute"]).lower() for one in found.get("SchemaValidationConfigs") or ()
        ),
    }


def _write_kafka(wanted: Properties) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if wanted.get("consumer_group"):
        config["ConsumerGroupId"] = wanted["consumer_group"]
    registry = wanted.get("schema_registry")
    if registry is not None:
        config["SchemaRegistryConfig"] = {
            "SchemaRegistryURI": registry["uri"],
            "EventRecordFormat": registry["format"].upper(),
            "AccessConfigs": _access(registry["access"]),
            "SchemaValidationConfigs": [{"Attribute": one.upper()} for one in registry["validate"]],
        }
    if wanted.get("source"):
        return {"AmazonManagedKafkaEventSourceConfig": config}
    if wanted.get("consumption_mode", "stream") != "stream":
        config["ConsumptionMode"] = wanted["consumption_mode"].capitalize()
    return {"SelfManagedKafkaEventSourceConfig": config}


def _write_document(wanted: Properties) -> dict[str, Any]:
    config = {"DatabaseName": wanted["database"]}
    if wanted.get("collection"):
        config["CollectionName"] = wanted["collection"]
    if wanted.get("full_document"):
        config["FullDocument"] = _theirs(wanted["full_document"])
    return {"DocumentDBEventSourceConfig": config}


def _document(word: str) -> Callable[[Answer], Any]:
    return lambda answer: _inner(answer, "DocumentDBEventSourceConfig", word) or None


FIELDS: Mapping[str, _Field] = {
    "source": _plain("source", "EventSourceArn"),
    "servers": _Field(
        lambda answer: (
            sorted(_inner(answer, "SelfManagedEventSource", "Endpoints", _SERVERS) or ()) or None
        ),
        lambda wanted: {"SelfManagedEventSource": {"Endpoints": {_SERVERS: wanted["servers"]}}},
    ),
    "topic": _Field(
        lambda answer: _one(answer.get("Topics")), lambda wanted: {"Topics": [wanted["topic"]]}
    ),
    "queue": _Field(
        lambda answer: _one(answer.get("Queues")), lambda wanted: {"Queues": [wanted["queue"]]}
    ),
    "starting_position": _Field(
        lambda answer: _lower(answer.get("StartingPosition")),
        lambda wanted: {"StartingPosition": wanted["starting_position"].upper()},
    ),
    "starting_timestamp": _Field(
        _seconds, lambda wanted: {"StartingPositionTimestamp": wanted["starting_timestamp"]}
    ),
    "enabled": _Field(
        # Enabling and Disabling are on their way there.
        lambda answer: not str(answer.get("State", "Enabled")).startswith("Disabl"),
        lambda wanted: {"Enabled": wanted["enabled"]},
    ),
    "batch_size": _plain("batch_size", "BatchSize"),
    "window_s": _plain("window_s", "MaximumBatchingWindowInSeconds"),
    "filters": _Field(
        _read_filters,
        lambda wanted: {
            "FilterCriteria": {"Filters": [{"Pattern": one} for one in wanted["filters"]]}
            if wanted["filters"]
            else {}
        },
    ),
    "kms_key": _Field(
        lambda answer: answer.get("KMSKeyArn") or None,
        lambda wanted: {"KMSKeyArn": wanted["kms_key"] or ""},
    ),
    "metrics": _Field(
        lambda answer: _words(_inner(answer, "MetricsConfig", "Metrics") or ()),
        lambda wanted: {"MetricsConfig": {"Metrics": [_theirs(one) for one in wanted["metrics"]]}},
    ),
    "report_failures": _Field(
        lambda answer: "ReportBatchItemFailures" in (answer.get("FunctionResponseTypes") or ()),
        lambda wanted: {
            "FunctionResponseTypes": ["ReportBatchItemFailures"]
            if wanted["report_failures"]
            else []
        },
    ),
    "max_concurrency": _Field(
        lambda answer: _inner(answer, "ScalingConfig", "MaximumConcurrency"),
        lambda wanted: {
            "ScalingConfig": {"MaximumConcurrency": wanted["max_concurrency"]}
            if wanted["max_concurrency"]
            else {}
        },
    ),
    "provisioned": _Field(_read_provisioned, _write_provisioned),
    "parallelization": _plain("parallelization", "ParallelizationFactor"),
    "bisect": _plain("bisect", "BisectBatchOnFunctionError"),
    "max_age_s": _plain("max_age_s", "MaximumRecordAgeInSeconds"),
    "retries": _plain("retries", "MaximumRetryAttempts"),
    "tumbling_window_s": _plain("tumbling_window_s", "TumblingWindowInSeconds"),
    "on_failure": _Field(
        lambda answer: _inner(answer, "DestinationConfig", "OnFailure", "Destination") or None,
        # An empty destination takes away the one that was there.
        lambda wanted: {
            "DestinationConfig": {"OnFailure": {"Destination": wanted["on_failure"] or ""}}
        },
    ),
    "access": _Field(
        _read_access, lambda wanted: {"SourceAccessConfigurations": _access(wanted["access"])}
    ),
    "consumer_group": _Field(lambda answer: _kafka(answer).get("ConsumerGroupId"), _write_kafka),
    "consumption_mode": _Field(
        lambda answer: _lower(_kafka(answer).get("ConsumptionMode")), _write_kafka
    ),
    "schema_registry": _Field(_read_registry, _write_kafka),
    "log_level": _Field(
        lambda answer: _lower(_inner(answer, "LoggingConfig", "SystemLogLevel")),
        lambda wanted: {
            "LoggingConfig": {"SystemLogLevel": wanted["log_level"].upper()}
            if wanted["log_level"]
            else {}
        },
    ),
    "database": _Field(_document("DatabaseName"), _write_document),
    "collection": _Field(_document("CollectionName"), _write_document),
    "full_document": _Field(
        lambda answer: {"UpdateLookup": "update_lookup", "Default": "default"}.get(
            _inner(answer, "DocumentDBEventSourceConfig", "FullDocument")
        ),
        _write_document,
    ),
}
