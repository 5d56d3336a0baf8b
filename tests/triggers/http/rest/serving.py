"""A REST API of one function, and requests to it."""

from __future__ import annotations

from typing import Any

from lambdactl.manifest.apis import Api, Integration, Route
from lambdactl.triggers.http.calls import Setting
from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.rest import RestDoor
from tests.aio import run
from tests.triggers.http.parts import FakeWire, Functions, request, setting

HELLO = Integration(function="hello")


def route(path: str = "/pets", method: str = "GET", **more: Any) -> Route:
    return Route(path=path, method=method, **{"integration": HELLO, **more})


def api(*routes: Route, **more: Any) -> Api:
    return Api("shop", "rest", routes or (route(),), **{"stage": "prod", **more})


class Served:
    """An API, served. ``answer`` is what the function returns (see :class:`Functions`)."""

    def __init__(self, served: Api, answer: Any = None, *, given: Setting | None = None) -> None:
        self.functions = Functions(
            answer if callable(answer) else lambda invocation, event: answer or {"statusCode": 200}
        )
        self.setting = given or setting(self.functions)
        if given is not None:
            given.invoker = self.functions
        self.door = RestDoor(served, self.setting)

    @property
    def told(self) -> list[str]:
        return self.setting.kept["told"]

    @property
    def event(self) -> dict[str, Any]:
        """What the function got last."""
        return self.functions.events[-1]

    async def send(self, asked: Request) -> Response:
        """What the client gets for ``asked``."""
        made = await self.door.handle(asked)
        if made is not None:
            asked.answer(made)
        wire = asked.wire
        assert isinstance(wire, FakeWire)
        assert len(wire.sent) == 1
        return wire.sent[0]

    def ask(self, target: str = "/pets", method: str = "GET", **more: Any) -> Response:
        return run(self.send(request(target, method, **more)))


def header(response: Response, name: str) -> str | None:
    """The value of a response's header; None without one. There must not be two."""
    found = [value for each, value in response.headers if each.lower() == name.lower()]
    assert len(found) <= 1, found
    return found[0] if found else None
