"""Identity sources: where in a request an authorizer finds who is asking.

REST APIs write ``method.request.header.X``, WebSocket APIs ``route.request.header.X``, HTTP APIs
``$request.header.X``; a query string parameter, a stage variable and a variable of the request's
context go the same way
(https://docs.aws.amazon.com/apigateway/latest/api/API_Authorizer.html,
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from lambdactl.events.library import partitions
from lambdactl.manifest.apis import ApiKind
from lambdactl.triggers.http.calls import Call, Setting
from lambdactl.triggers.http.fields import pairs, server_name, stable_id

Source = Callable[[Call], str | None]
"""The value in a request; None where it is missing or empty, which for AWS is the same."""

_REQUEST = re.compile(
    r"(?:\$|method\.|route\.)?request\.(multivalue)?(header|querystring)\.(.+)", re.IGNORECASE
)
_OTHER = re.compile(r"\$?(context|stageVariables)\.(.+)")


def sources(
    identity: Iterable[str], kind: ApiKind, tell: Callable[[str], None]
) -> tuple[Source, ...]:
    """How to read each identity source.

    :param identity: as AWS writes them; one text may hold several, with commas between.
    :param tell: told of a source that means nothing (it is missing in every request).
    """
    names = [name.strip() for text in identity for name in text.split(",")]
    return tuple(_source(name, kind, tell) for name in names if name)


def _source(name: str, kind: ApiKind, tell: Callable[[str], None]) -> Source:
    if found := _REQUEST.fullmatch(name):
        multi, where, key = found.groups()
        joined = kind == "http" or multi is not None
        if where.lower() == "header":
            return _joined_header(key.lower()) if joined else _last_header(key.lower())
        return _query(key, joined)
    if found := _OTHER.fullmatch(name):
        where, key = found.groups()
        if where == "stageVariables":
            return lambda call: call.api.variables.get(key) or None
        if key in _CONTEXT:
            return _CONTEXT[key]
    tell(f"there is no identity source {name}, so no request has it")
    return lambda call: None


def _joined_header(name: str) -> Source:
    return lambda call: call.request.joined.get(name) or None


def _last_header(name: str) -> Source:
    def read(call: Call) -> str | None:
        for sent, value in reversed(call.request.headers):
            if sent.lower() == name:
                return value or None
        return None

    return read


def _query(name: str, joined: bool) -> Source:
    def read(call: Call) -> str | None:
        values = [value for key, value in pairs(call.request.query) if key == name]
        if not values:
            return None
        return (",".join(values) if joined else values[-1]) or None

    return read


def validation(expression: str | None, tell: Callable[[str], None]) -> re.Pattern[str] | None:
    """The expression that a whole token has to match; None where every token will do
    (https://docs.aws.amazon.com/apigateway/latest/api/API_Authorizer.html)."""
    try:
        return re.compile(expression) if expression else None
    except re.error as error:
        tell(
            f"the validation expression {expression!r} of an authorizer can't be checked here: "
            f"{error} (AWS reads it as Java does)"
        )
        return None


def route_key(call: Call) -> str:
    """``GET /pets``; ``$default`` and ``$connect`` stand alone."""
    path = call.route.path
    return path if path.startswith("$") else f"{call.route.method} {path}"


# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html and
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
_CONTEXT: dict[str, Source] = {
    "accountId": lambda call: call.setting.account,
    "apiId": lambda call: api_id(call),
    "domainName": lambda call: server_name(call.request.host)[0] or None,
    "domainPrefix": lambda call: server_name(call.request.host)[1] or None,
    "extendedRequestId": lambda call: call.extended_id,
    "httpMethod": lambda call: call.request.method,
    "identity.sourceIp": lambda call: call.request.source_ip,
    "identity.userAgent": lambda call: call.request.header("user-agent") or None,
    "path": lambda call: call.request.path,
    "protocol": lambda call: "HTTP/1.1",
    "requestId": lambda call: call.request_id if call.api.kind == "rest" else call.extended_id,
    "resourcePath": lambda call: call.route.path,
    "routeKey": route_key,
    "stage": lambda call: call.api.stage,
}


def api_id(call: Call) -> str:
    """The id that ``requestContext.apiId`` shows."""
    return stable_id(call.api.name)


def arns(setting: Setting, kind: ApiKind) -> Callable[[Call], str]:
    """How to make the ARN of what a request asks for, ``methodArn`` or ``routeArn``
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html):
    stage, method and path, or the stage and ``$connect``."""
    start = f"arn:{_partition(setting.region)}:execute-api:{setting.region}:{setting.account}:"
    if kind == "websocket":
        return lambda call: f"{start}{api_id(call)}/{call.api.stage}/{call.route.path}"
    return lambda call: (
        f"{start}{api_id(call)}/{call.api.stage}/{call.request.method}{call.request.path}"
    )


def _partition(region: str) -> str:
    for name, partition in partitions().items():
        if partition["prefix"] and region.startswith(partition["prefix"]):
            return name
    return "aws"


def facts(call: Call) -> dict[str, str]:
    """What the conditions of a policy may ask about the request
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-resource-policies-aws-condition-keys.html)."""
    request = call.request
    now = call.setting.clock.now()
    found = {
        "aws:sourceip": request.source_ip,
        "aws:securetransport": "true" if request.scheme == "https" else "false",
        "aws:currenttime": str(now),
        "aws:epochtime": str(int(now)),
    }
    for key, header in (("aws:useragent", "user-agent"), ("aws:referer", "referer")):
        value = request.header(header)
        if value:
            found[key] = value
    return found
