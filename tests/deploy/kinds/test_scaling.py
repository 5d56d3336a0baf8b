"""How many environments of managed instances there are, beside a Lambda that knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambdactl.artifacts.builds import Built
from lambdactl.deploy import planning
from lambdactl.deploy.account import Account
from lambdactl.deploy.desired import Wanted, functions, scaling, versions
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Resource, resolve
from lambdactl.deploy.naming import Naming
from lambdactl.manifest.model import App
from tests.deploy.archives import artifact_of
from tests.deploy.conftest import TestClock, session
from tests.deploy.lambda_service import service

pytestmark = pytest.mark.aws

PROVIDER = "arn:aws:lambda:eu-west-1:123456789012:capacity-provider:machines"
MANIFEST = f"""
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    memory: 2048
    role: arn:aws:iam::123456789012:role/given
    versions: {{publish: true}}
    capacity_provider: {{arn: '{PROVIDER}', min_environments: 1, max_environments: 4}}
"""


@pytest.fixture
def account(aws: str, clock: TestClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    with service(aws) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        made = Account(session(), clock)
        made.client("iam").create_role(RoleName="given", AssumeRolePolicyDocument="{}")
        yield made


def resources(context: Context, folder: Path, code: str) -> list[Resource]:
    given = Wanted(context.naming, Built((artifact_of(folder, "hello", code),)))
    found = [*functions.resources(given), *versions.resources(given), *scaling.resources(given)]
    return [one for one in found if one.kind in ("function", "version", "scaling")]


def deploy(context: Context, folder: Path, code: str = "1") -> list[str]:
    """:return: paths of what changed of the scaling."""
    outputs: dict[str, dict[str, str]] = {}
    paths: list[str] = []
    for one in resources(context, folder, code):
        context.account.forget()
        kind = kinds()[one.kind]
        wanted = Resource(
            one.kind,
            one.name,
            resolve(one.properties, outputs),
            function=one.function,
            artifact=one.artifact,
        )
        live = kind.read(context, one.name)
        if live is None:
            outputs[one.address] = dict(kind.create(context, wanted))
        else:
            changes = planning.differences(wanted, live)
            paths = [change.path for change in changes]
            outputs[one.address] = dict(live.outputs)
            if changes:
                tops = frozenset(path.partition(".")[0] for path in paths)
                outputs[one.address] = dict(kind.update(context, wanted, live, tops))
        context.account.forget()
        again = kind.read(context, one.name)
        assert again is not None
        assert planning.differences(wanted, again) == ()
    return paths


def test_it_is_set_of_the_version_that_was_published_and_taken_back(
    account: Account, app_of: Callable[..., App], tmp_path: Path
) -> None:
    def context_of(text: str) -> Context:
        naming = Naming(app_of(text), account.partition, account.region, account.id)
        return Context(account, naming)

    context = context_of(MANIFEST)
    client = account.client("lambda")
    deploy(context, tmp_path)
    asked = {"FunctionName": "hello", "Qualifier": "1"}
    answer = client.get_function_scaling_config(**asked)
    assert answer["RequestedFunctionScalingConfig"] == {
        "MinExecutionEnvironments": 1,
        "MaxExecutionEnvironments": 4,
    }
    assert deploy(context, tmp_path) == []
    changed = context_of(MANIFEST.replace(", max_environments: 4", ""))
    assert deploy(changed, tmp_path) == ["max_environments"]
    assert "version" in deploy(changed, tmp_path, "2")
    kind = kinds()["scaling"]
    assert list(kind.owned(context, ["hello"])) == ["hello"]
    live = kind.read(context, "hello")
    assert live is not None
    for _ in range(2):
        kind.delete(context, live)
    assert list(kind.owned(context, ["hello"])) == []
    assert kind.read(context, "hello") is None


def test_nothing_is_asked_of_functions_that_have_none(
    account: Account, app_of: Callable[..., App], tmp_path: Path
) -> None:
    text = MANIFEST.replace(", min_environments: 1, max_environments: 4", "")
    naming = Naming(app_of(text), account.partition, account.region, account.id)
    context = Context(account, naming)
    deploy(context, tmp_path)
    assert [one.kind for one in resources(context, tmp_path, "1")] == ["function", "version"]
    assert list(kinds()["scaling"].owned(context, ["hello"])) == []
    assert "lambda.GetFunctionScalingConfig" not in account.calls
