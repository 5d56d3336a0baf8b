"""``deploy``, ``diff`` and ``destroy`` as people and scripts use them."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from lambdactl.deploy import lock
from lambdactl.deploy.account import Account
from lambdactl.deploy.model import Context
from lambdactl.deploy.naming import Naming
from lambdactl.manifest import load
from tests.deploy.proxy import proxy
from tests.deploy.shell import Ended, run, start

pytestmark = pytest.mark.aws

MANIFEST = """\
service: shop
functions:
  hello:
    handler: app.handler
    runtime: python3.13
    code: src
    memory: {memory}
    environment:
      LEVEL: {level}
      API_TOKEN: {token}
"""
STEPS = ["create function:hello", "create log_group:/aws/lambda/hello", "create role:hello-"]


class Project:
    """A folder with a manifest, and the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "src").mkdir()
        (folder / "src/app.py").write_text("def handler(event, context):\n    return 1\n")
        self.write()

    def write(
        self, memory: int = 128, level: str = "info", token: str = "abc123def", more: str = ""
    ) -> None:
        text = MANIFEST.format(memory=memory, level=level, token=token) + more
        (self.folder / "lambdactl.yaml").write_text(text)

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        return run(*arguments, folder=self.folder, environment=environment)


@pytest.fixture
def project(aws: str, tmp_path: Path) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    return Project(folder)


def functions() -> list[str]:
    found = boto3.client("lambda").list_functions()["Functions"]
    return [one["FunctionName"] for one in found]


def steps(document: dict[str, Any]) -> list[str]:
    return sorted(step["id"] for step in document["steps"])


def test_the_plan_is_shown_and_nothing_is_done(project: Project) -> None:
    shown = project("deploy", "--dry-run")
    assert shown.code == 0
    assert "shop, stage default, in account 123456789012, eu-west-1" in shown.stdout
    assert "+ function hello" in shown.stdout
    assert "memory_mb: 128" in shown.stdout
    assert "Plan: 3 to create." in shown.stdout
    assert functions() == []
    found = project("diff", "--output", "json").json()
    assert found["applied"] is None
    assert found["counts"] == {"create": 3}
    assert [id_.startswith(step) for id_, step in zip(steps(found), STEPS, strict=True)] == [
        True
    ] * 3


def test_it_ends_with_a_table_and_the_next_time_there_is_nothing_to_do(project: Project) -> None:
    first = project("deploy", "--yes")
    assert first.code == 0, first.stderr
    table = first.stdout.partition("\nDeployed\n")[2].splitlines()
    kind, name, took, unit, arn = table[0].split()
    assert (kind, name, arn) == (
        "function",
        "hello",
        "arn:aws:lambda:eu-west-1:123456789012:function:hello",
    )
    assert float(took) >= 0
    assert unit == "s"
    assert "function hello created (" in first.stderr
    assert "3 of 3 steps done in" in first.stderr
    again = project("deploy", "--yes")
    assert again.code == 0
    assert again.stdout.splitlines()[-1] == "Nothing to do: 3 unchanged."
    assert project("diff", "--exit-code").code == 0


def test_as_json_stdout_is_one_document(project: Project) -> None:
    found = project("deploy", "--yes", "--output", "json").json()
    applied = found["applied"]
    assert applied["complete"]
    assert {step["state"] for step in applied["steps"]} == {"done"}
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:hello"
    assert applied["outputs"]["function:hello"]["arn"] == arn
    again = project("deploy", "--yes", "--output", "json").json()
    assert again["steps"] == []
    assert again["applied"] is None
    gone = project("destroy", "--yes", "--output", "json").json()
    assert gone["applied"]["complete"]
    assert gone["applied"]["outputs"] == {}
    assert functions() == []


def test_only_what_changes_is_shown_and_secrets_never_are(project: Project) -> None:
    assert project("deploy", "--yes").code == 0
    project.write(memory=256, level="debug", token="another99secret")
    shown = project("diff", "--exit-code")
    assert shown.code == 1
    assert "~ function hello" in shown.stdout
    assert "memory_mb: 128 -> 256" in shown.stdout
    assert "environment.LEVEL: info -> debug" in shown.stdout
    assert "environment.API_TOKEN: (secret) -> another" in shown.stdout
    assert "timeout_s" not in shown.stdout
    everything = shown.stdout + project("diff", "--output", "json").stdout
    assert "abc123def" not in everything
    assert "another99secret" not in everything


def test_a_secret_that_leaves_the_manifest_is_not_shown_either(project: Project) -> None:
    assert project("deploy", "--yes").code == 0
    text = (project.folder / "lambdactl.yaml").read_text()
    (project.folder / "lambdactl.yaml").write_text(text.replace("      API_TOKEN: abc123def\n", ""))
    shown = project("diff")
    assert "- environment.API_TOKEN: (secret)" in shown.stdout
    document = project("diff", "--output", "json")
    assert "abc123def" not in shown.stdout + document.stdout
    (change,) = document.json()["steps"][0]["changes"]
    assert (change["path"], change["before"], change["after"]) == (
        "environment.API_TOKEN",
        "(secret)",
        None,
    )


def test_what_was_changed_by_hand_is_marked(project: Project) -> None:
    assert project("deploy", "--yes").code == 0
    boto3.client("lambda").update_function_configuration(FunctionName="hello", MemorySize=512)
    shown = project("diff")
    assert "memory_mb: 512 -> 128  changed by hand" in shown.stdout
    assert "1 changed by hand since the last deployment" in shown.stdout
    assert project("diff", "--output", "json").json()["steps"][0]["changes"][0]["drift"] is True
    # A change of the manifest's own is not called that.
    project.write(memory=1024)
    assert "changed by hand" not in project("diff").stdout


def test_without_a_terminal_somebody_has_to_say_yes(project: Project) -> None:
    refused = project("deploy")
    assert refused.code == 2
    assert "Plan: 3 to create." in refused.stdout
    assert "there is no terminal to ask on; give `--yes`" in refused.stderr
    assert functions() == []
    assert project("deploy", "--yes").code == 0
    # What changes nothing needs no yes.
    assert project("deploy").code == 0
    assert project("destroy").code == 2
    assert functions() == ["hello"]


def on_a_terminal(project: Project, *arguments: str, answer: str) -> tuple[int, str]:
    """Run on a terminal of its own and answer the question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lambdactl", *arguments],
        cwd=project.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "COLUMNS": "120"},
    )
    os.close(theirs)
    text, asked, end = "", False, time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([ours], [], [], 0.1)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            text += os.read(ours, 65536).decode("utf-8", "replace")
        except OSError:
            break
        if "[y/N]" in text and not asked:
            asked = True
            os.write(ours, f"{answer}\n".encode())
    os.close(ours)
    return process.wait(timeout=30), text


def test_on_a_terminal_it_asks(project: Project) -> None:
    code, text = on_a_terminal(project, "deploy", answer="n")
    assert code == 130
    assert "Deploy to account 123456789012, eu-west-1? [y/N]" in text
    assert "Aborted." in text
    assert functions() == []
    assert boto3.client("ssm").describe_parameters()["Parameters"] == []
    code, text = on_a_terminal(project, "deploy", answer="y")
    assert code == 0
    assert "\x1b[" in text, "there are colours"
    assert functions() == ["hello"]


def test_a_plan_that_was_read_is_applied(project: Project) -> None:
    saved = project("deploy", "--plan-out", "plan.json")
    assert saved.code == 0
    assert functions() == []
    file = project.folder / "plan.json"
    assert file.stat().st_mode & 0o077 == 0
    assert "abc123def" not in file.read_text()
    assert steps(json.loads(file.read_text()))[0] == STEPS[0]
    applied = project("deploy", "--plan", "plan.json")
    assert applied.code == 0, applied.stderr
    assert functions() == ["hello"]
    again = project("deploy", "--plan", "plan.json")
    assert again.code == 2
    assert "is not to do any more" in again.stderr


def test_a_plan_that_is_not_the_plan_any_more_is_refused(project: Project) -> None:
    assert project("deploy", "--yes").code == 0
    project.write(memory=256)
    assert project("deploy", "--plan-out", "plan.json").code == 0
    project.write(memory=512)
    refused = project("deploy", "--plan", "plan.json")
    assert refused.code == 2
    assert "`update function:hello` would make something else of it" in refused.stderr
    project.write(memory=256)
    boto3.client("lambda").update_function_configuration(FunctionName="hello", MemorySize=1024)
    refused = project("deploy", "--plan", "plan.json")
    assert "`update function:hello`: somebody has changed it in AWS" in refused.stderr
    boto3.client("lambda").update_function_configuration(FunctionName="hello", MemorySize=128)
    boto3.client("logs").delete_log_group(logGroupName="/aws/lambda/hello")
    refused = project("deploy", "--plan", "plan.json")
    assert "`create log_group:/aws/lambda/hello` is new" in refused.stderr
    found = boto3.client("lambda").get_function_configuration(FunctionName="hello")
    assert found["MemorySize"] == 128


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't read plan.json: no such file"),
        ("[1", "holds no plan"),
        ("[]", "holds no plan"),
        ('{"lambdactl_plan": 99}', "of another version"),
        ('{"lambdactl_plan": 1, "service": "shop"}', "holds no plan"),
    ],
)
def test_a_file_that_is_no_plan(project: Project, content: str | None, words: str) -> None:
    if content is not None:
        (project.folder / "plan.json").write_text(content)
    refused = project("deploy", "--plan", "plan.json")
    assert refused.code == 2
    assert words in refused.stderr


def test_a_plan_of_another_stage_or_region(project: Project) -> None:
    project.write(more="stages: {prod: {}}\n")
    assert project("deploy", "--stage", "prod", "--plan-out", "plan.json").code == 0
    refused = project("deploy", "--plan", "plan.json")
    assert refused.code == 2
    assert (
        "is of shop, stage prod; this is shop, stage default; give `--stage prod`" in refused.stderr
    )
    refused = project("deploy", "--stage", "prod", "--plan", "plan.json", "--region", "us-east-1")
    assert refused.code == 2
    assert "eu-west-1; this is account 123456789012, us-east-1" in refused.stderr
    both = project("deploy", "--plan", "plan.json", "--dry-run")
    assert both.code == 2
    assert "leave one of them out" in both.stderr


def test_one_that_is_under_way_is_named(project: Project) -> None:
    app = load(project.folder / "lambdactl.yaml")
    account = Account(boto3.Session(), lock_clock())
    context = Context(account, Naming(app, "aws", account.region, account.id))
    with lock.held(context, "deploy"):
        refused = project("deploy", "--yes")
        assert refused.code == 7
        assert "another `deploy` of shop, stage default, is under way: by arn:" in refused.stderr
        assert project("destroy", "--yes").code == 7
        # Who only looks is not in the way.
        assert project("diff").code == 0
        assert functions() == []
        assert project("deploy", "--yes", "--break-lock").code == 0
    assert functions() == ["hello"]


def lock_clock() -> Any:
    from lambdactl.deploy.session import SystemClock

    return SystemClock()


def test_a_deployment_that_loses_its_lock_takes_no_other_step(
    project: Project, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "LASTS_S", 6.0)
    with proxy(aws) as front:

        def steal(_: int) -> None:
            if any("CreateRole" in call for call in front.writes):
                front.before = lambda number: None
                name = "/lambdactl/shop/default/lock"
                ssm = boto3.client("ssm")
                value = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
                value["token"] = "theirs"
                ssm.put_parameter(Name=name, Value=json.dumps(value), Type="String", Overwrite=True)
                time.sleep(3)

        front.before = steal
        ended = project("deploy", "--yes", AWS_ENDPOINT_URL=front.url)
    assert ended.code == 7, ended.stderr
    assert "error: the lock was taken by arn:" in ended.stderr
    assert "so no other step was taken" in ended.stderr
    assert functions() == []


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_a_signal_lets_steps_end_and_takes_no_other(
    project: Project, aws: str, number: signal.Signals, word: str
) -> None:
    with proxy(aws) as front:
        running = start(
            "deploy",
            "--yes",
            folder=project.folder,
            environment={"AWS_ENDPOINT_URL": front.url},
        )

        def stop(_: int) -> None:
            if any("CreateRole" in call for call in front.writes):
                front.before = lambda number: None
                running.kill(number)
                time.sleep(0.5)

        front.before = stop
        ended = running.wait()
    assert ended.code == 128 + number, ended.stderr
    assert f"{word}: steps under way come to their end" in ended.stderr
    assert "role hello-eu-west-1 created" in ended.stderr
    assert f"function hello not created: {word}" in ended.stderr
    assert "1 not taken; `lambdactl deploy` goes on from here" in ended.stderr
    assert functions() == []
    assert boto3.client("ssm").describe_parameters()["Parameters"] == []
    again = project("deploy", "--yes")
    assert again.code == 0
    assert "Plan: 1 to create, 2 unchanged." in again.stdout


def test_a_second_signal_ends_it_at_once_and_the_next_deployment_goes_on(
    project: Project, aws: str
) -> None:
    ended_s: list[float] = []
    with proxy(aws) as front:
        running = start(
            "deploy", "--yes", folder=project.folder, environment={"AWS_ENDPOINT_URL": front.url}
        )

        def twice(_: int) -> None:
            if any("CreateRole" in call for call in front.writes):
                front.before = lambda number: None
                running.kill(signal.SIGINT)
                time.sleep(0.5)
                running.kill(signal.SIGINT)
                ended_s.append(time.monotonic())
                time.sleep(3)

        front.before = twice
        ended = running.wait()
        assert ended.code == 130
        assert time.monotonic() - ended_s[0] < 2
    assert boto3.client("ssm").describe_parameters()["Parameters"], "the lock is still there"
    again = project("deploy", "--yes")
    assert again.code == 0, again.stderr
    assert functions() == ["hello"]
    assert boto3.client("ssm").describe_parameters()["Parameters"] == []


WHO = "arn:aws:iam::123456789012:user/dev"
DENIED = (
    "AccessDeniedException",
    f"User: {WHO} is not authorized to perform: lambda:CreateFunction on resource: "
    "arn:aws:lambda:eu-west-1:123456789012:function:hello because no identity-based policy allows "
    "the lambda:CreateFunction action",
)


def refused(call: str) -> tuple[str, str] | None:
    return DENIED if call == "lambda POST /2015-03-31/functions" else None


def test_a_permission_that_is_missing_is_named_and_the_rest_is_done(
    project: Project, aws: str
) -> None:
    with proxy(aws) as front:
        front.refuse = refused
        ended = project("deploy", "--yes", AWS_ENDPOINT_URL=front.url)
    assert ended.code == 5, ended.stderr
    assert f"creating the function hello: {WHO} may not do lambda:CreateFunction on" in ended.stderr
    assert "an administrator has to allow lambda:CreateFunction" in ended.stderr
    assert "2 of 3 steps done" in ended.stderr
    assert "1 failed; `lambdactl deploy` goes on from here" in ended.stderr
    assert "role hello-eu-west-1 created" in ended.stderr
    assert project("deploy", "--yes").code == 0
    assert functions() == ["hello"]


def test_a_failure_is_in_the_document_too(project: Project, aws: str) -> None:
    with proxy(aws) as front:
        front.refuse = refused
        ended = project("deploy", "--yes", "--output", "json", AWS_ENDPOINT_URL=front.url)
    assert ended.code == 5
    applied = ended.json()["applied"]
    assert not applied["complete"]
    (failed,) = [step for step in applied["steps"] if step["state"] == "failed"]
    assert failed["address"] == "function:hello"
    assert failed["error"]["type"] == "DeniedError"
    assert failed["error"]["exit_code"] == 5
    assert "lambda:CreateFunction" in failed["error"]["message"]


def test_credentials_that_expire_on_the_way_are_told_once(project: Project, aws: str) -> None:
    project.write(
        more="  other:\n    handler: app.handler\n    runtime: python3.13\n    code: src\n"
    )
    with proxy(aws) as front:
        front.refuse = lambda call: (
            ("ExpiredTokenException", "The security token included in the request is expired")
            if "CreateLogGroup" in call
            else None
        )
        ended = project("deploy", "--yes", AWS_ENDPOINT_URL=front.url)
    assert ended.code == 4, ended.stderr
    assert ended.stderr.count("have expired") == 1
    assert "AWS_SESSION_TOKEN: set new ones" in ended.stderr
    assert "2 failed" in ended.stderr


def test_there_are_no_credentials(project: Project) -> None:
    gone = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")
    ended = project("deploy", "--yes", **gone)
    assert ended.code == 4
    assert "there are no AWS credentials; sign in with" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_somebody_elses_function_is_left_alone(project: Project) -> None:
    boto3.client("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument="{}")
    boto3.client("lambda").create_function(
        FunctionName="hello",
        Role="arn:aws:iam::123456789012:role/theirs",
        Runtime="python3.13",
        Handler="a.b",
        Code={"ZipFile": (project.folder / "src/app.py").read_bytes()},
    )
    ended = project("deploy", "--yes")
    assert ended.code == 6
    assert "the function hello is there already, and lambdactl has not made it" in ended.stderr
    assert ended.stdout == ""
    assert project("destroy", "--yes").code == 0
    assert functions() == ["hello"]


def test_names_choose_functions(project: Project) -> None:
    more = "  other:\n    handler: app.handler\n    runtime: python3.13\n    code: src\n"
    project.write(more=more)
    assert project("deploy", "--yes", "other").code == 0
    assert functions() == ["other"]
    unknown = project("deploy", "--yes", "othr")
    assert unknown.code == 2
    assert "did you mean `other`?" in unknown.stderr


def test_a_function_that_the_named_one_needs_and_is_not_there_is_told_before_anything_is_done(
    project: Project,
) -> None:
    more = (
        "    async: {on_success: {function: other}}\n"
        "  other:\n    handler: app.handler\n    runtime: python3.13\n    code: src\n"
    )
    project.write(more=more)
    refused = project("deploy", "--yes", "hello")
    assert refused.code == 2
    assert "can't be deployed without other" in refused.stderr
    assert "`lambdactl deploy hello other`" in refused.stderr
    assert functions() == []
    assert project("deploy", "--yes", "hello", "other").code == 0
    assert project("deploy", "--yes", "hello").code == 0


def test_a_stage_has_functions_of_its_own(project: Project) -> None:
    project.write(more="stages: {prod: {}}\n")
    assert project("deploy", "--yes").code == 0
    assert project("deploy", "--yes", "--stage", "prod").code == 0
    assert sorted(functions()) == ["hello", "hello-prod"]
    gone = project("destroy", "--yes", "--stage", "prod", "--dry-run")
    assert "- function hello-prod" in gone.stdout
    assert project("destroy", "--yes", "--stage", "prod").code == 0
    assert functions() == ["hello"]


def test_a_template_is_read_for_the_account_and_the_region(project: Project) -> None:
    (project.folder / "lambdactl.yaml").unlink()
    (project.folder / "template.yaml").write_text(
        """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.13
      CodeUri: src
      FunctionName: !Sub "${AWS::StackName}-hello"
      Environment:
        Variables: {WHERE: !Sub "${AWS::Region} ${AWS::AccountId}"}
"""
    )
    ended = project("deploy", "--yes", "--region", "eu-north-1")
    assert ended.code == 0, ended.stderr
    found = boto3.client("lambda", region_name="eu-north-1").list_functions()["Functions"][0]
    assert found["FunctionName"] == "project-hello"
    assert found["Environment"]["Variables"] == {"WHERE": "eu-north-1 123456789012"}


def test_what_only_stands_in_for_a_value_is_not_deployed(project: Project) -> None:
    (project.folder / "lambdactl.yaml").unlink()
    (project.folder / "template.yaml").write_text(
        """\
Transform: AWS::Serverless-2016-10-31
Parameters: {Host: {Type: String}}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Runtime: python3.13
      CodeUri: src
      Environment: {Variables: {HOST: !Ref Host}}
"""
    )
    ended = project("deploy", "--yes")
    assert ended.code == 2
    assert "error: the value of the parameter `Host` is not known" in ended.stderr
    assert "--parameter-overrides" in ended.stderr
    assert project("diff").code == 2
    assert functions() == []
    assert project("deploy", "--yes", "--parameter-overrides", "Host=here").code == 0
    found = boto3.client("lambda").get_function_configuration(FunctionName="Hello")
    assert found["Environment"]["Variables"] == {"HOST": "here"}
    assert project("destroy", "--yes").code == 0


def test_a_release_without_its_event_is_refused_before_anything_is_done(project: Project) -> None:
    (project.folder / "lambdactl.yaml").write_text(
        """\
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    code: src
    release: {alias: live, smoke: events/none.json}
"""
    )
    ended = project("deploy", "--yes")
    assert ended.code == 2
    assert "error: the release of `hello` has no file events/none.json" in ended.stderr
    assert functions() == []
