"""``DeploymentPreference`` -> ``release``.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-deploymentpreference.html
"""

from __future__ import annotations

import re

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, truth
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, members, text_of

_TYPE = re.compile(
    r"(?:CodeDeployDefault\.)?(?:Lambda)?(Canary|Linear)([0-9]+)Percent(?:Every)?([0-9]+)Minutes?"
)
_KNOWN = frozenset({"Alarms", "Enabled", "Type"})


def put(draft: Draft, resource: Resource, fields: Fields, alias: Node | None) -> None:
    """Set the release of a function whose ``AutoPublishAlias`` is ``alias``."""
    node = resource.get("DeploymentPreference")
    if node is None or not node.is_mapping or truth(node.get("Enabled")) is False:
        return
    if alias is None:
        message = f"`{resource.name}` needs `AutoPublishAlias` for its `DeploymentPreference`"
        draft.lose(message, node)
        return
    inner = draft.fields(node.at)
    inner.put("alias", alias, "AutoPublishAlias")
    inner.put("strategy", _strategy(draft, resource, node.get("Type")), "Type")
    alarms = node.get("Alarms")
    if alarms is not None and alarms.is_mapping:
        alarms = alarms.get("List")
    names = [text for one in members(alarms) if (text := text_of(one)) and not one.unknown]
    if alarms is not None and names:
        inner.put("alarms", made(names, alarms), "Alarms")
    for name, child in node.items():
        if name not in _KNOWN:
            message = f"`{name}` of the `DeploymentPreference` of `{resource.name}` has no place"
            draft.lose(f"{message} in the manifest", node.keys.get(name, child.at))
    fields.nest("release", inner, "DeploymentPreference")


def _strategy(draft: Draft, resource: Resource, type_: Node | None) -> Node | None:
    text = text_of(type_)
    if type_ is None or text is None or text.endswith("AllAtOnce"):
        return None
    match = _TYPE.fullmatch(text)
    if match is None:
        message = f"the deployment configuration `{text}` of `{resource.name}` is not known here"
        draft.warn("not-supported", message, type_, "its alias comes to new versions at once")
        return None
    words = "every" if match[1] == "Linear" else "for"
    return made(f"{match[1].lower()} {match[2]}% {words} {match[3]}m", type_)
