"""Statements of queues' policies: what may send to them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-basic-examples-of-sqs-policies.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import shared
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
        for statement in _policy(context, queue).get("Statement", ()):
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
                    owner=context.naming.owner,
                )
        return None

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        for queue in Queue().owned(context, functions):
            for statement in _policy(context, queue).get("Statement", ()):
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


def _policy(context: Context, queue: str) -> Mapping[str, Any]:
    """A queue's policy; empty where there is no such queue."""

    def ask() -> Mapping[str, Any]:
        sqs = context.account.client("sqs")
        with allowed(*_GONE):
            url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
            answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
            found: Mapping[str, Any] = json.loads(
                answer.get("Attributes", {}).get("Policy") or "{}"
            )
            return found
        return {}

    return context.account.once(f"queue_policy:{queue}/", ask)


def _change(context: Context, queue: str, sid: str, statement: dict[str, Any] | None) -> None:
    """Put ``statement`` in the place of the one with that id; None takes it away."""
    with shared.alone(f"sqs {queue}"):
        context.account.forget(f"queue_policy:{queue}/")
        policy = _policy(context, queue)
        statements = [one for one in policy.get("Statement", ()) if one.get("Sid") != sid]
        if statement is not None:
            statements.append(statement)
        if statements == list(policy.get("Statement", ())):
            return
        text = json.dumps({"Version": "2012-10-17", **policy, "Statement": statements})
        sqs = context.account.client("sqs")
        sqs.set_queue_attributes(
            QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"],
            # A queue without statements has no policy.
            Attributes={"Policy": text if statements else ""},
        )
        context.account.forget(f"queue_policy:{queue}/")
