"""What CloudFormation's own resources say of a whole API (stage, models, keys, plans ...), and
the pieces of it that SAM writes alike.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGateway.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGatewayV2.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam import authorizers
from lambdactl.manifest.sam.draft import Draft, Fields, boolean, truth
from lambdactl.manifest.sam.fronts import Front
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, resource_of, text_of

Get = Callable[[str], Node | None]


def fill(draft: Draft, front: Front, resource: Resource) -> None:
    """Put all that resources beside ``resource`` (a RestApi, or an Api of v2) say of it."""
    if resource.type == "AWS::ApiGateway::RestApi":
        _rest(draft, front, resource)
    elif resource.type == "AWS::ApiGatewayV2::Api":
        _v2(draft, front, resource)


def beside(draft: Draft, api: Resource, *types: str, word: str = "RestApiId") -> list[Resource]:
    """The resources of some types that belong to ``api``."""
    return [
        one
        for one in draft.template.of_type(*types)
        if resource_of(one.get(word)) is api or one.text(word) == api.name
    ]


def named(draft: Draft, given: Node | None) -> Resource | None:
    """The resource that a value is the id of."""
    found = resource_of(given)
    return found or draft.template.resources.get(text_of(given) or "")


# REST APIs


def _rest(draft: Draft, front: Front, api: Resource) -> None:
    fields = front.fields
    rest_settings(fields, api.get)
    types = api.get("BinaryMediaTypes")
    if types is not None:
        found = [member.text.replace("~1", "/") for member in members(types)]
        fields.put("binary_types", made(found, types), "BinaryMediaTypes")
    if api.get("Policy") is not None:
        from lambdactl.manifest.sam.serverless_apis import warn_of_policy

        warn_of_policy(draft, api.name, api.get("Policy") or api.body)
    _rest_stage(draft, front, api)
    for one in beside(draft, api, "AWS::ApiGateway::Model"):
        schema = one.get("Schema")
        if schema is not None and schema.value is not None:
            front.add("models", model_name(one.text("Name") or one.name), model(schema), one.at)
    for one in beside(draft, api, "AWS::ApiGateway::GatewayResponse"):
        name, node = one.text("ResponseType"), one.get()
        if name is not None and node is not None:
            front.add("gateway_responses", name, gateway_response(draft, node), one.at)
    for one in beside(draft, api, "AWS::ApiGateway::Authorizer"):
        authorizers.put(draft, front, one.key, authorizers.of_resource(draft, one), one.at)


def rest_settings(fields: Fields, get: Get) -> None:
    """What the resources of SAM and of CloudFormation have under the same names."""
    least = get("MinimumCompressionSize")
    fields.put("minimum_compression", least, "MinimumCompressionSize")
    source = get("ApiKeySourceType")
    text = text_of(source)
    if source is not None and text in ("HEADER", "AUTHORIZER"):
        fields.put("api_key_source", made(text.lower(), source), "ApiKeySourceType")


def _rest_stage(draft: Draft, front: Front, api: Resource) -> None:
    """The API's stage: a resource of its own, else what its deployment names."""
    stages = beside(draft, api, "AWS::ApiGateway::Stage")
    _one_stage(draft, api, stages)
    if stages:
        stage = stages[0]
        front.fields.put("stage", stage_name(stage.get("StageName")), "StageName")
        found = variables(draft, stage.get("Variables"))
        front.fields.put("variables", found, "Variables")
        method_settings(front, stage.get("MethodSettings"))
        return
    for one in beside(draft, api, "AWS::ApiGateway::Deployment"):
        if one.get("StageName") is not None:
            front.fields.put("stage", stage_name(one.get("StageName")), "StageName")
            found = variables(draft, one.get("StageDescription", "Variables"))
            front.fields.put("variables", found, "Variables")
            method_settings(front, one.get("StageDescription", "MethodSettings"))
            return


def _one_stage(draft: Draft, api: Resource, stages: list[Resource]) -> None:
    for other in stages[1:]:
        message = f"`{api.name}` is served as the stage `{stages[0].name}` only"
        draft.warn("not-supported", message, other.at)


def stage_name(given: Node | None) -> Node | None:
    """The name of a stage; a stand-in made to fit."""
    text = text_of(given)
    if given is None or text is None:
        return None
    if given.unknown or not re.fullmatch(r"\$default|[A-Za-z0-9_-]{1,128}", text):
        text = re.sub("[^A-Za-z0-9_-]+", "-", text).strip("-")[:128]
        return made(text, given) if text else None
    return given


def variables(draft: Draft, given: Node | None) -> Node | None:
    """Stage variables."""
    if given is None or not given.is_mapping:
        return None
    inner = draft.fields(given.at)
    for name, value in given.items():
        if text_of(value) is not None:
            inner.put(name, made(value.text, value) if value.unknown else value)
    return inner.node() if inner else None


def model_name(text: str) -> str:
    """The name of a model as API Gateway allows it: letters and digits."""
    return re.sub("[^A-Za-z0-9_-]", "", text)[:128] or "Model"


def model(schema: Node) -> Node:
    """The schema of a model, which may be the text of one."""
    text = text_of(schema)
    if text is None:
        return schema
    try:
        return made(json.loads(text), schema)
    except ValueError:
        return schema


def gateway_response(draft: Draft, given: Node) -> Node:
    """``ResponseParameters`` of SAM stand under ``Headers``, ``Paths`` and ``QueryStrings``:
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-gatewayresponse.html
    """
    inner = draft.fields(given.at)
    inner.put("status", number(part(given, "StatusCode")), "StatusCode")
    parameters = draft.fields(given.at)
    sources = {"Headers": "header", "Paths": "path", "QueryStrings": "querystring"}
    for name, value in (part(given, "ResponseParameters") or Node({}, *given.at)).items():
        if value.is_mapping:
            for key, text in value.items():
                parameters.put(f"gatewayresponse.{sources.get(name, 'header')}.{key}", text)
        else:
            parameters.put(name, value)
    inner.nest("parameters", parameters)
    templates = part(given, "ResponseTemplates")
    if templates is not None and templates.is_mapping and templates.value:
        inner.put("templates", templates, "ResponseTemplates")
    return inner.node()


def part(node: Node, word: str) -> Node | None:
    """A property in either spelling: ``StatusCode`` of resources, ``statusCode`` of OpenAPI."""
    return node.get(word) or node.get(word[0].lower() + word[1:])


def number(node: Node | None) -> Node | None:
    """A number that may be written as a text."""
    text = text_of(node)
    return made(int(text), node) if node is not None and text and text.isdigit() else node


# Limits


def method_settings(front: Front, given: Node | None) -> None:
    """``MethodSettings`` of a stage: how many requests a method takes.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigateway-stage-methodsetting.html
    """
    for entry in members(given):
        limits = throttle(front.draft, entry, "Throttling")
        path, method = text_of(entry.get("ResourcePath")), text_of(entry.get("HttpMethod"))
        if not limits:
            continue
        if path in (None, "/*", "*") and method in (None, "*"):
            front.fields.nest("throttle", limits, "MethodSettings")
            continue
        resource = (path or "/").replace("~1", "/")
        resource = "/" + resource.lstrip("/")
        verb = "*" if method in (None, "*") else str(method).upper()
        front.add("throttles", f"{resource}/{verb}", limits.node(), entry.at)


def route_settings(front: Front, default: Node | None, given: Node | None) -> None:
    """``DefaultRouteSettings`` and ``RouteSettings`` of a stage of v2."""
    if default is not None:
        limits = throttle(front.draft, default, "Throttling")
        front.fields.nest("throttle", limits, "DefaultRouteSettings")
    for route, entry in given.items() if given is not None else ():
        limits = throttle(front.draft, entry, "Throttling")
        if limits:
            front.add("throttles", route, limits.node())


def throttle(draft: Draft, given: Node, prefix: str = "") -> Fields:
    """A rate and a burst."""
    inner = draft.fields(given.at)
    inner.put("rate", given.get(f"{prefix}RateLimit"), f"{prefix}RateLimit")
    inner.put("burst", given.get(f"{prefix}BurstLimit"), f"{prefix}BurstLimit")
    return inner


# Keys and plans


def usage_plans(draft: Draft) -> None:
    """Plans and keys of CloudFormation's own, in each API that has a stage in them.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-usageplan.html
    """
    for plan in draft.template.of_type("AWS::ApiGateway::UsagePlan"):
        keys = [
            found
            for one in draft.template.of_type("AWS::ApiGateway::UsagePlanKey")
            if resource_of(one.get("UsagePlanId")) is plan
            and (found := named(draft, one.get("KeyId"))) is not None
        ]
        stages = members(plan.get("ApiStages"))
        for stage in stages:
            front = _front_of(draft, stage.get("ApiId"))
            if front is not None:
                _plan_in(draft, front, plan, stage, keys)
    for one in draft.template.of_type("AWS::ApiGateway::UsagePlanKey"):
        _key_of_sam_plan(draft, one)


def _plan_in(draft: Draft, front: Front, plan: Resource, stage: Node, keys: list[Resource]) -> None:
    inner = usage_plan(draft, plan.get() or plan.body)
    inner.put("keys", made([key.key for key in keys], plan.body))
    routes = draft.fields(stage.at)
    for route, limits in (stage.get("Throttle") or Node({}, *stage.at)).items():
        if limits.is_mapping:
            routes.put(
                route if route.startswith("/") else f"/{route}", throttle(draft, limits).node()
            )
    inner.nest("throttles", routes, "Throttle")
    front.add("usage_plans", plan.key, inner.node(), plan.at)
    for key in keys:
        front.add("api_keys", key.key, _key(draft, key), key.at)


def _key_of_sam_plan(draft: Draft, one: Resource) -> None:
    """A key of the template in a plan that SAM makes, which a template names by its id."""
    plan, key = text_of(one.get("UsagePlanId")), named(draft, one.get("KeyId"))
    if key is None or resource_of(one.get("UsagePlanId")) is not None:
        return
    for front in draft.fronts.values():
        given = front.names("usage_plans").get(f"{draft.template.prefix}{plan}")
        if given is not None:
            front.add("api_keys", key.key, _key(draft, key), key.at)
            keys = given.value["keys"]
            given.value["keys"] = made([*(k.text for k in members(keys)), key.key], keys)


def usage_plan(draft: Draft, given: Node) -> Fields:
    """The limits of a plan."""
    inner = draft.fields(given.at)
    limits = given.get("Throttle")
    if limits is not None and limits.is_mapping:
        inner.nest("throttle", throttle(draft, limits), "Throttle")
    quota = given.get("Quota")
    if quota is not None and quota.get("Limit") is not None:
        found = draft.fields(quota.at)
        found.put("limit", quota.get("Limit"), "Limit")
        period = quota.get("Period")
        if period is not None and text_of(period) is not None:
            found.put("period", made(period.text.lower(), period), "Period")
        found.put("offset", quota.get("Offset"), "Offset")
        inner.nest("quota", found, "Quota")
    return inner


def _key(draft: Draft, resource: Resource) -> Node:
    """An API key. One without a value gets one, the same in every API and from run to run."""
    inner = draft.fields(resource.at)
    value = resource.get("Value")
    if value is None or value.unknown:
        value = made(key_value(resource.key), resource.body)
    inner.put("value", value, "Value")
    if truth(resource.get("Enabled")) is False:
        inner.put("enabled", boolean(resource.get("Enabled")), "Enabled")
    return inner.node()


def key_value(name: str) -> str:
    """A value for a key that has none: forty letters and digits, as API Gateway makes them."""
    return hashlib.sha256(f"lambdactl\0{name}".encode()).hexdigest()[:40]


def _front_of(draft: Draft, given: Node | None) -> Front | None:
    api = named(draft, given)
    key = api.key if api is not None else f"{draft.template.prefix}{text_of(given)}"
    found: Front | None = draft.fronts.get(key)
    return found


# HTTP and WebSocket APIs


def overrides(draft: Draft, api: Resource) -> list[Resource]:
    """What a template changes of the route, the integration and the stage that API Gateway makes
    by itself for an API with a ``Target``.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-apigatewaymanagedoverrides.html
    """
    return beside(draft, api, "AWS::ApiGatewayV2::ApiGatewayManagedOverrides", word="ApiId")


def _v2(draft: Draft, front: Front, api: Resource) -> None:
    stages = beside(draft, api, "AWS::ApiGatewayV2::Stage", word="ApiId")
    _one_stage(draft, api, stages)
    for stage in stages[:1]:
        name = stage.get("StageName")
        if text_of(name) != "$default":
            front.fields.put("stage", stage_name(name), "StageName")
        found = variables(draft, stage.get("StageVariables"))
        front.fields.put("variables", found, "StageVariables")
        settings = stage.get("RouteSettings")
        route_settings(front, stage.get("DefaultRouteSettings"), settings)
    for override in overrides(draft, api):
        found = variables(draft, override.get("Stage", "StageVariables"))
        front.fields.put("variables", found, "StageVariables")
        route_settings(
            front,
            override.get("Stage", "DefaultRouteSettings"),
            override.get("Stage", "RouteSettings"),
        )
    for one in beside(draft, api, "AWS::ApiGatewayV2::Authorizer", word="ApiId"):
        authorizers.put(draft, front, one.key, authorizers.of_resource(draft, one), one.at)
    if front.kind == "websocket":
        selection = api.get("RouteSelectionExpression")
        front.fields.put("selection", selection, "RouteSelectionExpression")
        return
    cross = api.get("CorsConfiguration")
    if cross is not None and cross.is_mapping:
        from lambdactl.manifest.sam.serverless_apis import http_cors

        front.fields.nest("cors", http_cors(draft, cross), "CorsConfiguration")
