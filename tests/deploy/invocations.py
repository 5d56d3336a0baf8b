"""AWS where functions answer: calls of Lambda's ``Invoke`` are answered here, everything else is
moto's. https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import struct
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.deploy.front import Wire, forward, front

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
    with front(lambda request, body: _answer(found, upstream, request, body)) as found.url:
        yield found


def _answer(
    found: Invocations, upstream: str, request: BaseHTTPRequestHandler, body: bytes
) -> Wire:
    if request.headers.get("X-Amz-Target", "").rpartition(".")[2] in found.denied:
        return 400, [], b'{"__type": "AccessDeniedException"}'
    parts = urllib.parse.urlsplit(request.path)
    match = _INVOKE.match(parts.path)
    if match is None:
        return forward(upstream, request.command, request.path, dict(request.headers), body)
    qualifier = urllib.parse.parse_qs(parts.query).get("Qualifier", [None])[0]
    given = {name.lower(): value for name, value in request.headers.items()}
    call = Call(urllib.parse.unquote(match[1]), qualifier, given, body)
    found.calls.append(call)
    return _invoked(call, found.answer(call), match[2] != "invocations")


def _invoked(call: Call, answer: Answer, streams: bool) -> Wire:
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
