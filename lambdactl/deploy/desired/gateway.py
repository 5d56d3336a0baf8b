"""What all APIs of API Gateway have in common: their names, whom they may call, who may pass.

One API is one resource. Its properties hold ARNs and names, never ids: those exist only in AWS.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.grants import called, grant
from lambdactl.deploy.gateway_shapes import NO_THROTTLE, throttle
from lambdactl.deploy.model import Ref, Resource, digest
from lambdactl.errors import UserError
from lambdactl.manifest.apis import Api, ApiKind, Authorizer, Route, Throttle
from lambdactl.manifest.routes import apis_of

PRINCIPAL = "apigateway.amazonaws.com"
_STATEMENTS = 20
"""So many routes of one API have a permission each; a function's policy holds 20 KB
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

Authorizers = Mapping[int, str]
"""Names of authorizers, by the identity of the route that has it."""


def apis(wanted: Wanted, kind: ApiKind) -> Iterator[Api]:
    """The APIs of one kind that have a route.

    :raises UserError: one can't be deployed.
    """
    for api in apis_of(wanted.app):
        if api.kind == kind and api.routes:
            _check(api)
            yield api


def _check(api: Api) -> None:
    for route in api.routes:
        if route.integration.kind == "unavailable":
            raise UserError(
                f"{api.name}: {route.method} {route.path} leads to "
                f"{route.integration.uri or 'a service of AWS'}, and lambdactl deploys no such "
                "integration",
                where=route.where,
                hint="take the route out of the manifest, or deploy it with what made it",
            )


def name_of(wanted: Wanted, api: Api) -> str:
    """The API's name in AWS."""
    service = wanted.naming.service
    return wanted.naming.staged(service if api.name == service else f"{service}-{api.name}")


def needs(wanted: Wanted, api: Api) -> tuple[str, ...]:
    """Addresses of the functions and aliases that the API calls, of those that are deployed."""
    deployed = {function.name for function in wanted.functions}
    found = {
        called(wanted, name, qualifier)
        for name, qualifier in _called(wanted, api)
        if name in deployed
    }
    return tuple(sorted(found))


def function_of(wanted: Wanted, api: Api) -> str | None:
    """The only function that the API calls."""
    found = {name for name, _ in _called(wanted, api)}
    return found.pop() if len(found) == 1 else None


def _called(wanted: Wanted, api: Api) -> Iterator[tuple[str, str]]:
    for route in api.routes:
        if route.integration.function is not None:
            yield route.integration.function, route.integration.qualifier
        decides = _decides(wanted, route)
        if decides is not None:
            yield decides, "$LATEST"


def _decides(wanted: Wanted, route: Route) -> str | None:
    """The function of the manifest that is asked who may call a route."""
    function = route.authorizer.function if route.authorizer is not None else None
    return function if function in wanted.app.functions else None


def permissions(
    wanted: Wanted, api: Api, address: str, pattern: Callable[[Route], str]
) -> Iterator[Resource]:
    """Who of the API may call which function: each route the one that it leads to.

    :param pattern: what follows the id of the API in the ARN of a route, with ``*`` for what it
        leaves open
        (https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html).
    """
    routes: dict[tuple[str, str], list[Route]] = defaultdict(list)
    authorizers: dict[str, Route] = {}
    for route in api.routes:
        integration, decides = route.integration, _decides(wanted, route)
        if integration.function is not None:
            routes[integration.function, integration.qualifier].append(route)
        if decides is not None:
            authorizers.setdefault(decides, route)
    before = wanted.naming.arn("execute-api", "{}/")

    def permission(function: str, alias: str, words: str, what: str, route: Route) -> Resource:
        source = Ref(address, "id", before + what)
        sid = f"{api.kind}-{api.name}-{words}"
        return grant(wanted, function, sid, PRINCIPAL, source, alias=alias, where=route.where)

    for (function, alias), led in routes.items():
        if len(led) > _STATEMENTS:
            yield permission(function, alias, "all", "*", led[0])
            continue
        for route in led:
            words = f"{route.method}-{route.path}"
            yield permission(function, alias, words, pattern(route), route)
    for function, route in authorizers.items():
        yield permission(function, "$LATEST", "authorizer", "authorizers/*", route)


def path_pattern(path: str) -> str:
    """A path with ``*`` for each of its parameters.

    >>> path_pattern("/pets/{id}/{proxy+}")
    '/pets/*/*'
    """
    return re.sub(r"\{[^}]*\}", "*", path)


def invocation_uri(wanted: Wanted, arn: str, *, stream: bool = False) -> str:
    """How API Gateway calls a function
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html)."""
    naming = wanted.naming
    before = f"arn:{naming.partition}:apigateway:{naming.region}:lambda:path"
    if stream:
        return f"{before}/2021-11-15/functions/{arn}/response-streaming-invocations"
    return f"{before}/2015-03-31/functions/{arn}/invocations"


def authorizers(
    api: Api, properties: Callable[[Authorizer], dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], Authorizers]:
    """The authorizers of an API by name, and the names by the routes that have them.

    A route may have an authorizer of its own. Two that differ and are called alike get two names.
    """
    found: dict[str, dict[str, Any]] = {}
    names: dict[int, str] = {}
    for route in api.routes:
        authorizer = route.authorizer
        if authorizer is None or authorizer.kind == "iam":
            continue
        wanted = properties(authorizer)
        name = authorizer.name
        if found.get(name, wanted) != wanted:
            name = f"{name}-{digest(wanted)[:8]}"
        found[name] = wanted
        names[id(route)] = name
    return found, names


def authorizer_of(route: Route, names: Authorizers) -> str | None:
    """Who decides on a route: ``iam``, the name of an authorizer, or nobody."""
    if route.authorizer is not None and route.authorizer.kind == "iam":
        return "iam"
    return names.get(id(route))


def caching(authorizer: Authorizer) -> int:
    """For how many seconds an answer is kept: without identity sources it can't be
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html)."""
    return authorizer.ttl_s if authorizer.identity else 0


def throttles(given: Mapping[str, Throttle]) -> dict[str, Any]:
    """Throttles by route, but for those that limit nothing."""
    found = {route: throttle(one.rate, one.burst) for route, one in given.items()}
    return {route: one for route, one in found.items() if one != NO_THROTTLE}
