"""AWS with all that hangs on functions: :mod:`lambda_parts` before a moto server.

Which operation a request asks for is told by botocore's model of Lambda. Functions themselves and
all other services are moto's.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.deploy import lambda_mappings, lambda_parts
from tests.deploy.front import Wire, forward, front
from tests.deploy.lambda_parts import REGION, Parts, Refusal

_OPERATIONS = {**lambda_parts.OPERATIONS, **lambda_mappings.OPERATIONS}


@contextlib.contextmanager
def beyond(upstream: str) -> Iterator[Parts]:
    """AWS with such a Lambda; ``upstream`` is a moto server."""
    parts = Parts()
    with front(lambda request, body: _answer(parts, upstream, request, body)) as parts.url:
        parts.function = functools.partial(_latest, parts.url, upstream)
        yield parts


_JSON = ("Content-Type", "application/json")


def _answer(parts: Parts, upstream: str, request: BaseHTTPRequestHandler, body: bytes) -> Wire:
    if "/lambda/aws4_request" not in request.headers.get("Authorization", ""):
        return forward(upstream, request.command, request.path, dict(request.headers), body)
    operation, given = _operation(request.command, request.path, body)
    with parts.lock:
        parts.asked.append(operation)
        parts.passing[operation] = parts.passing.get(operation, 0) - 1
        if operation in parts.refused and parts.passing[operation] < 0:
            return _refusal(Refusal(*parts.refused.pop(operation)))
        answers = _OPERATIONS.get(operation)
        try:
            found = answers(parts, given) if answers is not None else None
        except Refusal as refusal:
            return _refusal(refusal)
    if found is None:
        return forward(upstream, request.command, request.path, dict(request.headers), body)
    status, answer = found
    return status, [_JSON], b"" if status == 204 else json.dumps(answer).encode()


def _refusal(refusal: Refusal) -> Wire:
    said = json.dumps({"Type": "User", "Message": str(refusal), "message": str(refusal)})
    return refusal.status, [_JSON, ("x-amzn-ErrorType", refusal.code)], said.encode()


def _latest(own: str, upstream: str, name: str) -> dict[str, Any] | None:
    headers = {
        "Host": urllib.parse.urlsplit(own).netloc,
        "Authorization": f"AWS4-HMAC-SHA256 Credential=a/20260101/{REGION}/lambda/aws4_request",
    }
    status, _, said = forward(upstream, "GET", f"/2015-03-31/functions/{name}", headers, b"")
    return json.loads(said)["Configuration"] if status == 200 else None


@functools.cache
def _routes() -> tuple[tuple[str, re.Pattern[str], frozenset[str], str], ...]:
    """Of all operations of Lambda: method, path, words that the query has, name."""
    import botocore.session

    model = botocore.session.get_session().get_service_model("lambda")
    found = []
    for name in model.operation_names:
        method = model.operation_model(name).http["method"]
        path, _, query = model.operation_model(name).http["requestUri"].partition("?")
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path.rstrip("/")))
        pattern = pattern.replace("(?P<Resource>[^/]+)", "(?P<Resource>.+)")
        found.append(
            (method, re.compile(pattern + "/?$"), frozenset(query.split("&")) - {""}, name)
        )
    return tuple(found)


def _operation(method: str, path: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """Which operation a request asks for, and its input."""
    where = urllib.parse.urlsplit(path)
    query = urllib.parse.parse_qs(where.query)
    for verb, pattern, wanted, name in _routes():
        match = pattern.match(where.path)
        if verb == method and match and wanted <= set(query):
            given = {key: urllib.parse.unquote(value) for key, value in match.groupdict().items()}
            named = {key: values[0] for key, values in query.items()}
            if "tagKeys" in query:
                named["TagKeys"] = query["tagKeys"]  # type: ignore[assignment]
            sent = json.loads(body) if body[:1] == b"{" else {}
            return name, {**sent, **named, **given}
    raise AssertionError(f"no operation of Lambda is {method} {path}")
