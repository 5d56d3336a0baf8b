"""Statements of functions' policies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdactl.artifacts.builds import Built
from lambdactl.deploy.account import Account
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.grants import grant, statement_id
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Resource
from lambdactl.manifest.model import App
from tests.deploy.hanging import ROLE, Deployer, before_moto, made
from tests.deploy.lambda_parts import Parts

pytestmark = pytest.mark.aws

MANIFEST = f"""
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    role: {ROLE}
    aliases: {{live: {{version: latest}}}}
"""
TOPIC = "arn:aws:sns:eu-west-1:123456789012:news"


@pytest.fixture
def parts(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    with before_moto(aws, monkeypatch) as found:
        yield found


@pytest.fixture
def context(parts: Parts, account: Account, app_of: Callable[..., App], tmp_path: Path) -> Context:
    """Of a manifest whose function and alias are there."""
    context = Deployer(account, app_of, tmp_path).context(MANIFEST)
    made(context, tmp_path)
    parts.writes()
    return context


def granted(context: Context, sid: str, principal: str, **more: Any) -> Resource:
    return grant(Wanted(context.naming, Built(())), "hello", sid, principal, **more)


def policy(context: Context, qualifier: str | None = None) -> dict[str, Any]:
    more = {"Qualifier": qualifier} if qualifier else {}
    answer = context.account.client("lambda").get_policy(FunctionName="hello", **more)
    return {one["Sid"]: one for one in json.loads(answer["Policy"])["Statement"]}


@pytest.mark.parametrize(
    "given",
    [
        {"principal": "sns.amazonaws.com", "source_arn": TOPIC},
        {
            "principal": "s3.amazonaws.com",
            "source_arn": "arn:aws:s3:::uploads",
            "source_account": "123456789012",
        },
        {"principal": "123456789012"},
        {"principal": "arn:aws:iam::123456789012:role/caller", "organization": "o-a1b2c3d4e5"},
        {"principal": "alexa-appkit.amazon.com", "event_source_token": "amzn1.ask.skill.1"},
        {"principal": "*", "action": "lambda:InvokeFunctionUrl", "url_auth": "NONE"},
        {"principal": "*", "via_url": True},
    ],
    ids=lambda given: "-".join(given),
)
@pytest.mark.parametrize("alias", [None, "live"])
def test_what_was_granted_reads_as_it_was_wanted(
    context: Context, given: dict[str, Any], alias: str | None
) -> None:
    kind = kinds()["permission"]
    resource = granted(context, "one", alias=alias, **given)
    assert kind.read(context, resource.name) is None
    kind.create(context, resource)
    context.account.forget()
    live = kind.read(context, resource.name)
    assert live is not None
    assert live.properties == resource.properties
    assert live.owner == ("shop", "default")
    assert list(kind.owned(context, ["hello"])) == [resource.name]
    assert list(policy(context, alias)) == ["lambdactl-one"]
    kind.delete(context, live)
    kind.delete(context, live)
    assert kind.read(context, resource.name) is None


def test_a_grant_that_is_there_already_is_no_error(context: Context, parts: Parts) -> None:
    kind = kinds()["permission"]
    resource = granted(context, "one", "sns.amazonaws.com", source_arn=TOPIC)
    kind.create(context, resource)
    parts.writes()
    kind.create(context, resource)
    assert parts.writes() == ["AddPermission"]


def test_a_change_never_leaves_the_caller_out(context: Context, parts: Parts) -> None:
    kind = kinds()["permission"]
    kind.create(context, granted(context, "one", "sns.amazonaws.com", source_arn=TOPIC))
    wider = granted(context, "one", "sns.amazonaws.com", source_arn=f"{TOPIC}*")
    live = kind.read(context, wider.name)
    assert live is not None
    parts.writes()
    kind.update(context, wider, live, frozenset({"source_arn"}))
    added, removed = "AddPermission", "RemovePermission"
    assert parts.writes() == [added, removed, added, removed]
    live = kind.read(context, wider.name)
    assert live is not None
    assert live.properties == wider.properties
    assert list(policy(context)) == ["lambdactl-one"]


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_change_that_breaks_off_is_gone_on_with(
    context: Context, parts: Parts, call: int
) -> None:
    kind = kinds()["permission"]
    kind.create(context, granted(context, "one", "sns.amazonaws.com", source_arn=TOPIC))
    wider = granted(context, "one", "sns.amazonaws.com", source_arn=f"{TOPIC}*")
    live = kind.read(context, wider.name)
    assert live is not None
    operation = "AddPermission" if call % 2 else "RemovePermission"
    parts.passing[operation] = (call - 1) // 2
    parts.refused[operation] = (400, "Broken", "broken off")
    with pytest.raises(Exception, match="broken off"):
        kind.update(context, wider, live, frozenset({"source_arn"}))
    # The next deployment.
    context.account.forget()
    live = kind.read(context, wider.name)
    if live is None:
        kind.create(context, wider)
    else:
        kind.update(context, wider, live, frozenset({"source_arn"}))
    for name in list(kind.owned(context, ["hello"])):
        if name != wider.name:
            old = kind.read(context, name)
            assert old is not None
            kind.delete(context, old)
    found = policy(context)
    assert list(found) == ["lambdactl-one"]
    assert found["lambdactl-one"]["Condition"]["ArnLike"]["AWS:SourceArn"] == f"{TOPIC}*"


def test_statements_of_others_are_not_ours(context: Context) -> None:
    kind = kinds()["permission"]
    context.account.client("lambda").add_permission(
        FunctionName="hello",
        StatementId="by-hand",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
    )
    context.account.forget()
    assert list(kind.owned(context, ["hello"])) == []
    live = kind.read(context, "hello/by-hand")
    assert live is not None
    assert live.owner is None


def test_ids_of_statements_hold_what_they_may_and_stay_different() -> None:
    one, other = statement_id("s3:a.b"), statement_id("s3:a-b")
    assert one != other
    assert statement_id("x" * 200) != statement_id("x" * 201)
    for sid in (one, other, statement_id("x" * 200)):
        assert sid.startswith("lambdactl-")
        assert len(sid) <= 100
        assert sid.replace("-", "").isalnum()
