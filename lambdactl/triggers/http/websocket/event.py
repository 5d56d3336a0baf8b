"""What a function behind a WebSocket API is given.

Sources: the examples of
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html
and the table of
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html.
"""

from __future__ import annotations

from typing import Any, Literal

from lambdactl.manifest.apis import Api, Route
from lambdactl.triggers.http.calls import Call, Setting, new_extended_id
from lambdactl.triggers.http.exchange import Headers
from lambdactl.triggers.http.fields import clf_time, header_maps, query_maps, stable_id
from lambdactl.triggers.http.forwarded import forwarded_for, port
from lambdactl.triggers.http.websocket.connection import Connection

EventType = Literal["CONNECT", "MESSAGE", "DISCONNECT"]


class ConnectionCall(Call):
    """A :class:`Call` on a connection: its upgrade request, a message, or its end.

    ``requestId`` is "same as $context.extendedRequestId" (the table above).

    :ivar context: what mapping templates see in ``$context`` beyond what a REST API has there.
    """

    __slots__ = ("connection", "context")

    def __init__(self, setting: Setting, api: Api, route: Route, connection: Connection) -> None:
        super().__init__(setting, api, route, connection.request, {})
        self.connection = connection
        self._request_id = self.extended_id
        self.context: dict[str, Any] = {}


_HOP_BY_HOP = frozenset({"connection", "upgrade"})
_FORWARDED = frozenset(
    {"x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"}
)


def event(
    call: Call,
    connection: Connection,
    event_type: EventType,
    *,
    body: str | None = None,
    closed: tuple[int, str] | None = None,
) -> dict[str, Any]:
    """The event of ``call`` on ``connection``.

    :param body: MESSAGE: the text of the message.
    :param closed: DISCONNECT: close code and reason.
    """
    context = request_context(call, connection, event_type)
    made: dict[str, Any] = {}
    if event_type == "CONNECT":
        request = call.request
        made["headers"], made["multiValueHeaders"] = header_maps(_connect_headers(call))
        single, multi = query_maps(request.query)
        if single:
            made["queryStringParameters"] = single
            made["multiValueQueryStringParameters"] = multi
    elif event_type == "DISCONNECT":
        made["headers"], made["multiValueHeaders"] = header_maps(
            [
                ("Host", connection.host),
                ("x-api-key", ""),
                ("X-Forwarded-For", ""),
                ("x-restapi", ""),
            ]
        )
        if closed is not None:
            context["disconnectStatusCode"], context["disconnectReason"] = closed
    if call.api.variables:
        made["stageVariables"] = dict(call.api.variables)
    made["requestContext"] = context
    if body is not None:
        made["body"] = body
    made["isBase64Encoded"] = False
    return made


def request_context(call: Call, connection: Connection, event_type: EventType) -> dict[str, Any]:
    """The ``requestContext`` that all three events (and a REQUEST authorizer's) share.

    ``domainName`` is host and port of this server, so that a handler which posts to
    ``https://{domainName}/{stage}`` reaches it.
    """
    now = call.setting.clock.now()
    identity: dict[str, Any] = {}
    if connection.user_agent is not None:
        identity["userAgent"] = connection.user_agent
    identity["sourceIp"] = connection.source_ip
    key = connection.api_key
    if key is not None:
        identity["apiKey"], identity["apiKeyId"] = key.value, key.id
    context: dict[str, Any] = {
        "routeKey": call.route.path,
        "eventType": event_type,
        "extendedRequestId": call.extended_id,
        "requestTime": clf_time(now),
        "messageDirection": "IN",
        "stage": call.api.stage,
        "connectedAt": int(connection.connected_at * 1000),
        "requestTimeEpoch": int(now * 1000),
        "identity": identity,
        "requestId": call.request_id,
        "domainName": connection.domain_name,
        "connectionId": connection.id,
        "apiId": stable_id(call.api.name),
    }
    if event_type == "MESSAGE":
        context["messageId"] = new_extended_id()
    if connection.authorizer is not None:
        context["authorizer"] = dict(connection.authorizer)
    return context


def _connect_headers(call: Call) -> Headers:
    """The client's headers without those that concern one hop, and with those that API Gateway
    adds."""
    request = call.request
    skipped = _HOP_BY_HOP | _FORWARDED
    headers = [pair for pair in request.headers if pair[0].lower() not in skipped]
    return [
        *headers,
        ("X-Amzn-Trace-Id", call.trace_id),
        ("X-Forwarded-For", forwarded_for(request)),
        ("X-Forwarded-Port", port(request)),
        ("X-Forwarded-Proto", request.scheme),
    ]
