"""Steps that are taken, that fail, and that keep others from being taken."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator

import boto3
import pytest

from lambdactl.artifacts.builds import Built
from lambdactl.deploy import desired, executor, planning
from lambdactl.deploy.account import Account
from lambdactl.deploy.model import Context
from lambdactl.deploy.plan import Applied, Done, Plan, Step
from lambdactl.errors import DeniedError
from lambdactl.manifest.model import App
from tests.deploy.conftest import REGION, TestClock
from tests.deploy.proxy import Proxy, proxy

pytestmark = pytest.mark.aws

SHOP = """
service: shop
functions: {}
resources:
  queues:
    orders: {dead_letter: failed}
    failed: {}
    audit: {}
  topics: {sold: {}}
"""


class Heard:
    """What is told of a deployment."""

    def __init__(self) -> None:
        self.started_: list[str] = []
        self.ended: list[Done] = []
        self.words: list[str] = []

    def started(self, step: Step) -> None:
        self.started_.append(step.id)

    def told(self, step: Step, words: str) -> None:
        self.words.append(words)

    def finished(self, done: Done) -> None:
        self.ended.append(done)


@pytest.fixture
def between(aws: str) -> Iterator[Proxy]:
    """A proxy that can say no, before AWS."""
    with proxy(aws) as there:
        yield there


@pytest.fixture
def scene(
    between: Proxy, app_of: Callable[..., App], clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Context, Plan]]:
    """Makes the plan of a manifest."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
    account = Account(boto3.Session(region_name=REGION), clock, attempts=1)

    def make(manifest: str = SHOP) -> tuple[Context, Plan]:
        from lambdactl.deploy.naming import Naming

        app = app_of(manifest)
        naming = Naming(app, account.partition, account.region, account.id)
        context = Context(account, naming)
        return context, planning.plan(context, desired.resources(naming, Built(())))

    return make


def states(applied: Applied) -> dict[str, str]:
    return {done.step.name: done.state for done in applied.done}


def test_all_steps_are_taken_once_and_those_before_come_before(
    scene: Callable[..., tuple[Context, Plan]],
) -> None:
    context, plan = scene()
    heard = Heard()
    applied = executor.apply(context, plan, heard)
    assert applied.complete
    assert sorted(heard.started_) == sorted(step.id for step in plan.steps)
    assert heard.started_.index("create queue:failed") < heard.started_.index("create queue:orders")
    assert applied.outputs["queue:orders"]["arn"].endswith(":orders")
    assert scene()[1].steps == ()


def test_a_failure_ends_what_comes_after_it_and_nothing_else(
    scene: Callable[..., tuple[Context, Plan]], between: Proxy
) -> None:
    # The first queue that is made is the one that the other needs.
    def refuse(call: str) -> tuple[str, str] | None:
        return ("AccessDenied", "you may not") if call == "sqs CreateQueue" else None

    between.refuse = refuse
    context, plan = scene()
    heard = Heard()
    applied = executor.apply(context, plan, heard)
    assert states(applied) == {
        "failed": "failed",
        "orders": "skipped",
        "audit": "failed",
        "sold": "done",
    }
    failed = {done.step.name: done for done in applied.done if done.state == "failed"}["failed"]
    assert isinstance(failed.error, DeniedError)
    assert "failed" in failed.error.message
    (skipped,) = [done for done in applied.done if done.state == "skipped"]
    assert skipped.because == "create queue:failed"
    assert len(heard.ended) == 4
    between.refuse = lambda call: None
    context, plan = scene()
    assert [step.name for step in plan.steps] == ["audit", "failed", "orders"]
    assert executor.apply(context, plan, Heard()).complete


def test_what_is_not_taken_is_told_once(
    scene: Callable[..., tuple[Context, Plan]], between: Proxy
) -> None:
    """However many of the steps before it were not taken."""
    between.refuse = lambda call: (
        ("AccessDenied", "you may not") if call == "sqs CreateQueue" else None
    )
    context, plan = scene()
    steps = {step.name: step for step in plan.steps}
    audit = dataclasses.replace(steps["audit"], after=(steps["failed"].id,))
    orders = dataclasses.replace(steps["orders"], after=(steps["failed"].id, audit.id))
    heard = Heard()
    plan = dataclasses.replace(plan, steps=(steps["failed"], orders, audit))
    executor.apply(context, plan, heard)
    assert sorted(done.step.name for done in heard.ended) == ["audit", "failed", "orders"]


def test_what_aws_will_take_in_a_moment_is_tried_again(
    scene: Callable[..., tuple[Context, Plan]], between: Proxy, clock: TestClock
) -> None:
    left = [3]

    def refuse(call: str) -> tuple[str, str] | None:
        if call == "sqs CreateQueue" and left[0]:
            left[0] -= 1
            return "QueueDeletedRecently", "not yet"
        return None

    between.refuse = refuse
    context, plan = scene()
    heard = Heard()
    assert executor.apply(context, plan, heard, jobs=1).complete
    assert clock.slept == [1.0, 2.0, 4.0]
    assert len(heard.words) == 3


def test_it_is_not_tried_for_ever(
    scene: Callable[..., tuple[Context, Plan]], between: Proxy, clock: TestClock
) -> None:
    between.refuse = lambda call: (
        ("QueueDeletedRecently", "wait a minute") if call == "sqs CreateQueue" else None
    )
    begun = clock.now()
    context, plan = scene()
    applied = executor.apply(context, plan, Heard(), jobs=1)
    assert states(applied)["sold"] == "done"
    assert states(applied)["audit"] == "failed"
    assert clock.now() - begun < 3 * 330


def test_no_more_than_jobs_are_under_way(scene: Callable[..., tuple[Context, Plan]]) -> None:
    names = ", ".join(f"q{number}: {{}}" for number in range(12))
    context, plan = scene(f"service: shop\nfunctions: {{}}\nresources: {{queues: {{{names}}}}}\n")

    class Counting(Heard):
        now, most = 0, 0

        def started(self, step: Step) -> None:
            self.now += 1
            self.most = max(self.most, self.now)

        def finished(self, done: Done) -> None:
            self.now -= 1

    heard = Counting()
    assert executor.apply(context, plan, heard, jobs=3).complete
    assert 1 < heard.most <= 3


def test_told_to_stop_it_takes_no_other_step(scene: Callable[..., tuple[Context, Plan]]) -> None:
    context, plan = scene()
    ended = threading.Event()

    class Stopping(Heard):
        def finished(self, done: Done) -> None:
            super().finished(done)
            ended.set()

    applied = executor.apply(
        context,
        plan,
        Stopping(),
        jobs=1,
        stopped=lambda: "the lock is lost" if ended.is_set() else None,
    )
    assert not applied.complete
    assert {done.because for done in applied.done if done.state == "skipped"} == {
        "the lock is lost"
    }
    assert any(done.state == "done" for done in applied.done)


def test_who_may_not_list_what_nobody_wants_is_told_and_goes_on(
    scene: Callable[..., tuple[Context, Plan]], between: Proxy
) -> None:
    between.refuse = lambda call: (
        ("AccessDeniedException", "you may not") if call == "apigateway GET /restapis" else None
    )
    context, plan = scene()
    (warning,) = plan.warnings
    assert "REST API" in warning
    assert executor.apply(context, plan, Heard()).complete
    between.refuse = lambda call: (
        ("AccessDeniedException", "you may not") if call == "sqs GetQueueUrl" else None
    )
    with pytest.raises(DeniedError):
        scene()
