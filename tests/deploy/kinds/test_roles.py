"""Roles, against moto."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdactl.deploy import planning
from lambdactl.deploy.desired import roles
from lambdactl.deploy.model import Context, Resource
from lambdactl.deploy.naming import NO_STAGE
from lambdactl.errors import TakenError, UserError
from lambdactl.manifest.model import App
from tests.deploy.steps import deployed, destroyed, wanted_of

pytestmark = pytest.mark.aws

APP = """\
service: shop
functions:
  hello: {{runtime: python3.13, handler: app.handler, code: ., role: {role}}}
"""


@pytest.fixture
def context(
    app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> Callable[..., Context]:
    def make(role: str = "{}") -> Context:
        return context_of(app_of(APP.format(role=role)))

    return make


def wanted(context: Context) -> list[Resource]:
    return list(roles.resources(wanted_of(context)))


def policy_of(iam: Any, arn_of: str) -> str:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}],
    }
    created = iam.create_policy(PolicyName=arn_of, PolicyDocument=json.dumps(document))
    return str(created["Policy"]["Arn"])


def test_a_role_comes_stays_and_goes(context: Callable[..., Context]) -> None:
    here = context()
    steps = deployed(here, wanted(here))
    assert [(step.action, step.address) for step in steps] == [("create", "role:hello-eu-west-1")]
    role = here.account.client("iam").get_role(RoleName="hello-eu-west-1")["Role"]
    assert role["Path"] == "/lambdactl/shop/default/eu-west-1/"
    assert role["Arn"] == here.naming.role_arn("hello")
    tags = {tag["Key"]: tag["Value"] for tag in role["Tags"]}
    assert tags["lambdactl:service"] == "shop"
    assert tags["lambdactl:stage"] == NO_STAGE
    destroyed(here, "role")
    assert here.account.client("iam").list_roles()["Roles"] == []


def test_policies_are_changed_in_place(context: Callable[..., Context]) -> None:
    here = context()
    iam = here.account.client("iam")
    one, other = policy_of(iam, "one"), policy_of(iam, "other")
    here = context(f'{{managed: ["{one}"]}}')
    deployed(here, wanted(here))
    statement = '{Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::photos/*"}'
    here = context(f'{{managed: ["{other}"], statements: [{statement}], boundary: "{one}"}}')
    (step,) = deployed(here, wanted(here))
    assert step.action == "update"
    assert {path.partition(".")[0] for path in step.changed} == {"boundary", "managed", "policy"}
    here = context()
    deployed(here, wanted(here))
    role = iam.get_role(RoleName="hello-eu-west-1")["Role"]
    assert "PermissionsBoundary" not in role


def test_what_somebody_adds_is_drift_and_goes(context: Callable[..., Context]) -> None:
    here = context()
    deployed(here, wanted(here))
    iam = here.account.client("iam")
    iam.attach_role_policy(RoleName="hello-eu-west-1", PolicyArn=policy_of(iam, "mine"))
    iam.delete_role_policy(RoleName="hello-eu-west-1", PolicyName="lambdactl")
    (step,) = deployed(here, wanted(here))
    assert step.changed == {"managed", "policy"}
    assert all(change.drift for change in step.changes)


def test_a_role_with_policies_of_others_can_go(context: Callable[..., Context]) -> None:
    here = context()
    deployed(here, wanted(here))
    here.account.client("iam").put_role_policy(
        RoleName="hello-eu-west-1",
        PolicyName="theirs",
        PolicyDocument=json.dumps(wanted(here)[0].properties["policy"]),
    )
    destroyed(here, "role")


def test_somebody_elses_role_is_left_alone(context: Callable[..., Context]) -> None:
    here = context()
    here.account.client("iam").create_role(
        RoleName="hello-eu-west-1", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"})
    )
    with pytest.raises(TakenError, match="role hello-eu-west-1 is there already"):
        planning.plan(here, wanted(here))
    assert planning.destruction(here).steps == ()


def test_a_managed_policy_that_is_not_there(context: Callable[..., Context]) -> None:
    here = context("{managed: [AWSLambdaBasicExecutionRol]}")
    with pytest.raises(UserError, match="no managed policy 'AWSLambdaBasicExecutionRol'"):
        deployed(here, wanted(here))


def test_creation_that_broke_off_is_completed(context: Callable[..., Context]) -> None:
    """As a killed deployment leaves it: the role and its tags, and nothing in it."""
    here = context()
    role = wanted(here)[0]
    here.account.client("iam").create_role(
        Path=here.naming.role_path,
        RoleName=role.name,
        AssumeRolePolicyDocument=json.dumps(role.properties["trust"]),
        Tags=[{"Key": key, "Value": value} for key, value in here.naming.tags().items()],
    )
    (step,) = deployed(here, [role])
    assert step.action == "update"
    # Nobody has changed anything by hand.
    assert not any(change.drift for change in step.changes)


def test_creation_that_broke_off_at_its_last_call_is_completed(
    context: Callable[..., Context],
) -> None:
    here = context()
    (role,) = wanted(here)
    deployed(here, [role])
    iam = here.account.client("iam")
    iam.untag_role(RoleName=role.name, TagKeys=["lambdactl:hash"])
    (step,) = deployed(here, [role])
    assert step.action == "update"
