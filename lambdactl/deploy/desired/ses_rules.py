"""``ses`` triggers: receipt rules.

https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-lambda.html
"""

from __future__ import annotations

from collections.abc import Iterator

from lambdactl.deploy import calling
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.triggered import Triggered, once, triggers
from lambdactl.deploy.model import Resource

_INVOCATIONS = {"event": "Event", "request_response": "RequestResponse"}


def resources(wanted: Wanted) -> Iterator[Resource]:
    yield from once(resource for one in triggers(wanted, "ses") for resource in _rule(one))


def _rule(one: Triggered) -> Iterator[Resource]:
    settings = one.settings
    rule_set = str(settings.get("rule_set") or "")
    name = one.given_name()
    # https://docs.aws.amazon.com/ses/latest/dg/receiving-email-permissions.html
    path = f"receipt-rule-set/{rule_set or '*'}:receipt-rule/{name}"
    grant = one.grant(
        calling.receipt_rule(rule_set, name),
        "ses.amazonaws.com",
        source_arn=one.naming.arn("ses", path),
        source_account=one.naming.account,
    )
    yield grant
    yield Resource(
        kind="ses_rule",
        name=f"{rule_set}/{name}" if rule_set else name,
        properties={
            "recipients": sorted(settings.get("recipients") or ()),
            "target": one.target,
            "invocation": _INVOCATIONS[settings.get("invocation", "event")],
            "require_tls": bool(settings.get("require_tls", False)),
            "scan": bool(settings.get("scan", False)),
            "enabled": one.enabled,
        },
        needs=(grant.address,),
        function=one.function.name,
        where=one.where,
    )
