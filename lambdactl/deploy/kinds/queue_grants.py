"""Statements of queues' policies: what may send to them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-basic-examples-of-sqs-policies.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from lambdactl.deploy import shared, tagging
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.queues import Queue
from lambdactl.deploy.marks import STATEMENT_PREFIX
from lambdactl.deploy.model import Context, Live, Resource

_GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


class QueueGrant:
    """``queue_grant:QUEUE/STATEMENT``."""

    name: ClassVar[str] = "queue_grant"
    title: ClassVar[str] = "permission to send to the queue"
    parent: ClassVar[str | None] = "queue"
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        queue, _, sid = name.partition("/")
        there = _queue(context, queue)
        for statement in there.statements:
            if statement.get("Sid") == sid:
                condition = statement.get("Condition", {}).get("ArnEquals", {})
                principal = statement.get("Principal")
                return Live(
                    kind=self.name,
                    name=name,
                    properties={
                        "queue": statement.get("Resource"),
                        "principal": principal.get("Service")
                        if isinstance(principal, Mapping)
                        else principal,
                        "source_arn": condition.get("aws:SourceArn"),
                    },
                    owner=there.owner,
                )
        return None

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        for queue in Queue().owned(context, functions):
            for statement in _queue(context, queue).statements:
                if str(statement.get("Sid")).startswith(STATEMENT_PREFIX):
                    yield f"{queue}/{statement['Sid']}"

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        queue, _, sid = resource.name.partition("/")
        properties = resource.properties
        _change(
            context,
            queue,
            sid,
            {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"Service": properties["principal"]},
                "Action": "sqs:SendMessage",
                "Resource": properties["queue"],
                "Condition": {"ArnEquals": {"aws:SourceArn": properties["source_arn"]}},
            },
        )
        return {}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return self.create(context, resource)

    def delete(self, context: Context, live: Live) -> None:
        queue, _, sid = live.name.partition("/")
        with allowed(*_GONE):
            _change(context, queue, sid, None)


KINDS = (QueueGrant(),)


@dataclass(frozen=True, slots=True)
class _Queue:
    """:ivar owner: whose the queue is, and so what of lambdactl's is in its policy."""

    owner: tuple[str, str] | None = None
    policy: Mapping[str, Any] = field(default_factory=dict)

    @property
    def statements(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self.policy.get("Statement", ()))


def _queue(context: Context, name: str) -> _Queue:
    """A queue; without an owner and a policy where there is none."""

    def ask() -> _Queue:
        sqs = context.account.client("sqs")
        with allowed(*_GONE):
            url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
            answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
            policy = answer.get("Attributes", {}).get("Policy") or "{}"
            tags = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
            return _Queue(tagging.owner(tags), json.loads(policy))
        return _Queue()

    return context.account.once(f"queue_policy:{name}/", ask)


def _change(context: Context, queue: str, sid: str, statement: dict[str, Any] | None) -> None:
    """Put ``statement`` in the place of the one with that id; None takes it away."""
    with shared.alone(f"sqs {queue}"):
        context.account.forget(f"queue_policy:{queue}/")
        there = _queue(context, queue)
        statements = [one for one in there.statements if one.get("Sid") != sid]
        if statement is not None:
            statements.append(statement)
        if statements == list(there.statements):
            return
        text = json.dumps({"Version": "2012-10-17", **there.policy, "Statement": statements})
        sqs = context.account.client("sqs")
        sqs.set_queue_attributes(
            QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"],
            # A queue without statements has no policy.
            Attributes={"Policy": text if statements else ""},
        )
        context.account.forget(f"queue_policy:{queue}/")
