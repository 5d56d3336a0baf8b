"""WebSocket APIs
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.apis_v2 import ApiV2, pages
from lambdactl.deploy.model import Kind

_TYPES = {
    "lambda_proxy": "AWS_PROXY",
    "lambda": "AWS",
    "http_proxy": "HTTP_PROXY",
    "http": "HTTP",
    "mock": "MOCK",
}
_WORDS = {value: key for key, value in _TYPES.items()}
_PROXIES = ("lambda_proxy", "http_proxy")
_TIMEOUT_MS = 29_000

# An expression without a variable: the key itself, with its dollar sign escaped
# (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-selection-expressions.html).
_DEFAULT, _ALWAYS_DEFAULT = "$default", "\\$default"


class WebsocketApi(ApiV2):
    name: ClassVar[str] = "websocket_api"
    title: ClassVar[str] = "WebSocket API"
    protocol: ClassVar[str] = "WEBSOCKET"

    def _whole(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return {"RouteSelectionExpression": properties["selection"]}

    def _whole_live(self, api: Mapping[str, Any]) -> dict[str, Any]:
        return {"selection": api["RouteSelectionExpression"]}

    def _authorizer(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": properties["uri"],
            "IdentitySource": properties["identity"],
        }

    def _authorizer_live(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "type": "request",
            "identity": sorted(item.get("IdentitySource") or ()),
            "uri": item.get("AuthorizerUri"),
        }

    def _create_integration(self, client: Any, api_id: str, properties: Mapping[str, Any]) -> str:
        """Create an integration and its responses. One that lacks some is not the one that is
        wanted: it is made anew, and goes."""
        arguments: dict[str, Any] = {
            "IntegrationType": _TYPES[properties["type"]],
            "TimeoutInMillis": properties["timeout_ms"],
        }
        if properties["uri"] is not None:
            arguments["IntegrationUri"] = properties["uri"]
        if properties["method"] is not None:
            arguments["IntegrationMethod"] = properties["method"]
        if properties["request_parameters"]:
            arguments["RequestParameters"] = properties["request_parameters"]
        if properties["type"] in _PROXIES:
            return str(client.create_integration(ApiId=api_id, **arguments)["IntegrationId"])
        arguments["PassthroughBehavior"] = properties["passthrough"].upper()
        if properties["template"] is not None:
            arguments["RequestTemplates"] = {_DEFAULT: properties["template"]}
            arguments["TemplateSelectionExpression"] = _ALWAYS_DEFAULT
        if properties["content_handling"] is not None:
            arguments["ContentHandlingStrategy"] = properties["content_handling"].upper()
        id_ = str(client.create_integration(ApiId=api_id, **arguments)["IntegrationId"])
        for key, response in properties["responses"].items():
            client.create_integration_response(
                ApiId=api_id,
                IntegrationId=id_,
                IntegrationResponseKey=key,
                **_response(response),
            )
        return id_

    def _integration_live(
        self, client: Any, api_id: str, item: Mapping[str, Any]
    ) -> dict[str, Any]:
        kind = _WORDS[item["IntegrationType"]]
        found = {
            "type": kind,
            "uri": item.get("IntegrationUri"),
            "method": None if kind == "mock" else item.get("IntegrationMethod"),
            "timeout_ms": item.get("TimeoutInMillis") or _TIMEOUT_MS,
            "request_parameters": dict(item.get("RequestParameters") or {}),
        }
        if kind in _PROXIES:
            return found
        handling = item.get("ContentHandlingStrategy")
        responses = pages(
            client,
            "get_integration_responses",
            ApiId=api_id,
            IntegrationId=item["IntegrationId"],
        )
        return found | {
            "template": (item.get("RequestTemplates") or {}).get(_DEFAULT),
            "passthrough": str(item.get("PassthroughBehavior") or "WHEN_NO_MATCH").lower(),
            "content_handling": handling.lower() if handling else None,
            "responses": {one["IntegrationResponseKey"]: _response_live(one) for one in responses},
        }

    def _route(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def _route_live(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"response": item.get("RouteResponseSelectionExpression") == _DEFAULT}

    def _put_route(
        self,
        client: Any,
        api_id: str,
        live: Mapping[str, Any] | None,
        wanted: Mapping[str, Any],
        arguments: dict[str, Any],
    ) -> None:
        """Make a route, or change it. One that answers has a route response, and the expression
        that chooses it is what tells; so the response is made before the expression is set
        (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html)."""
        answers = live is not None and self._route_live(live)["response"]
        if live is not None and answers and not wanted["response"]:
            # No call takes the expression away.
            with allowed("NotFoundException"):
                client.delete_route(ApiId=api_id, RouteId=live["RouteId"])
            live = None
        if live is None:
            id_ = client.create_route(ApiId=api_id, **arguments)["RouteId"]
        else:
            id_ = live["RouteId"]
            client.update_route(ApiId=api_id, RouteId=id_, **arguments)
        if wanted["response"] and not answers:
            with allowed("ConflictException"):
                client.create_route_response(ApiId=api_id, RouteId=id_, RouteResponseKey=_DEFAULT)
            client.update_route(
                ApiId=api_id, RouteId=id_, RouteResponseSelectionExpression=_DEFAULT
            )


def _response(properties: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if properties["template"] is not None:
        found["ResponseTemplates"] = {_DEFAULT: properties["template"]}
        found["TemplateSelectionExpression"] = _ALWAYS_DEFAULT
    if properties["parameters"]:
        found["ResponseParameters"] = properties["parameters"]
    if properties["content_handling"] is not None:
        found["ContentHandlingStrategy"] = properties["content_handling"].upper()
    return found


def _response_live(item: Mapping[str, Any]) -> dict[str, Any]:
    handling = item.get("ContentHandlingStrategy")
    return {
        "template": (item.get("ResponseTemplates") or {}).get(_DEFAULT),
        "parameters": dict(item.get("ResponseParameters") or {}),
        "content_handling": handling.lower() if handling else None,
    }


KINDS: tuple[Kind, ...] = (WebsocketApi(),)
