"""What the manifest has of its own beside functions: queues, topics, buckets, tables, streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.model import Resource
from lambdactl.deploy.naming import Naming
from lambdactl.errors import UserError
from lambdactl.manifest.owned import Bucket, Queue, Stream, Table, Topic

T = TypeVar("T", Queue, Topic, Bucket, Table, Stream)

Properties = dict[str, Any]

_VISIBILITY_S = 30
"""SQS's own default
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html)."""
_LONGEST_VISIBILITY_S = 43_200
_TIMEOUTS = 6
"""For how many timeouts of its function a message should be hidden
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html)."""


def resources(wanted: Wanted) -> Iterable[Resource]:
    naming = wanted.naming
    own = wanted.app.resources
    yield from _all(naming, "queue", "queues", own.queues, lambda one: _queue(naming, one))
    yield from _all(naming, "topic", "topics", own.topics, _topic)
    yield from _all(naming, "bucket", "buckets", own.buckets, _bucket)
    yield from _all(naming, "table", "tables", own.tables, _table)
    yield from _all(naming, "stream", "streams", own.streams, _stream)


def _all(
    naming: Naming,
    kind: str,
    section: str,
    own: Mapping[str, T],
    properties: Callable[[T], Properties],
) -> Iterator[Resource]:
    for key, one in own.items():
        letter = one.dead_letter if isinstance(one, Queue) else None
        needs: tuple[str, ...] = ()
        if letter is not None and naming.is_owned("queues", letter):
            needs = (f"queue:{naming.owned_name('queues', letter)}",)
        yield Resource(
            kind=kind,
            name=naming.owned_name(section, key),
            properties={**properties(one), "tags": dict(one.tags)},
            needs=needs,
            function=_only_user(naming, section, key),
            where=one.where,
        )


_NAMED_BY = {
    "queues": ("sqs", "queue"),
    "topics": ("sns", "topic"),
    "buckets": ("s3", "bucket"),
    "tables": ("dynamodb", "table"),
    "streams": ("kinesis", "stream"),
}


def _only_user(naming: Naming, section: str, key: str) -> str | None:
    """The function that is triggered by it, if it is just one."""
    kind, setting = _NAMED_BY[section]
    users = {
        function.name
        for function in naming.app.functions.values()
        for trigger in function.triggers
        if trigger.kind == kind and trigger.settings.get(setting) == key
    }
    return users.pop() if len(users) == 1 else None


def _queue(naming: Naming, queue: Queue) -> Properties:
    redrive = None
    if queue.dead_letter is not None:
        redrive = {
            "dead_letter": naming.queue_arn(queue.dead_letter),
            "max_receives": queue.max_receives,
        }
    return {
        "visibility_timeout_s": _visibility(naming, queue),
        "retention_s": queue.retention_s,
        "delay_s": queue.delay_s,
        "receive_wait_s": queue.receive_wait_s,
        "redrive": redrive,
        "deduplication": queue.deduplication if queue.fifo else None,
        "kms_key": queue.kms_key,
    }


def _visibility(naming: Naming, queue: Queue) -> int:
    """How long a message is hidden that a function is at work on, in seconds.

    :raises UserError: for less than a function may take: Lambda refuses such a queue.
    """
    longest = 0
    for function in naming.app.functions.values():
        for trigger in function.triggers:
            if trigger.kind != "sqs" or trigger.settings["queue"] != queue.name:
                continue
            given = queue.visibility_timeout_s
            if given is not None and given < function.timeout_s:
                raise UserError(
                    f"the queue {queue.name} hides a message for {given} s, and the function "
                    f"{function.name} may take {function.timeout_s} s: Lambda refuses that",
                    where=trigger.where or queue.where,
                    hint=f"leave `visibility_timeout` out, or take {6 * function.timeout_s}s",
                )
            window = trigger.settings.get("window_s") or 0
            longest = max(longest, _TIMEOUTS * function.timeout_s + int(window))
    if queue.visibility_timeout_s is not None:
        return queue.visibility_timeout_s
    return min(longest, _LONGEST_VISIBILITY_S) or _VISIBILITY_S


def _topic(topic: Topic) -> Properties:
    return {
        "display_name": topic.display_name,
        "deduplication": topic.deduplication if topic.fifo else None,
        "kms_key": topic.kms_key,
    }


def _bucket(bucket: Bucket) -> Properties:
    return {"versioned": bucket.versioned, "force_delete": bucket.force_delete}


def _table(table: Table) -> Properties:
    def key(name: str | None) -> dict[str, str] | None:
        return (
            None if name is None else {"name": name, "type": table.attributes.get(name, "string")}
        )

    return {
        "billing": "on_demand",
        "partition_key": key(table.partition_key),
        "sort_key": key(table.sort_key),
        "indexes": {
            index.name: {
                "partition_key": key(index.partition_key),
                "sort_key": key(index.sort_key),
            }
            for index in table.indexes
        },
        "stream": table.stream,
        "ttl": table.ttl,
        "point_in_time_recovery": table.point_in_time_recovery,
        "protected": table.protected,
    }


def _stream(stream: Stream) -> Properties:
    return {"shards": stream.shards, "retention_h": stream.retention_h}
