"""Subscriptions of functions to topics of SNS.

A subscription can't be tagged, and there is but one of a function to a topic: it is lambdactl's
where the topic may call the function by a permission of lambdactl's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import calling
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.callers import caller_of, callers
from lambdactl.deploy.model import Context, Live, Resource

_PRINCIPAL = "sns.amazonaws.com"


class Subscription:
    """``subscription:TOPIC/FUNCTION[:ALIAS]``; a topic of another account or Region by its ARN."""

    name: ClassVar[str] = "subscription"
    title: ClassVar[str] = "subscription"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        topic, target = _ends(context, name)
        arn = _subscriptions(context, topic).get(target)
        if arn is None or not arn.startswith("arn:"):
            return None
        attributes = _attributes(context, topic, arn)
        if attributes is None:
            return None
        caller = caller_of(context, target, calling.topic(name.rpartition("/")[0]))
        redrive = json.loads(attributes.get("RedrivePolicy") or "{}")
        needs = caller.needs if caller else ()
        if topic.startswith(context.naming.arn("sns", "")):
            needs = (*needs, f"topic:{topic.rpartition(':')[2]}")
        return Live(
            kind=self.name,
            name=name,
            properties={
                "topic": topic,
                "target": target,
                "filter": json.loads(attributes.get("FilterPolicy") or "{}") or None,
                "filter_scope": attributes.get("FilterPolicyScope") or "MessageAttributes",
                "dead_letter": redrive.get("deadLetterTargetArn") or None,
            },
            outputs={"arn": arn},
            owner=context.naming.owner,
            needs=needs,
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        home = context.naming.arn("sns", "")
        for one in callers(context, functions, _PRINCIPAL):
            if one.source_arn:
                yield f"{one.source_arn.removeprefix(home)}/{one.owner}"

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        topic, target = _ends(context, resource.name)
        context.account.forget(f"subscriptions:{topic}/")
        arn = _subscriptions(context, topic).get(target)
        if arn is not None:
            # It is there: a deployment broke off after this call. Subscribe refuses attributes
            # that differ.
            return self._set(context, resource, topic, arn, frozenset(resource.properties))
        attributes = {name: value for name, value in _wanted(resource) if value not in ("", "{}")}
        answer = _client(context, topic).subscribe(
            TopicArn=topic,
            Protocol="lambda",
            Endpoint=target,
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )
        context.account.forget(f"subscriptions:{topic}/")
        return {"arn": answer["SubscriptionArn"]}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        topic = resource.properties["topic"]
        return self._set(context, resource, topic, live.outputs["arn"], changed)

    def delete(self, context: Context, live: Live) -> None:
        topic = live.properties["topic"]
        with allowed("NotFound", "NotFoundException"):
            _client(context, topic).unsubscribe(SubscriptionArn=live.outputs["arn"])
        context.account.forget(f"subscriptions:{topic}/")

    def _set(
        self,
        context: Context,
        resource: Resource,
        topic: str,
        arn: str,
        changed: frozenset[str],
    ) -> Mapping[str, str]:
        names = {"FilterPolicy": "filter", "FilterPolicyScope": "filter_scope"}
        for name, value in _wanted(resource):
            if names.get(name, "dead_letter") in changed:
                _client(context, topic).set_subscription_attributes(
                    SubscriptionArn=arn, AttributeName=name, AttributeValue=value
                )
        context.account.forget(f"subscriptions:{topic}/")
        return {"arn": arn}


KINDS = (Subscription(),)


def _ends(context: Context, name: str) -> tuple[str, str]:
    """The ARNs of a subscription's topic and of what it calls."""
    topic, _, function = name.rpartition("/")
    if not topic.startswith("arn:"):
        topic = context.naming.arn("sns", topic)
    return topic, context.naming.arn("lambda", f"function:{function}")


def _client(context: Context, topic: str) -> Any:
    return context.account.client("sns", in_region=topic.split(":")[3])


def _subscriptions(context: Context, topic: str) -> Mapping[str, str]:
    """ARNs of a topic's subscriptions by what they call."""

    def ask() -> dict[str, str]:
        found: dict[str, str] = {}
        with allowed("NotFound", "NotFoundException"):
            pages = _client(context, topic).get_paginator("list_subscriptions_by_topic")
            for page in pages.paginate(TopicArn=topic):
                for one in page["Subscriptions"]:
                    if one["Protocol"] == "lambda":
                        found[one["Endpoint"]] = one["SubscriptionArn"]
        return found

    return context.account.once(f"subscriptions:{topic}/", ask)


def _attributes(context: Context, topic: str, arn: str) -> Mapping[str, str] | None:
    with allowed("NotFound", "NotFoundException"):
        answer = _client(context, topic).get_subscription_attributes(SubscriptionArn=arn)
        found: Mapping[str, str] = answer["Attributes"]
        return found
    return None


def _wanted(resource: Resource) -> list[tuple[str, str]]:
    """Attributes in the order in which they can be set.

    A filter on the body may be nested, one on attributes may not: the scope changes before the
    policy where it gets wider, after it where it gets narrower. Without a filter the policy is an
    empty one (https://docs.aws.amazon.com/sns/latest/dg/message-filtering-policy-remove.html).
    """
    properties = resource.properties
    policy = ("FilterPolicy", json.dumps(properties["filter"] or {}))
    scope = ("FilterPolicyScope", properties["filter_scope"])
    queue = properties["dead_letter"]
    redrive = ("RedrivePolicy", json.dumps({"deadLetterTargetArn": queue}) if queue else "")
    body = properties["filter_scope"] == "MessageBody"
    return [*([scope, policy] if body else [policy, scope]), redrive]
