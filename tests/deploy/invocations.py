"""AWS where functions answer: calls of Lambda's ``Invoke`` are answered here, everything else is
moto's. https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import http.client
import json
import re
import struct
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_INVOKE = re.compile(r"/[\d-]+/functions/([^/]+)/(invocations|response-streaming-invocations)$")
_STATUS = {"Event": 202, "DryRun": 204}


@dataclass(frozen=True)
class Call:
    """What was asked. ``headers`` have names in lower case."""

    function: str
    qualifier: str | None
    headers: Mapping[str, str]
    payload: bytes


@dataclass(frozen=True)
class Answer:
    """What a function answers. ``chunks`` are of one that streams; ``refused`` is AWS's own error:
    status, code, message."""

    payload: Any = None
    error: str | None = None
    log: str = ""
    version: str = "$LATEST"
    chunks: tuple[bytes, ...] = ()
    broken: tuple[str, str] | None = None
    refused: tuple[int, str, str] | None = None


@dataclass
class Invocations:
    """:ivar answer: gives the answer to a call.
    :ivar denied: operations of services with JSON (``GetMetricData``) that nobody may call.
    """

    url: str = ""
    answer: Callable[[Call], Answer] = lambda call: Answer()
    calls: list[Call] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)


@contextlib.contextmanager
def served(upstream: str) -> Iterator[Invocations]:
    """:param upstream: a moto server."""
    found = Invocations()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urllib.parse.urlsplit(self.path)
            match = _INVOKE.match(parts.path)
            if self.headers.get("X-Amz-Target", "").rpartition(".")[2] in found.denied:
                status, headers, answer = 400, [], b'{"__type": "AccessDeniedException"}'
            elif match is None:
                status, headers, answer = _forward(upstream, self, body)
            else:
                qualifier = urllib.parse.parse_qs(parts.query).get("Qualifier", [None])[0]
                given = {name.lower(): value for name, value in self.headers.items()}
                call = Call(urllib.parse.unquote(match[1]), qualifier, given, body)
                found.calls.append(call)
                streams = match[2] != "invocations"
                status, headers, answer = _invoked(call, found.answer(call), streams)
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if status != 204:
                self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


Sent = tuple[int, list[tuple[str, str]], bytes]


def _invoked(call: Call, answer: Answer, streams: bool) -> Sent:
    headers = [("x-amzn-RequestId", "79b4f56e-95b1-4643-9700-2807f4e68189")]
    if answer.refused is not None:
        status, code, message = answer.refused
        headers += [("x-amzn-ErrorType", code), ("Content-Type", "application/json")]
        return status, headers, json.dumps({"Type": "User", "message": message}).encode()
    headers += [("X-Amz-Executed-Version", answer.version)]
    log = base64.b64encode(answer.log.encode()).decode()
    if streams:
        headers += [("Content-Type", "application/vnd.amazon.eventstream")]
        chunks = answer.chunks or (json.dumps(answer.payload).encode(),)
        end: dict[str, str] = {"LogResult": log}
        if answer.broken is not None:
            end["ErrorCode"], end["ErrorDetails"] = answer.broken
        messages = [_message("PayloadChunk", "application/octet-stream", one) for one in chunks]
        messages.append(_message("InvokeComplete", "application/json", json.dumps(end).encode()))
        return 200, headers, b"".join(messages)
    if answer.error is not None:
        headers += [("X-Amz-Function-Error", answer.error)]
    if call.headers.get("x-amz-log-type") == "Tail":
        headers += [("X-Amz-Log-Result", log)]
    status = _STATUS.get(call.headers.get("x-amz-invocation-type", ""), 200)
    return status, headers, json.dumps(answer.payload).encode() if status == 200 else b""


def _message(kind: str, content_type: str, payload: bytes) -> bytes:
    """One event of a stream
    (https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html)."""
    headers = b""
    for name, value in {
        ":message-type": "event",
        ":event-type": kind,
        ":content-type": content_type,
    }.items():
        text = value.encode()
        headers += (
            bytes([len(name)]) + name.encode() + b"\x07" + struct.pack("!H", len(text)) + text
        )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    head = prelude + struct.pack("!I", binascii.crc32(prelude)) + headers + payload
    return head + struct.pack("!I", binascii.crc32(head))


def _forward(upstream: str, request: BaseHTTPRequestHandler, body: bytes) -> Sent:
    target = urllib.parse.urlsplit(upstream)
    connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=30)
    try:
        connection.request(request.command, request.path, body, dict(request.headers))
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    finally:
        connection.close()
