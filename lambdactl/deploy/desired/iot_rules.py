"""``iot`` triggers: topic rules of AWS IoT.

https://docs.aws.amazon.com/iot/latest/developerguide/lambda-rule-action.html
"""

from __future__ import annotations

from collections.abc import Iterator

from lambdactl.deploy import calling
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.triggered import Triggered, once, triggers
from lambdactl.deploy.model import Resource

_LONGEST = 128


def resources(wanted: Wanted) -> Iterator[Resource]:
    yield from once(resource for one in triggers(wanted, "iot") for resource in _rule(one))


def _rule(one: Triggered) -> Iterator[Resource]:
    name = one.given_name("a-zA-Z0-9_", _LONGEST)
    grant = one.grant(
        calling.iot_rule(name),
        "iot.amazonaws.com",
        source_arn=one.naming.arn("iot", f"rule/{name}"),
        source_account=one.naming.account,
    )
    yield grant
    yield Resource(
        kind="iot_rule",
        name=name,
        properties={
            "sql": one.settings["sql"],
            "sql_version": one.settings.get("sql_version", "2016-03-23"),
            "description": one.settings.get("description") or "",
            "enabled": one.enabled,
            "target": one.target,
        },
        needs=(grant.address,),
        function=one.function.name,
        where=one.where,
    )
