"""The front door of a WebSocket API: who is let in, and which function gets what.

Sources, all below https://docs.aws.amazon.com/apigateway/latest/developerguide/:
apigateway-websocket-api-route-keys-connect-disconnect.html (``$connect`` decides about the upgrade,
``$disconnect`` comes after the end), apigateway-websocket-api-routes-integrations.html and
websocket-api-develop-routes.html (routes of messages), apigateway-websocket-api-route-response.html
(what a function returns goes to the client only where the route has a response),
websocket-connect-route-subprotocol.html (headers of ``$connect``'s answer). The wording of errors
is what clients of AWS receive.

API Gateway promises no order: messages of one connection run side by side, and so they do here.
They are started in the order in which they came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from websockets.datastructures import Headers as HandshakeHeaders
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

from lambdactl.execution.tasks import keep
from lambdactl.manifest.apis import Api, Route
from lambdactl.triggers.http.calls import Refusal, Setting, invoke, limit, new_extended_id
from lambdactl.triggers.http.exchange import Request, Response
from lambdactl.triggers.http.faults import failure
from lambdactl.triggers.http.throttle import Bucket
from lambdactl.triggers.http.websocket import management
from lambdactl.triggers.http.websocket.connection import (
    GOING_AWAY,
    MAX_MESSAGE_BYTES,
    Connection,
    Connections,
)
from lambdactl.triggers.http.websocket.event import (
    ConnectionCall,
    EventType,
    event,
    request_context,
)
from lambdactl.triggers.http.websocket.integrations import as_post, runners
from lambdactl.triggers.http.websocket.proxy import ProxyResponse, proxy_response
from lambdactl.triggers.http.websocket.selection import selector

LIFECYCLE = ("$connect", "$disconnect")

GRACE_S = 1.0
"""How long connections wait for the door of a saved manifest when theirs is taken down."""

_REFUSALS = {
    "UNAUTHORIZED": (401, "Unauthorized", "UnauthorizedException"),
    "ACCESS_DENIED": (403, "Forbidden", "ForbiddenException"),
    "INVALID_API_KEY": (403, "Forbidden", "ForbiddenException"),
    "MISSING_AUTHENTICATION_TOKEN": (
        403,
        "Missing Authentication Token",
        "MissingAuthenticationTokenException",
    ),
    "INVALID_SIGNATURE": (403, "Forbidden", "InvalidSignatureException"),
    "EXPIRED_TOKEN": (
        403,
        "The security token included in the request is expired",
        "ExpiredTokenException",
    ),
    "AUTHORIZER_FAILURE": (500, "Internal server error", "InternalServerErrorException"),
    "AUTHORIZER_CONFIGURATION_ERROR": (
        500,
        "Internal server error",
        "InternalServerErrorException",
    ),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out", "GatewayTimeoutException"),
    "THROTTLED": (429, "Too Many Requests", "TooManyRequestsException"),
}
_FAILURE = (502, "Internal server error", "InternalServerErrorException")

_HANDSHAKE = frozenset(
    {
        "connection",
        "upgrade",
        "content-length",
        "transfer-encoding",
        "date",
        "content-type",
        "sec-websocket-accept",
        "sec-websocket-extensions",
    }
)
"""Headers of a function's answer that have no place in a 101 response, or are the server's."""


class WebSocketDoor:
    """One WebSocket API. Its connections are in ``setting.kept`` and outlive it."""

    def __init__(self, api: Api, setting: Setting) -> None:
        self.api = api
        self.setting = setting
        self._routes = {route.path: route for route in api.routes}
        self._default = self._routes.get("$default")
        self._select = selector(api.selection)
        self._stages = ("", f"/{api.stage}")
        self._tasks: set[asyncio.Task[None]] = set()
        self.closed = False
        self._runners = runners(api, setting)
        throttles = (
            (key, api.throttles.get(key) or api.throttles.get("*")) for key in self._routes
        )
        self._buckets = {key: Bucket(each, setting.clock) for key, each in throttles if each}
        self._check = _checker(api, setting, self._routes.get("$connect"))
        self.connections: Connections = setting.kept.setdefault(
            f"websocket:{api.name}", Connections()
        )
        self.connections.join(self)

    def knows(self, request: Request) -> bool:
        """Whether the path is this API's, for a connection or for ``@connections``."""
        path = request.decoded_path
        managed = management.connection_id(path)
        return (managed[0] if managed else path.rstrip("/")) in self._stages

    async def handle(self, request: Request) -> Response | None:
        """Open a connection, or answer a request of the management API."""
        managed = management.connection_id(request.decoded_path)
        if managed and managed[0] in self._stages:
            return management.answer(request, managed[1], self.connections)
        connection = Connection(request, self.connections, self.setting.clock)
        if not self.knows(request):
            self.setting.tell(
                f"{self.api.name}: a WebSocket API has no paths; connect to "
                f"/{self.api.stage}, not to {request.path}"
            )
            return _refused(Refusal("ACCESS_DENIED"), connection.id, connection.id)
        if request.method != "GET" or (request.header("upgrade") or "").lower() != "websocket":
            return Response(
                426,
                [("Upgrade", "websocket"), ("Content-Type", "application/json")],
                orjson.dumps({"message": "Upgrade Required"}),
            )
        return await self._connect(request, connection)

    async def close(self) -> None:
        """Taken down. When no other door takes over soon, the clients are sent away."""
        self.closed = True
        self.connections.leave(self)
        if self.connections.listener is self and self.connections.open:
            asyncio.get_running_loop().call_later(GRACE_S, self._send_away)

    def _send_away(self) -> None:
        if self.connections.listener is self:
            for connection in tuple(self.connections.open.values()):
                connection.close(GOING_AWAY)

    # $connect

    async def _connect(self, request: Request, connection: Connection) -> Response | None:
        headers = HandshakeHeaders()
        for name, value in request.headers:
            headers[name] = value
        accepted = ServerProtocol().accept(Handshake(request.path, headers))
        if accepted.status_code != 101:
            return Response(
                400,
                [("Content-Type", "application/json")],
                orjson.dumps({"message": "Bad Request"}),
            )
        route = self._routes.get("$connect")
        if route is not None:
            call = self._call(route, connection)
            try:
                answer = await self._ask(call, connection)
            except Refusal as refusal:
                self._tell(route, refusal)
                return _refused(refusal, connection.id, call.extended_id)
            if not 200 <= answer.status <= 299:
                self.setting.tell(
                    f"{self.api.name} $connect: {route.integration.function} answered "
                    f"{answer.status}, so the connection is refused"
                )
                return Response(answer.status, list(answer.headers), answer.body.encode())
            if request.answered:
                # The integration timeout was faster.
                return None
            for name, value in answer.headers:
                if name.lower() not in _HANDSHAKE:
                    accepted.headers[name] = " ".join(value.splitlines())
        wire = request.take_over(connection.received, connection.lost)
        connection.start(wire, accepted)
        return None

    async def _ask(self, call: ConnectionCall, connection: Connection) -> ProxyResponse:
        """What ``$connect`` says to the client."""
        self._throttle(call.route)
        if self._check is not None:
            await self._check(call)
        timed_out = Refusal("INTEGRATION_TIMEOUT")
        timer = limit(
            call.request,
            self.setting.patience_s(call.route.integration.timeout_s),
            lambda: _refused(timed_out, connection.id, call.extended_id),
        )
        try:
            return await self._run(call, connection, "CONNECT")
        finally:
            timer.cancel()

    # Listener

    def message(self, connection: Connection, text: str) -> None:
        """Start the function that ``text`` is for."""
        key = self._select(text)
        route = None if key is None or key in LIFECYCLE else self._routes.get(key)
        route = route or self._default
        if route is None:
            connection.send(_error("Forbidden", connection.id, new_extended_id()))
            return
        keep(self._tasks, self._message(self._call(route, connection), connection, text))

    def ended(self, connection: Connection, closed: tuple[int, str]) -> None:
        """Start ``$disconnect``."""
        route = self._routes.get("$disconnect")
        if route is not None and not self.closed:
            work = self._disconnect(self._call(route, connection), connection, closed)
            keep(self._tasks, work)

    async def _message(self, call: ConnectionCall, connection: Connection, text: str) -> None:
        timed_out = False

        def time_out() -> None:
            nonlocal timed_out
            timed_out = True
            self._tell(call.route, Refusal("INTEGRATION_TIMEOUT", reason="it took too long"))
            connection.send(_error("Endpoint request timed out", connection.id, call.extended_id))

        loop = asyncio.get_running_loop()
        timeout_s = self.setting.patience_s(call.route.integration.timeout_s)
        timer = loop.call_later(timeout_s, time_out)
        try:
            self._throttle(call.route)
            answer = await self._run(call, connection, "MESSAGE", body=text)
        except Refusal as refusal:
            if not timed_out:
                self._tell(call.route, refusal)
                _, words, _ = _REFUSALS.get(refusal.type, _FAILURE)
                connection.send(_error(words, connection.id, call.extended_id))
            return
        finally:
            timer.cancel()
        if call.route.response and answer.body and not timed_out:
            message = answer.body.encode()
            if len(message) <= MAX_MESSAGE_BYTES:
                connection.send(message)
                return
            reason = f"its answer is {len(message)} bytes long, more than the 128 KB of a message"
            self._tell(call.route, Refusal("INTEGRATION_FAILURE", reason=reason))
            connection.send(_error(_FAILURE[1], connection.id, call.extended_id))

    async def _disconnect(
        self, call: ConnectionCall, connection: Connection, closed: tuple[int, str]
    ) -> None:
        try:
            await self._run(call, connection, "DISCONNECT", closed=closed)
        except Refusal as refusal:
            self._tell(call.route, refusal)

    # all three

    def _call(self, route: Route, connection: Connection) -> ConnectionCall:
        return ConnectionCall(self.setting, self.api, route, connection)

    async def _run(
        self,
        call: ConnectionCall,
        connection: Connection,
        event_type: EventType,
        *,
        body: str | None = None,
        closed: tuple[int, str] | None = None,
    ) -> ProxyResponse:
        """Run the route's integration.

        :raises Refusal: the function failed, or gave what is no proxy response.
        """
        runner = self._runners.get(call.route.path)
        if runner is not None:
            call.context = request_context(call, connection, event_type)
            if event_type != "CONNECT":
                call.request = as_post(call.request, body)
            response = await runner(call)
            return ProxyResponse(
                response.status, tuple(response.headers), response.body.decode("utf-8", "replace")
            )
        given = event(call, connection, event_type, body=body, closed=closed)
        result = await invoke(call, orjson.dumps(given))
        if result.function_error:
            raise Refusal("INTEGRATION_FAILURE", reason=failure(call, result.payload))
        return proxy_response(result.payload)

    def _throttle(self, route: Route) -> None:
        """
        :raises Refusal: the route has had more than its share.
        """
        bucket = self._buckets.get(route.path)
        if bucket is not None and not bucket.take():
            raise Refusal("THROTTLED")

    def _tell(self, route: Route, refusal: Refusal) -> None:
        # What ends with the server is no news.
        over = self.closed and self.connections.listener is self
        if refusal.reason and not over:
            self.setting.tell(f"{self.api.name} {route.path}: {refusal.reason}")


def _refused(refusal: Refusal, connection_id: str, request_id: str) -> Response:
    status, words, error = _REFUSALS.get(refusal.type, _FAILURE)
    error = refusal.context.get("error_type", error)
    headers = [
        ("Content-Type", "application/json"),
        ("x-amzn-RequestId", request_id),
        ("x-amzn-ErrorType", error),
    ]
    return Response(status, headers, _error(refusal.message or words, connection_id, request_id))


def _error(message: str, connection_id: str, request_id: str) -> bytes:
    """An error as clients get it; the spaces are AWS's too."""
    words = orjson.dumps(message).decode()
    return (
        f'{{"message": {words}, "connectionId":"{connection_id}", "requestId":"{request_id}"}}'
    ).encode()


Check = Callable[[ConnectionCall], Awaitable[None]]


def _checker(api: Api, setting: Setting, route: Route | None) -> Check | None:
    """What ``$connect`` demands of a client: an API key, what its authorizer wants, or nothing."""
    if route is None or not (route.authorizer or route.api_key):
        return None
    authorize = None
    if route.authorizer is not None:
        from lambdactl.triggers.http.authorizers import checker

        authorize = checker(route.authorizer, api, setting)
    keys = {key.value: key for key in api.api_keys if key.enabled}

    async def check(call: ConnectionCall) -> None:
        if authorize is not None:
            await authorize(call)
            if call.allowed is not None:
                call.connection.authorizer = call.allowed.shown
        if route.api_key:
            key = keys.get(call.request.header("x-api-key") or "")
            if key is None:
                raise Refusal("INVALID_API_KEY", reason="no x-api-key header with a key of the API")
            call.connection.api_key = key

    return check
