"""Which route takes a request.

A tree of path segments: at each level a segment that is written out is preferred to a
``{parameter}``, and that to a greedy ``{proxy+}``. The two kinds of API differ in what happens when
the best path lacks the method:

* A REST API has found its resource then, and refuses
  (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html).
* An HTTP API looks for a match of "route and method" together: full match, then greedy, then
  ``$default``
  (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html).

Slashes at the start of a path count as one (recorded by https://github.com/localstack/localstack:
``with-prepended-slash`` of tests/aws/services/apigateway/test_apigateway_lambda.snapshot.json, and
test_request_authorizer_lambda_context, where ``//test`` is the route ``GET /test`` of an HTTP API).

The cost of a look-up depends on the number of segments, not of routes.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from lambdactl.manifest.apis import Route
from lambdactl.triggers.http.exchange import Request

Found = tuple[Route, dict[str, str]]
"""A route and its path parameters, percent-encoded as they were sent."""


class _Node:
    __slots__ = ("greedy", "literal", "methods", "parameter")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.greedy: _Node | None = None
        self.methods: dict[str, tuple[Route, tuple[str, ...]]] = {}
        """Method to the route and the names of its parameters, in the order of the path."""


class Router:
    """Routes of one API.

    :param strict: HTTP API: a trailing slash is a segment of its own, and a path whose route lacks
        the method leaves the request to a less specific one.
    """

    def __init__(self, routes: Iterable[Route], *, strict: bool) -> None:
        self._strict = strict
        self._root = _Node()
        self._default: Route | None = None
        self._direct: dict[tuple[str, str], Found] = {}
        for route in routes:
            if route.path == "$default":
                self._default = self._default or route
            else:
                self._add(route)

    def _add(self, route: Route) -> None:
        node, names = self._root, []
        for part in _segments(route.path, self._strict):
            if part.startswith("{") and part.endswith("+}"):
                names.append(part[1:-2])
                node.greedy = node.greedy or _Node()
                node = node.greedy
            elif part.startswith("{") and part.endswith("}"):
                names.append(part[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(unquote(part), _Node())
        # The first of two equal routes wins; listing.py tells of the other.
        node.methods.setdefault(route.method, (route, tuple(names)))
        if not names and route.method != "ANY":
            self._direct.setdefault((route.method, route.path), (route, {}))

    def find(self, method: str, path: str) -> Found | None:
        """The route for ``method`` and the percent-encoded ``path``; None without one."""
        direct = self._direct.get((method, path))
        if direct is not None:
            return direct[0], {}
        if path.startswith("//"):
            path = "/" + path.lstrip("/")
        raw = _segments(path, self._strict)
        parts = [unquote(part) for part in raw] if "%" in path else raw
        values: list[str] = []
        found = self._walk(self._root, method, parts, raw, 0, values)
        if found is not None:
            entry = found.methods.get(method) or found.methods.get("ANY")
            if entry is not None:
                route, names = entry
                return route, dict(zip(names, values, strict=True))
        return (self._default, {}) if self._default is not None else None

    def _walk(
        self,
        node: _Node,
        method: str,
        parts: list[str],
        raw: list[str],
        at: int,
        values: list[str],
    ) -> _Node | None:
        """The node of the best match below ``node``; ``values`` gets its parameters."""
        if at == len(parts):
            return node if self._takes(node, method) else None
        child = node.literal.get(parts[at])
        if child is not None:
            found = self._walk(child, method, parts, raw, at + 1, values)
            if found is not None:
                return found
        kept = len(values)
        if node.parameter is not None and raw[at]:
            values.append(raw[at])
            found = self._walk(node.parameter, method, parts, raw, at + 1, values)
            if found is not None:
                return found
            del values[kept:]
        rest = "/".join(raw[at:])
        if node.greedy is not None and rest and self._takes(node.greedy, method):
            values.append(rest)
            return node.greedy
        return None

    def _takes(self, node: _Node, method: str) -> bool:
        if self._strict:
            return method in node.methods or "ANY" in node.methods
        return bool(node.methods)


def _segments(path: str, strict: bool) -> list[str]:
    parts = path.split("/")[1:]
    if parts and not parts[-1] and (not strict or len(parts) == 1):
        parts.pop()
    return parts


def rest_router(routes: Iterable[Route]) -> Router:
    """A router with a REST API's rules."""
    return Router(routes, strict=False)


def http_router(routes: Iterable[Route]) -> Router:
    """A router with an HTTP API's rules."""
    return Router(routes, strict=True)


def behind_stage(router: Router, stage: str, request: Request) -> Found | None:
    """The route of a request whose path starts with the stage, as all do at AWS but those of the
    stage ``$default``; then it moves to the request's prefix (what a
    client has signed is both)."""
    before = f"/{stage}"
    if not request.path.startswith(before):
        return None
    rest = request.path[len(before) :] or "/"
    found = router.find(request.method, rest) if rest[0] == "/" else None
    if found is not None:
        request.path = rest
        request.prefix += before
    return found
