"""URLs, asynchronous settings and provisioned concurrency of functions and aliases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambdactl.deploy.account import Account
from lambdactl.errors import AwsError, TakenError
from lambdactl.manifest.model import App
from tests.deploy.hanging import ROLE, Deployer, before_moto
from tests.deploy.lambda_parts import Parts

pytestmark = pytest.mark.aws

BARE = f"""
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    role: {ROLE}
"""
ALIASED = f"{BARE}    aliases: {{live: {{version: latest}}}}\n"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:failed"


@pytest.fixture
def parts(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    with before_moto(aws, monkeypatch) as found:
        yield found


@pytest.fixture
def deployer(
    parts: Parts, account: Account, app_of: Callable[..., App], tmp_path: Path
) -> Deployer:
    return Deployer(account, app_of, tmp_path)


def test_asynchronous_settings_come_change_and_go(deployer: Deployer, parts: Parts) -> None:
    deployer.deploy(BARE)
    text = f"{BARE}    async: {{retries: 0, max_age: 1h, on_failure: '{QUEUE}'}}\n"
    assert deployer.deploy(text) == ["create async:hello"]
    assert parts.async_["hello", None] == {
        "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:hello:$LATEST",
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": 3600,
        "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
    }
    assert deployer.deploy(f"{BARE}    async: {{retries: 1}}\n") == ["update async:hello"]
    assert parts.async_["hello", None]["DestinationConfig"] == {}
    assert deployer.deploy(BARE) == ["delete async:hello"]
    assert parts.async_ == {}


def test_calls_of_an_alias_go_by_the_functions_settings_or_their_own(
    deployer: Deployer, parts: Parts
) -> None:
    text = f"{ALIASED}    async: {{retries: 1}}\n"
    deployer.deploy(text)
    retries = {key: one["MaximumRetryAttempts"] for key, one in parts.async_.items()}
    assert retries == {("hello", None): 1, ("hello", "live"): 1}
    own = text.replace("{version: latest}", "{version: latest, async: {retries: 0}}")
    assert deployer.deploy(own) == ["update async:hello:live"]


def test_what_somebody_else_changed_is_drift(deployer: Deployer, parts: Parts) -> None:
    text = f"{BARE}    async: {{retries: 1}}\n    url: {{auth: iam}}\n"
    deployer.deploy(text)
    lambda_ = deployer.account.client("lambda")
    lambda_.put_function_event_invoke_config(FunctionName="hello", MaximumRetryAttempts=2)
    lambda_.update_function_url_config(FunctionName="hello", AuthType="NONE")
    assert deployer.changes(text) == {
        "async:hello retries": (2, 1, True),
        "url:hello auth": ("none", "iam", True),
    }
    deployer.deploy(text)


def test_a_url_anybody_may_call_has_both_permissions(deployer: Deployer, parts: Parts) -> None:
    text = f"{ALIASED}    url: {{auth: none, alias: live, cors: {{allow_origins: ['*']}}}}\n"
    deployer.deploy(text)
    url = parts.urls["hello", "live"]
    assert url["AuthType"] == "NONE"
    assert url["Cors"] == {"AllowOrigins": ["*"], "AllowCredentials": False, "MaxAge": 0}
    statements = {one["Sid"]: one for one in parts.policies["hello", "live"]}
    assert {
        sid: (one["Action"], one["Principal"], one["Condition"]) for sid, one in statements.items()
    } == {
        "lambdactl-url": (
            "lambda:InvokeFunctionUrl",
            "*",
            {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        ),
        "lambdactl-url-invoke": (
            "lambda:InvokeFunction",
            "*",
            {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
        ),
    }
    iam = f"{ALIASED}    url: {{auth: iam, alias: live, invoke_mode: response_stream}}\n"
    assert sorted(deployer.deploy(iam)) == [
        "delete permission:hello:live/lambdactl-url",
        "delete permission:hello:live/lambdactl-url-invoke",
        "update url:hello:live",
    ]
    assert "Cors" not in parts.urls["hello", "live"]
    assert parts.urls["hello", "live"]["InvokeMode"] == "RESPONSE_STREAM"
    assert deployer.deploy(ALIASED) == ["delete url:hello:live"]


def test_a_url_that_moves_to_an_alias_is_another(deployer: Deployer, parts: Parts) -> None:
    deployer.deploy(f"{ALIASED}    url: {{auth: iam}}\n")
    assert deployer.deploy(f"{ALIASED}    url: {{auth: iam, alias: live}}\n") == [
        "create url:hello:live",
        "delete url:hello",
    ]
    assert list(parts.urls) == [("hello", "live")]


def test_a_url_that_somebody_made_stays(deployer: Deployer, parts: Parts) -> None:
    deployer.deploy(BARE)
    lambda_ = deployer.account.client("lambda")
    lambda_.create_function_url_config(FunctionName="hello", AuthType="NONE")
    lambda_.put_function_event_invoke_config(FunctionName="hello", MaximumRetryAttempts=1)
    assert deployer.deploy(BARE) == []
    assert list(parts.urls) == [("hello", None)]
    with pytest.raises(TakenError, match="the URL of hello is there already"):
        deployer.deploy(f"{BARE}    url: {{auth: iam}}\n")
    assert parts.urls["hello", None]["AuthType"] == "NONE"
    # A setting of a function that is lambdactl's is not a thing of its own.
    assert deployer.deploy(f"{BARE}    async: {{retries: 0}}\n") == ["update async:hello"]


def test_a_url_that_is_there_already_is_brought_to_what_it_should_be(
    deployer: Deployer, parts: Parts
) -> None:
    text = f"{BARE}    url: {{auth: iam}}\n"
    deployer.deploy(BARE)
    plan = deployer.plan(text)
    deployer.account.client("lambda").create_function_url_config(
        FunctionName="hello", AuthType="NONE"
    )
    deployer.apply(deployer.context(text), plan)
    assert parts.urls["hello", None]["AuthType"] == "AWS_IAM"
    assert deployer.deploy(text) == []


def test_environments_are_waited_for(deployer: Deployer, parts: Parts) -> None:
    text = f"{ALIASED}    concurrency: {{provisioned: {{live: 2}}}}\n"
    parts.settling = []
    deployer.deploy(ALIASED)
    parts.settling = ["IN_PROGRESS", "IN_PROGRESS"]
    assert deployer.deploy(text) == ["create provisioned:hello:live"]
    assert deployer.heard == ["waiting for 2 environments to be ready"] * 2
    more = text.replace("live: 2", "live: 5")
    assert deployer.deploy(more) == ["update provisioned:hello:live"]
    assert deployer.deploy(ALIASED) == ["delete provisioned:hello:live"]
    assert parts.provisioned == {}


def test_environments_that_could_not_be_made_are_told_and_tried_again(
    deployer: Deployer, parts: Parts
) -> None:
    text = f"{ALIASED}    concurrency: {{provisioned: {{live: 2}}}}\n"
    deployer.deploy(ALIASED)
    parts.settling = ["FAILED"]
    with pytest.raises(AwsError, match="could not make 2 environments of hello:live ready"):
        deployer.deploy(text)
    parts.settling = ["FAILED"]
    assert deployer.changes(text) == {"provisioned:hello:live executions": (0, 2, True)}
    assert deployer.deploy(text) == []


def test_all_that_hangs_on_a_function_goes_with_it(deployer: Deployer, parts: Parts) -> None:
    from lambdactl.deploy import planning

    deployer.deploy(
        f"{ALIASED}    url: {{auth: none}}\n    async: {{retries: 0}}\n"
        "    concurrency: {provisioned: {live: 1}}\n"
    )
    context = deployer.context(BARE)
    plan = planning.destruction(context)
    assert [step.id for step in plan.steps] == ["delete function:hello"]
    deployer.apply(context, plan)
    assert planning.destruction(context).steps == ()
    kept = (parts.urls, parts.async_, parts.policies, parts.aliases, parts.provisioned)
    assert [dict(one) for one in kept] == [{}, {}, {}, {}, {}]
