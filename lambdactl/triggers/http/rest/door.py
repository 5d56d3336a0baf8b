"""The front door of a REST API: which steps a request goes through, and in what order.

Authorizer, API key and usage plan, the stage's throttle, request validator, integration: the order
of the lines in API Gateway's execution log
(https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html). What each route
needs is worked out once; a route with a Lambda proxy integration and nothing else goes straight to
its function.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson

from lambdactl.manifest.apis import Api, Authorizer, Integration, Route
from lambdactl.triggers.http.calls import Call, Refusal, Setting, invoke, limit
from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.faults import failure
from lambdactl.triggers.http.rest import cors, gateway_responses
from lambdactl.triggers.http.rest.event import Prepared, event, prepare
from lambdactl.triggers.http.rest.response import own_headers, response
from lambdactl.triggers.http.rest.streaming import stream
from lambdactl.triggers.http.rest.usage import Usage
from lambdactl.triggers.http.router import Found, behind_stage, rest_router

MAX_BODY_BYTES = 10 * 1024 * 1024
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""

_NOWHERE = Route(path="/", integration=Integration(kind="mock"))
"""Stands for the route of a request that has none."""

Run = Callable[[Call], Awaitable[Response | None]]


@dataclass(frozen=True, slots=True)
class _Way:
    """What a route's requests go through.

    :ivar checks: steps between the authorizer and the integration.
    """

    prepared: Prepared
    run: Run
    authorize: Callable[[Call], Awaitable[None]] | None = None
    checks: tuple[Callable[[Call], None], ...] = ()


class RestDoor:
    """Serves one REST API. See :class:`~lambdactl.triggers.http.doors.Door`."""

    def __init__(self, api: Api, setting: Setting) -> None:
        self.api = api
        self._setting = setting
        self._usage = Usage(api, setting)
        self._compress_from = api.compression_from
        self._nowhere = prepare(setting, api, _NOWHERE)
        authorizers: dict[Authorizer, Callable[[Call], Awaitable[None]]] = {}
        preflights = [(cors.route(path), made) for path, made in cors.preflights(api).items()]
        # The router hands back these very routes, so their identity finds what belongs to them.
        self._ways = {id(route): self._way(route, authorizers) for route in api.routes}
        for route, made in preflights:
            self._ways[id(route)] = _Way(prepare(setting, api, route), _answering(made))
        self._router = rest_router([*api.routes, *(route for route, _ in preflights)])

    def knows(self, request: Request) -> bool:
        return self._find(request) is not None

    async def handle(self, request: Request) -> Response | None:
        found = self._find(request)
        if found is None:
            call = Call(self._setting, self.api, _NOWHERE, request, {})
            call.prepared = self._nowhere
            return self._refused(call, Refusal("MISSING_AUTHENTICATION_TOKEN"))
        route, sent = found
        way = self._ways[id(route)]
        call = Call(self._setting, self.api, route, request, sent)
        call.prepared = way.prepared
        try:
            if len(request.body) > MAX_BODY_BYTES:
                raise Refusal("REQUEST_TOO_LARGE")
            if self._compress_from is not None:
                return await self._compressed(call, way, self._compress_from)
            return await self._pass(call, way)
        except Refusal as refusal:
            # Who has been told of a timeout already is told no more.
            return None if request.answered else self._refused(call, refusal)

    def _find(self, request: Request) -> Found | None:
        return self._router.find(request.method, request.path) or behind_stage(
            self._router, self.api.stage, request
        )

    async def close(self) -> None:
        """Nothing to close: what counts is kept by the server, functions are the invoker's."""

    async def _pass(self, call: Call, way: _Way) -> Response | None:
        if way.authorize is not None:
            await way.authorize(call)
        for check in way.checks:
            check(call)
        return await way.run(call)

    async def _compressed(self, call: Call, way: _Way, least: int) -> Response | None:
        from lambdactl.triggers.http.rest.compression import compress, decompress

        await decompress(call.request, least, MAX_BODY_BYTES)
        made = await self._pass(call, way)
        return made if made is None else await compress(call.request, made, least)

    def _way(
        self, route: Route, authorizers: dict[Authorizer, Callable[[Call], Awaitable[None]]]
    ) -> _Way:
        authorize = None
        if route.authorizer is not None:
            authorize = authorizers.get(route.authorizer)
            if authorize is None:
                from lambdactl.triggers.http.authorizers import checker as authorizer_checker

                authorize = authorizer_checker(route.authorizer, self.api, self._setting)
                authorizers[route.authorizer] = authorize
        checks: list[Callable[[Call], None]] = []
        if route.api_key:
            checks.append(self._usage.check_key)
        if self.api.throttles:
            checks.append(self._usage.check_stage)
        if route.validator is not None:
            from lambdactl.triggers.http.rest.validation import checker

            check = checker(self.api, route)
            if check is not None:
                checks.append(check)
        return _Way(
            prepare(self._setting, self.api, route), self._run(route), authorize, tuple(checks)
        )

    def _run(self, route: Route) -> Run:
        if route.integration.kind == "lambda_proxy":
            return self._stream if route.integration.stream else self._proxy
        from lambdactl.triggers.http.rest.integrations import runner

        run = runner(self.api, route, self._setting)
        traced = route.integration.kind not in ("mock", "http_proxy")

        async def mapped(call: Call) -> Response | None:
            timer = limit(call.request, self._timeout_s(route), lambda: self._late(call))
            try:
                made = await run(call)
            finally:
                timer.cancel()
            sent = {name.lower() for name, _ in made.headers}
            own = own_headers(call, traced=traced)
            made.headers.extend(pair for pair in own if pair[0].lower() not in sent)
            return made

        return mapped

    async def _proxy(self, call: Call) -> Response | None:
        timer = limit(call.request, self._timeout_s(call.route), lambda: self._late(call))
        try:
            result = await invoke(call, orjson.dumps(event(call)))
        finally:
            timer.cancel()
        if result.function_error is not None:
            raise Refusal("INTEGRATION_FAILURE", reason=failure(call, result.payload))
        return response(call, result.payload)

    async def _stream(self, call: Call) -> None:
        request = call.request
        timer = limit(request, self._timeout_s(call.route), lambda: self._late(call))
        try:
            await stream(call, lambda refusal: request.answer(self._refused(call, refusal)))
        finally:
            timer.cancel()

    def _timeout_s(self, route: Route) -> float:
        return self._setting.patience_s(route.integration.timeout_s)

    def _late(self, call: Call) -> Response:
        integration = call.route.integration
        reason = f"no answer within {integration.timeout_s:g} s"
        if integration.function is not None:
            reason += "; the function runs on"
        return self._refused(call, Refusal("INTEGRATION_TIMEOUT", reason=reason))

    def _refused(self, call: Call, refusal: Refusal) -> Response:
        answer = gateway_responses.answer(call, refusal)
        if refusal.reason is not None:
            request = call.request
            self._setting.tell(
                f"{request.method} {request.path}: {refusal.reason} (answered {answer.status})"
            )
        return answer


def _answering(made: Response) -> Run:
    async def run(call: Call) -> Response:
        own = own_headers(call, traced=False)
        return Response(made.status, [*made.headers, *own], made.body)

    return run
