"""How deployed functions are: their state, versions and aliases, last error, and the last hour."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambdactl.deploy.faults import code
from lambdactl.deploy.logs import Group, LogEvent, Reader, groups_of
from lambdactl.deploy.metrics import Metric, totals
from lambdactl.deploy.model import SERVICE, STAGE

if TYPE_CHECKING:
    from lambdactl.deploy.model import Context

HOUR_S = 3600.0
_JOBS = 8
_ERRORS = '?ERROR ?CRITICAL ?FATAL ?"Task timed out" ?"Status: error" ?timeout ?failure'
"""What errors have in their text, as a filter pattern (``?``: any of them;
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html)."""


@dataclass(frozen=True, slots=True)
class AliasStatus:
    """:ivar weights: shares of the calls that other versions get."""

    name: str
    version: str
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LastHour:
    """:ivar average_ms: None where there was no call."""

    calls: int
    errors: int
    throttles: int
    average_ms: float | None = None
    longest_ms: float | None = None


@dataclass(frozen=True, slots=True)
class FunctionStatus:
    """How one function is.

    :ivar name: in the manifest; ``aws_name`` in AWS.
    :ivar state: AWS's own word (``Active``, ``Pending``, ``Inactive``, ``Failed``); None: it isn't
        deployed.
    :ivar update: how its last change ended (``Successful``, ``InProgress``, ``Failed``).
    :ivar reason: why it is in that state, or its change failed.
    :ivar owner: its service and stage, where lambdactl has deployed it.
    :ivar modified: AWS's own text (``2026-11-22T01:02:03.000+0000``).
    :ivar version: the newest that is published.
    """

    name: str
    aws_name: str
    arn: str
    state: str | None = None
    update: str | None = None
    reason: str | None = None
    owner: tuple[str, str] | None = None
    runtime: str | None = None
    modified: str | None = None
    version: str | None = None
    aliases: tuple[AliasStatus, ...] = ()
    last_error: LogEvent | None = None
    last_hour: LastHour | None = None


def status(context: Context, names: Collection[str] = ()) -> tuple[FunctionStatus, ...]:
    """How functions are, in the manifest's order.

    :param names: of the manifest's functions; empty: all.
    """
    naming, account = context.naming, context.account
    chosen = [name for name in naming.app.functions if not names or name in names]
    now = account.clock.now()
    groups = {
        name: group for group in groups_of(naming, chosen) for name in group.functions.values()
    }

    def look(name: str) -> FunctionStatus:
        return _one(context, name, groups[name], now)

    with ThreadPoolExecutor(_JOBS, "status") as pool:
        counting = pool.submit(_last_hours, context, chosen, now)
        found = list(pool.map(look, chosen))
        counted = counting.result()
    return tuple(
        one if one.state is None else dataclasses.replace(one, last_hour=counted[one.name])
        for one in found
    )


def _one(context: Context, name: str, group: Group, now: float) -> FunctionStatus:
    from botocore.exceptions import ClientError

    account, naming = context.account, context.naming
    lambda_ = account.client("lambda")
    aws_name = naming.function(name)
    try:
        # With its tags, and ten times as many calls a second as GetFunctionConfiguration.
        found = lambda_.get_function(FunctionName=aws_name)
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        return FunctionStatus(name, aws_name, naming.function_arn(name))
    configuration, tags = found["Configuration"], found.get("Tags") or {}
    versions = [
        one["Version"]
        for page in lambda_.get_paginator("list_versions_by_function").paginate(
            FunctionName=aws_name
        )
        for one in page["Versions"]
        if one["Version"].isdigit()
    ]
    aliases = [
        _alias(one)
        for page in lambda_.get_paginator("list_aliases").paginate(FunctionName=aws_name)
        for one in page["Aliases"]
    ]
    reader = Reader(account, [Group(group.name, {aws_name: name}, group.shared)], pattern=_ERRORS)
    return FunctionStatus(
        name,
        aws_name,
        configuration["FunctionArn"],
        state=configuration.get("State", "Active"),
        update=configuration.get("LastUpdateStatus"),
        reason=configuration.get("StateReason") or configuration.get("LastUpdateStatusReason"),
        owner=(tags[SERVICE], tags[STAGE]) if SERVICE in tags and STAGE in tags else None,
        runtime=configuration.get("Runtime"),
        modified=configuration.get("LastModified"),
        version=max(versions, key=int, default=None),
        aliases=tuple(sorted(aliases, key=lambda one: one.name)),
        last_error=reader.newest(now - HOUR_S, now + 1, _is_error),
    )


def _is_error(event: LogEvent) -> bool:
    return event.level in ("error", "fatal")


def _alias(found: Mapping[str, Any]) -> AliasStatus:
    weights = (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return AliasStatus(found["Name"], found["FunctionVersion"], dict(weights))


def _last_hours(context: Context, names: Iterable[str], now: float) -> Mapping[str, LastHour]:
    wanted = (
        ("Invocations", "Sum"),
        ("Errors", "Sum"),
        ("Throttles", "Sum"),
        ("Duration", "Sum"),
        ("Duration", "SampleCount"),
        ("Duration", "Maximum"),
    )
    metrics = {
        name: [Metric(*one, context.naming.function(name)) for one in wanted] for name in names
    }
    every = [metric for some in metrics.values() for metric in some]
    counted = totals(context.account, every, now - HOUR_S, now + 1)
    found = {}
    for name, some in metrics.items():
        calls, errors, throttles, total, samples, longest = (counted[metric] for metric in some)
        found[name] = LastHour(
            round(calls),
            round(errors),
            round(throttles),
            total / samples if samples else None,
            longest if samples else None,
        )
    return found
