"""What one does with functions that are deployed, on the command line."""

from __future__ import annotations

import datetime
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from tests.deploy import shell
from tests.deploy.invocations import Answer, Invocations, served

pytestmark = [pytest.mark.aws, pytest.mark.slow]

MANIFEST = """
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    code: hello
    release: {alias: live}
  other:
    runtime: python3.13
    handler: app.handler
    code: other
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "lambdactl.yaml").write_text(MANIFEST)
    for name in ("hello", "other"):
        (tmp_path / name).mkdir()
        code(tmp_path, name, "0")
    return tmp_path


@pytest.fixture
def deployed(aws: str, project: Path) -> Path:
    deploy(project)
    return project


@pytest.fixture
def answers(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invocations]:
    with served(aws) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        yield found


def code(project: Path, name: str, value: str) -> None:
    (project / name / "app.py").write_text(f"def handler(event, context):\n    return {value}\n")


def deploy(project: Path) -> None:
    ended = shell.run("deploy", "--yes", folder=project)
    assert ended.code == 0, ended.stderr


def live() -> str:
    alias = boto3.client("lambda").get_alias(FunctionName="hello", Name="live")
    return str(alias["FunctionVersion"])


def digest(name: str) -> str:
    return str(boto3.client("lambda").get_function_configuration(FunctionName=name)["CodeSha256"])


def test_rollback_and_forward_again(deployed: Path) -> None:
    code(deployed, "hello", "1")
    deploy(deployed)
    assert live() == "2"
    ended = shell.run("rollback", folder=deployed)
    assert (ended.code, ended.stdout) == (0, "hello:live leads to version 1, not 2\n")
    assert live() == "1"
    ended = shell.run("rollback", "hello", folder=deployed)
    assert ended.code == 2
    assert "there is none before it" in ended.stderr
    ended = shell.run("rollback", "hello", "--to", "2", "--output", "json", folder=deployed)
    (done,) = ended.json()
    assert (done["function"], done["before"], done["version"]) == ("hello", "1", "2")
    assert shell.run("rollback", "other", folder=deployed).code == 2
    shell.run("rollback", "hello", folder=deployed)
    # What the manifest says is there again.
    deploy(deployed)
    assert live() == "2"


def canary(project: Path, seconds: int) -> shell.Running:
    """Begin a release with something new, and wait until it has traffic."""
    manifest = project / "lambdactl.yaml"
    how = f"release: {{alias: live, strategy: canary 10% for {seconds}s, alarms: [slow]}}"
    manifest.write_text(MANIFEST.replace("release: {alias: live}", how))
    code(project, "hello", "'new'")
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName="slow",
        MetricName="Duration",
        Namespace="AWS/Lambda",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1000,
        ComparisonOperator="GreaterThanThreshold",
    )
    running = shell.start("deploy", "--yes", folder=project)
    until(lambda: weights() == {"2": 0.1})
    return running


def weights() -> dict[str, float]:
    alias = boto3.client("lambda").get_alias(FunctionName="hello", Name="live")
    found: dict[str, float] = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return found


def test_an_alarm_takes_a_release_back_and_the_next_one_goes_through(deployed: Path) -> None:
    running = canary(deployed, 2)
    alarm = {"AlarmName": "slow", "StateReason": "3 s is too long"}
    boto3.client("cloudwatch").set_alarm_state(StateValue="ALARM", **alarm)
    ended = running.wait()
    assert ended.code == 8
    assert "to version 2 failed: alarm slow rings (3 s is too long)" in ended.stderr
    assert (live(), weights()) == ("1", {})
    boto3.client("cloudwatch").set_alarm_state(StateValue="OK", **alarm)
    deploy(deployed)
    assert (live(), weights()) == ("2", {})


def test_a_release_that_was_killed_goes_on(deployed: Path) -> None:
    running = canary(deployed, 2)
    running.kill(signal.SIGKILL)
    running.wait()
    assert (live(), weights()) == ("1", {"2": 0.1})
    ended = shell.run("deploy", "--yes", folder=deployed)
    assert ended.code == 0, ended.stderr
    assert "going on with live at 10% for version 2" in ended.stderr
    assert (live(), weights()) == ("2", {})


def test_a_release_that_is_interrupted_goes_back(deployed: Path) -> None:
    running = canary(deployed, 600)
    running.kill(signal.SIGINT)
    ended = running.wait()
    # It is the release that failed: nothing else was left to do.
    assert ended.code == 8
    assert "to version 2 failed: it was interrupted" in ended.stderr
    assert (live(), weights()) == ("1", {})


def test_a_locked_service_is_not_rolled_back(deployed: Path) -> None:
    from lambdactl import manifest
    from lambdactl.cli.aws import AwsOptions
    from lambdactl.deploy import lock

    context = AwsOptions().context(manifest.load(deployed / "lambdactl.yaml"))
    with lock.held(context, "deploy"):
        ended = shell.run("rollback", "hello", "--to", "1", folder=deployed)
    assert ended.code == 7
    assert "another `deploy` of shop" in ended.stderr


def write(name: str, *lines: str) -> None:
    logs = boto3.client("logs")
    stream = "2026/11/22/[$LATEST]ab"
    logs.create_log_stream(logGroupName=f"/aws/lambda/{name}", logStreamName=stream)
    now = int(1000 * time.time())
    events = [{"timestamp": now - 1000 + n, "message": text} for n, text in enumerate(lines)]
    logs.put_log_events(logGroupName=f"/aws/lambda/{name}", logStreamName=stream, logEvents=events)


def test_logs(deployed: Path) -> None:
    write("hello", "[ERROR] ValueError: no\nTraceback\n", '{"level": "INFO", "deep": {"n": 1}}')
    ended = shell.run("logs", folder=deployed)
    assert ended.code == 0, ended.stderr
    lines = [line.partition(" ")[2] or line for line in ended.stdout.splitlines()]
    assert lines[0] == "hello [ERROR] ValueError: no"
    assert '"n": 1' in ended.stdout
    assert ended.stdout.count("\n") > 5
    ended = shell.run("logs", "hello", "--output", "json", "--since", "1h", folder=deployed)
    first, second = map(json.loads, ended.stdout.splitlines())
    assert (first["function"], first["level"], first["version"]) == ("hello", "error", "$LATEST")
    assert first["message"].startswith("[ERROR]")
    assert second["message"] == {"level": "INFO", "deep": {"n": 1}}
    ended = shell.run("logs", "--filter", "ERROR", "--output", "json", folder=deployed)
    assert len(ended.stdout.splitlines()) == 1
    assert shell.run("logs", "--until", "5m", folder=deployed).stdout == ""
    tomorrow = datetime.datetime.now() + datetime.timedelta(days=1)
    ended = shell.run("logs", "--since", tomorrow.isoformat(), folder=deployed)
    assert (ended.code, ended.stdout) == (0, "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--since", "soon"), "--since soon is no time"),
        (("--tail", "--until", "1m"), "--tail has no end"),
        (("nobody",), "there is no function 'nobody'"),
        (("--profile", "nobody"), "no AWS profile 'nobody'"),
    ],
)
def test_logs_that_cant_be(aws: str, project: Path, options: tuple[str, ...], words: str) -> None:
    ended = shell.run("logs", *options, folder=project)
    assert ended.code == 2
    assert words in ended.stderr


def test_logs_go_on(deployed: Path) -> None:
    write("hello", "before")
    running = shell.start("logs", "--tail", folder=deployed)
    time.sleep(1)
    write("other", "after")
    time.sleep(2.5)
    running.kill(signal.SIGINT)
    ended = running.wait()
    assert ended.code == 130
    said = [line.split(" ", 1)[1] for line in ended.stdout.splitlines()]
    assert said == ["hello before", "other after"]


def test_status(deployed: Path) -> None:
    write("hello", "[ERROR] ValueError: no")
    boto3.client("lambda").delete_function(FunctionName="other")
    ended = shell.run("status", folder=deployed)
    assert ended.code == 0, ended.stderr
    title, header, hello, other, *_ = ended.stdout.splitlines()
    assert title == "shop, eu-west-1, the last hour"
    assert header.split()[:3] == ["FUNCTION", "STATE", "VERSION"]
    assert "live: 1" in hello
    assert hello.endswith("[ERROR] ValueError: no")
    assert "not deployed" in other
    one, two = shell.run("status", "--output", "json", folder=deployed).json()
    assert (one["state"], one["version"], one["owner"]) == ("Active", "1", ["shop", "default"])
    assert one["aliases"] == [{"name": "live", "version": "1", "weights": {}}]
    assert one["last_error"]["message"] == "[ERROR] ValueError: no"
    assert one["last_hour"]["calls"] == 0
    assert two["deployed"] is False


def test_invoke(answers: Invocations, project: Path) -> None:
    answers.answer = lambda call: Answer({"got": json.loads(call.payload)}, log="START\nREPORT\n")
    ended = shell.run("invoke", "hello", "--remote", "--event-json", '{"a": 1}', folder=project)
    assert (ended.code, json.loads(ended.stdout)) == (0, {"got": {"a": 1}})
    assert ended.stderr == "START\nREPORT\n"
    ended = shell.run(
        *("invoke", "hello", "--remote", "--event-json", "{}", "--qualifier", "live"),
        *("--output", "json", "--no-logs"),
        folder=project,
    )
    document = ended.json()
    assert (document["status_code"], document["response"]) == (200, {"got": {}})
    assert answers.calls[-1].qualifier == "live"
    answers.answer = lambda call: Answer({"errorType": "ValueError"}, "Unhandled")
    ended = shell.run("invoke", "hello", "--remote", "--event-json", "{}", folder=project)
    assert (ended.code, json.loads(ended.stdout)) == (1, {"errorType": "ValueError"})


def test_invoke_without_waiting(answers: Invocations, project: Path) -> None:
    for option, kind, status in (("--async", "Event", 202), ("--dry-run", "DryRun", 204)):
        ended = shell.run(
            *("invoke", "hello", "--remote", "--event-json", "{}", option, "--output", "json"),
            folder=project,
        )
        assert ended.code == 0, ended.stderr
        assert ended.json()["status_code"] == status
        assert answers.calls[-1].headers["x-amz-invocation-type"] == kind


def test_invoke_in_pieces(answers: Invocations, project: Path) -> None:
    manifest = project / "lambdactl.yaml"
    manifest.write_text(MANIFEST + "    url: {auth: none, invoke_mode: response_stream}\n")
    answers.answer = lambda call: Answer(chunks=(b"one ", b"two"))
    ended = shell.run("invoke", "other", "--remote", "--event-json", "{}", folder=project)
    assert (ended.code, ended.stdout) == (0, "one two")


def test_invoke_many_times(answers: Invocations, project: Path) -> None:
    ended = shell.run(
        *("invoke", "hello", "--remote", "--event-json", "{}", "--repeat", "20"),
        *("--concurrency", "5", "--output", "json"),
        folder=project,
    )
    assert ended.json()["invocations"] == 20
    assert len(answers.calls) == 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--region", "eu-west-1"), "--region is for functions in AWS"),
        (("--dry-run",), "--dry-run is for functions in AWS"),
        (("--remote", "--built"), "--built is for functions on this machine"),
        (("--remote", "--watch"), "--watch is for functions on this machine"),
        (("--remote", "--container"), "--container is for functions on this machine"),
        (("--remote", "--async", "--dry-run"), "two kinds of calls"),
        (("--remote", "--async", "--client-context", "{}"), "leave out --async"),
    ],
)
def test_invocations_that_cant_be(
    aws: str, project: Path, options: tuple[str, ...], words: str
) -> None:
    ended = shell.run("invoke", "hello", "--event-json", "{}", *options, folder=project)
    assert ended.code == 2
    assert words in ended.stderr


def test_what_is_not_deployed_is_told(aws: str, project: Path) -> None:
    ended = shell.run("invoke", "hello", "--remote", "--event-json", "{}", folder=project)
    assert ended.code == 2
    assert "there is no function hello in eu-west-1 of account 123456789012" in ended.stderr
    ended = shell.run("sync", "--once", folder=project)
    assert ended.code == 2
    assert "hello is not deployed yet" in ended.stderr


def until(found: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not found():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def test_sync_follows_saves(deployed: Path) -> None:
    first, other = digest("hello"), digest("other")
    running = shell.start("sync", "--output", "json", folder=deployed)
    time.sleep(2)
    code(deployed, "hello", "'saved'")
    until(lambda: digest("hello") != first)
    second = digest("hello")
    # What the manifest doesn't say is no upload; what is broken is mended later.
    manifest = deployed / "lambdactl.yaml"
    manifest.write_text("servic: shop\n")
    time.sleep(1)
    manifest.write_text(MANIFEST)
    time.sleep(1)
    code(deployed, "hello", "'again'")
    until(lambda: digest("hello") != second)
    time.sleep(0.5)
    running.kill(signal.SIGINT)
    ended = running.wait()
    assert ended.code == 130
    assert digest("other") == other
    uploads = [one for one in map(json.loads, ended.stdout.splitlines()) if one["uploaded"]]
    assert [one["function"] for one in uploads] == ["hello", "hello"]
    assert all(0 < one["seconds"] < 10 and one["bytes"] > 100 for one in uploads)
    assert "the manifest has no field `servic`" in ended.stderr
    assert live() == "1"


def test_sync_once(deployed: Path) -> None:
    before = digest("hello")
    code(deployed, "hello", "2")
    ended = shell.run("sync", "hello", "--once", folder=deployed)
    assert ended.code == 0, ended.stderr
    assert "hello is live after" in ended.stdout
    assert digest("hello") != before
    ended = shell.run("sync", "hello", "--once", folder=deployed)
    assert ended.stdout == "hello is up to date\n"


def test_sync_leaves_what_is_not_ours(aws: str, deployed: Path) -> None:
    arn = boto3.client("lambda").get_function(FunctionName="hello")["Configuration"]["FunctionArn"]
    boto3.client("lambda").tag_resource(Resource=arn, Tags={"lambdactl:service": "theirs"})
    before = digest("hello")
    code(deployed, "hello", "2")
    ended = shell.run("sync", "hello", "--once", folder=deployed)
    assert ended.code == 6
    assert digest("hello") == before
