"""What a REQUEST authorizer is given: the request as its integration would get it, without the
body, and with what is asked of the authorizer.

REST: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html;
WebSocket: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html;
HTTP: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambdactl.triggers.http.calls import Call

_NOT_GIVEN = frozenset({"body", "isBase64Encoded", "version"})

_V1_ONLY_INTEGRATIONS = frozenset({"multiValueHeaders", "multiValueQueryStringParameters"})
"""Format 1.0 of an HTTP API's authorizer has single values only."""


def request_event(
    call: Call, arn: str, event: Callable[[], Mapping[str, Any]] | None
) -> dict[str, Any]:
    """The REQUEST event of a REST or WebSocket API.

    :param event: the integration's event; a REST API's is made from ``call``.
    """
    if event is None:
        from lambdactl.triggers.http.rest.event import event as rest_event

        given: Mapping[str, Any] = rest_event(call)
    else:
        given = event()
    return {"type": "REQUEST", "methodArn": arn, **_without(given, _NOT_GIVEN)}


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
