"""Functions in AWS, behind the same door as those on this machine.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html and, for answers that come in pieces,
https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from lambdactl.deploy.account import Account
from lambdactl.deploy.faults import code, message
from lambdactl.deploy.naming import Naming
from lambdactl.errors import AwsError, LambdactlError, ThrottledError, UserError
from lambdactl.execution.invocation import (
    MAX_EVENT_BYTES,
    Invocation,
    InvocationResult,
    Report,
)

T = TypeVar("T")

MAX_ASYNC_BYTES = 1024 * 1024
"""The largest event of an asynchronous invocation
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
MAX_CONTEXT_BYTES = 3583
"""Base64 of the client context (API_Invoke)."""

_PIECES = "application/octet-stream"
"""What a stream is made of isn't told: its type is that of the stream."""
_REPORT = re.compile(r"^REPORT RequestId: \S+(.*)$", re.MULTILINE)
_FIELD = re.compile(r"\t([A-Z][A-Za-z ]+): ([^\t\n]+)")


class RemoteInvoker:
    """An :class:`~lambdactl.execution.invocation.Invoker` of deployed functions.

    :param streamed: names of the manifest's functions that answer in pieces; theirs come piece by
        piece where an invocation takes them so.
    """

    def __init__(
        self, account: Account, naming: Naming, *, streamed: frozenset[str] = frozenset()
    ) -> None:
        self._account = account
        self._naming = naming
        self._streamed = streamed

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """Call the function and wait for its answer.

        :raises UserError: it isn't deployed, has no such version or alias, or takes no such event.
        :raises ThrottledError: it has no concurrency left.
        :raises AwsError: AWS says no.
        """
        _check_size(invocation, MAX_EVENT_BYTES)
        streams = invocation.function in self._streamed and invocation.on_chunk is not None
        call = self._stream if streams else self._call
        return await self._in_thread(lambda: call(invocation), invocation)

    async def send(self, invocation: Invocation) -> str:
        """Hand over an event to be worked off later; returns the id of the request.

        :raises LambdactlError: as :meth:`invoke`.
        """
        _check_size(invocation, MAX_ASYNC_BYTES)
        if invocation.client_context is not None:
            raise UserError(
                "--client-context goes with calls that wait for their answer",
                hint="leave out --async",
            )
        return await self._in_thread(lambda: self._typed(invocation, "Event"), invocation)

    async def check(self, invocation: Invocation) -> str:
        """Ask whether the call would be allowed, without making it; returns the id of the request.

        :raises LambdactlError: as :meth:`invoke`.
        """
        return await self._in_thread(lambda: self._typed(invocation, "DryRun"), invocation)

    async def _in_thread(self, work: Callable[[], T], invocation: Invocation) -> T:
        try:
            return await _in_thread(work)
        except LambdactlError:
            raise
        except Exception as error:
            raise self._explained(error, invocation) from error

    def _call(self, invocation: Invocation) -> InvocationResult:
        begun = time.perf_counter()
        answer = self._client().invoke(**self._asked(invocation), LogType="Tail")
        payload = answer["Payload"].read()
        return _result(
            answer,
            payload,
            log_of(answer),
            time.perf_counter() - begun,
            answer.get("FunctionError"),
        )

    def _stream(self, invocation: Invocation) -> InvocationResult:
        begun = time.perf_counter()
        answer = self._client().invoke_with_response_stream(
            **self._asked(invocation), LogType="Tail"
        )
        payload, end = bytearray(), {}
        assert invocation.on_chunk is not None
        for event in answer["EventStream"]:
            if "PayloadChunk" in event:
                chunk = event["PayloadChunk"]["Payload"]
                payload += chunk
                invocation.on_chunk(_PIECES, chunk)
            elif "InvokeComplete" in event:
                end = event["InvokeComplete"]
        failed = end.get("ErrorCode")
        if failed and not payload:
            payload += json.dumps(
                {"errorType": failed, "errorMessage": end.get("ErrorDetails", "")}
            ).encode()
        return _result(
            answer,
            bytes(payload),
            log_of(end),
            time.perf_counter() - begun,
            "Unhandled" if failed else None,
        )._replace(streamed=True, content_type=_PIECES)

    def _typed(self, invocation: Invocation, kind: str) -> str:
        asked = self._asked(invocation)
        answer = self._account.client("lambda").invoke(**asked, InvocationType=kind)
        return str(answer["ResponseMetadata"].get("RequestId", ""))

    def _client(self) -> Any:
        return self._account.client("lambda", once=True)

    def _asked(self, invocation: Invocation) -> dict[str, Any]:
        found: dict[str, Any] = {
            "FunctionName": self._naming.function(invocation.function),
            "Qualifier": invocation.qualifier,
            "Payload": invocation.payload,
        }
        if invocation.client_context is not None:
            text = base64.b64encode(invocation.client_context.encode()).decode()
            if len(text) > MAX_CONTEXT_BYTES:
                raise UserError(
                    f"the client context has {len(text)} bytes as Base64; Lambda takes at most "
                    f"{MAX_CONTEXT_BYTES}"
                )
            found["ClientContext"] = text
        if invocation.tenant_id is not None:
            found["TenantId"] = invocation.tenant_id
        return found

    def _explained(self, error: Exception, invocation: Invocation) -> LambdactlError:
        name = self._naming.function(invocation.function)
        qualified = name if invocation.qualifier == "$LATEST" else f"{name}:{invocation.qualifier}"
        word = code(error)
        if word == "ResourceNotFoundException":
            return UserError(
                f"there is no function {qualified} in {self._account.region} of account "
                f"{self._account.id}",
                hint="`lambdactl deploy` makes it; --stage, --profile and --region say where",
            )
        if word == "TooManyRequestsException":
            reason = str(getattr(error, "response", {}).get("Reason", ""))
            return ThrottledError(
                f"{qualified} was throttled: {message(error)}",
                reason=reason,
                hint="it has no concurrency left for now; try again, or raise its concurrency",
            )
        if word in (
            "ResourceNotReadyException",
            "ResourceConflictException",
            "SnapStartNotReadyException",
        ):
            return AwsError(
                f"{qualified} can't be invoked yet: {message(error)}", hint="try again in a moment"
            )
        if word in ("InvalidRequestContentException", "InvalidParameterValueException"):
            return UserError(f"{qualified} does not take this call: {message(error)}")
        from lambdactl.deploy.explaining import explained

        return explained(
            error,
            doing=f"invoking {qualified}",
            resource=f"function:{name}",
            account=self._account,
        )


async def _in_thread(work: Callable[[], T]) -> T:
    """What ``work`` gives, in a thread of its own that nobody waits for at the end: after Ctrl-C a
    call may go on for minutes."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast(T, result))

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:
            error = raised
        # Closed: everybody has gone.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, result, error)

    threading.Thread(target=run, name="invoke", daemon=True).start()
    return await future


def log_of(answer: Mapping[str, Any]) -> bytes:
    """The end of a call's log, as an answer of ``Invoke`` carries it."""
    return base64.b64decode(answer.get("LogResult") or b"")


def report_of(log: bytes, request_id: str, seconds: float) -> Report:
    """What a log's REPORT says, as text or as JSON
    (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html).

    :param seconds: how long the call took here, for a log without one.
    """
    text = log.decode("utf-8", "replace")
    for line in reversed(text.splitlines()):
        if line.startswith("{") and '"platform.report"' in line:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                return _json_report(json.loads(line)["record"], request_id)
    found = _REPORT.search(text)
    fields = dict(_FIELD.findall(found[1])) if found else {}

    def number(name: str) -> float | None:
        words = fields.get(name, "").split()
        return float(words[0]) if words else None

    duration = number("Duration")
    return Report(
        request_id=request_id,
        duration_ms=1000 * seconds if duration is None else duration,
        memory_size_mb=int(number("Memory Size") or 0),
        max_memory_used_mb=int(number("Max Memory Used") or 0),
        init_duration_ms=number("Init Duration"),
        status=fields.get("Status", "success").strip(),
        error_type=fields.get("Error Type"),
    )


def _json_report(record: Mapping[str, Any], request_id: str) -> Report:
    metrics = record["metrics"]
    status = str(record.get("status", "success"))
    return Report(
        request_id=str(record.get("requestId", request_id)),
        duration_ms=float(metrics["durationMs"]),
        memory_size_mb=int(metrics["memorySizeMB"]),
        max_memory_used_mb=int(metrics["maxMemoryUsedMB"]),
        init_duration_ms=metrics.get("initDurationMs"),
        status="error" if status == "failure" else status,
        error_type=record.get("errorType"),
    )


def _result(
    answer: Mapping[str, Any], payload: bytes, log: bytes, seconds: float, failed: str | None
) -> InvocationResult:
    metadata = answer["ResponseMetadata"]
    report = report_of(log, str(metadata.get("RequestId", "")), seconds)
    if failed and report.status == "success":
        report = report._replace(status="error")
    return InvocationResult(
        payload=payload,
        report=report,
        function_error=failed,
        executed_version=str(answer.get("ExecutedVersion") or "$LATEST"),
        log_tail=log,
        cold=report.init_duration_ms is not None,
    )


def _check_size(invocation: Invocation, limit: int) -> None:
    if len(invocation.payload) > limit:
        raise UserError(
            f"the event has {len(invocation.payload)} bytes; Lambda takes at most {limit}"
        )
