"""State machines -> ``state_machines`` of the manifest. They are kept, and not run yet.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-statemachine.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
"""

from __future__ import annotations

import json

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.draft import Draft, Fields, certain
from lambdactl.manifest.sam.functions import role
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, text_of


def machine(draft: Draft, resource: Resource) -> Fields | None:
    """The fields of one state machine; None where its definition is not on this machine."""
    fields = draft.fields(resource.at)
    definition = _definition(draft, resource)
    if definition is None:
        message = f"the definition of the state machine `{resource.name}` is not on this machine"
        draft.warn("not-supported", message, resource.at)
        return None
    fields.put("definition", definition, "Definition")
    kind = resource.get("Type") or resource.get("StateMachineType")
    if kind is not None and text_of(kind) is not None:
        fields.put("type", made(kind.text.lower(), kind), "Type")
    substitutions = resource.get("DefinitionSubstitutions")
    if substitutions is not None and substitutions.is_mapping:
        inner = draft.fields(substitutions.at)
        for name, value in substitutions.items():
            inner.put(name, certain(value))
        fields.nest("substitutions", inner, "DefinitionSubstitutions")
    fields.put("name", resource.get("Name") or resource.get("StateMachineName"), "Name")
    role(draft, resource, fields)
    for name in ("Events", "Logging", "LoggingConfiguration", "Tags", "Tracing"):
        if name in resource.properties.value:
            message = f"`{name}` of the state machine `{resource.name}` has no place here"
            draft.lose(message, resource.properties.keys[name])
    draft.warn("not-supported", f"the state machine `{resource.name}` is not run yet", resource.at)
    return fields


def _definition(draft: Draft, resource: Resource) -> Node | None:
    inline = resource.get("Definition")
    if inline is not None:
        return inline
    written = resource.get("DefinitionString")
    if written is not None and text_of(written) is not None:
        try:
            return made(json.loads(written.text), written)
        except ValueError:
            return None
    uri = resource.get("DefinitionUri")
    text = text_of(uri)
    if uri is None or text is None or uri.unknown or "://" in text:
        return None
    return made(draft.path(text), uri)
