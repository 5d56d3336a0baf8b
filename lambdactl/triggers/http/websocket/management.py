"""The ``@connections`` endpoint: how a function sends to a client, looks at it, disconnects it.

Operations and errors are those of botocore's ``apigatewaymanagementapi`` model; see also
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html.
Requests need no signature here: whoever reaches this server may use it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import orjson

from lambdactl.execution.ids import new_uuid
from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.websocket.connection import (
    MAX_MESSAGE_BYTES,
    NORMAL,
    Connection,
    Connections,
)

_PATH = re.compile(r"(.*?)/@connections/(.+)", re.DOTALL)
_ID = re.compile(r"[A-Za-z0-9_-]{15}=")
"""What AWS takes for the id of a connection that may have been."""


def connection_id(path: str) -> tuple[str, str] | None:
    """What stands before ``/@connections/`` in a decoded path, and the id behind it; None for any
    other path."""
    found = _PATH.fullmatch(path)
    return (found[1], found[2]) if found else None


def answer(request: Request, id: str, connections: Connections) -> Response:
    """The answer to a request for the connection ``id``."""
    if not _ID.fullmatch(id):
        return _error(400, "BadRequestException", f"Invalid connectionId: {id}", id)
    if request.method not in _OPERATIONS:
        return _error(
            403, "MissingAuthenticationTokenException", "Missing Authentication Token", id
        )
    if request.method == "POST" and len(request.body) > MAX_MESSAGE_BYTES:
        return _error(413, "PayloadTooLargeException", "Message too long", id)
    connection = connections.open.get(id)
    response = _OPERATIONS[request.method](connection, request) if connection else None
    # AWS's 410 has no body.
    return response or Response(410, _headers("GoneException"))


def _post(connection: Connection, request: Request) -> Response | None:
    message = request.body
    try:
        message.decode("utf-8")
    except UnicodeDecodeError:
        # Messages are text; a client would have to give up the connection over anything else.
        message = message.decode("utf-8", "replace").encode()
    return Response(200, _headers()) if connection.send(message) else None


def _get(connection: Connection, request: Request) -> Response:
    identity = {"sourceIp": connection.source_ip, "userAgent": connection.user_agent}
    body = {
        "connectedAt": _iso(connection.connected_at),
        "identity": {name: value for name, value in identity.items() if value is not None},
        "lastActiveAt": _iso(connection.last_active),
    }
    return Response(200, [*_headers(), ("Content-Type", "application/json")], orjson.dumps(body))


def _delete(connection: Connection, request: Request) -> Response:
    connection.close(NORMAL)
    return Response(204, _headers())


_OPERATIONS = {"POST": _post, "GET": _get, "DELETE": _delete}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _headers(error: str | None = None) -> list[tuple[str, str]]:
    headers = [("x-amzn-RequestId", new_uuid())]
    if error:
        headers.append(("x-amzn-ErrorType", error))
    return headers


def _error(status: int, error: str, message: str, id: str) -> Response:
    headers = _headers(error)
    body = {"message": message, "connectionId": id, "requestId": headers[0][1]}
    return Response(status, [*headers, ("Content-Type", "application/json")], orjson.dumps(body))
