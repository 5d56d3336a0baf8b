"""Preflights, as SAM's ``Cors`` makes them: an ``OPTIONS`` method with a MOCK integration for each
path (https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-corsconfiguration.html).
"""

from __future__ import annotations

from lambdactl.manifest.apis import Api, Integration, Route
from lambdactl.triggers.http.exchange import Headers, Response

_ANY = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def preflights(api: Api) -> dict[str, Response]:
    """Path to the answer to its preflight, for each path without an ``OPTIONS`` of its own (``ANY``
    is none, as in SAM); nothing where the API has no CORS."""
    if api.cors is None:
        return {}
    methods: dict[str, set[str]] = {}
    for route in api.routes:
        methods.setdefault(route.path, set()).add(route.method)
    return {
        path: Response(200, _headers(api, found), b"{}\n")
        for path, found in methods.items()
        if "OPTIONS" not in found
    }


def route(path: str) -> Route:
    """The route that takes the preflights of ``path``."""
    return Route(path=path, method="OPTIONS", integration=Integration(kind="mock"))


def _headers(api: Api, methods: set[str]) -> Headers:
    cors = api.cors
    assert cors is not None
    allowed = cors.allow_methods or (
        _ANY if "ANY" in methods else tuple(sorted(methods | {"OPTIONS"}))
    )
    headers: Headers = [("Content-Type", "application/json")]
    if cors.allow_credentials:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if cors.allow_headers:
        headers.append(("Access-Control-Allow-Headers", ",".join(cors.allow_headers)))
    headers.append(("Access-Control-Allow-Methods", ",".join(allowed)))
    headers.append(("Access-Control-Allow-Origin", ",".join(cors.allow_origins) or "*"))
    if cors.max_age_s is not None:
        headers.append(("Access-Control-Max-Age", str(cors.max_age_s)))
    return headers
