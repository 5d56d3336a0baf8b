"""`lambdactl invoke` as a process: what is on stdout, what on stderr, and the exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

APP = """
import json, logging, os, sys, time

def handler(event, context):
    print("seen", json.dumps(event, sort_keys=True))
    if event.get("fail"):
        raise ValueError(event["fail"])
    if event.get("exit"):
        sys.exit(event["exit"])
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("env"):
        return {name: os.environ.get(name) for name in event["env"]}
    if event.get("remaining"):
        return context.get_remaining_time_in_millis()
    if event.get("client"):
        return context.client_context.custom
    return {"got": event, "arn": context.invoked_function_arn}
"""

MANIFEST = f"""
service: shop
defaults: {{runtime: python3.{sys.version_info.minor}, timeout: 10}}
functions:
  orders:
    handler: app.handler
    code: src
    environment: {{STAGE: dev, FROM_SHELL: "${{env:FROM_SHELL:-unset}}"}}
    versions: {{publish: true}}
    aliases: {{live: {{version: latest}}}}
    async: {{retries: 1}}
  broken:
    handler: app.missing
    code: src
stages:
  prod:
    functions:
      orders: {{environment: {{STAGE: prod}}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(APP)
    (tmp_path / "lambdactl.yaml").write_text(MANIFEST)
    return tmp_path


@pytest.fixture
def run(project: Path) -> Run:
    def start(*arguments: str, stdin: str | None = None, **env: str) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "lambdactl", "invoke", *arguments],
            cwd=project,
            env={**os.environ, **env},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start


def test_stdout_is_the_response_and_only_that(run: Run) -> None:
    done = run("orders", "--event-json", '{"a": 1}')
    assert done.returncode == 0
    assert json.loads(done.stdout)["got"] == {"a": 1}
    assert done.stdout.count("\n") == 1
    assert 'seen {"a": 1}' in done.stderr
    assert re.search(r"REPORT RequestId: \S+\tDuration: ", done.stderr)
    assert "\x1b" not in done.stderr


def test_no_logs_leaves_stderr_empty(run: Run) -> None:
    done = run("orders", "--no-logs")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_event_comes_from_a_file_a_pipe_or_a_sample(run: Run, project: Path) -> None:
    (project / "event.json").write_text('{"from": "file"}')
    assert json.loads(run("orders", "-e", "event.json").stdout)["got"] == {"from": "file"}
    piped = run("orders", "-e", "-", stdin='{"from": "pipe"}')
    assert json.loads(piped.stdout)["got"] == {"from": "pipe"}
    unasked = run("orders", stdin='{"from": "pipe"}')
    assert json.loads(unasked.stdout)["got"] == {"from": "pipe"}
    sample = run("orders", "--from", "s3:put", "--set", "Records.0.s3.bucket.name=photos")
    assert json.loads(sample.stdout)["got"]["Records"][0]["s3"]["bucket"]["name"] == "photos"
    assert json.loads(run("orders").stdout)["got"] == {}


def test_values_are_set_in_any_event(run: Run) -> None:
    done = run("orders", "--event-json", '{"a": {"b": [1, 2]}}', "--set", "a.b.1=true")
    assert json.loads(done.stdout)["got"] == {"a": {"b": [1, True]}}


def test_a_function_error_is_on_stdout_and_exits_with_1(run: Run) -> None:
    done = run("orders", "--event-json", '{"fail": "no stock"}')
    assert done.returncode == 1
    error = json.loads(done.stdout)
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no stock")
    assert "[ERROR] ValueError: no stock\nTraceback (most recent call last):" in done.stderr


def test_a_timeout_can_be_given(run: Run) -> None:
    done = run("orders", "--event-json", '{"sleep": 30}', "--timeout", "1")
    assert done.returncode == 1
    assert json.loads(done.stdout)["errorType"] == "Sandbox.Timedout"


def test_json_output_is_the_whole_answer(run: Run) -> None:
    done = run("orders", "--output", "json", "--event-json", "{}")
    document = json.loads(done.stdout)
    assert document["status_code"] == 200
    assert document["function_error"] is None
    assert document["response"]["got"] == {}
    assert document["report"]["memory_size_mb"] == 128
    assert document["report"]["billed_duration_ms"] >= document["report"]["duration_ms"]
    assert f"START RequestId: {document['request_id']}" in document["log_tail"]


def test_variables_come_from_the_manifest_files_and_options(run: Run, project: Path) -> None:
    (project / "dev.env").write_text("EXTRA=from file\nSTAGE=from file\nFROM_SHELL=resolved\n")
    event = '{"env": ["STAGE", "EXTRA", "FROM_SHELL", "HOME", "SHELL_ONLY"]}'
    plain = run("orders", "--event-json", event, SHELL_ONLY="1")
    assert json.loads(plain.stdout) == {
        "STAGE": "dev",
        "EXTRA": None,
        "FROM_SHELL": "unset",
        "HOME": None,
        "SHELL_ONLY": None,
    }
    options = ["--env-file", "dev.env", "--env", "STAGE=option", "--env", "SHELL_ONLY"]
    given = run("orders", "--event-json", event, *options, SHELL_ONLY="1")
    assert json.loads(given.stdout) == {
        "STAGE": "option",
        "EXTRA": "from file",
        "FROM_SHELL": "resolved",
        "HOME": None,
        "SHELL_ONLY": "1",
    }
    staged = run("orders", "--event-json", event, "--stage", "prod")
    assert json.loads(staged.stdout)["STAGE"] == "prod"
    (project / "dev.env").write_text("AWS_REGION=eu-west-9\nK=v\n")
    shared = run("orders", "--event-json", '{"env": ["AWS_REGION", "K"]}', "--env-file", "dev.env")
    assert json.loads(shared.stdout) == {"AWS_REGION": "us-east-1", "K": "v"}
    assert "dev.env: AWS_REGION is set by Lambda" in shared.stderr


def test_credentials_are_passed_on_unless_refused(run: Run) -> None:
    event = '{"env": ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"]}'
    keys = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1"}
    assert json.loads(run("orders", "--event-json", event, **keys).stdout) == keys
    refused = run("orders", "--event-json", event, "--no-credentials", **keys)
    assert json.loads(refused.stdout)["AWS_ACCESS_KEY_ID"] is None


def test_a_qualifier_is_in_the_arn_and_must_exist(run: Run) -> None:
    done = run("orders", "--qualifier", "live")
    assert json.loads(done.stdout)["arn"].endswith(":function:orders:live")
    missing = run("orders", "--qualifier", "nope")
    assert missing.returncode == 2
    assert "Function not found: arn:aws:lambda:" in missing.stderr


def test_doubts_about_other_functions_are_not_repeated_at_each_run(run: Run, project: Path) -> None:
    manifest = project / "lambdactl.yaml"
    text = manifest.read_text().replace("code: src\nstages", "code: src\n    memory: 128\nstages")
    text = text.replace("app.missing", "app.handler\n    environment: {X: 1}")
    manifest.write_text(text)
    assert "refuses `X`" not in run("orders").stderr
    assert "refuses `X`" in run("broken").stderr


def test_client_context_reaches_the_function(run: Run) -> None:
    done = run(
        "orders", "--event-json", '{"client": 1}', "--client-context", '{"custom": {"k": 1}}'
    )
    assert json.loads(done.stdout) == {"k": 1}


def test_repeat_sums_up_latencies_cold_and_warm_apart(run: Run) -> None:
    done = run("orders", "--repeat", "20", "--concurrency", "2")
    assert done.returncode == 0
    assert json.loads(done.stdout)["got"] == {}
    header, cold, warm, total = done.stderr.splitlines()
    assert header.split() == ["count", "min", "p50", "p90", "p99", "max"]
    assert cold.split()[0] == "cold"
    assert warm.split()[0] == "warm"
    assert int(cold.split()[1]) + int(warm.split()[1]) == 20
    assert total.startswith("20 invocations, 2 at a time: ")
    document = json.loads(run("orders", "--repeat", "5", "--output", "json").stdout)
    assert document["invocations"] == 5
    assert document["cold"]["count"] == 1
    assert document["warm"]["p50_ms"] <= document["warm"]["max_ms"]


def test_an_asynchronous_event_is_retried(run: Run) -> None:
    done = run(
        "orders", "--async", "--speed", "600", "--event-json", '{"fail": "x"}', "--output", "json"
    )
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["status_code"] == 202
    assert document["condition"] == "RetriesExhausted"
    assert len(document["attempts"]) == 2
    assert {attempt["request_id"] for attempt in document["attempts"]} == {document["request_id"]}
    assert "attempt 1 failed; the next is in 60 s" in done.stderr
    accepted = run("orders", "--async")
    assert (accepted.returncode, accepted.stdout) == (0, "")


def test_without_a_manifest_a_file_or_a_handler_will_do(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event\n")
    for name in ("./app.py", "app.handler", "app.py", str(tmp_path / "app.py")):
        done = subprocess.run(
            [sys.executable, "-m", "lambdactl", "invoke", name, "--event-json", "[1]"],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.stdout, done.returncode) == ("[1]\n", 0), name + done.stderr


@pytest.mark.node
def test_a_streamed_response_is_shown_as_it_comes(tmp_path: Path) -> None:
    (tmp_path / "app.mjs").write_text(
        "export const handler = awslambda.streamifyResponse(async (event, stream) => {\n"
        "  stream.write('first ');\n"
        "  await new Promise((done) => setTimeout(done, 1500));\n"
        "  stream.end('second');\n"
        "});\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "lambdactl", "invoke", "app.mjs", "--no-logs"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    first = os.read(process.stdout.fileno(), 100)
    arrived = time.monotonic()
    rest, _ = process.communicate(timeout=20)
    assert (first, rest, process.returncode) == (b"first ", b"second", 0)
    assert time.monotonic() - arrived > 1


MISTAKES = {
    "unknown function": (["order"], "there is no function 'order'; did you mean `orders`?"),
    "no name": ([], "name a function; one of: orders, broken"),
    "handler missing": (["broken"], "missing"),
    "event not JSON": (["orders", "--event-json", '{"a": }'], "the event is not JSON: "),
    "event file missing": (["orders", "-e", "nowhere.json"], "there is no event file nowhere.json"),
    "two events": (["orders", "-e", "x", "--from", "s3"], "--event and --from both give an event"),
    "bad variable": (["orders", "--env", "=1"], "has no name"),
    "reserved variable": (["orders", "--env", "AWS_REGION=x"], "AWS_REGION"),
    "unknown sample": (["orders", "--from", "s4:put"], "s3"),
    "bad set": (["orders", "--event-json", "{}", "--set", "a"], "a"),
    "manifest missing": (["orders", "-f", "nowhere.yaml"], "nowhere.yaml"),
    "stage missing": (["orders", "--stage", "prd"], "prod"),
    "bad option": (["orders", "--evnt", "x"], "--evnt"),
    "repeated, but not waited for": (["orders", "--async", "--repeat", "3"], "--async"),
    "bad timeout": (["orders", "--timeout", "0"], "timeout"),
    "another function's port": (["orders", "--debug-port", "broken=5678"], "it is orders that"),
    "client context": (["orders", "--client-context", "{"], "--client-context is not JSON"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_short_message_and_exit_code_2(mistake: str, run: Run) -> None:
    arguments, message = MISTAKES[mistake]
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 5


def test_an_event_that_is_too_large_is_a_mistake(run: Run, project: Path) -> None:
    (project / "large.json").write_text('"' + "x" * 6_291_456 + '"')
    done = run("orders", "-e", "large.json")
    assert done.returncode == 2
    assert "has 6291458 bytes; Lambda takes at most 6291456" in done.stderr


def test_a_missing_interpreter_is_exit_code_3(run: Run, project: Path) -> None:
    manifest = (project / "lambdactl.yaml").read_text()
    (project / "lambdactl.yaml").write_text(re.sub(r"python3\.\d+", "java21", manifest))
    (project / "src" / "app.py").write_text(APP)
    done = run("orders", "--no-container")
    assert done.returncode == 3
    assert "java21 needs --container" in done.stderr
    strict = manifest.replace(f"python3.{sys.version_info.minor}", "python3.14")
    (project / "lambdactl.yaml").write_text(strict)
    if sys.version_info[:2] != (3, 14):
        refused = run("orders", "--strict-runtime", PATH="/usr/bin:/bin", HOME="/nonexistent")
        assert refused.returncode == 3
        assert "python3.14" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("more", [(), ("--watch",), ("--async",), ("--repeat", "9")])
def test_a_signal_ends_it_at_once_and_leaves_nothing(
    project: Path, tmp_path: Path, number: signal.Signals, code: int, more: tuple[str, ...]
) -> None:
    folder = tmp_path / "own-tmp"
    folder.mkdir()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "lambdactl", "invoke", "orders", "--logs", *more),
            *("--event-json", '{"sleep": 9}'),
        ],
        cwd=project,
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    while b"seen" not in process.stderr.readline():
        pass
    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    assert process.returncode == code
    assert out == b""
    assert b"Traceback" not in err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -15), (signal.SIGHUP, -1)])
def test_a_signal_ends_a_watch_that_waits(project: Path, number: signal.Signals, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lambdactl", "invoke", "orders", "--watch", "--event-json", "{}"],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    while b"waiting for a save" not in process.stderr.readline():
        pass
    process.send_signal(number)
    assert process.wait(timeout=5) == code
    process.stderr.close()


def test_watch_says_once_what_is_doubtful(project: Path) -> None:
    manifest = project / "lambdactl.yaml"
    manifest.write_text(manifest.read_text().replace("STAGE: dev", "S: dev"))
    process = subprocess.Popen(
        [sys.executable, "-m", "lambdactl", "invoke", "orders", "--watch"],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    while not said or "waiting for a save" not in said[-1]:
        said.append(process.stderr.readline())
    process.terminate()
    process.communicate()
    assert sum("refuses `S`" in line for line in said) == 1


def test_watch_runs_again_on_each_save(project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lambdactl", "invoke", "orders", "--watch", "--event-json", "{}"],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert json.loads(process.stdout.readline())["got"] == {}
        while "waiting for a save" not in process.stderr.readline():
            pass
        source = project / "src" / "app.py"
        saved = project / "src" / "app.py.new"
        saved.write_text("def handler(event, context):\n    return 'second'\n")
        saved.rename(source)
        assert process.stdout.readline() == '"second"\n'
        while "waiting for a save" not in process.stderr.readline():
            pass
        source.write_text("def handler(event, context):\n    return 'third'\n")
        assert process.stdout.readline() == '"third"\n'
    finally:
        process.kill()
        process.communicate()


def test_a_build_comes_before_the_function(run: Run, project: Path) -> None:
    manifest = project / "lambdactl.yaml"
    manifest.write_text(
        MANIFEST.replace("code: src\n", "code: dist\n    build: cp -r src dist\n", 1)
    )
    assert json.loads(run("orders", "--event-json", "{}").stdout)["got"] == {}
    manifest.write_text(manifest.read_text().replace("cp -r src dist", "echo a mistake; exit 3"))
    failed = run("orders")
    assert (failed.returncode, failed.stdout) == (2, "")
    assert (
        failed.stderr
        == "a mistake\nerror: the build failed: `echo a mistake; exit 3` ended with 3\n"
    )


@pytest.mark.slow
def test_watch_builds_once_for_each_save(project: Path) -> None:
    (project / "lambdactl.yaml").write_text(
        MANIFEST.replace("code: src\n", "code: dist\n    build: rm -rf dist; cp -r src dist\n", 1)
    )
    with subprocess.Popen(
        [sys.executable, "-m", "lambdactl", "invoke", "orders", "--watch", "--event-json", "{}"],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert b'"arn"' in process.stdout.readline()
        time.sleep(0.4)
        (project / "src" / "app.py").write_text("def handler(event, context): return 'two'")
        assert process.stdout.readline() == b'"two"\n'
        time.sleep(0.4)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        assert (out, process.returncode) == (b"", 130), err
