"""Functions of an imitation of AWS, which forgets most of what it is told of them.

Lambda tells the ``LoggingConfig`` of each function
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html). What does
not is an imitation, for tests or on a developer's machine, and forgets more than that: what it
leaves out would be a change in each deployment's plan. So tags remember it. AWS's functions never
have them.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

Properties = Mapping[str, Any]

TOLD = "lambdactl:told"
"""How the keys of these tags begin; a number follows."""
_LONGEST = 256

_REMEMBERED = frozenset(
    {
        "CodeSha256",
        "Description",
        "Environment",
        "FunctionArn",
        "FunctionName",
        "Handler",
        "LastUpdateStatus",
        "Layers",
        "MemorySize",
        "PackageType",
        "Role",
        "Runtime",
        "State",
        "Timeout",
        "VpcConfig",
    }
)
_KNOWN = frozenset(
    {
        "code_sha256",
        "creation_failed",
        "description",
        "environment",
        "handler",
        "image",
        "update_pending",
        "layers",
        "memory_mb",
        "package",
        "role",
        "runtime",
        "s3",
        "tags",
        "timeout_s",
        "vpc",
    }
)
"""Properties that are made of these, and of tags."""


def is_one(configuration: Properties) -> bool:
    """:param configuration: what it answers of a function."""
    return "LoggingConfig" not in configuration


def presumed(answer: Properties, names: Iterable[str]) -> frozenset[str]:
    """All of ``names``, where the function ``answer`` is an imitation's: they are properties that
    only AWS itself tells rightly.

    :param answer: of ``GetFunction``.
    """
    return frozenset(names if is_one(answer["Configuration"]) else ())


def trusted(answer: Properties) -> dict[str, Any]:
    """Of an imitation's ``GetFunction`` what it has not made up."""
    configuration = answer["Configuration"]
    kept = {key: value for key, value in configuration.items() if key in _REMEMBERED}
    return {**answer, "Configuration": kept}


def reminder(wanted: Properties, default: Properties) -> dict[str, str]:
    """Tags with the properties of ``wanted`` that an imitation forgets.

    :param default: a function that has none of them.
    """
    told = {
        name: value
        for name, value in wanted.items()
        if name not in _KNOWN and value != default.get(name)
    }
    if told.get("reserved_concurrency"):
        # Only a limit of 0 is forgotten.
        del told["reserved_concurrency"]
    if not told:
        return {}
    packed = zlib.compress(json.dumps(told, sort_keys=True).encode(), 9)
    text = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    parts = range(0, len(text), _LONGEST)
    return {f"{TOLD}{number}": text[at : at + _LONGEST] for number, at in enumerate(parts, start=1)}


def remembered(tags: Mapping[str, str]) -> dict[str, Any]:
    """The properties that tags remember."""
    keys = sorted((key for key in tags if key.startswith(TOLD)), key=lambda key: (len(key), key))
    text = "".join(tags[key] for key in keys)
    if not text:
        return {}
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found = json.loads(zlib.decompress(packed))
    except (binascii.Error, zlib.error, ValueError):
        # Somebody has changed them: all is told again.
        return {}
    return dict(found) if isinstance(found, dict) else {}
