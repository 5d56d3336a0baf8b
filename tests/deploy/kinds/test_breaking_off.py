"""Deployments of all that hangs on functions, broken off between any two calls of Lambda."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from lambdactl.deploy import executor, planning
from lambdactl.deploy.account import Account
from lambdactl.deploy.model import HASH
from lambdactl.manifest.model import App
from tests.deploy.conftest import REGION, TestClock
from tests.deploy.hanging import ROLE, Deployer, Heard, before_moto
from tests.deploy.lambda_parts import Parts

pytestmark = [pytest.mark.aws, pytest.mark.slow, pytest.mark.exhaustive]

BARE = f"""
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    role: {ROLE}
"""
FIRST = f"""{BARE}
    versions: {{keep: 1}}
    aliases: {{live: {{version: latest}}}}
    async: {{retries: 0}}
    url: {{auth: none, alias: live}}
    concurrency: {{provisioned: {{live: 1}}}}
    triggers:
      - sqs: {{queue: jobs}}
      - sqs: {{queue: more, alias: live}}
"""
SECOND = (
    FIRST.replace("retries: 0", "retries: 1")
    .replace("queue: jobs", "queue: jobs, batch_size: 3")
    .replace("auth: none", "auth: iam")
    .replace("{live: 1}", "{live: 2}")
)
UNSTABLE = ("UUID", "EventSourceMappingArn", "FunctionUrl", "RevisionId", "LastModified")


class Broken(Exception):
    pass


class Once:
    """An account that stays empty but for one deployment, and that deployment after it broke
    off."""

    def __init__(self, moto: str, app_of: Callable[..., App], folder: Path) -> None:
        self._moto = moto
        self._app_of = app_of
        self._folder = folder

    def end(
        self, before: str | None, text: str, call: int | None, monkeypatch: pytest.MonkeyPatch
    ) -> tuple[Any, bool]:
        """The end of a deployment of ``text`` after one of ``before``, where the process ends
        after ``call`` calls of Lambda and deploys again; and whether it did end."""
        reset = urllib.request.Request(f"{self._moto}/moto-api/reset", method="POST")
        urllib.request.urlopen(reset).close()
        with before_moto(self._moto, monkeypatch) as parts:
            account = Account(boto3.Session(region_name=REGION), TestClock())
            deployer = Deployer(account, self._app_of, self._folder)
            if before is not None:
                deployer.deploy(before, "1")
            broken = call is not None and self._break_off(deployer, text, call)
            account.forget()
            deployer.deploy(text, "2")
            return _what_is_there(parts, account), broken

    def _break_off(self, deployer: Deployer, text: str, call: int) -> bool:
        context = deployer.context(text)
        names = list(context.naming.app.functions)
        plan = planning.plan(context, deployer.resources(context, "2"), names)
        seen: list[str] = []

        def end(event_name: str, **_: Any) -> None:
            seen.append(event_name)
            if len(seen) > call:
                raise Broken

        events = context.account.client("lambda").meta.events
        events.register("response-received.lambda", end)
        result = executor.apply(context, plan, Heard(), jobs=1)
        events.unregister("response-received.lambda", end)
        return not result.complete


def _what_is_there(parts: Parts, account: Account) -> Any:
    account.forget()
    tags = dict(account.client("lambda").get_function(FunctionName="hello")["Tags"])
    # Of the function itself: another test's business.
    del tags[HASH]
    found = [
        {f"{key}": value for key, value in parts.aliases.items()},
        {f"{key}": value for key, value in parts.urls.items()},
        {f"{key}": value for key, value in parts.async_.items()},
        {f"{key}": value for key, value in parts.provisioned.items()},
        {f"{key}": sorted(one["Sid"] for one in value) for key, value in parts.policies.items()},
        sorted(parts.tags.values(), key=str),
        [one["Description"] for one in parts.versions["hello"]],
        sorted(
            (one for one in parts.mappings.values() if one["State"] != "Deleting"),
            key=lambda one: str(one["EventSourceArn"]),
        ),
        tags,
    ]
    return json.loads(json.dumps(found), object_hook=_stable)


def _stable(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in UNSTABLE}


@pytest.mark.parametrize(("before", "text"), [(None, FIRST), (FIRST, SECOND), (FIRST, BARE)])
def test_what_breaks_off_ends_as_a_whole_deployment_does(
    aws: str,
    app_of: Callable[..., App],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: str | None,
    text: str,
) -> None:
    once = Once(aws, app_of, tmp_path)
    whole, _ = once.end(before, text, None, monkeypatch)
    call = 0
    while True:
        end, broken = once.end(before, text, call, monkeypatch)
        assert end == whole, f"broken off after {call} calls"
        if not broken:
            break
        # Every second call: all of them take minutes, and neighbours are alike.
        call += 2
    assert call > 5
