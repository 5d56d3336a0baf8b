"""The rules of a load balancer's listener: which route takes a request.

Conditions: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html.
All conditions of a rule have to hold, one value of each is enough. Hosts, headers and query strings
are compared without regard to case, paths and methods with it; ``*`` stands for any characters and
``?`` for one. "Rules are evaluated in priority order, from the lowest value to the highest value."
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

from lambdactl.manifest.apis import Route
from lambdactl.triggers.http.alb_event import raw_pairs
from lambdactl.triggers.http.exchange import Request

Condition = Callable[[Request], bool]


class Rules:
    """The routes of a load balancer in the order in which they are tried.

    :param tell: told of a condition that can't be checked; its rule takes nothing.
    """

    def __init__(self, routes: Iterable[Route], tell: Callable[[str], None]) -> None:
        ordered = sorted(routes, key=lambda route: (route.priority is None, route.priority or 0))
        self._rules = [(route, _conditions(route, tell)) for route in ordered]

    def find(self, request: Request) -> Route | None:
        """The first route whose conditions hold."""
        for route, conditions in self._rules:
            if all(condition(request) for condition in conditions):
                return route
        return None


def _conditions(route: Route, tell: Callable[[str], None]) -> tuple[Condition, ...]:
    found: list[Condition] = []
    # The cheap ones first.
    if route.methods:
        methods = frozenset(route.methods)
        found.append(lambda request: request.method in methods)
    if route.paths and not {"*", "/*"} & set(route.paths):
        path = _pattern(route.paths)
        found.append(lambda request: path.fullmatch(request.path) is not None)
    if route.hosts:
        host = _pattern(route.hosts, fold=True)
        found.append(lambda request: host.fullmatch(_host_name(request.host)) is not None)
    for wanted in route.wanted:
        for name, values in wanted.headers.items():
            found.append(_header(name.lower(), _pattern(values, fold=True)))
        if wanted.query:
            found.append(_query(wanted.query))
    if route.source_ips:
        try:
            found.append(_source(route.source_ips))
        except ValueError as error:
            where = f"{route.where}: " if route.where else ""
            tell(f"{where}a rule of the load balancer takes no request: {error}")
            found.append(lambda request: False)
    return tuple(found)


def _pattern(values: Iterable[str], *, fold: bool = False) -> re.Pattern[str]:
    text = "|".join(
        "".join(_WILD.get(letter) or re.escape(letter) for letter in value) for value in values
    )
    return re.compile(text, re.S | (re.I if fold else 0))


_WILD = {"*": ".*", "?": "."}


def _host_name(host: str) -> str:
    """A ``Host`` header without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _header(name: str, pattern: re.Pattern[str]) -> Condition:
    def holds(request: Request) -> bool:
        return any(
            given.lower() == name and pattern.fullmatch(value) is not None
            for given, value in request.headers
        )

    return holds


def _query(wanted: Iterable[tuple[str | None, str]]) -> Condition:
    patterns = [
        (None if key is None else _pattern((key,), fold=True), _pattern((value,), fold=True))
        for key, value in wanted
    ]

    def holds(request: Request) -> bool:
        given = raw_pairs(request.query)
        return any(
            (key is None or key.fullmatch(name)) and value.fullmatch(text)
            for name, text in given
            for key, value in patterns
        )

    return holds


def _source(blocks: Iterable[str]) -> Condition:
    networks = [ipaddress.ip_network(block, strict=False) for block in blocks]

    def holds(request: Request) -> bool:
        try:
            # A link-local address may come with its interface behind a percent sign.
            address = ipaddress.ip_address(request.source_ip.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in networks)

    return holds
