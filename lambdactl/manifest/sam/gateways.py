"""APIs and load balancers of CloudFormation's own, where they lead to a function."""

from __future__ import annotations

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam import routes
from lambdactl.manifest.sam.draft import Draft, Fields, Trigger, listed
from lambdactl.manifest.sam.routes import Api
from lambdactl.manifest.sam.targets import Owned, Reading, Target, target_of, trigger_of
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, resource_of, text_of


def _target_group(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """A function behind a load balancer: a trigger for each rule that forwards to its group.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-targetgroup.html
    """
    if resource.text("TargetType") != "lambda":
        return []
    many = any(
        text_of(entry.get("Key")) == "lambda.multi_value_headers.enabled"
        and text_of(entry.get("Value")) == "true"
        for entry in members(resource.get("TargetGroupAttributes"))
    )
    rules = [
        rule
        for rule in draft.template.of_type("AWS::ElasticLoadBalancingV2::ListenerRule")
        if any(_forwards(action, resource) for action in members(rule.get("Actions")))
    ]
    found = []
    for entry in members(resource.get("Targets")):
        target = target_of(draft, entry.get("Id"))
        for rule in rules or [resource]:
            if target is None:
                continue
            fields = draft.fields(rule.at)
            for condition in members(rule.get("Conditions")):
                _condition(fields, condition)
            fields.put("priority", rule.get("Priority"), "Priority")
            if many:
                fields.put("multi_value_headers", made(True, entry))
            found.append(trigger_of(draft, target, "alb", fields, rule.at))
    return found


def _forwards(action: Node, group: Resource) -> bool:
    groups = [action.get("TargetGroupArn")]
    groups += [
        g.get("TargetGroupArn") for g in members(action.get("ForwardConfig", "TargetGroups"))
    ]
    return any(resource_of(node) is group for node in groups)


def _condition(fields: Fields, node: Node) -> None:
    kind = text_of(node.get("Field"))
    if kind == "path-pattern":
        values = node.get("PathPatternConfig", "Values") or node.get("Values")
        fields.put("path", listed(values), "Values")
    elif kind == "host-header":
        hosts = members(node.get("HostHeaderConfig", "Values") or node.get("Values"))
        fields.put("host", hosts[0] if hosts else None, "Values")
    elif kind == "http-request-method":
        fields.put("methods", node.get("HttpRequestMethodConfig", "Values"), "Values")


def _uri_target(draft: Draft, node: Node | None) -> Target | None:
    """The function in an integration's URI."""
    text = text_of(node) or ""
    start = text.find("arn:", 1) if "/functions/" in text else 0
    resource = resource_of(node)
    if resource is not None and start == 0:
        return target_of(draft, node)
    if node is None or not text:
        return None
    arn = text[start:].removesuffix("/invocations")
    return target_of(draft, made(arn, node))


def _method(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-method.html"""
    target = _uri_target(draft, resource.get("Integration", "Uri"))
    api = resource.get("RestApiId")
    if target is None:
        return []
    fields = draft.fields(resource.at)
    path = _resource_path(resource_of(resource.get("ResourceId")))
    fields.put("path", made(path, Node(None, *resource.at)))
    fields.put("method", routes.method(resource.get("HttpMethod")), "HttpMethod")
    if text_of(resource.get("AuthorizationType")) == "AWS_IAM":
        fields.put("authorizer", made("iam", resource.get("AuthorizationType") or resource.body))
    routes.rest_settings(draft, fields, Api(draft, api, "Api"))
    return [trigger_of(draft, target, "rest", fields, resource.at)]


def _resource_path(resource: Resource | None) -> str:
    """The path of an ``AWS::ApiGateway::Resource``: those of its parents, and its own part."""
    parts: list[str] = []
    while resource is not None and resource.type == "AWS::ApiGateway::Resource":
        parts.insert(0, resource.text("PathPart") or "")
        if len(parts) > 30:
            break
        resource = resource_of(resource.get("ParentId"))
    return "/" + "/".join(parts)


def _route(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-route.html"""
    given, key = resource.get("ApiId"), resource.get("RouteKey")
    api, target = resource_of(given), None
    goal = resource.get("Target")
    for name in reversed((text_of(goal) or "").split("/")):
        integration = draft.template.resources.get(name)
        if integration is not None and integration.type == "AWS::ApiGatewayV2::Integration":
            target = _uri_target(draft, integration.get("IntegrationUri"))
            version = integration.text("PayloadFormatVersion")
            break
    if target is None or key is None or text_of(key) is None:
        return []
    fields = draft.fields(resource.at)
    if api is not None and (api.text("ProtocolType") == "WEBSOCKET" or "WebSocket" in api.type):
        fields.put("route", key, "RouteKey")
        fields.put("selection", api.get("RouteSelectionExpression"), "RouteSelectionExpression")
        fields.put("api", made(api.key, key), "ApiId")
        return [trigger_of(draft, target, "websocket", fields, resource.at)]
    verb, _, path = key.text.rpartition(" ")
    fields.put("path", made(path, key), "RouteKey")
    if verb:
        fields.put("method", made(verb, key), "RouteKey")
    fields.put("payload", made("v1" if version == "1.0" else "v2", key))
    routes.http_settings(draft, fields, Api(draft, given, "HttpApi"))
    return [trigger_of(draft, target, "http", fields, resource.at)]


def _quick_api(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """An HTTP API with a ``Target``: one function takes every request."""
    target = _uri_target(draft, resource.get("Target"))
    if target is None:
        return []
    fields = draft.fields(resource.at)
    key = resource.get("RouteKey") or made("$default", Node(None, *resource.at))
    verb, _, path = key.text.rpartition(" ")
    fields.put("path", made(path, key), "RouteKey")
    if verb:
        fields.put("method", made(verb, key), "RouteKey")
    fields.put("api", made(resource.key, key))
    return [trigger_of(draft, target, "http", fields, resource.at)]


def _web_socket(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """SAM's own: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-websocketapi.html"""
    given = resource.get("Routes")
    found = []
    for key, entry in given.items() if given is not None else ():
        target = target_of(draft, entry.get("FunctionArn"))
        if target is not None and given is not None:
            at = given.keys.get(key, entry.at)
            fields = draft.fields(at)
            fields.put("route", made(key, entry))
            selection = resource.get("RouteSelectionExpression")
            fields.put("selection", selection, "RouteSelectionExpression")
            fields.put("api", made(resource.key, entry))
            found.append(trigger_of(draft, target, "websocket", fields, at))
    return found


READINGS: dict[str, Reading] = {
    "AWS::ElasticLoadBalancingV2::TargetGroup": _target_group,
    "AWS::ApiGateway::Method": _method,
    "AWS::ApiGatewayV2::Route": _route,
    "AWS::ApiGatewayV2::Api": _quick_api,
    "AWS::Serverless::WebSocketApi": _web_socket,
}
