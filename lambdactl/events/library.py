"""What events there are: finding and reading the catalog's files.

``catalog/<service>/_service.json`` says what the events of a service share (aliases, the usual
event, parameters, values); ``catalog/<service>/<event>.json`` is one event. Both are described
by ``catalog.schema.json`` beside this file. A name that is a file's own name is found without
reading anything else; only an alias or a wrong name makes us look further.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from lambdactl.errors import UserError
from lambdactl.events.names import closest

CATALOG = Path(__file__).with_name("catalog")
SERVICE_FILE = "_service.json"

CarryForm = Literal["text", "json", "data"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One option of an event. ``default`` is a template; ``unit`` completes the help."""

    name: str
    type: str
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    excludes: tuple[str, ...] = ()
    """Parameters that say the same thing another way, so both can't be given."""

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Carrier:
    """How an event takes another one inside it (``--from``): into which parameter, and whether as
    JSON text, as a JSON value, or as data (text or bytes). ``subject`` names the parameter that
    takes the subject of the message, if the service has such a thing."""

    param: str
    form: CarryForm
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the catalog, with what its service shares merged in."""

    service: str
    name: str
    title: str
    sources: tuple[str, ...]
    template: Any
    aliases: tuple[str, ...] = ()
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """More aliases, with the defaults that an event has under each of them."""
    params: Mapping[str, Parameter] = field(default_factory=dict)
    let: Mapping[str, Any] = field(default_factory=dict)
    record: Any = None
    """The template of one record, or None if the event has no records to multiply."""
    record_let: Mapping[str, Any] = field(default_factory=dict)
    carrier: Carrier | None = None
    message: Any = None
    """How the event looks inside another one, where that differs from the event itself."""
    subject: str | None = None

    @property
    def full_name(self) -> str:
        return f"{self.service}:{self.name}"


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the catalog. ``default`` is the event that is meant when none is named."""

    name: str
    title: str
    default: str
    aliases: tuple[str, ...]
    elsewhere: Mapping[str, str]
    """Names under which other tools have events that are another service's here."""
    shared: Mapping[str, Any] = field(repr=False)


def split_name(text: str) -> tuple[str, str | None]:
    """``"s3:put"`` -> ``("s3", "put")``; ``"s3"`` -> ``("s3", None)``.

    :raises UserError: an empty service or event.
    """
    service, colon, event = text.partition(":")
    if not service or (colon and not event):
        raise UserError(f"{text!r} is not SERVICE:EVENT", hint="for example s3:put")
    return service, event or None


def find(service: str, event: str | None = None) -> Event:
    """The event called ``event`` (or an alias of it); the service's usual one without a name.

    :raises UserError: no such service or event.
    """
    found = find_service(service)
    wanted = event or found.default
    normal = wanted.lower().replace("_", "-")
    if normal in found.elsewhere:
        return find(*split_name(found.elsewhere[normal]))
    return _named(found, normal, wanted)


@cache
def find_service(name: str) -> Service:
    """The service called ``name``, or with that alias.

    :raises UserError: there is none.
    """
    wanted = name.lower().replace("_", "-")
    if wanted in service_names():
        return _service(wanted)
    everything = [_service(other) for other in service_names()]
    for service in everything:
        if wanted in service.aliases:
            return service
    known = [word for service in everything for word in (service.name, *service.aliases)]
    raise UserError(
        f"there is no service {name!r}",
        hint=closest(wanted, known) or "`lambdactl generate-event --list` names them",
    )


@cache
def service_names() -> tuple[str, ...]:
    return tuple(sorted(folder.name for folder in CATALOG.iterdir() if folder.is_dir()))


@cache
def event_names(service: str) -> tuple[str, ...]:
    """The events of a service (its own name, not an alias): the usual one first."""
    default = _service(service).default
    paths = (CATALOG / service).glob("*.json")
    names = sorted(path.stem for path in paths if path.name != SERVICE_FILE)
    return tuple(sorted(names, key=lambda name: name != default))


def events(service: str) -> Iterator[Event]:
    """Every event of a service (its own name, not an alias)."""
    for name in event_names(service):
        yield _event(service, name)


def services() -> Iterator[Service]:
    for name in service_names():
        yield _service(name)


@cache
def common_parameters() -> Mapping[str, Parameter]:
    """The parameters that every event has: where and when it happened."""
    entries = _read(CATALOG / "_common.json")["params"]
    return {entry["name"]: _parameter(entry) for entry in entries}


@cache
def partitions() -> Mapping[str, Mapping[str, str]]:
    """AWS partitions: region prefix, DNS suffix and usual region of each."""
    table: Mapping[str, Mapping[str, str]] = _read(CATALOG / "_common.json")["partitions"]
    return table


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())


@cache
def _service(name: str) -> Service:
    content = _read(CATALOG / name / SERVICE_FILE)
    return Service(
        name=name,
        title=content["title"],
        default=content["default"],
        aliases=tuple(content.get("aliases", ())),
        elsewhere=content.get("elsewhere", {}),
        shared=content,
    )


def _named(service: Service, normal: str, wanted: str) -> Event:
    if normal in event_names(service.name):
        return _event(service.name, normal)
    known = list(service.elsewhere)
    for event in events(service.name):
        if normal in event.aliases:
            return event
        if normal in event.presets:
            return _preset(event, event.presets[normal])
        known += [event.name, *event.aliases, *event.presets]
    raise UserError(
        f"{service.name} has no event {wanted!r}",
        hint=closest(normal, known)
        or f"it has: {', '.join((*event_names(service.name), *service.elsewhere))}",
    )


def _preset(event: Event, defaults: Mapping[str, Any]) -> Event:
    params = {
        name: replace(parameter, default=defaults.get(name, parameter.default))
        for name, parameter in event.params.items()
    }
    return replace(event, params=params)


@cache
def _event(service_name: str, name: str) -> Event:
    service = _service(service_name)
    content = _read(CATALOG / service_name / f"{name}.json")
    shared = service.shared
    record = content.get("record", {})
    carries = content.get("carries")
    carried = content.get("carried", {})
    own_sources = content["source"]
    return Event(
        service=service_name,
        name=name,
        title=content["title"],
        sources=tuple(own_sources) if isinstance(own_sources, list) else (own_sources,),
        template=content["template"],
        aliases=tuple(content.get("aliases", ())),
        presets=content.get("presets", {}),
        params=_parameters(content.get("params", ()), shared.get("params", ())),
        let={**shared.get("let", {}), **content.get("let", {})},
        record=record.get("template"),
        record_let={**shared.get("record_let", {}), **record.get("let", {})},
        carrier=Carrier(carries["param"], carries["as"], carries.get("subject"))
        if carries
        else None,
        message=carried.get("message"),
        subject=carried.get("subject", shared.get("subject")),
    )


def _parameters(own: Any, shared: Any) -> dict[str, Parameter]:
    """An event names the shared parameters it has; an own entry of the same name refines one."""
    library = {entry["name"]: entry for entry in shared}
    result: dict[str, Parameter] = {}
    for entry in own:
        if isinstance(entry, str):
            result[entry] = _parameter(library[entry])
        else:
            result[entry["name"]] = _parameter({**library.get(entry["name"], {}), **entry})
    return result


def _parameter(entry: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=entry["name"],
        type=entry["type"],
        help=entry["help"],
        default=entry.get("default"),
        choices=tuple(entry.get("choices", ())),
        minimum=entry.get("min"),
        maximum=entry.get("max"),
        excludes=tuple(entry.get("excludes", ())),
    )
