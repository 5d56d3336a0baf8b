"""A request as the event of a load balancer, and what a function returned as its answer.

All of it is on https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html.
Names of headers are in lower case; "if the query parameters are URL-encoded, the load balancer does
not decode them"; with multi-value headers there are lists, without them the last value of each.
What users met with: a header that is not text, and ``headers`` that are null, bring a 502
(https://github.com/jeremydaly/lambda-api/issues/117, https://github.com/aws/aws-lambda-go/pull/207).
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any

import orjson

from lambdactl.manifest.apis import Api, Route
from lambdactl.triggers.http import forwarded
from lambdactl.triggers.http.calls import Call, Setting
from lambdactl.triggers.http.exchange import Headers, Request, Response
from lambdactl.triggers.http.fields import Multi, Single, body_text
from lambdactl.triggers.http.http_api.event import is_binary
from lambdactl.triggers.http.http_api.response import add_header, body_of, malformed, status_of

MAX_BYTES = 1024 * 1024
"""Of a request's body, and of the JSON that a function returns: 1 MB each."""

SERVER = ("Server", "awselb/2.0")

_PHRASES = {
    400: "Bad Request",
    404: "Not Found",
    405: "Not Allowed",
    413: "Request Entity Too Large",
    502: "Bad Gateway",
}
_ADDED = frozenset({"x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"})
_NOTHING: dict[str, Any] = {}
_REASON = re.compile(r"\s*\d{3}\s+")


@lru_cache(maxsize=256)
def target_group_arn(region: str, account: str, api: str, function: str) -> str:
    """The ARN of the target group that has ``function`` in it: a target group has one function."""
    name = re.sub(r"[^A-Za-z0-9-]+", "-", function)[:32].strip("-") or "function"
    digest = hashlib.sha256(f"{api}\0{function}".encode()).hexdigest()[:16]
    return f"arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{name}/{digest}"


def arn_of(setting: Setting, api: Api, route: Route) -> str:
    """The ARN of the target group that ``route`` leads to."""
    function = route.integration.function or ""
    return target_group_arn(setting.region, setting.account, api.name, function)


def event(call: Call) -> dict[str, Any]:
    """The event for ``call``."""
    request = call.request
    body, encoded = body_text(request.body, is_binary(request.joined.get("content-type")))
    made: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": arn_of(call.setting, call.api, call.route)}},
        "httpMethod": request.method,
        "path": request.path,
    }
    if call.route.multi_value_headers:
        made["multiValueQueryStringParameters"] = _multi(raw_pairs(request.query))
        made["multiValueHeaders"] = _multi(_headers(call))
    else:
        made["queryStringParameters"] = _single(raw_pairs(request.query))
        made["headers"] = _single(_headers(call))
    made["body"] = body or ""
    made["isBase64Encoded"] = encoded
    return made


def health_event(arn: str, path: str, *, multi: bool) -> dict[str, Any]:
    """The event of a health check ("Enable health checks" of the page above)."""
    path, _, query = path.partition("?")
    made: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": arn}},
        "httpMethod": "GET",
        "path": path or "/",
    }
    agent = [("user-agent", "ELB-HealthChecker/2.0")]
    if multi:
        made["multiValueQueryStringParameters"] = _multi(raw_pairs(query))
        made["multiValueHeaders"] = _multi(agent)
    else:
        made["queryStringParameters"] = _single(raw_pairs(query))
        made["headers"] = _single(agent)
    return made | {"body": "", "isBase64Encoded": False}


def response(payload: bytes, *, multi: bool) -> Response:
    """The answer that a function returned.

    :param multi: multi-value headers are enabled: only ``multiValueHeaders`` are read, otherwise
        only ``headers``.
    :raises Refusal: INTEGRATION_FAILURE, with the reason in words.
    """
    if len(payload) > MAX_BYTES:
        raise malformed(f"has {len(payload)} bytes; a load balancer takes {MAX_BYTES}")
    try:
        result = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise malformed(f"is not JSON ({error})") from None
    if type(result) is not dict or "statusCode" not in result:
        raise malformed("is not an object with a `statusCode`")
    field = "multiValueHeaders" if multi else "headers"
    given = result.get(field, _NOTHING)
    if given is None:
        raise malformed(f"has `{field}` that are null; a load balancer takes an object, or none")
    given = given or _NOTHING
    if type(given) is not dict:
        raise malformed(f"has `{field}` that are not an object")
    headers: Headers = []
    for name, values in given.items():
        if multi and type(values) is not list:
            raise malformed(f"has `multiValueHeaders.{name}` that is not a list")
        for value in values if multi else (values,):
            if type(value) is not str:
                raise malformed(f"has the header `{name}` that is not text")
            add_header(headers, name, value)
    kinds = {name.lower() for name, _ in headers}
    body = body_of(result)
    if body and "content-type" not in kinds:
        headers.append(("Content-Type", "application/octet-stream"))
    if "server" not in kinds:
        headers.append(SERVER)
    status = status_of(result["statusCode"])
    return Response(status, headers, body, _reason(result.get("statusDescription")))


def page(status: int) -> Response:
    """What a load balancer answers by itself."""
    phrase = _PHRASES[status]
    headers = [SERVER, ("Content-Type", "text/html")]
    return Response(status, headers, html_page(status, phrase), phrase)


def html_page(status: int, phrase: str) -> bytes:
    """The page of HTML that says nothing but the status."""
    return (
        f"<html>\r\n<head><title>{status} {phrase}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {phrase}</h1></center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def raw_pairs(query: str) -> list[tuple[str, str]]:
    """The parameters of a query string as they were sent."""
    found = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            found.append((name, value))
    return found


def _headers(call: Call) -> Headers:
    request: Request = call.request
    headers = []
    for name, value in request.headers:
        lower = name.lower()
        if lower not in _ADDED:
            headers.append((lower, value))
    headers += [
        ("x-amzn-trace-id", call.trace_id),
        ("x-forwarded-for", forwarded.forwarded_for(request)),
        ("x-forwarded-port", forwarded.port(request)),
        ("x-forwarded-proto", request.scheme),
    ]
    return headers


def _single(items: Headers) -> Single:
    return dict(items)


def _multi(items: Headers) -> Multi:
    found: Multi = {}
    for name, value in items:
        if name in found:
            found[name].append(value)
        else:
            found[name] = [value]
    return found


def _reason(description: Any) -> str | None:
    """The reason phrase of a ``statusDescription``: "the status code and reason phrase, separated
    by a single space"."""
    if type(description) is not str:
        return None
    phrase = _REASON.sub("", description, count=1)
    return phrase if phrase and phrase.isascii() and phrase.isprintable() else None
