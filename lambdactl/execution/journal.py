"""The log of one environment: what Lambda writes about an invocation, and what the function does.

Every line goes to the sink as it comes, and to the tail of the running invocation if its caller
wants one (``X-Amz-Log-Result``).
"""

from __future__ import annotations

from lambdactl.execution import failures, platform_log
from lambdactl.execution.clock import Clock
from lambdactl.execution.invocation import LOG_TAIL_BYTES, Report
from lambdactl.execution.logs import LogLine, LogSink, Tail, passes
from lambdactl.manifest.model import Function


class Journal:
    """The lines of ``function``, for ``sink``."""

    __slots__ = ("_clock", "_filters", "_function", "_request_id", "_sink", "_tail")

    def __init__(self, function: Function, clock: Clock, sink: LogSink | None) -> None:
        self._function = function
        self._clock = clock
        self._sink = sink
        self._filters = function.logging.format == "json"
        self._request_id: str | None = None
        self._tail: Tail | None = None

    def open(self, request_id: str, *, tail: bool) -> None:
        """An invocation comes: the lines are its from here on."""
        self._request_id = request_id
        self._tail = Tail(LOG_TAIL_BYTES) if tail else None

    @property
    def _is_unread(self) -> bool:
        return self._sink is None and self._tail is None

    def close(self) -> bytes:
        """It is over; returns the last 4 KB of its log."""
        tail, self._tail = self._tail, None
        self._request_id = None
        return tail.value() if tail is not None else b""

    # what Lambda writes

    def init_start(self, runtime: str, phase: str) -> None:
        """``phase``: init | invoke."""
        function = self._function
        self._platform(
            platform_log.init_start(
                function.logging,
                self._clock.now(),
                runtime=runtime,
                name=function.name,
                phase=phase,
            )
        )

    def init_end(
        self, duration_ms: float, *, phase: str, status: str, error_type: str | None
    ) -> None:
        """``status``: success | error | timeout."""
        logging, now = self._function.logging, self._clock.now()
        told = error_type if status == "error" else None
        self._platform(
            platform_log.init_runtime_done(
                logging, now, phase=phase, status=status, error_type=told
            )
        )
        self._platform(
            platform_log.init_report(
                logging, now, duration_ms=duration_ms, phase=phase, status=status, error_type=told
            )
        )

    def start(self, now: float, request_id: str, version: str, trace_id: str) -> None:
        if self._is_unread:
            return
        self._platform(
            platform_log.start(
                self._function.logging,
                now,
                request_id=request_id,
                version=version,
                trace_id=trace_id,
            )
        )

    def timed_out(self, request_id: str) -> None:
        self._platform(
            platform_log.task_timed_out(
                self._clock.now(), request_id=request_id, timeout_s=self._function.timeout_s
            )
        )

    def exited(self, request_id: str, how: failures.Exit) -> None:
        self._platform(
            f"RequestId: {request_id} Error: {how.describe()}\n{failures.EXIT_ERROR}".encode()
        )

    def end(self, report: Report) -> None:
        """END and REPORT."""
        if self._is_unread:
            return
        logging, now = self._function.logging, self._clock.now()
        self._platform(platform_log.end(logging, now, report=report))
        self._platform(platform_log.report_line(logging, now, report=report))

    # what the function writes

    def output(self, text: bytes, at: float | None) -> None:
        """One log event of the function; ``at`` is its own time stamp, if it has one."""
        if self._filters and not passes(text, self._function.logging.application_level):
            return
        if self._tail is not None:
            self._tail.add(text)
        if self._sink is not None:
            time = at if at is not None else self._clock.now()
            self._sink(LogLine(self._function.name, self._request_id, time, "function", text))

    def _platform(self, text: bytes | None) -> None:
        if text is None:
            return
        if self._tail is not None:
            self._tail.add(text)
        if self._sink is not None:
            self._sink(
                LogLine(self._function.name, self._request_id, self._clock.now(), "platform", text)
            )
