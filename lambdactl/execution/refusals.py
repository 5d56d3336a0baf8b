"""How the Runtime API refuses a call: a status and ``{"errorMessage", "errorType"}``.

The words are those of AWS's own emulator
(https://github.com/aws/aws-lambda-runtime-interface-emulator,
internal/lambda/rapi/rendering/render_error.go), but for two that it doesn't have: a strange host,
and the answer to an attempt that has timed out, which the runtimes of 2026 expect
(https://github.com/aws/aws-lambda-dotnet/pull/2508).
"""

from __future__ import annotations

import json

from lambdactl.execution.http1 import Connection
from lambdactl.execution.invocation import MAX_PAYLOAD_BYTES


def transition(connection: Connection, current: str, wanted: str) -> None:
    """The runtime may not do that now."""
    _refuse(
        connection,
        403,
        "InvalidStateTransition",
        f"State transition from {current} to {wanted} failed for runtime. "
        "Error: State transition is not allowed",
    )


def request_id(connection: Connection) -> None:
    """It isn't the invocation that runs."""
    _refuse(connection, 400, "InvalidRequestID", "Invalid request ID")


def attempt(connection: Connection) -> None:
    """It is the invocation that runs, but an older attempt at it."""
    _refuse(connection, 410, "ErrorRuntimeInvokeTimeout", "This invocation has timed out")


def response_mode(connection: Connection) -> None:
    """A ``Lambda-Runtime-Function-Response-Mode`` that doesn't exist."""
    _refuse(connection, 400, "InvalidFunctionResponseMode", "Invalid function response mode")


def size(connection: Connection) -> None:
    """The body is larger than an invocation's answer may be."""
    _refuse(
        connection,
        413,
        "RequestEntityTooLarge",
        f"Exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes).",
    )


def host(connection: Connection) -> None:
    """The caller meant another host: a page in a browser whose name was rebound to this port."""
    _refuse(connection, 403, "InvalidHost", "This endpoint does not serve that host")


def not_found(connection: Connection) -> None:
    connection.respond(404, b"404 page not found\n", b"text/plain; charset=utf-8")


def method(connection: Connection) -> None:
    connection.respond(405, b"")


def _refuse(connection: Connection, status: int, error_type: str, message: str) -> None:
    body = json.dumps({"errorMessage": message, "errorType": error_type}, separators=(",", ":"))
    connection.respond(status, body.encode() + b"\n")
