"""Releases come to their end, or back to where they began; rollbacks."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdactl.deploy import release
from lambdactl.deploy.account import Account
from lambdactl.deploy.metrics import Metric, totals
from lambdactl.deploy.model import Context
from lambdactl.deploy.rollback import rollback
from lambdactl.errors import AwsError, EventError, UserError
from lambdactl.manifest.model import App
from lambdactl.manifest.owned import Release
from tests.deploy import versions
from tests.deploy.conftest import TestClock
from tests.deploy.invocations import Answer, Invocations, served

pytestmark = pytest.mark.aws

CANARY = Release("live", "canary", 10, 300)
LINEAR = Release("live", "linear", 25, 60)


class Timeline(TestClock):
    """Does things while somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = self.now()
        self._plans: list[tuple[float, Callable[[], object]]] = []

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        self._plans.append((self.begin + seconds, action))

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        due = [action for at, action in self._plans if at <= self.now()]
        self._plans = [(at, action) for at, action in self._plans if at > self.now()]
        for action in due:
            action()


@pytest.fixture
def clock() -> Timeline:
    return Timeline()


@pytest.fixture
def context(app_of: Callable[..., App], context_of: Callable[[App], Context]) -> Context:
    return context_of(app_of(MANIFEST))


MANIFEST = """
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    code: .
    release: {alias: live}
"""


class Stage:
    """A function with three versions, of which an alias leads to the first."""

    def __init__(self, context: Context, clock: Timeline) -> None:
        self.context, self.clock, self.account = context, clock, context.account
        self.history: list[tuple[str, dict[str, float]]] = []
        self.said: list[str] = []
        versions.function(self.account, "hello", 3)
        self.lambda_ = self.account.client("lambda")
        self.lambda_.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
        self.lambda_.meta.events.register("before-parameter-build.lambda.UpdateAlias", self._note)

    def shift(self, how: Release, to: str = "3", **more: Any) -> None:
        context = Context(self.account, self.context.naming, self.said.append)
        release.shift(context, "hello", "live", to, how, **more)

    def alias(self) -> tuple[str, dict[str, float]]:
        found = self.lambda_.get_alias(FunctionName="hello", Name="live")
        weights = (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return found["FunctionVersion"], weights

    def weigh(self, version: str, weight: float) -> None:
        self.lambda_.update_alias(
            FunctionName="hello",
            Name="live",
            RoutingConfig={"AdditionalVersionWeights": {version: weight}},
        )
        self.history.clear()

    def count(self, version: str, calls: float, errors: float) -> None:
        """Let CloudWatch have counted calls of a version, just now."""
        at = datetime.datetime.fromtimestamp(self.clock.now() - 1, datetime.UTC)
        names = {"FunctionName": "hello", "Resource": "hello:live"}
        found = [
            {
                "MetricName": metric,
                "Timestamp": at,
                "Value": value,
                "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
            }
            for metric, value in (("Invocations", calls), ("Errors", errors))
            for dimensions in (names, {**names, "ExecutedVersion": version})
        ]
        self.account.client("cloudwatch").put_metric_data(Namespace="AWS/Lambda", MetricData=found)

    def alarm(self, name: str, state: str | None = None) -> None:
        cloudwatch = self.account.client("cloudwatch")
        if state is None:
            cloudwatch.put_metric_alarm(
                AlarmName=name,
                EvaluationPeriods=1,
                ComparisonOperator="GreaterThanThreshold",
                MetricName="Errors",
                Namespace="AWS/Lambda",
                Period=60,
                Statistic="Sum",
                Threshold=1,
            )
        else:
            cloudwatch.set_alarm_state(
                AlarmName=name, StateValue=state, StateReason="too many errors"
            )

    def _note(self, params: dict[str, Any], **_: object) -> None:
        weights = params.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        self.history.append((params.get("FunctionVersion", ""), weights))


@pytest.fixture
def stage(context: Context, clock: Timeline) -> Stage:
    return Stage(context, clock)


@pytest.fixture
def answers(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invocations]:
    with served(aws) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        yield found


def test_all_at_once_is_one_change(stage: Stage) -> None:
    stage.shift(Release("live"))
    assert stage.history == [("3", {})]
    assert stage.alias() == ("3", {})
    assert not stage.clock.slept


def test_a_canary_waits_and_then_has_everything(stage: Stage) -> None:
    stage.shift(CANARY, description="the live one")
    assert stage.history == [("1", {"3": 0.1}), ("3", {})]
    assert sum(stage.clock.slept) == 300
    assert stage.lambda_.get_alias(FunctionName="hello", Name="live")["Description"]
    assert "10% of live to version 3, watched for 300 s" in stage.said


def test_linear_goes_in_steps(stage: Stage) -> None:
    stage.shift(LINEAR)
    weights = [("1", {"3": 0.25}), ("1", {"3": 0.5}), ("1", {"3": 0.75}), ("3", {})]
    assert stage.history == weights
    assert sum(stage.clock.slept) == 180


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Release("live", "linear", 10, 60), tuple(round(n / 10, 4) for n in range(1, 10))),
        (Release("live", "linear", 30, 60), (0.3, 0.6, 0.9)),
        (Release("live", "linear", 33.3333, 60), (0.3333, 0.6667, 1.0)),
        (Release("live", "linear", 100, 60), ()),
        (Release("live", "canary", 5, 60), (0.05,)),
        (Release("live", "canary", 100, 60), ()),
        (Release("live"), ()),
    ],
)
def test_steps(how: Release, expected: tuple[float, ...]) -> None:
    assert release.steps(how) == expected


def test_an_alias_that_is_missing_is_made(stage: Stage) -> None:
    stage.lambda_.delete_alias(FunctionName="hello", Name="live")
    stage.shift(CANARY, description="new")
    assert stage.alias() == ("3", {})
    assert not stage.clock.slept


def test_errors_of_the_new_version_take_it_back(stage: Stage) -> None:
    stage.clock.after(65, lambda: stage.count("1", calls=900, errors=0))
    stage.clock.after(65, lambda: stage.count("3", calls=100, errors=40))
    with pytest.raises(AwsError) as caught:
        stage.shift(CANARY)
    assert "40 of 100 calls of version 3 failed, of version 1 0%" in caught.value.message
    assert stage.alias() == ("1", {})
    assert 60 < sum(stage.clock.slept) < 90


def test_errors_that_the_old_version_has_too_are_no_reason(stage: Stage) -> None:
    stage.count("1", calls=1000, errors=100)
    stage.clock.after(65, lambda: stage.count("1", calls=900, errors=90))
    stage.clock.after(65, lambda: stage.count("3", calls=100, errors=12))
    stage.shift(CANARY)
    assert stage.alias() == ("3", {})


def test_a_version_that_is_worse_is_taken_back_though_the_old_one_fails_too(stage: Stage) -> None:
    stage.clock.after(65, lambda: stage.count("1", calls=900, errors=90))
    stage.clock.after(65, lambda: stage.count("3", calls=100, errors=30))
    with pytest.raises(AwsError, match=r"30 of 100 .* of version 1 10%"):
        stage.shift(CANARY)
    assert stage.alias() == ("1", {})


def test_the_hour_before_counts_for_the_old_version(stage: Stage) -> None:
    stage.count("1", calls=1000, errors=500)
    stage.clock.sleep(600)
    stage.clock.after(665, lambda: stage.count("3", calls=100, errors=50))
    stage.shift(CANARY)
    assert stage.alias() == ("3", {})


def test_an_alarm_takes_it_back(stage: Stage) -> None:
    stage.alarm("too-slow")
    stage.clock.after(75, lambda: stage.alarm("too-slow", "ALARM"))
    with pytest.raises(AwsError) as caught:
        stage.shift(Release("live", "linear", 25, 60, alarms=("too-slow",)))
    assert "alarm too-slow rings (too many errors)" in caught.value.message
    assert stage.alias() == ("1", {})
    assert stage.history == [("1", {"3": 0.25}), ("1", {"3": 0.5}), ("1", {})]


def test_nothing_is_shifted_while_an_alarm_rings_or_is_missing(stage: Stage) -> None:
    with pytest.raises(AwsError, match="there is no alarm nowhere in eu-west-1"):
        stage.shift(Release("live", "canary", 10, 60, alarms=("nowhere",)))
    stage.alarm("too-slow")
    stage.alarm("too-slow", "ALARM")
    for how in (
        Release("live", "canary", 10, 60, ("too-slow",)),
        Release("live", alarms=("too-slow",)),
    ):
        with pytest.raises(AwsError, match="alarm too-slow rings"):
            stage.shift(how)
    assert stage.history == []


def test_a_release_that_broke_off_goes_on(stage: Stage) -> None:
    stage.weigh("3", 0.5)
    stage.shift(LINEAR)
    assert stage.history == [("1", {"3": 0.75}), ("3", {})]
    assert sum(stage.clock.slept) == 120


def test_weights_of_another_version_are_taken_back_first(stage: Stage) -> None:
    stage.weigh("2", 0.5)
    stage.shift(CANARY)
    assert stage.history == [("1", {}), ("1", {"3": 0.1}), ("3", {})]


def test_weights_that_are_left_of_a_release_go(stage: Stage) -> None:
    stage.weigh("2", 0.5)
    stage.shift(CANARY, to="1")
    assert stage.history == [("1", {})]


def test_a_release_that_is_interrupted_goes_back(stage: Stage) -> None:
    begin = stage.clock.now()
    with pytest.raises(AwsError, match="it was interrupted"):
        release.shift(
            dataclasses.replace(stage.context, stopped=lambda: stage.clock.now() > begin + 100),
            *("hello", "live", "3", CANARY),
        )
    assert stage.alias() == ("1", {})
    assert sum(stage.clock.slept) == 101


def test_a_release_that_nobody_can_watch_goes_back(answers: Invocations, stage: Stage) -> None:
    stage.clock.after(65, lambda: answers.denied.add("GetMetricData"))
    with pytest.raises(AwsError, match="to version 3 failed"):
        stage.shift(CANARY)
    assert stage.alias() == ("1", {})


def test_nothing_is_shifted_that_nobody_can_watch(answers: Invocations, stage: Stage) -> None:
    answers.denied.add("GetMetricData")
    with pytest.raises(ClientError, match="AccessDenied"):
        stage.shift(CANARY)
    assert stage.history == []
    assert stage.alias() == ("1", {})


def test_the_smoke_event_comes_first(answers: Invocations, stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "smoke.json").write_text('{"ping": 1}')
    how = Release("live", "canary", 10, 300, smoke="smoke.json")
    answers.answer = lambda call: Answer(
        {"errorType": "ValueError", "errorMessage": "no ping"}, "Unhandled", "the log\n"
    )
    with pytest.raises(AwsError) as caught:
        stage.shift(how)
    assert "ValueError: no ping" in caught.value.message
    assert "the log" in caught.value.message
    (call,) = answers.calls
    assert (call.function, call.qualifier, call.payload) == ("hello", "3", b'{"ping": 1}')
    assert stage.history == []
    answers.answer = lambda call: Answer({"pong": 1})
    stage.shift(how)
    assert stage.alias() == ("3", {})


def test_an_alias_is_not_made_of_a_version_that_fails_its_smoke_event(
    answers: Invocations, stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "smoke.json").write_text("{}")
    stage.lambda_.delete_alias(FunctionName="hello", Name="live")
    answers.answer = lambda call: Answer("oh", "Unhandled")
    with pytest.raises(AwsError):
        stage.shift(Release("live", smoke="smoke.json"))
    assert not stage.lambda_.list_aliases(FunctionName="hello")["Aliases"]


@pytest.mark.parametrize("text", [None, "{"])
def test_a_smoke_event_that_is_none(stage: Stage, tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "smoke.json").write_text(text)
    with pytest.raises(EventError):
        stage.shift(Release("live", smoke="smoke.json"))
    assert stage.history == []


@pytest.mark.parametrize(
    ("errors", "calls", "rate", "least", "most"),
    [
        (0, 10, 0.0, 1, 1),
        (1, 10, 0.0, 0, 0),
        (1, 10, 0.1, 0.6, 0.7),
        (5, 10, 0.1, 0, 0.01),
        (1000, 10000, 0.1, 0.45, 0.55),
        (1100, 10000, 0.1, 0, 0.01),
        (900, 10000, 0.1, 0.99, 1),
    ],
)
def test_chance(errors: int, calls: int, rate: float, least: float, most: float) -> None:
    assert least <= release.chance(errors, calls, rate) <= most


def test_a_rollback_is_one_change(stage: Stage) -> None:
    stage.shift(CANARY)
    stage.history.clear()
    # A version in between that was never live.
    done = rollback(stage.context, "hello")
    assert (done.before, done.version) == ("3", "1")
    assert stage.history == [("1", {})]
    assert stage.alias() == ("1", {})


def test_without_a_known_one_it_is_the_next_lower_version(stage: Stage) -> None:
    stage.lambda_.update_alias(FunctionName="hello", Name="live", FunctionVersion="3")
    assert rollback(stage.context, "hello").version == "2"
    assert rollback(stage.context, "hello").version == "1"
    with pytest.raises(UserError, match="there is none before it"):
        rollback(stage.context, "hello")


def test_a_rollback_ends_a_release_that_is_under_way(stage: Stage) -> None:
    stage.weigh("3", 0.5)
    assert rollback(stage.context, "hello").version == "1"
    assert stage.alias() == ("1", {})


def test_a_rollback_to_a_version(stage: Stage) -> None:
    assert rollback(stage.context, "hello", "2").version == "2"
    with pytest.raises(UserError, match="leads to version 2 already"):
        rollback(stage.context, "hello", "2")
    with pytest.raises(UserError, match="has no version 9") as caught:
        rollback(stage.context, "hello", "9")
    assert "1, 2, 3" in (caught.value.hint or "")


def test_there_is_nothing_to_roll_back(
    stage: Stage, app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> None:
    with pytest.raises(UserError, match="no hello:liv in eu-west-1"):
        rollback(stage.context, "hello", alias="liv")
    bare = MANIFEST.replace("    release: {alias: live}\n", "")
    with pytest.raises(UserError, match="hello has no alias"):
        rollback(context_of(app_of(bare)), "hello")


def test_metrics_are_asked_for_five_hundred_at_a_time(account: Account, stage: Stage) -> None:
    stage.count("3", 7, 2)
    names = [Metric("Invocations", "Sum", f"f{number}") for number in range(700)]
    wanted = Metric("Errors", "Sum", "hello", "hello:live", "3")
    before = account.calls["cloudwatch.GetMetricData"]
    found = totals(account, [*names, wanted], stage.clock.now() - 60, stage.clock.now())
    assert found[wanted] == 2
    assert found[names[0]] == 0
    assert account.calls["cloudwatch.GetMetricData"] - before == 2
