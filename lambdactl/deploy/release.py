"""How an alias comes to a new version: tried first, in steps, watched, and back when it fails.

All that a release knows is in the alias: the version that it leads to, and the weight of the new
one (https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html). One that broke
off is therefore gone on with by the next deployment, from the weight that it had come to; weights
of another version are taken back first.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdactl.deploy.faults import allowed, code, message
from lambdactl.deploy.metrics import Metric, totals
from lambdactl.deploy.naming import shortened
from lambdactl.deploy.retrying import patience
from lambdactl.errors import AwsError, Location

if TYPE_CHECKING:
    from lambdactl.deploy.model import Context
    from lambdactl.manifest.model import Function
    from lambdactl.manifest.owned import Release

POLL_S = 10.0
"""How often alarms and errors are looked at."""
_BREATH_S = 1.0
"""How long Ctrl-C has to wait."""
BASELINE_S = 3600.0
"""How far back the errors of the version before are counted."""
DOUBT = 0.05
"""A version has more errors than the one before where chance explains them less often than this."""
_ALARMS = 100
"""Names of one DescribeAlarms call
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html)."""
_SHOWN = 2000
_MINUTE_S = 60
_COUNTED = ("Errors", "Invocations")


class _GoneWrong(Exception):
    """Why a release goes back."""


@dataclass(frozen=True, slots=True)
class _Alias:
    """:ivar revision: of the alias as it was read; a change of somebody else's makes another."""

    version: str
    weights: Mapping[str, float]
    revision: str


@dataclass(frozen=True, slots=True)
class _Shift:
    context: Context
    function: str
    alias: str
    old: str
    new: str
    release: Release
    begun: float

    @property
    def named(self) -> str:
        return f"{self.function}:{self.alias}"


def shift(
    context: Context,
    function: str,
    alias: str,
    to_version: str,
    release: Release,
    *,
    description: str | None = None,
) -> None:
    """Bring ``alias`` to ``to_version`` as ``release`` says, or leave it where it was.

    The new version is invoked with the smoke event before it gets any traffic. While it has some of
    it, an alarm, or more errors than the version before has, end the release: all traffic goes to
    the version before.

    :param function: its name in AWS.
    :param to_version: a number.
    :param description: of the alias; None leaves it.
    :raises AwsError: the release went back, or did not begin: the message says why.
    :raises UserError: the smoke event is missing or is not JSON.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    found = _read(context, function, alias)
    if found is None:
        _smoke(context, function, to_version, release)
        context.account.client("lambda").create_alias(
            FunctionName=function,
            Name=alias,
            FunctionVersion=to_version,
            Description=description or "",
        )
        return
    one = _Shift(
        context, function, alias, found.version, to_version, release, context.account.clock.now()
    )
    if found.version == to_version:
        if found.weights or description is not None:
            _move(one, found, to_version, {}, description)
        return
    if found.weights and to_version not in found.weights:
        context.tell(f"taking back what {', '.join(found.weights)} still gets of {alias}")
        found = _move(one, found, found.version, {}, description)
    reached = found.weights.get(to_version, 0.0)
    if reached:
        context.tell(f"going on with {alias} at {_percent(reached)} for version {to_version}")
        # It had traffic before this began.
        one = dataclasses.replace(one, begun=one.begun - max(release.interval_s, _MINUTE_S))
    else:
        _smoke(context, function, to_version, release)
    if not found.version.isdigit():
        # $LATEST can have no weights beside it.
        one = dataclasses.replace(one, release=dataclasses.replace(release, strategy="all_at_once"))
    try:
        _step_by_step(one, found, reached, description)
    except _GoneWrong as reason:
        _go_back(one, str(reason))
    except (BotoCoreError, ClientError) as error:
        # What is worth another try is tried again by whoever takes the step, and goes on from here.
        if patience(error) or (not reached and _read(context, function, alias) == found):
            raise
        # Nobody watches any longer.
        _go_back(one, f"{type(error).__name__}: {message(error)}", error)


def steps(release: Release) -> tuple[float, ...]:
    """The weights that a new version has before it has everything.

    >>> from lambdactl.manifest.owned import Release
    >>> steps(Release("live", "linear", 30, 60))
    (0.3, 0.6, 0.9)
    """
    share = release.percent / 100
    if release.strategy == "all_at_once" or not 0 < share < 1:
        return ()
    if release.strategy == "canary":
        return (round(share, 4),)
    return tuple(round(share * step, 4) for step in range(1, math.ceil(1 / share - 1e-9)))


def before_tag(alias: str) -> str:
    """The function's tag with the version that ``alias`` led to before its last release."""
    return shortened(f"lambdactl:before:{alias}", 128)


def _step_by_step(one: _Shift, found: _Alias, reached: float, description: str | None) -> None:
    """:raises _GoneWrong: the new version is to have no traffic."""
    watched = steps(one.release)
    # What may not be looked at is better known before anything is shifted.
    _check_alarms(one, begun=bool(reached))
    if watched:
        _check_errors(one)
    if reached:
        _watch(one, reached)
    for weight in watched:
        if weight > reached:
            found = _move(one, found, one.old, {one.new: weight}, None)
            _watch(one, weight)
    if one.old.isdigit():
        _remember(one)
    _move(one, found, one.new, {}, description)
    if not watched:
        _check_alarms(one, begun=True)
    one.context.tell(f"{one.alias} leads to version {one.new}")


def _watch(one: _Shift, weight: float) -> None:
    """For the interval of the release.

    :raises _GoneWrong: an alarm, or errors.
    """
    clock = one.context.account.clock
    left = float(one.release.interval_s)
    one.context.tell(
        f"{_percent(weight)} of {one.alias} to version {one.new}, watched for {left:.0f} s"
    )
    while True:
        _check_errors(one)
        _check_alarms(one, begun=True)
        if left <= 0:
            return
        wait = min(POLL_S, left)
        left -= wait
        while wait > 0:
            if one.context.stopped():
                raise _GoneWrong("it was interrupted")
            clock.sleep(min(_BREATH_S, wait))
            wait -= _BREATH_S


def _check_alarms(one: _Shift, *, begun: bool) -> None:
    """:raises _GoneWrong: one rings, and there is something to take back.
    :raises AwsError: one rings or is missing, and nothing was shifted."""
    names = one.release.alarms
    states: dict[str, tuple[str, str]] = {}
    client = one.context.account.client("cloudwatch")
    for start in range(0, len(names), _ALARMS):
        pages = client.get_paginator("describe_alarms").paginate(
            AlarmNames=list(names[start : start + _ALARMS]),
            # Without them only metric alarms are found.
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        )
        for page in pages:
            for alarm in (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ())):
                reason = str(alarm.get("StateReason", ""))
                states[alarm["AlarmName"]] = str(alarm["StateValue"]), reason
    missing = [name for name in names if name not in states]
    if missing and not begun:
        raise AwsError(
            f"can't release {one.named}: there is no alarm {', '.join(missing)} in "
            f"{one.context.account.region}",
            where=_where(one.context, one.function),
            hint="create it, or take it out of `release.alarms`",
        )
    ringing = [
        f"alarm {name} rings ({states[name][1] or 'no reason given'})"
        for name in names
        if states.get(name, ("", ""))[0] == "ALARM"
    ]
    ringing += [f"alarm {name} is gone" for name in missing]
    if not ringing:
        return
    if not begun:
        raise AwsError(
            f"can't release {one.named}: {'; '.join(ringing)}",
            where=_where(one.context, one.function),
            hint="nothing was shifted; deploy again when it is quiet",
        )
    raise _GoneWrong("; ".join(ringing))


def _check_errors(one: _Shift) -> None:
    """:raises _GoneWrong: the new version fails more often than the old one."""
    account = one.context.account
    minute = one.begun - one.begun % _MINUTE_S
    new, old, both = (
        [Metric(name, "Sum", one.function, one.named, executed) for name in _COUNTED]
        for executed in (one.new, one.old, None)
    )
    since = totals(account, [*new, *old], minute, account.clock.now() + 1)
    errors, calls = (since[metric] for metric in new)
    if not errors:
        return
    # Where an alias has no weights, what it led to is the old version.
    earlier = totals(account, [*new, *both], minute - BASELINE_S, minute)
    old_errors, old_calls = (
        since[now] + earlier[all_] - earlier[its]
        for now, all_, its in zip(old, both, new, strict=True)
    )
    rate = min(1.0, max(0.0, old_errors / old_calls)) if old_calls > 0 else 0.0
    # An error and its invocation may be counted in different minutes.
    calls = max(calls, errors)
    if chance(round(errors), round(calls), rate) < DOUBT:
        raise _GoneWrong(
            f"{errors:.0f} of {calls:.0f} calls of version {one.new} failed, "
            f"of version {one.old} {_percent(rate)}"
        )


def chance(errors: int, calls: int, rate: float) -> float:
    """How likely at least ``errors`` of ``calls`` fail where ``rate`` of them do: by Poisson, and
    for many by the normal distribution.

    >>> round(chance(1, 10, 0.01), 3), chance(1, 10, 0.0), chance(9, 10, 1.0) > 0.5
    (0.095, 0.0, True)
    """
    expected = calls * rate
    if not expected:
        return 0.0 if errors else 1.0
    if expected > 100:
        return math.erfc((errors - 0.5 - expected) / math.sqrt(2 * expected)) / 2
    fewer = term = math.exp(-expected)
    if not errors:
        return 1.0
    for number in range(1, min(errors, 1000)):
        term *= expected / number
        fewer += term
    return max(0.0, 1.0 - fewer)


def _go_back(one: _Shift, reason: str, cause: Exception | None = None) -> None:
    """:raises AwsError: always: the release failed."""
    one.context.tell(f"going back to version {one.old}: {reason}")
    found = _read(one.context, one.function, one.alias)
    if found is not None:
        _move(one, found, one.old, {}, None)
    raise AwsError(
        f"the release of {one.named} to version {one.new} failed: {reason}. "
        f"All of its calls go to version {one.old} again",
        where=_where(one.context, one.function),
        hint="`lambdactl logs` shows what the version said; mend it and deploy again",
    ) from cause


def _move(
    one: _Shift,
    found: _Alias,
    version: str,
    weights: Mapping[str, float],
    description: str | None,
) -> _Alias:
    """Change the alias, if it still is what was read.

    :raises AwsError: somebody else changes it at the same time.
    """
    from botocore.exceptions import ClientError

    wanted: dict[str, Any] = {
        "FunctionName": one.function,
        "Name": one.alias,
        "FunctionVersion": version,
        "RoutingConfig": {"AdditionalVersionWeights": dict(weights)},
    }
    if description is not None:
        wanted["Description"] = description
    if found.revision:
        wanted["RevisionId"] = found.revision
    try:
        answer = one.context.account.client("lambda").update_alias(**wanted)
    except ClientError as error:
        if code(error) != "PreconditionFailedException":
            raise
        now = _read(one.context, one.function, one.alias)
        # An answer that got lost on the way: the second try of the same call meets the first.
        if now is not None and now.version == version and now.weights == dict(weights):
            return now
        raise AwsError(
            f"somebody else has changed {one.named} during its release: {message(error)}",
            where=_where(one.context, one.function),
            hint="deploy again when they are done",
        ) from error
    return _alias(answer)


def _read(context: Context, function: str, alias: str) -> _Alias | None:
    with allowed("ResourceNotFoundException"):
        client = context.account.client("lambda")
        return _alias(client.get_alias(FunctionName=function, Name=alias))
    return None


def _alias(answer: Mapping[str, Any]) -> _Alias:
    weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return _Alias(
        str(answer["FunctionVersion"]),
        {str(version): float(weight) for version, weight in weights.items()},
        str(answer.get("RevisionId") or ""),
    )


def _remember(one: _Shift) -> None:
    """Which version `lambdactl rollback` goes back to: a version that failed lies between."""
    account = one.context.account
    arn = one.context.naming.arn("lambda", f"function:{one.function}")
    account.client("lambda").tag_resource(Resource=arn, Tags={before_tag(one.alias): one.old})


def _smoke(context: Context, function: str, version: str, release: Release) -> None:
    """:raises AwsError: the version answers with an error."""
    if release.smoke is None:
        return
    from lambdactl.events import given
    from lambdactl.execution.invocation import MAX_EVENT_BYTES

    app = context.naming.app
    data = given.from_file(app.root / release.smoke)
    payload = given.checked(data, release.smoke, limit=MAX_EVENT_BYTES)
    context.tell(f"invoking version {version} with {release.smoke}")
    answer = context.account.client("lambda", once=True).invoke(
        FunctionName=function, Qualifier=version, Payload=payload, LogType="Tail"
    )
    body = answer["Payload"].read()
    if answer.get("FunctionError") is None:
        return
    from lambdactl.deploy.remote import log_of

    log = log_of(answer).decode("utf-8", "replace").strip()
    raise AwsError(
        f"can't release version {version} of {function}: it fails with {release.smoke}: "
        f"{_brief(body)}" + (f"\n{log}" if log else ""),
        where=_where(context, function),
        hint="it got no other call; mend it and deploy again",
    )


def _brief(body: bytes) -> str:
    """What an error says, in one line."""
    try:
        found = json.loads(body)
        return f"{found['errorType']}: {found['errorMessage']}"
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")[:_SHOWN]


def _where(context: Context, function: str) -> Location | None:
    found = next(_functions(context, function), None)
    return found.where if found is not None else None


def _functions(context: Context, aws_name: str) -> Iterator[Function]:
    naming = context.naming
    return (one for name, one in naming.app.functions.items() if naming.function(name) == aws_name)


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"
