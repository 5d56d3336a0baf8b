"""What one client may ask of the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may ask of the server. Bytes and seconds.

    ``body`` is API Gateway's 10 MB; a longer body reaches the door one byte longer than that and no
    more, for the door to refuse in its own way
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html).
    """

    head: int = 64 * 1024
    body: int = 10 * 1024 * 1024
    discard: int = 64 * 1024 * 1024
    """Of a body that is too long, so much is read and thrown away before the connection is cut."""
    head_s: float = 15.0
    """From the first byte of a request to the end of its headers."""
    body_s: float = 30.0
    """Without a byte of the body."""
    idle_s: float = 75.0
    """Between two requests."""
    write_s: float = 30.0
    """Without the client taking anything of what it is sent."""
