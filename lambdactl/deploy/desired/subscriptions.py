"""``sns`` triggers: subscriptions of functions to topics.

https://docs.aws.amazon.com/sns/latest/dg/sns-lambda-as-subscriber.html
"""

from __future__ import annotations

from collections.abc import Iterator

from lambdactl.deploy import calling
from lambdactl.deploy.desired import Wanted, queue_grants
from lambdactl.deploy.desired.triggered import Triggered, once, owned, triggers
from lambdactl.deploy.model import Resource

_SCOPES = {"message_attributes": "MessageAttributes", "message_body": "MessageBody"}


def resources(wanted: Wanted) -> Iterator[Resource]:
    """Subscriptions that are off are not there: SNS has no such state."""
    yield from once(
        resource
        for one in triggers(wanted, "sns")
        if one.enabled
        for resource in _subscription(one)
    )


def _subscription(one: Triggered) -> Iterator[Resource]:
    naming, topic = one.naming, one.settings["topic"]
    arn = naming.topic_arn(topic)
    home = naming.arn("sns", "")
    name = arn.removeprefix(home)
    # The ARN says the account: SNS sends no source account
    # (https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html).
    grant = one.grant(calling.topic(name), "sns.amazonaws.com", source_arn=arn)
    yield grant
    queue, queue_needs = one.dead_letter()
    letters = queue_grants.grants(one, "sns.amazonaws.com", arn)
    yield from letters
    called = f"{one.name}:{one.qualifier}" if one.qualifier else one.name
    yield Resource(
        kind="subscription",
        name=f"{name}/{called}",
        properties={
            "topic": arn,
            "target": one.target,
            "filter": one.settings.get("filter"),
            "filter_scope": _SCOPES[one.settings.get("filter_scope", "message_attributes")],
            "dead_letter": queue,
        },
        needs=(
            grant.address,
            *owned(naming, "topics", topic),
            *queue_needs,
            *(letter.address for letter in letters),
        ),
        function=one.function.name,
        where=one.where,
    )
