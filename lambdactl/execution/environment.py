"""One execution environment: init -> ready -> busy -> ready ... -> stopped.

An environment joins a :class:`~lambdactl.execution.runtime_api.RuntimeApi` (what the runtime
says) with a :class:`Sandbox` (where the runtime lives) and follows Lambda's life cycle
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html):

* *Init* is limited to ten seconds. One that fails or takes longer is tried again inside the
  first invocation, under the function's timeout.
* *Invoke* ends when the runtime asks for the next event. A timeout or a dead runtime *resets* the
  environment: everything in it is killed, ``/tmp`` stays, and the next invocation
  initialises it again, on that invocation's time.

A process and a container differ only in their :class:`Sandbox`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum

from lambdactl.errors import EnvironmentStoppedError
from lambdactl.execution import failures
from lambdactl.execution.alarm import Alarm
from lambdactl.execution.clock import Clock
from lambdactl.execution.debugging import PATIENCE_S, Turn
from lambdactl.execution.handoff import Slot
from lambdactl.execution.ids import new_uuid
from lambdactl.execution.invocation import Invocation, InvocationResult, Report, version_of
from lambdactl.execution.journal import Journal
from lambdactl.execution.logs import LogSink
from lambdactl.execution.messages import Answer, Event
from lambdactl.execution.runtime_api import RuntimeApi
from lambdactl.execution.sandbox import Sandbox
from lambdactl.manifest.model import Function

INIT_TIMEOUT_S = 10.0
"""https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib"""


class Status(StrEnum):
    NEW = "new"
    INIT = "init"
    READY = "ready"
    BUSY = "busy"
    RESET = "reset"
    STOPPED = "stopped"


class Environment:
    """See the module. Not for concurrent use: one invocation at a time, as on AWS.

    :param arn: maps a qualifier to the ARN that the context shows.
    :param on_silence: told of a runtime that has not called once: how it ended, None if it runs on.
    :param patient: nothing times out, because somebody may be looking at it with a debugger.
    :param turn: awaited before anything starts, and over with the environment.
    """

    def __init__(
        self,
        function: Function,
        sandbox: Sandbox,
        *,
        arn: Callable[[str], str],
        clock: Clock,
        sink: LogSink | None = None,
        on_silence: Callable[[failures.Exit | None], None] | None = None,
        patient: bool = False,
        turn: Turn | None = None,
    ) -> None:
        self.function = function
        self._timeout_s = PATIENCE_S if patient else function.timeout_s
        self._init_timeout_s = PATIENCE_S if patient else INIT_TIMEOUT_S
        self._turn = turn or Turn()
        self.status = Status.NEW
        self.invocations = 0
        self.idle_since = 0.0
        self._arn, self._sandbox, self._clock = arn, sandbox, clock
        self._on_silence = on_silence
        self._api = RuntimeApi(self)
        self._journal = Journal(function, clock, sink)
        self._phase: Slot[None] | None = None
        """Filled when the running phase is over; for a prompt invocation, as soon as it has its
        answer."""
        self._answer: Answer | None = None
        self._exit: failures.Exit | None = None
        self._timed_out = self._prepared = False
        self._init_duration_ms: float | None = None
        self._chunk: Callable[[str, bytes], None] | None = None
        self._alarm = Alarm(self._on_timeout)
        self._prompt = False
        """Whoever called wants the answer as soon as there is one."""
        self._unsettled: tuple[Invocation, str, float] | None = None
        """A prompt invocation that has its answer and is not over: itself, its request id, and when
        it began."""
        self._ending: asyncio.Task[InvocationResult] | None = None
        self.on_settled: Callable[[Environment], None] | None = None
        """Told when this environment is free again, after :meth:`invoke` returned while it was
        not: set it where :attr:`settling` is true."""

    @property
    def settling(self) -> bool:
        """The last invocation has its answer, but is not over yet."""
        return self._unsettled is not None

    # life cycle

    @property
    def is_prepared(self) -> bool:
        """A runtime stands by in it."""
        return self._prepared

    async def prepare(self) -> None:
        """Start the runtime, but not the function's code: it waits until :meth:`initialize`.

        :raises EnvironmentStartError: nothing could be started.
        """
        await self._api.open(self._sandbox.host, self._sandbox.listen)
        self._api.hold_back()
        self._prepared = True
        await self._sandbox.open(self._api.address, self._journal.output, self._on_exit)
        if not self._sandbox.holds:
            await self._sandbox.start()
            self._sandbox.end()

    async def initialize(self) -> None:
        """The init phase. A function's own failure in it is not raised: it is logged, and the
        first invocation tries again.

        :raises EnvironmentStartError: nothing could be started.
        """
        if not self._api.address:
            await self._turn.come()
            await self._api.open(self._sandbox.host, self._sandbox.listen)
            if self.status is Status.STOPPED:
                # Meanwhile; what it closed was not open yet.
                await self._api.close()
                self._turn.end()
                raise EnvironmentStoppedError(f"{self.function.name} was stopped as it started")
        elif self._exit is not None:
            # A runtime that stood by has died.
            await self._reset()
        error_type, duration_ms = await self._initialize("init", self._init_timeout_s)
        if error_type is None:
            self._init_duration_ms = duration_ms

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        """Run the function once in this environment.

        A *prompt* invocation returns as soon as the function has answered. What follows (END,
        REPORT, the runtime's next poll) follows by itself; see :attr:`settling`.
        """
        request_id = invocation.request_id or new_uuid()
        clock, journal = self._clock, self._journal
        cold = self.invocations == 0
        self.invocations += 1
        prompt = invocation.prompt
        journal.open(request_id, tail=not prompt)
        self._chunk = invocation.on_chunk
        trace_id = invocation.trace_id or ""
        begun = clock.monotonic()
        error_type: str | None = None
        if self.status is Status.RESET:
            error_type, _ = await self._initialize("invoke", self._timeout_s)
        now = clock.now()
        version = version_of(invocation.qualifier)
        if error_type is not None:
            journal.start(now, request_id, version, trace_id)
        else:
            remaining_s = self._timeout_s - (clock.monotonic() - begun)
            self.status = Status.BUSY
            phase = self._begin_phase(remaining_s)
            self._prompt = prompt
            self._api.dispatch(
                Event(
                    request_id=request_id,
                    invocation_id=new_uuid(),
                    payload=invocation.payload,
                    arn=self._arn(invocation.qualifier),
                    deadline_ms=int((now + remaining_s) * 1000),
                    trace_id=trace_id,
                    client_context=invocation.client_context,
                    cognito_identity=invocation.cognito_identity,
                    tenant_id=invocation.tenant_id,
                )
            )
            # The function is at work already; nothing that it says is read before we are back.
            journal.start(now, request_id, version, trace_id)
            self._sandbox.begin()
            await phase
            answer = self._answer
            if prompt and answer is not None and self.status is not Status.STOPPED:
                return self._answer_promptly(invocation, answer, request_id, begun, cold)
            self._sandbox.end()
        duration_ms = self._duration_ms(begun)
        self._sandbox.drain()
        return await self._conclude(invocation, request_id, duration_ms, error_type, cold)

    def _answer_promptly(
        self, invocation: Invocation, answer: Answer, request_id: str, begun: float, cold: bool
    ) -> InvocationResult:
        """The result of a prompt invocation; its end is left to :meth:`_settle`."""
        failed = answer.error_type is not None
        self._unsettled = (invocation, request_id, begun)
        if self._phase is None:
            # It is over already. Whoever called goes first.
            asyncio.get_running_loop().call_soon(self._settle)
        return InvocationResult(
            payload=answer.payload,
            report=Report(
                request_id=request_id,
                duration_ms=(self._clock.monotonic() - begun) * 1000,
                memory_size_mb=self.function.memory_mb,
                max_memory_used_mb=0,
                status="error" if failed else "success",
            ),
            function_error="Unhandled" if failed else None,
            executed_version=version_of(invocation.qualifier),
            content_type=answer.content_type,
            streamed=answer.streamed,
            cold=cold,
        )

    def _settle(self) -> None:
        """The phase of a prompt invocation is over: log that, and be free."""
        if self._unsettled is None:
            return
        invocation, request_id, begun = self._unsettled
        self._unsettled = None
        self._sandbox.end()
        self._sandbox.drain()
        duration_ms = self._duration_ms(begun)
        if self._timed_out or self._exit is not None:
            work = self._conclude(invocation, request_id, duration_ms, None, False)
            self._ending = asyncio.get_running_loop().create_task(work)
            self._ending.add_done_callback(self._settled)
        else:
            self._report(request_id, duration_ms, None)
            self._settled()

    def _settled(self, _: object = None) -> None:
        if self.on_settled is not None:
            self.on_settled(self)

    def _duration_ms(self, begun: float) -> float:
        duration_ms = (self._clock.monotonic() - begun) * 1000
        if self._timed_out:
            # The loop's timers count whole milliseconds and may be a fraction early.
            duration_ms = max(duration_ms, self.function.timeout_s * 1000)
        return duration_ms

    async def stop(self) -> None:
        """Kill what runs and leave nothing: no process, no socket, no folder."""
        if self.status is Status.STOPPED:
            return
        self.status = Status.STOPPED
        await self._sandbox.close()
        await self._api.close()
        self._turn.end()
        self._end_phase()
        self._alarm.stop()

    # phases

    async def _initialize(self, phase: str, timeout_s: float) -> tuple[str | None, float]:
        """Start the runtime and wait until it asks for an event; returns the error type (None
        when it did) and the duration in milliseconds."""
        clock, sandbox = self._clock, self._sandbox
        self.status = Status.INIT
        prepared, self._prepared = self._prepared, False
        if not prepared:
            await sandbox.open(self._api.address, self._journal.output, self._on_exit)
            if self.status is Status.STOPPED:
                raise EnvironmentStoppedError(f"{self.function.name} was stopped as it started")
        self._journal.init_start(self._sandbox.runtime_version, phase)
        begun = clock.monotonic()
        over = self._begin_phase(timeout_s)
        self._api.release()
        if prepared and not sandbox.holds:
            sandbox.begin()
        else:
            await sandbox.start()
        await over
        duration_ms = (clock.monotonic() - begun) * 1000
        self._sandbox.drain()
        status, error_type = self._outcome_of_init()
        if status == "success":
            self.status = Status.READY
        else:
            await self._reset()
        self._journal.init_end(duration_ms, phase=phase, status=status, error_type=error_type)
        return error_type, duration_ms

    def _outcome_of_init(self) -> tuple[str, str | None]:
        """The status of the init phase that has just ended, and the error type."""
        silent = self._timed_out or self._exit is not None
        if silent and not self._api.was_asked and self._on_silence is not None:
            self._on_silence(self._exit)
        if self._timed_out:
            return "timeout", failures.TIMEOUT
        if self._answer is not None:
            return "error", self._answer.error_type or "Runtime.Unknown"
        if self._exit is not None:
            return "error", failures.EXIT_ERROR
        if self.status is Status.STOPPED:
            raise EnvironmentStoppedError(f"{self.function.name} was stopped while it started")
        return "success", None

    async def _conclude(
        self,
        invocation: Invocation,
        request_id: str,
        duration_ms: float,
        error_type: str | None,
        cold: bool,
    ) -> InvocationResult:
        """Turn what happened into a result, with the last lines of the log."""
        answer, gone = self._answer, self._exit
        failed = True
        if answer is not None:
            payload, failed = answer.payload, answer.error_type is not None
        elif self._timed_out:
            payload = failures.timeout_payload(request_id, self.function.timeout_s)
        elif gone is not None:
            payload = failures.exit_payload(request_id, gone)
        else:
            raise EnvironmentStoppedError(f"{self.function.name} was stopped while it ran")
        if self._timed_out:
            error_type = failures.TIMEOUT
            self._journal.timed_out(request_id)
        elif gone is not None:
            error_type = failures.EXIT_ERROR
            self._journal.exited(request_id, gone)
        if self._timed_out or gone is not None:
            await self._reset()
        report, tail = self._report(request_id, duration_ms, error_type)
        return InvocationResult(
            payload=payload,
            report=report,
            function_error="Unhandled" if failed else None,
            executed_version=version_of(invocation.qualifier),
            log_tail=tail,
            content_type=answer.content_type if answer is not None else "application/json",
            streamed=answer is not None and answer.streamed,
            cold=cold,
        )

    def _report(
        self, request_id: str, duration_ms: float, error_type: str | None
    ) -> tuple[Report, bytes]:
        """The invocation is over: END and REPORT, and the environment is ready again. Returns the
        tail of the log, too."""
        answer = self._answer
        status = "success"
        if self._timed_out:
            status = "timeout"
        elif self._exit is not None:
            status = "error"
        elif answer is not None and answer.error_type is not None:
            status = "error"
            if answer.error_type == failures.TOO_LARGE:
                error_type = answer.error_type
        init_ms, self._init_duration_ms = self._init_duration_ms, None
        limit_mb = self.function.memory_mb
        report = Report(
            request_id=request_id,
            duration_ms=duration_ms,
            memory_size_mb=limit_mb,
            max_memory_used_mb=min(self._sandbox.max_memory_mb(), limit_mb),
            init_duration_ms=init_ms,
            status=status,
            error_type=error_type,
        )
        if self.status is Status.BUSY:
            self.status = Status.READY
        self._journal.end(report)
        self._chunk = None
        return report, self._journal.close()

    def _begin_phase(self, timeout_s: float) -> Slot[None]:
        over: Slot[None] = Slot()
        self._phase = over
        self._answer = None
        self._exit = None
        self._timed_out = False
        self._prompt = False
        self._alarm.set(timeout_s)
        return over

    def _on_timeout(self) -> None:
        if self._phase is not None:
            self._timed_out = True
            self._end_phase()

    def _end_phase(self) -> None:
        phase, self._phase = self._phase, None
        if phase is not None and not phase.done:
            phase.set_result(None)
        elif self._unsettled is not None:
            self._settle()

    async def _reset(self) -> None:
        await self._sandbox.kill()
        self._api.reset()
        if self.status is not Status.STOPPED:
            self.status = Status.RESET

    # what the runtime and the sandbox tell us

    def on_runtime_ready(self) -> None:
        if self.status is Status.INIT or self._answer is not None:
            self._end_phase()

    def on_init_error(self, answer: Answer) -> None:
        self._answer = answer
        self._end_phase()

    def on_answer(self, answer: Answer) -> None:
        self._answer = answer
        phase = self._phase
        if self._prompt and phase is not None and not phase.done:
            phase.set_result(None)

    def stream(self, content_type: str) -> Callable[[bytes], None] | None:
        chunk = self._chunk
        if chunk is None:
            return None
        return lambda data: chunk(content_type, data)

    def _on_exit(self, how: failures.Exit) -> None:
        self._exit = how
        self._prepared = False
        if self.status is Status.READY:
            # It died between two invocations; the next one starts it again.
            self.status = Status.RESET
            self._api.reset()
        self._end_phase()
