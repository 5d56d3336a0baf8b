"""What a manifest declares beside functions, and lambdactl creates: the ``resources`` section.

Apart from :mod:`lambdactl.manifest.model` because only what deploys pays for making these classes.
Words are AWS's own in lower case with underscores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lambdactl.errors import Location


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html).

    :ivar visibility_timeout_s: None: what the functions that it triggers need.
    :ivar dead_letter: the key of another queue of the section, or the ARN of one.
    :ivar max_receives: after how many a message goes there.
    """

    name: str
    aws_name: str | None = None
    fifo: bool = False
    visibility_timeout_s: int | None = None
    retention_s: int = 345600
    delay_s: int = 0
    receive_wait_s: int = 0
    dead_letter: str | None = None
    max_receives: int = 3
    deduplication: bool = False
    """FIFO: by content."""
    kms_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """An SNS topic."""

    name: str
    aws_name: str | None = None
    fifo: bool = False
    deduplication: bool = False
    display_name: str | None = None
    kms_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """An S3 bucket.

    :ivar force_delete: ``destroy`` empties it first; else a bucket with objects stays and is told.
    """

    name: str
    aws_name: str | None = None
    versioned: bool = False
    force_delete: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    where: Location | None = None


AttributeType = Literal["string", "number", "binary"]


@dataclass(frozen=True, slots=True)
class Index:
    """A global secondary index of a table; it projects everything."""

    name: str
    partition_key: str
    sort_key: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table, paid by request.

    :ivar attributes: types of all attributes that are part of a key.
    :ivar stream: what its stream shows; None: it has none.
    :ivar ttl: the attribute with the time of expiry.
    """

    name: str
    partition_key: str
    sort_key: str | None = None
    attributes: Mapping[str, AttributeType] = field(default_factory=dict)
    indexes: tuple[Index, ...] = ()
    stream: Literal["keys_only", "new_image", "old_image", "new_and_old_images"] | None = None
    ttl: str | None = None
    point_in_time_recovery: bool = False
    protected: bool = False
    """Deletion protection."""
    aws_name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A Kinesis data stream. ``shards`` None: on demand."""

    name: str
    aws_name: str | None = None
    shards: int | None = None
    retention_h: int = 24
    tags: Mapping[str, str] = field(default_factory=dict)
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """The section, by kind and key."""

    queues: Mapping[str, Queue] = field(default_factory=dict)
    topics: Mapping[str, Topic] = field(default_factory=dict)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    streams: Mapping[str, Stream] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Release:
    """How an alias comes to a new version.

    :ivar strategy: ``all_at_once``; ``linear``: ``percent`` more every ``interval_s`` seconds;
        ``canary``: ``percent`` for ``interval_s``, then all.
    :ivar alarms: names of CloudWatch alarms that end it and go back.
    :ivar smoke: a file with an event (relative paths are the manifest's folder's) that the new
        version is invoked with before it gets any traffic.
    """

    alias: str
    strategy: Literal["all_at_once", "linear", "canary"] = "all_at_once"
    percent: float = 100.0
    interval_s: int = 0
    alarms: tuple[str, ...] = ()
    smoke: str | None = None
