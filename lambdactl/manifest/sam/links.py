"""Resources of CloudFormation's own that configure or call a function: versions, aliases, URLs,
event source mappings, notifications, rules, routes.
"""

from __future__ import annotations

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam import events, mappings, rare
from lambdactl.manifest.sam.draft import Draft, Fields, Place, Trigger, listed, snake, source_name
from lambdactl.manifest.sam.targets import Owned, Reading, target_of, trigger_of
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, resource_of, text_of


def follow(draft: Draft, owned: Owned) -> list[Trigger]:
    """Complete the functions, and find the triggers of them."""
    found: list[Trigger] = []
    readings = _READINGS
    if any(r.type.startswith(_GATEWAYS) for r in draft.template.resources.values()):
        from lambdactl.manifest.sam import gateways

        readings = {**_READINGS, **gateways.READINGS}
    for kind, reading in readings.items():
        for resource in draft.template.of_type(kind):
            found += reading(draft, owned, resource)
    return found


# Lambda's own


def _version(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target = target_of(draft, resource.get("FunctionName"))
    if target is not None:
        inner = draft.fields(resource.at)
        inner.put("publish", made(True, Node(None, *resource.at)))
        inner.put("description", resource.get("Description"), "Description")
        owned[target.function.key].nest("versions", inner)
    return []


def _alias(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target, name = target_of(draft, resource.get("FunctionName")), resource.get("Name")
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
    target = target_of(draft, resource.get("TargetFunctionArn"))
    node = resource.get()
    if target is not None and node is not None:
        alias = resource.get("Qualifier")
        if alias is None and target.qualifier:
            alias = made(target.qualifier, node)
        inner = rare.function_url(draft, node, alias)
        fields = owned[target.function.key]
        if "url" in fields.value:
            # AWS has one for the function and one for each alias.
            message = f"`{target.function.key}` has two URLs; only `{resource.key}` is served"
            draft.warn("not-supported", message, node)
        fields.nest("url", inner)
    return []


def _invoke_config(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target, node = target_of(draft, resource.get("FunctionName")), resource.get()
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
    target, node = target_of(draft, resource.get("FunctionName")), resource.get()
    if target is None or node is None:
        return []
    kind = mappings.kind_of(node)
    if kind is None:
        draft.warn(
            "unknown-event", f"the source of `{resource.name}` is not known here", resource.at
        )
        return []
    found = mappings.trigger(draft, target.function, kind, node, resource.at)
    return [] if found is None else [trigger_of(target, kind, found.settings, resource.at)]


# Push


def _bucket(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3-bucket-lambdaconfiguration.html"""
    found = []
    for entry in members(resource.get("NotificationConfiguration", "LambdaConfigurations")):
        target = target_of(draft, entry.get("Function"))
        if target is not None:
            fields = draft.fields(entry.at)
            fields.put("bucket", made(resource.physical_name, entry))
            fields.put("events", listed(entry.get("Event")), "Event")
            events.key_filter(fields, entry.get("Filter", "S3Key", "Rules"))
            found.append(trigger_of(target, "s3", fields, entry.at))
    return found


def _topic(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    found = []
    for entry in members(resource.get("Subscription")):
        target = target_of(draft, entry.get("Endpoint"))
        if target is not None and text_of(entry.get("Protocol")) == "lambda":
            fields = draft.fields(entry.at)
            fields.put("topic", made(resource.physical_name, entry))
            found.append(trigger_of(target, "sns", fields, entry.at))
    return found


def _subscription(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target, node = target_of(draft, resource.get("Endpoint")), resource.get()
    if target is None or node is None or resource.text("Protocol") != "lambda":
        return []
    fields = draft.fields(resource.at)
    topic = node.get("TopicArn")
    fields.put("topic", source_name(topic, resource_of(topic)), "TopicArn")
    events.subscription(fields, node)
    return [trigger_of(target, "sns", fields, resource.at)]


def _rule(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """A rule of EventBridge, with a pattern or a schedule.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html
    """
    found, node = [], resource.get()
    for entry in members(resource.get("Targets")):
        target = target_of(draft, entry.get("Arn"))
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
        found.append(trigger_of(target, kind, fields, resource.at))
    return found


def _enabled(fields: Fields, node: Node) -> None:
    state = node.get("State")
    if state is not None and text_of(state) == "DISABLED":
        fields.put("enabled", made(False, state), "State")


def _schedule(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target, node = target_of(draft, resource.get("Target", "Arn")), resource.get()
    if target is None or node is None:
        return []
    fields = draft.fields(resource.at)
    events.scheduler(fields, node)
    events.target(fields, node.get("Target") or node)
    _enabled(fields, node)
    return [trigger_of(target, "schedule", fields, resource.at)]


def _log_filter(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    target, node = target_of(draft, resource.get("DestinationArn")), resource.get()
    if target is None or node is None:
        return []
    fields = draft.fields(resource.at)
    events.log_filter(fields, node)
    fields.put("name", node.get("FilterName"), "FilterName")
    return [trigger_of(target, "cloudwatch_logs", fields, resource.at)]


def _user_pool(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-cognito-userpool-lambdaconfig.html"""
    config = resource.get("LambdaConfig")
    found = []
    for name, given in config.items() if config is not None else ():
        target = target_of(draft, given.get("LambdaArn") or given)
        if target is None:
            continue
        event = {"PreTokenGenerationConfig": "pre_token_generation"}.get(name, snake(name))
        fields = draft.fields(given.at)
        fields.put("user_pool", made(resource.key, given))
        fields.put("events", made([event], given), name)
        version = {"V2_0": "v2", "V3_0": "v3"}.get(text_of(given.get("LambdaVersion")) or "")
        fields.put("version", made(version, given) if version else None)
        found.append(trigger_of(target, "cognito", fields, given.at))
    return found


def _topic_rule(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    payload = resource.get("TopicRulePayload")
    found = []
    for action in members(payload.get("Actions") if payload is not None else None):
        target = target_of(draft, action.get("Lambda", "FunctionArn"))
        if target is not None and payload is not None:
            fields = draft.fields(resource.at)
            events.iot_rule(fields, payload, resource.at)
            fields.put("name", resource.get("RuleName"), "RuleName")
            found.append(trigger_of(target, "iot", fields, resource.at))
    return found


def _repository(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    found = []
    for entry in members(resource.get("Triggers")):
        target = target_of(draft, entry.get("DestinationArn"))
        if target is not None:
            fields = draft.fields(entry.at)
            fields.put("repository", made(resource.physical_name, entry))
            names = [snake(event.text) for event in members(entry.get("Events"))]
            fields.put("events", made(names, entry) if names else None, "Events")
            fields.put("branches", entry.get("Branches"), "Branches")
            fields.put("name", entry.get("Name"), "Name")
            fields.put("data", entry.get("CustomData"), "CustomData")
            found.append(trigger_of(target, "codecommit", fields, entry.at))
    return found


_READINGS: dict[str, Reading] = {
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
}
"""In the order in which one may need another: aliases before what calls them."""
_GATEWAYS = (
    "AWS::ApiGateway",
    "AWS::ElasticLoadBalancingV2",
    "AWS::Serverless::WebSocketApi",
)
