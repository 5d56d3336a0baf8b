"""``alexa`` triggers: the permission of a skill to call. The skill itself names the function, in
Amazon's developer console (https://docs.aws.amazon.com/lambda/latest/dg/services-alexa.html).
"""

from __future__ import annotations

from collections.abc import Iterator

from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.triggered import once, triggers
from lambdactl.deploy.model import Resource

_PRINCIPALS = {
    "skills_kit": "alexa-appkit.amazon.com",
    "smart_home": "alexa-connectedhome.amazon.com",
}
"""https://developer.amazon.com/docs/alexa/custom-skills/host-a-custom-skill-as-an-aws-lambda-function.html
and https://developer.amazon.com/docs/alexa/smarthome/steps-to-build-a-smart-home-skill.html"""


def resources(wanted: Wanted) -> Iterator[Resource]:
    yield from once(
        one.grant(
            f"alexa-{one.settings.get('interface', 'skills_kit')}-{one.settings.get('skill', '')}",
            _PRINCIPALS[one.settings.get("interface", "skills_kit")],
            event_source_token=one.settings.get("skill"),
        )
        for one in triggers(wanted, "alexa")
        if one.enabled
    )
