"""``eventbridge`` triggers: a rule of a bus with the function as its target.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lambdactl.deploy import calling
from lambdactl.deploy.desired import Wanted, queue_grants
from lambdactl.deploy.desired.triggered import Triggered, once, triggers
from lambdactl.deploy.model import Resource

DEFAULT_RETRIES, DEFAULT_AGE_S = 185, 86400
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""


def resources(wanted: Wanted) -> Iterator[Resource]:
    yield from once(resource for one in triggers(wanted, "eventbridge") for resource in _rule(one))


def _rule(one: Triggered) -> Iterator[Resource]:
    naming = one.naming
    bus = str(one.settings.get("bus", "default"))
    bus = bus.removeprefix(naming.arn("events", "event-bus/"))
    name = one.given_name()
    # Rules of the default bus have no bus in their ARNs:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    path = name if bus == "default" else f"{bus.rpartition('event-bus/')[2]}/{name}"
    arn = naming.arn("events", f"rule/{path}")
    grant = one.grant(calling.rule(path), "events.amazonaws.com", source_arn=arn)
    yield grant
    queue, queue_needs = one.dead_letter()
    letters = queue_grants.grants(one, "events.amazonaws.com", arn)
    yield from letters
    yield Resource(
        kind="rule",
        name=f"{bus}/{name}",
        properties={
            "pattern": one.settings["pattern"],
            "enabled": one.enabled,
            "target": one.target,
            **_input(one),
            "retries": one.settings.get("retries", DEFAULT_RETRIES),
            "max_age_s": one.settings.get("max_age_s", DEFAULT_AGE_S),
            "dead_letter": queue,
        },
        needs=(grant.address, *queue_needs, *(letter.address for letter in letters)),
        function=one.function.name,
        where=one.where,
    )


def _input(one: Triggered) -> dict[str, Any]:
    template = one.settings.get("input_template")
    return {
        "input": as_text(one.settings["input"]) if "input" in one.settings else None,
        "input_path": one.settings.get("input_path"),
        "input_template": {
            "paths": dict(template.get("paths", {})),
            "template": template["template"],
        }
        if template
        else None,
    }


def as_text(value: Any) -> str:
    """What a function shall get, as JSON."""
    return json.dumps(value, ensure_ascii=False)
