"""Event sources of a manifest, and what has to be there before them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lambdactl.artifacts.builds import Built
from lambdactl.deploy.desired import Wanted, event_sources, function_settings
from lambdactl.deploy.model import Ref, Resource
from lambdactl.deploy.naming import Naming
from lambdactl.manifest.model import App

MANIFEST = """
service: shop
resources:
  queues: {jobs: {}, failed: {}}
  streams: {clicks: {}}
  tables:
    orders: {partition_key: id, attributes: {id: string}, stream: new_image}
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    aliases: {live: {version: latest}}
"""


@pytest.fixture
def wanted(app_of: Callable[..., App]) -> Callable[[str], list[Resource]]:
    def make(rest: str) -> list[Resource]:
        app = app_of(f"{MANIFEST}{rest}", stage=None)
        naming = Naming(app, "aws", "eu-west-1", "123456789012")
        of = Wanted(naming, Built(()))
        return [*event_sources.resources(of), *function_settings.resources(of)]

    return make


def test_what_a_source_needs_is_there_before(wanted: Callable[[str], list[Resource]]) -> None:
    queue, stream, table = wanted(
        "    triggers:\n"
        "      - sqs: {queue: jobs, alias: live}\n"
        "      - kinesis: {stream: clicks, starting_position: latest, "
        "on_failure: {queue: failed}}\n"
        "      - dynamodb: {table: orders, starting_position: latest}\n"
    )
    role = "role:hello-eu-west-1"
    assert queue.requires == {"alias:hello/live", role, "queue:jobs"}
    assert stream.requires == {"function:hello", role, "stream:clicks", "queue:failed"}
    assert table.requires == {"function:hello", role, "table:orders"}
    assert table.properties["source"] == Ref("table:orders", "stream_arn")


def test_a_given_role_is_not_waited_for(wanted: Callable[[str], list[Resource]]) -> None:
    (settings,) = wanted(
        "    role: arn:aws:iam::123456789012:role/given\n    async: {on_failure: {queue: failed}}\n"
    )[:1]
    assert settings.requires == {"function:hello", "queue:failed"}


def test_a_url_of_an_alias_waits_for_it(wanted: Callable[[str], list[Resource]]) -> None:
    resources = {one.address: one for one in wanted("    url: {auth: none, alias: live}\n")}
    assert set(resources) == {
        "url:hello:live",
        "permission:hello:live/lambdactl-url",
        "permission:hello:live/lambdactl-url-invoke",
    }
    assert all(one.requires == {"alias:hello/live"} for one in resources.values())
