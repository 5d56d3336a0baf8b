"""Sample events: a catalog of data files and the generator that fills them in.

:func:`generate` makes an event, :func:`catalog` lists what there is, :func:`split_name` reads
``s3:put``, :func:`apply_set` is ``--set``, and :func:`implied` is the event of a trigger of the
manifest. Importing this room reads no catalog file, and the names load when they are used: an
event from a file needs no generator.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdactl.events.generator import generate
    from lambdactl.events.library import Event, Parameter, split_name
    from lambdactl.events.listing import ServiceListing, catalog
    from lambdactl.events.paths import apply_set, split_assignment
    from lambdactl.events.trigger import Implied, choose, generate_implied, implied

_LAZY = {
    "Event": "library",
    "Implied": "trigger",
    "Parameter": "library",
    "ServiceListing": "listing",
    "apply_set": "paths",
    "catalog": "listing",
    "choose": "trigger",
    "generate": "generator",
    "generate_implied": "trigger",
    "implied": "trigger",
    "split_assignment": "paths",
    "split_name": "library",
}

__all__ = [
    "Event",
    "Implied",
    "Parameter",
    "ServiceListing",
    "apply_set",
    "catalog",
    "choose",
    "generate",
    "generate_implied",
    "implied",
    "split_assignment",
    "split_name",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
