"""The event that a trigger of the manifest implies: which one, of what bucket, queue or route.

A trigger comes as its kind and its normalised settings, so this room needs to know nothing else of
the manifest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lambdactl.errors import UserError
from lambdactl.events import filters, library
from lambdactl.events.generator import generate
from lambdactl.events.paths import apply_set
from lambdactl.events.patterns import matching_value

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Implied:
    """An event of the catalog, and the parameters that make it the trigger's.

    ``overlay`` is merged into the event, for what has no parameter. ``value`` stands for the whole
    event where the trigger says itself what the function is given.
    """

    service: str
    event: str
    params: Mapping[str, Any] = field(default_factory=dict)
    overlay: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None

    @property
    def full_name(self) -> str:
        return f"{self.service}:{self.event}"


def implied(kind: str, settings: Settings) -> Implied | None:
    """The event of a trigger, or None for a kind that has none in the catalog."""
    make = _KINDS.get(kind)
    return make(settings) if make else None


def choose(found: Sequence[Implied], words: Sequence[str], function: str) -> Implied:
    """The one of a function's implied events that ``words`` (a service, an event) ask for: without
    words, that of its first trigger. A word for another event of a service that is among them gives
    that event, with what the trigger says of buckets, queues and the like.

    :raises UserError: nothing fits.
    """
    if not found:
        raise UserError(
            f"{function} has no trigger to make an event of", hint="name a service instead of --for"
        )
    if not words:
        return found[0]
    wanted = library.find(*words)
    service = wanted.service if len(words) > 1 else library.find_service(words[0]).name
    of_service = [each for each in found if each.service in (service, wanted.service)]
    if not of_service:
        names = ", ".join(dict.fromkeys(each.full_name for each in found))
        raise UserError(f"{function} has no trigger of {words[0]}", hint=f"it has {names}")
    if len(words) == 1:
        return of_service[0]
    same = [each for each in of_service if each.event == wanted.name]
    return same[0] if same else replace(of_service[0], event=wanted.name, overlay={}, value=None)


def generate_implied(
    event: Implied,
    *,
    params: Mapping[str, Any] | None = None,
    records: int = 1,
    set_values: Sequence[tuple[str, Any]] = (),
    seed: int | None = None,
    carry: Sequence[str] = (),
) -> Any:
    """Like :func:`lambdactl.events.generate`, for a trigger's event; ``params`` come before the
    trigger's own.

    :raises UserError: as ``generate`` does, or for ``carry`` into an event that the trigger fixes.
    """
    own = library.find(event.service, event.event)
    known = {*own.params, *library.common_parameters()}
    merged = {name: value for name, value in event.params.items() if name in known}
    if carry and own.carrier is not None:
        merged.pop(own.carrier.param, None)
    merged.update(params or {})
    value = event.value
    if value is None:
        value = generate(
            event.service, event.event, params=merged, records=records, seed=seed, carry=carry
        )
        value = _overlaid(value, event.overlay)
    elif params or carry or records != 1:
        raise UserError(
            "the trigger gives the function an input of its own", hint="only --set can change it"
        )
    for path, raw in set_values:
        value = apply_set(value, path, raw)
    return value


def _overlaid(value: Any, overlay: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(overlay, Mapping):
        return overlay
    merged = {name: _overlaid(value.get(name), item) for name, item in overlay.items()}
    return {**value, **merged}


_S3_GROUPS = {
    "ObjectCreated:*": "put",
    "ObjectRemoved:*": "delete",
    "ObjectRestore:*": "restore-completed",
    "Replication:*": "replication-failed",
    "ObjectTagging:*": "tagging-put",
    "LifecycleExpiration:*": "lifecycle-delete",
}


def _s3(settings: Settings) -> Implied:
    name = settings["events"][0].removeprefix("s3:")
    event = library.find("s3", _S3_GROUPS.get(name, name))
    key = f"{settings.get('prefix', '')}sample{settings.get('suffix', '')}"
    return Implied("s3", event.name, {"bucket": settings["bucket"], "key": key})


def _sqs(settings: Settings) -> Implied:
    where, name = _from_arn(settings["queue"])
    return Implied(
        "sqs",
        "fifo" if name.endswith(".fifo") else "standard",
        {**where, "queue": name, **filters.params("sqs", settings)},
    )


def _sns(settings: Settings) -> Implied:
    where, name = _from_arn(settings["topic"])
    return Implied("sns", "notification", {**where, "topic": name, **filters.of_policy(settings)})


def _kinesis(settings: Settings) -> Implied:
    where, name = _from_arn(settings["stream"])
    event, window = _windowed(settings, "records")
    params = {**where, **window, "stream": name.removeprefix("stream/")}
    return Implied("kinesis", event, {**params, **filters.params("kinesis", settings)})


def _dynamodb(settings: Settings) -> Implied:
    where, name = _from_arn(settings["table"])
    filtered, sample = filters.of_table(settings)
    event, window = _windowed(settings, filtered or "insert")
    params = {**where, **window, **sample}
    if name.startswith("table/"):
        _, params["table"], *rest = name.split("/")
        if len(rest) == 2:
            params["label"] = rest[1]
    else:
        params["table"] = name
    return Implied("dynamodb", event, params)


def _windowed(settings: Settings, usual: str) -> tuple[str, dict[str, Any]]:
    seconds = settings.get("tumbling_window_s")
    return ("window", {"window": seconds}) if seconds else (usual, {})


def _kafka(settings: Settings) -> Implied:
    if "cluster" not in settings:
        servers = list(settings["bootstrap_servers"])
        own = {"topic": settings["topic"], "bootstrap": servers}
        return Implied("kafka", "records", {**own, **filters.params("kafka", settings)})
    where, name = _from_arn(settings["cluster"])
    params = {**where, "topic": settings["topic"], "cluster": name}
    if name.startswith("cluster/"):
        _, params["cluster"], params["cluster_id"] = name.split("/", 2)
    return Implied("msk", "records", {**params, **filters.params("kafka", settings)})


def _mq(settings: Settings) -> Implied:
    where, name = _from_arn(settings["broker"], "broker:")
    params = {**where, "broker": name, "queue": settings["queue"]}
    params.update(filters.params("mq", settings))
    if ":" in name:
        params["broker"], params["broker_id"] = name.split(":", 1)
    # Only RabbitMQ has virtual hosts, and without one Lambda takes a broker for ActiveMQ.
    host = next((a["uri"] for a in settings.get("access", ()) if a["type"] == "virtual_host"), None)
    if host is None:
        return Implied("mq", "activemq", params)
    return Implied("mq", "rabbitmq", {**params, "virtual_host": host})


def _documentdb(settings: Settings) -> Implied:
    where, name = _from_arn(settings["cluster"], "cluster:")
    event, sample = filters.of_collection(settings)
    params = {**where, **sample, "cluster": name, "database": settings["database"]}
    if "collection" in settings:
        params["collection"] = settings["collection"]
    return Implied("documentdb", event, params)


def _http(settings: Settings) -> Implied:
    path, method = settings["path"], settings["method"]
    params = {"method": "GET" if method == "ANY" else method}
    if path != "$default":
        params.update(route=f"{method} {path}", path=_sample_path(path))
    return Implied("apigateway", "http-v1" if settings.get("payload") == "v1" else "http", params)


def _rest(settings: Settings) -> Implied:
    method, path = settings["method"], settings["path"]
    return Implied(
        "apigateway",
        "rest",
        {
            "method": "GET" if method == "ANY" else method,
            "resource": path,
            "path": _sample_path(path),
        },
    )


def _websocket(settings: Settings) -> Implied:
    route = settings["route"]
    if route in ("$connect", "$disconnect"):
        return Implied("websocket", route[1:])
    params = {"route": route}
    member = re.fullmatch(
        r"\$request\.body\.([\w.]+)", settings.get("selection", "$request.body.action")
    )
    if member and route != "$default":
        body: Any = route
        for name in reversed(member[1].split(".")):
            body = {name: body}
        params["body"] = json.dumps({**body, "message": "Hello!"})
    return Implied("websocket", "message", params)


def _alb(settings: Settings) -> Implied:
    path = settings.get("path", "/*")
    params: dict[str, Any] = {
        "path": _without_wildcards(path if isinstance(path, str) else path[0])
    }
    if settings.get("methods"):
        params["method"] = settings["methods"][0]
    headers = [
        (name, _without_wildcards(values[0]))
        for name, values in settings.get("headers", {}).items()
    ]
    if settings.get("host"):
        headers.append(("host", _without_wildcards(settings["host"])))
    if headers:
        params["header"] = headers
    return Implied(
        "alb", "multi-value" if settings.get("multi_value_headers") else "request", params
    )


def _eventbridge(settings: Settings) -> Implied:
    pattern = settings["pattern"]
    sample = matching_value(pattern)
    source, kind = sample.get("source"), sample.get("detail-type")
    if settings.get("input") is not None:
        return Implied("eventbridge", "custom", value=settings["input"])
    detail = sample.get("detail", {})
    event = _aws_event(str(source), kind)
    if event is not None:
        params = _s3_params(detail) if source == "aws.s3" else {}
        return Implied("eventbridge", event, params, {"detail": detail})
    params = {"source": source, "detail_type": kind, "detail": detail or None}
    return Implied(
        "eventbridge",
        "custom",
        {name: value for name, value in params.items() if value is not None},
    )


def _s3_params(detail: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "bucket": detail.get("bucket", {}).get("name"),
        "key": detail.get("object", {}).get("key"),
    }
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _aws_event(source: str, kind: Any) -> str | None:
    """The event of the catalog from that source, of that detail type if there is one."""
    found = [
        event
        for event in library.events("eventbridge")
        if event.let.get("origin") == source and kind in (None, event.let.get("kind"))
    ]
    usual = [event for event in found if source.removeprefix("aws.") in event.aliases]
    return next((event.name for event in (*usual, *found)), None)


def _schedule(settings: Settings) -> Implied:
    name = settings.get("name")
    value = settings.get("input")
    if "group" in settings or settings.get("timezone", "UTC") != "UTC":
        params = {"schedule": name, "group": settings.get("group")}
        event = "scheduler"
    else:
        params, event = {"rule": name}, "rule"
    given = {key: item for key, item in params.items() if item is not None}
    return Implied("schedule", event, given, value=value)


def _cognito(settings: Settings) -> Implied:
    name = settings["events"][0]
    version = settings.get("version", "v1")
    if name == "pre_token_generation" and version != "v1":
        name = f"{name}-{version}"
    event = library.find("cognito", name)
    pool = _from_arn(settings["user_pool"], "userpool/")[1]
    # Another name is the template's or the manifest's own, not the ID that the event shows.
    found = re.fullmatch(r"([a-z]{2}(?:-[a-z]+)+-\d+)_[0-9a-zA-Z]+", pool)
    params = {"pool": pool, "region": found[1]} if found else {}
    return Implied("cognito", event.name, params)


def _logs(settings: Settings) -> Implied:
    params = {"log_group": settings["group"]}
    if "name" in settings:
        params["filter"] = settings["name"]
    return Implied("logs", "data", params)


def _iot(settings: Settings) -> Implied:
    topic = re.search(r"\bFROM\s+['\"]([^'\"]+)['\"]", settings["sql"], re.IGNORECASE)
    if topic is None:
        return Implied("iot", "rule")
    return Implied("iot", "rule", {"topic": re.sub(r"[+#]", "sensor-1", topic[1])})


def _ses(settings: Settings) -> Implied:
    recipients = [
        name if "@" in name else f"johndoe@{name.lstrip('.')}"
        for name in settings.get("recipients", ())
    ]
    return Implied("ses", "receipt", {"to": recipients} if recipients else {})


def _config(settings: Settings) -> Implied:
    params: dict[str, Any] = {"rule": settings["rule"]}
    if settings.get("parameters"):
        params["parameter"] = [(k, str(v)) for k, v in settings["parameters"].items()]
    if settings.get("frequency"):
        return Implied("config", "periodic", params)
    if settings.get("resource_types"):
        params["resource_type"] = settings["resource_types"][0]
    return Implied("config", "change", params)


def _codecommit(settings: Settings) -> Implied:
    names = {"create_reference": "create", "delete_reference": "delete"}
    params = {"repository": settings["repository"]}
    if settings.get("branches"):
        params["branch"] = settings["branches"][0]
    if settings.get("data"):
        params["custom_data"] = settings["data"]
    if settings.get("name"):
        params["trigger"] = settings["name"]
    return Implied("codecommit", names.get(settings["events"][0], "push"), params)


def _alexa(settings: Settings) -> Implied:
    if settings.get("interface") == "smart_home":
        return Implied("alexa-smart-home", "turn-on")
    skill = settings.get("skill", "").removeprefix("amzn1.ask.skill.")
    return Implied("alexa-skills-kit", "intent", {"application_id": skill} if skill else {})


def _url(settings: Settings) -> Implied:
    return Implied("function-url", "iam" if settings.get("auth") == "iam" else "request")


def _from_arn(text: str, prefix: str = "") -> tuple[dict[str, str], str]:
    """Where a resource is, and its name without ``prefix``; a name that is no ARN is anywhere."""
    if not text.startswith("arn:"):
        return {}, text
    _, partition, _, region, account, name = text.split(":", 5)
    where = {"partition": partition, "region": region, "account": account}
    return {key: value for key, value in where.items() if value}, name.removeprefix(prefix)


def _sample_path(route: str) -> str:
    """``/photos/{id}/{rest+}`` -> ``/photos/1/hello/world``."""
    return re.sub(r"\{[^}]+\}", "1", re.sub(r"\{[^}]+\+\}", "hello/world", route))


def _without_wildcards(pattern: str) -> str:
    return (
        re.sub(r"\*+", "www" if pattern.startswith("*") else "", pattern).replace("?", "x") or "/"
    )


_KINDS: dict[str, Callable[[Settings], Implied]] = {
    "alb": _alb,
    "alexa": _alexa,
    "cloudwatch_logs": _logs,
    "codecommit": _codecommit,
    "cognito": _cognito,
    "config": _config,
    "documentdb": _documentdb,
    "dynamodb": _dynamodb,
    "eventbridge": _eventbridge,
    "http": _http,
    "iot": _iot,
    "kafka": _kafka,
    "kinesis": _kinesis,
    "mq": _mq,
    "rest": _rest,
    "s3": _s3,
    "schedule": _schedule,
    "ses": _ses,
    "sns": _sns,
    "sqs": _sqs,
    "url": _url,
    "websocket": _websocket,
}
KINDS = frozenset(_KINDS)
