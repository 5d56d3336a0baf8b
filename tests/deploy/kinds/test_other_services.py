"""Receipt rules, triggers of repositories and what is found by its tags: services that moto knows
half of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from lambdactl.deploy.account import Account
from lambdactl.deploy.model import Context
from lambdactl.deploy.naming import Naming
from lambdactl.errors import TakenError
from lambdactl.manifest.model import App
from tests.deploy.conftest import REGION, TestClock
from tests.deploy.kinds.shop import Shop, function_arn, manifest
from tests.deploy.other_services import Services, services

pytestmark = pytest.mark.aws

MAIL = "ses: {recipients: [support@example.com]}"


@pytest.fixture
def aws_and_more(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    with services(aws) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        yield found


@pytest.fixture
def shop(aws_and_more: Services, clock: TestClock, app_of: Callable[..., App]) -> Shop:
    account = Account(boto3.Session(region_name=REGION), clock)

    def context_of(app: App) -> Context:
        return Context(account, Naming(app, account.partition, account.region, account.id))

    return Shop(account, app_of, context_of)


def rules(shop: Shop, rule_set: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.account.client("ses").describe_receipt_rule_set(
        RuleSetName=rule_set
    )["Rules"]
    return found


def their_rule(shop: Shop, rule_set: str) -> None:
    ses = shop.account.client("ses")
    ses.create_receipt_rule_set(RuleSetName=rule_set)
    ses.create_receipt_rule(
        RuleSetName=rule_set,
        Rule={
            "Name": "theirs",
            "Enabled": True,
            "Actions": [{"StopAction": {"Scope": "RuleSet"}}],
        },
    )


def test_a_receipt_rule_comes_changes_and_goes(shop: Shop) -> None:
    their_rule(shop, "mail")
    one = manifest(a=[f"{MAIL[:-1]}, rule_set: mail}}"])
    assert "create ses_rule:mail/a" in shop.deploy(one)
    first, second = rules(shop, "mail")
    assert (first["Name"], second["Name"]) == ("theirs", "a")
    action = {"FunctionArn": function_arn("a"), "InvocationType": "Event"}
    assert second["Actions"] == [{"LambdaAction": action}]
    changed = one.replace("rule_set", "scan: true, enabled: false, rule_set")
    assert shop.deploy(changed) == ["update ses_rule:mail/a"]
    assert rules(shop, "mail")[1]["Enabled"] is False
    assert shop.deploy(manifest(a=[])) == [
        "delete ses_rule:mail/a",
        "delete permission:a/lambdactl-ses-mail-a",
    ]
    assert [rule["Name"] for rule in rules(shop, "mail")] == ["theirs"]
    with pytest.raises(TakenError, match="the receipt rule mail/theirs is there already"):
        shop.plan(manifest(a=[f"{MAIL[:-1]}, rule_set: mail, name: theirs}}"]))


def test_a_receipt_rule_without_a_set_joins_the_active_one(shop: Shop) -> None:
    their_rule(shop, "mail")
    shop.account.client("ses").set_active_receipt_rule_set(RuleSetName="mail")
    one = manifest(a=[MAIL])
    shop.deploy(one)
    assert [rule["Name"] for rule in rules(shop, "mail")] == ["theirs", "a"]
    shop.destroy(one)
    assert [rule["Name"] for rule in rules(shop, "mail")] == ["theirs"]
    active = shop.account.client("ses").describe_active_receipt_rule_set()
    assert active["Metadata"]["Name"] == "mail"


def test_where_no_mail_is_received_yet_a_set_is_made(shop: Shop) -> None:
    ses = shop.account.client("ses")
    one = manifest(a=[MAIL, "ses: {recipients: [sales@example.com]}"])
    shop.deploy(one)
    active = ses.describe_active_receipt_rule_set()
    assert active["Metadata"]["Name"] == "lambdactl-shop-default"
    assert {rule["Name"] for rule in active["Rules"]} == {"a", "a-2"}
    shop.destroy(one)
    assert ses.list_receipt_rule_sets()["RuleSets"] == []


def test_triggers_of_a_repository_stand_beside_those_of_others(
    shop: Shop, aws_and_more: Services
) -> None:
    theirs = {"name": "theirs", "destinationArn": function_arn("x"), "events": ["all"]}
    aws_and_more.triggers["site"] = [theirs]
    one = manifest(
        a=["codecommit: {repository: site, branches: [main], data: hello}"],
        b=["codecommit: {repository: site, events: [create_reference], alias: live}"],
    )
    assert "create codecommit_trigger:site" in shop.deploy(one)
    assert aws_and_more.triggers["site"] == [
        theirs,
        {
            "name": "a",
            "destinationArn": function_arn("a"),
            "customData": "hello",
            "branches": ["main"],
            "events": ["all"],
        },
        {
            "name": "b",
            "destinationArn": f"{function_arn('b')}:live",
            "customData": "",
            "branches": [],
            "events": ["createReference"],
        },
    ]
    assert shop.deploy(one.replace("main", "dev").replace("create_", "delete_"), names=["a"]) == [
        "update codecommit_trigger:site"
    ]
    named = {trigger["name"]: trigger for trigger in aws_and_more.triggers["site"]}
    assert named["a"]["branches"] == ["dev"]
    assert named["b"]["events"] == ["createReference"]
    shop.destroy(one)
    assert aws_and_more.triggers["site"] == [theirs]
    with pytest.raises(TakenError, match="has a trigger theirs already"):
        shop.deploy(manifest(a=["codecommit: {repository: site, name: theirs}"]))
    assert aws_and_more.triggers["site"] == [theirs]


def test_what_is_tagged_is_found_without_its_permission(shop: Shop) -> None:
    """Somebody has taken the permissions away, and the triggers leave the manifest."""
    shop.deploy(manifest(a=["eventbridge: {pattern: {source: [shop]}}", "alb: {path: /a}"]))
    for statement in ("lambdactl-rule-a", "lambdactl-alb-a"):
        shop.account.client("lambda").remove_permission(FunctionName="a", StatementId=statement)
    assert shop.deploy(manifest(a=[])) == ["delete rule:default/a", "delete target_group:a"]
