"""What goes over the Runtime API: an event to the runtime, and its answer."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


@dataclass(slots=True)
class Event:
    """What ``/invocation/next`` answers. ``invocation_id`` is this attempt's own: the runtime
    echoes it, and an echo of an older attempt is answered 410."""

    request_id: str
    invocation_id: str
    payload: bytes
    arn: str
    deadline_ms: int
    trace_id: str
    client_context: str | None = None
    cognito_identity: str | None = None
    tenant_id: str | None = None

    def wire(self) -> bytes:
        """The whole HTTP answer, one write."""
        optional = ""
        if self.client_context:
            optional += f"Lambda-Runtime-Client-Context: {_ascii(self.client_context)}\r\n"
        if self.cognito_identity:
            optional += f"Lambda-Runtime-Cognito-Identity: {_ascii(self.cognito_identity)}\r\n"
        if self.tenant_id:
            optional += f"Lambda-Runtime-Aws-Tenant-Id: {_header(self.tenant_id)}\r\n"
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {self.request_id}\r\n"
            f"Lambda-Runtime-Invocation-Id: {self.invocation_id}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {self.deadline_ms}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: {self.arn}\r\n"
            f"Lambda-Runtime-Trace-Id: {_header(self.trace_id)}\r\n{optional}"
            f"Content-Length: {len(self.payload)}\r\n\r\n"
        )
        return head.encode("utf-8", "replace") + self.payload


@dataclass(slots=True)
class Answer:
    """What the runtime gave for an invocation. ``error_type`` is None for a response."""

    payload: bytes
    content_type: str = "application/json"
    error_type: str | None = None
    streamed: bool = False


def _header(text: str) -> str:
    """Header text that can't end the header: line ends become spaces."""
    return text.replace("\r", " ").replace("\n", " ")


def _ascii(json_text: str) -> str:
    """JSON as a header. Clients disagree on a header's encoding (AWS's own take UTF-8, Node.js
    takes Latin-1), so what isn't ASCII is escaped, as JSON can."""
    text = _header(json_text)
    return (
        text if text.isascii() else _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)
    )
