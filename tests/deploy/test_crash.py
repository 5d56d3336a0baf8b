"""Killed at any moment, the next deployment ends where an undisturbed one does."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.conftest import EXHAUSTIVE
from tests.deploy import projects, shell
from tests.deploy.inventory import inventory
from tests.deploy.proxy import Proxy, proxy

pytestmark = [pytest.mark.aws, pytest.mark.slow]

SMALL = """
service: shop
functions:
  orders:
    runtime: python3.13
    handler: app.handler
    code: src
    logging: {retention: 14d}
    aliases: {live: {version: latest}}
    layers: [common]
    triggers:
      - http: {path: /orders, method: POST}
      - sqs: {queue: incoming}
      - s3: {bucket: receipts, events: ["s3:ObjectCreated:*"]}
      - schedule: rate(5 minutes)
layers:
  common: {path: layers/common, runtimes: [python3.13]}
resources:
  queues: {incoming: {}}
  buckets: {receipts: {name: receipts-8c1d}}
"""


def reset(url: str) -> None:
    import urllib.request

    urllib.request.urlopen(f"{url}/moto-api/reset", data=b"").close()


def state() -> str:
    """All there is, as it is, without ids and times, which differ."""
    found: dict[str, Any] = {"all": sorted(inventory())}
    client = boto3.client("lambda")
    for function in client.list_functions()["Functions"]:
        name = function["FunctionName"]
        answer = client.get_function(FunctionName=name)
        # What moto forgets is noted in tags, where an undisturbed deployment knows of it.
        tags = {key: tag for key, tag in answer["Tags"].items() if "lambdactl:told" not in key}
        found[name] = [answer["Configuration"], tags]
    found["sources"] = client.list_event_source_mappings()["EventSourceMappings"]
    text = json.dumps(found, default=str, sort_keys=True, indent=1)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID", text)
    text = re.sub(r'"(LastModified|RevisionId|StateTransitionReason)": "[^"]*"', "", text)
    text = re.sub(r"(?m)^.* API [a-z0-9]{8,10} ", "API ", text)
    text = re.sub(r"execute-api:[^:]*:\d+:[a-z0-9]+", "execute-api", text)
    return re.sub(r"\d{4}-\d\d-\d\d[T ][0-9:.+]+", "TIME", text)


class Killer:
    """Ends the process that makes the ``number``-th change, before AWS hears of it or after."""

    def __init__(self, there: Proxy, number: int, moment: str) -> None:
        self.process: shell.Running | None = None
        self.number = number
        self.struck = False
        there.before = self._strike if moment == "before" else lambda number: None
        there.after = self._strike if moment == "after" else lambda number: None

    def _strike(self, number: int) -> None:
        if number == self.number and self.process is not None:
            self.struck = True
            self.process.kill(signal.SIGKILL)


@pytest.mark.parametrize("moment", [pytest.param("before", marks=pytest.mark.exhaustive), "after"])
def test_killed_at_every_change_the_next_deployment_goes_on(
    tmp_path: Path, aws: str, moment: str
) -> None:
    project = projects.write(tmp_path, SMALL)
    with proxy(aws) as there:
        through = {"AWS_ENDPOINT_URL": there.url}
        ended = shell.run("deploy", "--yes", folder=project, environment=through)
        assert ended.code == 0, ended.stderr
        wanted, changes = state(), list(there.writes)
        assert len(changes) > 10
        # All of them take some minutes.
        for number in range(0, len(changes), 1 if EXHAUSTIVE else 5):
            reset(aws)
            there.forget()
            killer = Killer(there, number, moment)
            killer.process = shell.start(
                "deploy", "--yes", "--parallel", "1", folder=project, environment=through
            )
            first = killer.process.wait()
            killer.process = None
            assert killer.struck == (first.code == -signal.SIGKILL), first
            ended = shell.run(
                "deploy", "--yes", "--break-lock", folder=project, environment=through
            )
            assert ended.code == 0, f"killed at {number}, {changes[number]}: {ended.stderr}"
            assert state() == wanted, f"killed at {number}, {changes[number]}"
            ended = shell.run("diff", "--output", "json", folder=project, environment=through)
            assert ended.json()["steps"] == [], f"killed at {number}, {changes[number]}"
