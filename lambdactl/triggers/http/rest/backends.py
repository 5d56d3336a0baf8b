"""HTTP behind a REST API: where ``uri`` leads, and which headers go there and come back.

HTTP integrations send what is mapped, HTTP proxy integrations pass on everything
(https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

from lambdactl.manifest.apis import Api, Route
from lambdactl.triggers.http.calls import Call, Refusal, Setting
from lambdactl.triggers.http.exchange import Headers, Response
from lambdactl.triggers.http.fields import stable_id
from lambdactl.triggers.http.forwarded import forwarded_for, port
from lambdactl.triggers.http.outgoing import Reply, send
from lambdactl.triggers.http.rest.context import decoded, facts
from lambdactl.triggers.http.rest.parameters import Mapped, Values, request_mapping

_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")
_PLACE = re.compile(r"\{([^{}/]+?)\+?\}")
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})

# "Important notes": what does not reach an HTTP endpoint
# (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html), and
# what one connection says of itself (RFC 9110, 7.6.1).
_DROPPED = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
_FORWARDED = frozenset({"x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"})
# Mapped to one of these, a header does not reach the endpoint (recorded: "full-integration" of
# https://github.com/localstack/localstack,
# tests/aws/services/apigateway/test_apigateway_integrations.snapshot.json).
_NOT_MAPPED = frozenset({"connection", "expect", "proxy-authenticate", "te", "via"})
# Mapped to one of these, API Gateway fails: "... header already present".
_OWN = frozenset(
    {"content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"}
)
# The same table, of responses; as recorded, the request id of what is called too.
_REMAPPED = frozenset(
    {
        "connection",
        "content-length",
        "content-md5",
        "date",
        "server",
        "www-authenticate",
        "x-amzn-requestid",
    }
)
_ENDS_HERE = frozenset(
    {"keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade"}
)


def http(api: Api, route: Route) -> Callable[[Call, Mapped, bytes], Awaitable[Reply]]:
    """Calls ``uri`` with mapped parameters only, and API Gateway's own headers."""
    integration = route.integration
    locate = _locator(api, route)
    identity = stable_id(api.name)

    async def call_out(call: Call, mapped: Mapped, payload: bytes) -> Reply:
        method = _method(integration.method, call)
        headers = _mapped_headers(mapped)
        body = b"" if method in _BODILESS else payload
        usual = {"Accept": "application/json", "User-Agent": f"AmazonAPIGateway_{identity}"}
        if body:
            usual["Content-Type"] = call.request.header("content-type") or "application/json"
        _add_missing(headers, usual)
        headers.append(("x-amzn-apigateway-api-id", identity))
        headers.append(("X-Amzn-Trace-Id", call.trace_id))
        return await send(
            method,
            locate(call, mapped, ""),
            headers,
            body,
            integration.timeout_s,
            decode=True,
        )

    return call_out


def http_proxy(api: Api, route: Route, setting: Setting) -> Callable[[Call], Awaitable[Response]]:
    """Passes the request on to ``uri``, with what is mapped on top, and the answer back."""
    integration = route.integration
    locate = _locator(api, route)
    identity = stable_id(api.name)
    parameters = integration.request_parameters
    mapping = request_mapping(parameters, f"{route.method} {route.path}", setting.tell)

    async def run(call: Call) -> Response:
        request = call.request
        mapped = Mapped()
        if parameters:
            mapped = mapping(facts(call, request.body.decode("utf-8", "replace")))
        method = _method(integration.method, call)
        headers = _mapped_headers(mapped)
        taken = {name.lower() for name, _ in headers} | _DROPPED | _OWN | _FORWARDED
        headers = [pair for pair in request.headers if pair[0].lower() not in taken] + headers
        headers += [
            ("x-amzn-apigateway-api-id", identity),
            ("X-Amzn-Trace-Id", call.trace_id),
            ("X-Forwarded-For", forwarded_for(request)),
            ("X-Forwarded-Port", port(request)),
            ("X-Forwarded-Proto", request.scheme),
        ]
        reply = await send(
            method,
            locate(call, mapped, request.query),
            headers,
            b"" if method in _BODILESS else request.body,
            integration.timeout_s,
        )
        return Response(reply.status, _passed_back(reply.headers), reply.body)

    return run


def _method(wanted: str | None, call: Call) -> str:
    return call.request.method if wanted is None or wanted.upper() == "ANY" else wanted.upper()


def _locator(api: Api, route: Route) -> Callable[[Call, Mapped, str], str]:
    """Makes the URL of a call: stage variables and path parameters put in, the query string of
    ``uri``, of the request and of the mapping put together."""
    template = _STAGE_VARIABLE.sub(
        lambda found: api.variables.get(found[1], ""), route.integration.uri or ""
    )

    def locate(call: Call, mapped: Mapped, query: str) -> str:
        uri = _PLACE.sub(lambda found: _placed(found[1], mapped.path, call), template)
        added = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}"
            for name, values in mapped.querystring.items()
            for value in values
        )
        base, _, own = uri.partition("?")
        whole = "&".join(filter(None, (own, query, added)))
        return f"{base}?{whole}" if whole else base

    return locate


def _placed(name: str, mapped: Mapping[str, Values], call: Call) -> str:
    """The value of ``{name}`` in ``uri``. Where none is mapped, the parameter of the same name is
    meant."""
    if values := mapped.get(name):
        value = values[-1]
    elif name in call.parameters:
        value = decoded(call.parameters)[name]
    else:
        raise Refusal(
            "API_CONFIGURATION_ERROR",
            reason=f"the integration's uri has {{{name}}}, and nothing is mapped to it"
            f" (integration.request.path.{name})",
        )
    return quote(value, safe="/:@!$&'()*+,;=~")


def _mapped_headers(mapped: Mapped) -> Headers:
    headers: Headers = []
    for name, values in mapped.header.items():
        lower = name.lower()
        if lower in _NOT_MAPPED:
            continue
        if lower in _OWN:
            raise Refusal(
                "API_CONFIGURATION_ERROR", reason=f"{name} can't be mapped: API Gateway sets it"
            )
        headers.extend((name, latin(value)) for value in values)
    return headers


def latin(value: str) -> str:
    """A header's value as bytes travel, one character a byte: UTF-8 where it must be."""
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode("latin-1")
    return value


def _add_missing(headers: Headers, usual: Mapping[str, str]) -> None:
    there = {name.lower() for name, _ in headers}
    headers.extend((name, value) for name, value in usual.items() if name.lower() not in there)


def _passed_back(headers: Headers) -> Headers:
    back: Headers = []
    for name, value in headers:
        lower = name.lower()
        if lower in _REMAPPED:
            back.append((f"x-amzn-Remapped-{name}", value))
        elif lower not in _ENDS_HERE:
            back.append((name, value))
    return back
