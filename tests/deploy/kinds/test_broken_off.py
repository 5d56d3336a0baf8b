"""Steps that break off after any call of AWS, and are taken up by the next deployment."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from lambdactl.deploy.desired import log_groups, owned, roles
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Resource
from lambdactl.deploy.planning import differences
from lambdactl.manifest.model import App
from tests.deploy.kinds.killing import Killed, Killing
from tests.deploy.steps import deployed, destroyed, wanted_of

pytestmark = [pytest.mark.aws, pytest.mark.exhaustive]

FIRST = {
    "queue": "{queues: {one: {delay: 9, tags: {team: a}}}}",
    "topic": "{topics: {one: {display_name: One, tags: {team: a}}}}",
    "bucket": "{buckets: {shop-one: {versioned: true, tags: {team: a}}}}",
    "table": "{tables: {one: {partition_key: id, ttl: end, point_in_time_recovery: true, "
    "tags: {team: a}}}}",
    "stream": "{streams: {one: {retention: 48h, shards: 1, tags: {team: a}}}}",
}
THEN = {
    "queue": "{queues: {one: {visibility_timeout: 60s}}}",
    "topic": "{topics: {one: {}}}",
    "bucket": "{buckets: {shop-one: {force_delete: true}}}",
    "table": "{tables: {one: {partition_key: id, stream: new_image, indexes: "
    "{by_end: {partition_key: end}}}}}",
    "stream": "{streams: {one: {shards: 3}}}",
}
ROLES = (
    "role: {statements: [{Effect: Allow, Action: 's3:GetObject', Resource: '*'}]}",
    "tracing: active",
)
GROUPS = ("logging: {retention: 14d}", "")


@pytest.fixture
def killing(aws: str, clock: Any) -> Killing:
    import boto3

    from tests.deploy.conftest import REGION

    return Killing(boto3.Session(region_name=REGION), clock)


@pytest.fixture
def wanted(app_of: Callable[..., App], killing: Killing) -> Callable[..., Any]:
    """Makes the context and the resource of one kind."""
    from lambdactl.deploy.naming import Naming

    def make(kind: str, texts: Iterable[str], number: int) -> tuple[Context, Resource]:
        text = list(texts)[number]
        function = "" if text.startswith("{") else text
        section = text if text.startswith("{") else "{}"
        app = app_of(
            "service: shop\nfunctions:\n"
            f"  hello: {{runtime: python3.13, handler: app.handler, code: ., {function}}}\n"
            f"resources: {section}\n"
        )
        naming = Naming(app, killing.partition, killing.region, killing.id)
        context = Context(killing, naming)
        modules = {"role": roles, "log_group": log_groups}
        (resource,) = modules.get(kind, owned).resources(wanted_of(context))  # type: ignore[attr-defined]
        return context, resource

    return make


KINDS = {
    "role": ROLES,
    "log_group": GROUPS,
    **{kind: (FIRST[kind], THEN[kind]) for kind in FIRST},
}


def step(context: Context, resource: Resource) -> None:
    """One step of a plan, without anything after it."""
    kind = kinds()[resource.kind]
    live = kind.read(context, resource.name)
    if live is None:
        kind.create(context, resource)
        return
    changes = differences(resource, live)
    if changes:
        changed = frozenset(change.path.partition(".")[0] for change in changes)
        kind.update(context, resource, live, changed)


def rounds(killing: Killing, work: Callable[[], None]) -> Iterable[int]:
    """Kill ``work`` at its first call, then at its second, until it comes to its end."""
    for left in range(30):
        killing.left = left
        try:
            work()
        except Killed:
            killing.left = None
            killing.forget()
            yield left
        else:
            killing.left = None
            return
    raise AssertionError("it has no end")


@pytest.mark.parametrize("kind", KINDS)
def test_making_goes_on(kind: str, aws: str, killing: Killing, wanted: Callable[..., Any]) -> None:
    context, resource = wanted(kind, KINDS[kind], 0)
    broken = 0
    for _ in rounds(killing, lambda: step(context, resource)):
        broken += 1
        deployed(context, [resource])
        destroyed(context, kind)
        assert left_over(context) == []
        # moto's new bucket has the tags of the old one.
        empty(aws)
    assert broken > 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_broke_off_can_go(
    kind: str, aws: str, killing: Killing, wanted: Callable[..., Any]
) -> None:
    context, resource = wanted(kind, KINDS[kind], 0)
    for _ in rounds(killing, lambda: step(context, resource)):
        destroyed(context, kind, "claim")
        assert kinds()[kind].read(context, resource.name) is None
        assert left_over(context) == []
        empty(aws)


@pytest.mark.parametrize("kind", KINDS)
def test_changing_goes_on(kind: str, killing: Killing, wanted: Callable[..., Any]) -> None:
    first, before = wanted(kind, KINDS[kind], 0)
    then, after = wanted(kind, KINDS[kind], 1)
    deployed(first, [before])
    broken = 0
    for _ in rounds(killing, lambda: step(then, after)):
        broken += 1
        deployed(then, [after])
        if kind == "table":
            # moto begins no second stream of a table.
            destroyed(then, kind)
        deployed(first, [before])
    assert broken > 0


@pytest.mark.parametrize("kind", KINDS)
def test_deleting_goes_on(kind: str, killing: Killing, wanted: Callable[..., Any]) -> None:
    context, resource = wanted(kind, KINDS[kind], 0)
    deployed(context, [resource])
    for _ in rounds(killing, lambda: destroyed(context, kind)):
        destroyed(context, kind)
        assert kinds()[kind].read(context, resource.name) is None
        deployed(context, [resource])
    assert left_over(context) == []


def empty(aws: str) -> None:
    request = urllib.request.Request(f"{aws}/moto-api/reset", method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def left_over(context: Context) -> list[str]:
    found = context.account.client("ssm").describe_parameters()["Parameters"]
    return [one["Name"] for one in found]
