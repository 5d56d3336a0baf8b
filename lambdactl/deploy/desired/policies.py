"""What a function's role may do, from what the manifest says of the function, and nothing beyond.

Actions are those of the documentation of each feature, on the ARNs that the manifest names; ``*``
only stands where IAM knows no ARN for an action
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lambdactl.deploy.naming import Naming
from lambdactl.manifest.model import Function
from lambdactl.manifest.settings import AsyncConfig, Destination

ANY = "*"


@dataclass(frozen=True, slots=True)
class Need:
    """Actions on resources, for a reason (``Logs``), which is the id of the statement."""

    reason: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: tuple[tuple[str, str, str], ...] = ()
    """Operator, key and value."""


def statements(naming: Naming, function: Function) -> list[dict[str, Any]]:
    """Statements of the policy of the function's role: what it needs, then the user's own.

    Needs of one reason with equal actions are one statement with several resources.
    """
    found: dict[Any, set[str]] = {}
    for need in _needs(naming, function):
        key = need.reason, tuple(sorted(set(need.actions))), need.condition
        found.setdefault(key, set()).update(need.resources)
    given = [_plain(one) for one in (function.role.statements if function.role else ())]
    taken = {one.get("Sid") for one in given}
    written = []
    for (reason, actions, condition), resources in found.items():
        sid = reason
        number = 2
        while sid in taken:
            sid, number = f"{reason}{number}", number + 1
        taken.add(sid)
        written.append(_statement(sid, actions, sorted(resources), condition))
    return written + given


def _statement(
    sid: str,
    actions: Iterable[str],
    resources: Iterable[str],
    condition: Iterable[tuple[str, str, str]],
) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": list(resources),
    }
    conditions: dict[str, dict[str, str]] = {}
    for operator, key, value in condition:
        conditions.setdefault(operator, {})[key] = value
    return {**statement, "Condition": conditions} if conditions else statement


def _plain(statement: Mapping[str, Any]) -> dict[str, Any]:
    # Lists are tuples in the model, and JSON knows no tuples.
    found: dict[str, Any] = json.loads(json.dumps(statement))
    return found


def _needs(naming: Naming, function: Function) -> Iterator[Need]:
    from lambdactl.deploy.desired import policies_of_sources

    yield from _logs(naming, function)
    if function.tracing == "active":
        # https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
        actions = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
        yield Need("Tracing", actions, (ANY,))
    if function.vpc is not None:
        yield _vpc()
    yield from _files(function)
    yield from _keys(function)
    yield from _durable(naming, function)
    for destination in _destinations(function):
        yield from sends(naming, destination)
    for trigger in function.triggers:
        yield from policies_of_sources.needs(naming, trigger)


def _logs(naming: Naming, function: Function) -> Iterator[Need]:
    """The group is there before the function is, so nobody needs to create one
    (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html)."""
    group = naming.arn("logs", f"log-group:{naming.log_group(function.name)}:*")
    yield Need("Logs", ("logs:CreateLogStream", "logs:PutLogEvents"), (group,))


def _vpc() -> Need:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html

    Lambda asks for these with ``*``: it checks them before there is a network interface.
    """
    return Need(
        "Network",
        (
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ),
        (ANY,),
    )


def _files(function: Function) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem-efs.html; both services
    tell access points apart by a condition, and file systems by ARN
    (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3files.html)."""
    if function.filesystem is None:
        return
    arn = function.filesystem.arn
    service = arn.split(":")[2]
    if service == "s3files":
        system = arn.partition("/access-point/")[0]
    else:
        # The ARN of an access point of EFS does not say whose it is.
        system = arn.rpartition(":")[0] + ":file-system/*"
    yield Need(
        "Files",
        (f"{service}:ClientMount", f"{service}:ClientWrite"),
        (system,),
        (("StringEquals", f"{service}:AccessPointArn", arn),),
    )


def _keys(function: Function) -> Iterator[Need]:
    """Keys of environment variables and of what durable executions keep
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html,
    https://docs.aws.amazon.com/lambda/latest/dg/durable-encryption.html)."""
    if function.kms_key:
        yield Need("Key", ("kms:Decrypt",), (function.kms_key,))
    if function.durable is not None and function.durable.kms_key:
        yield Need("Key", ("kms:Decrypt", "kms:GenerateDataKey"), (function.durable.kms_key,))


def _durable(naming: Naming, function: Function) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/durable-security.html"""
    if function.durable is not None:
        actions = ("lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState")
        yield Need("Durable", actions, (f"{naming.function_arn(function.name)}:*",))


def _destinations(function: Function) -> Iterator[Destination]:
    """Where records of asynchronous invocations go."""
    if function.dead_letter is not None:
        yield function.dead_letter
    for config in (function.async_, *(alias.async_ for alias in function.aliases.values())):
        yield from _of_async(config)


def _of_async(config: AsyncConfig | None) -> Iterator[Destination]:
    if config is not None:
        for destination in (config.on_success, config.on_failure):
            if destination is not None:
                yield destination


def sends(naming: Naming, destination: Destination) -> Iterator[Need]:
    """What it takes to send a record
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html). A topic
    of Kafka is its event source's business."""
    if destination.kind == "kafka":
        return
    arn = naming.arn_of(destination)
    if destination.kind == "sqs":
        yield Need("Queues", ("sqs:SendMessage",), (arn,))
        yield from sealed(naming, "queues", destination.target)
    elif destination.kind == "sns":
        yield Need("Topics", ("sns:Publish",), (arn,))
        yield from sealed(naming, "topics", destination.target)
    elif destination.kind == "lambda":
        # A name may lead to a version or an alias, and its ARN is another one.
        yield Need("Functions", ("lambda:InvokeFunction",), (arn,))
    elif destination.kind == "eventbridge":
        yield Need("Buses", ("events:PutEvents",), (arn,))
    else:
        yield Need("Objects", ("s3:PutObject",), (f"{arn}/*",))
        yield Need("Buckets", ("s3:ListBucket",), (arn,))


def sealed(naming: Naming, section: str, name: str) -> Iterator[Need]:
    """What it takes to send to one of the manifest's own queues or topics with a key of its own
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html)."""
    key = key_of(naming, section, name)
    if key is not None:
        yield Need("Key", ("kms:Decrypt", "kms:GenerateDataKey"), (key,))


def key_of(naming: Naming, section: str, name: str) -> str | None:
    """The ARN of the key of one of the manifest's own queues or topics; None where it has none,
    or one that is named otherwise: IAM knows keys by ARN alone."""
    own = getattr(naming.app.resources, section).get(name)
    key = getattr(own, "kms_key", None)
    return str(key) if key and str(key).startswith("arn:") and ":key/" in str(key) else None
