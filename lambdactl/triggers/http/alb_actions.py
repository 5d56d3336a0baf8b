"""Rules by which a load balancer answers by itself: fixed responses and redirects.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html. In a
redirect's address ``#{protocol}``, ``#{host}``, ``#{port}``, ``#{path}`` (without the slash before
it) and ``#{query}`` are those of the request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

from lambdactl.manifest.apis import Integration, IntegrationResponse
from lambdactl.triggers.http import forwarded
from lambdactl.triggers.http.alb_event import SERVER, html_page
from lambdactl.triggers.http.exchange import Headers, Request, Response
from lambdactl.triggers.http.fields import server_name

Action = Callable[[Request], Response]

_KEYWORD = re.compile(r"#\{(protocol|host|port|path|query)\}")
_HEADER = "method.response.header."


def action(integration: Integration) -> Action:
    """What answers for a rule with this integration (of the kind "mock")."""
    first = integration.responses[0] if integration.responses else IntegrationResponse(200)
    given = [
        (name.removeprefix(_HEADER), _unquoted(value)) for name, value in first.parameters.items()
    ]
    redirects = any(name.lower() == "location" for name, _ in given)
    kind, text = next(iter(first.templates.items()), ("", ""))
    body = text.encode()
    if redirects and not body:
        kind, body = "text/html", html_page(first.status, _phrase(first.status))

    def answer(request: Request) -> Response:
        headers: Headers = [SERVER]
        if kind:
            headers.append(("Content-Type", kind))
        for name, value in given:
            headers.append((name, _filled(value, request) if name.lower() == "location" else value))
        return Response(first.status, headers, body)

    return answer


def _filled(address: str, request: Request) -> str:
    host = server_name(request.host)[0]
    port = forwarded.port(request)
    parts = {
        "protocol": request.scheme,
        "host": host.removesuffix(f":{port}"),
        "port": port,
        "path": request.path.removeprefix("/"),
        "query": request.query,
    }
    return _KEYWORD.sub(lambda found: parts[found[1]], address).removesuffix("?")


def _unquoted(value: str) -> str:
    """A constant may stand in quotes, as parameters of a REST API do."""
    quoted = len(value) > 1 and value[0] == value[-1] == "'"
    return value[1:-1] if quoted else value


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
