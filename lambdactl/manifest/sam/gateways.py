"""APIs of CloudFormation's own: methods, routes and their integrations.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-method.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-route.html
"""

from __future__ import annotations

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam import authorizers, balancers, gateway_parts, integrations, routes
from lambdactl.manifest.sam.definitions import place
from lambdactl.manifest.sam.draft import Draft, Fields, Trigger, boolean, truth
from lambdactl.manifest.sam.fronts import Api, Front, api_named, front_of
from lambdactl.manifest.sam.integrations import Goal
from lambdactl.manifest.sam.targets import Owned, Reading, target_of, trigger_of, uri_target
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, resource_of, text_of

_PARTS = 30


def _variables(front: Front) -> dict[str, str]:
    named = front.fields.value.get("variables")
    return {name: node.text for name, node in named.items()} if named is not None else {}


# REST


def _method(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    api = Api(draft, resource.get("RestApiId"), "rest")
    front = front_of(draft, api)
    fields = draft.fields(resource.at)
    path = _resource_path(resource_of(resource.get("ResourceId")))
    fields.put("path", made(path, Node(None, *resource.at)))
    verb = routes.method(resource.get("HttpMethod"))
    fields.put("method", verb, "HttpMethod")
    _method_auth(draft, front, fields, resource)
    _method_request(draft, front, fields, resource)
    given = resource.get("Integration")
    if given is None or not given.is_mapping:
        return []
    what = f"{text_of(verb)} {path}"
    goal = integrations.goal(draft, given, "rest", what, variables=_variables(front))
    found = place(draft, front, fields, goal)
    return [found] if found is not None else []


def _resource_path(resource: Resource | None) -> str:
    """The path of an ``AWS::ApiGateway::Resource``: those of its parents, and its own part."""
    parts: list[str] = []
    while resource is not None and resource.type == "AWS::ApiGateway::Resource":
        parts.insert(0, resource.text("PathPart") or "")
        if len(parts) > _PARTS:
            break
        resource = resource_of(resource.get("ParentId"))
    return "/" + "/".join(parts)


def _method_auth(draft: Draft, front: Front, fields: Fields, resource: Resource) -> None:
    kind = resource.get("AuthorizationType")
    text = text_of(kind)
    if kind is not None and text == "AWS_IAM":
        fields.put("authorizer", made("iam", kind), "AuthorizationType")
    elif kind is not None and text in ("CUSTOM", "COGNITO_USER_POOLS", "JWT"):
        named = _authorizer(draft, front, resource)
        fields.put("authorizer", named, "AuthorizerId")
        fields.put("scopes", resource.get("AuthorizationScopes"), "AuthorizationScopes")
    if truth(resource.get("ApiKeyRequired")) and front.kind == "rest":
        fields.put("api_key", boolean(resource.get("ApiKeyRequired")), "ApiKeyRequired")


def _authorizer(draft: Draft, front: Front, resource: Resource) -> Node | None:
    """The authorizer that a method or a route names, if it is read."""
    given = resource.get("AuthorizerId")
    found = gateway_parts.named(draft, given)
    if given is not None and found is not None and found.key in front.names("authorizers"):
        return made(found.key, given)
    known = found is not None and found.type.endswith("::Authorizer")
    if not known:
        message = f"the authorizer of `{resource.name}` is not in the template: nothing checks"
        draft.warn("not-supported", message, given or resource.at)
    return None


def _method_request(draft: Draft, front: Front, fields: Fields, resource: Resource) -> None:
    fields.put("operation", resource.get("OperationName"), "OperationName")
    checked = gateway_parts.named(draft, resource.get("RequestValidatorId"))
    if checked is not None and checked.type == "AWS::ApiGateway::RequestValidator":
        words = {"body": "ValidateRequestBody", "parameters": "ValidateRequestParameters"}
        value = {field: truth(checked.get(word)) is True for field, word in words.items()}
        if checked.key not in front.names("validators"):
            front.add("validators", checked.key, made(value, checked.body), checked.at)
        given = resource.get("RequestValidatorId") or resource.body
        fields.put("validator", made(checked.key, given), "RequestValidatorId")
    inner = draft.fields(resource.at)
    for name, required in (resource.get("RequestParameters") or Node({}, *resource.at)).items():
        inner.put(name, made(truth(required) is True, required))
    fields.nest("request_parameters", inner, "RequestParameters")
    models = draft.fields(resource.at)
    for kind, model in (resource.get("RequestModels") or Node({}, *resource.at)).items():
        found = gateway_parts.named(draft, model)
        own = found is not None and found.type == "AWS::ApiGateway::Model"
        name = (found.text("Name") or found.name) if found is not None and own else model.text
        models.put(kind, made(gateway_parts.model_name(name), model))
    fields.nest("request_models", models, "RequestModels")


# HTTP and WebSocket


def _route(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    given, key = resource.get("ApiId"), resource.get("RouteKey")
    api = gateway_parts.named(draft, given)
    if key is None or text_of(key) is None:
        return []
    sockets = api is not None and (
        api.text("ProtocolType") == "WEBSOCKET" or api.type == "AWS::Serverless::WebSocketApi"
    )
    front = front_of(draft, Api(draft, given, "websocket" if sockets else "http"))
    integration = _integration(draft, resource.get("Target"))
    if integration is None:
        message = f"the route {key.text} has no integration that is in the template"
        draft.warn("not-supported", message, resource.at)
        return []
    what = f"the route {key.text}" if sockets else key.text
    goal = integrations.goal(
        draft,
        integration.get() or integration.body,
        front.kind,
        what,
        variables=_variables(front),
        responses=_integration_responses(draft, integration) if sockets else None,
    )
    fields = draft.fields(resource.at)
    if sockets:
        return _socket_route(draft, front, fields, resource, key, goal)
    _http_key(fields, key)
    _method_auth(draft, front, fields, resource)
    found = place(draft, front, fields, goal)
    return [found] if found is not None else []


def _http_key(fields: Fields, key: Node) -> None:
    verb, _, path = key.text.rpartition(" ")
    fields.put("path", made(path, key), "RouteKey")
    if verb:
        fields.put("method", made(verb.strip().upper(), key), "RouteKey")


def _integration(draft: Draft, goal: Node | None) -> Resource | None:
    for name in reversed((text_of(goal) or "").split("/")):
        found = draft.template.resources.get(name)
        if found is not None and found.type == "AWS::ApiGatewayV2::Integration":
            return found
    return None


def _integration_responses(draft: Draft, integration: Resource) -> list[Node]:
    return [
        node
        for one in draft.template.of_type("AWS::ApiGatewayV2::IntegrationResponse")
        if gateway_parts.named(draft, one.get("IntegrationId")) is integration
        and (node := one.get()) is not None
    ]


def _socket_route(
    draft: Draft, front: Front, fields: Fields, resource: Resource, key: Node, goal: Goal
) -> list[Trigger]:
    fields.put("route", key, "RouteKey")
    if text_of(key) == "$connect":
        _method_auth(draft, front, fields, resource)
        fields.value.pop("scopes", None)
    answers = any(
        gateway_parts.named(draft, one.get("RouteId")) is resource
        for one in draft.template.of_type("AWS::ApiGatewayV2::RouteResponse")
    )
    if answers or resource.get("RouteResponseSelectionExpression") is not None:
        fields.put("response", made(True, key), "RouteResponseSelectionExpression")
    return _socket(draft, front, fields, goal)


def _socket(draft: Draft, front: Front, fields: Fields, goal: Goal) -> list[Trigger]:
    if goal.kind != "lambda_proxy" or goal.target is None:
        place(draft, front, fields, goal)
        return []
    fields.put("timeout", goal.fields.value.get("timeout"), "TimeoutInMillis")
    selection = front.fields.value.get("selection")
    fields.put("selection", selection, "RouteSelectionExpression")
    fields.put("api", made(front.key, Node(None, *fields.at)), "ApiId")
    return [trigger_of(goal.target, "websocket", fields, fields.at)]


def _quick_api(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """An HTTP API with a ``Target``: one function, or one address, takes every request."""
    given = resource.get("Target")
    if given is None:
        return []
    front = front_of(draft, api_named(draft, resource, "http"))
    fields = draft.fields(resource.at)
    key = resource.get("RouteKey") or made("$default", Node(None, *resource.at))
    _http_key(fields, key)
    is_address = (text_of(given) or "").startswith("http")
    value = {"uri": given, "type": made("http_proxy" if is_address else "aws_proxy", given)}
    value["PayloadFormatVersion"] = made("2.0", given)
    for override in gateway_parts.overrides(draft, resource):
        said = override.get("Integration")
        value |= said.value if said is not None and said.is_mapping else {}
        route = override.get("Route")
        if route is not None and route.is_mapping:
            whole = Resource(
                draft.template, override.name, override.type, override.at, override.body, route
            )
            _method_auth(draft, front, fields, whole)
            fields.put("operation", whole.get("OperationName"), "OperationName")
    goal = integrations.goal(draft, Node(value, *given.at), "http", key.text)
    found = place(draft, front, fields, goal)
    return [found] if found is not None else []


def _web_socket(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """SAM's own: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-websocketapi.html"""
    given = resource.get("Routes")
    front = front_of(draft, api_named(draft, resource, "websocket"))
    stage = resource.get("StageName") or made("default", resource.body)
    front.fields.put("stage", gateway_parts.stage_name(stage), "StageName")
    variables = gateway_parts.variables(draft, resource.get("StageVariables"))
    front.fields.put("variables", variables, "StageVariables")
    selection = resource.get("RouteSelectionExpression")
    front.fields.put("selection", selection, "RouteSelectionExpression")
    gateway_parts.route_settings(
        front, resource.get("DefaultRouteSettings"), resource.get("RouteSettings")
    )
    auth = resource.get("Auth")
    kind = text_of(auth.get("AuthType")) if auth is not None else None
    if auth is not None and kind == "CUSTOM":
        name = text_of(auth.get("Name")) or f"{resource.key}ConnectAuthorizer"
        found = authorizers.of_web_socket(draft, auth)
        authorizers.put(draft, front, name, found, auth.at)
        front.fields.put("authorizer", made(name, auth), "Auth")
    elif auth is not None and kind == "AWS_IAM":
        front.fields.put("authorizer", made("iam", auth), "AuthType")
    triggers = []
    for key, entry in given.items() if given is not None else ():
        target = target_of(draft, entry.get("FunctionArn")) or uri_target(
            draft, entry.get("FunctionArn")
        )
        at = given.keys.get(key, entry.at) if given is not None else entry.at
        if target is None:
            message = f"the route {key} leads to no function of the template"
            draft.warn("not-supported", message, at)
            continue
        fields = draft.fields(at)
        fields.put("route", made(key, entry))
        wait = integrations.seconds(entry.get("IntegrationTimeout"))
        passed = draft.fields(at)
        passed.put("timeout", wait, "IntegrationTimeout")
        if entry.get("RouteResponseSelectionExpression") is not None:
            fields.put("response", made(True, entry), "RouteResponseSelectionExpression")
        triggers += _socket(draft, front, fields, Goal("lambda_proxy", passed, target))
    return triggers


def _whole(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """An API, so that all that is said of it is known before its routes are read."""
    kind = "rest" if resource.type == "AWS::ApiGateway::RestApi" else "http"
    if resource.text("ProtocolType") == "WEBSOCKET":
        kind = "websocket"
    front_of(draft, api_named(draft, resource, kind))
    return _quick_api(draft, owned, resource) if kind == "http" else []


READINGS: dict[str, Reading] = {
    "AWS::ApiGateway::RestApi": _whole,
    "AWS::ApiGatewayV2::Api": _whole,
    "AWS::Serverless::WebSocketApi": _web_socket,
    "AWS::ApiGateway::Method": _method,
    "AWS::ApiGatewayV2::Route": _route,
    **balancers.READINGS,
}
