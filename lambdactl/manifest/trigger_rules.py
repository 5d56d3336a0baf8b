"""Rules of event sources that join several fields of a trigger.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html unless a rule says
otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from typing import Any

from lambdactl.manifest import limits
from lambdactl.manifest.document import Node, Problems, plain


def check_triggers(
    function: Node,
    values: Mapping[int, Mapping[str, Any]],
    problems: Problems,
    fifo: Container[str] = (),
) -> None:
    """Apply the rules of every trigger of one function. ``values`` are the normalised values of
    mappings by the id of their node, ``fifo`` keys of FIFO queues of this manifest."""
    node = function.get("triggers")
    if node is None or not isinstance(node.value, list):
        return
    tenancy = function.get("tenancy")
    for item in node.value:
        for kind, trigger in item.items():
            if kind == "schedule":
                schedule(trigger, problems)
            data = values.get(id(trigger))
            if data is None:
                continue
            if kind == "sqs":
                sqs(trigger, data, problems, fifo)
            elif kind in ("kinesis", "dynamodb", "documentdb", "kafka"):
                starting_position(trigger, data, problems)
            if kind == "kafka":
                kafka(trigger, data, problems)
            pollers(trigger, data, problems)
            filters(trigger, problems)
            if kind not in ("http", "rest", "websocket") and tenancy is not None:
                problems.add(
                    "conflict",
                    f"tenant isolation does not work with `{kind}` triggers",
                    item.keys[kind],
                    "only API Gateway can call such a function",
                    node=trigger,
                )


def sqs(node: Node, data: Mapping[str, Any], problems: Problems, fifo: Container[str] = ()) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    size, window = node.get("batch_size"), node.get("window")
    batch, seconds = data.get("batch_size", 1), data.get("window_s")
    least, most = limits.value("sqs_batch_without_window"), limits.value("sqs_fifo_batch")
    queue = str(data.get("queue"))
    if queue.endswith(".fifo") or queue in fifo:
        if size is not None and batch > most:
            problems.add(
                "out-of-range", f"a FIFO queue allows batches of {most}, not {batch}", size
            )
        if window is not None and seconds:
            problems.add("conflict", "a FIFO queue allows no `window`", window)
    elif size is not None and batch > least and seconds == 0:
        problems.add(
            "missing-field" if window is None else "out-of-range",
            f"a `batch_size` of more than {least} needs a `window` of at least 1 s",
            size if window is None else window,
            "add `window: 1s`" if window is None else None,
        )
    if node.get("provisioned") is not None and node.get("max_concurrency") is not None:
        problems.add(
            "conflict",
            "`provisioned` and `max_concurrency` exclude each other",
            node.keys["max_concurrency"],
            node=node.get("max_concurrency"),
        )


def starting_position(node: Node, data: Mapping[str, Any], problems: Problems) -> None:
    position, timestamp = node.get("starting_position"), node.get("starting_timestamp")
    if position is not None and "starting_position" not in data:
        return
    at_timestamp = data.get("starting_position") == "at_timestamp"
    if at_timestamp and timestamp is None:
        problems.add(
            "missing-field",
            "`starting_position: at_timestamp` needs `starting_timestamp`",
            position,
            "for example `starting_timestamp: 2026-01-31T12:00:00Z`",
        )
    if timestamp is not None and not at_timestamp:
        problems.add(
            "conflict",
            "`starting_timestamp` goes with `starting_position: at_timestamp`",
            node.keys["starting_timestamp"],
            node=timestamp,
        )


def kafka(node: Node, data: Mapping[str, Any], problems: Problems) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html"""
    if data.get("consumption_mode") == "queue":
        for field in ("starting_position", "starting_timestamp"):
            if node.get(field) is not None:
                problems.add(
                    "conflict",
                    f"`consumption_mode: queue` takes no `{field}`",
                    node.keys[field],
                    node=node.get(field),
                )
        if node.get("cluster") is not None:
            problems.add(
                "conflict",
                "`consumption_mode: queue` works with brokers of your own only",
                node.get("consumption_mode"),
            )
    failure = data.get("on_failure")
    to_topic = "kafka" in failure if isinstance(failure, dict) else str(failure).startswith("kafka")
    if to_topic and node.get("provisioned") is None:
        problems.add(
            "conflict",
            "a Kafka topic for failures needs provisioned mode",
            node.get("on_failure"),
            "add `provisioned: {min: 1}`",
        )


def pollers(node: Node, data: Mapping[str, Any], problems: Problems) -> None:
    settings = data.get("provisioned", {})
    low, high = settings.get("min"), settings.get("max")
    if low is not None and high is not None and low > high:
        problems.add(
            "conflict",
            f"`min` ({low}) exceeds `max` ({high})",
            node.get("provisioned", "min") or node.get("provisioned", "max"),
        )


_RATE = re.compile(r"rate\(([0-9]+) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\(\S+ \S+ (\S+) \S+ (\S+) \S+\)")


def schedule(node: Node, problems: Problems) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    expression = node.get("expression") if node.is_mapping else node
    if expression is None or expression.unknown or not isinstance(expression.value, str):
        return
    rate, cron = _RATE.fullmatch(expression.value), _CRON.fullmatch(expression.value)
    if rate is not None and (int(rate[1]) == 1) is bool(rate[3]):
        problems.add(
            "malformed",
            f"a rule of EventBridge refuses `{expression.value}`",
            expression,
            f"write rate({rate[1]} {rate[2]}{'' if rate[3] else 's'})",
            severity="warning",
        )
    elif cron is not None and (cron[1] == "?") is (cron[2] == "?"):
        problems.add(
            "malformed",
            f"`{expression.value}` needs `?` in one of the third and fifth fields",
            expression,
            "`?` stands where the other field says the day: cron(0 12 * * ? *)",
        )


def filters(node: Node, problems: Problems) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html"""
    entries = node.get("filters")
    if entries is None or not isinstance(entries.value, list):
        return
    most = limits.value("filter_pattern_characters")
    for entry in entries.value:
        if isinstance(entry.value, str) and not entry.unknown:
            try:
                sound = isinstance(json.loads(entry.value), dict)
            except (ValueError, RecursionError):
                sound = False
            if not sound:
                problems.add("malformed", "a filter is a mapping, or the JSON text of one", entry)
        elif entry.is_mapping:
            length = len(json.dumps(plain(entry), separators=(",", ":")))
            if length > most:
                problems.add(
                    "too-long",
                    f"this pattern has {length:,} characters; {most:,} are allowed",
                    entry,
                )
