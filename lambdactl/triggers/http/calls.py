"""One request on its way through a front door: :class:`Call`, and the ways it can end early.

Every step of a door (authorizer, API key, validation, event, integration) is a function of the
call. A step that refuses raises :class:`Refusal` with AWS's own name of the case; each door knows
what its kind of API answers in that case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lambdactl.errors import LambdactlError
from lambdactl.execution.clock import Clock
from lambdactl.execution.debugging import PATIENCE_S
from lambdactl.execution.ids import new_text, new_trace_root, new_uuid
from lambdactl.execution.invocation import Invocation, InvocationResult, Invoker
from lambdactl.manifest.apis import Api, ApiKey, Route
from lambdactl.manifest.model import App
from lambdactl.triggers.http.exchange import Request, Response


class Refusal(Exception):
    """The request ends here.

    :param type: a gateway response type of REST APIs, in capitals: ``ACCESS_DENIED``,
        ``INTEGRATION_TIMEOUT``, ... The names are the first column of
        https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html.
        Doors of other kinds map them to what they answer.
    :param message: the text for ``$context.error.message``, where it is not the type's usual one.
    :param validation: ``$context.error.validationErrorString``.
    :param reason: what happened, in words for the developer (goes to stderr, never to the client).
    :param context: what an authorizer gave along with its refusal.
    """

    def __init__(
        self,
        type: str,
        message: str | None = None,
        *,
        validation: str | None = None,
        reason: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(type)
        self.type = type
        self.message = message
        self.validation = validation
        self.reason = reason
        self.context = context or {}


@dataclass(slots=True)
class Setting:
    """What every door is given by the server.

    :ivar tell: takes a sentence for the developer (stderr).
    :ivar kept: outlives the reload of a manifest, by names that doors choose (the connections of a
        WebSocket API, what a usage plan has counted).
    :ivar jwks: where the keys of JWT and Cognito authorizers are (a URL, or the path of a file), by
        the authorizer's name; under ``""`` for all others. They count in place of the issuer's.
    :ivar patient: functions are debugged: they have all the time it takes.
    """

    app: App
    invoker: Invoker
    clock: Clock
    tell: Callable[[str], None]
    region: str = "us-east-1"
    account: str = "123456789012"
    kept: dict[str, Any] = field(default_factory=dict)
    jwks: Mapping[str, str] = field(default_factory=dict)
    patient: bool = False

    def patience_s(self, seconds: float) -> float:
        """How long to wait for a function that AWS would give so many seconds."""
        return PATIENCE_S if self.patient else seconds


@dataclass(slots=True)
class Allowed:
    """What an authorizer found.

    :ivar shown: what ``requestContext.authorizer`` shows, in the form of the API's kind.
    :ivar identity: additions to ``requestContext.identity`` (REST with IAM).
    """

    shown: Mapping[str, Any] = field(default_factory=dict)
    principal_id: str | None = None
    usage_key: str | None = None
    """The API key an authorizer named (``usageIdentifierKey``)."""
    identity: Mapping[str, Any] = field(default_factory=dict)


class Call:
    """A request, the route that takes it, and what is found out about it on the way.

    :ivar trace_id: as API Gateway and load balancers add it, where the client sent none
        (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html).
    :ivar parameters: path parameters, decoded where the API's kind decodes them (a REST API does
        not).
    :ivar prepared: what the door has worked out about the route in advance, for its own steps.
    """

    __slots__ = (
        "_request_id",
        "allowed",
        "api",
        "api_key",
        "extended_id",
        "parameters",
        "prepared",
        "request",
        "route",
        "setting",
        "trace_id",
    )

    def __init__(
        self,
        setting: Setting,
        api: Api,
        route: Route,
        request: Request,
        parameters: dict[str, str],
    ) -> None:
        self.setting = setting
        self.api = api
        self.route = route
        self.request = request
        self.parameters = parameters
        self._request_id: str | None = None
        self.extended_id = new_extended_id()
        self.trace_id = request.joined.get("x-amzn-trace-id") or new_trace_root(request.received)
        self.allowed: Allowed | None = None
        self.api_key: ApiKey | None = None
        self.prepared: Any = None

    @property
    def request_id(self) -> str:
        """A UUID; not every kind of API gives its requests one."""
        if self._request_id is None:
            self._request_id = new_uuid()
        return self._request_id


def new_extended_id() -> str:
    """An id as API Gateway's edge makes them: ``JKJaXmPLvHcESHA=``."""
    return new_text(15) + "="


async def invoke(
    call: Call,
    payload: bytes,
    *,
    function: str | None = None,
    on_chunk: Callable[[str, bytes], None] | None = None,
    request_id: str | None = None,
) -> InvocationResult:
    """Invoke the route's function (or ``function``) with ``payload``.

    :param request_id: of the invocation, where the front door has named it already.
    :raises Refusal: Lambda would not run it: throttled (its ``__cause__`` is a ThrottledError), too
        large an event (EventError), no such function (UserError), nothing to run it with.
    """
    integration = call.route.integration
    name = function or integration.function or ""
    if not function:
        call.request.function = name
    try:
        return await call.setting.invoker.invoke(
            Invocation(
                function=name,
                payload=payload,
                request_id=request_id,
                qualifier="$LATEST" if function else integration.qualifier,
                trace_id=call.trace_id,
                on_chunk=on_chunk,
                prompt=True,
            )
        )
    except LambdactlError as error:
        # What a door answers differs by what it was: it is the refusal's __cause__.
        raise Refusal("INTEGRATION_FAILURE", reason=str(error)) from error


def limit(
    request: Request, seconds: float, response: Callable[[], Response]
) -> asyncio.TimerHandle:
    """Answer with ``response`` if nothing else has answered within ``seconds``; what runs goes on
    running, as in AWS. Cancel the handle when the answer is there."""
    return asyncio.get_running_loop().call_later(
        seconds, lambda: None if request.answered else request.answer(response())
    )
