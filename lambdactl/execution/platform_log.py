"""The lines that Lambda itself writes into a function's log: INIT_START, START, END, REPORT.

Text format: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html and
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html (``INIT_REPORT``).
JSON format and the level of each event:
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html and
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html.

Each function returns the line as bytes, or None when the function's system log level leaves
it out (or the format has no such line).
"""

from __future__ import annotations

import json
import time
from typing import Any

from lambdactl.execution.invocation import Report
from lambdactl.manifest.model import Logging

_SYSTEM_LEVELS = {"debug": 1, "info": 2, "warn": 3}


def timestamp(seconds: float) -> str:
    """``2026-11-21T15:04:05.678Z``."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"


def _event(logging: Logging, level: str, now: float, kind: str, record: Any) -> bytes | None:
    if _SYSTEM_LEVELS[level] < _SYSTEM_LEVELS[logging.system_level]:
        return None
    return json.dumps(
        {"time": timestamp(now), "type": f"platform.{kind}", "record": record},
        separators=(",", ":"),
    ).encode()


def _level(status: str, of_success: str) -> str:
    return of_success if status == "success" else "warn"


def init_start(
    logging: Logging, now: float, *, runtime: str, name: str, phase: str
) -> bytes | None:
    """An environment begins to initialise. ``runtime`` describes what runs it."""
    if logging.format == "text":
        return f"INIT_START Runtime Version: {runtime}".encode()
    return _event(
        logging,
        "info",
        now,
        "initStart",
        {
            "initializationType": "on-demand",
            "phase": phase,
            "runtimeVersion": runtime,
            "functionName": name,
            "functionVersion": "$LATEST",
        },
    )


def init_runtime_done(
    logging: Logging, now: float, *, phase: str, status: str, error_type: str | None
) -> bytes | None:
    """The runtime has asked for its first event, or failed to (only in JSON)."""
    if logging.format == "text":
        return None
    record = {"initializationType": "on-demand", "phase": phase, "status": status}
    if error_type:
        record["errorType"] = error_type
    return _event(logging, _level(status, "debug"), now, "initRuntimeDone", record)


def init_report(
    logging: Logging,
    now: float,
    *,
    duration_ms: float,
    phase: str,
    status: str,
    error_type: str | None,
) -> bytes | None:
    """How an init went. In text Lambda writes none for one that succeeds on demand."""
    if logging.format == "text":
        if status == "success":
            return None
        text = f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\tStatus: {status}"
        return (text + (f"\tError Type: {error_type}" if error_type else "")).encode()
    record: dict[str, Any] = {
        "initializationType": "on-demand",
        "phase": phase,
        "status": status,
        "metrics": {"durationMs": round(duration_ms, 3)},
    }
    if error_type:
        record["errorType"] = error_type
    return _event(logging, _level(status, "debug"), now, "initReport", record)


def start(
    logging: Logging, now: float, *, request_id: str, version: str, trace_id: str
) -> bytes | None:
    """An invocation begins."""
    if logging.format == "text":
        return f"START RequestId: {request_id} Version: {version}".encode()
    record: dict[str, Any] = {"requestId": request_id, "version": version}
    if trace_id:
        record["tracing"] = {"type": "X-Amzn-Trace-Id", "value": trace_id}
    return _event(logging, "info", now, "start", record)


def end(logging: Logging, now: float, *, report: Report) -> bytes | None:
    """The runtime is done with the invocation (``platform.runtimeDone`` in JSON)."""
    if logging.format == "text":
        return f"END RequestId: {report.request_id}".encode()
    record: dict[str, Any] = {
        "requestId": report.request_id,
        "status": report.status,
        "metrics": {"durationMs": round(report.duration_ms, 3)},
    }
    if report.error_type:
        record["errorType"] = report.error_type
    return _event(logging, _level(report.status, "debug"), now, "runtimeDone", record)


def report_line(logging: Logging, now: float, *, report: Report) -> bytes | None:
    """What the invocation cost."""
    if logging.format == "text":
        text = (
            f"REPORT RequestId: {report.request_id}\tDuration: {report.duration_ms:.2f} ms\t"
            f"Billed Duration: {report.billed_duration_ms} ms\t"
            f"Memory Size: {report.memory_size_mb} MB\t"
            f"Max Memory Used: {report.max_memory_used_mb} MB"
        )
        if report.init_duration_ms is not None:
            text += f"\tInit Duration: {report.init_duration_ms:.2f} ms"
        if report.status == "timeout":
            text += "\tStatus: timeout"
        elif report.error_type:
            text += f"\tStatus: error\tError Type: {report.error_type}"
        return text.encode()
    metrics: dict[str, Any] = {
        "durationMs": round(report.duration_ms, 3),
        "billedDurationMs": report.billed_duration_ms,
        "memorySizeMB": report.memory_size_mb,
        "maxMemoryUsedMB": report.max_memory_used_mb,
    }
    if report.init_duration_ms is not None:
        metrics["initDurationMs"] = round(report.init_duration_ms, 3)
    record: dict[str, Any] = {
        "requestId": report.request_id,
        "metrics": metrics,
        "status": report.status,
    }
    if report.error_type and report.status != "success":
        record["errorType"] = report.error_type
    return _event(logging, _level(report.status, "info"), now, "report", record)


def task_timed_out(now: float, *, request_id: str, timeout_s: float) -> bytes:
    """The line that tells of a timeout, ahead of END."""
    return f"{timestamp(now)} {request_id} Task timed out after {timeout_s:.2f} seconds".encode()
