"""``config`` triggers: custom rules of AWS Config.

https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_lambda-functions.html
"""

from __future__ import annotations

from collections.abc import Iterator

from lambdactl.deploy import calling
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.triggered import Triggered, once, triggers
from lambdactl.deploy.model import Resource

_FREQUENCIES = {
    "one_hour": "One_Hour",
    "three_hours": "Three_Hours",
    "six_hours": "Six_Hours",
    "twelve_hours": "Twelve_Hours",
    "twenty_four_hours": "TwentyFour_Hours",
}


def resources(wanted: Wanted) -> Iterator[Resource]:
    """Rules that are off are not there: AWS Config has no such state."""
    yield from once(
        resource for one in triggers(wanted, "config") if one.enabled for resource in _rule(one)
    )


def _rule(one: Triggered) -> Iterator[Resource]:
    settings = one.settings
    name = str(settings["rule"])
    # The ARN of a rule has an id in it that AWS gives, and the permission has to be there before.
    grant = one.grant(
        calling.config_rule(name), "config.amazonaws.com", source_account=one.naming.account
    )
    yield grant
    frequency = settings.get("frequency")
    types = settings.get("resource_types")
    yield Resource(
        kind="config_rule",
        name=name,
        properties={
            "target": one.target,
            "resource_types": sorted(types or ()),
            # A rule that only has a frequency runs at no change.
            "on_change": types is not None or frequency is None,
            "frequency": _FREQUENCIES[frequency] if frequency else None,
            "parameters": dict(settings.get("parameters") or {}),
        },
        needs=(grant.address,),
        function=one.function.name,
        where=one.where,
    )
