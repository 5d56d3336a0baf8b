"""Versions and aliases: published when something changed, pruned, led to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambdactl.deploy.account import Account
from lambdactl.deploy.kinds.versions import description, made_of
from lambdactl.errors import AwsError, TakenError
from lambdactl.manifest.model import App
from tests.deploy.hanging import ROLE, Deployer, before_moto
from tests.deploy.lambda_parts import Parts

pytestmark = pytest.mark.aws

MANIFEST = f"""
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    role: {ROLE}
    memory: 256
    versions: {{keep: 2, description: June}}
    aliases: {{live: {{version: latest, description: what is live}}}}
"""
RELEASE = f"{MANIFEST}    release: {{alias: live, strategy: canary 10% for 5m}}\n"
FIRST = ["create function:hello", "create version:hello", "create alias:hello/live"]
ANOTHER = ["update function:hello", "update version:hello", "update alias:hello/live"]


@pytest.fixture
def parts(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    with before_moto(aws, monkeypatch) as found:
        yield found


@pytest.fixture
def deployer(
    parts: Parts, account: Account, app_of: Callable[..., App], tmp_path: Path
) -> Deployer:
    return Deployer(account, app_of, tmp_path)


def numbers(parts: Parts) -> list[str]:
    return [one["Version"] for one in parts.versions["hello"]]


def test_what_changes_is_published_and_the_alias_follows(deployer: Deployer, parts: Parts) -> None:
    assert deployer.deploy(MANIFEST) == FIRST
    assert deployer.deploy(MANIFEST, "2") == ANOTHER
    assert deployer.deploy(MANIFEST.replace("256", "512"), "2") == ANOTHER
    assert parts.aliases["hello", "live"]["FunctionVersion"] == "3"
    # The first is not among the two newest, and nothing leads to it any more.
    assert numbers(parts) == ["2", "3"]
    assert deployer.deploy(MANIFEST.replace("256", "512"), "3") == ANOTHER
    assert numbers(parts) == ["3", "4"]


def test_what_a_version_does_not_hold_publishes_none(deployer: Deployer, parts: Parts) -> None:
    deployer.deploy(MANIFEST)
    more = f"{MANIFEST}    tags: {{team: a}}\n    concurrency: {{reserved: 3}}\n"
    assert deployer.deploy(more) == ["update function:hello"]
    assert numbers(parts) == ["1"]


def test_versions_that_something_leads_to_and_others_versions_stay(
    deployer: Deployer, parts: Parts
) -> None:
    keep_one = MANIFEST.replace("keep: 2", "keep: 1")
    deployer.deploy(keep_one)
    lambda_ = deployer.account.client("lambda")
    lambda_.create_alias(
        FunctionName="hello",
        Name="by-hand",
        FunctionVersion="1",
    )
    deployer.deploy(keep_one, "2")
    lambda_.update_function_configuration(FunctionName="hello", MemorySize=1024)
    lambda_.publish_version(FunctionName="hello", Description="somebody's")
    assert deployer.deploy(keep_one, "3") == ANOTHER
    # 1 has an alias, 3 is somebody's, 2 was live until now.
    assert numbers(parts) == ["1", "2", "3", "4"]
    deployer.deploy(keep_one, "4")
    assert numbers(parts) == ["1", "3", "4", "5"]


def test_what_somebody_else_has_published_is_taken_for_what_it_is(
    deployer: Deployer, parts: Parts
) -> None:
    deployer.deploy(MANIFEST)
    plan = deployer.plan(MANIFEST, "2")
    # The function is deployed, and then somebody is quicker with its version.
    context = deployer.context(MANIFEST)
    update = next(step for step in plan.steps if step.kind == "function")
    deployer.apply(context, type(plan)(plan.service, plan.stage, "", "", (update,)))
    deployer.account.client("lambda").publish_version(FunctionName="hello", Description="mine")
    assert deployer.deploy(MANIFEST, "2") == ["update version:hello", "update alias:hello/live"]
    assert parts.aliases["hello", "live"]["FunctionVersion"] == "2"


def test_a_version_is_waited_for_and_its_failure_told(deployer: Deployer, parts: Parts) -> None:
    parts.settling = ["Pending", "Pending", "Active"]
    deployer.deploy(MANIFEST)
    assert "waiting for version 1 to be active" in deployer.heard
    parts.settling = ["Pending", "Failed"]
    with pytest.raises(AwsError, match="version 2 of hello has failed"):
        deployer.deploy(MANIFEST, "2")
    assert parts.aliases["hello", "live"]["FunctionVersion"] == "1"
    assert numbers(parts) == ["1"]
    # It was not published, so it is now.
    assert deployer.deploy(MANIFEST, "2") == ["update version:hello", "update alias:hello/live"]
    assert numbers(parts) == ["1", "3"]


def test_a_version_is_published_once_whatever_breaks_off(deployer: Deployer, parts: Parts) -> None:
    deployer.deploy(MANIFEST)
    parts.passing["GetFunctionConfiguration"] = 0
    parts.refused["GetFunctionConfiguration"] = (400, "Broken", "broken off")
    with pytest.raises(Exception, match="broken off"):
        deployer.deploy(MANIFEST, "2")
    assert numbers(parts) == ["1", "2"]
    parts.asked.clear()
    assert deployer.deploy(MANIFEST, "2") == ["update version:hello", "update alias:hello/live"]
    assert numbers(parts) == ["1", "2"]
    assert "PublishVersion" not in parts.asked


def test_versions_stay_when_no_more_are_published(deployer: Deployer, parts: Parts) -> None:
    deployer.deploy(MANIFEST)
    without = MANIFEST[: MANIFEST.index("    versions")]
    assert deployer.deploy(without) == ["delete alias:hello/live"]
    assert numbers(parts) == ["1"]
    assert parts.aliases == {}


def test_aliases_that_somebody_made_stay(deployer: Deployer, parts: Parts) -> None:
    deployer.deploy(MANIFEST)
    deployer.account.client("lambda").create_alias(
        FunctionName="hello", Name="by-hand", FunctionVersion="1"
    )
    without = MANIFEST[: MANIFEST.index("    versions")]
    assert deployer.deploy(without) == ["delete alias:hello/live"]
    assert list(parts.aliases) == [("hello", "by-hand")]
    with pytest.raises(TakenError, match="the alias hello/by-hand is there already"):
        deployer.deploy(MANIFEST.replace("live:", "by-hand:"))


def test_weights_are_drift_when_somebody_sets_them(deployer: Deployer, parts: Parts) -> None:
    deployer.deploy(MANIFEST)
    deployer.deploy(MANIFEST, "2")
    assert numbers(parts) == ["1", "2"]
    deployer.account.client("lambda").update_alias(
        FunctionName="hello",
        Name="live",
        RoutingConfig={"AdditionalVersionWeights": {"1": 0.25}},
    )
    assert deployer.changes(MANIFEST, "2") == {"alias:hello/live weights.1": (0.25, None, True)}
    assert deployer.deploy(MANIFEST, "2") == ["update alias:hello/live"]


def test_aliases_lead_where_the_manifest_says(deployer: Deployer, parts: Parts) -> None:
    deployer.deploy(MANIFEST)
    deployer.deploy(MANIFEST, "2")
    text = MANIFEST.replace(
        "{version: latest, description: what is live}",
        '{version: 2, weights: {"1": 0.5}}, newest: {version: $LATEST}',
    )
    assert deployer.deploy(text, "2") == [
        "create alias:hello/newest",
        "update alias:hello/live",
    ]
    live = parts.aliases["hello", "live"]
    assert live["RoutingConfig"] == {"AdditionalVersionWeights": {"1": 0.5}}
    assert live["Description"] == ""
    assert parts.aliases["hello", "newest"]["FunctionVersion"] == "$LATEST"


def test_an_alias_comes_to_a_new_version_as_its_release_says(
    deployer: Deployer, parts: Parts
) -> None:
    deployer.deploy(RELEASE)
    parts.asked.clear()
    assert deployer.deploy(RELEASE, "2") == ANOTHER
    assert parts.writes().count("UpdateAlias") == 2
    assert "10% of live to version 2, watched for 300 s" in deployer.heard


def test_an_alias_that_is_there_already_is_brought_to_what_it_should_be(
    deployer: Deployer, parts: Parts
) -> None:
    parts.refused["UpdateAlias"] = (400, "Never", "an alias that is new is not updated")
    deployer.deploy(MANIFEST)
    parts.refused.clear()
    # As after a kill between the call and its mark in a plan.
    plan = deployer.plan(MANIFEST.replace("live:", "next:"))
    deployer.account.client("lambda").create_alias(
        FunctionName="hello", Name="next", FunctionVersion="$LATEST"
    )
    deployer.apply(deployer.context(MANIFEST.replace("live:", "next:")), plan)
    assert parts.aliases["hello", "next"]["FunctionVersion"] == "1"


def test_a_version_says_what_it_was_made_of() -> None:
    of = "0123456789abcdef"
    for words in (None, "", "June", "x" * 300):
        text = description(of, words)
        assert len(text) <= 256
        assert made_of({"Description": text}) == of
    assert made_of({"Description": "June"}) is None
