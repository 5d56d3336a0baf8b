"""A WebSocket API on a real socket, with functions that are Python callables."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdactl.errors import ThrottledError
from lambdactl.execution.clock import Clock, SystemClock
from lambdactl.execution.invocation import Invocation, InvocationResult, Report
from lambdactl.manifest.apis import Api, Integration, Route
from lambdactl.manifest.model import App
from lambdactl.triggers.http.calls import Setting
from lambdactl.triggers.http.listener import Listener
from lambdactl.triggers.http.websocket import WebSocketDoor
from lambdactl.triggers.http.wire import Connection

Handler = Callable[[dict[str, Any]], Any]
OK = {"statusCode": 200}


class Functions:
    """An :class:`~lambdactl.execution.invocation.Invoker` of callables, by name. A handler that
    raises fails as a function does; ``events`` holds what each was given."""

    def __init__(self, **handlers: Handler) -> None:
        self.handlers = handlers
        self.events: list[tuple[str, dict[str, Any]]] = []

    def given(self, name: str) -> list[dict[str, Any]]:
        return [event for function, event in self.events if function == name]

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        event = json.loads(invocation.payload)
        self.events.append((invocation.function, event))
        error = None
        try:
            answer = self.handlers[invocation.function](event)
            if isinstance(answer, Awaitable):
                answer = await answer
        except ThrottledError:
            raise
        except Exception as problem:
            answer = {"errorMessage": str(problem), "errorType": type(problem).__name__}
            error = "Unhandled"
        return InvocationResult(
            json.dumps(answer).encode(), Report("id", 1.0, 128, 64), function_error=error
        )


def api(*names: str, **fields: Any) -> Api:
    """An API with a route for each name, to the function of that name (without ``$``). A ``+``
    before the name gives the route a response."""
    routes = tuple(
        Route(
            name.lstrip("+"),
            Integration(function=name.lstrip("+$")),
            response=name.startswith("+"),
        )
        for name in names
    )
    return Api("chat", "websocket", **{"routes": routes, "stage": "Prod", **fields})


@dataclass
class Served:
    port: int
    door: WebSocketDoor
    setting: Setting
    told: list[str] = field(default_factory=list)
    listener: Listener | None = None

    @property
    def url(self) -> str:
        return f"ws://localhost:{self.port}/{self.door.api.stage}"

    def reload(self, api: Api) -> WebSocketDoor:
        """Exchange the door, as saving a manifest does."""
        self.door = WebSocketDoor(api, self.setting)
        return self.door


@asynccontextmanager
async def serving(
    api: Api,
    functions: Functions,
    *,
    clock: Clock | None = None,
    prefix: str = "",
    factory: Callable[[Callable[[], asyncio.Protocol]], Callable[[], asyncio.Protocol]]
    | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Served]:
    """The API on a port of its own."""
    told: list[str] = []
    app = App("test", Path(), {})
    setting = Setting(app, functions, clock or SystemClock(), told.append)
    served = Served(0, WebSocketDoor(api, setting), setting, told)

    async def handle(request: Any) -> Any:
        request.prefix = prefix
        request.path = request.path.removeprefix(prefix)
        return await served.door.handle(request)

    listener = served.listener = Listener(handle, refuse=lambda request: None)
    loop = asyncio.get_running_loop()

    def connect() -> Connection:
        return Connection(listener)

    made = factory(connect) if factory else connect
    server = await loop.create_server(made, "127.0.0.1", 0, ssl=tls)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for connection in tuple(listener.connections):
            connection.abort()
        await asyncio.gather(*served.door._tasks, return_exceptions=True)
