"""All that hangs on functions, against moto as it is: it forgets, and no deployment may notice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lambdactl.artifacts.builds import Built
from lambdactl.deploy import planning
from lambdactl.deploy.account import Account
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.grants import grant
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.planning import differences
from lambdactl.manifest.model import App
from tests.deploy.hanging import ROLE, Deployer, made

pytestmark = pytest.mark.aws

BARE = f"""
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    role: {ROLE}
"""
FULL = f"""{BARE}
    aliases: {{live: {{version: latest}}}}
    async: {{retries: 0}}
    url: {{auth: none, alias: live}}
    triggers:
      - sqs: {{queue: jobs, alias: live}}
      - kinesis: {{stream: clicks, starting_position: latest, bisect: true}}
"""


@pytest.fixture
def deployer(account: Account, app_of: Callable[..., App], tmp_path: Path) -> Deployer:
    account.client("sqs").create_queue(QueueName="jobs")
    account.client("kinesis").create_stream(StreamName="clicks", ShardCount=1)
    return Deployer(account, app_of, tmp_path)


def test_nothing_is_left_to_do_after_a_deployment(deployer: Deployer) -> None:
    deployer.deploy(FULL)
    assert deployer.deploy(FULL, "2") == [
        "update function:hello",
        "update version:hello",
        "update alias:hello/live",
    ]
    other = (
        FULL.replace("retries: 0", "retries: 1")
        .replace("auth: none", "auth: none, invoke_mode: response_stream")
        .replace("bisect: true", "retries: 2")
    )
    assert sorted(deployer.deploy(other, "2")) == [
        "update async:hello",
        "update async:hello:live",
        "update event_source:hello/kinesis:clicks",
        "update url:hello:live",
    ]
    assert all(step.startswith("delete ") for step in deployer.deploy(BARE, "2"))


def test_a_token_is_granted_once(deployer: Deployer, tmp_path: Path) -> None:
    context = deployer.context(BARE)
    made(context, tmp_path)
    kind = kinds()["permission"]
    wanted = Wanted(context.naming, Built(()))
    skill = "amzn1.ask.skill.1"
    resource = grant(wanted, "hello", "alexa", "alexa-appkit.amazon.com", event_source_token=skill)
    kind.create(context, resource)
    context.account.forget()
    live = kind.read(context, resource.name)
    assert live is not None
    assert differences(resource, live) == ()
    kind.delete(context, live)
    context.account.forget()
    assert list(kind.owned(context, ["hello"])) == []


def test_what_moto_does_not_know_is_planned_and_not_done(deployer: Deployer) -> None:
    deployer.deploy(FULL)
    text = f"{FULL}    concurrency: {{provisioned: {{live: 1}}}}\n"
    plan = deployer.plan(text)
    assert [step.id for step in plan.steps] == ["create provisioned:hello:live"]
    with pytest.raises(Exception, match="PutProvisionedConcurrencyConfig"):
        deployer.apply(deployer.context(text), plan)
    deployer.account.forget()
    assert len(deployer.plan(text).steps) == 1


def test_a_function_whose_versions_were_pruned_goes(deployer: Deployer) -> None:
    text = f"{BARE}    versions: {{publish: true, keep: 2}}\n"
    for code in "1234":
        deployer.deploy(text, code)
    lambda_ = deployer.account.client("lambda")
    assert len(lambda_.list_versions_by_function(FunctionName="hello")["Versions"]) == 3
    context = deployer.context(text)
    plan = planning.destruction(context)
    deployer.apply(context, plan)
    assert lambda_.list_functions()["Functions"] == []
