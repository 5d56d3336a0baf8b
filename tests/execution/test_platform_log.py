"""Lambda's own lines, word for word.

Text: the examples of https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html and
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html. JSON: the schemas of
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html. Levels: the table
"System log level event mapping" of
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.execution import platform_log as log
from lambdactl.execution.invocation import Report
from lambdactl.manifest.model import Logging

ID = "8f507cfc-xmpl-4697-b07a-ac58fc914c95"
NOW = 1_797_865_445.678  # 2026-12-21T15:04:05.678Z
TEXT = Logging()
MEMORY = "Memory Size: 128 MB\tMax Memory Used: 56 MB"


def as_json(level: Literal["debug", "info", "warn"] = "debug") -> Logging:
    return Logging(format="json", system_level=level)


def report(**fields: Any) -> Report:
    values: dict[str, Any] = {
        "request_id": ID,
        "duration_ms": 15.74,
        "memory_size_mb": 128,
        "max_memory_used_mb": 56,
    }
    return Report(**{**values, **fields})


def event(line: bytes | None) -> Any:
    assert line is not None
    told = json.loads(line)
    assert set(told) == {"time", "type", "record"}
    assert told["time"] == "2026-12-21T15:04:05.678Z"
    return told["type"], told["record"]


# text


def test_start_and_end() -> None:
    start = log.start(TEXT, NOW, request_id=ID, version="$LATEST", trace_id="Root=1")
    assert start == f"START RequestId: {ID} Version: $LATEST".encode()
    assert log.end(TEXT, NOW, report=report()) == f"END RequestId: {ID}".encode()


def test_init_start() -> None:
    line = log.init_start(TEXT, NOW, runtime="python:3.13.v50", name="resize", phase="init")
    assert line == b"INIT_START Runtime Version: python:3.13.v50"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {},
            f"Duration: 15.74 ms\tBilled Duration: 16 ms\t{MEMORY}",
        ),
        (
            # The init phase is billed too; this example is the guide's own.
            {"duration_ms": 133.61, "max_memory_used_mb": 31, "init_duration_ms": 80.0},
            "Duration: 133.61 ms\tBilled Duration: 214 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 31 MB\tInit Duration: 80.00 ms",
        ),
        (
            {"duration_ms": 3000, "status": "timeout", "error_type": "Sandbox.Timedout"},
            f"Duration: 3000.00 ms\tBilled Duration: 3000 ms\t{MEMORY}\tStatus: timeout",
        ),
        (
            {
                "duration_ms": 133.61,
                "init_duration_ms": 80.0,
                "max_memory_used_mb": 31,
                "status": "error",
                "error_type": "Runtime.ExitError",
            },
            "Duration: 133.61 ms\tBilled Duration: 214 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 31 MB\tInit Duration: 80.00 ms\tStatus: error\t"
            "Error Type: Runtime.ExitError",
        ),
        (
            # A function that merely raised has used its environment as any other has.
            {"status": "error"},
            f"Duration: 15.74 ms\tBilled Duration: 16 ms\t{MEMORY}",
        ),
    ],
)
def test_report(fields: dict[str, Any], text: str) -> None:
    line = log.report_line(TEXT, NOW, report=report(**fields))
    assert line == f"REPORT RequestId: {ID}\t{text}".encode()


@pytest.mark.parametrize(
    ("status", "error_type", "text"),
    [
        ("timeout", None, "Status: timeout"),
        ("error", "Extension.Crash", "Status: error\tError Type: Extension.Crash"),
    ],
)
def test_init_report(status: str, error_type: str | None, text: str) -> None:
    line = log.init_report(
        TEXT, NOW, duration_ms=1236.04, phase="init", status=status, error_type=error_type
    )
    assert line == f"INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\t{text}".encode()


def test_an_init_that_succeeds_on_demand_leaves_no_report_in_text() -> None:
    fields: dict[str, Any] = {"phase": "init", "status": "success", "error_type": None}
    assert log.init_report(TEXT, NOW, duration_ms=80, **fields) is None
    assert log.init_runtime_done(TEXT, NOW, **fields) is None


def test_the_line_of_a_timeout() -> None:
    line = log.task_timed_out(NOW, request_id=ID, timeout_s=3)
    assert line == f"2026-12-21T15:04:05.678Z {ID} Task timed out after 3.00 seconds".encode()


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)))
def test_times_are_cut_to_milliseconds(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000 + 500)
    shown = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert log.timestamp(moment.timestamp()) == shown


# JSON


def test_init_records() -> None:
    line = log.init_start(as_json(), NOW, runtime="python:3.13", name="resize", phase="init")
    assert event(line) == (
        "platform.initStart",
        {
            "initializationType": "on-demand",
            "phase": "init",
            "runtimeVersion": "python:3.13",
            "functionName": "resize",
            "functionVersion": "$LATEST",
        },
    )
    same = {"initializationType": "on-demand", "phase": "invoke", "status": "success"}
    fields: dict[str, Any] = {"phase": "invoke", "status": "success", "error_type": None}
    line = log.init_runtime_done(as_json(), NOW, **fields)
    assert event(line) == ("platform.initRuntimeDone", same)
    line = log.init_report(as_json(), NOW, duration_ms=125.33, **fields)
    assert event(line) == ("platform.initReport", {**same, "metrics": {"durationMs": 125.33}})


def test_init_records_of_a_failure() -> None:
    fields: dict[str, Any] = {
        "phase": "init",
        "status": "error",
        "error_type": "Runtime.ImportModuleError",
    }
    for line in (
        log.init_runtime_done(as_json("warn"), NOW, **fields),
        log.init_report(as_json("warn"), NOW, duration_ms=12.3456, **fields),
    ):
        _, record = event(line)
        assert record["status"] == "error"
        assert record["errorType"] == "Runtime.ImportModuleError"


def test_invocation_records() -> None:
    trace = "Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1"
    line = log.start(as_json(), NOW, request_id=ID, version="7", trace_id=trace)
    assert event(line) == (
        "platform.start",
        {
            "requestId": ID,
            "version": "7",
            "tracing": {"type": "X-Amzn-Trace-Id", "value": trace},
        },
    )
    done = report(duration_ms=693.9234567, init_duration_ms=397.68)
    assert event(log.end(as_json(), NOW, report=done)) == (
        "platform.runtimeDone",
        {"requestId": ID, "status": "success", "metrics": {"durationMs": 693.923}},
    )
    assert event(log.report_line(as_json(), NOW, report=done)) == (
        "platform.report",
        {
            "requestId": ID,
            "status": "success",
            "metrics": {
                "durationMs": 693.923,
                "billedDurationMs": 1092,
                "memorySizeMB": 128,
                "maxMemoryUsedMB": 56,
                "initDurationMs": 397.68,
            },
        },
    )


def test_invocation_records_of_failures() -> None:
    crashed = report(status="error", error_type="Runtime.ExitError")
    raised = report(status="error")
    for make in (log.end, log.report_line):
        _, record = event(make(as_json("warn"), NOW, report=crashed))
        assert (record["status"], record["errorType"]) == ("error", "Runtime.ExitError")
        _, record = event(make(as_json("warn"), NOW, report=raised))
        assert record["status"] == "error"
        assert "errorType" not in record
        assert "initDurationMs" not in record["metrics"]


def test_no_trace_no_tracing() -> None:
    line = log.start(as_json(), NOW, request_id=ID, version="$LATEST", trace_id="")
    assert event(line)[1] == {"requestId": ID, "version": "$LATEST"}


def lines(logging: Logging, status: str) -> dict[str, bytes | None]:
    fields: dict[str, Any] = {"phase": "init", "status": status, "error_type": None}
    done = report(status=status)
    return {
        "initStart": log.init_start(logging, NOW, runtime="x", name="resize", phase="init"),
        "initRuntimeDone": log.init_runtime_done(logging, NOW, **fields),
        "initReport": log.init_report(logging, NOW, duration_ms=1, **fields),
        "start": log.start(logging, NOW, request_id=ID, version="1", trace_id=""),
        "runtimeDone": log.end(logging, NOW, report=done),
        "report": log.report_line(logging, NOW, report=done),
    }


@pytest.mark.parametrize(
    ("level", "status", "shown"),
    [
        ("debug", "success", "initStart initRuntimeDone initReport start runtimeDone report"),
        ("debug", "error", "initStart initRuntimeDone initReport start runtimeDone report"),
        ("info", "success", "initStart start report"),
        ("info", "error", "initStart initRuntimeDone initReport start runtimeDone report"),
        ("warn", "success", ""),
        ("warn", "error", "initRuntimeDone initReport runtimeDone report"),
        ("warn", "timeout", "initRuntimeDone initReport runtimeDone report"),
    ],
)
def test_system_log_levels(
    level: Literal["debug", "info", "warn"], status: str, shown: str
) -> None:
    told = lines(as_json(level), status)
    assert [name for name, line in told.items() if line is not None] == shown.split()


@pytest.mark.parametrize("level", ["debug", "info", "warn"])
def test_levels_are_for_json_only(level: Literal["debug", "info", "warn"]) -> None:
    told = lines(Logging(format="text", system_level=level), "error")
    assert [name for name, line in told.items() if line is None] == ["initRuntimeDone"]
