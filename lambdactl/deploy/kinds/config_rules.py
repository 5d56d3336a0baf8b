"""Custom rules of AWS Config.

https://docs.aws.amazon.com/config/latest/APIReference/API_PutConfigRule.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import calling, tagging
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.callers import called, caller_of, callers
from lambdactl.deploy.model import Context, Live, Resource

_PRINCIPAL = "config.amazonaws.com"
_CHANGES = ("ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification")
_SCHEDULED = "ScheduledNotification"


class ConfigRule:
    """``config_rule:NAME``."""

    name: ClassVar[str] = "config_rule"
    title: ClassVar[str] = "rule of AWS Config"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        rule = _rule(context, name)
        if rule is None:
            return None
        config = context.account.client("config")
        pages = config.get_paginator("list_tags_for_resource")
        listed = [
            tag
            for page in pages.paginate(ResourceArn=rule["ConfigRuleArn"])
            for tag in page["Tags"]
        ]
        tags = tagging.mapping(listed)
        source = rule["Source"]
        target = str(source.get("SourceIdentifier"))
        caller = caller_of(context, target, calling.config_rule(name))
        details = {one["MessageType"]: one for one in source.get("SourceDetails", ())}
        return Live(
            kind=self.name,
            name=name,
            properties={
                "target": target,
                "resource_types": sorted(rule.get("Scope", {}).get("ComplianceResourceTypes", ())),
                "on_change": _CHANGES[0] in details,
                "frequency": details.get(_SCHEDULED, {}).get("MaximumExecutionFrequency"),
                "parameters": json.loads(rule.get("InputParameters") or "{}"),
            },
            outputs={"arn": rule["ConfigRuleArn"], "id": rule["ConfigRuleId"]},
            owner=tagging.owner(tags),
            hash=tagging.deployed(tags),
            needs=caller.needs if caller else (),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        owners = {one.owner for one in callers(context, functions, _PRINCIPAL)}
        arns = set(tagging.arns(context, "config"))
        if not owners and not arns:
            return
        # A permission does not say which rule it is for, and an ARN does not say its name.
        pages = context.account.client("config").get_paginator("describe_config_rules")
        for page in pages.paginate():
            for rule in page["ConfigRules"]:
                target = called(str(rule["Source"].get("SourceIdentifier")))
                if target in owners or rule["ConfigRuleArn"] in arns:
                    yield rule["ConfigRuleName"]

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        config = context.account.client("config")
        config.put_config_rule(
            ConfigRule=_wanted(resource), Tags=tagging.pairs(tagging.of(context, resource))
        )
        context.account.forget(f"config_rule:{resource.name}/")
        rule = _rule(context, resource.name) or {}
        return {"arn": rule["ConfigRuleArn"], "id": rule["ConfigRuleId"]}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        config = context.account.client("config")
        tags = tagging.pairs(tagging.of(context, resource))
        # PutConfigRule leaves the tags of a rule that is there as they are.
        config.put_config_rule(ConfigRule=_wanted(resource), Tags=tags)
        config.tag_resource(ResourceArn=live.outputs["arn"], Tags=tags)
        context.account.forget(f"config_rule:{resource.name}/")
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        with allowed("NoSuchConfigRuleException"):
            context.account.client("config").delete_config_rule(ConfigRuleName=live.name)
        context.account.forget(f"config_rule:{live.name}/")


KINDS = (ConfigRule(),)


def _rule(context: Context, name: str) -> Mapping[str, Any] | None:
    def ask() -> Mapping[str, Any] | None:
        with allowed("NoSuchConfigRuleException"):
            answer = context.account.client("config").describe_config_rules(ConfigRuleNames=[name])
            for rule in answer["ConfigRules"]:
                # One that is being deleted stays for minutes.
                if rule.get("ConfigRuleState") != "DELETING":
                    found: Mapping[str, Any] = rule
                    return found
        return None

    return context.account.once(f"config_rule:{name}/", ask)


def _wanted(resource: Resource) -> dict[str, Any]:
    given = resource.properties
    details: list[dict[str, str]] = []
    if given["on_change"]:
        details += [{"EventSource": "aws.config", "MessageType": kind} for kind in _CHANGES]
    if given["frequency"]:
        details.append(
            {
                "EventSource": "aws.config",
                "MessageType": _SCHEDULED,
                "MaximumExecutionFrequency": given["frequency"],
            }
        )
    wanted: dict[str, Any] = {
        "ConfigRuleName": resource.name,
        "Source": {
            "Owner": "CUSTOM_LAMBDA",
            "SourceIdentifier": given["target"],
            "SourceDetails": details,
        },
        "InputParameters": json.dumps(given["parameters"]),
    }
    if given["resource_types"]:
        wanted["Scope"] = {"ComplianceResourceTypes": list(given["resource_types"])}
    return wanted
