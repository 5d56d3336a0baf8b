"""Who may send to queues of the ``resources`` section: SNS and EventBridge send what they could not
deliver by themselves, so the queue's own policy has to let them.

A queue that is not the manifest's keeps its policy: whoever made it says who may send to it
(https://docs.aws.amazon.com/eventbridge/latest/userguide/rule-dlq.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-configure-dead-letter-queue.html).
"""

from __future__ import annotations

from lambdactl.deploy.desired.grants import statement_id
from lambdactl.deploy.desired.triggered import Triggered, owned
from lambdactl.deploy.model import Resource


def grants(one: Triggered, service: str, source_arn: str) -> tuple[Resource, ...]:
    """The permission of ``service`` to send what ``source_arn`` could not deliver to the trigger's
    dead letter queue; nothing where that is not the manifest's."""
    queue = one.settings.get("dead_letter")
    if queue is None or not owned(one.naming, "queues", queue.target):
        return ()
    name = one.naming.owned_name("queues", queue.target)
    what = source_arn.removeprefix(one.naming.arn(source_arn.split(":")[2], ""))
    sid = statement_id(f"{service.partition('.')[0]}-{what}")
    return (
        Resource(
            kind="queue_grant",
            name=f"{name}/{sid}",
            properties={
                "queue": one.naming.queue_arn(queue.target),
                "principal": service,
                "source_arn": source_arn,
            },
            needs=(f"queue:{name}",),
            where=one.where,
        ),
    )
