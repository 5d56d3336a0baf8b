"""The two values that cross every boundary, and the one door: :class:`Invoker`.

An :class:`Invocation` is what Lambda's ``Invoke`` takes; an :class:`InvocationResult` is what it
gives back. Payloads are bytes from end to end: nobody on the way parses them.

They and the report are named tuples rather than frozen dataclasses: a request makes several, and
each costs a third (docs/decisions/0006-http-hot-path.md).

Source of the fields: API_Invoke (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html)
and the REPORT line (https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

MAX_EVENT_BYTES = 6 * 1024 * 1024
"""6,291,456: the largest event of a synchronous invocation. "Request must be smaller than 6291456
bytes for the InvokeFunction operation", says Lambda
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

MAX_PAYLOAD_BYTES = MAX_EVENT_BYTES + 100
"""6,291,556: the largest response of a buffered invocation (the same page; the number is in the
error, and in https://github.com/aws/aws-lambda-runtime-interface-emulator)."""

LOG_TAIL_BYTES = 4096
"""``X-Amz-Log-Result`` carries the last 4 KB of the invocation's log (API_Invoke)."""


class Invocation(NamedTuple):
    """One call of a function."""

    function: str
    payload: bytes = b"{}"
    qualifier: str = "$LATEST"
    request_id: str | None = None
    """A UUID; the invoker makes one when there is none."""
    client_context: str | None = None
    """JSON text (already decoded from the header's base64)."""
    cognito_identity: str | None = None
    """JSON text with ``cognitoIdentityId`` and ``cognitoIdentityPoolId``."""
    trace_id: str | None = None
    """An ``X-Amzn-Trace-Id`` value; the invoker makes one when there is none."""
    tenant_id: str | None = None
    on_chunk: Callable[[str, bytes], None] | None = None
    """Takes a streamed response as it comes: content type and bytes. Without it the response
    is buffered, with the limit of a buffered one."""
    prompt: bool = False
    """Return as soon as the function has answered, as Lambda does, rather than when its environment
    is free again. The result has no log tail then, and its report only what is known by now."""


class Report(NamedTuple):
    """What the REPORT line says. Durations in milliseconds, memory in megabytes."""

    request_id: str
    duration_ms: float
    memory_size_mb: int
    max_memory_used_mb: int
    init_duration_ms: float | None = None
    """Only for the first invocation of an environment."""
    status: str = "success"
    """success | error | timeout"""
    error_type: str | None = None
    """Lambda's own word for what broke the environment (``Runtime.ExitError``, ...); None when
    the function merely returned an error."""

    @property
    def billed_duration_ms(self) -> int:
        """Duration and init, rounded up to the next millisecond (init is billed since August 2025:
        https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html)."""
        return math.ceil(self.duration_ms + (self.init_duration_ms or 0.0))


class InvocationResult(NamedTuple):
    """What came back. ``function_error`` is None, or "Unhandled" as in ``X-Amz-Function-Error``."""

    payload: bytes
    report: Report
    function_error: str | None = None
    executed_version: str = "$LATEST"
    log_tail: bytes = b""
    """The last 4 KB of this invocation's log, START to REPORT."""
    content_type: str = "application/json"
    streamed: bool = False
    """The runtime answered with ``Lambda-Runtime-Function-Response-Mode: streaming``."""
    cold: bool = False
    """This invocation started its environment."""

    @property
    def request_id(self) -> str:
        return self.report.request_id

    def json(self) -> Any:
        """The payload, parsed.

        :raises json.JSONDecodeError: the payload isn't JSON (a streamed response may be anything).
        """
        return json.loads(self.payload)

    @property
    def log(self) -> str:
        """The log tail as text."""
        return self.log_tail.decode("utf-8", "replace")


class Invoker(Protocol):
    """The one door to a function: the local pool, a remote Lambda, a recorded replay."""

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """Run the function once. A function's own failure is a result, not an exception.

        :raises UserError: no such function or qualifier, or the payload is too large.
        :raises EnvironmentStartError: nothing could be started to run it in.
        """
        ...


def version_of(qualifier: str) -> str:
    """The version that runs. Locally every qualifier runs the code that is there, so only a
    number says more than $LATEST."""
    return qualifier if qualifier.isdigit() else "$LATEST"
