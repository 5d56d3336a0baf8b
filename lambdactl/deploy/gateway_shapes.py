"""How settings of API Gateway look, wanted or live, where AWS has several ways to say one thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

RATE, BURST = 10_000.0, 5_000
"""What an account may have by default, in place of what a throttle leaves open
(https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html)."""

_MESSAGE = '{"message":$context.error.messageString}'


def throttle(rate: float | None, burst: int | None) -> dict[str, Any]:
    return {
        "rate": RATE if rate is None else float(rate),
        "burst": BURST if burst is None else int(burst),
    }


NO_THROTTLE = throttle(None, None)
"""No limit but the account's."""


def cors(
    *,
    origins: Iterable[str],
    methods: Iterable[str],
    headers: Iterable[str],
    exposed: Iterable[str],
    credentials: bool,
    max_age_s: int | None,
) -> dict[str, Any]:
    """CORS of an HTTP API, without regard to order and case, as API Gateway takes it
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html)."""
    return {
        "allow_origins": sorted({one.lower() for one in origins}),
        "allow_methods": sorted({one.upper() for one in methods}),
        "allow_headers": sorted({one.lower() for one in headers}),
        "expose_headers": sorted({one.lower() for one in exposed}),
        "allow_credentials": credentials,
        "max_age_s": max_age_s or 0,
    }


def gateway_response(
    name: str,
    status: int | None,
    parameters: Mapping[str, str],
    templates: Mapping[str, str],
) -> dict[str, Any]:
    """A gateway response without what is AWS's default anyway
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html)."""
    from lambdactl.triggers.http.rest.gateway_responses import table

    usual = table()["types"][name]["status"]
    # An integration that fails has a status of its own unless one is given, so that a given one
    # is never the default.
    if name != "INTEGRATION_FAILURE" and status == usual:
        status = None
    compact = {kind: text.replace(" ", "") for kind, text in templates.items()}
    return {
        "status": status,
        "parameters": dict(parameters),
        "templates": {} if compact == {"application/json": _MESSAGE} else dict(templates),
    }
