"""What a function gets and gives, in every language."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lambdactl.manifest.model import Layer
from tests.execution.conformance.conftest import Ran

Start = Callable[..., Ran]

RESERVED = {
    "_HANDLER",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "TZ",
}


def test_the_event_comes_back_as_it_was(family: str, start: Start) -> None:
    result = start(family).invoke("echo", text='é "quoted" ☃', number=1.5, nested=[{"a": None}])
    assert result.function_error is None
    assert result.json()["text"] == 'é "quoted" ☃'
    assert result.json()["nested"] == [{"a": None}]


def test_an_environment_is_initialised_once_and_used_again(family: str, start: Start) -> None:
    ran = start(family)
    assert [ran.invoke("count").json() for _ in range(3)] == [1, 2, 3]
    assert ran.text.count("module loaded") == 1


def test_the_context_says_what_lambda_says(family: str, start: Start) -> None:
    ran = start(family, memory_mb=256, timeout_s=20)
    result = ran.invoke("context")
    context = result.json()
    assert context["aws_request_id"] == result.request_id
    assert context["function_name"] == "conform"
    assert context["function_version"] == "$LATEST"
    assert re.fullmatch(
        r"arn:aws:lambda:[a-z0-9-]+:123456789012:function:conform", context["invoked_function_arn"]
    )
    assert context["memory_limit_in_mb"] == "256"
    assert context["log_group_name"] == "/aws/lambda/conform"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", context["log_stream_name"])
    assert 10_000 < context["remaining_ms"] <= 20_000


def test_the_environment_is_lambdas_and_not_the_shells(
    family: str, runner: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SHELL", "x")
    seen = start(family, environment={"DECLARED": "yes"}).invoke("environment").json()
    assert seen.keys() >= RESERVED
    assert seen["DECLARED"] == "yes"
    if runner == "container":
        assert seen["LAMBDA_RUNTIME_DIR"] == "/var/runtime"
    elif family in {"node", "ruby"}:
        assert Path(seen["LAMBDA_RUNTIME_DIR"]).name == family
    assert "SECRET_OF_THE_SHELL" not in seen
    assert "AWS_ACCESS_KEY_ID" not in seen
    assert not seen.keys() & {"HOME", "HOSTNAME"}
    assert [name for name in seen if "LAMBDACTL" in name] == []


def test_a_functions_variables_are_told_apart_from_lambdas(family: str, start: Start) -> None:
    declared = {"QUOTES": "a 'b' \"c\" $HOME `d` \\e", "EMPTY": "", "AWS_REGION": "xx-nowhere-1"}
    if family == "provided":
        # The function writes JSON by hand.
        declared["QUOTES"] = "a 'b' $HOME `d` *"
    seen = start(family, environment=declared).invoke("environment").json()
    assert seen["QUOTES"] == declared["QUOTES"]
    assert seen["EMPTY"] == ""
    assert seen["AWS_REGION"] != "xx-nowhere-1", "reserved"


def test_the_working_directory_is_the_code(family: str, runner: str, start: Start) -> None:
    where = start(family).invoke("where").json()["cwd"]
    assert where == "/var/task" if runner == "container" else Path(where).name == "code-0"


def test_a_response_of_nothing_is_null(family: str, start: Start) -> None:
    assert start(family).invoke("nothing").payload == b"null"


def test_the_report_line_adds_up(family: str, start: Start) -> None:
    ran = start(family, memory_mb=512)
    first, second = ran.invoke("echo"), ran.invoke("echo")
    report = first.report
    assert report.init_duration_ms is not None
    assert 0 < report.max_memory_used_mb <= 512
    assert re.search(
        rf"REPORT RequestId: {first.request_id}\tDuration: {report.duration_ms:.2f} ms\t"
        rf"Billed Duration: {report.billed_duration_ms} ms\tMemory Size: 512 MB\t"
        rf"Max Memory Used: {report.max_memory_used_mb} MB\t"
        rf"Init Duration: {report.init_duration_ms:.2f} ms",
        ran.text,
    )
    assert second.report.init_duration_ms is None
    assert first.cold
    assert not second.cold


def test_lambdas_lines_frame_the_functions_lines_in_order(family: str, start: Start) -> None:
    ran = start(family)
    result = ran.invoke("print")
    said = [line.text.decode() for line in ran.lines]
    assert said[0].startswith("INIT_START Runtime Version: ")
    assert said[1].split("\t")[-1] == "module loaded"
    assert said[2] == f"START RequestId: {result.request_id} Version: $LATEST"
    assert [line.split("\t")[-1] for line in said[3:6]] == [
        "to stdout",
        "to stderr",
        "to stdout again",
    ]
    assert said[6] == f"END RequestId: {result.request_id}"
    assert said[7].startswith(f"REPORT RequestId: {result.request_id}\t")
    assert result.log.splitlines()[0] == said[2]
    assert result.log.splitlines()[-1] == said[7]


def test_a_line_without_an_end_is_not_lost(family: str, start: Start) -> None:
    ran = start(family)
    ran.invoke("partial")
    assert "no line end" in [line.text.decode().split("\t")[-1] for line in ran.lines]


def test_a_flood_of_output_passes_and_the_tail_is_its_last_four_kilobytes(
    family: str, start: Start
) -> None:
    ran = start(family)
    result = ran.invoke("flood", kb=3000)
    assert result.json() == "flooded"
    assert sum(line.text.count(b"x" * 1023) for line in ran.lines) == 3000
    assert len(result.log_tail) == 4096
    assert result.log_tail.endswith(b"MB\n") or b"Init Duration" in result.log_tail
    assert ran.invoke("echo").function_error is None


def test_layers_are_merged_in_order_and_the_last_one_wins(
    family: str, start: Start, tmp_path: Path
) -> None:
    layers = []
    for number in (1, 2):
        root = tmp_path / f"layer{number}"
        files = {
            "bin/in-layer": f"#!/bin/sh\nprintf {number}\n",
            "python/in_layer.py": f"NAME = '{number}'\n",
            "nodejs/node_modules/in_layer/index.js": f"exports.NAME = '{number}';\n",
            "ruby/lib/in_layer.rb": f"module InLayer\n  NAME = '{number}'\nend\n",
        }
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        layers.append(Layer(f"layer{number}", root))
    result = start(family, layers=tuple(layers)).invoke("opt")
    assert result.json() == {"module": "2", "bin": ["in-layer"]}


def test_a_large_response_within_the_limit_passes(family: str, start: Start) -> None:
    result = start(family, memory_mb=512).invoke("large", bytes=6_000_000)
    assert len(result.payload) == 6_000_002


@pytest.mark.slow
def test_concurrent_calls_get_environments_of_their_own(
    family: str, runner: str, start: Start
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    ran = start(family)
    ran.invoke("echo")
    # Longer than the others' start, or the warm one takes a second call.
    seconds = 4 if runner == "container" else 1
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: ran.invoke("sleep", seconds=seconds), range(4)))
    assert [result.json() for result in results] == ["slept"] * 4
    assert time.monotonic() - begun < seconds + 2.5
    assert sum(result.cold for result in results) == 3


def test_log_lines_arrive_while_the_function_runs(start: Start) -> None:
    ran = start("python")
    ran.invoke("echo")
    begun = time.time()
    result = ran.invoke("print", seconds_after=1)
    (line,) = [line for line in ran.lines if line.text == b"to stdout again"]
    assert line.time - begun < 0.5
    assert result.report.duration_ms > 1000
    assert line.request_id == result.request_id
