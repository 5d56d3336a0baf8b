"""How each kind of resource is read and changed: one module for kinds that belong together.

A module of this room has a tuple ``KINDS``. Nothing here decides what there should be: that is
:mod:`lambdactl.deploy.desired`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping

from lambdactl.deploy.model import Kind


@functools.cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by name."""
    found: dict[str, Kind] = {}
    for module in sorted(one.name for one in pkgutil.iter_modules(__path__)):
        for kind in getattr(importlib.import_module(f"{__name__}.{module}"), "KINDS", ()):
            found[kind.name] = kind
    return found
