"""Functions in an account: what is made of the manifest, and what is made of what is there.

Against a Lambda that tells all that AWS's tells, and against moto's own, which does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lambdactl.artifacts.builds import Built
from lambdactl.deploy import planning
from lambdactl.deploy.account import Account
from lambdactl.deploy.desired import Wanted, functions
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.kinds.function_shape import ALSO
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.deploy.naming import Naming
from lambdactl.errors import AwsError, DeniedError, UserError
from lambdactl.manifest.model import App
from tests.deploy.archives import artifact_of
from tests.deploy.conftest import TestClock, session
from tests.deploy.lambda_service import Service, service

pytestmark = pytest.mark.aws

ROLE = "arn:aws:iam::123456789012:role/service/given"
OTHER_ROLE = "arn:aws:iam::123456789012:role/service/other"
MANIFEST = f"""
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    role: {ROLE}
"""


@pytest.fixture
def lambda_(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with service(aws) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        yield found


@pytest.fixture
def there(aws: str, account: Account) -> Account:
    """An account with two roles."""
    for name in ("given", "other"):
        account.client("iam").create_role(
            RoleName=name, Path="/service/", AssumeRolePolicyDocument="{}"
        )
    return account


class Deployer:
    """Deploys one function of a manifest, as planning and the executor would."""

    def __init__(self, account: Account, app_of: Callable[..., App], folder: Path) -> None:
        self.account = account
        self._app_of = app_of
        self._folder = folder
        self.kind = kinds()["function"]

    def context(self, text: str, stage: str | None = None) -> Context:
        account = self.account
        app = self._app_of(text, stage=stage)
        return Context(account, Naming(app, account.partition, account.region, account.id))

    def resource(self, context: Context, code: str = "1") -> Resource:
        artifacts = [artifact_of(self._folder, name, code) for name in context.naming.app.functions]
        return functions.resource(Wanted(context.naming, Built(tuple(artifacts))), "hello")

    def live(self, context: Context, resource: Resource) -> Live | None:
        self.account.forget()
        return self.kind.read(context, resource.name)

    def deploy(self, text: str, code: str = "1", stage: str | None = None) -> set[str]:
        """:return: paths of what was changed; after it nothing is left to change."""
        context = self.context(text, stage)
        resource = self.resource(context, code)
        live = self.live(context, resource)
        changed: set[str] = set()
        if live is None:
            self.kind.create(context, resource)
        else:
            changed = {one.path for one in planning.differences(resource, live)}
            tops = frozenset(path.partition(".")[0] for path in changed)
            assert not tops & self.kind.replaced_by
            if changed:
                self.kind.update(context, resource, live, tops)
        again = self.live(context, resource)
        assert again is not None
        assert planning.differences(resource, again) == ()
        assert again.owner == context.naming.owner
        assert again.hash == resource.digest
        return changed


@pytest.fixture
def deployer(there: Account, app_of: Callable[..., App], tmp_path: Path) -> Deployer:
    return Deployer(there, app_of, tmp_path)


@pytest.fixture
def faithful(
    lambda_: Service,
    there: Account,
    app_of: Callable[..., App],
    clock: TestClock,
    tmp_path: Path,
) -> Deployer:
    """A deployer to a Lambda that tells everything."""
    account = Account(session(), clock)
    return Deployer(account, app_of, tmp_path)


def manifest_of(more: str) -> str:
    """The function with more lines."""
    return MANIFEST + "".join(f"    {line}\n" for line in more.strip().splitlines())


KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
POINT = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"
SIGNING = "arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdef0"
RUNTIME = "arn:aws:lambda:eu-west-1::runtime:" + "0" * 64

CHANGES: Mapping[str, tuple[str, str, set[str]]] = {
    "memory": ("memory: 256", "memory: 512", {"memory_mb"}),
    "timeout": ("timeout: 10", "timeout: 20", {"timeout_s"}),
    "description": ("description: it greets", "description: it waves", {"description"}),
    "environment": (
        "environment: {LEVEL: info, A: a}",
        "environment: {LEVEL: warn, B: b}",
        {"environment.LEVEL", "environment.A", "environment.B"},
    ),
    "ephemeral storage": (
        "ephemeral_storage: 1024",
        "ephemeral_storage: 2048",
        {"ephemeral_storage_mb"},
    ),
    "tags": ("tags: {team: a, cost: b}", "tags: {team: c}", {"tags.team", "tags.cost"}),
    "logging": (
        "logging: {format: json, level: debug}",
        "logging: {format: json, level: error, system_level: warn, group: elsewhere}",
        {"logging.application_level", "logging.system_level", "logging.group"},
    ),
    "vpc": (
        "vpc: {subnets: [subnet-2, subnet-1], security_groups: [sg-1]}",
        "vpc: {subnets: [subnet-1], security_groups: [sg-2], ipv6: true}",
        {"vpc.subnets", "vpc.security_groups", "vpc.ipv6"},
    ),
    "filesystem": (
        f"vpc: {{subnets: [subnet-1], security_groups: [sg-1]}}\n"
        f"filesystem: {{arn: '{POINT}', path: /mnt/data}}",
        f"vpc: {{subnets: [subnet-1], security_groups: [sg-1]}}\n"
        f"filesystem: {{arn: '{POINT}', path: /mnt/other}}",
        {"filesystem.path"},
    ),
    "dead letter": (
        "dead_letter: {queue: failed}",
        "dead_letter: {topic: failed}",
        {"dead_letter"},
    ),
    "key": (f"kms_key: {KEY}", f"kms_key: {KEY[:-1]}c", {"kms_key"}),
    "tracing": ("tracing: active", "tracing: pass_through", {"tracing"}),
    "architecture": ("architecture: arm64", "architecture: x86_64", {"architecture"}),
    "snap start": ("snap_start: published_versions", "snap_start: none", {"snap_start"}),
    "reserved": (
        "concurrency: {reserved: 5}",
        "concurrency: {reserved: 0}",
        {"reserved_concurrency"},
    ),
    "recursion": ("recursion: allow", "recursion: terminate", {"recursion"}),
    "runtime management": (
        f"runtime_management: {{update: manual, version: '{RUNTIME}'}}",
        "runtime_management: {update: function_update}",
        {"runtime_management.update", "runtime_management.version"},
    ),
    "code signing": (
        f"code_signing: {SIGNING}",
        f"code_signing: {SIGNING[:-1]}1",
        {"code_signing"},
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_setting_is_set_changed_and_taken_back(what: str, faithful: Deployer) -> None:
    one, two, paths = CHANGES[what]
    faithful.deploy(manifest_of(one))
    assert faithful.deploy(manifest_of(two)) == paths
    faithful.deploy(MANIFEST)
    # It came with the creation; now it comes to a function that is there.
    faithful.deploy(manifest_of(one))
    assert faithful.deploy(manifest_of(one)) == set()


MOTO_IS_WRONG = {
    "code signing": "moto knows no PutFunctionCodeSigningConfig",
    "recursion": "moto knows no PutFunctionRecursionConfig",
    "runtime management": "moto knows no PutRuntimeManagementConfig",
}


@pytest.mark.parametrize("what", [name for name in CHANGES if name not in MOTO_IS_WRONG])
def test_what_an_imitation_forgets_is_no_change_of_each_deployment(
    what: str, deployer: Deployer
) -> None:
    one, two, _ = CHANGES[what]
    for text in (manifest_of(one), manifest_of(two), MANIFEST):
        deployer.deploy(text)
        assert deployer.deploy(text) == set()
    # What is deployed with another setting is only that.
    assert deployer.deploy(MANIFEST.replace("app.handler", "app.other")) == {"handler"}


def test_a_new_function_is_made_with_all_it_has_and_marked_in_one_call(
    faithful: Deployer, lambda_: Service
) -> None:
    faithful.deploy(manifest_of("tags: {team: a}\nmemory: 256\nlogging: {format: json}"))
    assert lambda_.writes() == ["POST"]
    answer = faithful.account.client("lambda").get_function(FunctionName="hello")
    assert answer["Tags"]["lambdactl:service"] == "shop"
    assert answer["Tags"]["lambdactl:stage"] == "default"
    assert answer["Tags"]["team"] == "a"
    assert answer["Configuration"]["MemorySize"] == 256


def test_what_is_deployed_costs_one_call_to_look_at(faithful: Deployer, lambda_: Service) -> None:
    faithful.deploy(MANIFEST)
    lambda_.asked.clear()
    assert faithful.deploy(MANIFEST) == set()
    assert lambda_.asked == ["GET hello"] * 2
    faithful.deploy(manifest_of("recursion: allow"))
    lambda_.asked.clear()
    assert faithful.deploy(manifest_of("recursion: allow")) == set()
    assert lambda_.asked == ["GET hello", "GET hello/recursion-config"] * 2


def test_only_what_has_changed_is_asked_for(faithful: Deployer, lambda_: Service) -> None:
    faithful.deploy(MANIFEST)
    lambda_.asked.clear()
    assert faithful.deploy(MANIFEST, code="2") == {"code_sha256"}
    assert lambda_.writes() == ["PUT hello/code"]
    lambda_.asked.clear()
    assert faithful.deploy(manifest_of("memory: 256"), code="2") == {"memory_mb"}
    assert lambda_.writes() == ["PUT hello/configuration"]


def test_what_somebody_changed_by_hand_is_seen_as_that(faithful: Deployer) -> None:
    faithful.deploy(MANIFEST)
    client = faithful.account.client("lambda")
    client.update_function_configuration(
        FunctionName="hello", MemorySize=1024, LoggingConfig={"LogFormat": "JSON"}
    )
    context = faithful.context(MANIFEST)
    resource = faithful.resource(context)
    live = faithful.live(context, resource)
    assert live is not None
    found = planning.differences(resource, live)
    assert {one.path for one in found} == {
        "memory_mb",
        "logging.format",
        "logging.application_level",
        "logging.system_level",
    }
    assert all(one.drift for one in found)
    faithful.deploy(MANIFEST)
    assert client.get_function(FunctionName="hello")["Configuration"]["MemorySize"] == 128


def test_it_is_waited_for(faithful: Deployer, lambda_: Service, clock: TestClock) -> None:
    pending = {"State": "Pending", "StateReasonCode": "Creating"}
    lambda_.states = [pending, pending, {"State": "Active", "LastUpdateStatus": "Successful"}]
    faithful.deploy(MANIFEST)
    assert clock.slept == [1.0, 1.0]
    busy = {"LastUpdateStatus": "InProgress"}
    lambda_.states = [{}, busy, busy, {}, busy, {}]
    faithful.deploy(manifest_of("memory: 256"), code="2")
    assert clock.slept == [1.0] * 5


def test_a_creation_that_fails_says_why_and_is_replaced(
    faithful: Deployer, lambda_: Service
) -> None:
    context = faithful.context(MANIFEST)
    resource = faithful.resource(context)
    failed = {
        "State": "Failed",
        "StateReason": "The subnet has no free addresses.",
        "StateReasonCode": "SubnetOutOfIPAddresses",
    }
    lambda_.states = [{"State": "Pending"}, failed]
    with pytest.raises(AwsError, match=r"create the function hello: The subnet has no free"):
        faithful.kind.create(context, resource)
    lambda_.states = [failed]
    live = faithful.live(context, resource)
    assert live is not None
    (change,) = planning.differences(resource, live)
    assert change.path in faithful.kind.replaced_by
    assert "no free addresses" in change.before


def test_an_update_that_fails_is_made_again(faithful: Deployer, lambda_: Service) -> None:
    faithful.deploy(MANIFEST)
    text = manifest_of("memory: 256")
    context = faithful.context(text)
    resource = faithful.resource(context)
    live = faithful.live(context, resource)
    assert live is not None
    failed = {"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "No such key."}
    lambda_.states = [{"LastUpdateStatus": "InProgress"}, failed]
    with pytest.raises(AwsError, match=r"update the function hello: No such key"):
        faithful.kind.update(context, resource, live, frozenset({"memory_mb"}))
    lambda_.asked.clear()
    lambda_.states = [failed]
    assert "update_pending" in faithful.deploy(text)
    assert lambda_.writes() == ["PUT hello/configuration", "PUT hello/code"]


def test_an_update_that_was_under_way_and_failed_is_made_again(
    faithful: Deployer, lambda_: Service
) -> None:
    faithful.deploy(MANIFEST)
    busy, failed = {"LastUpdateStatus": "InProgress"}, {"LastUpdateStatus": "Failed"}
    lambda_.states = [busy, busy, failed]
    lambda_.asked.clear()
    assert faithful.deploy(MANIFEST) == {"update_pending"}
    assert lambda_.writes() == ["PUT hello/configuration", "PUT hello/code"]


def test_of_a_function_that_was_not_built_the_code_stays(faithful: Deployer) -> None:
    """Another function is deployed that refers to it."""
    faithful.deploy(MANIFEST, code="1")
    context = faithful.context(manifest_of("architecture: arm64\nmemory: 256"))
    wanted = Wanted(context.naming, Built(()), frozenset({"other"}))
    resource = functions.resource(wanted, "hello")
    live = faithful.live(context, resource)
    assert live is not None
    assert {one.path for one in planning.differences(resource, live)} == {"memory_mb"}
    faithful.kind.update(context, resource, live, frozenset({"memory_mb"}))
    whole = faithful.context(manifest_of("memory: 256"))
    again = faithful.live(whole, resource)
    assert again is not None
    assert planning.differences(faithful.resource(whole, "1"), again) == ()
    faithful.kind.delete(context, live)
    with pytest.raises(UserError, match="hello was not built"):
        faithful.kind.create(context, resource)


def test_an_update_that_is_under_way_is_waited_for(faithful: Deployer, lambda_: Service) -> None:
    """A deployment was killed while it waited."""
    faithful.deploy(MANIFEST)
    busy = {"LastUpdateStatus": "InProgress"}
    lambda_.states = [busy, busy, {}]
    assert faithful.deploy(MANIFEST) == {"update_pending"}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "more",
    [
        "recursion: allow\nconcurrency: {reserved: 3}\ntags: {a: b}",
        f"code_signing: {SIGNING}\nrecursion: allow",
        "runtime_management: {update: function_update}",
    ],
)
def test_a_creation_that_breaks_off_anywhere_is_gone_on_with(
    more: str, faithful: Deployer, lambda_: Service
) -> None:
    text = manifest_of(more)
    context = faithful.context(text)
    resource = faithful.resource(context)
    client = faithful.account.client("lambda")
    faithful.kind.create(context, resource)
    calls = len(lambda_.writes())
    assert calls > 1
    for survived in range(1, calls):
        client.delete_function(FunctionName="hello")
        with _EndsAfter(faithful.account, survived), pytest.raises(_KilledError):
            faithful.kind.create(context, resource)
        # Both ways on: a plan of what is left, and the same step again.
        live = faithful.live(context, resource)
        assert live is not None
        assert live.owner == ("shop", "default")
        assert live.hash != resource.digest
        if survived % 2:
            faithful.kind.create(context, resource)
        faithful.deploy(text)


class _KilledError(Exception):
    pass


class _EndsAfter:
    """Lets some writes of Lambda through, and then none."""

    def __init__(self, account: Account, writes: int) -> None:
        self._events = account.client("lambda").meta.events
        self._left = writes

    def _count(self, request: Any, **_: Any) -> None:
        if request.method == "GET":
            return
        if not self._left:
            raise _KilledError
        self._left -= 1

    def __enter__(self) -> None:
        self._events.register_first("before-send.lambda", self._count)

    def __exit__(self, *_: object) -> None:
        self._events.unregister("before-send.lambda", self._count)


@pytest.mark.exhaustive
def test_an_update_that_breaks_off_anywhere_is_gone_on_with(
    faithful: Deployer, lambda_: Service
) -> None:
    before = manifest_of("tags: {old: one}\nrecursion: allow")
    after = manifest_of("memory: 256\ntags: {new: one}\nconcurrency: {reserved: 1}")
    faithful.deploy(before)
    lambda_.asked.clear()
    faithful.deploy(after, code="2")
    calls = len(lambda_.writes())
    for survived in range(calls):
        faithful.deploy(before)
        context = faithful.context(after)
        resource = faithful.resource(context, "2")
        live = faithful.live(context, resource)
        assert live is not None
        tops = {one.path.partition(".")[0] for one in planning.differences(resource, live)}
        with _EndsAfter(faithful.account, survived), pytest.raises(_KilledError):
            faithful.kind.update(context, resource, live, frozenset(tops))
        faithful.deploy(after, code="2")
        tags = faithful.account.client("lambda").get_function(FunctionName="hello")["Tags"]
        assert {key for key in tags if not key.startswith("lambdactl:")} == {"new"}
        assert ALSO not in tags


def test_somebody_elses_function_is_not_touched(faithful: Deployer, lambda_: Service) -> None:
    faithful.deploy(MANIFEST.replace("service: shop", "service: other"))
    context = faithful.context(MANIFEST)
    resource = faithful.resource(context)
    live = faithful.live(context, resource)
    assert live is not None
    assert live.owner == ("other", "default")
    lambda_.asked.clear()
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError, match="already exist"):
        faithful.kind.create(context, resource)
    assert lambda_.writes() == ["POST"]
    assert list(faithful.kind.owned(context, ["hello"])) == []


def test_who_may_not_read_tags_is_told_that(faithful: Deployer, lambda_: Service) -> None:
    faithful.deploy(MANIFEST)
    lambda_.denied = "User is not authorized to perform: lambda:ListTags"
    context = faithful.context(MANIFEST)
    with pytest.raises(DeniedError, match=r"tags of the function hello.*not authorized"):
        faithful.live(context, faithful.resource(context))


def test_all_that_is_ours_is_found_whether_the_manifest_has_it_or_not(deployer: Deployer) -> None:
    text = MANIFEST + "stages: {dev: {}, prod: {}}\n"
    deployer.deploy(text, stage="dev")
    deployer.deploy(text, stage="prod")
    context = deployer.context(text.replace("hello:", "hallo:"), "prod")
    deployer.account.forget()
    assert set(deployer.kind.owned(context, [])) == {"hello-prod"}


def test_deletion(deployer: Deployer) -> None:
    deployer.deploy(MANIFEST)
    context = deployer.context(MANIFEST)
    resource = deployer.resource(context)
    live = deployer.live(context, resource)
    assert live is not None
    for _ in range(2):
        deployer.kind.delete(context, live)
        assert deployer.live(context, resource) is None


def test_what_it_uses(deployer: Deployer) -> None:
    deployer.deploy(manifest_of("dead_letter: {queue: failed}"))
    context = deployer.context(MANIFEST)
    live = deployer.live(context, deployer.resource(context))
    assert live is not None
    assert {"role:given", "log_group:/aws/lambda/hello"} <= set(live.needs)
    assert live.outputs["arn"] == "arn:aws:lambda:eu-west-1:123456789012:function:hello"


def test_what_can_not_be_changed_in_place_is_replaced(faithful: Deployer) -> None:
    faithful.deploy(MANIFEST)
    for more in ("tenancy: per_tenant", "durable: {execution_timeout: 1h}"):
        context = faithful.context(manifest_of(more))
        resource = faithful.resource(context)
        live = faithful.live(context, resource)
        assert live is not None
        paths = {one.path.partition(".")[0] for one in planning.differences(resource, live)}
        assert paths & faithful.kind.replaced_by
        faithful.kind.delete(context, live)
        faithful.deploy(manifest_of(more))
    # Of a durable function the settings are changed in place.
    assert faithful.deploy(manifest_of("durable: {execution_timeout: 2h, retention_days: 30}")) == {
        "durable_config.execution_timeout_s",
        "durable_config.retention_days",
    }


def test_a_plain_function_takes_one_call_from_an_imitation_too(deployer: Deployer) -> None:
    deployer.deploy(MANIFEST)
    writes = {
        name: times
        for name, times in deployer.account.calls.items()
        if name.startswith("lambda.") and "Get" not in name
    }
    assert writes == {"lambda.CreateFunction": 1}
