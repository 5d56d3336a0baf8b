"""Queues, topics, buckets, tables, streams and log groups of a template -> what the manifest owns.

A resource is called as its triggers call it: by its own name, else by its logical id. One that
``--parameter-overrides`` gives another name is deployed by something else, and is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, Place, boolean, truth, word
from lambdactl.manifest.sam.functions import tags
from lambdactl.manifest.sam.template import Resource, Template
from lambdactl.manifest.sam.values import made, members, resource_of, text_of

_TYPES = {"S": "string", "N": "number", "B": "binary", "string": "string", "number": "number"}
_KEYS = {"HASH": "partition_key", "RANGE": "sort_key"}


def section(draft: Draft, functions: Mapping[str, Fields]) -> Fields:
    """The ``resources`` section. Log groups give ``functions`` their retention."""
    for resource in draft.template.resources.values():
        if resource.type == "AWS::Logs::LogGroup":
            _log_group(draft, resource, functions)
        elif resource.type in _READINGS and is_owned(draft.template, resource):
            kind, reading, known = _READINGS[resource.type]
            fields = draft.fields(resource.at)
            reading(draft, resource, fields)
            _lost(draft, resource, known)
            if kind == "tables" and "partition_key" not in fields.value:
                draft.lose(f"the key of the table `{resource.name}` is not known", resource.at)
            else:
                draft.own(kind, resource.physical_name, fields)
    found = draft.fields(_place(draft))
    for kind in ("queues", "topics", "buckets", "tables", "streams"):
        entries = draft.fields(found.at)
        for name, fields in draft.owned.get(kind, {}).items():
            entries.put(name, fields.node())
            entries.keys[name] = fields.at
        found.nest(kind, entries)
    return found


def is_owned(template: Template, resource: Resource) -> bool:
    """Whether the template makes it, as far as is known here."""
    return resource.name in template.resources and resource.name not in template.overrides


def places(document: Node | None) -> frozenset[Place]:
    """Where everything of a manifest's ``resources`` section stands."""
    found: set[Place] = set()
    node = document.get("resources") if document is not None else None
    more = [] if node is None else [child for _, child in node.items()]
    while more:
        node = more.pop()
        found.update((node.at, *node.keys.values()))
        more += node.value if isinstance(node.value, list) else [child for _, child in node.items()]
    return frozenset(found)


def _place(draft: Draft) -> Place:
    document = draft.template.document
    return document.keys.get("Resources", document.at)


def _lost(draft: Draft, resource: Resource, known: frozenset[str]) -> None:
    for name, _, at in resource.template.entries(resource.properties):
        if name not in known:
            message = f"`{name}` of `{resource.name}` has no place in the manifest"
            draft.lose(message, at)


def _key(draft: Draft, resource: Resource, fields: Fields) -> None:
    """The manifest takes ARNs of keys; a name is of one that AWS has made itself, mostly."""
    given = resource.get("KmsMasterKeyId")
    if given is None or (text_of(given) or "").startswith("arn:"):
        fields.put("kms_key", given, "KmsMasterKeyId")
    else:
        draft.lose(f"the key `{given.text}` of `{resource.name}` is no ARN of a key", given)


def _queue(draft: Draft, resource: Resource, fields: Fields) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html"""
    for name, field in (
        ("VisibilityTimeout", "visibility_timeout"),
        ("MessageRetentionPeriod", "retention"),
        ("DelaySeconds", "delay"),
        ("ReceiveMessageWaitTimeSeconds", "receive_wait"),
    ):
        fields.put(field, resource.get(name), name)
    fields.put("fifo", boolean(resource.get("FifoQueue")), "FifoQueue")
    content = boolean(resource.get("ContentBasedDeduplication"))
    fields.put("deduplication", content, "ContentBasedDeduplication")
    _redrive(draft, resource, fields)
    _key(draft, resource, fields)
    fields.put("tags", tags(draft, resource.get("Tags")), "Tags")


def _redrive(draft: Draft, resource: Resource, fields: Fields) -> None:
    target = resource.get("RedrivePolicy", "deadLetterTargetArn")
    if target is None:
        return
    queue = resource_of(target)
    if queue is not None and is_owned(draft.template, queue):
        target = made(queue.physical_name, target)
    if target.unknown or text_of(target) is None:
        draft.lose(f"the dead-letter queue of `{resource.name}` is not known", target)
        return
    fields.put("dead_letter", target, "deadLetterTargetArn")
    count = resource.get("RedrivePolicy", "maxReceiveCount")
    fields.put("max_receives", count, "maxReceiveCount")


def _topic(draft: Draft, resource: Resource, fields: Fields) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topic.html"""
    fields.put("fifo", boolean(resource.get("FifoTopic")), "FifoTopic")
    content = boolean(resource.get("ContentBasedDeduplication"))
    fields.put("deduplication", content, "ContentBasedDeduplication")
    fields.put("display_name", resource.get("DisplayName"), "DisplayName")
    _key(draft, resource, fields)
    fields.put("tags", tags(draft, resource.get("Tags")), "Tags")
    for entry in members(resource.get("Subscription")):
        protocol = text_of(entry.get("Protocol"))
        if protocol != "lambda":
            draft.lose(f"a subscription of `{resource.name}` by {protocol}", entry)


def _bucket(draft: Draft, resource: Resource, fields: Fields) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html"""
    status = resource.get("VersioningConfiguration", "Status")
    if status is not None and not status.unknown:
        fields.put("versioned", made(text_of(status) == "Enabled", status), "Status")
    fields.put("tags", tags(draft, resource.get("Tags")), "Tags")


def _table(draft: Draft, resource: Resource, fields: Fields) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html"""
    _schema(fields, resource.get("KeySchema"))
    draft.says(resource.at, "partition_key", "KeySchema")
    attributes = draft.fields(resource.at)
    for entry in members(resource.get("AttributeDefinitions")):
        name, type_ = text_of(entry.get("AttributeName")), text_of(entry.get("AttributeType"))
        if name is not None and _TYPES.get(type_ or "", "string") != "string":
            attributes.put(name, made(_TYPES[type_ or ""], entry), "AttributeType")
    fields.nest("attributes", attributes, "AttributeDefinitions")
    indexes = draft.fields(resource.at)
    for entry in members(resource.get("GlobalSecondaryIndexes")):
        name = text_of(entry.get("IndexName"))
        if name is None:
            continue
        inner = draft.fields(entry.at)
        _schema(inner, entry.get("KeySchema"))
        indexes.put(name, inner.node())
        if text_of(entry.get("Projection", "ProjectionType")) not in (None, "ALL"):
            draft.lose(f"the index `{name}` holds whole items, not a part of them", entry)
    fields.nest("indexes", indexes, "GlobalSecondaryIndexes")
    view = resource.get("StreamSpecification", "StreamViewType")
    fields.put("stream", word(view), "StreamViewType")
    expiry = resource.get("TimeToLiveSpecification")
    if expiry is not None and truth(expiry.get("Enabled")) is not False:
        fields.put("ttl", expiry.get("AttributeName"), "AttributeName")
    fields.put("protected", boolean(resource.get("DeletionProtectionEnabled")))
    _common_of_tables(draft, resource, fields)


def _common_of_tables(draft: Draft, resource: Resource, fields: Fields) -> None:
    backups = resource.get("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")
    fields.put("point_in_time_recovery", boolean(backups), "PointInTimeRecoveryEnabled")
    fields.put("tags", tags(draft, resource.get("Tags")), "Tags")
    if resource.text("BillingMode") != "PAY_PER_REQUEST":
        throughput = resource.get("ProvisionedThroughput")
        if throughput is not None:
            draft.lose(f"the table `{resource.name}` is paid by request", throughput)


def _schema(fields: Fields, node: Node | None) -> None:
    for entry in members(node):
        role = _KEYS.get(text_of(entry.get("KeyType")) or "")
        if role is not None:
            fields.put(role, entry.get("AttributeName"), "AttributeName")


def _simple_table(draft: Draft, resource: Resource, fields: Fields) -> None:
    """https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-simpletable.html"""
    at = Node(None, *resource.at)
    key = resource.get("PrimaryKey", "Name") or made("id", at)
    fields.put("partition_key", key, "Name")
    kind = (resource.text("PrimaryKey", "Type") or "String").lower()
    if kind != "string" and not key.unknown:
        attributes = draft.fields(key.at)
        attributes.put(key.text, made(kind, key), "Type")
        fields.nest("attributes", attributes)
    _common_of_tables(draft, resource, fields)


def _stream(draft: Draft, resource: Resource, fields: Fields) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesis-stream.html"""
    if resource.text("StreamModeDetails", "StreamMode") != "ON_DEMAND":
        fields.put("shards", resource.get("ShardCount"), "ShardCount")
    hours = resource.get("RetentionPeriodHours")
    if hours is not None and (text_of(hours) or "").isdigit():
        fields.put("retention", made(f"{hours.text}h", hours), "RetentionPeriodHours")
    fields.put("tags", tags(draft, resource.get("Tags")), "Tags")


def _log_group(draft: Draft, resource: Resource, functions: Mapping[str, Fields]) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html"""
    days = resource.get("RetentionInDays")
    if days is None or not (text_of(days) or "").isdigit():
        return
    group = resource.physical_name
    for owner in draft.template.resources.values():
        fields = functions.get(owner.key) if owner.is_function else None
        if fields is None:
            continue
        logging = fields.value.get("logging")
        own = logging.get("group") if logging is not None else None
        if (text_of(own) or f"/aws/lambda/{owner.physical_name}") != group:
            continue
        inner = draft.fields(logging.at if logging is not None else resource.at)
        for name, node in logging.items() if logging is not None else ():
            inner.put(name, node)
        inner.put("retention", made(f"{days.text}d", days), "RetentionInDays")
        fields.nest("logging", inner)


_Reading = Callable[[Draft, Resource, Fields], None]
_READINGS: dict[str, tuple[str, _Reading, frozenset[str]]] = {
    "AWS::SQS::Queue": (
        "queues",
        _queue,
        frozenset(
            {
                "ContentBasedDeduplication",
                "DelaySeconds",
                "FifoQueue",
                "KmsMasterKeyId",
                "MessageRetentionPeriod",
                "QueueName",
                "ReceiveMessageWaitTimeSeconds",
                "RedrivePolicy",
                "Tags",
                "VisibilityTimeout",
            }
        ),
    ),
    "AWS::SNS::Topic": (
        "topics",
        _topic,
        frozenset(
            {
                "ContentBasedDeduplication",
                "DisplayName",
                "FifoTopic",
                "KmsMasterKeyId",
                "Subscription",
                "Tags",
                "TopicName",
            }
        ),
    ),
    "AWS::S3::Bucket": (
        "buckets",
        _bucket,
        frozenset({"BucketName", "NotificationConfiguration", "Tags", "VersioningConfiguration"}),
    ),
    "AWS::DynamoDB::Table": (
        "tables",
        _table,
        frozenset(
            {
                "AttributeDefinitions",
                "BillingMode",
                "DeletionProtectionEnabled",
                "GlobalSecondaryIndexes",
                "KeySchema",
                "PointInTimeRecoverySpecification",
                "ProvisionedThroughput",
                "StreamSpecification",
                "TableName",
                "Tags",
                "TimeToLiveSpecification",
            }
        ),
    ),
    "AWS::Serverless::SimpleTable": (
        "tables",
        _simple_table,
        frozenset(
            {
                "PointInTimeRecoverySpecification",
                "PrimaryKey",
                "ProvisionedThroughput",
                "TableName",
                "Tags",
            }
        ),
    ),
    "AWS::Kinesis::Stream": (
        "streams",
        _stream,
        frozenset({"Name", "RetentionPeriodHours", "ShardCount", "StreamModeDetails", "Tags"}),
    ),
}
"""Types, the section of the manifest, how one is read, and the properties that are."""
