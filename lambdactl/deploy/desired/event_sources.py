"""What Lambda polls for functions: queues, streams, topics of Kafka, brokers, change streams."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from lambdactl.deploy.desired import Wanted, needs
from lambdactl.deploy.desired.grants import called, qualifier_of
from lambdactl.deploy.kinds import event_source_shape as shape
from lambdactl.deploy.model import Ref, Resource
from lambdactl.errors import UserError
from lambdactl.manifest.model import Function, Trigger
from lambdactl.manifest.settings import Destination

Properties = dict[str, Any]


def resources(wanted: Wanted) -> Iterable[Resource]:
    """:raises UserError: a source is not named as AWS has to know it, or is read twice."""
    for function in wanted.functions:
        names: dict[str, str | None] = {}
        for trigger in function.triggers:
            if trigger.kind in _SOURCES:
                yield _resource(wanted, function, trigger, names)


def _resource(
    wanted: Wanted, function: Function, trigger: Trigger, names: dict[str, str | None]
) -> Resource:
    settings = trigger.settings
    source, sources = _SOURCES[trigger.kind](wanted, trigger)
    qualifier = qualifier_of(settings.get("alias"))
    properties = {**source, **_common(wanted, trigger), "qualifier": qualifier}
    name = f"{wanted.naming.function(function.name)}/{shape.source_name(properties)}"
    if name in names:
        if qualifier is None or qualifier in (names[name], *_others(names, name)):
            raise UserError(
                f"`{function.name}` has two triggers of {shape.source_name(properties)}",
                where=trigger.where,
                hint="Lambda reads a source once for a function: make one trigger of them",
            )
        name = f"{name}@{qualifier}"
    names[name] = qualifier
    return Resource(
        kind="event_source",
        name=name,
        properties=properties,
        needs=(
            called(wanted, function.name, qualifier),
            *needs.role(wanted, function.name),
            *needs.destination(wanted, settings.get("on_failure")),
            *sources,
        ),
        function=function.name,
        where=trigger.where,
    )


def _others(names: Mapping[str, str | None], name: str) -> Iterator[str | None]:
    return (qualifier for one, qualifier in names.items() if one.startswith(f"{name}@"))


def _common(wanted: Wanted, trigger: Trigger) -> Properties:
    """What a mapping has beside its source: all that its kind takes, and nothing else."""
    settings = trigger.settings
    found: Properties = {}
    for name, default in shape.DEFAULTS[trigger.kind].items():
        value = settings.get(name)
        found[name] = default if value is None else _normalised(wanted, name, value)
    if settings.get("window_s") is not None:
        # Where Lambda's own is half a second, it can't be given: then nothing is said of it, and
        # one that leaves the manifest stays as it was.
        found["window_s"] = settings["window_s"]
    if settings.get("starting_timestamp") is not None:
        found["starting_timestamp"] = _seconds(settings["starting_timestamp"])
    for name in ("starting_position", "consumer_group"):
        if settings.get(name) is not None:
            found[name] = settings[name]
    if settings.get("consumption_mode") == "queue" and found["retries"] == -1:
        # A share group has another default than a consumer group:
        # https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
        del found["retries"]
    found["tags"] = dict(settings.get("tags", {}))
    return found


def _normalised(wanted: Wanted, name: str, value: Any) -> Any:
    made: Mapping[str, Callable[[Any], Any]] = {
        "filters": shape.filters,
        "metrics": sorted,
        "access": shape.pairs,
        "provisioned": lambda one: {
            "min": one["min"],
            "max": one["max"],
            "group": one.get("group"),
        },
        "on_failure": lambda one: _failure(wanted, one),
        "schema_registry": lambda one: {
            "uri": one["uri"],
            "format": one["format"],
            "access": shape.pairs(one.get("access", ())),
            "validate": sorted(one.get("validate", ())),
        },
    }
    return made[name](value) if name in made else value


def _failure(wanted: Wanted, destination: Destination) -> str:
    """:return: an ARN, or ``kafka://topic``."""
    if destination.kind == "kafka":
        return f"kafka://{destination.target}"
    return wanted.naming.arn_of(destination)


def _seconds(moment: Any) -> int:
    """:param moment: Unix seconds, or a time as ISO 8601 has it; without an offset it is UTC."""
    if not isinstance(moment, str):
        return int(moment)
    found = datetime.datetime.fromisoformat(moment.upper())
    if found.tzinfo is None:
        found = found.replace(tzinfo=datetime.UTC)
    return int(found.timestamp())


_Source = tuple[Properties, Iterable[str]]


def _sqs(wanted: Wanted, trigger: Trigger) -> _Source:
    queue = trigger.settings["queue"]
    return {"source": wanted.naming.queue_arn(queue)}, needs.owned(wanted, "queues", queue)


def _kinesis(wanted: Wanted, trigger: Trigger) -> _Source:
    stream = trigger.settings["stream"]
    return {"source": wanted.naming.stream_arn(stream)}, needs.owned(wanted, "streams", stream)


def _dynamodb(wanted: Wanted, trigger: Trigger) -> _Source:
    table = trigger.settings["table"]
    if "/stream/" in table:
        return {"table": table.partition("/stream/")[0], "source": table}, ()
    found: Properties = {"table": wanted.naming.table_arn(table)}
    if wanted.naming.is_owned("tables", table):
        address = f"table:{wanted.naming.owned_name('tables', table)}"
        found["source"] = Ref(address, "stream_arn")
    return found, ()


def _kafka(wanted: Wanted, trigger: Trigger) -> _Source:
    settings = trigger.settings
    found: Properties = {"topic": settings["topic"]}
    if settings.get("cluster"):
        found["source"] = settings["cluster"]
    else:
        found["servers"] = sorted(settings["bootstrap_servers"])
    return found, ()


def _mq(wanted: Wanted, trigger: Trigger) -> _Source:
    broker = trigger.settings["broker"]
    if not broker.startswith("arn:"):
        raise UserError(
            f"AWS knows the broker `{broker}` by its ARN only",
            where=trigger.where,
            hint="write the ARN; `aws mq list-brokers` shows it",
        )
    return {"source": broker, "queue": trigger.settings["queue"]}, ()


def _documentdb(wanted: Wanted, trigger: Trigger) -> _Source:
    cluster = trigger.settings["cluster"]
    if not cluster.startswith("arn:"):
        # https://docs.aws.amazon.com/documentdb/latest/developerguide/documentdb-arns.html
        cluster = wanted.naming.arn("rds", f"cluster:{cluster}")
    return {"source": cluster, "database": trigger.settings["database"]}, ()


_SOURCES: Mapping[str, Callable[[Wanted, Trigger], _Source]] = {
    "sqs": _sqs,
    "kinesis": _kinesis,
    "dynamodb": _dynamodb,
    "kafka": _kafka,
    "mq": _mq,
    "documentdb": _documentdb,
}
