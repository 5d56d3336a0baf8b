"""What a REST API does besides Lambda proxy integrations: MOCK, Lambda with mapping, HTTP.

Each is a way from a method request to an integration request and from an integration response to a
method response, with parameter mapping, mapping templates and content handling on both ways
(https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-integration-settings.html).
What does not change between requests is worked out once.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson

from lambdactl.execution.tasks import keep
from lambdactl.manifest.apis import Api, IntegrationResponse, Route
from lambdactl.triggers.http import faults
from lambdactl.triggers.http.calls import Call, Refusal, Setting, invoke
from lambdactl.triggers.http.exchange import Headers, Response
from lambdactl.triggers.http.fields import media_type
from lambdactl.triggers.http.rest.backends import http, http_proxy
from lambdactl.triggers.http.rest.context import Facts, facts
from lambdactl.triggers.http.rest.event import prepared
from lambdactl.triggers.http.rest.java_regex import compiled
from lambdactl.triggers.http.rest.json_smart import loads
from lambdactl.triggers.http.rest.mapping import for_request, for_response, templates
from lambdactl.triggers.http.rest.parameters import (
    Answer,
    Mapped,
    request_mapping,
    response_mapping,
)
from lambdactl.triggers.http.rest.response import accepts_binary
from lambdactl.triggers.http.rest.vtl.values import text

Run = Callable[[Call], Awaitable[Response]]

# As recorded in https://github.com/localstack/localstack,
# tests/aws/services/apigateway/test_apigateway_integrations.snapshot.json,
# test_apigateway_header_remapping_aws and test_apigateway_header_remapping_http: headers of an
# integration request that API Gateway fails to call Lambda with, and those that a mapped response
# can have under another name only.
_NOT_FOR_LAMBDA = frozenset(
    {
        *("authorization", "connection", "content-length", "expect", "proxy-authenticate"),
        *("te", "transfer-encoding"),
    }
)
_REMAPPED = frozenset(
    {
        *("authorization", "connection", "content-length", "content-md5", "date", "expect", "host"),
        *("max-forwards", "proxy-authenticate", "server", "trailer", "upgrade", "user-agent"),
        "www-authenticate",
    }
)
_DROPPED = "transfer-encoding"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An integration response.

    :ivar selector: what selection patterns are matched with: the status, or a Lambda function's
        error message.
    """

    selector: str
    answer: Answer


Backend = Callable[[Facts, Mapped, bytes], Awaitable[Outcome]]
"""Takes the request, its mapped parameters and the integration request's payload."""


def runner(api: Api, route: Route, setting: Setting) -> Run:
    """What runs the integration of ``route``, of every kind but ``lambda_proxy``. It raises
    :class:`Refusal` with the reason in words where API Gateway answers by itself."""
    kind = route.integration.kind
    if kind == "http_proxy":
        return http_proxy(api, route, setting)
    if kind == "unavailable":
        return _unavailable(route)
    backends: dict[str, Callable[[], Backend]] = {
        "mock": lambda: _mock,
        "lambda": lambda: _lambda(setting),
        "http": lambda: _http(api, route),
    }
    request = _request(route, setting)
    respond = _respond(route, setting)
    backend = backends[kind]()

    async def run(call: Call) -> Response:
        found, mapped, payload = request(call)
        return respond(found, await backend(found, mapped, payload))

    return run


def _unavailable(route: Route) -> Run:
    reason = f"{route.integration.uri or 'this integration'} does not run on this machine"

    async def run(call: Call) -> Response:
        raise Refusal("INTEGRATION_FAILURE", reason=reason)

    return run


# --- The way there -------------------------------------------------------------------------------


def _request(route: Route, setting: Setting) -> Callable[[Call], tuple[Facts, Mapped, bytes]]:
    integration = route.integration
    what = f"{route.method} {route.path}"
    mapping = request_mapping(integration.request_parameters, what, setting.tell)
    found = templates(
        integration.request_templates, f"the request template of {what}", setting.tell
    )

    def request(call: Call) -> tuple[Facts, Mapped, bytes]:
        content_type = call.request.header("content-type")
        template = for_request(found, content_type, integration.passthrough)
        payload = _converted(call, integration.content_handling, content_type)
        shown = payload.decode("utf-8", "replace")
        known = facts(call, shown)
        mapped = mapping(known)
        if template is not None:
            payload = template(known, shown).encode("utf-8", "replace")
        _override(known, mapped)
        return known, mapped, payload

    return request


def _converted(call: Call, handling: str | None, content_type: str | None) -> bytes:
    """The payload after content handling: "API request content type conversions" of
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html."""
    body = call.request.body
    binary = prepared(call).binary
    if binary is not None and binary(media_type(content_type)):
        return b64encode(body) if handling == "convert_to_text" else body
    return _from_base64(body) if handling == "convert_to_binary" else body


def _from_base64(body: bytes) -> bytes:
    try:
        return b64decode(body, validate=True)
    except Base64Error as error:
        # "If the conversion fails, it returns a 500 response, which indicates an API configuration
        # error" (the same page).
        raise Refusal(
            "API_CONFIGURATION_ERROR",
            reason=f"a payload to convert to binary is no Base64: {error}",
        ) from error


def _override(known: Facts, mapped: Mapped) -> None:
    """Put in what a template set in ``$context.requestOverride``."""
    overrides = known.context["requestOverride"]
    for place in ("header", "querystring", "path"):
        values = overrides.get(place)
        if isinstance(values, dict):
            target = getattr(mapped, place)
            for name, value in values.items():
                target[text(name)] = _texts(value)


def _texts(value: object) -> list[str]:
    return [text(each) for each in value] if isinstance(value, list) else [text(value)]


# --- Backends ------------------------------------------------------------------------------------


async def _mock(known: Facts, mapped: Mapped, payload: bytes) -> Outcome:
    """MOCK: the request template says which response it is
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html)."""
    try:
        wanted = loads(payload.decode("utf-8", "replace"))
    except ValueError as error:
        raise _no_status(f"it is no JSON: {error}") from error
    status = wanted.get("statusCode") if isinstance(wanted, dict) else None
    if isinstance(status, bool) or not isinstance(status, int):
        raise _no_status(f"it is {payload.decode('utf-8', 'replace').strip()[:80] or 'empty'}")
    return Outcome(str(status), Answer(b""))


def _no_status(why: str) -> Refusal:
    return Refusal(
        "API_CONFIGURATION_ERROR",
        reason='the request template of a mock integration must give {"statusCode": 200} or another'
        f" whole number; {why}",
    )


def _lambda(setting: Setting) -> Backend:
    """Lambda with mapping ("custom integration"). ``X-Amz-Invocation-Type: Event`` makes it
    asynchronous
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-integration-async.html)."""
    running: set[asyncio.Task[None]] = set()

    async def later(call: Call, payload: bytes) -> None:
        try:
            result = await invoke(call, payload)
        except Refusal as refusal:
            setting.tell(
                f"asynchronous call of {call.route.integration.function}: {refusal.reason}"
            )
        else:
            if result.function_error is not None:
                setting.tell(f"asynchronous call: {faults.failure(call, result.payload)}")

    async def backend(known: Facts, mapped: Mapped, payload: bytes) -> Outcome:
        event = payload if payload.strip() else b"{}"
        try:
            orjson.loads(event)
        except orjson.JSONDecodeError as error:
            # Lambda's words; API Gateway passes them on.
            raise Refusal(
                "BAD_REQUEST_BODY",
                f"Could not parse request body into json: {error}",
                reason=f"the event made by the request template is no JSON: {error}",
            ) from error
        for name in mapped.header:
            if name.lower() in _NOT_FOR_LAMBDA:
                raise Refusal(
                    "API_CONFIGURATION_ERROR",
                    reason=f"the header {name} can't be mapped for Lambda: API Gateway sets it",
                )
        kinds = [
            values[-1].strip("'")
            for name, values in mapped.header.items()
            if name.lower() == "x-amz-invocation-type" and values
        ]
        if "Event" in kinds:
            keep(running, later(known.call, event))
            return Outcome("", Answer(b""))
        result = await invoke(known.call, event)
        if result.function_error is None:
            return Outcome("", Answer(result.payload))
        return Outcome(faults.message(result.payload), Answer(result.payload, parsed_error=True))

    return backend


def _http(api: Api, route: Route) -> Backend:
    send = http(api, route)

    async def backend(known: Facts, mapped: Mapped, payload: bytes) -> Outcome:
        reply = await send(known.call, mapped, payload)
        return Outcome(str(reply.status), Answer(reply.body, reply.headers))

    return backend


# --- The way back --------------------------------------------------------------------------------


def _respond(route: Route, setting: Setting) -> Callable[[Facts, Outcome], Response]:
    what = f"{route.method} {route.path}"
    lines = [
        (
            each,
            response_mapping(each.parameters, f"{what}, {each.status}", setting.tell),
            templates(each.templates, f"the {each.status} template of {what}", setting.tell),
        )
        for each in route.integration.responses
    ]
    select = _selector(route, what, setting)

    def respond(known: Facts, outcome: Outcome) -> Response:
        at = select(outcome.selector)
        line, mapping, found = lines[at]
        headers = _outgoing(mapping(known, outcome.answer))
        body = _answered(known.call, line.content_handling, outcome.answer)
        template = for_response(found, known.call.request.header("accept"))
        if template is not None:
            rendered = template(known, body.decode("utf-8", "replace"))
            body = rendered.encode("utf-8", "replace")
        status = _overridden(known, headers, line.status)
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
        return Response(status, headers, body)

    return respond


def _outgoing(mapped: Headers) -> Headers:
    return [
        (f"x-amzn-Remapped-{name}" if lower in _REMAPPED else name, value)
        for name, value in mapped
        if (lower := name.lower()) != _DROPPED
    ]


def _selector(route: Route, what: str, setting: Setting) -> Callable[[str], int]:
    """Which line of the response table is for an integration response: the first whose pattern
    matches all of the selector, else the default one."""
    patterns = []
    default: int | None = None
    for at, each in enumerate(route.integration.responses):
        if not each.pattern:
            default = at if default is None else default
            continue
        try:
            patterns.append((compiled(each.pattern), at))
        except ValueError as error:
            setting.tell(f"{what}: the selection pattern of {each.status}: {error}")

    def select(selector: str) -> int:
        for pattern, at in patterns:
            if pattern.fullmatch(selector):
                return at
        if default is None:
            # "... or when integration response mapping can't match any template and no default
            # template is configured"
            # (https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html).
            raise Refusal(
                "API_CONFIGURATION_ERROR",
                reason=f"no integration response of {what} matches `{selector}`, and none is the"
                " default",
            )
        return default

    return select


def _answered(call: Call, handling: IntegrationResponse | str | None, answer: Answer) -> bytes:
    """The payload after content handling: "API Gateway response content type conversions" of
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html."""
    binary = prepared(call).binary
    sent = next((value for name, value in answer.headers if name.lower() == "content-type"), None)
    if binary is not None and binary(media_type(sent)):
        as_text = handling == "convert_to_text" or (handling is None and not accepts_binary(call))
        return b64encode(answer.body) if as_text else answer.body
    if handling == "convert_to_binary" or (handling is None and accepts_binary(call)):
        return _from_base64(answer.body)
    return answer.body


def _overridden(known: Facts, headers: Headers, status: int) -> int:
    """Put in what a template set in ``$context.responseOverride``; a status that is none is not
    heeded."""
    overrides = known.context["responseOverride"]
    values = overrides.get("header")
    if isinstance(values, dict):
        for name, value in values.items():
            wanted = text(name)
            headers[:] = [pair for pair in headers if pair[0].lower() != wanted.lower()]
            headers.extend((wanted, each) for each in _texts(value))
    chosen = overrides.get("status")
    if isinstance(chosen, int) and not isinstance(chosen, bool) and 100 <= chosen <= 599:
        return chosen
    return status
