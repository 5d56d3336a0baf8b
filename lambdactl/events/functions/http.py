"""HTTP requests as API Gateway, a function URL or a load balancer describes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdactl.events.render import Scope

Pairs = list[tuple[str, str]]


def headers(_scope: Scope, defaults: dict[str, str | None], given: Pairs) -> Pairs:
    """The usual headers (null: not there) and those asked for, which replace them by name."""
    taken = {name.lower() for name, _ in given}
    kept = [
        (name, value)
        for name, value in defaults.items()
        if value is not None and name.lower() not in taken
    ]
    return [*kept, *given]


def last_values(_scope: Scope, pairs: Pairs) -> dict[str, str]:
    """One value a name: the last."""
    return dict(pairs)


def all_values(_scope: Scope, pairs: Pairs) -> dict[str, list[str]]:
    """A list of values a name."""
    result: dict[str, list[str]] = {}
    for name, value in pairs:
        result.setdefault(name, []).append(value)
    return result


def joined_values(scope: Scope, pairs: Pairs, separator: str = ",") -> dict[str, str]:
    """The values of a name with commas between them."""
    return {name: separator.join(values) for name, values in all_values(scope, pairs).items()}


def lower_names(_scope: Scope, pairs: Pairs) -> Pairs:
    return [(name.lower(), value) for name, value in pairs]


def header(_scope: Scope, pairs: Pairs, wanted: str) -> str | None:
    """The last value of the header, whatever the case of its name, or null."""
    values = [value for name, value in pairs if name.lower() == wanted.lower()]
    return values[-1] if values else None


def url_part(_scope: Scope, text: str) -> str:
    """Text as one part of a URL, everything special encoded."""
    from urllib.parse import quote

    return quote(text, safe="")


def body_type(_scope: Scope, body: str | None) -> str | None:
    """The content type of a body: JSON if it is JSON, otherwise text; null without a body."""
    import json

    if body is None:
        return None
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return "text/plain"
    return "application/json"


def query_string(_scope: Scope, pairs: Pairs) -> str:
    """``a=1&b=x%20y``."""
    from urllib.parse import quote

    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def path_with_query(scope: Scope, path: str, pairs: Pairs) -> str:
    """``/path?a=1``, or the path alone."""
    return f"{path}?{query_string(scope, pairs)}" if pairs else path


def cookie_header(_scope: Scope, cookies: list[str]) -> Pairs:
    """One ``cookie`` header for all cookies, or none."""
    return [("cookie", "; ".join(cookies))] if cookies else []


def edge_headers(_scope: Scope, pairs: Pairs) -> dict[str, list[dict[str, str]]]:
    """Headers as Lambda@Edge has them: by lower-case name, each with its name as it was sent
    (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-event-structure.html)."""
    result: dict[str, list[dict[str, str]]] = {}
    for name, value in pairs:
        result.setdefault(name.lower(), []).append({"key": name, "value": value})
    return result


def status_text(_scope: Scope, status: int) -> str:
    """The reason phrase of a status code."""
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def encoded_pairs(_scope: Scope, pairs: Pairs) -> Pairs:
    """The pairs with both sides URL-encoded."""
    from urllib.parse import quote

    return [(quote(name, safe=""), quote(value, safe="")) for name, value in pairs]


def path_parameters(_scope: Scope, route: str, path: str) -> dict[str, str]:
    """The values of ``{id}`` and ``{proxy+}`` of a route in a path; empty if it does not fit."""
    from urllib.parse import unquote

    names: list[str] = []
    pattern = ""
    for literal, name, greedy in re.findall(r"([^{]+)|\{([^}+]+)(\+?)\}", route):
        if literal:
            pattern += re.escape(literal)
        else:
            names.append(name)
            pattern += "(.+)" if greedy else "([^/]+)"
    match = re.fullmatch(pattern, path)
    return dict(zip(names, map(unquote, match.groups()), strict=True)) if match else {}


def route_parameters(scope: Scope, route: str, path: str) -> dict[str, str]:
    """The path parameters of a route key such as ``GET /photos/{id}``."""
    return path_parameters(scope, route.rpartition(" ")[2], path)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "all_values": all_values,
    "body_type": body_type,
    "cookie_header": cookie_header,
    "edge_headers": edge_headers,
    "encoded_pairs": encoded_pairs,
    "header": header,
    "headers": headers,
    "joined_values": joined_values,
    "last_values": last_values,
    "lower_names": lower_names,
    "path_parameters": path_parameters,
    "path_with_query": path_with_query,
    "query_string": query_string,
    "route_parameters": route_parameters,
    "status_text": status_text,
    "url_part": url_part,
}
