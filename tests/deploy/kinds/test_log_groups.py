"""Log groups, against moto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambdactl.deploy.desired import log_groups
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Resource
from lambdactl.deploy.planning import differences
from lambdactl.errors import TakenError, UserError
from lambdactl.manifest.model import App
from tests.deploy.steps import deployed, destroyed, wanted_of

pytestmark = pytest.mark.aws

APP = """\
service: shop
defaults: {{runtime: python3.13, code: .}}
functions:
  hello: {{handler: app.handler, logging: {{{hello}}}}}
  other: {{handler: app.handler, logging: {{{other}}}}}
"""


@pytest.fixture
def context(
    app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> Callable[..., Context]:
    def make(hello: str = "", other: str = "") -> Context:
        return context_of(app_of(APP.format(hello=hello, other=other)))

    return make


def wanted(context: Context, *names: str) -> list[Resource]:
    return list(log_groups.resources(wanted_of(context, *names)))


def groups(context: Context) -> dict[str, Any]:
    found = context.account.client("logs").describe_log_groups()["logGroups"]
    return {one["logGroupName"]: one.get("retentionInDays") for one in found}


def test_each_function_has_its_group(context: Callable[..., Context]) -> None:
    here = context("retention: 14d")
    steps = deployed(here, wanted(here))
    assert [step.action for step in steps] == ["create", "create"]
    assert groups(here) == {"/aws/lambda/hello": 14, "/aws/lambda/other": None}
    destroyed(here, "log_group")
    assert groups(here) == {}


def test_retention_comes_and_goes(context: Callable[..., Context]) -> None:
    here = context()
    deployed(here, wanted(here))
    here = context("retention: 30d")
    (step,) = deployed(here, wanted(here))
    assert (step.action, step.changed) == ("update", {"retention_days"})
    here = context()
    deployed(here, wanted(here))
    assert groups(here)["/aws/lambda/hello"] is None


def test_retention_changed_by_hand_is_drift(context: Callable[..., Context]) -> None:
    here = context("retention: 30d")
    deployed(here, wanted(here))
    logs = here.account.client("logs")
    logs.put_retention_policy(logGroupName="/aws/lambda/hello", retentionInDays=1)
    (step,) = deployed(here, wanted(here))
    assert [change.drift for change in step.changes] == [True]


def test_functions_may_share_a_group(context: Callable[..., Context]) -> None:
    here = context("group: /shop, retention: 7d", "group: /shop")
    (resource,) = wanted(here)
    assert (resource.name, resource.function) == ("/shop", None)
    deployed(here, [resource])
    assert groups(here) == {"/shop": 7}
    # What it keeps does not depend on which of them is deployed.
    assert wanted(here, "other") == [resource]


def test_functions_that_share_a_group_must_agree(context: Callable[..., Context]) -> None:
    here = context("group: /shop, retention: 7d", "group: /shop, retention: 14d")
    with pytest.raises(UserError, match="want different retentions: 7 days, 14 days"):
        wanted(here)


def test_a_group_that_is_there_is_used_and_stays(context: Callable[..., Context]) -> None:
    """Lambda has made it, at the first call of a function that had none."""
    here = context("", "group: /everybodys")
    logs = here.account.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/hello")
    logs.create_log_group(logGroupName="/everybodys", tags={"team": "platform"})
    logs.put_retention_policy(logGroupName="/everybodys", retentionInDays=365)
    kind = kinds()["log_group"]
    for resource in wanted(here):
        live = kind.read(here, resource.name)
        assert live is not None
        assert differences(resource, live) == ()
    destroyed(here, "log_group")
    assert groups(here) == {"/aws/lambda/hello": None, "/everybodys": 365}


def test_retention_of_a_group_that_lambda_has_made(context: Callable[..., Context]) -> None:
    here = context("retention: 30d")
    here.account.client("logs").create_log_group(logGroupName="/aws/lambda/hello")
    resource = wanted(here)[0]
    kind = kinds()["log_group"]
    live = kind.read(here, resource.name)
    assert live is not None
    assert [change.path for change in differences(resource, live)] == ["retention_days"]
    kind.update(here, resource, live, frozenset({"retention_days"}))
    assert groups(here) == {"/aws/lambda/hello": 30}
    again = kind.read(here, resource.name)
    assert again is not None
    assert differences(resource, again) == ()


def test_retention_of_somebody_elses_group_is_theirs(context: Callable[..., Context]) -> None:
    here = context("group: /everybodys, retention: 30d")
    here.account.client("logs").create_log_group(logGroupName="/everybodys")
    resource = next(one for one in wanted(here) if one.name == "/everybodys")
    kind = kinds()["log_group"]
    live = kind.read(here, resource.name)
    assert live is not None
    with pytest.raises(TakenError, match="/everybodys is somebody else's"):
        kind.update(here, resource, live, frozenset({"retention_days"}))
    assert groups(here)["/everybodys"] is None


def test_a_longer_name_that_begins_the_same(context: Callable[..., Context]) -> None:
    here = context()
    here.account.client("logs").create_log_group(logGroupName="/aws/lambda/hello-again")
    assert kinds()["log_group"].read(here, "/aws/lambda/hello") is None


def test_creation_that_broke_off_is_completed(context: Callable[..., Context]) -> None:
    here = context("retention: 30d")
    here.account.client("logs").create_log_group(
        logGroupName="/aws/lambda/hello", tags=here.naming.tags()
    )
    steps = deployed(here, wanted(here))
    assert [step.action for step in steps] == ["update", "create"]
    assert groups(here)["/aws/lambda/hello"] == 30
