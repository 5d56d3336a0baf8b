"""Whole deployments, through the command line: what is deployed once is deployed, what is taken
away is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import boto3
import pytest

from lambdactl import scaffold
from tests.deploy import projects, shell
from tests.deploy.inventory import inventory
from tests.parts import need

pytestmark = [pytest.mark.aws, pytest.mark.slow]

NEEDS = {"nodejs": "node", "ruby": "ruby", "provided": "gcc"}


def deploy(folder: Path, *more: str) -> shell.Ended:
    ended = shell.run("deploy", "--yes", *more, folder=folder)
    assert ended.code == 0, ended.stderr
    return ended


def plan(folder: Path, *more: str) -> list[dict[str, object]]:
    ended = shell.run("diff", "--output", "json", *more, folder=folder)
    assert ended.code in (0, 1), ended.stderr
    steps: list[dict[str, object]] = ended.json()["steps"]
    return steps


@pytest.mark.parametrize("template", scaffold.templates(), ids=lambda template: template.name)
def test_a_template_comes_and_goes(
    template: scaffold.Template, tmp_path: Path, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if template.family in NEEDS:
        need(NEEDS[template.family])
    project = tmp_path / "project"
    ended = shell.run("init", str(project), "--template", template.name, folder=tmp_path)
    assert ended.code == 0, ended.stderr
    before = inventory()
    deploy(project)
    assert plan(project) == []
    ended = deploy(project)
    assert "Nothing to do" in ended.stdout + ended.stderr
    manifest = project / "lambdactl.yaml"
    text = manifest.read_text()
    assert "    handler: " in text
    manifest.write_text(text.replace("    handler: ", "    memory: 2048\n    handler: ", 1))
    (step,) = plan(project)
    assert step["action"] == "update"
    deploy(project)
    assert plan(project) == []
    assert inventory() > before
    ended = shell.run("destroy", "--yes", folder=project)
    assert ended.code == 0, ended.stderr
    assert inventory() == before


def test_a_bit_of_everything_comes_and_goes(tmp_path: Path, aws: str) -> None:
    project = projects.write(tmp_path)
    before = inventory()
    deploy(project)
    assert plan(project) == []
    assert shell.run("destroy", "--yes", folder=project).code == 0
    assert inventory() == before


def test_what_leaves_the_manifest_leaves_the_account(tmp_path: Path, aws: str) -> None:
    project = projects.write(tmp_path)
    before = inventory()
    deploy(project)
    (project / "lambdactl.yaml").write_text("service: shop\nfunctions: {}\n")
    deploy(project)
    assert inventory() == before


def test_stages_live_side_by_side(tmp_path: Path, aws: str) -> None:
    manifest = projects.RICH.replace("receipts-8c1d", "receipts-${stage}")
    project = projects.write(tmp_path, manifest + "stages: {dev: {}, prod: {}}\n")
    before = inventory()
    deploy(project, "--stage", "dev")
    one = inventory()
    deploy(project, "--stage", "prod")
    assert plan(project, "--stage", "dev") == []
    assert shell.run("destroy", "--yes", "--stage", "prod", folder=project).code == 0
    assert inventory() == one
    assert plan(project, "--stage", "dev") == []
    assert shell.run("destroy", "--yes", "--stage", "dev", folder=project).code == 0
    assert inventory() == before


def test_a_change_of_code_is_a_step_of_one_function(tmp_path: Path, aws: str) -> None:
    project = projects.write(tmp_path)
    shutil.copytree(project / "src", project / "other")
    manifest = projects.RICH.replace("    memory: 256\n", "    memory: 256\n    code: other\n")
    (project / "lambdactl.yaml").write_text(manifest)
    deploy(project)
    (project / "other/app.py").write_text("def handler(event, context):\n    return 2\n")
    (step,) = plan(project)
    assert (step["action"], step["address"]) == ("update", "function:audit")


def test_what_somebody_else_changed_is_shown_and_set_right(tmp_path: Path, aws: str) -> None:
    project = projects.write(tmp_path)
    deploy(project)
    client = boto3.client("lambda")
    client.update_function_configuration(FunctionName="audit", MemorySize=1024)
    boto3.client("sqs").set_queue_attributes(
        QueueUrl=boto3.client("sqs").get_queue_url(QueueName="failed")["QueueUrl"],
        Attributes={"MessageRetentionPeriod": "60"},
    )
    ended = shell.run("diff", folder=project)
    assert "changed by hand" in ended.stdout
    assert {step["address"] for step in plan(project)} == {"function:audit", "queue:failed"}
    deploy(project)
    assert plan(project) == []
    assert client.get_function_configuration(FunctionName="audit")["MemorySize"] == 256


def test_a_name_that_somebody_else_has_is_left_alone(tmp_path: Path, aws: str) -> None:
    project = projects.write(tmp_path)
    boto3.client("sqs").create_queue(QueueName="failed")
    before = inventory()
    ended = shell.run("deploy", "--yes", folder=project)
    assert ended.code == 6
    assert "failed" in ended.stderr
    assert inventory() == before


def test_secrets_are_shown_nowhere(tmp_path: Path, aws: str) -> None:
    project = projects.write(tmp_path)
    saved = project / "plan.json"
    shown = shell.run("deploy", "--dry-run", "--plan-out", str(saved), folder=project)
    texts = [shown.stdout, shown.stderr, saved.read_text()]
    texts += [shell.run("diff", "--output", "json", folder=project).stdout]
    ended = deploy(project)
    texts += [ended.stdout, ended.stderr]
    (project / "lambdactl.yaml").write_text(projects.RICH.replace("hunter2", "hunter3"))
    changed = shell.run("diff", folder=project)
    texts += [changed.stdout, changed.stderr]
    assert "API_TOKEN" in changed.stdout
    assert not [text for text in texts if "hunter" in text]


@pytest.mark.parametrize("looking", [["--dry-run"], ["--plan-out", "plan.json"]])
def test_who_only_looks_changes_nothing_whatever_else_is_said(
    tmp_path: Path, aws: str, looking: list[str]
) -> None:
    project = projects.write(tmp_path)
    before = inventory()
    ended = shell.run("deploy", "--yes", *looking, folder=project)
    assert ended.code == 0, ended.stderr
    assert "to create" in ended.stdout
    assert inventory() == before


def test_of_functions_that_those_named_refer_to_nothing_is_changed(
    tmp_path: Path, aws: str
) -> None:
    manifest = """
service: shop
defaults: {runtime: python3.13, code: src}
functions:
  orders: {handler: app.handler, async: {on_failure: {function: mourn}}}
  mourn: {handler: app.handler}
"""
    project = projects.write(tmp_path, manifest)
    deploy(project)
    changed = manifest.replace("{handler: app.handler}", "{handler: app.handler, memory: 512}")
    before = "{handler: app.handler, async"
    changed = changed.replace(before, before.replace("async", "memory: 256, async"))
    (project / "lambdactl.yaml").write_text(changed)
    assert [step["address"] for step in plan(project, "orders")] == ["function:orders"]
    deploy(project, "orders")
    assert [step["address"] for step in plan(project)] == ["function:mourn"]
