"""``Events`` of a serverless function -> triggers.

Every type of https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-eventsource.html
"""

from __future__ import annotations

import json
from collections.abc import Callable

from lambdactl.errors import did_you_mean
from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import (
    Draft,
    Fields,
    Place,
    Trigger,
    boolean,
    listed,
    snake,
    source_name,
    word,
)
from lambdactl.manifest.sam.functions import destination
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, resource_of, text_of

_OLDEST_SQL = "2015-10-08"
"""The version of an IoT statement that names none:
https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-sql-version.html"""


def of_function(draft: Draft, resource: Resource, alias: Node | None) -> list[Trigger]:
    """The triggers of one function. With ``AutoPublishAlias`` they call the alias."""
    events = resource.get("Events")
    found: list[Trigger] = []
    if events is None or not events.is_mapping:
        return found
    for name, event in events.items():
        at = events.keys.get(name, event.at)
        kind = text_of(event.get("Type"))
        if kind not in _TYPES:
            message = f"the event `{name}` has a type `{kind}`, which is not known here"
            if kind is None:
                message = f"the event `{name}` needs `Type`"
            draft.warn(
                "unknown-event" if kind else "missing-field",
                message,
                event.get("Type") or at,
                did_you_mean(kind or "", _TYPES) or f"one of: {', '.join(_TYPES)}",
            )
            continue
        properties = event.get("Properties")
        if properties is None or not properties.is_mapping:
            properties = Node({}, *at)
        trigger = _TYPES[kind](draft, resource, name, properties, at)
        if trigger is not None:
            trigger.settings.put("alias", alias)
            draft.says(at, trigger.kind, kind)
            found.append(trigger)
    return found


def s3(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger:
    fields = draft.fields(at)
    bucket = node.get("Bucket")
    fields.put("bucket", source_name(bucket, resource_of(bucket)), "Bucket")
    fields.put("events", listed(node.get("Events")), "Events")
    key_filter(fields, node.get("Filter", "S3Key", "Rules"))
    draft.says(at, "bucket", "Bucket")
    return Trigger(owner.key, "s3", fields, at)


def key_filter(fields: Fields, rules: Node | None) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3-bucket-filterrule.html"""
    for rule in members(rules):
        side = (text_of(rule.get("Name")) or "").lower()
        if side in ("prefix", "suffix"):
            fields.put(side, rule.get("Value"), "Value")


def sns(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger:
    queue = node.get("SqsSubscription")
    if queue is not None and (queue.is_mapping or queue.text == "true"):
        return _sns_over_sqs(draft, owner, name, queue, at)
    fields = draft.fields(at)
    topic = node.get("Topic")
    fields.put("topic", source_name(topic, resource_of(topic)), "Topic")
    subscription(fields, node)
    draft.says(at, "topic", "Topic")
    return Trigger(owner.key, "sns", fields, at)


def subscription(fields: Fields, node: Node) -> None:
    """What SAM's event and a subscription of its own have in common."""
    fields.put("filter", node.get("FilterPolicy"), "FilterPolicy")
    fields.put("filter_scope", word(node.get("FilterPolicyScope")), "FilterPolicyScope")
    letters = node.get("RedrivePolicy", "deadLetterTargetArn")
    fields.put("dead_letter", destination(letters), "RedrivePolicy")


def _sns_over_sqs(draft: Draft, owner: Resource, name: str, queue: Node, at: Place) -> Trigger:
    """A queue between the topic and the function: the function gets events of the queue."""
    fields = draft.fields(at)
    given = queue.get("QueueArn")
    if given is None:
        fields.put("queue", made(f"{owner.key}{name}Queue", queue), "SqsSubscription")
        draft.own("queues", f"{owner.key}{name}Queue", draft.fields(queue.at))
    else:
        fields.put("queue", source_name(given, resource_of(given)), "QueueArn")
    fields.put("batch_size", queue.get("BatchSize"), "BatchSize")
    fields.put("enabled", boolean(queue.get("Enabled")), "Enabled")
    draft.lose(f"the event `{name}`: that the topic feeds the queue", queue)
    return Trigger(owner.key, "sqs", fields, at)


def schedule(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger:
    fields = draft.fields(at)
    fields.put("expression", node.get("Schedule"), "Schedule")
    _input(fields, node)
    fields.put("name", node.get("Name"), "Name")
    _delivery(draft, fields, node, owner, name)
    fields.put("enabled", _state(node), "Enabled")
    draft.says(at, "expression", "Schedule")
    return Trigger(owner.key, "schedule", fields, at)


def schedule_v2(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger:
    fields = draft.fields(at)
    scheduler(fields, node)
    _delivery(draft, fields, node, owner, name)
    fields.put("enabled", _state(node), "State")
    _input(fields, node)
    draft.says(at, "expression", "ScheduleExpression")
    return Trigger(owner.key, "schedule", fields, at)


def scheduler(fields: Fields, node: Node) -> None:
    """What SAM's event and a schedule of EventBridge Scheduler have in common."""
    for word_, field in (
        ("ScheduleExpression", "expression"),
        ("ScheduleExpressionTimezone", "timezone"),
        ("Name", "name"),
        ("GroupName", "group"),
        ("StartDate", "start"),
        ("EndDate", "end"),
    ):
        fields.put(field, node.get(word_), word_)
    minutes = node.get("FlexibleTimeWindow", "MaximumWindowInMinutes")
    if minutes is not None and minutes.text.isdigit():
        fields.put("flexible_window", made(int(minutes.text) * 60, minutes), "FlexibleTimeWindow")


def eventbridge(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger:
    fields = draft.fields(at)
    rule(fields, node)
    _input(fields, node)
    fields.put("name", node.get("RuleName"), "RuleName")
    _delivery(draft, fields, node, owner, name)
    fields.put("enabled", _state(node), "Enabled")
    draft.says(at, "pattern", "Pattern")
    return Trigger(owner.key, "eventbridge", fields, at)


def rule(fields: Fields, node: Node) -> None:
    """What SAM's event and a rule of its own have in common."""
    bus = node.get("EventBusName")
    fields.put("bus", source_name(bus, resource_of(bus)), "EventBusName")
    pattern = node.get("Pattern") or node.get("EventPattern")
    fields.put("pattern", pattern, "Pattern")


def target(fields: Fields, node: Node) -> None:
    """How a target of a rule gets the event, and what happens when it can't."""
    _input(fields, node)
    policy = node.get("RetryPolicy")
    if policy is not None:
        fields.put("retries", policy.get("MaximumRetryAttempts"), "MaximumRetryAttempts")
        fields.put("max_age", policy.get("MaximumEventAgeInSeconds"), "MaximumEventAgeInSeconds")
    fields.put("dead_letter", destination(node.get("DeadLetterConfig", "Arn")), "DeadLetterConfig")


def _input(fields: Fields, node: Node) -> None:
    given = node.get("Input")
    text = text_of(given)
    if given is not None and text is not None and not given.unknown:
        try:
            given = made(json.loads(text), given)
        except ValueError:
            given = made(text, given)
    fields.put("input", given, "Input")
    fields.put("input_path", node.get("InputPath"), "InputPath")
    transformer = node.get("InputTransformer")
    if transformer is not None and transformer.is_mapping:
        inner = fields.draft.fields(transformer.at)
        inner.put("paths", transformer.get("InputPathsMap"), "InputPathsMap")
        inner.put("template", transformer.get("InputTemplate"), "InputTemplate")
        fields.nest("input_template", inner, "InputTransformer")


def _delivery(draft: Draft, fields: Fields, node: Node, owner: Resource, name: str) -> None:
    policy, letters = node.get("RetryPolicy"), node.get("DeadLetterConfig")
    if policy is not None:
        fields.put("retries", policy.get("MaximumRetryAttempts"), "MaximumRetryAttempts")
        fields.put("max_age", policy.get("MaximumEventAgeInSeconds"), "MaximumEventAgeInSeconds")
    if letters is None:
        return
    arn = letters.get("Arn")
    if arn is None:
        queue = text_of(letters.get("QueueLogicalId")) or f"{owner.key}{name}Queue"
        fields.put("dead_letter", made({"queue": queue}, letters), "DeadLetterConfig")
        draft.own("queues", queue, draft.fields(letters.at))
    else:
        fields.put("dead_letter", destination(arn), "DeadLetterConfig")


def _state(node: Node) -> Node | None:
    state = node.get("State")
    text = text_of(state)
    if state is not None and text in ("ENABLED", "DISABLED"):
        return made(text == "ENABLED", state)
    return boolean(node.get("Enabled"))


def cloudwatch_logs(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger:
    fields = draft.fields(at)
    log_filter(fields, node)
    draft.says(at, "group", "LogGroupName")
    return Trigger(owner.key, "cloudwatch_logs", fields, at)


def log_filter(fields: Fields, node: Node) -> None:
    """What SAM's event and a subscription filter of its own have in common."""
    group = node.get("LogGroupName")
    if group is not None and group.unknown:
        group = source_name(group, None)
    fields.put("group", group, "LogGroupName")
    fields.put("filter", node.get("FilterPattern"), "FilterPattern")


def iot(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger:
    fields = draft.fields(at)
    iot_rule(fields, node, at)
    draft.says(at, "sql", "Sql")
    return Trigger(owner.key, "iot", fields, at)


def iot_rule(fields: Fields, node: Node, at: Place) -> None:
    """What SAM's event and a topic rule of its own have in common."""
    fields.put("sql", node.get("Sql"), "Sql")
    version = node.get("AwsIotSqlVersion") or made(_OLDEST_SQL, Node(None, *at))
    fields.put("sql_version", version, "AwsIotSqlVersion")


def alexa(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger:
    fields = draft.fields(at)
    fields.put("skill", node.get("SkillId"), "SkillId")
    return Trigger(owner.key, "alexa", fields, at)


def cognito(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger:
    fields = draft.fields(at)
    pool = node.get("UserPool")
    found = resource_of(pool)
    fields.put("user_pool", made(found.key, pool) if found and pool else pool, "UserPool")
    triggers = node.get("Trigger")
    if triggers is not None and not triggers.unknown:
        names = [snake(trigger.text) for trigger in members(triggers)]
        fields.put("events", made(names, triggers), "Trigger")
    for field, word_ in (("user_pool", "UserPool"), ("events", "Trigger")):
        draft.says(at, field, word_)
    return Trigger(owner.key, "cognito", fields, at)


def _rest(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger:
    from lambdactl.manifest.sam import routes

    return routes.rest(draft, owner, node, at)


def _http(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger:
    from lambdactl.manifest.sam import routes

    return routes.http(draft, owner, node, at)


def _mapping(kind: str) -> Callable[[Draft, Resource, str, Node, Place], Trigger | None]:
    def event(draft: Draft, owner: Resource, name: str, node: Node, at: Place) -> Trigger | None:
        from lambdactl.manifest.sam import mappings

        return mappings.trigger(draft, owner, kind, node, at)

    return event


_TYPES: dict[str, Callable[[Draft, Resource, str, Node, Place], Trigger | None]] = {
    "AlexaSkill": alexa,
    "Api": _rest,
    "CloudWatchEvent": eventbridge,
    "CloudWatchLogs": cloudwatch_logs,
    "Cognito": cognito,
    "DocumentDB": _mapping("documentdb"),
    "DynamoDB": _mapping("dynamodb"),
    "EventBridgeRule": eventbridge,
    "HttpApi": _http,
    "IoTRule": iot,
    "Kinesis": _mapping("kinesis"),
    "MQ": _mapping("mq"),
    "MSK": _mapping("kafka"),
    "S3": s3,
    "SNS": sns,
    "SQS": _mapping("sqs"),
    "Schedule": schedule,
    "ScheduleV2": schedule_v2,
    "SelfManagedKafka": _mapping("kafka"),
}
