"""``$context`` and all else that mapping templates and parameter mappings can ask of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from lambdactl.triggers.http.calls import Call
from lambdactl.triggers.http.rest.event import event as proxy_event
from lambdactl.triggers.http.rest.event import request_context
from lambdactl.triggers.http.rest.json_smart import dumps
from lambdactl.triggers.http.rest.vtl.values import text


class Overrides(dict[Any, Any]):
    """Where a template sets what is to be other than mapped. "An override may only be applied to
    each parameter once. Trying to override the same parameter multiple times will result in 5XX
    responses" (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html)."""

    def __setitem__(self, name: Any, value: Any) -> None:
        if name in self:
            raise ValueError(f"{name} is overridden already; an override is final")
        super().__setitem__(name, value)


def context(call: Call) -> dict[str, Any]:
    """The variables of ``$context`` for a REST API:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html.

    What a request does not have (a web ACL, a client certificate) is None or missing, which is the
    same to a template. Values from a Lambda authorizer are strings there ("the stringified value").
    """
    found = request_context(call)
    # A message of a WebSocket API is mapped like a request; its call knows the connection.
    found.update(getattr(call, "context", {}))
    if authorizer := found.get("authorizer"):
        found["authorizer"] = {
            name: value if isinstance(value, str | dict) or value is None else text(value)
            for name, value in authorizer.items()
        }
    found["isCanaryRequest"] = False
    found["awsEndpointRequestId"] = call.request_id
    root, _, _ = call.trace_id.partition(";")
    found["xrayTraceId"] = root.removeprefix("Root=")
    found["requestOverride"] = {
        "header": Overrides(),
        "querystring": Overrides(),
        "path": Overrides(),
    }
    found["responseOverride"] = Overrides(header=Overrides())
    return found


@dataclass(slots=True)
class Facts:
    """One request to a route whose integration maps.

    :ivar body: the method request's payload as text; Base64 where it is binary and converted.
    :ivar headers: name as sent to all of its values; so are ``query``'s.
    """

    call: Call
    body: str
    context: dict[str, Any]
    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    headers: Mapping[str, list[str]]
    variables: Mapping[str, str]


def facts(call: Call, body: str) -> Facts:
    """What can be asked of ``call``; ``body`` is its payload as a template sees it."""
    payload, call.request.body = call.request.body, b""
    try:
        # The proxy event has the parameters as API Gateway sees them. Its body is not wanted here.
        event = proxy_event(call)
    finally:
        call.request.body = payload
    return Facts(
        call=call,
        body=body,
        context=context(call),
        path=decoded(call.parameters),
        query=event["multiValueQueryStringParameters"] or {},
        headers=event["multiValueHeaders"],
        variables=event["stageVariables"] or {},
    )


def decoded(sent: Mapping[str, str]) -> dict[str, str]:
    """Path parameters for what is not a Lambda proxy integration: "REST APIs decode URL-encoded
    request parameters before passing them to backend integrations"
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html)."""
    return {name: unquote(value) if "%" in value else value for name, value in sent.items()}


def as_text(value: Any) -> str:
    """A value of a JSON document where only text can stand: objects and lists as JSON."""
    return dumps(value) if isinstance(value, dict | list) else text(value)
