"""``alb`` triggers, load balancers of the ``apis`` section: target groups and rules of listeners.

A load balancer and its listeners are somebody else's, and the manifest says which by a listener's
ARN. Without one there is the target group, for whoever has a listener to lead there
(https://docs.aws.amazon.com/lambda/latest/dg/services-alb.html).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from lambdactl.deploy import calling
from lambdactl.deploy.desired import Wanted, grants
from lambdactl.deploy.desired.triggered import once
from lambdactl.deploy.model import Ref, Resource
from lambdactl.deploy.naming import shortened
from lambdactl.errors import UserError
from lambdactl.manifest.apis import Api, Integration, IntegrationResponse, Route
from lambdactl.manifest.routes import apis_of

_NAME_LENGTH = 32
_HEADER = "method.response.header."
_ADDRESS = re.compile(
    r"(?:(?P<protocol>#\{protocol\}|https?)://(?P<host>(?:#\{host\}|[^/:?#])*)"
    r"(?::(?P<port>#\{port\}|[0-9]+))?)?(?P<path>/(?:#\{\w+\}|[^?#])*)?(?:\?(?P<query>.*))?",
    re.IGNORECASE,
)


def resources(wanted: Wanted) -> Iterator[Resource]:
    if not any(one.kind == "alb" for one in _fronts(wanted)):
        return
    for api in apis_of(wanted.app):
        if api.kind == "alb":
            yield from once(_resources(wanted, api))


def _fronts(wanted: Wanted) -> Iterator[Any]:
    for function in wanted.app.functions.values():
        yield from function.triggers
    yield from wanted.app.apis.values()


def _resources(wanted: Wanted, api: Api) -> Iterator[Resource]:
    listeners = {route.listener for route in api.routes if route.listener}
    # Rules of the section name no listener: that of the triggers is theirs, too.
    shared = next(iter(listeners)) if len(listeners) == 1 else None
    numbers: Counter[str] = Counter()
    before: dict[str, str] = {}
    for route in api.routes:
        function = route.integration.function
        if route.priority is None:
            numbers[function or "mock"] += 1
        if wanted.names and function not in wanted.names:
            continue
        group = None
        if function is not None:
            grant, group = _target_group(wanted, api, route, function)
            yield grant
            yield group
        listener = route.listener or shared
        if listener is None:
            continue
        number = numbers[function or "mock"]
        key = str(route.priority or f"{function or 'mock'}.{number}")
        rule = _rule(route, listener, key, group, before.get(listener))
        if route.priority is None:
            # The rules without a priority get theirs in the order in which they are made.
            before[listener] = rule.address
        yield rule


def _target_group(
    wanted: Wanted, api: Api, route: Route, function: str
) -> tuple[Resource, Resource]:
    """The target group of a function, and the permission of the load balancer to call it."""
    naming = wanted.naming
    qualifier = grants.qualifier_of(route.integration.qualifier)
    words = [naming.function(function)]
    if qualifier:
        words.append(qualifier)
    if route.multi_value_headers:
        words.append("multi")
    if api.health_check is not None:
        words.append(api.name)
    name = _plain("-".join(words))
    grant = grants.grant(
        wanted,
        function,
        calling.target_group(name),
        "elasticloadbalancing.amazonaws.com",
        # The end of its ARN is an id that AWS gives, and it wants the permission before.
        source_arn=naming.arn("elasticloadbalancing", f"targetgroup/{name}/*"),
        alias=qualifier,
        where=route.where,
    )
    group = Resource(
        kind="target_group",
        name=name,
        properties={
            "target": naming.function_arn(function, qualifier),
            "multi_value_headers": route.multi_value_headers,
            "health_check": _health_check(api),
        },
        needs=(grant.address,),
        function=function,
        where=route.where,
    )
    return grant, group


def _plain(words: str) -> str:
    """A name of a target group: letters, digits and hyphens, but none at its ends."""
    plain = re.sub(r"[^A-Za-z0-9-]", "-", words).strip("-")
    if plain != words:
        plain = f"{plain}-{hashlib.sha256(words.encode()).hexdigest()[:8]}"
    return shortened(plain, _NAME_LENGTH)


def _health_check(api: Api) -> dict[str, Any]:
    check = api.health_check
    if check is None or not check.enabled:
        return {"enabled": False}
    return {
        "enabled": True,
        "path": check.path,
        "interval_s": check.interval_s,
        "timeout_s": check.timeout_s,
        "healthy": check.healthy,
        "unhealthy": check.unhealthy,
        "codes": check.codes,
    }


def _rule(
    route: Route, listener: str, key: str, group: Resource | None, before: str | None
) -> Resource:
    action = _action(route.integration, route) if group is None else _forward(group)
    needs = () if route.priority is not None or before is None else (before,)
    return Resource(
        kind="listener_rule",
        name=f"{listener.partition(':listener/')[2]}/{key}",
        properties={
            "listener": listener,
            "conditions": sorted(_conditions(route), key=str),
            "action": action,
        },
        needs=needs,
        function=route.integration.function,
        where=route.where,
    )


def _conditions(route: Route) -> Iterator[dict[str, Any]]:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html"""
    found = 0
    for field, values in (
        ("host-header", route.hosts),
        ("http-request-method", route.methods),
        ("source-ip", route.source_ips),
    ):
        if values:
            found += 1
            yield {"field": field, "values": sorted(values)}
    for one in route.wanted:
        for name, values in one.headers.items():
            found += 1
            yield {"field": "http-header", "name": name, "values": sorted(values)}
        if one.query:
            found += 1
            pairs = [{"key": key, "value": value} for key, value in one.query]
            yield {"field": "query-string", "values": sorted(pairs, key=str)}
    # A rule has to have a condition; this one holds for all requests.
    if not found or not {"*", "/*"} & set(route.paths):
        yield {"field": "path-pattern", "values": sorted(route.paths)}


def _forward(group: Resource) -> dict[str, Any]:
    return {"type": "forward", "target_group": Ref(group.address)}


def _action(integration: Integration, route: Route) -> dict[str, Any]:
    """What a load balancer answers by itself.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html

    :raises UserError: no load balancer can answer that.
    """
    first = integration.responses[0] if integration.responses else IntegrationResponse(200)
    headers = {
        name.removeprefix(_HEADER).lower(): _unquoted(value)
        for name, value in first.parameters.items()
    }
    kind, body = next(iter(first.templates.items()), ("", ""))
    location = headers.pop("location", None)
    if location is not None:
        return {"type": "redirect", "status": f"HTTP_{first.status}", **_redirect(location, route)}
    kind = headers.pop("content-type", kind)
    if headers:
        raise UserError(
            f"a load balancer answers without the header {next(iter(headers))}",
            where=route.where,
            hint="a fixed response has a status, a content type and a body",
        )
    return {
        "type": "fixed-response",
        "status": str(first.status),
        "content_type": kind or None,
        "body": body or None,
    }


def _redirect(location: str, route: Route) -> Mapping[str, str]:
    """An address in its parts; those that it doesn't have are the request's."""
    found = _ADDRESS.fullmatch(location)
    if found is None:
        raise UserError(
            f"a load balancer can't redirect to {location}",
            where=route.where,
            hint="write an address such as https://#{host}:443/#{path}?#{query}",
        )
    protocol = found["protocol"]
    default_port = {"http": "80", "https": "443"}.get((protocol or "").lower(), "#{port}")
    return {
        "protocol": protocol.upper() if protocol and protocol[0] != "#" else "#{protocol}",
        "host": found["host"] or "#{host}",
        "port": found["port"] or default_port,
        "path": found["path"] or "/#{path}",
        "query": found["query"] if found["query"] is not None else "#{query}",
    }


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] == "'"
    return value[1:-1] if quoted else value
