"""Preflights of a REST API that need an authorizer or an API key, as SAM makes them.

SAM gives every path a mock ``OPTIONS`` method, and that the API's default authorizer and its API
key too, unless ``AddDefaultAuthorizerToCorsPreflight`` or ``AddApiKeyRequiredToCorsPreflight`` is
false: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-apiauth.html
"""

from __future__ import annotations

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import sequence, truth
from lambdactl.manifest.sam.fronts import Front, Preflight
from lambdactl.manifest.sam.values import made, text_of

_HEADER = "method.response.header.Access-Control-"
_ALL = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def add(front: Front, preflight: Preflight, routes: list[Node]) -> None:
    """Give every path of ``routes`` an ``OPTIONS`` method that has none."""
    methods: dict[str, set[str]] = {}
    for route in routes:
        path = text_of(route.get("path"))
        if path is not None:
            methods.setdefault(path, set()).add(text_of(route.get("method")) or "ANY")
    for path, known in methods.items():
        if "OPTIONS" in known:
            continue
        at = preflight.cors
        fields = front.draft.fields(at.at)
        fields.put("path", made(path, at))
        fields.put("method", made("OPTIONS", at))
        fields.put("mock", _mock(front, preflight, known))
        if not preflight.authorizer:
            fields.put("authorizer", made("none", at))
        if not preflight.api_key:
            fields.put("api_key", made(False, at))
        front.route(fields)


def _mock(front: Front, preflight: Preflight, known: set[str]) -> Node:
    given = preflight.cors
    values: dict[str, Node | None] = {"Allow-Origin": given}
    if given.is_mapping:
        values = {
            "Allow-Origin": given.get("AllowOrigin"),
            "Allow-Headers": given.get("AllowHeaders"),
            "Allow-Methods": given.get("AllowMethods"),
            "Max-Age": given.get("MaxAge"),
        }
        if truth(given.get("AllowCredentials")):
            values["Allow-Credentials"] = made("'true'", given)
    if values.get("Allow-Methods") is None:
        listed = _ALL if "ANY" in known else sorted({*known, "OPTIONS"})
        values["Allow-Methods"] = made(f"'{','.join(listed)}'", given)
    parameters = front.draft.fields(given.at)
    for name, value in values.items():
        if text_of(value) is not None:
            parameters.put(f"{_HEADER}{name}", value)
    response = front.draft.fields(given.at)
    response.put("status", made(200, given))
    response.nest("parameters", parameters)
    response.put("templates", made({"application/json": "{}\n"}, given))
    mock = front.draft.fields(given.at)
    mock.put("responses", sequence([response.node()], given.at))
    return mock.node()
