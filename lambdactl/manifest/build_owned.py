"""Normalised values -> the ``resources`` section of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lambdactl.errors import Location
from lambdactl.manifest.build import Locate, Values
from lambdactl.manifest.document import Node
from lambdactl.manifest.owned import (
    Bucket,
    Index,
    Queue,
    Resources,
    Stream,
    Table,
    Topic,
)
from lambdactl.manifest.owned_rules import is_fifo, key_attributes

T = TypeVar("T")


def resources(values: Values, document: Node, locate: Locate) -> Resources:
    """The ``resources`` section."""
    section: Values = values["resources"]

    def made(kind: str, make: Callable[..., T]) -> dict[str, T]:
        nodes = document.get("resources", kind)
        found: dict[str, T] = {}
        for key, fields in section.get(kind, {}).items():
            place = nodes.keys.get(key) if nodes is not None else None
            found[key] = make(key, fields, locate(place) if place else None)
        return found

    tables = {
        key: fields
        for key, fields in section.get("tables", {}).items()
        if "partition_key" in fields
    }
    section = {**section, "tables": tables}
    return Resources(
        queues=made("queues", _queue),
        topics=made("topics", _topic),
        buckets=made("buckets", _bucket),
        tables=made("tables", _table),
        streams=made("streams", _stream),
    )


def joined(first: Resources, second: Resources) -> Resources:
    """What both have, of the same key that of ``first``."""
    return Resources(
        queues={**second.queues, **first.queues},
        topics={**second.topics, **first.topics},
        buckets={**second.buckets, **first.buckets},
        tables={**second.tables, **first.tables},
        streams={**second.streams, **first.streams},
    )


def _queue(key: str, fields: Values, where: Location | None) -> Queue:
    return Queue(
        name=key,
        aws_name=fields.get("name"),
        fifo=is_fifo(key, fields),
        visibility_timeout_s=fields.get("visibility_timeout_s"),
        retention_s=fields.get("retention_s", 345600),
        delay_s=fields.get("delay_s", 0),
        receive_wait_s=fields.get("receive_wait_s", 0),
        dead_letter=fields.get("dead_letter"),
        max_receives=fields.get("max_receives", 3),
        deduplication=fields.get("deduplication", False),
        kms_key=fields.get("kms_key"),
        tags=fields.get("tags", {}),
        where=where,
    )


def _topic(key: str, fields: Values, where: Location | None) -> Topic:
    return Topic(
        name=key,
        aws_name=fields.get("name"),
        fifo=is_fifo(key, fields),
        deduplication=fields.get("deduplication", False),
        display_name=fields.get("display_name"),
        kms_key=fields.get("kms_key"),
        tags=fields.get("tags", {}),
        where=where,
    )


def _bucket(key: str, fields: Values, where: Location | None) -> Bucket:
    return Bucket(
        name=key,
        aws_name=fields.get("name"),
        versioned=fields.get("versioned", False),
        force_delete=fields.get("force_delete", False),
        tags=fields.get("tags", {}),
        where=where,
    )


def _table(key: str, fields: Values, where: Location | None) -> Table:
    types = fields.get("attributes", {})
    return Table(
        name=key,
        partition_key=fields["partition_key"],
        sort_key=fields.get("sort_key"),
        attributes={name: types.get(name, "string") for name in key_attributes(fields)},
        indexes=tuple(
            Index(name, inner["partition_key"], inner.get("sort_key"))
            for name, inner in fields.get("indexes", {}).items()
            if "partition_key" in inner
        ),
        stream=fields.get("stream"),
        ttl=fields.get("ttl"),
        point_in_time_recovery=fields.get("point_in_time_recovery", False),
        protected=fields.get("protected", False),
        aws_name=fields.get("name"),
        tags=fields.get("tags", {}),
        where=where,
    )


def _stream(key: str, fields: Values, where: Location | None) -> Stream:
    return Stream(
        name=key,
        aws_name=fields.get("name"),
        shards=fields.get("shards"),
        retention_h=fields.get("retention_s", 86400) // 3600,
        tags=fields.get("tags", {}),
        where=where,
    )
