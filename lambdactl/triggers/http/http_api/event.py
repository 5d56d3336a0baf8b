"""A request as the event of an HTTP API: payload formats 2.0 and 1.0.

Every field is on
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html.
What that page leaves open was seen at the real service by others:

* The path and its parameters are decoded, and then once more: ``%252F`` is a slash. A question mark
  that the first time brings ends the path, a percent sign that means nothing then is refused
  (captured from AWS: https://github.com/hotsock/voker, vokerhttp/testdata/ingress-paths.json). The
  raw query string is not decoded (apigwv2-request.json there).
* In format 1.0 ``path`` stays as it was sent, ``requestContext.path`` does not, and ``resourceId``
  is the route's key (recorded: https://github.com/aws/aws-lambda-dotnet,
  Tools/LambdaTestTool-v2/tests/*.IntegrationTests/Snapshots/V1_UnicodeCharactersInPathHttpV1.json).
* The domain name is that of the ``Host`` header
  (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html).
* A named stage stands before the path
  (https://github.com/aws-powertools/powertools-lambda-python/issues/621).
* Only ``text/*`` and three types of ``application`` are text, all else is Base64, a form and a body
  without a type too (https://github.com/ministackorg/ministack/pull/766).
* Fields that have nothing to say are left out of format 2.0, and null in format 1.0
  (https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html has an event).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from lambdactl.manifest.apis import Route
from lambdactl.triggers.http import forwarded
from lambdactl.triggers.http.calls import Call
from lambdactl.triggers.http.exchange import Request
from lambdactl.triggers.http.fields import (
    body_text,
    clf_time,
    header_maps,
    media_type,
    pairs,
    query_maps,
    server_name,
    stable_id,
)

_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")
TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})


@lru_cache(maxsize=256)
def api_id(name: str) -> str:
    """The id of the HTTP API with this name."""
    return stable_id(name)


def event_v2(call: Call) -> dict[str, Any]:
    """The event in format 2.0."""
    request, api, setting = call.request, call.api, call.setting
    identity = api_id(api.name)
    domain, prefix, _ = server_name(request.host)
    path = stage_path(call)
    key = route_key(call.route)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": request.query,
    }
    context: dict[str, Any] = {
        "accountId": setting.account,
        "apiId": identity,
        "authentication": None,
        "domainName": domain,
        "domainPrefix": prefix,
        "http": http_context(request, path),
        "requestId": call.extended_id,
        "routeKey": key,
        "stage": api.stage,
        "time": clf_time(request.received),
        "timeEpoch": int(request.received * 1000),
    }
    if call.allowed is not None and call.allowed.shown:
        context["authorizer"] = call.allowed.shown
    fill_v2(event, call, context)
    if call.parameters:
        event["pathParameters"] = call.parameters
    if api.variables:
        event["stageVariables"] = api.variables
    return event


def fill_v2(event: dict[str, Any], call: Call, context: dict[str, Any]) -> None:
    """Add what an HTTP API and a function URL write alike: cookies, headers, query string, body.
    A function URL leaves cookies among the headers, too (captured from AWS:
    https://github.com/hotsock/voker, vokerhttp/testdata/functionurl-request.json)."""
    request = call.request
    headers = request.joined.copy()
    cookies = headers.get("cookie")
    if cookies is not None and call.api.kind == "http":
        del headers["cookie"]
    if cookies:
        # One entry a cookie, also where they came in one header.
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if "content-length" not in headers and (request.body or call.api.kind == "http"):
        headers["content-length"] = str(len(request.body))
    headers["x-amzn-trace-id"] = call.trace_id
    headers["x-forwarded-for"] = forwarded.forwarded_for(request)
    headers["x-forwarded-port"] = forwarded.port(request)
    headers["x-forwarded-proto"] = request.scheme
    event["headers"] = headers
    if request.query:
        query: dict[str, str] = {}
        for name, value in pairs(request.query):
            query[name] = f"{query[name]},{value}" if name in query else value
        if query:
            event["queryStringParameters"] = query
    event["requestContext"] = context
    body, encoded = body_text(request.body, is_binary(headers.get("content-type")))
    if body is not None:
        event["body"] = body
    event["isBase64Encoded"] = encoded


def http_context(request: Request, path: str) -> dict[str, str]:
    """``requestContext.http``."""
    return {
        "method": request.method,
        "path": path,
        "protocol": "HTTP/1.1",
        "sourceIp": request.source_ip,
        "userAgent": request.joined.get("user-agent", ""),
    }


def event_v1(call: Call) -> dict[str, Any]:
    """The event in format 1.0, as HTTP APIs write it."""
    request, api, setting = call.request, call.api, call.setting
    identity = api_id(api.name)
    domain, prefix, _ = server_name(request.host)
    path, context_path = request.path, stage_path(call)
    if api.stage != "$default":
        path = f"/{api.stage}{path}"
    key = route_key(call.route)
    single, multi = header_maps(_headers_v1(call))
    query, multi_query = query_maps(request.query)
    body, encoded = body_text(request.body, is_binary(request.joined.get("content-type")))
    allowed = call.allowed
    return {
        "version": "1.0",
        "resource": call.route.path,
        "path": path,
        "httpMethod": request.method,
        "headers": single,
        "multiValueHeaders": multi,
        "queryStringParameters": query,
        "multiValueQueryStringParameters": multi_query,
        "requestContext": {
            "accountId": setting.account,
            "apiId": identity,
            "authorizer": _authorizer_v1(allowed.shown if allowed is not None else {}),
            "domainName": domain,
            "domainPrefix": prefix,
            "extendedRequestId": call.extended_id,
            "httpMethod": request.method,
            "identity": _identity_v1(call),
            "path": context_path,
            "protocol": "HTTP/1.1",
            "requestId": call.extended_id,
            "requestTime": clf_time(request.received),
            "requestTimeEpoch": int(request.received * 1000),
            "resourceId": None if key == "$default" else key,
            "resourcePath": call.route.path,
            "stage": api.stage,
        },
        "pathParameters": call.parameters or None,
        "stageVariables": api.variables or None,
        "body": body,
        "isBase64Encoded": encoded,
    }


def route_key(route: Route) -> str:
    """``GET /pets/{id}``, ``ANY /{proxy+}`` or ``$default``."""
    return "$default" if route.path == "$default" else f"{route.method} {route.path}"


def stage_path(call: Call) -> str:
    """The decoded path, behind the stage if that has a name."""
    request, stage = call.request, call.api.stage
    path = decoded(request.path)
    return path if stage == "$default" else f"/{stage}{path}"


def is_binary(content_type: str | None) -> bool:
    """Whether a body of this type is passed on in Base64."""
    kind = media_type(content_type)
    return not (kind.startswith("text/") or kind in TEXT_TYPES)


def decoded(path: str) -> str:
    """A path, or a parameter of one, as HTTP APIs pass it on."""
    if "%" not in path:
        return path
    once = unquote(path).partition("?")[0]
    return unquote(once) if "%" in once else once


def decodable(path: str) -> bool:
    """Whether an HTTP API takes this path: what is left after decoding it once can be decoded."""
    return "%25" not in path or _STRAY.search(unquote(path).partition("?")[0]) is None


def _headers_v1(call: Call) -> list[tuple[str, str]]:
    request = call.request
    added = [
        ("X-Amzn-Trace-Id", call.trace_id),
        ("X-Forwarded-For", forwarded.forwarded_for(request)),
        ("X-Forwarded-Port", forwarded.port(request)),
        ("X-Forwarded-Proto", request.scheme),
    ]
    replaced = {name.lower() for name, _ in added}
    headers = [pair for pair in request.headers if pair[0].lower() not in replaced]
    if "content-length" not in request.joined:
        headers.append(("Content-Length", str(len(request.body))))
    return headers + added


def _authorizer_v1(shown: Mapping[str, Any]) -> dict[str, Any]:
    """``requestContext.authorizer`` of format 1.0, which has claims and a Lambda authorizer's
    context at its top
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html)."""
    if "jwt" in shown:
        return {"claims": shown["jwt"].get("claims"), "scopes": shown["jwt"].get("scopes")}
    if "lambda" in shown:
        return dict(shown["lambda"] or {})
    if "iam" in shown:
        return {"claims": None, "scopes": None}
    return dict(shown) or {"claims": None, "scopes": None}


def _identity_v1(call: Call) -> dict[str, Any]:
    request, allowed = call.request, call.allowed
    iam: Mapping[str, Any] = {}
    if allowed is not None:
        iam = allowed.shown.get("iam") or {}
    identity = {
        "accessKey": iam.get("accessKey"),
        "accountId": iam.get("accountId"),
        "caller": iam.get("callerId"),
        "cognitoAuthenticationProvider": None,
        "cognitoAuthenticationType": None,
        "cognitoIdentityId": None,
        "cognitoIdentityPoolId": None,
        "principalOrgId": iam.get("principalOrgId"),
        "sourceIp": request.source_ip,
        "user": iam.get("userId"),
        "userAgent": request.joined.get("user-agent", ""),
        "userArn": iam.get("userArn"),
        "clientCert": None,
    }
    if allowed is not None:
        identity.update(allowed.identity)
    return identity
