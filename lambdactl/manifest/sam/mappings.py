"""Event source mappings: SAM's ``SQS``, ``Kinesis``, ``DynamoDB``, ``MSK``, ``SelfManagedKafka``,
``MQ`` and ``DocumentDB`` events, and ``AWS::Lambda::EventSourceMapping``.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lambdactl.manifest.checker import schema
from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import (
    Draft,
    Place,
    Trigger,
    boolean,
    sequence,
    snake,
    source_name,
    word,
)
from lambdactl.manifest.sam.functions import destination, tags
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, resource_of, text_of

Reading = Callable[[Draft, Node], Node | None]
_SOURCES = {
    "sqs": ("queue", ("Queue",)),
    "kinesis": ("stream", ("Stream",)),
    "dynamodb": ("table", ("Stream",)),
    "kafka": ("cluster", ("Stream",)),
    "mq": ("broker", ("Broker",)),
    "documentdb": ("cluster", ("Cluster",)),
}
_KINDS = {
    "sqs": "sqs",
    "kinesis": "kinesis",
    "dynamodb": "dynamodb",
    "kafka": "kafka",
    "mq": "mq",
    "rds": "documentdb",
}
"""The service of an ARN to the kind of trigger."""
_PARTS = frozenset(
    {
        "AmazonManagedKafkaEventSourceConfig",
        "DocumentDBEventSourceConfig",
        "SelfManagedKafkaEventSourceConfig",
    }
)
_IGNORED = frozenset(
    {
        # What only IAM needs: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-mq.html
        "DynamicPolicyName",
        "SecretsManagerKmsKeyId",
        "FunctionName",
    }
)


def trigger(draft: Draft, owner: Resource, kind: str, node: Node, at: Place) -> Trigger | None:
    """One mapping, of which the kind is known."""
    fields = draft.fields(at)
    field, words = _SOURCES[kind]
    source = next((found for word_ in words if (found := node.get(word_)) is not None), None)
    source = source or node.get("EventSourceArn")
    if source is not None:
        fields.put(field, _source(kind, source), words[0])
    known = schema()["$defs"][kind]["properties"]
    draft.says(at, field, words[0])
    for word_, child, place in _entries(node):
        if word_ in (*words, "EventSourceArn") or word_ in _IGNORED:
            continue
        if word_ not in _FIELDS:
            message = f"`{word_}` of a `{kind}` trigger is not known here"
            draft.warn("unknown-field", message, place)
            continue
        name, reading = _FIELDS[word_]
        if name not in known:
            message = f"`{word_}` of a `{kind}` trigger has no place in the manifest"
            draft.warn("not-supported", message, place)
            continue
        fields.put(name, reading(draft, child), word_)
    for name in ("starting_position", "topic", "database", "queue", "bootstrap_servers"):
        if name != field:
            draft.says(at, name, _WORDS[name])
    return Trigger(owner.key, kind, fields, at)


def _entries(node: Node) -> Iterator[tuple[str, Node, Place]]:
    """The properties, those of the parts that only one kind of source has among them."""
    for name, child in node.items():
        if name in _PARTS and child.is_mapping:
            yield from _entries(child)
        else:
            yield name, child, node.keys.get(name, child.at)


def kind_of(node: Node) -> str | None:
    """The kind of an ``AWS::Lambda::EventSourceMapping``."""
    arn = text_of(node.get("EventSourceArn"))
    resource = resource_of(node.get("EventSourceArn"))
    if resource is not None:
        service = resource.type.split("::")[1].lower()
        known = {"serverless": "dynamodb", "msk": "kafka", "amazonmq": "mq", "docdb": "documentdb"}
        return known.get(service) or _KINDS.get(service)
    if arn is not None and arn.startswith("arn:"):
        return _KINDS.get(arn.split(":")[2])
    for word_, kind in (
        ("SelfManagedEventSource", "kafka"),
        ("AmazonManagedKafkaEventSourceConfig", "kafka"),
        ("SelfManagedKafkaEventSourceConfig", "kafka"),
        ("DocumentDBEventSourceConfig", "documentdb"),
        ("Queues", "mq"),
        ("Topics", "kafka"),
        ("ScalingConfig", "sqs"),
        ("TumblingWindowInSeconds", "kinesis"),
        ("StartingPosition", "kinesis"),
    ):
        if node.get(word_) is not None:
            return kind
    return "sqs" if arn is not None else None


def _source(kind: str, node: Node) -> Node | None:
    resource = resource_of(node)
    if kind == "kafka" and resource is not None:
        return made(resource.attribute("Arn") or node.text, node)
    if resource is not None and resource.type == "AWS::Kinesis::StreamConsumer":
        return made(resource.reference(), node)
    return source_name(node, resource)


def _same(draft: Draft, node: Node) -> Node | None:
    return node


def _truth(draft: Draft, node: Node) -> Node | None:
    return boolean(node)


def _word(draft: Draft, node: Node) -> Node | None:
    return word(node)


def _first(draft: Draft, node: Node) -> Node | None:
    """Lambda takes a list of exactly one topic or queue."""
    found = members(node)
    if len(found) > 1:
        draft.warn("not-supported", "only the first is read", found[1])
    return source_name(found[0], None) if found else None


def _filters(draft: Draft, node: Node) -> Node | None:
    patterns = [
        pattern
        for entry in members(node.get("Filters"))
        if (pattern := entry.get("Pattern")) is not None and not pattern.unknown
    ]
    return sequence(patterns, node.at)


def _responses(draft: Draft, node: Node) -> Node | None:
    reports = any(member.text == "ReportBatchItemFailures" for member in members(node))
    return made(reports, node)


def _on_failure(draft: Draft, node: Node) -> Node | None:
    return destination(node.get("OnFailure", "Destination"))


def _metrics(draft: Draft, node: Node) -> Node | None:
    return made([snake(metric.text) for metric in members(node.get("Metrics"))], node)


def _access(draft: Draft, node: Node) -> Node | None:
    entries = []
    for entry in members(node):
        inner = draft.fields(entry.at)
        inner.put("type", word(entry.get("Type")), "Type")
        uri = entry.get("URI")
        if uri is not None and uri.unknown and uri.text:
            uri = source_name(uri, None)
        inner.put("uri", uri, "URI")
        entries.append(inner.node())
    return sequence(entries, node.at)


def _scaling(draft: Draft, node: Node) -> Node | None:
    return node.get("MaximumConcurrency")


def _pollers(draft: Draft, node: Node) -> Node | None:
    inner = draft.fields(node.at)
    inner.put("min", node.get("MinimumPollers"), "MinimumPollers")
    inner.put("max", node.get("MaximumPollers"), "MaximumPollers")
    inner.put("group", node.get("PollerGroupName"), "PollerGroupName")
    return inner.node()


def _registry(draft: Draft, node: Node) -> Node | None:
    inner = draft.fields(node.at)
    inner.put("uri", node.get("SchemaRegistryURI"), "SchemaRegistryURI")
    inner.put("format", word(node.get("EventRecordFormat")), "EventRecordFormat")
    access = node.get("AccessConfigs")
    inner.put("access", _access(draft, access) if access is not None else None, "AccessConfigs")
    validate = node.get("SchemaValidationConfigs")
    if validate is not None:
        attributes = [
            (text_of(entry.get("Attribute")) or "").lower() for entry in members(validate)
        ]
        inner.put("validate", made(attributes, validate), "SchemaValidationConfigs")
    return inner.node()


def _brokers(draft: Draft, node: Node) -> Node | None:
    found = node.get("Endpoints", "KafkaBootstrapServers")
    return _servers(draft, found) if found is not None else None


def _servers(draft: Draft, node: Node) -> Node | None:
    servers: list[Node] = []
    for entry in members(node):
        if entry.unknown:
            host = re.sub("[^A-Za-z0-9.-]+", "-", entry.text).strip("-") or "unknown"
            servers.append(made(f"{host}:9092", entry))
        else:
            servers.append(entry)
    return sequence(servers, node.at)


def _log_level(draft: Draft, node: Node) -> Node | None:
    return word(node.get("SystemLogLevel"))


_FIELDS: dict[str, tuple[str, Reading]] = {
    "BatchSize": ("batch_size", _same),
    "BisectBatchOnFunctionError": ("bisect", _truth),
    "CollectionName": ("collection", _same),
    "ConsumerGroupId": ("consumer_group", _same),
    "DatabaseName": ("database", _same),
    "DestinationConfig": ("on_failure", _on_failure),
    "Enabled": ("enabled", _truth),
    "FilterCriteria": ("filters", _filters),
    "FullDocument": ("full_document", _word),
    "FunctionResponseTypes": ("report_failures", _responses),
    "KafkaBootstrapServers": ("bootstrap_servers", _servers),
    "KmsKeyArn": ("kms_key", _same),
    "LoggingConfig": ("log_level", _log_level),
    "MaximumBatchingWindowInSeconds": ("window", _same),
    "MaximumRecordAgeInSeconds": ("max_age", _same),
    "MaximumRetryAttempts": ("retries", _same),
    "MetricsConfig": ("metrics", _metrics),
    "ParallelizationFactor": ("parallelization", _same),
    "ProvisionedPollerConfig": ("provisioned", _pollers),
    "Queues": ("queue", _first),
    "ScalingConfig": ("max_concurrency", _scaling),
    "SchemaRegistryConfig": ("schema_registry", _registry),
    "SelfManagedEventSource": ("bootstrap_servers", _brokers),
    "SourceAccessConfigurations": ("access", _access),
    "StartingPosition": ("starting_position", _word),
    "StartingPositionTimestamp": ("starting_timestamp", _same),
    "Tags": ("tags", tags),
    "Topics": ("topic", _first),
    "TumblingWindowInSeconds": ("tumbling_window", _same),
}
"""Properties, the fields of the manifest, and how one is read as the other."""
_WORDS = {field: word_ for word_, (field, _) in _FIELDS.items()}
