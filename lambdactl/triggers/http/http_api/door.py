"""The front door of an HTTP API.

A request takes the steps of API Gateway in their order: route, size, throttle, authorizer,
integration. Answers that are not the integration's are ``{"message": <reason phrase>}`` with a
header ``Apigw-Requestid``:

* 404 without a route, 413 beyond 10 MB, 429 on a throttle, 401 and 403 from authorizers
  (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html,
  https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html);
* 500 when the function fails, its response is malformed or Lambda does not take the call
  (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html);
* 504 when the integration takes longer than its timeout, 30 seconds at most
  (https://repost.aws/knowledge-center/api-gateway-504-errors; the service has been seen to answer
  503 ``Service Unavailable`` here: https://github.com/cortexlabs/cortex/issues/1225).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import orjson

from lambdactl.errors import EventError
from lambdactl.manifest.apis import Api, Route
from lambdactl.triggers.http import router
from lambdactl.triggers.http.calls import (
    Call,
    Refusal,
    Setting,
    invoke,
    limit,
    new_extended_id,
)
from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.faults import failure
from lambdactl.triggers.http.http_api import parameters, response
from lambdactl.triggers.http.http_api.cors import Policy
from lambdactl.triggers.http.http_api.event import (
    decodable,
    decoded,
    event_v1,
    event_v2,
    route_key,
)
from lambdactl.triggers.http.throttle import Bucket

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_TIMEOUT_S = 30.0

_STATUS = {
    "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "ACCESS_DENIED": 403,
    "EXPIRED_TOKEN": 403,
    "INVALID_SIGNATURE": 403,
    "RESOURCE_NOT_FOUND": 404,
    "REQUEST_TOO_LARGE": 413,
    "THROTTLED": 429,
    "AUTHORIZER_FAILURE": 500,
    "AUTHORIZER_CONFIGURATION_ERROR": 500,
    "INTEGRATION_FAILURE": 500,
    "INTEGRATION_TIMEOUT": 504,
}
_PHRASES = {413: "Request Entity Too Large"}

Check = Callable[[Call], Awaitable[None]]
Run = Callable[[Call], Awaitable[Response]]


class _Way:
    """One route, with all that can be prepared for it."""

    __slots__ = ("bucket", "check", "key", "map_request", "map_response", "route", "run", "timeout")

    def __init__(self, api: Api, route: Route, setting: Setting, check: Check | None) -> None:
        integration = route.integration
        self.route = route
        self.key = route_key(route)
        self.check = check
        # The stage's own is the default of each route, which counts for itself.
        throttle = api.throttles.get(self.key) or api.throttles.get("*")
        self.bucket = Bucket(throttle, setting.clock) if throttle is not None else None
        self.map_request = parameters.request_mapping(integration.request_parameters, setting.tell)
        self.map_response = parameters.response_mapping(
            integration.response_parameters, setting.tell
        )
        limit_s = min(integration.timeout_s, MAX_TIMEOUT_S)
        self.timeout = setting.patience_s(limit_s)
        self.run: Run
        if integration.kind in ("http", "http_proxy"):
            from lambdactl.triggers.http.http_api.proxy import runner

            self.run = runner(integration, limit_s)
        elif integration.kind == "unavailable":
            self.run = _unavailable
        else:
            self.run = _function_v1 if integration.payload == "v1" else _function_v2


class HttpApiDoor:
    """See :class:`~lambdactl.triggers.http.doors.Door`."""

    def __init__(self, api: Api, setting: Setting) -> None:
        self.api = api
        self._setting = setting
        self._router = router.http_router(api.routes)
        self._cors = Policy(api.cors) if api.cors is not None else None
        checks: dict[int, Check] = {}
        self._ways = {
            id(route): _Way(api, route, setting, _check(api, route, setting, checks))
            for route in api.routes
        }

    def knows(self, request: Request) -> bool:
        return self._find(request) is not None

    def _find(self, request: Request) -> router.Found | None:
        return self._router.find(request.method, request.path) or router.behind_stage(
            self._router, self.api.stage, request
        )

    async def close(self) -> None:
        """Nothing is kept open."""

    async def handle(self, request: Request) -> Response | None:
        found = self._find(request)
        if found is None:
            if self._cors is not None and self._cors.is_preflight(request):
                answer = self._cors.preflight(request)
                answer.headers.append(("Apigw-Requestid", new_extended_id()))
                return answer
            return self._refused(request, new_extended_id(), Refusal("RESOURCE_NOT_FOUND"))
        route, values = found
        way = self._ways[id(route)]
        if values:
            values = {name: decoded(value) for name, value in values.items()}
        call = Call(self._setting, self.api, route, request, values)
        cors = self._cors
        try:
            passed = await self._pass(way, call, cors)
        except Refusal as refusal:
            return self._refused(request, call.extended_id, refusal)
        if passed is not None:
            passed.headers.append(("Apigw-Requestid", call.extended_id))
        return passed

    async def _pass(self, way: _Way, call: Call, cors: Policy | None) -> Response | None:
        request = call.request
        if not decodable(request.path):
            raise Refusal("BAD_REQUEST", reason="its path has a % that stands for itself")
        if len(request.body) > MAX_BODY_BYTES:
            raise Refusal("REQUEST_TOO_LARGE")
        if way.bucket is not None and not way.bucket.take():
            raise Refusal("THROTTLED")
        if way.check is not None:
            # A preflight too: "To support unauthorized OPTIONS requests, add an OPTIONS /{proxy+}
            # route" (http-api-cors.html).
            await way.check(call)
        if cors is not None and cors.is_preflight(request):
            return cors.preflight(request)
        if way.map_request is not None:
            call.request = way.map_request(call)
        timer = limit(request, way.timeout, lambda: self._late(request, call, way))
        try:
            answer = await way.run(call)
        finally:
            timer.cancel()
            request.function = call.request.function
            call.request = request
        if request.answered:
            return None
        if way.map_response is not None:
            way.map_response(call, answer)
        if cors is not None:
            cors.apply(request, answer)
        return answer

    def _late(self, request: Request, call: Call, way: _Way) -> Response:
        reason = f"the integration has not answered within {way.timeout:g} s"
        refusal = Refusal("INTEGRATION_TIMEOUT", reason=reason)
        return self._refused(request, call.extended_id, refusal)

    def _refused(self, request: Request, request_id: str, refusal: Refusal) -> Response:
        """The answer for a refusal, and the reason for the developer."""
        status = _STATUS.get(refusal.type, 500)
        if isinstance(refusal.__cause__, EventError):
            status = 413
        if refusal.reason and not request.answered:
            self._setting.tell(f"{request.method} {request.path}: {refusal.reason}")
        answer = Response(status, [("Content-Type", response.JSON)], _message(status))
        if self._cors is not None:
            self._cors.apply(request, answer)
        challenge = refusal.context.get("www-authenticate")
        if challenge:
            answer.headers.append(("WWW-Authenticate", str(challenge)))
        answer.headers.append(("Apigw-Requestid", request_id))
        return answer


async def _function_v2(call: Call) -> Response:
    return response.response_v2(await _invoke(call, orjson.dumps(event_v2(call), default=dict)))


async def _function_v1(call: Call) -> Response:
    return response.response_v1(await _invoke(call, orjson.dumps(event_v1(call), default=dict)))


async def _unavailable(call: Call) -> Response:
    what = call.route.integration.uri or "what this route leads to"
    raise Refusal("INTEGRATION_FAILURE", reason=f"{what} does not run on this machine")


async def _invoke(call: Call, event: bytes) -> bytes:
    result = await invoke(call, event)
    if result.function_error is not None:
        raise Refusal("INTEGRATION_FAILURE", reason=failure(call, result.payload))
    return result.payload


def _check(api: Api, route: Route, setting: Setting, made: dict[int, Check]) -> Check | None:
    """The authorizer of a route. Routes that share one share its cache."""
    authorizer = route.authorizer
    if authorizer is None:
        return None
    if id(authorizer) not in made:
        # Most APIs have none, and what checks tokens takes its time to import.
        from lambdactl.triggers.http.authorizers import checker

        made[id(authorizer)] = checker(authorizer, api, setting)
    return made[id(authorizer)]


def _message(status: int) -> bytes:
    return b'{"message":"%s"}' % (_PHRASES.get(status) or HTTPStatus(status).phrase).encode()
