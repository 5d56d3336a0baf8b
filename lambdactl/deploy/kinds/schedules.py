"""Schedules of EventBridge Scheduler, and groups of them.

https://docs.aws.amazon.com/scheduler/latest/APIReference/Welcome.html
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import tagging
from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.deploy.scheduling import ELSEWHERE, Mark, marked, own_group
from lambdactl.deploy.waiting import until
from lambdactl.errors import AwsError

_GONE_S = 300.0
"""How long a group may take to be deleted, with all its schedules."""


class Schedule:
    """``schedule:GROUP/NAME``."""

    name: ClassVar[str] = "schedule"
    title: ClassVar[str] = "schedule"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        found = _schedule(context, name)
        if found is None:
            return None
        mark = marked(found.get("Description", ""))
        target = found["Target"]
        retries = target.get("RetryPolicy", {})
        window = found.get("FlexibleTimeWindow", {}).get("MaximumWindowInMinutes")
        role = str(target["RoleArn"]).rpartition("/")[2]
        return Live(
            kind=self.name,
            name=name,
            properties={
                "expression": found["ScheduleExpression"],
                "timezone": found.get("ScheduleExpressionTimezone") or "UTC",
                "enabled": found.get("State") != "DISABLED",
                "flexible_window_s": window * 60 if window else None,
                "start": _moment(found.get("StartDate")) or (mark.start if mark else None),
                "end": _moment(found.get("EndDate")),
                "target": target["Arn"],
                "role": target["RoleArn"],
                "input": target.get("Input"),
                "retries": retries.get("MaximumRetryAttempts", 185),
                "max_age_s": retries.get("MaximumEventAgeInSeconds", 86400),
                "dead_letter": target.get("DeadLetterConfig", {}).get("Arn"),
            },
            outputs={"arn": found["Arn"]},
            owner=mark.owner if mark else None,
            hash=mark.digest if mark else None,
            needs=(
                f"schedule_group:{own_group(context.naming)}",
                f"role:{role}",
                f"function:{str(target['Arn']).split(':')[6]}",
            ),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        ours = own_group(context.naming)
        group = _group(context, ours)
        if group is None:
            return
        for name in [ours, *group.elsewhere]:
            for one in _listed(context, name):
                found = _schedule(context, f"{name}/{one}") or {}
                if marked(found.get("Description", "")):
                    yield f"{name}/{one}"

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        self._note_group(context, resource)
        scheduler = context.account.client("scheduler")
        wanted = _wanted(context, resource)
        try:
            answer = scheduler.create_schedule(**wanted)
        except Exception as error:
            if code(error) != "ConflictException":
                raise
            # It is there: the answer of an earlier try got lost.
            answer = scheduler.update_schedule(**wanted)
        context.account.forget(f"schedule:{resource.name}/")
        return {"arn": answer["ScheduleArn"]}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        # UpdateSchedule takes all fields: one that it is not given goes back to its default.
        context.account.client("scheduler").update_schedule(**_wanted(context, resource))
        context.account.forget(f"schedule:{resource.name}/")
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        group, _, name = live.name.partition("/")
        with allowed("ResourceNotFoundException"):
            context.account.client("scheduler").delete_schedule(Name=name, GroupName=group)
        context.account.forget(f"schedule:{live.name}/")

    def _note_group(self, context: Context, resource: Resource) -> None:
        """Note a group that isn't ours, before there is a schedule of ours in it."""
        group = resource.name.partition("/")[0]
        ours = own_group(context.naming)
        if group != ours:
            context.account.client("scheduler").tag_resource(
                ResourceArn=_group_arn(context, ours),
                Tags=[{"Key": f"{ELSEWHERE}{group}", "Value": "1"}],
            )
            context.account.forget(f"schedule_group:{ours}/")


class ScheduleGroup:
    """``schedule_group:NAME``: of one service and stage."""

    name: ClassVar[str] = "schedule_group"
    title: ClassVar[str] = "schedule group"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        found = _group(context, name)
        if found is None:
            return None
        return Live(
            kind=self.name,
            name=name,
            properties={},
            outputs={"arn": found.arn},
            owner=tagging.owner(found.tags),
            hash=tagging.deployed(found.tags),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return [own_group(context.naming)]

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        # One that is being deleted still has the name.
        self._gone(context, resource.name)
        answer = context.account.client("scheduler").create_schedule_group(
            Name=resource.name, Tags=tagging.pairs(tagging.of(context, resource))
        )
        context.account.forget(f"schedule_group:{resource.name}/")
        return {"arn": answer["ScheduleGroupArn"]}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        context.account.client("scheduler").tag_resource(
            ResourceArn=live.outputs["arn"], Tags=tagging.pairs(tagging.of(context, resource))
        )
        context.account.forget(f"schedule_group:{resource.name}/")
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        scheduler = context.account.client("scheduler")
        with allowed("ResourceNotFoundException"):
            # Its schedules would go with it.
            others = _listed(context, live.name)
            if others:
                raise AwsError(
                    f"the schedule group {live.name} has schedules that lambdactl has not made: "
                    f"{', '.join(others[:5])}",
                    hint="move or delete them, and try again",
                )
            scheduler.delete_schedule_group(Name=live.name)
        context.account.forget(f"schedule_group:{live.name}/")
        self._gone(context, live.name)

    def _gone(self, context: Context, name: str) -> None:
        scheduler = context.account.client("scheduler")

        def gone() -> bool:
            with allowed("ResourceNotFoundException"):
                return bool(scheduler.get_schedule_group(Name=name)["State"] != "DELETING")
            return True

        until(context, gone, "the schedule group to be deleted", _GONE_S)


KINDS = (Schedule(), ScheduleGroup())


class _Group:
    """:ivar elsewhere: other groups with schedules of ours in them."""

    def __init__(self, arn: str, tags: Mapping[str, str]) -> None:
        self.arn = arn
        self.tags = tags
        self.elsewhere = [
            key.removeprefix(ELSEWHERE) for key in sorted(tags) if key.startswith(ELSEWHERE)
        ]


def _group_arn(context: Context, name: str) -> str:
    return context.naming.arn("scheduler", f"schedule-group/{name}")


def _group(context: Context, name: str) -> _Group | None:
    def ask() -> _Group | None:
        scheduler = context.account.client("scheduler")
        with allowed("ResourceNotFoundException"):
            found = scheduler.get_schedule_group(Name=name)
            if found.get("State") != "DELETING":
                tags = scheduler.list_tags_for_resource(ResourceArn=found["Arn"])["Tags"]
                return _Group(found["Arn"], tagging.mapping(tags))
        return None

    return context.account.once(f"schedule_group:{name}/", ask)


def _listed(context: Context, group: str) -> list[str]:
    """Names of all schedules of a group."""
    found: list[str] = []
    with allowed("ResourceNotFoundException"):
        pages = context.account.client("scheduler").get_paginator("list_schedules")
        for page in pages.paginate(GroupName=group):
            found += [one["Name"] for one in page["Schedules"]]
    return found


def _schedule(context: Context, path: str) -> Mapping[str, Any] | None:
    """:param path: ``GROUP/NAME``"""

    def ask() -> Mapping[str, Any] | None:
        group, _, name = path.partition("/")
        with allowed("ResourceNotFoundException"):
            found: Mapping[str, Any] = context.account.client("scheduler").get_schedule(
                Name=name, GroupName=group
            )
            return found
        return None

    return context.account.once(f"schedule:{path}/", ask)


def _moment(moment: datetime.datetime | None) -> str | None:
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _wanted(context: Context, resource: Resource) -> dict[str, Any]:
    """Parameters of CreateSchedule and UpdateSchedule."""
    group, _, name = resource.name.partition("/")
    given = resource.properties
    target: dict[str, Any] = {
        "Arn": given["target"],
        "RoleArn": given["role"],
        "RetryPolicy": {
            "MaximumRetryAttempts": given["retries"],
            "MaximumEventAgeInSeconds": given["max_age_s"],
        },
    }
    if given["input"] is not None:
        target["Input"] = given["input"]
    if given["dead_letter"] is not None:
        target["DeadLetterConfig"] = {"Arn": given["dead_letter"]}
    window: dict[str, Any] = {"Mode": "OFF"}
    if given["flexible_window_s"]:
        window = {
            "Mode": "FLEXIBLE",
            "MaximumWindowInMinutes": given["flexible_window_s"] // 60,
        }
    # "The StartDate you specify cannot be earlier than 5 minutes ago": one that is over changes
    # nothing, and is but noted.
    start, end = (
        datetime.datetime.fromisoformat(given[field]) if given[field] else None
        for field in ("start", "end")
    )
    over = start is not None and start.timestamp() <= context.account.clock.now()
    mark = Mark(context.naming.owner, resource.digest, given["start"] if over else None)
    wanted: dict[str, Any] = {
        "Name": name,
        "GroupName": group,
        "ScheduleExpression": given["expression"],
        "ScheduleExpressionTimezone": given["timezone"],
        "State": "ENABLED" if given["enabled"] else "DISABLED",
        "FlexibleTimeWindow": window,
        "Target": target,
        "Description": str(mark),
    }
    if start is not None and not over:
        wanted["StartDate"] = start
    if end is not None:
        wanted["EndDate"] = end
    return wanted
