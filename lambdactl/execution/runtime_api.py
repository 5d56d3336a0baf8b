"""The Runtime API 2018-06-01 of one execution environment: who may call what, when, and the answer.

Each environment has its own endpoint (its own port), so a runtime can't read another's events.
The states and their names, the refusals and their JSON are those of AWS's own emulator
(https://github.com/aws/aws-lambda-runtime-interface-emulator, internal/lambda/core/states.go and
internal/lambda/rapi); the endpoints are described at
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.

The environment above talks to it with three calls (:meth:`RuntimeApi.dispatch`,
:meth:`RuntimeApi.reset`, :meth:`RuntimeApi.close`) and hears from it through :class:`Listener`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from lambdactl.errors import EnvironmentStartError
from lambdactl.execution import failures, refusals
from lambdactl.execution.http1 import Connection, Request
from lambdactl.execution.invocation import MAX_PAYLOAD_BYTES
from lambdactl.execution.listening import bound
from lambdactl.execution.messages import Answer, Event

_PREFIX = b"/2018-06-01/runtime/"
_NEXT = _PREFIX + b"invocation/next"
_INVOCATION = _PREFIX + b"invocation/"
_INIT_ERROR = _PREFIX + b"init/error"
_PING = b"/2018-06-01/ping"
_STANDBY = _PREFIX + b"standby"
"""Ours, not Lambda's: our bootstraps ask it for the word before they read the function's code."""

_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
_ACCEPTED = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"
    b'Content-Length: 16\r\n\r\n{"status":"OK"}\n'
)
_ANSWER_HEAD = (
    b"POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\n"
    b"Content-Type: application/json\r\nLambda-Runtime-Invocation-Id: %s\r\nContent-Length: "
)
_HELD_S = 0.005


class State(StrEnum):
    """A runtime's states, with the names that refusals show."""

    STARTED = "Started"
    INIT_ERROR = "InitError"
    READY = "Ready"
    RUNNING = "Running"
    RESPONSE = "InvocationResponse"
    ERROR_RESPONSE = "InvocationErrorResponse"
    RESPONSE_SENT = "ResponseSent"


class Listener(Protocol):
    """What an environment wants to hear. All calls come from the event loop."""

    def on_runtime_ready(self) -> None:
        """The runtime asked for the next event: init or the running invocation is over."""
        ...

    def on_init_error(self, answer: Answer) -> None:
        """The runtime gave up during init."""
        ...

    def on_answer(self, answer: Answer) -> None:
        """The runtime has answered the running invocation (it may still be busy)."""
        ...

    def stream(self, content_type: str) -> Callable[[bytes], None] | None:
        """A streamed response begins; returns where its pieces go, None to have it buffered."""
        ...


class RuntimeApi:
    """The endpoint of one environment."""

    def __init__(self, listener: Listener) -> None:
        self.state = State.STARTED
        self.address = ""
        self.was_asked = False
        """Whether anybody has called since the last reset."""
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._hosts: frozenset[bytes] = frozenset()
        self._connections: set[Connection] = set()
        self._waiting: list[Connection] = []
        self._flusher: asyncio.TimerHandle | None = None
        self._held_back = False
        self._standing_by: Connection | None = None
        self._event: Event | None = None
        self._address = b""
        self._poll = b""
        self._answer_head = b""
        self._request_id = b""
        """That of the last event that was dispatched."""

    async def open(self, host: str = "127.0.0.1", listen: str | None = None) -> str:
        """Listen on a free port of ``listen`` [``host``], which the runtime calls ``host``; returns
        ``host:port`` (AWS_LAMBDA_RUNTIME_API).

        :raises EnvironmentStartError: this machine gives no socket there.
        """
        loop = asyncio.get_running_loop()
        try:
            listening = bound(listen or host)
        except OSError as error:
            raise EnvironmentStartError(
                f"can't listen on {listen or host} for the runtime: {error.strerror or error}"
            ) from error
        self._server = await loop.create_server(self._connect, sock=listening, backlog=16)
        port = self._server.sockets[0].getsockname()[1]
        self.address = f"{host}:{port}"
        self._address = self.address.encode()
        self._poll = b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (_NEXT, self._address)
        names = (host.encode(), b"localhost")
        # A runtime written by hand may leave out the port; a page in a browser has another name.
        self._hosts = frozenset({*names, *(b"%s:%d" % (name, port) for name in names)})
        return self.address

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        self.reset()
        if self._flusher is not None:
            self._flusher.cancel()
            self._flusher = None
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def reset(self) -> None:
        """Back to the first state, for a runtime that is started anew."""
        self.state = State.STARTED
        self.was_asked = False
        self._event = None
        self._waiting.clear()
        for connection in tuple(self._connections):
            if connection.transport is not None:
                connection.transport.abort()

    def hold_back(self) -> None:
        """A runtime that asks for the word has to wait for :meth:`release`."""
        self._held_back = True

    def release(self) -> None:
        """Give the runtime the word: init begins."""
        self._held_back = False
        connection, self._standing_by = self._standing_by, None
        if connection is not None:
            connection.respond(200, b"")

    def dispatch(self, event: Event) -> None:
        """Give ``event`` to the runtime: now if it waits, else at its next ``/next``."""
        self._event = event
        self._request_id = event.request_id.encode()
        self._answer_head = _ANSWER_HEAD % (
            self._request_id,
            self._address,
            event.invocation_id.encode(),
        )
        if self._waiting:
            self._deliver(self._waiting.pop(0))

    # connections

    def _connect(self) -> Connection:
        connection = Connection(self._handle, self._on_head, self._lost, MAX_PAYLOAD_BYTES)
        connection.shortcut = self._plain_answer
        self.was_asked = True
        self._connections.add(connection)
        return connection

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if connection in self._waiting:
            self._waiting.remove(connection)
        if connection is self._standing_by:
            self._standing_by = None

    # requests

    def _plain_answer(self, connection: Connection, data: bytes) -> bool:
        """Take an answer and the next poll in one piece, if they are byte for byte what our own
        bootstraps write: nearly every answer is, and parsing it costs as much as all the rest."""
        start = len(self._answer_head)
        if (
            self.state is not State.RUNNING
            or not data.startswith(self._answer_head)
            or not data.endswith(self._poll)
        ):
            return False
        end = data.find(b"\r\n\r\n", start, start + 12)
        digits = data[start:end]
        if end < 0 or not digits.isdigit():
            return False
        size = int(digits)
        if end + 4 + size + len(self._poll) != len(data) or size > MAX_PAYLOAD_BYTES:
            return False
        self._finish(Answer(data[end + 4 : end + 4 + size]))
        connection.send_along(_ACCEPTED)
        self._next(connection)
        connection.end_of_data()
        return True

    def _handle(self, connection: Connection, request: Request) -> None:
        path = request.path
        if not self._is_for_us(request):
            refusals.host(connection)
        elif path == _NEXT:
            if request.method == b"GET":
                self._next(connection)
            else:
                refusals.method(connection)
        elif path.startswith(_INVOCATION):
            request_id, _, action = path[len(_INVOCATION) :].partition(b"/")
            if action not in (b"response", b"error"):
                refusals.not_found(connection)
            elif request.method != b"POST":
                refusals.method(connection)
            elif self._is_current(connection, request, request_id):
                if action == b"response":
                    self._response(connection, request)
                else:
                    self._error(connection, request)
        elif path == _INIT_ERROR:
            if request.method == b"POST":
                self._init_error(connection, request)
            else:
                refusals.method(connection)
        elif path == _STANDBY and request.method == b"GET":
            if self._held_back:
                self._standing_by = connection
            else:
                connection.respond(200, b"")
        elif path == _PING:
            if request.method == b"GET":
                connection.respond(200, b"pong", b"text/plain; charset=utf-8")
            else:
                refusals.method(connection)
        else:
            refusals.not_found(connection)

    def _is_for_us(self, request: Request) -> bool:
        # A page in a browser may have found the port, but can't forge the name it called.
        host = request.headers.get(b"host")
        return host is None or host in self._hosts

    def _next(self, connection: Connection) -> None:
        if self.state is State.RUNNING:
            # A runtime that asks twice is given the same event again.
            self._deliver(connection)
        elif self.state in (State.STARTED, State.RESPONSE_SENT, State.READY):
            was_ready = self.state is State.READY
            self.state = State.READY
            if not was_ready:
                self._listener.on_runtime_ready()
            if self._event is not None:
                self._deliver(connection)
            else:
                connection.polls = True
                self._waiting.append(connection)
                if self._flusher is None:
                    self._flusher = asyncio.get_running_loop().call_later(_HELD_S, self._flush)
        else:
            refusals.transition(connection, self.state, State.READY)

    def _flush(self) -> None:
        """A client may wait for a confirmation that we would have sent with the next event. One
        timer for many invocations: most of them have their next event before."""
        self._flusher = None
        for connection in self._waiting:
            connection.flush()

    def _deliver(self, connection: Connection) -> None:
        assert self._event is not None
        self.state = State.RUNNING
        connection.polls = False
        connection.send(self._event.wire())

    def _is_current(self, connection: Connection, request: Request, request_id: bytes) -> bool:
        event = self._event
        # One that is known but answered is refused by the state, in which nothing can be answered.
        known = event is not None or self.state is State.RESPONSE_SENT
        if not known or request_id != self._request_id:
            refusals.request_id(connection)
            return False
        if event is not None and not _is_of_attempt(request, event):
            refusals.attempt(connection)
            return False
        return True

    def _on_head(self, connection: Connection, request: Request) -> None:
        event = self._event
        # What was passed on can't be taken back: only a response that will be accepted is.
        if (
            request.headers.get(b"lambda-runtime-function-response-mode") == b"streaming"
            and self.state is State.RUNNING
            and event is not None
            and request.path == b"%s%s/response" % (_INVOCATION, self._request_id)
            and _is_of_attempt(request, event)
            and self._is_for_us(request)
        ):
            request.sink = self._listener.stream(_content_type(request))

    def _response(self, connection: Connection, request: Request) -> None:
        if self.state is not State.RUNNING:
            refusals.transition(connection, self.state, State.RESPONSE)
            return
        mode = request.headers.get(b"lambda-runtime-function-response-mode", b"")
        if mode not in (b"", b"streaming"):
            self._finish(Answer(b"", _content_type(request), "Runtime.InvalidResponseModeHeader"))
            refusals.response_mode(connection)
            return
        if request.sink is None and request.body_size > MAX_PAYLOAD_BYTES:
            self._finish(_too_large(request.body_size))
            refusals.size(connection)
            return
        answer = Answer(request.body, _content_type(request), streamed=mode == b"streaming")
        if answer.streamed:
            _apply_trailers(answer, request)
        self._finish(answer)
        connection.send_along(_ACCEPTED)

    def _error(self, connection: Connection, request: Request) -> None:
        if self.state is not State.RUNNING:
            refusals.transition(connection, self.state, State.ERROR_RESPONSE)
            return
        if request.body_size > MAX_PAYLOAD_BYTES:
            self._finish(_too_large(request.body_size))
            refusals.size(connection)
            return
        self._finish(Answer(request.body, _content_type(request), _error_type(request)))
        connection.send_along(_ACCEPTED)

    def _init_error(self, connection: Connection, request: Request) -> None:
        if self.state is not State.STARTED:
            refusals.transition(connection, self.state, State.INIT_ERROR)
            return
        self.state = State.INIT_ERROR
        if request.body_size > MAX_PAYLOAD_BYTES:
            self._listener.on_init_error(_too_large(request.body_size))
            refusals.size(connection)
            return
        self._listener.on_init_error(
            Answer(request.body, _content_type(request), _error_type(request))
        )
        connection.send_along(_ACCEPTED)

    def _finish(self, answer: Answer) -> None:
        self.state = State.RESPONSE_SENT
        self._event = None
        self._listener.on_answer(answer)


def _is_of_attempt(request: Request, event: Event) -> bool:
    """Whether a runtime that says which attempt it answers means the running one."""
    echoed = request.headers.get(b"lambda-runtime-invocation-id")
    return echoed is None or echoed == event.invocation_id.encode()


def _content_type(request: Request) -> str:
    return request.headers.get(b"content-type", b"application/json").decode("latin-1")


def _error_type(request: Request) -> str:
    given = request.headers.get(b"lambda-runtime-function-error-type", b"").decode("latin-1")
    return valid_error_type(given)


def valid_error_type(given: str) -> str:
    """The error type as Lambda records it: the runtime's own word if it is well formed, else
    Function.Unknown or Runtime.Unknown (the emulator's fatalerror.go)."""
    if _ERROR_TYPE.search(given):
        return given
    return "Function.Unknown" if given.startswith("Function.") else "Runtime.Unknown"


def _apply_trailers(answer: Answer, request: Request) -> None:
    """A function that failed in the middle of a streamed response says so in the trailers."""
    error_type = request.headers.get(b"lambda-runtime-function-error-type")
    if error_type is None:
        return
    answer.error_type = error_type.decode("latin-1")
    try:
        answer.payload = base64.b64decode(
            request.headers.get(b"lambda-runtime-function-error-body", b""), validate=True
        )
    except binascii.Error:
        answer.payload = b""


def _too_large(size: int) -> Answer:
    return Answer(failures.too_large_payload(size), error_type=failures.TOO_LARGE)
