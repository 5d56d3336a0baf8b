"""How code comes to Lambda: archives in S3, images, and code alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdactl.artifacts.builds import Built
from lambdactl.artifacts.model import Artifact
from lambdactl.deploy import code_upload, planning, sync_code
from lambdactl.deploy.account import Account
from lambdactl.deploy.desired import Wanted, code, functions
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Resource
from lambdactl.deploy.naming import Naming
from lambdactl.errors import TakenError, UserError
from lambdactl.execution.containers.engine import Engine, close, connect
from lambdactl.manifest.model import App
from tests.deploy import shell
from tests.deploy.archives import artifact_of
from tests.deploy.conftest import REGION, TestClock, session
from tests.deploy.lambda_service import service
from tests.execution.containers.registries import Registry, make, unique

pytestmark = pytest.mark.aws

ROLE = "arn:aws:iam::123456789012:role/given"
HELLO = f"""
service: shop
functions:
  hello: {{runtime: python3.13, handler: app.handler, role: '{ROLE}'}}
"""


@pytest.fixture
def there(account: Account) -> Account:
    account.client("iam").create_role(RoleName="given", AssumeRolePolicyDocument="{}")
    return account


def deploy(context: Context, *artifacts: Artifact, name: str = "hello") -> list[str]:
    """:return: what was changed; after it nothing is left to change."""
    wanted = Wanted(context.naming, Built(artifacts))
    found: list[str] = []
    for resource in (*code.resources(wanted), functions.resource(wanted, name)):
        found += _deploy(context, resource)
    return found


def _deploy(context: Context, resource: Resource) -> list[str]:
    kind = kinds()[resource.kind]
    context.account.forget()
    live = kind.read(context, resource.name)
    paths: list[str] = []
    if live is None:
        paths = [f"create {resource.kind}"]
        kind.create(context, resource)
    else:
        paths = [one.path for one in planning.differences(resource, live)]
        if paths:
            kind.update(context, resource, live, frozenset(paths))
    context.account.forget()
    again = kind.read(context, resource.name)
    assert again is not None
    assert planning.differences(resource, again) == ()
    assert again.owner == context.naming.owner
    assert resource.name in set(kind.owned(context, []))
    return paths


def test_an_archive_in_s3_is_told_by_where_it_is_and_seen_when_it_is_replaced(
    there: Account,
    app_of: Callable[..., App],
    context_of: Callable[[App], Context],
    tmp_path: Path,
) -> None:
    s3 = there.client("s3")
    s3.create_bucket(Bucket="releases", CreateBucketConfiguration={"LocationConstraint": REGION})
    for key in ("one.zip", "two.zip"):
        path = artifact_of(tmp_path, "it", key).path
        assert path is not None
        s3.upload_file(str(path), "releases", key)
    manifest = HELLO.replace("{runtime", "{code: {bucket: releases, key: one.zip}, runtime")
    context = context_of(app_of(manifest))
    assert deploy(context) == ["create function"]
    assert deploy(context) == []
    context = context_of(app_of(manifest.replace("one.zip", "two.zip")))
    assert deploy(context) == ["s3"]
    # Code that somebody uploads by hand is other code.
    client = there.client("lambda")
    by_hand = artifact_of(tmp_path, "it", "by hand").path
    assert by_hand is not None
    client.update_function_code(FunctionName="hello", ZipFile=by_hand.read_bytes())
    assert deploy(context) == ["s3"]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ({}, "s3://releases/one.zip"),
        ({"version": "v2"}, "s3://releases/one.zip?versionId=v2"),
        ({"storage": "reference"}, "s3://releases/one.zip?storage=reference"),
    ],
)
def test_what_tells_one_archive_from_another(location: dict[str, Any], expected: str) -> None:
    from lambdactl.manifest.model import Code

    assert code_upload.source(Code("s3", bucket="releases", key="one.zip", **location)) == (
        expected
    )


def test_what_no_tag_can_hold_is_told_by_its_digest() -> None:
    from lambdactl.manifest.model import Code

    long, other, odd = (
        code_upload.source(Code("s3", bucket="releases", key=key))
        for key in ("x" * 1000, "y" * 1000, "größe*.zip")
    )
    assert len({long, other, odd}) == 3
    assert all(one.startswith("sha256:") and len(one) < 100 for one in (long, other, odd))


def test_a_large_archive_goes_through_a_bucket_in_parts(
    there: Account,
    app_of: Callable[..., App],
    context_of: Callable[[App], Context],
    tmp_path: Path,
) -> None:
    context = context_of(app_of(HELLO))
    # More than boto3 sends in one part; what the build says of its size is more than Lambda takes.
    large = artifact_of(tmp_path, "hello", "x" * 10_000_000, size=60 * 1024 * 1024)
    there.calls.clear()
    assert deploy(context, large) == ["create code_bucket", "create function"]
    assert there.calls["s3.UploadPart"] == 2
    assert deploy(context, large) == []
    bucket = code_upload.bucket(context.naming)
    s3 = there.client("s3")
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["Expiration"] == {"Days": 1}
    # A creation that broke off is known by its name.
    s3.delete_bucket_tagging(Bucket=bucket)
    assert deploy(context, large) == ["owner"]
    live = kinds()["code_bucket"].read(context, bucket)
    assert live is not None
    for _ in range(2):
        kinds()["code_bucket"].delete(context, live)
    assert kinds()["code_bucket"].read(context, bucket) is None
    assert list(kinds()["code_bucket"].owned(context, [])) == []


def test_names_of_what_code_goes_through(
    there: Account, app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> None:
    names = {}
    for stage in ("a", "b" * 60):
        text = f"{HELLO}stages: {{{stage}: {{}}}}\n".replace("hello:", "Hello_World:")
        naming = context_of(app_of(text, stage=stage)).naming
        names[stage] = code_upload.bucket(naming), code_upload.repository(naming, "Hello_World")
    buckets = {bucket for bucket, _ in names.values()}
    assert len(buckets) == 2
    assert all(len(name) <= 63 and name == name.lower() for name in buckets)
    for _, repository in names.values():
        assert repository.startswith("lambdactl/shop/hello-world-")
        assert len(repository) <= 256


def test_code_alone(
    there: Account,
    app_of: Callable[..., App],
    context_of: Callable[[App], Context],
    tmp_path: Path,
) -> None:
    context = context_of(app_of(HELLO))
    one, two = (artifact_of(tmp_path, "hello", text) for text in "12")
    with pytest.raises(UserError, match="is not deployed yet"):
        sync_code.update_code(context, "hello", one)
    deploy(context, one)
    there.calls.clear()
    assert not sync_code.update_code(context, "hello", one)
    assert set(there.calls) == {"lambda.GetFunction"}
    assert sync_code.update_code(context, "hello", two)
    assert there.calls["lambda.UpdateFunctionCode"] == 1
    assert deploy(context, two) == []
    large = artifact_of(tmp_path, "hello", "3", size=60 * 1024 * 1024)
    assert sync_code.update_code(context, "hello", large)
    assert deploy(context, large) == []
    other = context_of(app_of(HELLO.replace("shop", "other")))
    with pytest.raises(TakenError):
        sync_code.update_code(other, "hello", one)


@pytest.fixture
def engine() -> Iterator[Engine]:
    found = connect(os.environ)
    yield found
    close(found)


IMAGE = f"""
service: shop
functions:
  hello:
    code: {{image: 'REFERENCE', command: [app.handler]}}
    role: '{ROLE}'
"""


def image_of(id_: str, reference: str) -> Artifact:
    return Artifact("hello", "image", id_, 1, 1, image=reference)


@pytest.mark.container
def test_an_image_is_pushed_into_a_repository_of_ours(
    aws: str,
    there: Account,
    engine: Engine,
    app_of: Callable[..., App],
    clock: TestClock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    registry = Registry(tmp_path, engine)
    registry.start()
    with service(aws) as lambda_, unique(engine) as name:
        try:
            lambda_.registry = registry.host
            monkeypatch.setenv("AWS_ENDPOINT_URL", lambda_.url)
            account = Account(session(), clock)
            app = app_of(IMAGE.replace("REFERENCE", f"{name}:1"))
            told: list[str] = []
            naming = Naming(app, account.partition, account.region, account.id)
            context = Context(account, naming, told.append)
            images = [
                image_of(make(engine, f"{name}:{text}", text), f"{name}:{text}") for text in "12"
            ]
            assert deploy(context, images[0]) == ["create repository", "create function"]
            assert deploy(context, images[0]) == []
            assert deploy(context, images[1]) == ["image"]
            assert sync_code.update_code(context, "hello", images[0])
            assert deploy(context, images[0]) == []
            found = account.client("lambda").get_function(FunctionName="hello")
            uri = found["Code"]["ImageUri"]
            assert uri.startswith(f"{registry.host}/lambdactl/shop/hello@sha256:")
            # The registry has it under this digest, and the engine only under the user's name.
            assert engine.client.inspect_distribution(uri)["Descriptor"]["digest"] in uri
            assert engine.client.inspect_image(images[0].sha256)["RepoTags"] == [f"{name}:1"]
            assert any("pushing" in words for words in told)
            live = kinds()["repository"].read(context, "lambdactl/shop/hello")
            assert live is not None
            for _ in range(2):
                kinds()["repository"].delete(context, live)
            assert kinds()["repository"].read(context, "lambdactl/shop/hello") is None
        finally:
            registry.stop()


def test_an_image_of_ecr_is_taken_from_where_it_is(
    there: Account, app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> None:
    reference = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/greetings:1"
    context = context_of(app_of(IMAGE.replace("REFERENCE", reference)))
    assert deploy(context) == ["create function"]
    found = there.client("lambda").get_function(FunctionName="hello")
    assert found["Code"]["ImageUri"] == reference
    other = reference.replace(":1", ":2")
    context = context_of(app_of(IMAGE.replace("REFERENCE", other)))
    assert deploy(context) == ["image"]


def test_somebody_elses_repository_is_not_taken(
    there: Account, app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> None:
    there.client("ecr").create_repository(repositoryName="lambdactl/shop/hello")
    context = context_of(app_of(IMAGE.replace("REFERENCE", "hello:1")))
    wanted = Wanted(context.naming, Built((image_of("sha256:1", "hello:1"),)))
    (resource,) = code.resources(wanted)
    live = kinds()["repository"].read(context, resource.name)
    assert live is not None
    assert live.owner is None
    assert list(kinds()["repository"].owned(context, [])) == []
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError, match="already exists"):
        kinds()["repository"].create(context, resource)


def test_code_that_is_there_already_is_not_built(there: Account, aws: str, tmp_path: Path) -> None:
    s3 = there.client("s3")
    s3.create_bucket(Bucket="releases", CreateBucketConfiguration={"LocationConstraint": REGION})
    path = artifact_of(tmp_path, "it", "1").path
    assert path is not None
    s3.upload_file(str(path), "releases", "one.zip")
    (tmp_path / "layer/python").mkdir(parents=True)
    (tmp_path / "layer/python/words.py").write_text("WORDS = 1\n")
    (tmp_path / "lambdactl.yaml").write_text(f"""
service: shop
defaults: {{role: '{ROLE}'}}
layers:
  words: {{path: layer}}
functions:
  archived:
    code: {{bucket: releases, key: one.zip}}
    runtime: python3.13
    handler: app.handler
    layers: [words]
  pictured:
    code: {{image: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/greetings:1'}}
""")
    for names in ((), ("pictured",), ("archived",), ()):
        ended = shell.run("deploy", "--yes", *names, folder=tmp_path)
        assert ended.code == 0, ended.stderr
    assert "Nothing to do" in ended.stderr + ended.stdout
    found = there.client("lambda").get_function(FunctionName="archived")["Configuration"]
    assert len(found["Layers"]) == 1
    ended = shell.run("destroy", "--yes", folder=tmp_path)
    assert ended.code == 0, ended.stderr
    assert there.client("lambda").list_functions()["Functions"] == []
