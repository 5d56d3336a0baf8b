"""What calls functions, made and taken back by a process that is killed at every call.

Notifications of S3 and what deploys with them are in ``tests/deploy/test_crash.py``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import boto3
import pytest

from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, resolve
from lambdactl.deploy.naming import Naming
from lambdactl.deploy.plan import Plan
from lambdactl.manifest.model import App
from tests.deploy.conftest import REGION, TestClock
from tests.deploy.inventory import inventory
from tests.deploy.kinds.killing import Killed, Killing
from tests.deploy.kinds.shop import Shop, manifest
from tests.deploy.other_services import services

pytestmark = [pytest.mark.aws, pytest.mark.slow, pytest.mark.exhaustive]

QUEUES = "resources: {queues: {failed: {}}, topics: {sold: {}}}\n"
TRIGGERS = {
    "pushes": [
        "sns: {topic: sold, filter: {a: [b]}, dead_letter: {queue: failed}}",
        "cloudwatch_logs: {group: /theirs}",
    ],
    "schedules": [
        "schedule: {expression: rate(1 day), dead_letter: {queue: failed}}",
        "schedule: {expression: rate(1 day), group: theirs}",
    ],
    "doors": [
        "alb: {path: /a, multi_value_headers: true}",
        "cognito: {user_pool: customers, events: [pre_sign_up]}",
    ],
    "rules": [
        "iot: {sql: \"SELECT * FROM 'a'\"}",
        "config: {rule: tags-set}",
        "ses: {recipients: [support@example.com]}",
        "codecommit: {repository: site}",
    ],
}


@pytest.fixture
def shop(
    aws: str, clock: TestClock, app_of: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    """With all that its triggers refer to."""
    with services(aws) as more:
        monkeypatch.setenv("AWS_ENDPOINT_URL", more.url)
        more.triggers["site"] = []
        account = Killing(boto3.Session(region_name=REGION), clock)

        def context_of(app: App) -> Context:
            naming = Naming(app, account.partition, account.region, account.id)
            return Context(account, naming)

        shop = Shop(account, app_of, context_of)
        account.client("logs").create_log_group(logGroupName="/theirs")
        account.client("scheduler").create_schedule_group(Name="theirs")
        account.client("cognito-idp").create_user_pool(PoolName="customers")
        yield shop


def take(context: Context, plan: Plan) -> None:
    """Take the steps in their order, in this thread."""
    outputs: dict[str, Mapping[str, str]] = dict(plan.outputs)
    for step in plan.steps:
        kind = kinds()[step.kind]
        if step.resource is None:
            assert step.live is not None
            kind.delete(context, step.live)
            continue
        properties = resolve(step.resource.properties, outputs)
        resource = dataclasses.replace(step.resource, properties=properties)
        changed = frozenset(change.path.partition(".")[0] for change in step.changes)
        if step.live is None:
            outputs[step.address] = kind.create(context, resource)
        else:
            outputs[step.address] = kind.update(context, resource, step.live, changed)


def killed(shop: Shop, text: str, left: int) -> bool:
    """Deploy and be killed after ``left`` calls; False: it came to its end."""
    account = shop.account
    assert isinstance(account, Killing)
    plan = shop.plan(text)
    account.left = left
    try:
        take(shop.context(text), plan)
    except Killed:
        return True
    finally:
        account.left = None
        account.forget()
    return False


@pytest.mark.parametrize("name", TRIGGERS)
def test_what_breaks_off_is_taken_up(shop: Shop, name: str) -> None:
    without, full = manifest(QUEUES, a=[]), manifest(QUEUES, a=TRIGGERS[name])
    shop.deploy(without)
    nothing = inventory()
    left = 0
    while killed(shop, full, left):
        if left % 2:
            # What was begun is taken back without the manifest's help.
            shop.deploy(without)
            assert inventory() == nothing
        shop.deploy(full)
        killed(shop, without, left)
        shop.deploy(without)
        assert inventory() == nothing
        left += 1
    assert left >= len(TRIGGERS[name])
