"""Load balancers: listeners, their rules, and target groups with a function in them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-listenerrule.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-targetgroup.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

import re

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, Place, Trigger, listed, sequence, truth
from lambdactl.manifest.sam.fronts import Front
from lambdactl.manifest.sam.gateway_parts import named, number
from lambdactl.manifest.sam.targets import Owned, Reading, Target, target_of, trigger_of
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, text_of

_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
_LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
_ADDRESS = re.compile(r"[0-9a-fA-F.:]+/[0-9]{1,3}")


def _groups(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """A group that no listener of the template forwards to: its function takes every request."""
    if resource.text("TargetType") != "lambda" or _is_used(draft, resource):
        return []
    front = _front(draft, resource, resource)
    fields = draft.fields(resource.at)
    return _forwarded(draft, front, fields, [resource], resource.at)


def _is_used(draft: Draft, group: Resource) -> bool:
    return any(
        group in _targets(draft, action)
        for one in draft.template.of_type(_LISTENER, _RULE)
        for action in members(one.get("Actions") or one.get("DefaultActions"))
    )


def _rule(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    listener = named(draft, resource.get("ListenerArn"))
    fields = draft.fields(resource.at)
    known = [_condition(draft, fields, one) for one in members(resource.get("Conditions"))]
    fields.put("priority", number(resource.get("Priority")), "Priority")
    if not all(known):
        message = f"the rule `{resource.name}` is left out: it has conditions not known here"
        draft.warn("not-supported", message, resource.at)
        return []
    return _actions(draft, listener, fields, resource.get("Actions"), resource)


def _listener(draft: Draft, owned: Owned, resource: Resource) -> list[Trigger]:
    """What a listener does with a request that no rule takes."""
    fields = draft.fields(resource.at)
    return _actions(draft, resource, fields, resource.get("DefaultActions"), resource)


def _actions(
    draft: Draft, listener: Resource | None, fields: Fields, given: Node | None, owner: Resource
) -> list[Trigger]:
    for action in members(given):
        kind = text_of(action.get("Type"))
        if kind == "forward":
            groups = _targets(draft, action)
            lambdas = [group for group in groups if group.text("TargetType") == "lambda"]
            if len(lambdas) < max(1, len(groups)) or len(lambdas) > 1:
                first = f"`{lambdas[0].name}` takes every request" if lambdas else "it is left out"
                message = f"`{owner.name}` forwards to what is no function here: {first}"
                if len(lambdas) > 1:
                    message = f"`{owner.name}` forwards to several groups: {first}"
                draft.warn("not-supported", message, action)
            if lambdas:
                front = _front(draft, listener, lambdas[0])
                return _forwarded(draft, front, fields, lambdas[:1], owner.at)
            return []
        if kind in ("fixed-response", "redirect"):
            front = _front(draft, listener, owner)
            answer = _fixed if kind == "fixed-response" else _redirect
            fields.put("mock", answer(draft, action))
            front.route(fields)
            return []
        if kind is not None and not kind.startswith("authenticate"):
            break
        message = f"`{owner.name}` asks who calls (`{kind}`): nothing checks that here"
        draft.warn("not-supported", message, action)
    return []


def _front(draft: Draft, listener: Resource | None, default: Resource) -> Front:
    """The section's entry of a listener: each has its own rules."""
    owner = listener if listener is not None else default
    known: Front | None = draft.fronts.get(owner.key)
    if known is None:
        known = draft.fronts[owner.key] = Front(draft, owner.key, "alb", owner.at)
    return known


def _targets(draft: Draft, action: Node) -> list[Resource]:
    """The target groups of a forward action, the one with the greatest weight first."""
    weighted: list[tuple[float, Resource]] = []
    entries = members(action.get("ForwardConfig", "TargetGroups"))
    for entry in entries or [action]:
        group = named(draft, entry.get("TargetGroupArn"))
        weight = text_of(entry.get("Weight")) or "1"
        if group is not None and group.type == _GROUP and weight != "0":
            weighted.append((float(weight) if weight.isdigit() else 1.0, group))
    return [group for _, group in sorted(weighted, key=lambda pair: -pair[0])]


def _forwarded(
    draft: Draft, front: Front, fields: Fields, groups: list[Resource], at: Place
) -> list[Trigger]:
    for group in groups:
        if _has(group, "lambda.multi_value_headers.enabled"):
            fields.put("multi_value_headers", made(True, Node(None, *at)))
        _health_check(draft, front, group)
        for entry in members(group.get("Targets")):
            target = target_of(draft, entry.get("Id"))
            if target is not None:
                return [_trigger(draft, front, target, fields, at)]
        message = f"the target group `{group.name}` has no function of the template"
        draft.warn("not-supported", message, group.at)
    return []


def _trigger(draft: Draft, front: Front, target: Target, fields: Fields, at: Place) -> Trigger:
    fields.put("api", made(front.key, Node(None, *at)))
    return trigger_of(target, "alb", fields, at)


def _has(group: Resource, attribute: str) -> bool:
    return any(
        text_of(entry.get("Key")) == attribute and truth(entry.get("Value")) is True
        for entry in members(group.get("TargetGroupAttributes"))
    )


def _health_check(draft: Draft, front: Front, group: Resource) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"""
    if truth(group.get("HealthCheckEnabled")) is not True:
        return
    fields = draft.fields(group.at)
    for name, field in (
        ("HealthCheckPath", "path"),
        ("HealthCheckIntervalSeconds", "interval"),
        ("HealthCheckTimeoutSeconds", "timeout"),
        ("HealthyThresholdCount", "healthy"),
        ("UnhealthyThresholdCount", "unhealthy"),
    ):
        fields.put(field, group.get(name), name)
    fields.put("codes", group.get("Matcher", "HttpCode"), "HttpCode")
    fields.put("enabled", made(True, group.body))
    front.fields.nest("health_check", fields, "HealthCheckEnabled")


# Conditions


def _condition(draft: Draft, fields: Fields, node: Node) -> bool:
    """Put a condition into ``fields``; whether it is known."""
    kind = text_of(node.get("Field"))
    plain = node.get("Values")
    if kind == "path-pattern":
        fields.put("path", listed(node.get("PathPatternConfig", "Values") or plain), "Values")
    elif kind == "host-header":
        hosts = members(node.get("HostHeaderConfig", "Values") or plain)
        if hosts:
            one = hosts[0] if len(hosts) == 1 else sequence(hosts, hosts[0].at)
            fields.put("host", one, "Values")
    elif kind == "http-request-method":
        values = node.get("HttpRequestMethodConfig", "Values") or plain
        fields.put("methods", values, "Values")
    elif kind == "http-header":
        name = text_of(node.get("HttpHeaderConfig", "HttpHeaderName"))
        values = node.get("HttpHeaderConfig", "Values")
        if name is None or values is None:
            return False
        headers = draft.fields(node.at)
        known = fields.value.get("headers") or Node({}, *node.at)
        again = name.lower() in (key.lower() for key in known.value)
        for key, value in () if again else known.items():
            headers.put(key, value)
        headers.put(name, values)
        if again:
            _also(draft, fields, "headers", headers.node(), node.at)
        else:
            fields.nest("headers", headers, "HttpHeaderConfig")
    elif kind == "query-string":
        found = []
        for entry in members(node.get("QueryStringConfig", "Values")):
            inner = draft.fields(entry.at)
            inner.put("key", entry.get("Key"), "Key")
            inner.put("value", entry.get("Value"), "Value")
            found.append(inner.node())
        if found and "query" in fields.value:
            _also(draft, fields, "query", sequence(found, found[0].at), node.at)
        elif found:
            fields.put("query", sequence(found, found[0].at), "QueryStringConfig")
    elif kind == "source-ip":
        sources = members(node.get("SourceIpConfig", "Values"))
        if not sources or not all(_ADDRESS.fullmatch(one.text) for one in sources):
            return False
        fields.put("source_ips", sequence(sources, sources[0].at), "SourceIpConfig")
    else:
        return False
    configs = (node, *(child for _, child in node.items()))
    return all(config.get("RegexValues") is None for config in configs)


def _also(draft: Draft, fields: Fields, field: str, value: Node, at: Place) -> None:
    """Add a condition of a kind that the rule has already: all of them must be met."""
    more = draft.fields(at)
    more.put(field, value)
    known = fields.value.get("also")
    fields.put("also", sequence([*(members(known) if known else ()), more.node()], at))


# Answers without a function


def _fixed(draft: Draft, action: Node) -> Node:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_FixedResponseActionConfig.html"""
    config = action.get("FixedResponseConfig") or Node({}, *action.at)
    kind = text_of(config.get("ContentType")) or "text/plain"
    body = text_of(config.get("MessageBody"))
    return _answer(draft, config, config.get("StatusCode"), {}, {kind: body} if body else {})


def _redirect(draft: Draft, action: Node) -> Node:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html"""
    config = action.get("RedirectConfig") or Node({}, *action.at)

    def part(word: str) -> str:
        return text_of(config.get(word)) or f"#{{{word.lower()}}}"

    query = part("Query")
    address = f"{part('Protocol').lower()}://{part('Host')}:{part('Port')}"
    path = part("Path")
    location = f"{address}{path if path.startswith('/') else '/' + path}"
    if query:
        location += f"?{query}"
    status = text_of(config.get("StatusCode")) or "HTTP_302"
    code = made(status.removeprefix("HTTP_"), config)
    return _answer(draft, config, code, {"method.response.header.Location": location}, {})


def _answer(
    draft: Draft, at: Node, status: Node | None, headers: dict[str, str], bodies: dict[str, str]
) -> Node:
    response = draft.fields(at.at)
    response.put("status", number(status), "StatusCode")
    if headers:
        response.put("parameters", made(headers, at))
    if bodies:
        response.put("templates", made(bodies, at))
    mock = draft.fields(at.at)
    mock.put("responses", sequence([response.node()], at.at))
    return mock.node()


READINGS: dict[str, Reading] = {_RULE: _rule, _LISTENER: _listener, _GROUP: _groups}
