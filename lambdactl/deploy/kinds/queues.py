"""SQS queues.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import tagging
from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.model import Context, Live, Resource

_GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_EXISTS = ("QueueAlreadyExists", "QueueNameExists")

_NUMBERS = {
    "visibility_timeout_s": "VisibilityTimeout",
    "retention_s": "MessageRetentionPeriod",
    "delay_s": "DelaySeconds",
    "receive_wait_s": "ReceiveMessageWaitTimeSeconds",
}


class Queue:
    name: ClassVar[str] = "queue"
    title: ClassVar[str] = "queue"
    parent: ClassVar[str | None] = None
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        sqs = context.account.client("sqs")
        with allowed(*_GONE):
            url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
            tags = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
            hash_ = tagging.deployed(tags)
            found = _read(attributes["Attributes"])
            if hash_ is None:
                found = tagging.unfinished(found)
            return Live(
                kind=self.name,
                name=name,
                properties={**found, "tags": tagging.users(tags)},
                outputs=_outputs(context, name, url),
                owner=tagging.owner(tags),
                hash=hash_,
            )
        return None

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return tagging.names(context, "sqs", "queues")

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        wanted = resource.properties
        attributes = {key: value for key, value in _attributes(wanted).items() if value}
        if wanted["deduplication"] is not None:
            attributes["FifoQueue"] = "true"
        sqs = context.account.client("sqs")
        try:
            url = sqs.create_queue(
                QueueName=resource.name,
                Attributes=attributes,
                tags=tagging.of(context, resource),
            )["QueueUrl"]
        except Exception as error:
            live = self.read(context, resource.name) if code(error) in _EXISTS else None
            if live is None or live.owner != context.naming.owner:
                raise
            return self.update(context, resource, live, frozenset(wanted))
        context.account.forget("tagged")
        return _outputs(context, resource.name, url)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        sqs = context.account.client("sqs")
        url, wanted = live.outputs["url"], resource.properties
        attributes = _attributes({key: wanted[key] for key in changed if key != "tags"})
        sqs.tag_queue(QueueUrl=url, Tags=tagging.begun(context, resource))
        if attributes:
            sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        if attributes.get("KmsMasterKeyId") == "":
            # A queue that loses its key is not encrypted until SQS's own is turned on.
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true"})
        gone = tagging.gone(live.properties["tags"], wanted["tags"])
        if gone:
            sqs.untag_queue(QueueUrl=url, TagKeys=gone)
        sqs.tag_queue(QueueUrl=url, Tags=tagging.of(context, resource))
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        with allowed(*_GONE):
            context.account.client("sqs").delete_queue(QueueUrl=live.outputs["url"])
        context.account.forget("tagged")


KINDS = (Queue(),)


def _outputs(context: Context, name: str, url: str) -> dict[str, str]:
    return {"arn": context.naming.arn("sqs", name), "url": url, "name": name}


def _read(attributes: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {key: int(attributes.get(name, 0)) for key, name in _NUMBERS.items()}
    redrive = json.loads(attributes.get("RedrivePolicy") or "null")
    if redrive is not None:
        redrive = {
            "dead_letter": redrive["deadLetterTargetArn"],
            "max_receives": int(redrive["maxReceiveCount"]),
        }
    deduplication = None
    if attributes.get("FifoQueue") == "true":
        deduplication = attributes.get("ContentBasedDeduplication") == "true"
    return {
        **found,
        "redrive": redrive,
        "deduplication": deduplication,
        "kms_key": attributes.get("KmsMasterKeyId") or None,
    }


def _attributes(wanted: Mapping[str, Any]) -> dict[str, str]:
    """As SQS takes them; "" takes one away."""
    found = {name: str(wanted[key]) for key, name in _NUMBERS.items() if key in wanted}
    if "redrive" in wanted:
        redrive = wanted["redrive"]
        found["RedrivePolicy"] = (
            json.dumps(
                {
                    "deadLetterTargetArn": redrive["dead_letter"],
                    "maxReceiveCount": redrive["max_receives"],
                }
            )
            if redrive is not None
            else ""
        )
    if wanted.get("deduplication") is not None:
        found["ContentBasedDeduplication"] = str(wanted["deduplication"]).lower()
    if "kms_key" in wanted:
        found["KmsMasterKeyId"] = wanted["kms_key"] or ""
    return found
