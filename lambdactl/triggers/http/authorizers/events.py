"""What a REQUEST authorizer is given: the request as its integration would get it, without the
body, and with what is asked of the authorizer.

REST: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html;
WebSocket: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html;
HTTP: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdactl.triggers.http.calls import Call

_NOT_GIVEN = frozenset({"body", "isBase64Encoded", "version"})

_V1_ONLY_INTEGRATIONS = frozenset({"multiValueHeaders", "multiValueQueryStringParameters"})
"""Format 1.0 of an HTTP API's authorizer has single values only."""


def request_event(call: Call, arn: str) -> dict[str, Any]:
    """The REQUEST event of a REST or WebSocket API."""
    given = _connect_event(call) if call.api.kind == "websocket" else _rest_event(call)
    return {"type": "REQUEST", "methodArn": arn, **_without(given, _NOT_GIVEN)}


def _connect_event(call: Call) -> dict[str, Any]:
    from lambdactl.triggers.http.websocket.event import ConnectionCall, event

    assert isinstance(call, ConnectionCall)
    return event(call, call.connection, "CONNECT")


def _rest_event(call: Call) -> dict[str, Any]:
    from lambdactl.triggers.http.rest.event import event

    given = event(call)
    # Whether the key is a good one is found out later; the authorizer gets what was sent.
    given["requestContext"]["identity"]["apiKey"] = call.request.header("x-api-key")
    return given


def http_event(call: Call, payload: str, values: list[str], arn: str) -> dict[str, Any]:
    """The event of an HTTP API's authorizer, in format 1.0 (``v1``) or 2.0."""
    from lambdactl.triggers.http.http_api.event import event_v1, event_v2

    if payload == "v2":
        return {
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": arn,
            "identitySource": values or None,
            **_without(event_v2(call), _NOT_GIVEN),
        }
    joined = ",".join(values) or None
    return {
        "version": "1.0",
        "type": "REQUEST",
        "methodArn": arn,
        "identitySource": joined,
        "authorizationToken": joined,
        **_without(event_v1(call), _NOT_GIVEN | _V1_ONLY_INTEGRATIONS),
    }


def _without(event: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    given = {name: value for name, value in event.items() if name not in names}
    context = given.get("requestContext")
    if isinstance(context, dict) and "authorizer" in context:
        # Nothing is known of the caller yet.
        given["requestContext"] = {
            name: value for name, value in context.items() if name != "authorizer"
        }
    return given
