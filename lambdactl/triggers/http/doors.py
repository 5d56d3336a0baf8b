"""Which kind of front door serves an API."""

from __future__ import annotations

from typing import Protocol

from lambdactl.manifest.apis import Api
from lambdactl.triggers.http.calls import Setting
from lambdactl.triggers.http.exchange import Request, Response


class Door(Protocol):
    """One front door. The server calls :meth:`handle` for each request, in a task of its own."""

    api: Api

    async def handle(self, request: Request) -> Response | None:
        """Answer ``request``; None when that has been done by other means (see
        :mod:`lambdactl.triggers.http.exchange`). Must not raise for anything a client, a function
        or a manifest can do wrong."""
        ...

    def knows(self, request: Request) -> bool:
        """Whether a route of this door takes ``request`` (asked only where static files are served
        for paths that no route takes)."""
        ...

    async def close(self) -> None:
        """The door is taken down (another one may take its place: a manifest was saved)."""
        ...


def door(api: Api, setting: Setting) -> Door:
    """The door for ``api``."""
    # Each kind imports what the others do not need.
    if api.kind == "rest":
        from lambdactl.triggers.http.rest import RestDoor

        return RestDoor(api, setting)
    if api.kind == "http":
        from lambdactl.triggers.http.http_api import HttpApiDoor

        return HttpApiDoor(api, setting)
    if api.kind == "url":
        from lambdactl.triggers.http.function_url import FunctionUrlDoor

        return FunctionUrlDoor(api, setting)
    if api.kind == "alb":
        from lambdactl.triggers.http.alb import AlbDoor

        return AlbDoor(api, setting)
    from lambdactl.triggers.http.websocket import WebSocketDoor

    return WebSocketDoor(api, setting)
