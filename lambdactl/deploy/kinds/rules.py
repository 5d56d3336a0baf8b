"""Rules of EventBridge, each with one target of lambdactl's.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import calling, tagging
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.callers import caller_of, callers
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.errors import AwsError

_PRINCIPAL = "events.amazonaws.com"
_TARGET = "lambdactl"
"""The id of our target of a rule."""
_RETRIES, _AGE_S = 185, 86400
"""Where a target has no policy of its own
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html)."""
_RULE = frozenset({"pattern", "enabled"})


class Rule:
    """``rule:BUS/NAME``; a bus of another account by its ARN."""

    name: ClassVar[str] = "rule"
    title: ClassVar[str] = "rule"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        bus, _, rule = name.rpartition("/")
        found = _rules(context, bus).get(rule)
        if found is None:
            return None
        events = context.account.client("events")
        with allowed("ResourceNotFoundException"):
            tags = tagging.mapping(events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"])
            targets = {one["Id"]: one for one in _targets(context, bus, rule)}
            target = targets.get(_TARGET, {})
            arn = target.get("Arn")
            path = found["Arn"].partition(":rule/")[2]
            caller = caller_of(context, arn, calling.rule(path)) if arn else None
            return Live(
                kind=self.name,
                name=name,
                properties={
                    "pattern": json.loads(found.get("EventPattern") or "{}"),
                    "enabled": found.get("State") != "DISABLED",
                    **_of_target(target),
                },
                outputs={"arn": found["Arn"]},
                owner=tagging.owner(tags),
                hash=tagging.deployed(tags),
                needs=caller.needs if caller else (),
            )
        return None

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        home = context.naming.arn("events", "rule/")
        sources = [one.source_arn or "" for one in callers(context, functions, _PRINCIPAL)]
        for arn in {*sources, *tagging.arns(context, "events")}:
            if arn.startswith(home):
                bus, _, name = arn.removeprefix(home).rpartition("/")
                yield f"{bus or 'default'}/{name}"

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        bus, _, rule = resource.name.rpartition("/")
        events = context.account.client("events")
        answer = events.put_rule(
            Name=rule,
            EventBusName=bus,
            EventPattern=json.dumps(resource.properties["pattern"]),
            State="ENABLED" if resource.properties["enabled"] else "DISABLED",
            Tags=tagging.pairs(tagging.begun(context, resource)),
        )
        _put_target(context, bus, rule, resource.properties)
        events.tag_resource(
            ResourceARN=answer["RuleArn"], Tags=tagging.pairs(tagging.of(context, resource))
        )
        context.account.forget(f"rules:{bus}/")
        return {"arn": answer["RuleArn"]}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        bus, _, rule = resource.name.rpartition("/")
        events = context.account.client("events")
        if changed & _RULE:
            events.put_rule(
                Name=rule,
                EventBusName=bus,
                EventPattern=json.dumps(resource.properties["pattern"]),
                State="ENABLED" if resource.properties["enabled"] else "DISABLED",
            )
        if changed - _RULE:
            _put_target(context, bus, rule, resource.properties)
        # PutRule ignores the tags of a rule that is there.
        events.tag_resource(
            ResourceARN=live.outputs["arn"], Tags=tagging.pairs(tagging.of(context, resource))
        )
        context.account.forget(f"rules:{bus}/")
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        bus, _, rule = live.name.rpartition("/")
        events = context.account.client("events")
        with allowed("ResourceNotFoundException"):
            # A rule with targets can't be deleted.
            ids = [one["Id"] for one in _targets(context, bus, rule)]
            if ids:
                _check(events.remove_targets(Rule=rule, EventBusName=bus, Ids=ids))
            events.delete_rule(Name=rule, EventBusName=bus)
        context.account.forget(f"rules:{bus}/")


KINDS = (Rule(),)


def _rules(context: Context, bus: str) -> Mapping[str, Mapping[str, Any]]:
    """The rules of a bus by name; none where there is no such bus."""

    def ask() -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        with allowed("ResourceNotFoundException"):
            pages = context.account.client("events").get_paginator("list_rules")
            for page in pages.paginate(EventBusName=bus):
                found.update({one["Name"]: one for one in page["Rules"]})
        return found

    return context.account.once(f"rules:{bus}/", ask)


def _targets(context: Context, bus: str, rule: str) -> list[Mapping[str, Any]]:
    pages = context.account.client("events").get_paginator("list_targets_by_rule")
    found = pages.paginate(Rule=rule, EventBusName=bus)
    return [target for page in found for target in page["Targets"]]


def _of_target(target: Mapping[str, Any]) -> dict[str, Any]:
    retries = target.get("RetryPolicy", {})
    template = target.get("InputTransformer")
    return {
        "target": target.get("Arn"),
        "input": target.get("Input"),
        "input_path": target.get("InputPath"),
        "input_template": {
            "paths": template.get("InputPathsMap", {}),
            "template": template["InputTemplate"],
        }
        if template
        else None,
        "retries": retries.get("MaximumRetryAttempts", _RETRIES),
        "max_age_s": retries.get("MaximumEventAgeInSeconds", _AGE_S),
        "dead_letter": target.get("DeadLetterConfig", {}).get("Arn"),
    }


def _put_target(context: Context, bus: str, rule: str, properties: Mapping[str, Any]) -> None:
    target: dict[str, Any] = {
        "Id": _TARGET,
        "Arn": properties["target"],
        "RetryPolicy": {
            "MaximumRetryAttempts": properties["retries"],
            "MaximumEventAgeInSeconds": properties["max_age_s"],
        },
    }
    if properties["input"] is not None:
        target["Input"] = properties["input"]
    if properties["input_path"] is not None:
        target["InputPath"] = properties["input_path"]
    if properties["input_template"] is not None:
        target["InputTransformer"] = {
            "InputPathsMap": properties["input_template"]["paths"],
            "InputTemplate": properties["input_template"]["template"],
        }
    if properties["dead_letter"] is not None:
        target["DeadLetterConfig"] = {"Arn": properties["dead_letter"]}
    events = context.account.client("events")
    _check(events.put_targets(Rule=rule, EventBusName=bus, Targets=[target]))


def _check(answer: Mapping[str, Any]) -> None:
    """
    :raises AwsError: a target was refused, in a call that went well.
    """
    for entry in answer.get("FailedEntries", ()):
        raise AwsError(
            f"EventBridge refused a target of the rule: {entry.get('ErrorMessage')}",
            hint=f"AWS calls it {entry.get('ErrorCode')}",
        )
