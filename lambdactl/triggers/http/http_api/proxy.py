"""HTTP proxy integrations of HTTP APIs: the whole request goes to a URL, the whole answer back.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-http.html.
Path variables of the route stand in the URL as ``{proxy}``; the query string is passed on. Without
a variable, and without a mapping of ``overwrite:path``, every request goes to the URL as it is.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit, urlunsplit

from lambdactl.manifest.apis import Integration
from lambdactl.triggers.http import outgoing
from lambdactl.triggers.http.calls import Call
from lambdactl.triggers.http.exchange import Headers, Response
from lambdactl.triggers.http.http_api.response import HOP_BY_HOP

_VARIABLE = re.compile(r"\$\{stageVariables\.([^{}]+)\}|\{([^{}+]+)\+?\}")
_NOT_SENT = HOP_BY_HOP | {"expect", "forwarded", "host", "via", "x-amzn-trace-id"}
_NOT_ANSWERED = HOP_BY_HOP | {"date"}


def runner(integration: Integration, timeout_s: float) -> Callable[[Call], Awaitable[Response]]:
    """What calls the URL of ``integration``, and waits for it ``timeout_s`` seconds.

    What it returns raises Refusal as :func:`lambdactl.triggers.http.outgoing.send` does.
    """
    maps_path = "overwrite:path" in integration.request_parameters
    method = integration.method if integration.method not in (None, "ANY") else None

    async def run(call: Call) -> Response:
        request = call.request
        url = _url(integration.uri or "", call, maps_path)
        reply = await outgoing.send(
            method or request.method, url, _headers(call), request.body, timeout_s
        )
        headers = [pair for pair in reply.headers if pair[0].lower() not in _NOT_ANSWERED]
        return Response(reply.status, headers, reply.body)

    return run


def _url(uri: str, call: Call, maps_path: bool) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1]:
            return call.api.variables.get(found[1], "")
        return quote(call.parameters.get(found[2], ""), safe="/:@!$&'()*+,;=~")

    parts = urlsplit(_VARIABLE.sub(value, uri))
    path = call.request.path if maps_path else parts.path or "/"
    query = "&".join(each for each in (parts.query, call.request.query) if each)
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def _headers(call: Call) -> Headers:
    """The client's headers, and where the request comes from (RFC 7239)."""
    request = call.request
    headers = [pair for pair in request.headers if pair[0].lower() not in _NOT_SENT]
    source = f'"[{request.source_ip}]"' if ":" in request.source_ip else request.source_ip
    host = f'"{request.host}"' if ":" in request.host else request.host
    headers += [
        ("Forwarded", f"for={source};host={host};proto={request.scheme}"),
        ("Via", "HTTP/1.1 AmazonAPIGateway"),
        ("X-Amzn-Trace-Id", call.trace_id),
    ]
    return headers
