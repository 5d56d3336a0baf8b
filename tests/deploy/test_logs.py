"""Logs of several groups are one stream; the state of functions."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable

import pytest

from lambdactl.deploy.account import Account
from lambdactl.deploy.logs import LogEvent, Reader, groups_of
from lambdactl.deploy.model import Context
from lambdactl.deploy.status import status
from lambdactl.manifest.model import App
from tests.deploy import versions
from tests.deploy.conftest import TestClock

pytestmark = pytest.mark.aws

MANIFEST = """
service: shop
defaults: {runtime: python3.13}
functions:
  a: {handler: app.handler, code: .}
  b: {handler: app.handler, code: .}
  c: {handler: app.handler, code: ., logging: {group: ours}}
  d: {handler: app.handler, code: ., logging: {group: ours}}
"""


@pytest.fixture
def context(app_of: Callable[..., App], context_of: Callable[[App], Context]) -> Context:
    return context_of(app_of(MANIFEST))


def write(
    account: Account, group: str, lines: dict[float, str], stream: str = "2027/01/15/[$LATEST]ab"
) -> None:
    """:param lines: by seconds before now."""
    logs = account.client("logs")
    for make, names in (
        (logs.create_log_group, {"logGroupName": group}),
        (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
    ):
        try:
            make(**names)
        except logs.exceptions.ResourceAlreadyExistsException:
            continue
    now = account.clock.now()
    events = [
        {"timestamp": int(1000 * (now - ago)), "message": text}
        for ago, text in sorted(lines.items(), reverse=True)
    ]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


@pytest.fixture
def clock() -> TestClock:
    # CloudWatch Logs takes nothing from the future.
    return TestClock(datetime.datetime.now(datetime.UTC).timestamp())


def reader(context: Context, *names: str, **more: object) -> Reader:
    return Reader(context.account, groups_of(context.naming, names), **more)  # type: ignore[arg-type]


def texts(found: list[LogEvent]) -> list[tuple[str, str]]:
    return [(event.function, event.text) for event in found]


def test_functions_are_interleaved_by_time(context: Context, clock: TestClock) -> None:
    write(context.account, "/aws/lambda/a", {50: "a1\n", 30: "a2\n", 10: "a3\n"})
    write(context.account, "/aws/lambda/b", {40: "b1\n", 20: "b2\n"})
    missing: list[str] = []
    found = list(reader(context, missing=missing.append).between(clock.now() - 60, clock.now()))
    assert texts(found) == [("a", "a1"), ("b", "b1"), ("a", "a2"), ("b", "b2"), ("a", "a3")]
    assert missing == ["ours"]
    found = list(reader(context, "a").between(clock.now() - 35, clock.now() - 15))
    assert texts(found) == [("a", "a2")]
    assert found[0].version == "$LATEST"


def test_a_filter_is_asked_of_aws(context: Context, clock: TestClock) -> None:
    write(context.account, "/aws/lambda/a", {50: "an ERROR", 30: "fine"})
    found = reader(context, "a", pattern="ERROR").between(clock.now() - 60, clock.now())
    assert texts(list(found)) == [("a", "an ERROR")]


def test_a_shared_group_tells_functions_apart_by_their_streams(
    context: Context, clock: TestClock
) -> None:
    write(context.account, "ours", {50: "of c"}, "2027/01/15/c[4][ab]")
    write(context.account, "ours", {40: "of d"}, "2027/01/15/d[$LATEST][ab]")
    write(context.account, "ours", {30: "of another"}, "2027/01/15/else[1][ab]")
    found = list(reader(context).between(clock.now() - 60, clock.now()))
    assert texts(found) == [("c", "of c"), ("d", "of d")]
    assert [event.version for event in found] == ["4", "$LATEST"]
    found = list(reader(context, "d").between(clock.now() - 60, clock.now()))
    assert texts(found) == [("d", "of d")]


def test_many_pages(context: Context, clock: TestClock) -> None:
    for start in (0, 9000):
        lines = {30 - number / 1000: f"{start + number}" for number in range(9000)}
        write(context.account, "/aws/lambda/a", lines, f"2027/01/15/[1]{start}")
    found = list(reader(context, "a").between(clock.now() - 60, clock.now()))
    assert len(found) == 18000
    assert found == sorted(found, key=lambda event: event.time)
    assert context.account.calls["cloudwatch-logs.FilterLogEvents"] == 2


def test_follow_shows_what_comes_once(context: Context, clock: TestClock) -> None:
    write(context.account, "/aws/lambda/a", {10: "before"})
    following = reader(context).follow(clock.now() - 60)
    assert texts([next(following)]) == [("a", "before")]
    write(context.account, "/aws/lambda/b", {0: "first"})
    write(context.account, "/aws/lambda/a", {5: "late"})
    assert texts(list(itertools.islice(following, 2))) == [("a", "late"), ("b", "first")]
    clock.sleep(60)
    write(context.account, "/aws/lambda/b", {0: "second"})
    assert texts([next(following)]) == [("b", "second")]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("hello", "info"),
        ("[ERROR] ValueError: no", "error"),
        ("[WARNING]\t2026-11-22T00:00:00.000Z\t1\tmind", "warn"),
        ("2026-11-22T00:00:00.000Z\t79b4f56e-95b1-4643-9700-2807f4e68189\tERROR\toh", "error"),
        ("2026-11-22T00:00:00.000Z 79b4f56e Task timed out after 3.00 seconds", "error"),
        ("REPORT RequestId: x\tDuration: 1.00 ms\tStatus: timeout", "error"),
        ("REPORT RequestId: x\tDuration: 1.00 ms", "info"),
        ('{"level": "ERROR", "message": "oh"}', "error"),
        ('{"type": "platform.report", "record": {"status": "failure"}}', "error"),
        ('{"type": "platform.report", "record": {"status": "success"}}', "info"),
        ("{broken", "info"),
    ],
)
def test_levels(text: str, level: str) -> None:
    assert LogEvent(0, "", "a", "", text).level == level


def test_status(context: Context, clock: TestClock) -> None:
    account = context.account
    versions.function(account, "a", 2, Tags=context.naming.tags("x"))
    account.client("lambda").create_alias(
        FunctionName="a",
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}},
    )
    write(
        account,
        "/aws/lambda/a",
        {100: "[ERROR] first", 50: "[ERROR] second", 20: "INFO no ERROR", 4000: "[ERROR] old"},
    )
    count(account, "a", calls=10, errors=2, durations=(100, 300))
    a, b = status(context, ("a", "b"))
    assert (a.state, a.version, a.owner) == ("Active", "2", ("shop", "default"))
    (alias,) = a.aliases
    assert (alias.name, alias.version, alias.weights) == ("live", "1", {"2": 0.25})
    assert a.last_error is not None
    assert a.last_error.text == "[ERROR] second"
    hour = a.last_hour
    assert hour is not None
    assert (hour.calls, hour.errors, hour.throttles) == (10, 2, 0)
    assert (hour.average_ms, hour.longest_ms) == (200, 300)
    assert b.state is None


def count(
    account: Account, function: str, *, calls: int, errors: int, durations: tuple[float, ...]
) -> None:
    at = datetime.datetime.fromtimestamp(account.clock.now() - 120, datetime.UTC)
    values = [("Invocations", calls), ("Errors", errors), *(("Duration", one) for one in durations)]
    account.client("cloudwatch").put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": name,
                "Timestamp": at,
                "Value": value,
                "Dimensions": [{"Name": "FunctionName", "Value": function}],
            }
            for name, value in values
        ],
    )
