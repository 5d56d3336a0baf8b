"""The APIs of an app: what its ``apis`` section says, the routes of triggers, and function URLs.

A trigger joins the API that it names. One that names none joins the only API of its kind in the
section, or the service's own where the section has none of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lambdactl.errors import Location
from lambdactl.manifest import api_parts
from lambdactl.manifest.api_parts import Parts
from lambdactl.manifest.apis import Api, ApiKind, Route, Wanted
from lambdactl.manifest.features import Cors
from lambdactl.manifest.integrations import integration, of_trigger, of_url
from lambdactl.manifest.model import App, Function, Trigger

_KINDS: dict[str, ApiKind] = {
    "rest": "rest",
    "http": "http",
    "websocket": "websocket",
    "alb": "alb",
}
STAGES: Mapping[ApiKind, str] = {
    "rest": "prod",
    "http": "$default",
    "websocket": "prod",
    "url": "$default",
    "alb": "$default",
}
"""The stage where the manifest names none. SAM calls that of its implicit REST API ``Prod``."""


@dataclass(slots=True)
class _Draft:
    """An API that is being put together."""

    name: str
    kind: ApiKind
    settings: Mapping[str, Any] = field(default_factory=dict)
    where: Location | None = None
    routes: list[Route] = field(default_factory=list)
    cors: Cors | None = None
    binary_types: list[str] = field(default_factory=list)
    selection: str | None = None
    parts: Parts = field(default_factory=Parts)


def apis_of(app: App) -> tuple[Api, ...]:
    """Every front door of ``app``: APIs of the section in its order, then those that triggers make,
    then function URLs. Triggers that are off are left out.

    :raises UserError: a file that the section names (a template, a model) can't be read.
    """
    drafts: dict[str, _Draft] = {}
    for name, section in app.apis.items():
        kind = _KINDS[section.kind]
        draft = drafts[name] = _Draft(name, kind, section.settings, section.where)
        draft.parts = api_parts.parts(section.settings, app.root)
    for function, trigger in _triggers(app):
        draft = _draft_of(trigger, app, drafts)
        draft.where = draft.where or trigger.where
        draft.routes.append(_of_trigger(function, trigger, draft))
    for name, section in app.apis.items():
        draft = drafts[name]
        for index, settings in enumerate(section.settings.get("routes", ())):
            where = section.places.get(f"routes.{index}", section.where)
            draft.routes.append(_of_section(settings, draft, app, where))
    found = [_api(draft, app) for draft in drafts.values()]
    found += _urls(app, {api.name for api in found})
    return tuple(found)


def _triggers(app: App) -> Iterator[tuple[Function, Trigger]]:
    for function in app.functions.values():
        for trigger in function.triggers:
            if trigger.kind in _KINDS and trigger.settings.get("enabled", True):
                yield function, trigger


def _draft_of(trigger: Trigger, app: App, drafts: dict[str, _Draft]) -> _Draft:
    """The API that a trigger belongs to."""
    kind = _KINDS[trigger.kind]
    name = trigger.settings.get("api")
    if name is None:
        own = [name for name, section in app.apis.items() if section.kind == kind]
        name = own[0] if len(own) == 1 else _shared_name(trigger)
    draft = drafts.get(name)
    if draft is not None and draft.kind != kind:
        # Two kinds under one name are two APIs.
        name = f"{name}-{kind}"
        draft = drafts.get(name)
    if draft is None:
        draft = drafts[name] = _Draft(name, kind)
    return draft


def _shared_name(trigger: Trigger) -> str:
    """What the API is called that nobody named: as its kind, or as the load balancer of a listener
    (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Listener.html)."""
    listener = str(trigger.settings.get("listener") or "")
    pieces = listener.split("/")
    return pieces[2] if len(pieces) > 2 else trigger.kind


def _of_trigger(function: Function, trigger: Trigger, draft: _Draft) -> Route:
    settings = trigger.settings
    if draft.cors is None:
        draft.cors = api_parts.cors(settings.get("cors"))
    draft.binary_types += settings.get("binary_types", ())
    if draft.selection is None:
        draft.selection = settings.get("selection")
    return _route(settings, of_trigger(function, trigger), draft, trigger.where)


def _of_section(
    settings: Mapping[str, Any], draft: _Draft, app: App, where: Location | None
) -> Route:
    return _route(settings, integration(settings, draft.kind, app.root, where), draft, where)


def _route(
    settings: Mapping[str, Any], target: Any, draft: _Draft, where: Location | None
) -> Route:
    parts, kind = draft.parts, draft.kind
    if kind == "alb":
        return _rule(settings, target, where)
    path = settings["route"] if kind == "websocket" else settings["path"]
    shared = parts.authorizer if kind != "websocket" or path == "$connect" else None
    return Route(
        path=path,
        method="ANY" if kind == "websocket" else settings.get("method", "ANY"),
        integration=target,
        authorizer=parts.named(settings.get("authorizer"), kind, shared),
        scopes=tuple(settings.get("scopes", ())),
        api_key=settings.get("api_key", parts.api_key),
        validator=parts.validating(settings.get("validator")),
        request_parameters=settings.get("request_parameters", {}) if kind != "http" else {},
        request_models=settings.get("request_models", {}),
        operation=settings.get("operation"),
        response=settings.get("response") is True,
        where=where,
    )


def _rule(settings: Mapping[str, Any], target: Any, where: Location | None) -> Route:
    """A rule of a load balancer."""
    paths = _tuple(settings.get("path", "/*"))
    return Route(
        path=paths[0],
        integration=target,
        paths=paths,
        hosts=_tuple(settings.get("host", ())),
        methods=tuple(settings.get("methods", ())),
        headers=_headers(settings),
        query=_query(settings),
        also=tuple(Wanted(_headers(each), _query(each)) for each in settings.get("also", ())),
        source_ips=tuple(settings.get("source_ips", ())),
        priority=settings.get("priority"),
        multi_value_headers=settings.get("multi_value_headers", False),
        listener=settings.get("listener"),
        where=where,
    )


def _headers(settings: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in settings.get("headers", {}).items()}


def _query(settings: Mapping[str, Any]) -> tuple[tuple[str | None, str], ...]:
    return tuple((item.get("key"), item["value"]) for item in settings.get("query", ()))


def _tuple(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _api(draft: _Draft, app: App) -> Api:
    settings, kind = draft.settings, draft.kind
    routes = draft.routes
    if kind == "alb":
        # A load balancer asks rules in the order of their priorities.
        routes = sorted(routes, key=lambda route: (route.priority is None, route.priority or 0))
    binary_types = [*settings.get("binary_types", ()), *draft.binary_types]
    return Api(
        name=draft.name,
        kind=kind,
        routes=tuple(routes),
        stage=settings.get("stage", STAGES[kind]),
        variables=settings.get("variables", {}),
        cors=api_parts.cors(settings["cors"]) if "cors" in settings else draft.cors,
        binary_types=tuple(dict.fromkeys(binary_types)),
        compression_from=settings.get("minimum_compression"),
        models=draft.parts.models,
        gateway_responses=draft.parts.gateway_responses,
        api_keys=api_parts.api_keys(settings, draft.name, app.service),
        api_key_source=settings.get("api_key_source", "header"),
        usage_plans=api_parts.usage_plans(settings, draft.name),
        throttles=api_parts.throttles(settings, kind),
        selection=settings.get("selection") or draft.selection or "$request.body.action",
        health_check=api_parts.health_check(settings.get("health_check")),
        where=draft.where,
    )


def _urls(app: App, taken: set[str]) -> Iterator[Api]:
    for function in app.functions.values():
        url = function.url
        if url is None:
            continue
        name = f"{function.name}-url"
        while name in taken:
            name += "-url"
        taken.add(name)
        route = Route(path="$default", integration=of_url(function, url), where=function.where)
        yield Api(
            name=name,
            kind="url",
            routes=(route,),
            stage=STAGES["url"],
            cors=url.cors,
            auth=url.auth,
            where=function.where,
        )
