"""REST APIs against moto: all that they have, each change of it, and what broke off."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdactl.deploy import planning
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context
from lambdactl.manifest.routes import apis_of
from tests.deploy.gateway import api_of, broken_off, brought, settled
from tests.deploy.steps import deployed, destroyed

pytestmark = pytest.mark.aws

POOL = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_abc"
WHOLE = f"""
service: shop
stages: {{prod: {{}}}}
apis:
  front:
    rest:
      stage: v1
      variables: {{colour: blue, size: "4"}}
      cors: {{allow_origins: ["https://example.com"], allow_headers: [X-Token]}}
      binary_types: [image/png, application/pdf]
      minimum_compression: 1024
      authorizers:
        users: {{user_pool: "{POOL}", scopes: [shop/read]}}
        tokens: {{function: auth, type: token, ttl: 1m, validation: "^Bearer .*"}}
        requests:
          function: auth
          identity: [method.request.header.A, method.request.querystring.b]
      authorizer: tokens
      models:
        Toy: {{type: object, required: [name]}}
        Pet: {{type: object, properties: {{toy: {{$ref: "#/definitions/Toy"}}}}}}
      validators: {{all: {{body: true, parameters: true}}, some: {{body: true}}}}
      gateway_responses:
        UNAUTHORIZED:
          status: 418
          parameters: {{gatewayresponse.header.X: "'1'"}}
          templates: {{application/json: '{{"no": $context.error.messageString}}'}}
        DEFAULT_5XX: {{parameters: {{gatewayresponse.header.Y: "'2'"}}}}
      api_keys: {{partner: {{}}, given: {{value: abcdefghijklmnopqrstuvwxyz}}}}
      usage_plans:
        basic:
          keys: [partner, given]
          throttle: {{rate: 10, burst: 20}}
          throttles: {{/pets/GET: {{rate: 1, burst: 2}}}}
          quota: {{limit: 1000, period: day}}
      throttle: {{rate: 100, burst: 50}}
      throttles: {{/pets/POST: {{rate: 2.5, burst: 4}}}}
      routes:
        - {{path: /health, method: GET, authorizer: none, mock: {{responses: [{{status: 204}}]}}}}
        - {{path: "/old/{{proxy+}}", authorizer: iam, http_proxy: "https://example.com/{{proxy}}"}}
        - path: /orders
          method: POST
          authorizer: requests
          lambda:
            function: pets
            request_parameters:
              integration.request.header.q: method.request.querystring.q
            request_templates: {{application/json: '{{"a": 1}}'}}
            passthrough: never
            responses:
              - {{pattern: ".*sold out.*", status: 409}}
              - {{status: 201, parameters: {{method.response.header.Z: "'3'"}}}}
functions:
  auth: {{runtime: python3.13, handler: app.handler, code: src}}
  pets:
    runtime: python3.13
    handler: app.handler
    code: src
    triggers:
      - rest:
          path: /pets
          method: POST
          validator: all
          request_models: {{application/json: Pet}}
          request_parameters: {{method.request.querystring.page: true}}
          operation: addPet
      - rest: {{path: /pets, method: GET, authorizer: users, api_key: true, validator: some}}
      - rest: {{path: "/pets/{{id}}/toys/{{toy}}", response: stream, timeout: 20}}
      - rest: {{path: /, method: GET, authorizer: none}}
"""
# moto makes a plan with throttles of single methods, and can't change them.
PATCHABLE = WHOLE.replace("          throttles: {/pets/GET: {rate: 1, burst: 2}}\n", "")
SMALL = f"""
service: shop
apis:
  front:
    rest:
      variables: {{colour: blue}}
      binary_types: [image/png]
      authorizers: {{users: {{user_pool: "{POOL}"}}}}
      models: {{Pet: {{type: object}}}}
      gateway_responses: {{UNAUTHORIZED: {{status: 418}}}}
      api_keys: {{partner: {{}}}}
      usage_plans: {{basic: {{keys: [partner], throttle: {{rate: 10, burst: 20}}}}}}
      throttle: {{rate: 100, burst: 50}}
      routes:
        - {{path: /a/health, method: GET, mock: {{responses: [{{status: 204}}]}}}}
functions:
  pets:
    runtime: python3.13
    handler: app.handler
    code: src
    triggers:
      - rest:
          path: /pets
          method: POST
          authorizer: users
          validator: {{body: true}}
          request_models: {{application/json: Pet}}
"""


def client(context: Context) -> Any:
    return context.account.client("apigateway")


def only(context: Context) -> Any:
    (api,) = client(context).get_rest_apis()["items"]
    return api


def methods(context: Context, id_: str) -> dict[str, Any]:
    return {
        f"{verb} {item['path']}": method
        for item in client(context).get_resources(restApiId=id_, embed=["methods"])["items"]
        for verb, method in item.get("resourceMethods", {}).items()
    }


def test_all_of_an_api_is_made(context_for: Callable[..., Context]) -> None:
    context = context_for(WHOLE, "prod")
    brought(context, "rest_api")
    api, aws = only(context), client(context)
    id_ = api["id"]
    assert api["name"] == "shop-front-prod"
    assert sorted(api["binaryMediaTypes"]) == ["application/pdf", "image/png"]
    assert api["minimumCompressionSize"] == 1024
    assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
    found = methods(context, id_)
    assert {key for key in found if not key.startswith("OPTIONS")} == {
        "GET /",
        "GET /health",
        "GET /pets",
        "POST /pets",
        "POST /orders",
        "ANY /old/{proxy+}",
        "ANY /pets/{id}/toys/{toy}",
    }
    assert len(found) == 7 + 6
    kinds_of = {key: method["authorizationType"] for key, method in found.items()}
    assert kinds_of["GET /pets"] == "COGNITO_USER_POOLS"
    assert found["GET /pets"]["authorizationScopes"] == ["shop/read"]
    assert found["GET /pets"]["apiKeyRequired"] is True
    assert kinds_of["POST /pets"] == kinds_of["POST /orders"] == "CUSTOM"
    assert found["POST /pets"]["authorizerId"] != found["POST /orders"]["authorizerId"]
    assert kinds_of["ANY /old/{proxy+}"] == "AWS_IAM"
    assert kinds_of["GET /health"] == kinds_of["OPTIONS /pets"] == "NONE"
    old = found["ANY /old/{proxy+}"]
    assert old["requestParameters"] == {"method.request.path.proxy": True}
    assert old["methodIntegration"]["httpMethod"] == "ANY"
    assert old["methodIntegration"]["requestParameters"] == {
        "integration.request.path.proxy": "method.request.path.proxy"
    }
    order = found["POST /orders"]
    assert order["requestParameters"] == {"method.request.querystring.q": False}
    answers = order["methodIntegration"]["integrationResponses"]
    assert answers["409"]["selectionPattern"] == ".*sold out.*"
    assert answers["201"]["responseParameters"] == {"method.response.header.Z": "'3'"}
    assert order["methodResponses"]["201"]["responseParameters"] == {
        "method.response.header.Z": False
    }
    preflight = found["OPTIONS /pets"]["methodIntegration"]
    assert preflight["contentHandling"] == "CONVERT_TO_TEXT"
    assert preflight["integrationResponses"]["200"]["responseParameters"] == {
        "method.response.header.Access-Control-Allow-Headers": "'X-Token'",
        "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS,POST'",
        "method.response.header.Access-Control-Allow-Origin": "'https://example.com'",
    }
    stream = found["ANY /pets/{id}/toys/{toy}"]["methodIntegration"]
    assert stream["uri"].endswith(":function:pets-prod/response-streaming-invocations")
    assert stream["timeoutInMillis"] == 20_000
    models = {
        item["name"]: json.loads(item["schema"]) for item in aws.get_models(restApiId=id_)["items"]
    }
    assert models["Pet"]["properties"]["toy"]["$ref"] == (
        f"https://apigateway.amazonaws.com/restapis/{id_}/models/Toy"
    )
    (stage,) = aws.get_stages(restApiId=id_)["item"]
    assert stage["variables"] == {"colour": "blue", "size": "4"}
    assert stage["methodSettings"]["~1pets/POST"]["throttlingRateLimit"] == 2.5
    (deployment,) = aws.get_deployments(restApiId=id_)["items"]
    assert stage["deploymentId"] == deployment["id"]
    keys = {item["name"]: item for item in aws.get_api_keys(includeValues=True)["items"]}
    assert keys["shop-front-prod-given"]["value"] == "abcdefghijklmnopqrstuvwxyz"
    # On this machine it has one that anybody can work out.
    (local,) = (one for one in apis_of(context.naming.app)[0].api_keys if one.name == "partner")
    assert keys["shop-front-prod-partner"]["value"] != local.value
    (plan,) = aws.get_usage_plans()["items"]
    assert plan["apiStages"] == [
        {"apiId": id_, "stage": "v1", "throttle": {"/pets/GET": {"rateLimit": 1, "burstLimit": 2}}}
    ]
    assert len(aws.get_usage_plan_keys(usagePlanId=plan["id"])["items"]) == 2


CHANGES: list[tuple[str, str, str, bool]] = [
    ("blue", "green", "variables.colour", False),
    (', size: "4"', "", "variables.size", False),
    ("rate: 100, burst", "rate: 101, burst", "throttles.*/*.rate", False),
    (
        "      throttles: {/pets/POST: {rate: 2.5, burst: 4}}\n",
        "",
        "throttles./pets/POST",
        False,
    ),
    ("[image/png, application/pdf]", "[image/png, image/gif]", "binary_types", True),
    ("ttl: 1m", "ttl: 2m", "authorizers.tokens.ttl_s", True),
    ('"^Bearer .*"', '"^Other .*"', "authorizers.tokens.validation", True),
    ("required: [name]", "required: [id]", "models.Toy.required", True),
    ("status: 418", "status: 419", "gateway_responses.UNAUTHORIZED.status", True),
    (
        "timeout: 20",
        "timeout: 21",
        "routes.ANY /pets/{id}/toys/{toy}.integration.timeout_ms",
        True,
    ),
    (
        "{id}/toys/{toy}",
        "{name}/toys/{toy}",
        "routes.ANY /pets/{name}/toys/{toy}",
        True,
    ),
    ("authorizer: iam", "authorizer: none", "routes.ANY /old/{proxy+}.authorizer", True),
    ("validator: some", "validator: none", "validators.body", True),
    (
        "[X-Token]",
        "[X-Other]",
        "routes.OPTIONS /pets.responses.200.parameters."
        "method.response.header.Access-Control-Allow-Headers",
        True,
    ),
    ("partner: {}", "partner: {enabled: false}", "api_keys.partner.enabled", False),
    ("abcdefghij", "ABCDEFGHIJ", "api_keys.given.value", False),
    ("limit: 1000", "limit: 1001", "usage_plans.basic.quota.limit", False),
    ("          quota: {limit: 1001, period: day}\n", "", "usage_plans.basic.quota", False),
    ("keys: [partner, given]", "keys: [given]", "usage_plans.basic.keys.partner", False),
    ("stage: v1", "stage: v2", "stage", False),
]
"""What is replaced in the manifest, by what, a path that changes, whether it is deployed."""


@pytest.mark.usefixtures("gateways")
def test_each_change_is_one_update(context_for: Callable[..., Context]) -> None:
    text = PATCHABLE
    context = context_for(text)
    brought(context, "rest_api")
    aws, id_ = client(context), only(context)["id"]
    shown = aws.get_stages(restApiId=id_)["item"][0]["deploymentId"]
    for before, after, path, deploys in CHANGES:
        assert before in text
        text = text.replace(before, after)
        changes = brought(context_for(text), "rest_api")
        assert path in {one.path for one in changes}
        assert not any(one.drift for one in changes)
        assert all(one.secret for one in changes) == (path == "api_keys.given.value")
        assert only(context)["id"] == id_
        (stage,) = aws.get_stages(restApiId=id_)["item"]
        (deployment,) = aws.get_deployments(restApiId=id_)["items"]
        assert stage["deploymentId"] == deployment["id"]
        assert (deployment["id"] != shown) == deploys, path
        shown = deployment["id"]


def test_what_was_changed_by_hand_and_not_deployed_is_drift(
    context_for: Callable[..., Context],
) -> None:
    context = context_for(WHOLE)
    brought(context, "rest_api")
    id_ = only(context)["id"]
    resources = client(context).get_resources(restApiId=id_)["items"]
    (pets,) = (one["id"] for one in resources if one["path"] == "/pets")
    client(context).delete_method(restApiId=id_, resourceId=pets, httpMethod="POST")
    changes = brought(context, "rest_api")
    assert {one.path.partition(".")[0] for one in changes} == {"routes", "deployed"}
    assert all(one.drift for one in changes)


def test_a_deployment_by_somebody_else_is_replaced(
    context_for: Callable[..., Context],
) -> None:
    context = context_for(WHOLE)
    brought(context, "rest_api")
    id_, aws = only(context)["id"], client(context)
    theirs = aws.create_deployment(restApiId=id_, description="by hand")["id"]
    patch = [{"op": "replace", "path": "/deploymentId", "value": theirs}]
    aws.update_stage(restApiId=id_, stageName="v1", patchOperations=patch)
    assert [one.path for one in brought(context, "rest_api")] == ["deployed"]
    assert theirs in {one["id"] for one in aws.get_deployments(restApiId=id_)["items"]}


def test_what_is_somebody_elses_stays(context_for: Callable[..., Context]) -> None:
    context = context_for(WHOLE)
    aws = client(context)
    theirs = aws.create_rest_api(name="shop-front")["id"]
    key = aws.create_api_key(name="shop-front-partner")["id"]
    plan = aws.create_usage_plan(name="shop-front-basic")["id"]
    deployed(context, [api_of(context, "rest_api")])
    assert len(aws.get_rest_apis()["items"]) == 2
    (ours,) = (one["id"] for one in aws.get_usage_plans()["items"] if one["id"] != plan)
    # A customer's key in our plan is not of the manifest, and stays.
    aws.create_usage_plan_key(usagePlanId=ours, keyId=key, keyType="API_KEY")
    assert brought(context, "rest_api") == ()
    assert key in {one["id"] for one in aws.get_usage_plan_keys(usagePlanId=ours)["items"]}
    destroyed(context, "rest_api")
    assert [one["id"] for one in aws.get_rest_apis()["items"]] == [theirs]
    assert [one["id"] for one in aws.get_api_keys()["items"]] == [key]
    assert [one["id"] for one in aws.get_usage_plans()["items"]] == [plan]


def test_keys_of_an_api_that_somebody_deleted_are_found_again(
    context_for: Callable[..., Context],
) -> None:
    context = context_for(PATCHABLE)
    brought(context, "rest_api")
    keys = {one["id"] for one in client(context).get_api_keys()["items"]}
    client(context).delete_rest_api(restApiId=only(context)["id"])
    context.account.forget()
    assert list(kinds()["rest_api"].owned(context, ())) == ["shop-front"]
    brought(context, "rest_api")
    assert {one["id"] for one in client(context).get_api_keys()["items"]} == keys
    client(context).delete_rest_api(restApiId=only(context)["id"])
    context.account.forget()
    live = kinds()["rest_api"].read(context, "shop-front")
    assert live is not None
    kinds()["rest_api"].delete(context, live)
    assert client(context).get_api_keys()["items"] == []
    assert client(context).get_usage_plans()["items"] == []


@pytest.mark.exhaustive
def test_whatever_call_is_the_last_one_the_next_deployment_completes(
    context_for: Callable[..., Context],
) -> None:
    context = context_for(SMALL)
    resource, kind = api_of(context, "rest_api"), kinds()["rest_api"]
    aws = client(context)
    broke_off = 0
    for broke_off in broken_off(context, resource, aws):  # noqa: B007
        live = kind.read(context, resource.name)
        if live is not None:
            assert planning.differences(resource, live) or live.hash != resource.digest
        live = settled(context, resource, dict(kind.create(context, resource)))
        id_ = live.outputs["id"]
        assert len(aws.get_deployments(restApiId=id_)["items"]) == 1
        assert len(aws.get_api_keys()["items"]) == 1
        kind.delete(context, live)
        assert aws.get_rest_apis()["items"] == []
        assert aws.get_api_keys()["items"] == []
        assert aws.get_usage_plans()["items"] == []
    assert broke_off > 20
