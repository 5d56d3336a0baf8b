"""Resources of CloudFormation's own that configure or call a function: versions, aliases, URLs,
event source mappings, notifications, rules, routes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam import events, mappings, rare, routes
from lambdactl.manifest.sam.draft import Draft, Fields, Place, Trigger, listed, snake, source_name
from lambdactl.manifest.sam.routes import Api, function_named
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, resource_of, text_of

Owned = Mapping[str, Fields]
_NAME = r"(?:.*:function:)?(?P<name>[A-Za-z0-9_-]+)(?::(?P<qualifier>[A-Za-z0-9_$-]+))?"


class Target:
    """A function that a resource names, and the alias or version of it."""

    def __init__(self, function: Resource, qualifier: str | None) -> None:
        self.function = function
        self.qualifier = qualifier


def follow(draft: Draft, owned: Owned) -> list[Trigger]:
    """Complete the functions, and find the triggers of them."""
    found: list[Trigger] = []
    for kind, reading in _READINGS.items():
        for resource in draft.template.of_type(kind):
            found += reading(draft, owned, resource)
    return found


def _target(draft: Draft, node: Node | None) -> Target | None:
    """The function of this template that ``node`` names: by ``Ref``, by ARN or by name."""
    resource = resource_of(node)
    if resource is not None and resource.type in ("AWS::Lambda::Alias", "AWS::Lambda::Version"):
        inner = _target(draft, resource.get("FunctionName"))
        if inner is None:
            return None
        qualifier = resource.text("Name") if resource.type.endswith("Alias") else "1"
        return Target(inner.function, qualifier)
    text = text_of(node)
    match = re.fullmatch(_NAME, text or "")
    function = resource if resource is not None and resource.is_function else None
    if function is None and match is not None:
        function = function_named(draft, match["name"])
    if function is None:
        return None
    return Target(function, match["qualifier"] if match is not None else None)


def _trigger(draft: Draft, target: Target, kind: str, fields: Fields, at: Place) -> Trigger:
    if target.qualifier is not None and not target.qualifier.startswith("$"):
        fields.put("alias", made(target.qualifier, Node(None, *at)))
    return Trigger(target.function.key, kind, fields, at)


# Lambda's own


def _version(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target = _target(draft, resource.get("FunctionName"))
    if target is not None:
        inner = draft.fields(resource.at)
        inner.put("publish", made(True, Node(None, *resource.at)))
        inner.put("description", resource.get("Description"), "Description")
        owned[target.function.key].nest("versions", inner)
    return []


def _alias(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target, name = _target(draft, resource.get("FunctionName")), resource.get("Name")
    if target is None or name is None or text_of(name) is None:
        return []
    fields = owned[target.function.key]
    inner = draft.fields(resource.at)
    inner.put("version", _version_number(resource.get("FunctionVersion")), "FunctionVersion")
    inner.put("description", resource.get("Description"), "Description")
    weights = draft.fields(resource.at)
    for entry in members(resource.get("RoutingConfig", "AdditionalVersionWeights")):
        version = text_of(entry.get("FunctionVersion"))
        if version is not None:
            weights.put(version, entry.get("FunctionWeight"), "FunctionWeight")
    inner.nest("weights", weights, "RoutingConfig")
    _add(draft, fields, "aliases", name.text, inner.node(), resource.at)
    count = resource.get("ProvisionedConcurrencyConfig", "ProvisionedConcurrentExecutions")
    if count is not None:
        concurrency = fields.value.get("concurrency")
        provisioned = draft.fields(count.at)
        before = concurrency.get("provisioned") if concurrency is not None else None
        for key, node in before.items() if before is not None else ():
            provisioned.put(key, node)
        provisioned.put(name.text, count, "ProvisionedConcurrentExecutions")
        _add(draft, fields, "concurrency", "provisioned", provisioned.node(), resource.at)
    return []


def _version_number(node: Node | None) -> Node | None:
    """A version of the template is the newest one that is published."""
    resource = resource_of(node)
    if node is not None and (node.unknown or resource is not None):
        return made("latest", node)
    return node


def _add(draft: Draft, fields: Fields, field: str, name: str, node: Node, at: Place) -> None:
    """Put one more entry into a mapping of a function."""
    inner = draft.fields(at)
    before = fields.value.get(field)
    if before is not None:
        inner.value.update(before.value)
        inner.keys.update(before.keys)
    inner.put(name, node)
    fields.nest(field, inner)


def _url(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target = _target(draft, resource.get("TargetFunctionArn"))
    node = resource.get()
    if target is not None and node is not None:
        alias = resource.get("Qualifier")
        if alias is None and target.qualifier:
            alias = made(target.qualifier, node)
        inner = rare.function_url(draft, node, alias)
        owned[target.function.key].nest("url", inner)
    return []


def _invoke_config(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target, node = _target(draft, resource.get("FunctionName")), resource.get()
    if target is None or node is None:
        return []
    fields = owned[target.function.key]
    inner = rare.asynchronous(draft, node, target.function.name)
    qualifier = resource.text("Qualifier") or "$LATEST"
    aliases = fields.value.get("aliases")
    alias = aliases.get(qualifier) if aliases is not None else None
    if alias is not None:
        alias.value["async"] = inner.node()
        alias.keys["async"] = resource.at
    else:
        fields.nest("async", inner)
    return []


def _mapping(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target, node = _target(draft, resource.get("FunctionName")), resource.get()
    if target is None or node is None:
        return []
    kind = mappings.kind_of(node)
    if kind is None:
        draft.warn(
            "unknown-event", f"the source of `{resource.name}` is not known here", resource.at
        )
        return []
    found = mappings.trigger(draft, target.function, kind, node, resource.at)
    return [] if found is None else [_trigger(draft, target, kind, found.settings, resource.at)]


# Push


def _bucket(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3-bucket-lambdaconfiguration.html"""
    found = []
    for entry in members(resource.get("NotificationConfiguration", "LambdaConfigurations")):
        target = _target(draft, entry.get("Function"))
        if target is not None:
            fields = draft.fields(entry.at)
            fields.put("bucket", made(resource.physical_name, entry))
            fields.put("events", listed(entry.get("Event")), "Event")
            events.key_filter(fields, entry.get("Filter", "S3Key", "Rules"))
            found.append(_trigger(draft, target, "s3", fields, entry.at))
    return found


def _topic(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    found = []
    for entry in members(resource.get("Subscription")):
        target = _target(draft, entry.get("Endpoint"))
        if target is not None and text_of(entry.get("Protocol")) == "lambda":
            fields = draft.fields(entry.at)
            fields.put("topic", made(resource.physical_name, entry))
            found.append(_trigger(draft, target, "sns", fields, entry.at))
    return found


def _subscription(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target, node = _target(draft, resource.get("Endpoint")), resource.get()
    if target is None or node is None or resource.text("Protocol") != "lambda":
        return []
    fields = draft.fields(resource.at)
    topic = node.get("TopicArn")
    fields.put("topic", source_name(topic, resource_of(topic)), "TopicArn")
    events.subscription(fields, node)
    return [_trigger(draft, target, "sns", fields, resource.at)]


def _rule(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """A rule of EventBridge, with a pattern or a schedule.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html
    """
    found, node = [], resource.get()
    for entry in members(resource.get("Targets")):
        target = _target(draft, entry.get("Arn"))
        if target is None or node is None:
            continue
        expression = node.get("ScheduleExpression")
        fields = draft.fields(resource.at)
        kind = "eventbridge" if expression is None else "schedule"
        if expression is None:
            events.rule(fields, node)
            draft.says(resource.at, "pattern", "EventPattern")
        else:
            fields.put("expression", expression, "ScheduleExpression")
        events.target(fields, entry)
        fields.put("name", node.get("Name"), "Name")
        _enabled(fields, node)
        found.append(_trigger(draft, target, kind, fields, resource.at))
    return found


def _enabled(fields: Fields, node: Node) -> None:
    state = node.get("State")
    if state is not None and text_of(state) == "DISABLED":
        fields.put("enabled", made(False, state), "State")


def _schedule(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target, node = _target(draft, resource.get("Target", "Arn")), resource.get()
    if target is None or node is None:
        return []
    fields = draft.fields(resource.at)
    events.scheduler(fields, node)
    events.target(fields, node.get("Target") or node)
    _enabled(fields, node)
    return [_trigger(draft, target, "schedule", fields, resource.at)]


def _log_filter(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target, node = _target(draft, resource.get("DestinationArn")), resource.get()
    if target is None or node is None:
        return []
    fields = draft.fields(resource.at)
    events.log_filter(fields, node)
    fields.put("name", node.get("FilterName"), "FilterName")
    return [_trigger(draft, target, "cloudwatch_logs", fields, resource.at)]


def _user_pool(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-cognito-userpool-lambdaconfig.html"""
    config = resource.get("LambdaConfig")
    found = []
    for name, given in config.items() if config is not None else ():
        target = _target(draft, given.get("LambdaArn") or given)
        if target is None:
            continue
        event = {"PreTokenGenerationConfig": "pre_token_generation"}.get(name, snake(name))
        fields = draft.fields(given.at)
        fields.put("user_pool", made(resource.key, given))
        fields.put("events", made([event], given), name)
        version = {"V2_0": "v2", "V3_0": "v3"}.get(text_of(given.get("LambdaVersion")) or "")
        fields.put("version", made(version, given) if version else None)
        found.append(_trigger(draft, target, "cognito", fields, given.at))
    return found


def _topic_rule(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    payload = resource.get("TopicRulePayload")
    found = []
    for action in members(payload.get("Actions") if payload is not None else None):
        target = _target(draft, action.get("Lambda", "FunctionArn"))
        if target is not None and payload is not None:
            fields = draft.fields(resource.at)
            events.iot_rule(fields, payload, resource.at)
            fields.put("name", resource.get("RuleName"), "RuleName")
            found.append(_trigger(draft, target, "iot", fields, resource.at))
    return found


def _repository(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    found = []
    for entry in members(resource.get("Triggers")):
        target = _target(draft, entry.get("DestinationArn"))
        if target is not None:
            fields = draft.fields(entry.at)
            fields.put("repository", made(resource.physical_name, entry))
            names = [snake(event.text) for event in members(entry.get("Events"))]
            fields.put("events", made(names, entry) if names else None, "Events")
            fields.put("branches", entry.get("Branches"), "Branches")
            fields.put("name", entry.get("Name"), "Name")
            fields.put("data", entry.get("CustomData"), "CustomData")
            found.append(_trigger(draft, target, "codecommit", fields, entry.at))
    return found


# APIs


def _uri_target(draft: Draft, node: Node | None) -> Target | None:
    """The function in an integration's URI."""
    text = text_of(node) or ""
    start = text.find("arn:", 1) if "/functions/" in text else 0
    resource = resource_of(node)
    if resource is not None and start == 0:
        return _target(draft, node)
    if node is None or not text:
        return None
    arn = text[start:].removesuffix("/invocations")
    return _target(draft, made(arn, node))


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
    return [_trigger(draft, target, "rest", fields, resource.at)]


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
        return [_trigger(draft, target, "websocket", fields, resource.at)]
    verb, _, path = key.text.rpartition(" ")
    fields.put("path", made(path, key), "RouteKey")
    if verb:
        fields.put("method", made(verb, key), "RouteKey")
    fields.put("payload", made("v1" if version == "1.0" else "v2", key))
    routes.http_settings(draft, fields, Api(draft, given, "HttpApi"))
    return [_trigger(draft, target, "http", fields, resource.at)]


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
    return [_trigger(draft, target, "http", fields, resource.at)]


def _web_socket(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """SAM's own: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-websocketapi.html"""
    given = resource.get("Routes")
    found = []
    for key, entry in given.items() if given is not None else ():
        target = _target(draft, entry.get("FunctionArn"))
        if target is not None and given is not None:
            at = given.keys.get(key, entry.at)
            fields = draft.fields(at)
            fields.put("route", made(key, entry))
            selection = resource.get("RouteSelectionExpression")
            fields.put("selection", selection, "RouteSelectionExpression")
            fields.put("api", made(resource.key, entry))
            found.append(_trigger(draft, target, "websocket", fields, at))
    return found


_READINGS: dict[str, Callable[[Draft, Owned, Resource], list[Trigger]]] = {
    "AWS::Lambda::Version": _version,
    "AWS::Lambda::Alias": _alias,
    "AWS::Lambda::Url": _url,
    "AWS::Lambda::EventInvokeConfig": _invoke_config,
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::Subscription": _subscription,
    "AWS::Events::Rule": _rule,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::Logs::SubscriptionFilter": _log_filter,
    "AWS::Cognito::UserPool": _user_pool,
    "AWS::IoT::TopicRule": _topic_rule,
    "AWS::CodeCommit::Repository": _repository,
    "AWS::ApiGateway::Method": _method,
    "AWS::ApiGatewayV2::Route": _route,
    "AWS::ApiGatewayV2::Api": _quick_api,
    "AWS::Serverless::WebSocketApi": _web_socket,
}
"""In the order in which one may need another: aliases before what calls them."""
