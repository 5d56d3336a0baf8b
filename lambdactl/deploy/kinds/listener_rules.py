"""Rules of load balancers' listeners.

A rule with a priority is known by that, any other by a tag with what it is called here; the load
balancer and the listener are somebody else's
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import shared, tagging
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.target_groups import group_names, target_groups
from lambdactl.deploy.model import Context, Live, Resource

_KEY = "lambdactl:rule"
"""The tag with the name of a rule without a priority."""
_TAGS_AT_ONCE = 20
_NO_LISTENER = ("ListenerNotFound", "ListenerNotFoundException")
_NO_BALANCER = ("LoadBalancerNotFound", "LoadBalancerNotFoundException")
_NO_RULE = ("RuleNotFound", "RuleNotFoundException")
_CONFIGS = {
    "host-header": "HostHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "path-pattern": "PathPatternConfig",
    "source-ip": "SourceIpConfig",
}


class ListenerRule:
    """``listener_rule:LISTENER/PRIORITY`` or ``listener_rule:LISTENER/KEY``, with the listener as
    it ends its ARN."""

    name: ClassVar[str] = "listener_rule"
    title: ClassVar[str] = "rule of the load balancer"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        tail, _, key = name.rpartition("/")
        listener = _listener_arn(context, tail)
        rules = _rules(context, listener)
        found = next((rule for rule in rules if _name(rule) == key), None)
        if found is None:
            return None
        tags = found["Tags"]
        # An answer of the load balancer itself is found by the target groups beside it.
        groups = {_group(rule["Actions"]) for rule in rules if _is_ours(context, rule)} - {None}
        return Live(
            kind=self.name,
            name=name,
            properties={
                "listener": listener,
                "conditions": sorted((_condition(one) for one in found["Conditions"]), key=str),
                "action": _action(found["Actions"]),
            },
            outputs={"arn": found["RuleArn"]},
            owner=tagging.owner(tags),
            hash=tagging.deployed(tags),
            needs=tuple(sorted(f"target_group:{group}" for group in groups)),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        for listener in sorted(set(_listeners(context, functions))):
            for rule in _rules(context, listener):
                if _is_ours(context, rule):
                    yield f"{listener.partition(':listener/')[2]}/{_name(rule)}"

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        listener = resource.properties["listener"]
        key = resource.name.rpartition("/")[2]
        tags = tagging.pairs(tagging.of(context, resource))
        with shared.alone(f"listener {listener}"):
            context.account.forget(f"listener_rules:{listener}/")
            rules = _rules(context, listener)
            there = next((one for one in rules if _name(one) == key), None)
            if there is not None and _is_ours(context, there):
                # It is there: the answer of an earlier try got lost.
                return self._modify(context, resource, there["RuleArn"])
            if not key.isdigit():
                tags += tagging.pairs({_KEY: key})
            answer = context.account.client("elbv2").create_rule(
                ListenerArn=listener,
                Priority=int(key) if key.isdigit() else _after(rules),
                Conditions=[_wanted_condition(one) for one in resource.properties["conditions"]],
                Actions=[_wanted_action(resource.properties["action"])],
                Tags=tags,
            )
            context.account.forget(f"listener_rules:{listener}/", "target_groups/")
        return {"arn": answer["Rules"][0]["RuleArn"]}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return self._modify(context, resource, live.outputs["arn"])

    def delete(self, context: Context, live: Live) -> None:
        with allowed(*_NO_RULE):
            context.account.client("elbv2").delete_rule(RuleArn=live.outputs["arn"])
        listener = live.properties["listener"]
        context.account.forget(f"listener_rules:{listener}/", "target_groups/")

    def _modify(self, context: Context, resource: Resource, arn: str) -> Mapping[str, str]:
        elb = context.account.client("elbv2")
        elb.modify_rule(
            RuleArn=arn,
            Conditions=[_wanted_condition(one) for one in resource.properties["conditions"]],
            Actions=[_wanted_action(resource.properties["action"])],
        )
        elb.add_tags(ResourceArns=[arn], Tags=tagging.pairs(tagging.of(context, resource)))
        listener = resource.properties["listener"]
        context.account.forget(f"listener_rules:{listener}/", "target_groups/")
        return {"arn": arn}


KINDS = (ListenerRule(),)


def _listener_arn(context: Context, tail: str) -> str:
    return context.naming.arn("elasticloadbalancing", f"listener/{tail}")


def _name(rule: Mapping[str, Any]) -> str:
    return str(rule["Tags"].get(_KEY) or rule["Priority"])


def _is_ours(context: Context, rule: Mapping[str, Any]) -> bool:
    return tagging.owner(rule["Tags"]) == context.naming.owner


def _rules(context: Context, listener: str) -> list[dict[str, Any]]:
    """A listener's rules but its default one, each with its ``Tags``; none where there is no such
    listener."""

    def ask() -> list[dict[str, Any]]:
        elb = context.account.client("elbv2")
        found: dict[str, dict[str, Any]] = {}
        with allowed(*_NO_LISTENER):
            for page in elb.get_paginator("describe_rules").paginate(ListenerArn=listener):
                for rule in page["Rules"]:
                    if not rule.get("IsDefault") and rule["Priority"] != "default":
                        found[rule["RuleArn"]] = {**rule, "Tags": {}}
        arns = list(found)
        for start in range(0, len(arns), _TAGS_AT_ONCE):
            answer = elb.describe_tags(ResourceArns=arns[start : start + _TAGS_AT_ONCE])
            for one in answer["TagDescriptions"]:
                found[one["ResourceArn"]]["Tags"] = tagging.mapping(one["Tags"])
        return list(found.values())

    return context.account.once(f"listener_rules:{listener}/", ask)


def _listeners(context: Context, functions: Iterable[str]) -> Iterator[str]:
    """ARNs of listeners that may have rules of ours: those of the manifest, and all of the load
    balancers that use our target groups."""
    for function in context.naming.app.functions.values():
        for trigger in function.triggers:
            if trigger.kind == "alb" and trigger.settings.get("listener"):
                yield trigger.settings["listener"]
    for arn in tagging.arns(context, "elasticloadbalancing"):
        if ":listener-rule/" in arn:
            # A rule's ARN is its listener's, with an id of its own.
            yield arn.replace(":listener-rule/", ":listener/").rpartition("/")[0]
    names = group_names(context, functions)
    if not names:
        return
    groups = target_groups(context)
    balancers = {arn for name in names for arn in groups.get(name, {}).get("LoadBalancerArns", ())}
    pages = context.account.client("elbv2").get_paginator("describe_listeners")
    for balancer in sorted(balancers):
        with allowed(*_NO_BALANCER):
            for page in pages.paginate(LoadBalancerArn=balancer):
                for one in page["Listeners"]:
                    yield one["ListenerArn"]


def _after(rules: Iterable[Mapping[str, Any]]) -> int:
    """A priority behind all others."""
    return max((int(rule["Priority"]) for rule in rules), default=0) + 1


def _group(actions: Iterable[Mapping[str, Any]]) -> str | None:
    """The name of the target group that a rule leads to."""
    for action in actions:
        arn = _group_arn(action)
        if arn:
            return arn.split("/")[1]
    return None


def _group_arn(action: Mapping[str, Any]) -> str | None:
    groups = action.get("ForwardConfig", {}).get("TargetGroups", ())
    arn = action.get("TargetGroupArn") or (
        groups[0]["TargetGroupArn"] if len(groups) == 1 else None
    )
    return str(arn) if arn else None


def _condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    field = condition["Field"]
    if field == "http-header":
        config = condition["HttpHeaderConfig"]
        return {
            "field": field,
            "name": config["HttpHeaderName"],
            "values": sorted(config["Values"]),
        }
    if field == "query-string":
        pairs = condition["QueryStringConfig"]["Values"]
        values = [{"key": pair.get("Key"), "value": pair["Value"]} for pair in pairs]
        return {"field": field, "values": sorted(values, key=str)}
    config = condition.get(_CONFIGS.get(field, ""), {})
    return {"field": field, "values": sorted(config.get("Values") or condition.get("Values", ()))}


def _wanted_condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    field, values = condition["field"], condition["values"]
    if field == "http-header":
        config = {"HttpHeaderName": condition["name"], "Values": list(values)}
        return {"Field": field, "HttpHeaderConfig": config}
    if field == "query-string":
        pairs = [
            {"Key": pair["key"], "Value": pair["value"]}
            if pair["key"]
            else {"Value": pair["value"]}
            for pair in values
        ]
        return {"Field": field, "QueryStringConfig": {"Values": pairs}}
    return {"Field": field, _CONFIGS[field]: {"Values": list(values)}}


def _action(actions: list[Mapping[str, Any]]) -> dict[str, Any]:
    if len(actions) != 1:
        return {"type": ", ".join(str(one["Type"]) for one in actions)}
    action = actions[0]
    kind = action["Type"]
    if kind == "forward":
        return {"type": kind, "target_group": _group_arn(action)}
    if kind == "redirect":
        config = action["RedirectConfig"]
        return {
            "type": kind,
            "status": config["StatusCode"],
            "protocol": config.get("Protocol", "#{protocol}"),
            "host": config.get("Host", "#{host}"),
            "port": config.get("Port", "#{port}"),
            "path": config.get("Path", "/#{path}"),
            "query": config.get("Query", "#{query}"),
        }
    if kind == "fixed-response":
        config = action["FixedResponseConfig"]
        return {
            "type": kind,
            "status": config["StatusCode"],
            "content_type": config.get("ContentType") or None,
            "body": config.get("MessageBody") or None,
        }
    return {"type": kind}


def _wanted_action(action: Mapping[str, Any]) -> dict[str, Any]:
    kind = action["type"]
    if kind == "forward":
        return {"Type": kind, "TargetGroupArn": action["target_group"]}
    if kind == "redirect":
        parts = ("protocol", "host", "port", "path", "query")
        config = {part.capitalize(): action[part] for part in parts}
        return {"Type": kind, "RedirectConfig": {**config, "StatusCode": action["status"]}}
    fixed = {"StatusCode": action["status"]}
    if action["content_type"]:
        fixed["ContentType"] = action["content_type"]
    if action["body"]:
        fixed["MessageBody"] = action["body"]
    return {"Type": kind, "FixedResponseConfig": fixed}
