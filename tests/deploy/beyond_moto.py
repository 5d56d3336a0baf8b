"""AWS with all that hangs on functions: :mod:`lambda_parts` before a moto server.

Which operation a request asks for is told by botocore's model of Lambda. Functions themselves and
all other services are moto's.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.deploy import lambda_mappings, lambda_parts
from tests.deploy.lambda_parts import REGION, Parts, Refusal

_OPERATIONS = {**lambda_parts.OPERATIONS, **lambda_mappings.OPERATIONS}


@contextlib.contextmanager
def beyond(upstream: str) -> Iterator[Parts]:
    """AWS with such a Lambda; ``upstream`` is a moto server."""
    parts = Parts()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, answer = _answer(parts, upstream, self, body)
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD" and status != 204:
                self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    parts.url = f"http://127.0.0.1:{server.server_address[1]}"
    parts.function = functools.partial(_latest, parts.url, upstream)
    try:
        yield parts
    finally:
        server.shutdown()
        server.server_close()


Wire = tuple[int, list[tuple[str, str]], bytes]
_JSON = ("Content-Type", "application/json")


def _answer(parts: Parts, upstream: str, request: BaseHTTPRequestHandler, body: bytes) -> Wire:
    if "/lambda/aws4_request" not in request.headers.get("Authorization", ""):
        return _forward(upstream, request.command, request.path, dict(request.headers), body)
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
        return _forward(upstream, request.command, request.path, dict(request.headers), body)
    status, answer = found
    return status, [_JSON], b"" if status == 204 else json.dumps(answer).encode()


def _refusal(refusal: Refusal) -> Wire:
    said = json.dumps({"Type": "User", "Message": str(refusal), "message": str(refusal)})
    return refusal.status, [_JSON, ("x-amzn-ErrorType", refusal.code)], said.encode()


def _forward(upstream: str, method: str, path: str, headers: dict[str, str], body: bytes) -> Wire:
    target = urllib.parse.urlsplit(upstream)
    connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=30)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    finally:
        connection.close()


def _latest(own: str, upstream: str, name: str) -> dict[str, Any] | None:
    headers = {
        "Host": urllib.parse.urlsplit(own).netloc,
        "Authorization": f"AWS4-HMAC-SHA256 Credential=a/20260101/{REGION}/lambda/aws4_request",
    }
    status, _, said = _forward(upstream, "GET", f"/2015-03-31/functions/{name}", headers, b"")
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
