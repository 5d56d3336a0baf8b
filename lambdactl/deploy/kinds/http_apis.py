"""HTTP APIs (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lambdactl.deploy import gateway_shapes
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.apis_v2 import ApiV2
from lambdactl.deploy.model import Kind

_TYPES = {"lambda_proxy": "AWS_PROXY", "http_proxy": "HTTP_PROXY"}
_WORDS = {value: key for key, value in _TYPES.items()}
_TIMEOUT_MS = 30_000


class HttpApi(ApiV2):
    name: ClassVar[str] = "http_api"
    title: ClassVar[str] = "HTTP API"
    protocol: ClassVar[str] = "HTTP"

    def _whole(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        cors = properties["cors"]
        if cors is None:
            return {}
        given = {
            "AllowOrigins": cors["allow_origins"],
            "AllowMethods": cors["allow_methods"],
            "AllowHeaders": cors["allow_headers"],
            "ExposeHeaders": cors["expose_headers"],
            "AllowCredentials": cors["allow_credentials"],
            "MaxAge": cors["max_age_s"],
        }
        # What is empty is not there, and cannot be given empty.
        return {"CorsConfiguration": {name: value for name, value in given.items() if value}}

    def _whole_live(self, api: Mapping[str, Any]) -> dict[str, Any]:
        given = api.get("CorsConfiguration")
        if not given:
            return {"cors": None}
        cors = gateway_shapes.cors(
            origins=given.get("AllowOrigins", ()),
            methods=given.get("AllowMethods", ()),
            headers=given.get("AllowHeaders", ()),
            exposed=given.get("ExposeHeaders", ()),
            credentials=bool(given.get("AllowCredentials")),
            max_age_s=given.get("MaxAge"),
        )
        return {"cors": cors}

    def _change_whole(self, client: Any, api: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        if wanted["cors"] is not None:
            super()._change_whole(client, api, wanted)
            return
        with allowed("NotFoundException"):
            client.delete_cors_configuration(ApiId=api["ApiId"])

    def _authorizer(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        if properties["type"] == "jwt":
            return {
                "AuthorizerType": "JWT",
                "IdentitySource": properties["identity"],
                "JwtConfiguration": {
                    "Issuer": properties["issuer"],
                    "Audience": properties["audience"],
                },
            }
        return {
            "AuthorizerType": "REQUEST",
            "IdentitySource": properties["identity"],
            "AuthorizerUri": properties["uri"],
            "AuthorizerPayloadFormatVersion": properties["payload"],
            "EnableSimpleResponses": properties["simple"],
            "AuthorizerResultTtlInSeconds": properties["ttl_s"],
        }

    def _authorizer_live(self, item: Mapping[str, Any]) -> dict[str, Any]:
        identity = sorted(item.get("IdentitySource") or ())
        if item["AuthorizerType"] == "JWT":
            jwt = item.get("JwtConfiguration") or {}
            return {
                "type": "jwt",
                "identity": identity,
                "issuer": jwt.get("Issuer"),
                "audience": sorted(jwt.get("Audience") or ()),
            }
        return {
            "type": "request",
            "identity": identity,
            "uri": item.get("AuthorizerUri"),
            "payload": item.get("AuthorizerPayloadFormatVersion"),
            "simple": bool(item.get("EnableSimpleResponses")),
            "ttl_s": int(item.get("AuthorizerResultTtlInSeconds") or 0),
        }

    def _create_integration(self, client: Any, api_id: str, properties: Mapping[str, Any]) -> str:
        arguments = {
            "IntegrationType": _TYPES[properties["type"]],
            "IntegrationUri": properties["uri"],
            "IntegrationMethod": properties["method"],
            "PayloadFormatVersion": properties["payload"],
            "TimeoutInMillis": properties["timeout_ms"],
        }
        for field, name in (
            ("request_parameters", "RequestParameters"),
            ("response_parameters", "ResponseParameters"),
        ):
            if properties[field]:
                arguments[name] = properties[field]
        return str(client.create_integration(ApiId=api_id, **arguments)["IntegrationId"])

    def _integration_live(
        self, client: Any, api_id: str, item: Mapping[str, Any]
    ) -> dict[str, Any]:
        kind = item["IntegrationType"]
        return {
            "type": item.get("IntegrationSubtype") or _WORDS.get(kind, kind),
            "uri": item.get("IntegrationUri"),
            "method": "POST" if kind == "AWS_PROXY" else item.get("IntegrationMethod"),
            "payload": item.get("PayloadFormatVersion"),
            "timeout_ms": item.get("TimeoutInMillis") or _TIMEOUT_MS,
            "request_parameters": dict(item.get("RequestParameters") or {}),
            "response_parameters": dict(item.get("ResponseParameters") or {}),
        }

    def _route(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return {"AuthorizationScopes": properties["scopes"]}

    def _route_live(self, item: Mapping[str, Any]) -> dict[str, Any]:
        jwt = item.get("AuthorizationType") == "JWT"
        return {"scopes": sorted(item.get("AuthorizationScopes") or ()) if jwt else []}

    def _put_route(
        self,
        client: Any,
        api_id: str,
        live: Mapping[str, Any] | None,
        wanted: Mapping[str, Any],
        arguments: dict[str, Any],
    ) -> None:
        if not (wanted["scopes"] or (live or {}).get("AuthorizationScopes")):
            # Only a JWT authorizer has any.
            del arguments["AuthorizationScopes"]
        if live is None:
            client.create_route(ApiId=api_id, **arguments)
        else:
            client.update_route(ApiId=api_id, RouteId=live["RouteId"], **arguments)


KINDS: tuple[Kind, ...] = (HttpApi(),)
