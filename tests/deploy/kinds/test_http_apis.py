"""HTTP APIs against moto: made, changed piece by piece, taken up where it broke off, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context
from tests.deploy.gateway import api_of, broken_off, brought, settled
from tests.deploy.steps import deployed, destroyed
from tests.deploy.strict_gateway import strict

pytestmark = pytest.mark.aws

FUNCTIONS = """
service: shop
stages: {prod: {}}
functions:
  auth: {runtime: python3.13, handler: app.handler, code: src}
  pets:
    runtime: python3.13
    handler: app.handler
    code: src
    aliases: {live: {version: latest}}
    triggers:
      - http: {path: "/pets/{id}", method: GET}
      - http: {path: /pets, method: POST, alias: live, payload: v1, timeout: 5}
"""
WHOLE = (
    FUNCTIONS
    + """
apis:
  front:
    http:
      stage: v1
      variables: {colour: blue, size: "4"}
      cors: {allow_origins: ["https://Example.com"], allow_methods: [GET, POST], max_age: 60}
      authorizers:
        tokens: {issuer: "https://issuer.example.com", audience: [web, app]}
        checks: {function: auth, identity: ["$request.header.Authorization"], ttl: 60}
      authorizer: tokens
      throttle: {rate: 100, burst: 50}
      throttles: {"GET /pets/{id}": {rate: 2.5, burst: 4}}
      routes:
        - {path: /legacy, method: GET, authorizer: checks, http_proxy: "https://example.com/old"}
        - {path: /signed, authorizer: iam, lambda_proxy: pets}
        - path: $default
          authorizer: none
          lambda_proxy:
            function: pets
            request_parameters: {"overwrite:header.x": "1"}
            response_parameters: {"200": {"append:header.y": "2"}}
"""
)


def client(context: Context) -> Any:
    return context.account.client("apigatewayv2")


def routes(context: Context, id_: str) -> dict[str, Any]:
    return {item["RouteKey"]: item for item in client(context).get_routes(ApiId=id_)["Items"]}


def only(context: Context) -> Any:
    (api,) = client(context).get_apis()["Items"]
    return api


def test_all_of_an_api_is_made(context_for: Callable[..., Context]) -> None:
    context = context_for(WHOLE, "prod")
    brought(context, "http_api")
    api = only(context)
    id_ = api["ApiId"]
    assert api["Name"] == "shop-front-prod"
    assert api["CorsConfiguration"] == {
        "AllowOrigins": ["https://example.com"],
        "AllowMethods": ["GET", "POST"],
        "MaxAge": 60,
    }
    (stage,) = client(context).get_stages(ApiId=id_)["Items"]
    assert stage["StageName"] == "v1"
    assert stage["AutoDeploy"] is True
    assert stage["StageVariables"] == {"colour": "blue", "size": "4"}
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 100
    assert stage["RouteSettings"]["GET /pets/{id}"]["ThrottlingBurstLimit"] == 4
    found = routes(context, id_)
    assert set(found) == {
        *("GET /pets/{id}", "POST /pets", "GET /legacy", "ANY /signed", "$default"),
    }
    assert found["ANY /signed"]["AuthorizationType"] == "AWS_IAM"
    assert found["$default"]["AuthorizationType"] == "NONE"
    assert found["GET /pets/{id}"]["AuthorizationType"] == "JWT"
    assert found["GET /legacy"]["AuthorizationType"] == "CUSTOM"
    authorizer = client(context).get_authorizer(
        ApiId=id_, AuthorizerId=found["GET /legacy"]["AuthorizerId"]
    )
    assert authorizer["AuthorizerUri"].endswith(":function:auth-prod/invocations")
    assert authorizer["EnableSimpleResponses"] is True
    assert authorizer["AuthorizerResultTtlInSeconds"] == 60
    target = found["POST /pets"]["Target"].removeprefix("integrations/")
    integration = client(context).get_integration(ApiId=id_, IntegrationId=target)
    assert integration["IntegrationUri"].endswith(":function:pets-prod:live")
    assert integration["PayloadFormatVersion"] == "1.0"
    assert integration["TimeoutInMillis"] == 5000


CHANGES: list[tuple[str, str, str]] = [
    ("blue", "green", "variables.colour"),
    ("max_age: 60", "max_age: 90", "cors.max_age_s"),
    ("[web, app]", "[web]", "authorizers.tokens.audience"),
    ("rate: 100", "rate: 101", "throttles.*.rate"),
    ("timeout: 5", "timeout: 6", "routes.POST /pets.integration.timeout_ms"),
    ("authorizer: iam", "authorizer: none", "routes.ANY /signed.authorizer"),
    ("authorizer: checks, ", "authorizer: none, ", "routes.GET /legacy.authorizer"),
    ("path: /legacy", "path: /older", "routes.GET /older"),
    (', size: "4"', "", "variables.size"),
    ('throttles: {"GET /pets/{id}": {rate: 2.5, burst: 4}}', "", "throttles.GET /pets/{id}"),
    ("stage: v1", "stage: v2", "stage"),
    ("      throttle: {rate: 101, burst: 50}\n", "", "throttles.*"),
]
"""What is replaced in the manifest, by what, and a path that changes."""


@pytest.mark.usefixtures("gateways")
def test_each_change_is_one_update(context_for: Callable[..., Context]) -> None:
    text = WHOLE
    context = context_for(text)
    brought(context, "http_api")
    id_ = only(context)["ApiId"]
    for before, after, path in CHANGES:
        assert before in text
        kept = {route["RouteId"] for route in routes(context, id_).values()}
        text = text.replace(before, after)
        changes = brought(context_for(text), "http_api")
        assert path in {one.path for one in changes}
        assert not any(one.drift for one in changes)
        assert only(context)["ApiId"] == id_
        # A route that stays is not made anew, and nothing is left of what was before.
        found = routes(context, id_)
        assert len(kept & {one["RouteId"] for one in found.values()}) >= len(kept) - 1
        there = client(context).get_integrations(ApiId=id_)["Items"]
        assert {f"integrations/{one['IntegrationId']}" for one in there} == {
            one["Target"] for one in found.values()
        }
        assert len(client(context).get_stages(ApiId=id_)["Items"]) == 1


def test_routes_that_do_the_same_share_an_integration(
    context_for: Callable[..., Context],
) -> None:
    text = FUNCTIONS.replace(", alias: live, payload: v1, timeout: 5", "")
    context = context_for(text)
    brought(context, "http_api")
    (integration,) = client(context).get_integrations(ApiId=only(context)["ApiId"])["Items"]
    assert integration["IntegrationUri"].endswith(":function:pets")


def test_an_authorizer_that_no_route_got_is_found_again(
    context_for: Callable[..., Context], aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with strict(aws) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        context = context_for(WHOLE)
        tags = context.naming.tags()
        id_ = client(context).create_api(Name="shop-front", ProtocolType="HTTP", Tags=tags)["ApiId"]
        left = client(context).create_authorizer(
            ApiId=id_,
            Name="tokens",
            AuthorizerType="JWT",
            IdentitySource=["$request.header.Other"],
            JwtConfiguration={"Issuer": "https://other.example.com", "Audience": ["x"]},
        )["AuthorizerId"]
        brought(context, "http_api")
        assert routes(context, id_)["GET /pets/{id}"]["AuthorizerId"] == left
        found = client(context).get_authorizers(ApiId=id_)["Items"]
        assert {one["Name"] for one in found} == {"tokens", "checks"}


def test_what_was_changed_by_hand_is_drift(context_for: Callable[..., Context]) -> None:
    context = context_for(WHOLE)
    brought(context, "http_api")
    id_ = only(context)["ApiId"]
    client(context).create_route(ApiId=id_, RouteKey="GET /by-hand", AuthorizationType="NONE")
    changes = brought(context, "http_api")
    assert [(one.path, one.drift) for one in changes] == [("routes.GET /by-hand", True)]
    assert "GET /by-hand" not in routes(context, id_)


def test_an_api_of_somebody_else_stays(context_for: Callable[..., Context]) -> None:
    context = context_for(WHOLE)
    theirs = client(context).create_api(Name="shop-front", ProtocolType="HTTP")["ApiId"]
    other = client(context).create_api(
        Name="shop-front",
        ProtocolType="HTTP",
        Tags={"lambdactl:service": "shop", "lambdactl:stage": "prod"},
    )["ApiId"]
    deployed(context, [api_of(context, "http_api")])
    assert len(client(context).get_apis()["Items"]) == 3
    destroyed(context, "http_api")
    assert {one["ApiId"] for one in client(context).get_apis()["Items"]} == {theirs, other}


def test_an_api_that_leaves_the_manifest_is_owned_until_it_goes(
    context_for: Callable[..., Context],
) -> None:
    context = context_for(WHOLE)
    brought(context, "http_api")
    assert list(kinds()["http_api"].owned(context, ())) == ["shop-front"]
    assert list(kinds()["websocket_api"].owned(context, ())) == []
    live = kinds()["http_api"].read(context, "shop-front")
    assert live is not None
    kinds()["http_api"].delete(context, live)
    kinds()["http_api"].delete(context, live)
    assert client(context).get_apis()["Items"] == []
    assert list(kinds()["http_api"].owned(context, ())) == []


@pytest.mark.usefixtures("gateways")
@pytest.mark.exhaustive
def test_whatever_call_is_the_last_one_the_next_deployment_completes(
    context_for: Callable[..., Context],
) -> None:
    context = context_for(WHOLE)
    resource, kind = api_of(context, "http_api"), kinds()["http_api"]
    broke_off = 0
    for broke_off in broken_off(context, resource, client(context)):  # noqa: B007
        live = settled(context, resource, dict(kind.create(context, resource)))
        assert live.properties == resource.properties
        assert len(client(context).get_apis()["Items"]) == 1
        kind.delete(context, live)
        assert client(context).get_apis()["Items"] == []
    # The API, two authorizers, four integrations, five routes, the stage and the tag.
    assert broke_off == 14
