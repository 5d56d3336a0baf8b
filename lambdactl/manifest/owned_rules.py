"""Rules of what a manifest owns: queues, topics, buckets, tables and streams, and of what triggers
ask of them.

As in :mod:`lambdactl.manifest.rules`, each rule cites its AWS page and looks only at sound fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node, Problems

Values = Mapping[str, Any]

_FIFO = ".fifo"
_LONGEST = {"queues": 80, "topics": 256, "buckets": 63, "tables": 255, "streams": 128}
"""Characters of a name in AWS."""
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"


def check_resources(
    document: Node,
    values: Values,
    problems: Problems,
    stage: str | None = None,
    severity: str = "error",
) -> None:
    """Apply the rules of the ``resources`` section, and of triggers of what is in it.

    :param values: the normalised values of the whole manifest.
    :param severity: of triggers that AWS would refuse, and that run on this machine.
    """
    if not values.get("resources"):
        return
    for section, name, node, data in _entries(document, values):
        _named(section, name, node, data, problems, stage)
        if section in ("queues", "topics"):
            _fifo(section, name, node, data, problems)
        if section == "queues":
            _dead_letter(name, node, data, values["resources"]["queues"], problems)
        elif section == "tables":
            _attributes(name, node, data, problems)
        elif section == "streams" and data.get("retention_s", 0) % 3600:
            problems.add(
                "invalid-value", "`retention` of a stream is in whole hours", node.get("retention")
            )
    _together(document, values, problems)
    for name, function in values.get("functions", {}).items():
        called = document.get("functions", name)
        if called is not None:
            _triggers(called, function, values["resources"], problems, severity)


def is_fifo(key: str, fields: Values) -> bool:
    """Whether a queue or topic is FIFO: its field, its key or its name says so."""
    return bool(fields.get("fifo")) or str(fields.get("name", key)).endswith(_FIFO)


def fifo_queues(values: Values) -> frozenset[str]:
    """Keys of the FIFO queues among a manifest's own."""
    queues = values.get("resources", {}).get("queues", {})
    return frozenset(key for key, fields in queues.items() if is_fifo(key, fields))


def key_attributes(fields: Values) -> tuple[str, ...]:
    """Attributes that are part of a key of a table or of one of its indexes."""
    schemas = (fields, *fields.get("indexes", {}).values())
    names = (keys.get(part) for keys in schemas for part in ("partition_key", "sort_key"))
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _entries(document: Node, values: Values) -> Iterator[tuple[str, str, Node, Values]]:
    for section, entries in values["resources"].items():
        for name, data in entries.items():
            node = document.get("resources", section, name)
            if node is not None:
                yield section, name, node, data


def _named(
    section: str, key: str, node: Node, data: Values, problems: Problems, stage: str | None
) -> None:
    """The key with the stage after it must be a name in AWS, too."""
    if "name" in data or stage is None:
        return
    fifo = section in ("queues", "topics") and is_fifo(key, data)
    staged = f"{key.removesuffix(_FIFO)}-{stage}{_FIFO if fifo else ''}"
    sound = len(staged) <= _LONGEST[section]
    if section == "buckets" and sound:
        sound = re.fullmatch(_BUCKET, staged) is not None
    if not sound:
        problems.add(
            "malformed-name",
            f"with the stage it is `{staged}`, which AWS refuses as a name",
            node,
            "give it a `name`",
        )


def _fifo(section: str, key: str, node: Node, data: Values, problems: Problems) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html:
    the name of a FIFO queue ends in .fifo."""
    fifo, name = is_fifo(key, data), data.get("name")
    what = section.removesuffix("s")
    if name is not None and fifo != name.endswith(_FIFO):
        problems.add(
            "conflict", f"the name of a FIFO {what} ends in {_FIFO}", node.get("name") or node
        )
    elif key.endswith(_FIFO) and (
        (name is not None and not name.endswith(_FIFO))
        or (node.get("fifo") is not None and not data.get("fifo"))
    ):
        problems.add("conflict", f"`{key}` is a FIFO {what} by its key", node.get("fifo") or node)
    if data.get("deduplication") and not fifo:
        problems.add(
            "conflict",
            f"`deduplication` is for FIFO {section}",
            node.get("deduplication"),
            "add `fifo: true`, or remove the line",
        )


def _dead_letter(
    key: str, node: Node, data: Values, queues: Mapping[str, Values], problems: Problems
) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html:
    the dead-letter queue of a FIFO queue is a FIFO queue, too."""
    target = data.get("dead_letter")
    if target is None:
        if node.get("max_receives") is not None:
            problems.add(
                "missing-field", "`max_receives` goes with `dead_letter`", node.keys["max_receives"]
            )
        return
    place = node.get("dead_letter")
    if target == key:
        problems.add("conflict", f"`{key}` can't be its own dead-letter queue", place)
    elif target.startswith("arn:"):
        if target.endswith(_FIFO) != is_fifo(key, data):
            _mixed(key, is_fifo(key, data), place, problems)
    elif target not in queues:
        problems.add(
            "unknown-resource",
            f"there is no queue `{target}` in `resources.queues`",
            place,
            did_you_mean(target, queues) or "add it there, or write the ARN of one that exists",
        )
    elif is_fifo(target, queues[target]) != is_fifo(key, data):
        _mixed(key, is_fifo(key, data), place, problems)


def _mixed(key: str, fifo: bool, place: Node | None, problems: Problems) -> None:
    kind = "FIFO" if fifo else "standard"
    problems.add(
        "conflict", f"the dead-letter queue of `{key}` must be a {kind} queue, as it is", place
    )


def _attributes(key: str, node: Node, data: Values, problems: Problems) -> None:
    """Of attributes that are part of no key DynamoDB is told nothing
    (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html)."""
    known = key_attributes(data)
    attributes = node.get("attributes")
    for name in data.get("attributes", {}):
        if name not in known and attributes is not None:
            problems.add(
                "conflict",
                f"`{name}` is part of no key of the table `{key}`",
                attributes.keys.get(name, attributes.at),
                did_you_mean(name, known) or "other attributes are not declared",
                node=attributes.get(name),
            )
    for place, keys in (((), data), *((("indexes", i), k) for i, k in _indexes(data))):
        if keys.get("partition_key") is not None and keys.get("partition_key") == keys.get(
            "sort_key"
        ):
            problems.add(
                "conflict",
                "`partition_key` and `sort_key` are the same attribute",
                node.get(*place, "sort_key"),
            )


def _indexes(data: Values) -> Iterator[tuple[str, Values]]:
    yield from data.get("indexes", {}).items()


def _together(document: Node, values: Values, problems: Problems) -> None:
    """Names in AWS are given once."""
    for section, entries in values["resources"].items():
        names: dict[str, str] = {}
        for key, data in entries.items():
            name = data.get("name", key)
            if name in names:
                problems.add(
                    "conflict",
                    f"`{names[name]}` has the name `{name}` in AWS too",
                    document.get("resources", section, key),
                )
            names.setdefault(name, key)


def _triggers(
    node: Node, function: Values, owned: Values, problems: Problems, severity: str
) -> None:
    items = node.get("triggers")
    if items is None or not isinstance(items.value, list):
        return
    for item, forms in zip(items.value, function.get("triggers", ()), strict=False):
        for kind, settings in forms.items():
            rule = _OF_TRIGGERS.get(kind)
            trigger = item.get(kind)
            if rule is not None and trigger is not None and isinstance(settings, dict):
                found = rule(trigger, settings, function, owned)
                if found is not None:
                    code, message, at, hint = found
                    problems.add(code, message, at, hint, severity=severity)


_Fault = tuple[str, str, Node | None, str]


def _of_queue(trigger: Node, settings: Values, function: Values, owned: Values) -> _Fault | None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html: a message must be
    hidden for as long as the function may take."""
    queue = owned.get("queues", {}).get(settings.get("queue"))
    timeout = function.get("timeout_s", 3)
    if queue is None or queue.get("visibility_timeout_s", timeout) >= timeout:
        return None
    return (
        "conflict",
        f"its messages are hidden for {queue['visibility_timeout_s']} s, and the function may take "
        f"{timeout} s: Lambda refuses this queue",
        trigger.get("queue"),
        f"six times the timeout is advised: `visibility_timeout: {6 * timeout}s`, or leave it out",
    )


def _of_topic(trigger: Node, settings: Values, function: Values, owned: Values) -> _Fault | None:
    """https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-delivery.html"""
    name = settings.get("topic")
    topic = owned.get("topics", {}).get(name)
    if topic is None or not is_fifo(str(name), topic):
        return None
    return (
        "conflict",
        "a FIFO topic does not call functions",
        trigger.get("topic"),
        "subscribe a queue of yours, and let that trigger the function",
    )


def _of_table(trigger: Node, settings: Values, function: Values, owned: Values) -> _Fault | None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
    name = settings.get("table")
    table = owned.get("tables", {}).get(name)
    if table is None or table.get("stream") is not None:
        return None
    return (
        "missing-field",
        f"the table `{name}` in `resources` has no stream",
        trigger.get("table"),
        "give it one: `stream: new_and_old_images`",
    )


_OF_TRIGGERS: Mapping[str, Callable[[Node, Values, Values, Values], _Fault | None]] = {
    "sqs": _of_queue,
    "sns": _of_topic,
    "dynamodb": _of_table,
}
