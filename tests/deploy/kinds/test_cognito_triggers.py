"""Triggers of user pools, against moto."""

from __future__ import annotations

from typing import Any

import pytest

from lambdactl.deploy.kinds.cognito_triggers import settings_of
from lambdactl.errors import TakenError, UserError
from tests.deploy.conftest import REGION
from tests.deploy.kinds.shop import ACCOUNT, Shop, function_arn, manifest

pytestmark = pytest.mark.aws

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"


@pytest.fixture
def pool(shop: Shop) -> str:
    """The id of a pool that somebody has made, with a trigger."""
    made = shop.account.client("cognito-idp").create_user_pool(
        PoolName="customers",
        Policies={"PasswordPolicy": {"MinimumLength": 14}},
        LambdaConfig={"CustomMessage": function_arn("theirs")},
        UserPoolTags={"team": "a"},
        AutoVerifiedAttributes=["email"],
    )
    return str(made["UserPool"]["Id"])


def described(shop: Shop, pool: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.account.client("cognito-idp").describe_user_pool(UserPoolId=pool)
    return found["UserPool"]  # type: ignore[no-any-return]


def test_triggers_come_change_and_go_and_the_pool_stays_as_it_is(shop: Shop, pool: str) -> None:
    before = described(shop, pool)
    one = manifest(
        a=["cognito: {user_pool: customers, events: [pre_sign_up, pre_token_generation]}"], b=[]
    )
    steps = shop.deploy(one)
    assert "create cognito_trigger:customers" in steps
    # It is looked for, and never made.
    assert not [step for step in steps if "user_pool:" in step]
    config = described(shop, pool)["LambdaConfig"]
    assert config == {
        "CustomMessage": function_arn("theirs"),
        "PreSignUp": function_arn("a"),
        "PreTokenGeneration": function_arn("a"),
        "PreTokenGenerationConfig": {"LambdaVersion": "V1_0", "LambdaArn": function_arn("a")},
    }
    assert shop.deploy(one.replace("generation]", "generation], version: v2")) == [
        "update cognito_trigger:customers"
    ]
    moved = manifest(
        a=[f"cognito: {{user_pool: customers, events: [custom_sms_sender], kms_key: '{KEY}'}}"],
        b=["cognito: {user_pool: customers, events: [pre_sign_up], alias: live}"],
    )
    shop.deploy(moved)
    assert described(shop, pool)["LambdaConfig"] == {
        "CustomMessage": function_arn("theirs"),
        "PreSignUp": f"{function_arn('b')}:live",
        "CustomSMSSender": {"LambdaVersion": "V1_0", "LambdaArn": function_arn("a")},
        "KMSKeyID": KEY,
    }
    shop.destroy(moved)
    after = described(shop, pool)
    for changing in ("LastModifiedDate", "SchemaAttributes"):
        before.pop(changing), after.pop(changing)
    assert after == before


def test_a_pool_is_named_by_its_id_or_its_arn(shop: Shop, pool: str) -> None:
    shop.deploy(manifest(a=["cognito: {user_pool: customers, events: [pre_sign_up]}"]))
    arn = described(shop, pool)["Arn"]
    # Another way to write the same pool: the permission is called anew, the trigger is the same.
    shop.deploy(manifest(a=[f"cognito: {{user_pool: '{arn}', events: [pre_sign_up]}}"]))
    assert described(shop, pool)["LambdaConfig"]["PreSignUp"] == function_arn("a")
    with pytest.raises(UserError, match="are one user pool"):
        shop.plan(
            manifest(
                a=[
                    "cognito: {user_pool: customers, events: [pre_sign_up]}",
                    f"cognito: {{user_pool: '{arn}', events: [post_confirmation]}}",
                ]
            )
        )


def test_an_event_that_is_somebody_elses_stays_so(shop: Shop, pool: str) -> None:
    one = manifest(a=["cognito: {user_pool: customers, events: [custom_message]}"])
    with pytest.raises(TakenError, match="the event custom_message of the user pool customers"):
        shop.deploy(one)
    assert described(shop, pool)["LambdaConfig"] == {"CustomMessage": function_arn("theirs")}


def test_a_pool_that_is_not_there_is_a_mistake(shop: Shop) -> None:
    with pytest.raises(UserError, match="there is no user pool nobody") as raised:
        shop.plan(manifest(a=["cognito: {user_pool: nobody, events: [pre_sign_up]}"]))
    assert raised.value.hint is not None


def test_two_triggers_of_one_event_are_a_mistake(shop: Shop) -> None:
    line = "cognito: {user_pool: customers, events: [pre_sign_up]}"
    with pytest.raises(UserError, match="two triggers want the event pre_sign_up"):
        shop.plan(manifest(a=[line], b=[line]))


def test_settings_of_a_pool_are_given_back_as_they_were(shop: Shop) -> None:
    """What DescribeUserPool tells and UpdateUserPool does not take is left out."""
    settings = settings_of(
        shop.account.client("cognito-idp"),
        {
            "Id": "eu-west-1_a",
            "CreationDate": 1,
            "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}},
            "AdminCreateUserConfig": {
                "AllowAdminCreateUserOnly": True,
                "UnusedAccountValidityDays": 3,
            },
            "SmsConfigurationFailure": "x",
            "AutoVerifiedAttributes": ["email"],
        },
        {"PreSignUp": "arn"},
    )
    assert settings == {
        "UserPoolId": "eu-west-1_a",
        "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}},
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
        "AutoVerifiedAttributes": ["email"],
        "LambdaConfig": {"PreSignUp": "arn"},
    }
