"""What a version holds, and which functions publish any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambdactl.deploy.desired.versions import publishes, versioned
from lambdactl.deploy.model import Ref, Resource
from lambdactl.manifest.model import App


def function(**changed: Any) -> Resource:
    properties = {
        "code_sha256": "a",
        "memory_mb": 128,
        "environment": {"LEVEL": "info"},
        "layers": [Ref("layer:base", "arn")],
        "tags": {},
        "reserved_concurrency": None,
        "recursion": "terminate",
        "update_pending": False,
    }
    return Resource("function", "hello", {**properties, **changed})


def layer(content: str) -> dict[str, Resource]:
    return {"layer:base": Resource("layer", "base", {"content": content})}


@pytest.mark.parametrize(
    "changed",
    [{"code_sha256": "b"}, {"memory_mb": 256}, {"environment": {}}, {"layers": []}],
    ids=lambda changed: next(iter(changed)),
)
def test_code_and_configuration_make_another_version(changed: dict[str, Any]) -> None:
    known = layer("1")
    assert versioned(function(**changed), known) != versioned(function(), known)


@pytest.mark.parametrize(
    "changed",
    [
        {"tags": {"team": "a"}},
        {"reserved_concurrency": 5},
        {"recursion": "allow"},
        {"update_pending": True},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_belongs_to_the_function_makes_none(changed: dict[str, Any]) -> None:
    known = layer("1")
    assert versioned(function(**changed), known) == versioned(function(), known)


def test_the_content_of_a_layer_is_a_part_of_it() -> None:
    assert versioned(function(), layer("1")) != versioned(function(), layer("2"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("memory: 128", False),
        ("versions: {publish: true}", True),
        ("aliases: {live: {version: latest}}", True),
        ("aliases: {live: {version: 3}}", False),
        ("aliases: {live: {version: $LATEST}}", False),
        ("versions: {keep: 3}", False),
    ],
)
def test_versions_are_published_for_whoever_follows_them(
    app_of: Callable[..., App], fields: str, expected: bool
) -> None:
    app = app_of(
        "service: shop\nfunctions:\n  hello:\n    runtime: python3.13\n"
        f"    handler: app.handler\n    {fields}\n"
    )
    assert publishes(app.functions["hello"]) is expected
