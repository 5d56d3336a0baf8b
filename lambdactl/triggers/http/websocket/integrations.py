"""Routes of a WebSocket API that lead elsewhere than to a function as it is: MOCK, HTTP, maps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from lambdactl.manifest.apis import Api, IntegrationResponse, Route
from lambdactl.triggers.http.calls import Call, Setting
from lambdactl.triggers.http.exchange import Request, Response

Runner = Callable[[Call], Awaitable[Response]]


def runners(api: Api, setting: Setting) -> dict[str, Runner]:
    """The integrations that are no Lambda proxies, by route."""
    others = [route for route in api.routes if route.integration.kind != "lambda_proxy"]
    if not others:
        return {}
    from lambdactl.triggers.http.rest.integrations import runner

    return {route.path: runner(api, _as_of_rest(route), setting) for route in others}


def _as_of_rest(route: Route) -> Route:
    """The route as a REST API would have it.

    A WebSocket API chooses the template by an expression, mostly a constant, where a REST API goes
    by content type; it calls ``route.request`` what is ``method.request`` there, and needs no
    integration response to pass an answer on
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-data-transformations.html
    and apigateway-websocket-api-integration-responses.html).
    """
    integration = route.integration
    templates = integration.request_templates
    if not templates and integration.kind == "mock":
        templates = {"$default": '{"statusCode": 200}'}
    if templates:
        chosen = templates.get("application/json", templates.get("$default"))
        template = next(iter(templates.values())) if chosen is None else chosen
        templates = {"application/json": template}
    return replace(
        route,
        integration=replace(
            integration,
            request_templates=templates,
            request_parameters={
                name: source.replace("route.request.", "method.request.")
                for name, source in integration.request_parameters.items()
            },
            responses=integration.responses or (IntegrationResponse(200),),
        ),
    )


def as_post(request: Request, body: str | None) -> Request:
    """A message as the request that an integration template maps."""
    headers = [("Host", request.host), ("Content-Type", "application/json")]
    return Request("POST", "/", request.query, headers, (body or "").encode(), request.wire)
