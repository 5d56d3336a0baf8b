"""The front door of a function URL.

Requests and answers: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html; CORS:
https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors; who may call:
https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html. Tests that LocalStack runs against AWS
(https://github.com/localstack/localstack, tests/aws/services/lambda_/test_lambda.py, TestLambdaURL
and TestRequestIdHandling) tell what these pages do not:

* a failing function is answered with 502 and the text ``Internal Server Error``;
* a string is the body without its quotes;
* ``x-amzn-RequestId`` is the request id of the invocation;
* under ``RESPONSE_STREAM`` what a function returns that does not stream is sent as it is: its
  ``statusCode`` and ``body`` are not read.

* what a function returns without a ``statusCode`` is written anew, as JSON without spaces;
* ``Forbidden`` comes with a link (test_lambda.snapshot.json, of November 2025).

An event that was captured (https://github.com/hotsock/voker,
vokerhttp/testdata/functionurl-request.json) shows that ``rawPath`` is percent-encoded while
``requestContext.http.path`` is not, that cookies are among the headers, too, and that the account
of who calls a URL that is open to all is ``anonymous`` (so it is in
https://github.com/localstack/localstack/pull/6342).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

import orjson

from lambdactl.errors import EventError, ThrottledError
from lambdactl.execution.invocation import InvocationResult
from lambdactl.manifest.apis import Api, Authorizer
from lambdactl.triggers.http.calls import Call, Refusal, Setting, invoke
from lambdactl.triggers.http.exchange import Headers, Request, Response
from lambdactl.triggers.http.faults import failure
from lambdactl.triggers.http.fields import clf_time, stable_id
from lambdactl.triggers.http.function_stream import INTEGRATION_TYPE, Stream, split_prelude
from lambdactl.triggers.http.http_api.cors import Policy
from lambdactl.triggers.http.http_api.event import fill_v2, http_context
from lambdactl.triggers.http.http_api.response import JSON, response_v2

_TOO_LARGE = (
    b'{"Type":"User","message":"Request must be smaller than 6291456 bytes'
    b' for the InvokeFunction operation"}'
)
_FORBIDDEN = (
    b'{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see:'
    b' https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}'
)

Check = Callable[[Call], Awaitable[None]]


@lru_cache(maxsize=256)
def url_id(name: str) -> str:
    """The ``<url-id>`` of the function URL with this name."""
    return stable_id("url", name, length=32)


def event(call: Call) -> dict[str, Any]:
    """The event: format 2.0 with the context of a function URL."""
    request, setting = call.request, call.setting
    identity = url_id(call.api.name)
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "pathParameters": None,
        "stageVariables": None,
    }
    context: dict[str, Any] = {
        "accountId": setting.account if call.api.auth == "iam" else "anonymous",
        "apiId": identity,
        "authentication": None,
        "authorizer": (call.allowed.shown or None) if call.allowed is not None else None,
        "domainName": f"{identity}.lambda-url.{setting.region}.on.aws",
        "domainPrefix": identity,
        "http": http_context(request, request.decoded_path),
        "requestId": call.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": clf_time(request.received),
        "timeEpoch": int(request.received * 1000),
    }
    fill_v2(made, call, context)
    return made


class FunctionUrlDoor:
    """See :class:`~lambdactl.triggers.http.doors.Door`."""

    def __init__(self, api: Api, setting: Setting) -> None:
        self.api = api
        self._setting = setting
        self._route = api.routes[0]
        self._streams = self._route.integration.stream
        self._cors = Policy(api.cors, status=200, strict=False) if api.cors is not None else None
        self._check: Check | None = None
        if api.auth == "iam":
            from lambdactl.triggers.http.authorizers import checker

            self._check = checker(Authorizer("iam"), api, setting)

    def knows(self, request: Request) -> bool:
        """A function URL takes every path."""
        return True

    async def close(self) -> None:
        """Nothing is kept open."""

    async def handle(self, request: Request) -> Response | None:
        call = Call(self._setting, self.api, self._route, request, {})
        if self._cors is not None and self._cors.is_preflight(request):
            # A browser signs no preflight: Lambda answers it before it looks at who calls.
            return self._finished(call, self._cors.preflight(request), apply=False)
        try:
            if self._check is not None:
                await self._check(call)
            if self._streams:
                return await self._streamed(call)
            return self._finished(call, await self._buffered(call))
        except Refusal as refusal:
            if refusal.reason and not request.answered:
                self._tell(request, refusal.reason)
            return self._finished(call, refused(refusal))

    async def _buffered(self, call: Call) -> Response:
        result = await self._invoke(call)
        if result.function_error is not None:
            raise _failed(call, result)
        if result.streamed:
            if result.content_type == INTEGRATION_TYPE:
                return split_prelude(result.payload)
            if result.content_type != JSON:
                return Response(200, [("Content-Type", result.content_type)], result.payload)
        return response_v2(result.payload, JSON, of_url=True)

    async def _streamed(self, call: Call) -> Response | None:
        stream = Stream(call.request, lambda response: self._finished(call, response))
        try:
            result = await self._invoke(call, stream.write)
            if result.function_error is not None:
                raise _failed(call, result)
        except Refusal as refusal:
            if not stream.abort():
                raise
            self._tell(call.request, f"{refusal.reason}, in the middle of its response")
            return None
        except BaseException:
            stream.abort()
            raise
        if not result.streamed:
            answer = Response(200, [("Content-Type", result.content_type)], result.payload)
            return self._finished(call, answer)
        return stream.close(result.content_type)

    async def _invoke(
        self, call: Call, on_chunk: Callable[[str, bytes], None] | None = None
    ) -> InvocationResult:
        payload = orjson.dumps(event(call), default=dict)
        return await invoke(call, payload, on_chunk=on_chunk, request_id=call.request_id)

    def _tell(self, request: Request, words: str) -> None:
        self._setting.tell(f"{request.method} {request.path}: {words}")

    def _finished(self, call: Call, response: Response, *, apply: bool = True) -> Response:
        """The answer with the headers that Lambda adds."""
        if apply and self._cors is not None:
            self._cors.apply(call.request, response)
        response.headers += [
            ("x-amzn-RequestId", call.request_id),
            ("X-Amzn-Trace-Id", call.trace_id),
        ]
        return response


def refused(refusal: Refusal) -> Response:
    """What Lambda answers by itself: 403, 413, 429 and 502.

    A caller that may not call gets ``Forbidden``
    (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html), one whose signature is wrong is
    told what is wrong with it (https://github.com/minorun365/html-share/issues/4 has such an
    answer); a throttle has the fields of
    TooManyRequestsException (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html).
    """
    cause = refusal.__cause__
    if isinstance(cause, ThrottledError):
        body = orjson.dumps({"Reason": cause.reason, "Type": "User", "message": "Rate Exceeded."})
        return Response(429, _error("TooManyRequestsException"), body)
    if isinstance(cause, EventError):
        return Response(413, _error("RequestTooLargeException"), _TOO_LARGE)
    if refusal.type == "INTEGRATION_FAILURE":
        return Response(502, [("Content-Type", JSON)], b"Internal Server Error")
    if refusal.type in ("INVALID_SIGNATURE", "EXPIRED_TOKEN") and refusal.message:
        named = refusal.context.get("error_type", "InvalidSignatureException")
        return Response(403, _error(named), orjson.dumps({"message": refusal.message}))
    return Response(403, _error("AccessDeniedException"), _FORBIDDEN)


def _error(kind: str) -> Headers:
    return [("Content-Type", JSON), ("x-amzn-ErrorType", kind)]


def _failed(call: Call, result: InvocationResult) -> Refusal:
    return Refusal("INTEGRATION_FAILURE", reason=failure(call, result.payload))
