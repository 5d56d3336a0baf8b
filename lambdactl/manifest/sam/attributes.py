"""What ``Ref`` and ``GetAtt`` give for the resources of a template, on this machine.

``attributes.json`` says it for each type of resource: the property with its name, the fewest
characters (``least``) that one has, and its ``Ref`` and attributes as texts with ``${name}``,
``${id}`` (lower-case letters and digits of the logical id), ``${region}``, ``${account}``,
``${partition}`` and ``${suffix}``. A resource without a name of its own is called by its logical
id, as ``sam local`` does.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("attributes.json")
_VARIABLE = r"\$\{(\w+)\}"


@functools.cache
def table() -> Mapping[str, Mapping[str, Any]]:
    """Types of resources."""
    document: Mapping[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    types: Mapping[str, Mapping[str, Any]] = document["types"]
    return types


def filled(template: str, values: Mapping[str, str]) -> str:
    """``template`` with its variables replaced."""
    return re.sub(_VARIABLE, lambda match: values[match[1]], template)
