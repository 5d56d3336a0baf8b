"""The event of a REST API: payload format 1.0, as a Lambda proxy integration passes it on.

Sources: "Input format of a Lambda function for proxy integration"
(https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html)
and the table of ``$context``
(https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html).
What these pages leave open is as recorded from AWS, in https://github.com/localstack/localstack
(tests/aws/services/apigateway/test_apigateway_lambda.snapshot.json) and
https://github.com/hotsock/voker (vokerhttp/testdata/apigwv1-request.json):

* Path parameters stay encoded as they were sent, those of the query string are decoded.
* Slashes at the start of the path become one, but not in ``requestContext.path``.
* Three headers are written as API Gateway writes them, all others as they were sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lambdactl.manifest.apis import Api, Route
from lambdactl.triggers.http.calls import Call, Setting
from lambdactl.triggers.http.exchange import Headers
from lambdactl.triggers.http.fields import (
    body_text,
    clf_time,
    header_maps,
    media_matcher,
    media_type,
    query_maps,
    server_name,
    stable_id,
)
from lambdactl.triggers.http.forwarded import forwarded_for, port

# "Important notes": what API Gateway drops of a request to a Lambda integration
# (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html).
# Content-Length is in that table as passed on, but no event of a proxy integration has it.
_DROPPED = frozenset(
    {
        "connection",
        "content-length",
        "content-md5",
        "expect",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
    }
)
_ADDED = frozenset({"x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"})
_LEFT_OUT = _DROPPED | _ADDED
_WRITTEN = {"authorization": "Authorization", "host": "Host", "user-agent": "User-Agent"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What events of one route have in common.

    :ivar context: the part of ``requestContext`` that never changes.
    :ivar stage: with a slash before it.
    :ivar binary: whether a body of a media type is passed on in Base64; None when none is.
    :ivar signed: requests are signed (``AWS_IAM``).
    """

    resource: str
    context: dict[str, Any]
    stage: str
    variables: dict[str, str] | None
    binary: Callable[[str], bool] | None
    signed: bool


def prepare(setting: Setting, api: Api, route: Route) -> Prepared:
    """Work out in advance what :func:`event` needs for each request to ``route``."""
    context: dict[str, Any] = {
        "resourceId": stable_id(api.name, route.path, length=6),
        "resourcePath": route.path,
    }
    if route.operation:
        context["operationName"] = route.operation
    context |= {
        "accountId": setting.account,
        "protocol": "HTTP/1.1",
        "stage": api.stage,
        "deploymentId": stable_id(api.name, api.stage, "deployment", length=6),
        "apiId": stable_id(api.name),
    }
    return Prepared(
        resource=route.path,
        context=context,
        stage=f"/{api.stage}",
        variables=dict(api.variables) or None,
        binary=media_matcher(api.binary_types) if api.binary_types else None,
        signed=route.authorizer is not None and route.authorizer.kind == "iam",
    )


def prepared(call: Call) -> Prepared:
    """``call.prepared``, made now where the door has not."""
    if call.prepared is None:
        call.prepared = prepare(call.setting, call.api, call.route)
    found: Prepared = call.prepared
    return found


def event(call: Call) -> dict[str, Any]:
    """The event for ``call``: a dict that is ready for ``orjson.dumps``."""
    fixed = prepared(call)
    request = call.request
    query = request.query
    if ";" in query:
        # "Not supported ... and results in the data being split" (Important notes).
        query = query.replace(";", "&")
    single, multi = query_maps(query)
    headers, multi_headers = header_maps(_headers(call, fixed))
    path = request.path
    if path.startswith("//"):
        path = "/" + path.lstrip("/")
    binary = fixed.binary
    body, encoded = body_text(
        request.body, binary is not None and binary(media_type(request.header("content-type")))
    )
    return {
        "resource": fixed.resource,
        "path": path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": multi_headers,
        "queryStringParameters": single,
        "multiValueQueryStringParameters": multi,
        "pathParameters": call.parameters or None,
        "stageVariables": fixed.variables,
        "requestContext": request_context(call),
        "body": body,
        "isBase64Encoded": encoded,
    }


def request_context(call: Call) -> dict[str, Any]:
    """The ``requestContext`` of ``call``, which is also the ``$context`` of mapping templates."""
    fixed = prepared(call)
    request = call.request
    joined = request.joined
    context = fixed.context.copy()
    context["httpMethod"] = request.method
    context["extendedRequestId"] = call.extended_id
    context["requestTime"] = clf_time(request.received)
    context["path"] = fixed.stage + request.path
    domain, prefix, _ = server_name(joined.get("host", ""))
    context["domainPrefix"] = prefix
    context["requestTimeEpoch"] = int(request.received * 1000)
    context["requestId"] = call.request_id
    key = call.api_key
    identity = context["identity"] = {
        "cognitoIdentityPoolId": None,
        "cognitoIdentityId": None,
        "apiKey": key.value if key is not None else None,
        "apiKeyId": key.id if key is not None else None,
        "principalOrgId": None,
        "cognitoAuthenticationType": None,
        "userArn": None,
        "userAgent": joined.get("user-agent"),
        "accountId": None,
        "caller": None,
        "sourceIp": request.source_ip,
        "accessKey": None,
        "cognitoAuthenticationProvider": None,
        "user": None,
    }
    context["domainName"] = domain
    allowed = call.allowed
    if allowed is not None:
        identity.update(allowed.identity)
        if allowed.shown:
            context["authorizer"] = dict(allowed.shown)
    return context


def header_name(name: str) -> str:
    """The name of a request's header as API Gateway sees it, which counts in mappings and
    validators."""
    return _WRITTEN.get(name.lower(), name)


def _headers(call: Call, fixed: Prepared) -> Headers:
    """The request's headers as API Gateway passes them on, with those that it adds."""
    request = call.request
    headers = [
        (_WRITTEN.get(lower, name), value)
        for name, value in request.headers
        if (lower := name.lower()) not in _LEFT_OUT
    ]
    # "The Authorization header is dropped if it contains a Signature Version 4 signature or if
    # AWS_IAM authorization is used" (Important notes).
    authorization = request.joined.get("authorization")
    if authorization is not None and (fixed.signed or authorization.startswith("AWS4-HMAC-SHA256")):
        headers = [pair for pair in headers if pair[0] != "Authorization"]
    return [
        *headers,
        ("X-Amzn-Trace-Id", call.trace_id),
        ("X-Forwarded-For", forwarded_for(request)),
        ("X-Forwarded-Port", port(request)),
        ("X-Forwarded-Proto", request.scheme),
    ]
