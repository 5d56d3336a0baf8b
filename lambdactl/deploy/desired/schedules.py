"""``schedule`` triggers: schedules of EventBridge Scheduler, and the roles by which they call.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.roles import role
from lambdactl.deploy.desired.rules import as_text
from lambdactl.deploy.desired.triggered import Triggered, once, owned, triggers
from lambdactl.deploy.model import Ref, Resource
from lambdactl.deploy.naming import shortened
from lambdactl.deploy.scheduling import own_group

_DEFAULT_RETRIES, _DEFAULT_AGE_S = 185, 86400
"""https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html"""
_ROLE_LENGTH = 64


def resources(wanted: Wanted) -> Iterator[Resource]:
    found = list(triggers(wanted, "schedule"))
    if not found:
        return
    yield Resource(kind="schedule_group", name=own_group(wanted.naming), properties={})
    yield from once(_schedule(one) for one in found)
    functions: dict[str, list[Triggered]] = {}
    for one in found:
        functions.setdefault(one.function.name, []).append(one)
    for some in functions.values():
        yield _role(some)


def _schedule(one: Triggered) -> Resource:
    settings, naming = one.settings, one.naming
    ours = own_group(naming)
    window = settings.get("flexible_window_s")
    queue = settings.get("dead_letter")
    return Resource(
        kind="schedule",
        name=f"{_group(one)}/{one.given_name()}",
        properties={
            "expression": settings["expression"],
            "timezone": settings.get("timezone", "UTC"),
            "enabled": one.enabled,
            # AWS counts in minutes.
            "flexible_window_s": -(-window // 60) * 60 if window else None,
            "start": _moment(settings.get("start")),
            "end": _moment(settings.get("end")),
            "target": one.target,
            "role": Ref(f"role:{_role_name(one)}"),
            "input": as_text(settings["input"]) if "input" in settings else None,
            "retries": settings.get("retries", _DEFAULT_RETRIES),
            "max_age_s": settings.get("max_age_s", _DEFAULT_AGE_S),
            "dead_letter": naming.arn_of(queue) if queue else None,
        },
        needs=(
            f"schedule_group:{ours}",
            one.called,
            *(owned(naming, "queues", queue.target) if queue else ()),
        ),
        function=one.function.name,
        where=one.where,
    )


def _role(some: list[Triggered]) -> Resource:
    """The role of all schedules of one function: it may call what they call, and nothing else."""
    naming = some[0].naming
    groups = sorted({naming.arn("scheduler", f"schedule-group/{_group(one)}") for one in some})
    queues = {naming.arn_of(one.settings["dead_letter"]) for one in some if _has_queue(one)}
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": sorted({one.target for one in some}),
        }
    ]
    if queues:
        statements.append(
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": sorted(queues)}
        )
    return role(
        _role_name(some[0]),
        "scheduler.amazonaws.com",
        statements,
        # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
        condition={
            "StringEquals": {"aws:SourceAccount": naming.account},
            "ArnEquals": {"aws:SourceArn": groups},
        },
        function=some[0].function.name,
        where=some[0].where,
    )


def _has_queue(one: Triggered) -> bool:
    return one.settings.get("dead_letter") is not None


def _role_name(one: Triggered) -> str:
    # No function has a dot in its name: this is no function's own role.
    return shortened(f"{one.name}.schedule-{one.naming.region}", _ROLE_LENGTH)


def _group(one: Triggered) -> str:
    """The group of a schedule: one that the manifest names is there already."""
    return str(one.settings.get("group") or own_group(one.naming))


def _moment(given: str | float | None) -> str | None:
    """A moment that the manifest names, in UTC; one without an offset is in UTC."""
    if given is None:
        return None
    if isinstance(given, str):
        moment = datetime.datetime.fromisoformat(given)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
    else:
        moment = datetime.datetime.fromtimestamp(given, datetime.UTC)
    return as_moment(moment)


def as_moment(moment: datetime.datetime) -> str:
    """AWS keeps whole seconds."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
