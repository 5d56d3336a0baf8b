"""The route table as data: :func:`listing`, and which route stands in the way of which.

Which of two routes takes a request that both would is told by the rules of
:mod:`lambdactl.triggers.http.router` (REST and HTTP APIs), the order of the rules (load balancers)
and the order of the manifest (the same route twice).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lambdactl.manifest.apis import Api, Route, Wanted

Effect = Literal["all", "some", "refused"]


@dataclass(frozen=True, slots=True)
class Shadow:
    """A route that stands before another one.

    :ivar by: the row of the route that does.
    :ivar effect: ``all``: the other one is never reached; ``some``: this one takes the requests
        that fit both; ``refused``: a REST API answers 403 to requests that fit both paths, because
        the more specific one lacks the method.
    """

    by: int
    effect: Effect


@dataclass(frozen=True, slots=True)
class Row:
    """One route of one API."""

    api: Api
    route: Route
    shadows: tuple[Shadow, ...] = ()
    """What stands before it."""

    @property
    def name(self) -> str:
        """The route as AWS would call it: ``GET /pets/{id}``, ``$default``, ``sendmessage``."""
        route = self.route
        if self.api.kind == "alb":
            return conditions(route)
        if self.api.kind == "websocket" or route.path == "$default":
            return route.path
        return f"{route.method} {route.path}"

    @property
    def target(self) -> str:
        """Where it leads, in a word or two."""
        integration = self.route.integration
        if integration.function is not None:
            qualifier = integration.qualifier
            name = integration.function
            return name if qualifier == "$LATEST" else f"{name}:{qualifier}"
        return integration.uri or integration.kind

    @property
    def authorizer(self) -> str | None:
        """Who lets a request pass; None: everyone may call."""
        found = self.route.authorizer
        if found is not None:
            return found.name or found.kind
        return "iam" if self.api.auth == "iam" else None


def listing(apis: Iterable[Api]) -> tuple[Row, ...]:
    """Every route of every API, in the order of the manifest; a load balancer's in the order in
    which it asks them."""
    rows: list[Row] = []
    for api in apis:
        start = len(rows)
        shadows = _SHADOWS.get(api.kind, _of_keys)(api.routes)
        rows += [
            Row(
                api,
                route,
                tuple(Shadow(start + by, effect) for by, effect in found),
            )
            for route, found in zip(api.routes, shadows, strict=True)
        ]
    return tuple(rows)


def document(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The table as JSON values, one mapping a route."""
    return [
        {
            "api": row.api.name,
            "kind": row.api.kind,
            "stage": row.api.stage if row.api.kind in ("rest", "http", "websocket") else None,
            "method": row.route.method if row.api.kind in ("rest", "http", "url") else None,
            "path": row.route.path,
            "conditions": _document_of_rule(row.route) if row.api.kind == "alb" else None,
            "integration": row.route.integration.kind,
            "function": row.route.integration.function,
            "qualifier": row.route.integration.qualifier
            if row.route.integration.function is not None
            else None,
            "uri": row.route.integration.uri,
            "authorizer": row.authorizer,
            "scopes": list(row.route.scopes or _scopes(row.route)),
            "api_key": row.route.api_key,
            "stream": row.route.integration.stream,
            "timeout_s": row.route.integration.timeout_s,
            "where": _place(row.route),
            "shadowed_by": [
                {
                    "route": rows[shadow.by].name,
                    "where": _place(rows[shadow.by].route),
                    "effect": shadow.effect,
                }
                for shadow in row.shadows
            ],
        }
        for row in rows
    ]


def _place(route: Route) -> str | None:
    return str(route.where) if route.where is not None else None


def _scopes(route: Route) -> tuple[str, ...]:
    return route.authorizer.scopes if route.authorizer is not None else ()


def _document_of_rule(route: Route) -> dict[str, Any]:
    return {
        "priority": route.priority,
        "paths": list(route.paths),
        "hosts": list(route.hosts),
        "methods": list(route.methods),
        **_document_of_wanted(route.wanted[0]),
        "also": [_document_of_wanted(wanted) for wanted in route.also],
        "source_ips": list(route.source_ips),
    }


def _document_of_wanted(wanted: Wanted) -> dict[str, Any]:
    return {
        "headers": {name: list(values) for name, values in wanted.headers.items()},
        "query": [{"key": key, "value": value} for key, value in wanted.query],
    }


def conditions(route: Route) -> str:
    """A load balancer's rule in words: ``/api/* host=example.com``."""
    words = [",".join(route.paths)]
    words += [f"host={','.join(route.hosts)}"] if route.hosts else []
    words += [f"method={','.join(route.methods)}"] if route.methods else []
    for wanted in route.wanted:
        words += [f"{name}={','.join(values)}" for name, values in wanted.headers.items()]
        words += [f"?{key}={value}" if key else f"?{value}" for key, value in wanted.query]
    words += [f"from={','.join(route.source_ips)}"] if route.source_ips else []
    return " ".join(words)


# REST and HTTP APIs

Found = list[tuple[int, Effect]]
_LITERAL, _PARAMETER, _GREEDY, _DEFAULT = range(4)
Parts = tuple[tuple[int, str], ...]


def _parts(path: str, strict: bool) -> Parts:
    """The segments of a path, each with what kind it is; equal for paths that are one resource."""
    if path == "$default":
        return ((_DEFAULT, ""),)
    segments = path.split("/")[1:]
    if segments and not segments[-1] and (not strict or len(segments) == 1):
        segments.pop()
    return tuple(
        (_GREEDY, "")
        if part.startswith("{") and part.endswith("+}")
        else (_PARAMETER, "")
        if part.startswith("{") and part.endswith("}")
        else (_LITERAL, part)
        for part in segments
    )


def _prefers(one: Parts, other: Parts) -> bool:
    """Whether paths exist that fit both, and ``one`` takes them."""
    for mine, theirs in zip(one, other, strict=False):
        if theirs[0] == _DEFAULT or mine[0] == _DEFAULT:
            return mine[0] != _DEFAULT
        if mine[0] != theirs[0]:
            # The rest decides only whether any path fits both.
            return mine[0] < theirs[0] and _meet(one, other)
        if mine != theirs:
            return False
    # Equal as far as they go: one is longer, and only $default takes what has no segments left.
    return len(one) == 0 and other[:1] == ((_DEFAULT, ""),)


def _meet(one: Parts, other: Parts) -> bool:
    """Whether there is a path that fits both."""
    for index, mine in enumerate(one):
        if mine[0] == _GREEDY:
            return len(other) > index
        if index >= len(other):
            return False
        theirs = other[index]
        if theirs[0] == _GREEDY:
            return any(part != (_LITERAL, "") for part in one[index:])  # It is never empty.
        if mine[0] == theirs[0] == _LITERAL and mine != theirs:
            return False
        literal = mine if mine[0] == _LITERAL else theirs
        if mine[0] != theirs[0] and not literal[1]:
            return False  # A parameter is never empty.
    return len(one) == len(other)


def _of_paths(routes: Sequence[Route], strict: bool) -> list[Found]:
    parts = [_parts(route.path, strict) for route in routes]
    methods: dict[Parts, set[str]] = {}
    for route, path in zip(routes, parts, strict=True):
        methods.setdefault(path, set()).add(route.method)
    result: list[Found] = []
    for index, route in enumerate(routes):
        found: Found = []
        for other, rival in enumerate(routes):
            effect: Effect | None = None
            if other == index:
                continue
            if parts[other] == parts[index]:
                if rival.method == route.method:
                    effect = "all" if other < index else None
                elif route.method == "ANY":
                    effect = "some"
            elif _prefers(parts[other], parts[index]):
                if rival.method in (route.method, "ANY") or route.method == "ANY":
                    effect = "some"
                elif not strict and not methods[parts[other]] & {route.method, "ANY"}:
                    effect = "refused"
            if effect is not None:
                found.append((other, effect))
            if effect == "some" and not strict and parts[other] != parts[index]:
                # ANY gives way to the whole resource, not just to the methods it has.
                missing = route.method == "ANY" and "ANY" not in methods[parts[other]]
                if missing:
                    found.append((other, "refused"))
        result.append(found)
    return result


def _of_rest(routes: Sequence[Route]) -> list[Found]:
    return _of_paths(routes, strict=False)


def _of_http(routes: Sequence[Route]) -> list[Found]:
    return _of_paths(routes, strict=True)


def _of_keys(routes: Sequence[Route]) -> list[Found]:
    """WebSocket: a key is taken by its first route."""
    first: dict[str, int] = {}
    result: list[Found] = []
    for index, route in enumerate(routes):
        earlier = first.setdefault(route.path, index)
        result.append([(earlier, "all")] if earlier != index else [])
    return result


# Load balancers


def _of_rules(routes: Sequence[Route]) -> list[Found]:
    """Rules are asked in their order, and the first that fits takes the request."""
    result: list[Found] = []
    for index, route in enumerate(routes):
        found: Found = []
        for earlier in range(index):
            rival = routes[earlier]
            if _covers(rival, route):
                found.append((earlier, "all"))
            elif _overlaps(rival, route):
                found.append((earlier, "some"))
        result.append(found)
    return result


def _covers(rule: Route, other: Route) -> bool:
    """Whether everything that ``other`` takes fits ``rule``."""
    return (
        _patterns_cover(rule.paths, other.paths)
        and _patterns_cover(rule.hosts, other.hosts, str.lower)
        and _values_cover(rule.methods, other.methods)
        and all(
            any(
                name.lower() == known.lower() and _patterns_cover(values, others, str.lower)
                for known, others in other.headers.items()
            )
            for name, values in rule.headers.items()
        )
        and _values_cover(rule.query, other.query)
        and all(wanted in other.also for wanted in rule.also)
        and _values_cover(rule.source_ips, other.source_ips)
    )


def _values_cover(values: Sequence[Any], others: Sequence[Any]) -> bool:
    return not values or (bool(others) and set(others) <= set(values))


def _overlaps(rule: Route, other: Route) -> bool:
    """Whether some requests fit both, as far as patterns show it."""
    return (
        _patterns_meet(rule.paths, other.paths)
        and _patterns_meet(rule.hosts, other.hosts, str.lower)
        and (not rule.methods or not other.methods or bool({*rule.methods} & {*other.methods}))
    )


def _patterns_cover(
    patterns: Sequence[str], others: Sequence[str], fold: Callable[[str], str] = str
) -> bool:
    if not patterns or set(patterns) & {"*", "/*"}:
        return True
    return bool(others) and all(
        any(_covers_pattern(fold(pattern), fold(other)) for pattern in patterns) for other in others
    )


def _patterns_meet(
    patterns: Sequence[str], others: Sequence[str], fold: Callable[[str], str] = str
) -> bool:
    if not patterns or not others:
        return True
    return any(
        _covers_pattern(fold(one), fold(two)) or _covers_pattern(fold(two), fold(one))
        for one in patterns
        for two in others
    )


def _covers_pattern(pattern: str, other: str) -> bool:
    """Whether all that fits ``other`` fits ``pattern``; tried with what its wildcards can stand
    for at the shortest and with characters that no pattern spells."""
    expression = re.compile(
        "".join(
            {"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern
        ),
        re.DOTALL,
    )
    samples = (
        other.replace("*", filling).replace("?", "\0") for filling in ("", "\0", "\0/\0", "\0\0\0")
    )
    return all(expression.fullmatch(sample) is not None for sample in samples)


_SHADOWS: dict[str, Callable[[Sequence[Route]], list[Found]]] = {
    "rest": _of_rest,
    "http": _of_http,
    "alb": _of_rules,
}
