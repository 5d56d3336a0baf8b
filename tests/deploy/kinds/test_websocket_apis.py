"""WebSocket APIs against moto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context
from tests.deploy.gateway import api_of, broken_off, brought, settled
from tests.deploy.steps import destroyed

pytestmark = pytest.mark.aws

WHOLE = """
service: chat
apis:
  rooms:
    websocket:
      stage: v1
      selection: $request.body.type
      variables: {colour: blue}
      throttles: {say: {rate: 5, burst: 10}}
      authorizers:
        tokens: {function: auth, identity: [route.request.querystring.token]}
      authorizer: tokens
      routes:
        - {route: ping, response: true, mock: {responses: [{templates: {application/json: pong}}]}}
        - route: sum
          response: true
          lambda:
            function: chat
            request_templates: {application/json: '{"a": 1}'}
            responses: [{pattern: ".*bad.*", templates: {application/json: no}}, {}]
        - {route: out, http_proxy: {uri: "https://example.com/out", method: POST}}
functions:
  auth: {runtime: python3.13, handler: app.handler, code: src}
  chat:
    runtime: python3.13
    handler: app.handler
    code: src
    triggers:
      - websocket: {route: $connect}
      - websocket: {route: say, response: true}
      - websocket: {route: $default}
"""


def client(context: Context) -> Any:
    return context.account.client("apigatewayv2")


def only(context: Context) -> Any:
    (api,) = client(context).get_apis()["Items"]
    return api


def routes(context: Context, id_: str) -> dict[str, Any]:
    return {item["RouteKey"]: item for item in client(context).get_routes(ApiId=id_)["Items"]}


def test_all_of_an_api_is_made(context_for: Callable[..., Context]) -> None:
    context = context_for(WHOLE)
    brought(context, "websocket_api")
    api, aws = only(context), client(context)
    id_ = api["ApiId"]
    assert (api["Name"], api["ProtocolType"]) == ("chat-rooms", "WEBSOCKET")
    assert api["RouteSelectionExpression"] == "$request.body.type"
    found = routes(context, id_)
    assert set(found) == {"$connect", "$default", "say", "ping", "sum", "out"}
    assert found["$connect"]["AuthorizationType"] == "CUSTOM"
    assert found["say"]["AuthorizationType"] == "NONE"
    assert found["say"]["RouteResponseSelectionExpression"] == "$default"
    assert not found["$default"].get("RouteResponseSelectionExpression")
    target = found["sum"]["Target"].removeprefix("integrations/")
    mapped = aws.get_integration(ApiId=id_, IntegrationId=target)
    assert mapped["RequestTemplates"] == {"$default": '{"a": 1}'}
    assert mapped["TemplateSelectionExpression"] == "\\$default"
    answers = aws.get_integration_responses(ApiId=id_, IntegrationId=target)["Items"]
    assert {one["IntegrationResponseKey"] for one in answers} == {"/.*bad.*/", "$default"}
    (stage,) = aws.get_stages(ApiId=id_)["Items"]
    assert (stage["StageName"], stage["AutoDeploy"]) == ("v1", True)
    outputs = kinds()["websocket_api"].read(context, "chat-rooms")
    assert outputs is not None
    assert outputs.outputs["url"].endswith("/v1")
    assert outputs.needs == ("function:auth", "function:chat")


CHANGES = [
    ("$request.body.type", "$request.body.kind", "selection"),
    ("pong", "PONG", "routes.ping.integration.responses.$default.template"),
    ('{"a": 1}', '{"a": 2}', "routes.sum.integration.template"),
    ("route: say, response: true", "route: say", "routes.say.response"),
    ("route: say}", "route: say, response: true}", "routes.say.response"),
    ("rate: 5", "rate: 6", "throttles.say.rate"),
    ("      authorizer: tokens\n", "", "authorizers.tokens"),
    ("route: out", "route: away", "routes.out"),
    ("stage: v1", "stage: v2", "stage"),
]
"""What is replaced in the manifest, by what, and a path that changes."""


@pytest.mark.usefixtures("gateways")
def test_each_change_is_one_update(context_for: Callable[..., Context]) -> None:
    text = WHOLE
    context = context_for(text)
    brought(context, "websocket_api")
    id_ = only(context)["ApiId"]
    for before, after, path in CHANGES:
        assert before in text
        text = text.replace(before, after)
        changes = brought(context_for(text), "websocket_api")
        assert path in {one.path for one in changes}
        assert only(context)["ApiId"] == id_
        there = client(context).get_integrations(ApiId=id_)["Items"]
        assert {f"integrations/{one['IntegrationId']}" for one in there} == {
            one["Target"] for one in routes(context, id_).values()
        }
    destroyed(context, "websocket_api")
    assert client(context).get_apis()["Items"] == []


@pytest.mark.exhaustive
def test_whatever_call_is_the_last_one_the_next_deployment_completes(
    context_for: Callable[..., Context],
) -> None:
    context = context_for(WHOLE)
    resource, kind = api_of(context, "websocket_api"), kinds()["websocket_api"]
    broke_off = 0
    for broke_off in broken_off(context, resource, client(context)):  # noqa: B007
        live = settled(context, resource, dict(kind.create(context, resource)))
        assert live.properties == resource.properties
        kind.delete(context, live)
        assert client(context).get_apis()["Items"] == []
    assert broke_off > 20
