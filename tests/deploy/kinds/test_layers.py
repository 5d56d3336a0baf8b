"""Layers: published when they have changed, pruned, and told from other people's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambdactl.artifacts.builds import Built
from lambdactl.deploy import executor, planning
from lambdactl.deploy.desired import Wanted, code, functions, layers
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Resource
from lambdactl.deploy.plan import Done, Plan, Step
from lambdactl.errors import TakenError
from lambdactl.manifest.model import App
from tests.deploy.archives import artifact_of

pytestmark = pytest.mark.aws

MANIFEST = """
service: shop
layers:
  shared: {path: layer, runtimes: [python3.13], description: "words for all [of us]"}
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    role: arn:aws:iam::123456789012:role/given
    layers: [shared]
stages: {prod: {}}
"""


@pytest.fixture
def context(
    app_of: Callable[..., App], context_of: Callable[[App], Context], tmp_path: Path
) -> Context:
    (tmp_path / "layer").mkdir()
    found = context_of(app_of(MANIFEST))
    found.account.client("iam").create_role(RoleName="given", AssumeRolePolicyDocument="{}")
    return found


def wanted(context: Context, folder: Path, text: str = "1", **more: Any) -> list[Resource]:
    """The layer with this content, and a function that has it."""
    layer = artifact_of(folder, "shared", text, kind="layer", **more)
    function = artifact_of(folder, "hello", "code", layers=("shared",))
    given = Wanted(context.naming, Built((function, layer)))
    return [*layers.resources(given), functions.resource(given, "hello")]


def versions(context: Context, name: str = "shared") -> list[int]:
    answer = context.account.client("lambda").list_layer_versions(LayerName=name)
    return [one["Version"] for one in answer["LayerVersions"]]


class Silent:
    """A progress that nobody looks at."""

    def started(self, step: Step) -> None: ...

    def told(self, step: Step, words: str) -> None: ...

    def finished(self, done: Done) -> None: ...


def applied(context: Context, plan: Plan) -> None:
    """Take all steps; the first error is raised."""
    for done in executor.apply(context, plan, Silent()).done:
        if done.error is not None:
            raise done.error


def destroyed(context: Context) -> None:
    applied(context, planning.destruction(context))
    assert planning.destruction(context).steps == ()


def steps(context: Context, resources: list[Resource]) -> list[str]:
    """What a plan has; it is applied, and another one is empty."""
    plan = planning.plan(context, resources)
    applied(context, plan)
    assert [step.id for step in planning.plan(context, resources).steps] == []
    return [step.id for step in plan.steps]


def test_a_version_is_published_only_if_the_content_has_changed(
    context: Context, tmp_path: Path
) -> None:
    assert steps(context, wanted(context, tmp_path)) == [
        "create layer:shared",
        "create function:hello",
    ]
    assert steps(context, wanted(context, tmp_path)) == []
    # What has a new layer version has to be told of it.
    both = ["update layer:shared", "update function:hello"]
    assert steps(context, wanted(context, tmp_path, "2")) == both
    assert versions(context) == [2]
    live = kinds()["layer"].read(context, "shared")
    assert live is not None
    assert live.owner == ("shop", "default")
    assert live.properties["description"] == "words for all [of us]"
    answer = context.account.client("lambda").get_function(FunctionName="hello")
    (layer,) = answer["Configuration"]["Layers"]
    assert layer["Arn"] == live.outputs["arn"]
    destroyed(context)
    assert versions(context) == []


def test_looking_at_it_takes_two_calls_and_one_for_all(context: Context, tmp_path: Path) -> None:
    steps(context, wanted(context, tmp_path))
    context.account.calls.clear()
    planning.plan(context, wanted(context, tmp_path))
    calls = {name: n for name, n in context.account.calls.items() if "Layer" in name}
    assert calls == {"lambda.ListLayers": 1, "lambda.GetLayerVersion": 1}


def test_somebody_elses_is_left_alone(context: Context, tmp_path: Path) -> None:
    client = context.account.client("lambda")
    client.publish_layer_version(
        LayerName="shared", Content={"ZipFile": b"PK"}, Description="ours, since 1999"
    )
    live = kinds()["layer"].read(context, "shared")
    assert live is not None
    assert live.owner is None
    assert list(kinds()["layer"].owned(context, [])) == []
    with pytest.raises(TakenError, match="the layer shared is there already"):
        planning.plan(context, wanted(context, tmp_path))


def test_a_version_that_somebody_else_adds_is_kept_and_changes_nothing(
    context: Context, tmp_path: Path
) -> None:
    steps(context, wanted(context, tmp_path))
    client = context.account.client("lambda")
    client.publish_layer_version(LayerName="shared", Content={"ZipFile": b"PK"})
    assert steps(context, wanted(context, tmp_path)) == []
    steps(context, wanted(context, tmp_path, "2"))
    assert sorted(versions(context)) == [2, 3]


def test_a_publication_that_broke_off_is_not_made_twice(context: Context, tmp_path: Path) -> None:
    layer = wanted(context, tmp_path)[0]
    kind = kinds()["layer"]
    first = kind.create(context, layer)
    assert kind.create(context, layer) == first
    assert versions(context) == [1]


def test_stages_and_services_have_their_own(
    app_of: Callable[..., App],
    context_of: Callable[[App], Context],
    context: Context,
    tmp_path: Path,
) -> None:
    name = "python-dependencies-0123456789ab"
    split = artifact_of(tmp_path, name, "packages", kind="layer")
    for text, stage, expected in (
        (MANIFEST, None, f"shop-{name}"),
        (MANIFEST, "prod", f"shop-{name}-prod"),
        (MANIFEST.replace("shop", "my.shop"), None, f"my-shop-{name}"),
    ):
        other = context_of(app_of(text, stage=stage))
        (resource,) = layers.resources(Wanted(other.naming, Built((split,))))
        assert resource.name == expected
        kinds()["layer"].create(other, resource)
        assert list(kinds()["layer"].owned(other, [])) == [expected]
        live = kinds()["layer"].read(other, expected)
        assert live is not None
        assert planning.differences(resource, live) == ()


def test_a_long_description_makes_room_for_whose_it_is(
    app_of: Callable[..., App],
    context_of: Callable[[App], Context],
    context: Context,
    tmp_path: Path,
) -> None:
    long = context_of(app_of(MANIFEST.replace("words for all [of us]", "x" * 256)))
    layer = wanted(long, tmp_path)[0]
    kinds()["layer"].create(long, layer)
    live = kinds()["layer"].read(long, "shared")
    assert live is not None
    assert planning.differences(layer, live) == ()
    assert len(live.properties["description"]) > 200


def test_a_layer_that_is_too_large_goes_through_a_bucket_of_ours(
    context: Context, tmp_path: Path
) -> None:
    # What the build says of its size decides.
    layer = artifact_of(tmp_path, "shared", "1", kind="layer", size=60 * 1024 * 1024)
    function = artifact_of(tmp_path, "hello", "1", size=60 * 1024 * 1024)
    given = Wanted(context.naming, Built((function, layer)))
    resources = [
        *code.resources(given),
        *layers.resources(given),
        functions.resource(given, "hello"),
    ]
    assert steps(context, resources)[0].startswith("create code_bucket:lambdactl-123456789012-eu-w")
    live = kinds()["layer"].read(context, "shared")
    assert live is not None
    assert live.properties["code_sha256"] == layer.sha256
    destroyed(context)
    assert context.account.client("s3").list_buckets()["Buckets"] == []
