"""What stands in front of functions and speaks HTTP: :class:`Api` and its :class:`Route`.

One :class:`Api` is one front door: a REST API, an HTTP API, a WebSocket API, a function URL or a
load balancer. Its routes come from two places of the manifest that read alike from here on: the
triggers of functions, and the ``apis`` section (what belongs to a whole API, and routes that lead
to no function). Words are AWS's own in lower case with underscores. These classes are apart from
:mod:`lambdactl.manifest.model` because only what serves or deploys an API pays for making them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lambdactl.errors import Location
from lambdactl.manifest.features import Cors

ApiKind = Literal["rest", "http", "url", "alb", "websocket"]


@dataclass(frozen=True, slots=True)
class Authorizer:
    """Who decides whether a request may pass. Which fields matter depends on ``kind``."""

    kind: Literal["lambda", "jwt", "cognito", "iam"]
    name: str = ""
    function: str | None = None
    """Lambda: a function of the manifest (an ARN of one that is not is kept as it is)."""
    type: Literal["request", "token"] = "request"
    payload: Literal["v1", "v2"] = "v2"
    """HTTP API only; a REST API's authorizer always gets format 1.0."""
    simple: bool = True
    """HTTP API, format 2.0: ``{"isAuthorized": ...}`` is accepted (``EnableSimpleResponses``)."""
    identity: tuple[str, ...] = ()
    """Identity sources as AWS writes them: ``method.request.header.Authorization`` (REST),
    ``$request.header.Authorization`` (HTTP), ``route.request.header.Auth`` (WebSocket)."""
    validation: str | None = None
    """TOKEN: a regular expression that the token has to match."""
    ttl_s: int = 300
    issuer: str | None = None
    audience: tuple[str, ...] = ()
    keys: str | None = None
    """A JWKS document (path or URL) that is used instead of the issuer's own."""
    user_pools: tuple[str, ...] = ()
    """Cognito: ARNs of user pools."""
    scopes: tuple[str, ...] = ()
    """Scopes, one of which a token must have, unless the route names its own."""


@dataclass(frozen=True, slots=True)
class IntegrationResponse:
    """One line of a non-proxy integration's response table (``IntegrationResponse`` of
    https://docs.aws.amazon.com/apigateway/latest/api/API_IntegrationResponse.html)."""

    status: int
    pattern: str | None = None
    """The ``selectionPattern``; None marks the default."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """``method.response.header.X`` to ``integration.response...`` or a constant in quotes."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Content type to VTL."""
    content_handling: Literal["convert_to_binary", "convert_to_text"] | None = None


@dataclass(frozen=True, slots=True)
class Integration:
    """Where a route leads. ``lambda_proxy`` passes everything on; ``lambda`` maps with templates;
    ``mock`` answers by itself; ``http`` and ``http_proxy`` call ``uri``; ``unavailable`` is what
    does not run on this machine (a service of AWS, named by ``uri``), and always fails."""

    kind: Literal["lambda_proxy", "lambda", "mock", "http", "http_proxy", "unavailable"] = (
        "lambda_proxy"
    )
    function: str | None = None
    qualifier: str = "$LATEST"
    payload: Literal["v1", "v2"] = "v2"
    """HTTP API: the payload format."""
    timeout_s: float = 29.0
    stream: bool = False
    """Answer as the function writes (``RESPONSE_STREAM``, ``responseTransferMode: STREAM``)."""
    uri: str | None = None
    method: str | None = None
    """HTTP: the method to call with; None keeps the request's."""
    passthrough: Literal["when_no_match", "when_no_templates", "never"] = "when_no_match"
    request_templates: Mapping[str, str] = field(default_factory=dict)
    request_parameters: Mapping[str, str] = field(default_factory=dict)
    """REST: ``integration.request.header.X`` to its source. HTTP API: parameter mapping,
    ``overwrite:header.X`` to a value with ``$request...``."""
    responses: tuple[IntegrationResponse, ...] = ()
    response_parameters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """HTTP API: status (as text) to parameter mapping of the response."""
    content_handling: Literal["convert_to_binary", "convert_to_text"] | None = None


@dataclass(frozen=True, slots=True)
class Validator:
    """A REST API's request validator: what of a request is checked."""

    body: bool = False
    parameters: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Conditions on headers and query strings that a load balancer's rule has for a second time:
    these must be met, too."""

    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    query: tuple[tuple[str | None, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One route: a REST method, an HTTP API route, a rule of a load balancer, a WebSocket route."""

    path: str
    """``/pets/{id}``, ``/{proxy+}``, ``$default``; a WebSocket route key; ALB: see ``paths``."""
    integration: Integration
    method: str = "ANY"
    authorizer: Authorizer | None = None
    scopes: tuple[str, ...] = ()
    """Scopes, one of which this route wants (they stand before the authorizer's own)."""
    api_key: bool = False
    validator: Validator | None = None
    request_parameters: Mapping[str, bool] = field(default_factory=dict)
    """REST: ``method.request.querystring.page`` to whether it is required."""
    request_models: Mapping[str, str] = field(default_factory=dict)
    """REST: content type to the name of a model of the API."""
    operation: str | None = None
    """REST: the ``operationName``."""
    response: bool = False
    """WebSocket: what the function returns goes back to the client (a route response)."""
    # A load balancer's rule.
    paths: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    query: tuple[tuple[str | None, str], ...] = ()
    also: tuple[Wanted, ...] = ()
    source_ips: tuple[str, ...] = ()
    priority: int | None = None
    multi_value_headers: bool = False
    listener: str | None = None
    """ARN of the listener that it is a rule of."""
    where: Location | None = None
    """Where the manifest says so."""

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """All that a rule of a load balancer wants of headers and query string."""
        return (Wanted(self.headers, self.query), *self.also)


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """What a REST API answers by itself in one case, where that was changed
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html)."""

    status: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    """``gatewayresponse.header.X`` to a source or a constant in quotes."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Content type to template."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    name: str
    value: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Throttle:
    """``rate`` requests a second in the long run, ``burst`` at once."""

    rate: float | None = None
    burst: int | None = None


@dataclass(frozen=True, slots=True)
class UsagePlan:
    id: str
    name: str
    keys: tuple[str, ...] = ()
    """Ids of :class:`ApiKey`."""
    throttle: Throttle | None = None
    method_throttles: Mapping[str, Throttle] = field(default_factory=dict)
    """``/pets/GET`` to its own throttle."""
    quota: int | None = None
    quota_period: Literal["day", "week", "month"] = "month"
    quota_offset: int = 0


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A load balancer's health check of a Lambda target group. Durations in seconds."""

    enabled: bool = False
    path: str = "/"
    interval_s: int = 35
    timeout_s: int = 30
    healthy: int = 5
    unhealthy: int = 2
    codes: str = "200"


@dataclass(frozen=True, slots=True)
class Api:
    """One front door with all of its routes."""

    name: str
    kind: ApiKind
    routes: tuple[Route, ...] = ()
    stage: str = "$default"
    variables: Mapping[str, str] = field(default_factory=dict)
    """Stage variables."""
    cors: Cors | None = None
    """HTTP API and function URL: CORS by the door itself. REST: preflights of every path, as
    SAM's ``Cors`` makes them."""
    binary_types: tuple[str, ...] = ()
    """REST: ``binaryMediaTypes``."""
    compression_from: int | None = None
    """REST: ``minimumCompressionSize`` in bytes; None compresses nothing."""
    models: Mapping[str, Any] = field(default_factory=dict)
    """REST: model name to JSON Schema (draft 4)."""
    gateway_responses: Mapping[str, GatewayResponse] = field(default_factory=dict)
    """REST: AWS's response type (``DEFAULT_4XX``, ``UNAUTHORIZED``) to the change."""
    api_keys: tuple[ApiKey, ...] = ()
    api_key_source: Literal["header", "authorizer"] = "header"
    usage_plans: tuple[UsagePlan, ...] = ()
    throttles: Mapping[str, Throttle] = field(default_factory=dict)
    """The stage's own: ``*/*`` or ``/pets/GET`` (REST), ``*`` or a route key (HTTP API)."""
    selection: str = "$request.body.action"
    """WebSocket: ``RouteSelectionExpression``."""
    health_check: HealthCheck | None = None
    """ALB: of its target group."""
    auth: Literal["none", "iam"] = "none"
    """Function URL: ``AuthType``."""
    where: Location | None = None
