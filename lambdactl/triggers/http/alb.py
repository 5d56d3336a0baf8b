"""The front door of an Application Load Balancer with Lambda functions as targets.

What it answers by itself, as pages of HTML
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html,
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html):

====  ==========================================================================
400   an upgrade to WebSocket: "upgrade requests are rejected with an HTTP 400 code"
404   no rule takes the request
405   the method TRACE
413   a body beyond 1 MB
502   the function failed, timed out, was throttled, or its response is malformed or beyond 1 MB
====  ==========================================================================
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import orjson

from lambdactl.manifest.apis import Api
from lambdactl.triggers.http import alb_event
from lambdactl.triggers.http.alb_actions import action
from lambdactl.triggers.http.alb_health import Health
from lambdactl.triggers.http.alb_rules import Rules
from lambdactl.triggers.http.calls import Call, Refusal, Setting, invoke
from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.faults import failure


class AlbDoor:
    """See :class:`~lambdactl.triggers.http.doors.Door`.

    :ivar health: the state of the targets; None without health checks.
    """

    def __init__(self, api: Api, setting: Setting) -> None:
        self.api = api
        self._setting = setting
        self._rules = Rules(api.routes, setting.tell)
        self._actions = {
            id(route): action(route.integration)
            for route in api.routes
            if route.integration.kind == "mock"
        }
        check = api.health_check
        self.health = None
        # Checks are calls, too: they would stop at every breakpoint.
        if check is not None and check.enabled and not setting.patient:
            self.health = Health(api, check, setting)
        if self.health is not None:
            with suppress(RuntimeError):
                # Made outside of an event loop, the checks begin with the first request.
                asyncio.get_running_loop()
                self.health.start()

    def knows(self, request: Request) -> bool:
        return self._rules.find(request) is not None

    async def close(self) -> None:
        if self.health is not None:
            await self.health.close()

    async def handle(self, request: Request) -> Response | None:
        if self.health is not None:
            self.health.start()
        if request.method == "TRACE":
            return alb_event.page(405)
        if request.joined.get("upgrade", "").lower() == "websocket":
            return alb_event.page(400)
        route = self._rules.find(request)
        if route is None:
            return alb_event.page(404)
        answer = self._actions.get(id(route))
        if answer is not None:
            return answer(request)
        if len(request.body) > alb_event.MAX_BYTES:
            return alb_event.page(413)
        call = Call(self._setting, self.api, route, request, {})
        try:
            result = await invoke(call, orjson.dumps(alb_event.event(call)))
            if result.function_error is not None:
                raise Refusal("INTEGRATION_FAILURE", reason=failure(call, result.payload))
            return alb_event.response(result.payload, multi=route.multi_value_headers)
        except Refusal as refusal:
            self._setting.tell(f"{request.method} {request.path}: {refusal.reason}")
            return alb_event.page(502)
