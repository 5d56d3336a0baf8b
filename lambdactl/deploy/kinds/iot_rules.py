"""Topic rules of AWS IoT, each with one function as its action.

A rule is tagged when it is made. Whose it is, its permission to call the function tells as well,
without a call for each rule.

https://docs.aws.amazon.com/iot/latest/apireference/API_CreateTopicRule.html
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import calling
from lambdactl.deploy.faults import code
from lambdactl.deploy.kinds.callers import caller_of, callers
from lambdactl.deploy.model import Context, Live, Resource

_PRINCIPAL = "iot.amazonaws.com"
_DEFAULT_SQL = "2015-10-08"
"""https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-sql-version.html"""


class IotRule:
    """``iot_rule:NAME``."""

    name: ClassVar[str] = "iot_rule"
    title: ClassVar[str] = "IoT rule"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        if name not in _names(context):
            # GetTopicRule answers the same for what isn't there and what we may not see.
            return None
        iot = context.account.client("iot")
        answer = iot.get_topic_rule(ruleName=name)
        rule = answer["rule"]
        target = next(
            (one["lambda"]["functionArn"] for one in rule["actions"] if "lambda" in one), ""
        )
        caller = caller_of(context, target, calling.iot_rule(name))
        return Live(
            kind=self.name,
            name=name,
            properties={
                "sql": rule["sql"],
                "sql_version": rule.get("awsIotSqlVersion") or _DEFAULT_SQL,
                "description": rule.get("description") or "",
                "enabled": not rule.get("ruleDisabled", False),
                "target": target,
            },
            outputs={"arn": answer["ruleArn"]},
            owner=context.naming.owner if caller else None,
            needs=caller.needs if caller else (),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        home = context.naming.arn("iot", "rule/")
        for one in callers(context, functions, _PRINCIPAL):
            yield (one.source_arn or "").removeprefix(home)

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        iot = context.account.client("iot")
        try:
            iot.create_topic_rule(
                ruleName=resource.name,
                topicRulePayload=_payload(resource.properties),
                tags=urllib.parse.urlencode(context.naming.tags()),
            )
        except Exception as error:
            if code(error) != "ResourceAlreadyExistsException":
                raise
            # It is there: the answer of an earlier try got lost.
            iot.replace_topic_rule(
                ruleName=resource.name, topicRulePayload=_payload(resource.properties)
            )
        context.account.forget("iot_rules/")
        return {"arn": context.naming.arn("iot", f"rule/{resource.name}")}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        iot = context.account.client("iot")
        iot.replace_topic_rule(
            ruleName=resource.name, topicRulePayload=_payload(resource.properties)
        )
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        context.account.forget("iot_rules/")
        if live.name in _names(context):
            context.account.client("iot").delete_topic_rule(ruleName=live.name)
        context.account.forget("iot_rules/")


KINDS = (IotRule(),)


def _names(context: Context) -> frozenset[str]:
    """The names of all rules of the account."""

    def ask() -> frozenset[str]:
        pages = context.account.client("iot").get_paginator("list_topic_rules")
        return frozenset(one["ruleName"] for page in pages.paginate() for one in page["rules"])

    return context.account.once("iot_rules/", ask)


def _payload(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sql": properties["sql"],
        "awsIotSqlVersion": properties["sql_version"],
        "description": properties["description"],
        "ruleDisabled": not properties["enabled"],
        "actions": [{"lambda": {"functionArn": properties["target"]}}],
    }
