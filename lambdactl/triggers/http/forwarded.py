"""What a front door adds to the headers of a request before a function sees them.

API Gateway, function URLs and load balancers all tell where a request came from
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html).
"""

from __future__ import annotations

from lambdactl.triggers.http.exchange import Request
from lambdactl.triggers.http.fields import server_name

_PORTS = {"http": "80", "https": "443"}


def forwarded_for(request: Request) -> str:
    """``X-Forwarded-For``: what the client sent, and the client."""
    before = request.joined.get("x-forwarded-for")
    return f"{before}, {request.source_ip}" if before else request.source_ip


def port(request: Request) -> str:
    """``X-Forwarded-Port``: the port that the client called."""
    return server_name(request.host)[2] or _PORTS.get(request.scheme, "80")
