"""What ``lambdactl invoke`` shows: the response on stdout and only that, the rest on stderr."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lambdactl.cli.invoke_input import Options

if TYPE_CHECKING:
    from lambdactl.execution.asynchronous import Delivery
    from lambdactl.execution.invocation import InvocationResult
    from lambdactl.execution.repetition import Repetition


def show_result(result: InvocationResult, options: Options) -> None:
    """One answer."""
    if options.output == "json":
        click.echo(json.dumps(_as_json(result), indent=2))
    elif not result.streamed or result.function_error:
        _write(result.payload)


def _as_json(result: InvocationResult) -> dict[str, Any]:
    """What AWS's ``Invoke`` answers, and the report."""
    try:
        response: Any = json.loads(result.payload)
    except ValueError:
        response = result.payload.decode("utf-8", "replace")
    report = result.report._asdict()
    return {
        "status_code": 200,
        "function_error": result.function_error,
        "executed_version": result.executed_version,
        "request_id": result.request_id,
        "response": response,
        "report": {**report, "billed_duration_ms": result.report.billed_duration_ms},
        "log_tail": result.log,
    }


def show_delivery(delivery: Delivery, options: Options) -> None:
    """How an asynchronous event fared."""
    if options.output == "json":
        document = {
            "status_code": 202,
            "request_id": delivery.request_id,
            "condition": delivery.condition,
            "attempts": [_as_json(result) for result in delivery.attempts],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(f"{delivery.condition} after {len(delivery.attempts)} attempt(s)", err=True)


def show_repetition(done: Repetition, options: Options) -> None:
    """The last answer, and a table of latencies."""
    if options.output == "json":
        latencies = {
            kind: dataclasses.asdict(latency) if latency else None
            for kind, latency in (("cold", done.cold), ("warm", done.warm))
        }
        document = {
            "invocations": options.repeat,
            "concurrency": options.concurrency,
            "failed": done.failed,
            "throttled": done.throttled,
            "seconds": round(done.seconds, 6),
            **latencies,
            "last": _as_json(done.last),
        }
        click.echo(json.dumps(document, indent=2))
        return
    _write(done.last.payload)
    rate = options.repeat / done.seconds
    rows: list[Sequence[str]] = [("", "count", "min", "p50", "p90", "p99", "max")]
    for kind, latency in (("cold", done.cold), ("warm", done.warm)):
        if latency is not None:
            _, *times = dataclasses.astuple(latency)
            rows.append((kind, str(latency.count), *(f"{ms:.2f} ms" for ms in times)))
    for row in rows:
        click.echo("".join(f"{cell:>12}" for cell in row), err=True)
    click.echo(
        f"{options.repeat} invocations, {options.concurrency} at a time: "
        f"{done.seconds:.2f} s, {rate:.0f} a second, {done.failed} failed"
        + (f", {done.throttled} throttled" if done.throttled else ""),
        err=True,
    )


def stream(_content_type: str, chunk: bytes) -> None:
    """A piece of a streamed response, as it comes."""
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _write(payload: bytes) -> None:
    """The response and only that; a line end is added where it has none."""
    stream = sys.stdout.buffer
    stream.write(payload)
    if not payload.endswith(b"\n"):
        stream.write(b"\n")
    stream.flush()
