"""Types of resources that are misspelled: what was meant as a function would be passed over."""

from __future__ import annotations

import functools

_TYPES = {
    "Serverless": (
        "Api",
        "Application",
        "CapacityProvider",
        "Connector",
        "Function",
        "GraphQLApi",
        "HttpApi",
        "LayerVersion",
        "SimpleTable",
        "StateMachine",
        "WebSocketApi",
    ),
    "Lambda": (
        "Alias",
        "CapacityProvider",
        "CodeSigningConfig",
        "EventInvokeConfig",
        "EventSourceMapping",
        "Function",
        "LayerVersion",
        "LayerVersionPermission",
        "Permission",
        "Url",
        "Version",
    ),
}
"""https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-resources-and-properties.html,
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Lambda.html"""
_SERVICES = [f"AWS::{service}".lower() for service in _TYPES]
_KNOWN = [f"AWS::{service}::{name}" for service, names in _TYPES.items() for name in names]


def misspelled(type_: str) -> str | None:
    """The hint for a type that SAM or Lambda may be meant by, but that neither has; None for any
    other type, also of a service that is unknown here."""
    if type_ in _KNOWN:
        return None
    service = type_.rpartition("::")[0]
    if service == "AWS::Serverless":
        return _closest(type_) or "AWS SAM has no such type"
    return _closest(type_) if service == "AWS::Lambda" or _slipped(service) else None


def _closest(type_: str) -> str | None:
    import difflib  # Only a mistake pays for it.

    lowered = {name.lower(): name for name in _KNOWN}
    close = difflib.get_close_matches(type_.lower(), lowered, n=1, cutoff=0.88)
    return f"did you mean `{lowered[close[0]]}`?" if close else None


@functools.cache
def _slipped(service: str) -> bool:
    """Whether one of the two services is meant by a name with a letter too many, too few, or of
    the wrong case; ``AWS::EMRServerless`` and ``AWS::ServerlessRepo`` are others."""
    near = [name for name in _SERVICES if abs(len(name) - len(service)) <= 1]
    if not near:
        return False
    import difflib  # Few templates have a service whose name is as long.

    return bool(difflib.get_close_matches(service.lower(), near, n=1, cutoff=0.92))
