"""Requests without sockets, and functions that do as they are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lambdactl.execution.clock import Clock
from lambdactl.execution.invocation import Invocation, InvocationResult, Report
from lambdactl.manifest.model import App
from lambdactl.triggers.http.calls import Setting
from lambdactl.triggers.http.exchange import Headers, Request, Response
from tests.clock import ManualClock


class FakeBody:
    """A streamed body that is kept. ``end`` becomes "closed" or "aborted"."""

    def __init__(self) -> None:
        self.data = b""
        self.end: str | None = None

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.end = "closed"

    def abort(self) -> None:
        self.end = "aborted"


class FakeWire:
    """A :class:`~lambdactl.triggers.http.exchange.Wire` that keeps what it is to send."""

    def __init__(self, peer: tuple[str, int] = ("203.0.113.7", 40000), scheme: str = "http"):
        self.peer = peer
        self.scheme = scheme
        self.sent: list[Response] = []
        self.bodies: list[FakeBody] = []

    def send_response(self, request: Request, response: Response) -> None:
        self.sent.append(response)

    def send_head(self, request: Request, response: Response) -> FakeBody:
        self.sent.append(response)
        self.bodies.append(FakeBody())
        return self.bodies[-1]

    def take_over(self, request: Request, received: Any, lost: Any) -> Any:
        raise AssertionError("nothing here speaks another protocol")


def request(
    target: str = "/",
    method: str = "GET",
    headers: Headers | dict[str, str] | None = None,
    body: bytes = b"",
    *,
    wire: FakeWire | None = None,
) -> Request:
    """A request for ``target`` (path and query). ``Host`` is added where there is none."""
    path, _, query = target.partition("?")
    given = list(headers.items()) if isinstance(headers, dict) else list(headers or ())
    if not any(name.lower() == "host" for name, _ in given):
        given.insert(0, ("Host", "127.0.0.1:3000"))
    return Request(method, path, query, given, body, wire or FakeWire())


class Functions:
    """An :class:`~lambdactl.execution.invocation.Invoker`. ``play(invocation, event)`` gives what
    the function returns: bytes as they are, anything else as JSON, an :class:`InvocationResult`,
    or an exception to raise. It may be a coroutine function."""

    def __init__(self, play: Callable[[Invocation, Any], Any]) -> None:
        self._play = play
        self.events: list[Any] = []
        self.calls: list[Invocation] = []

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        event = json.loads(invocation.payload)
        self.calls.append(invocation)
        self.events.append(event)
        played = self._play(invocation, event)
        if hasattr(played, "__await__"):
            played = await played
        if isinstance(played, Exception):
            raise played
        if isinstance(played, InvocationResult):
            return played
        return result(played)


def result(payload: Any, *, error: str | None = None, streamed: bool = False) -> InvocationResult:
    """What a function returned."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return InvocationResult(
        data, Report("r", 1.0, 128, 64), function_error=error, streamed=streamed
    )


def setting(
    functions: Functions | None = None, *, clock: Clock | None = None, app: App | None = None
) -> Setting:
    """A :class:`Setting` whose ``tell`` fills ``setting.kept["told"]``."""
    told: list[str] = []
    return Setting(
        app=app or App(service="shop", root=Path(), functions={}),
        invoker=functions or Functions(lambda invocation, event: {"statusCode": 200}),
        clock=clock or ManualClock(),
        tell=told.append,
        kept={"told": told},
    )
