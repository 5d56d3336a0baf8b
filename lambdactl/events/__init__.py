"""Sample events: a catalog of data files and the generator that fills them in.

:func:`generate` makes an event, :func:`catalog` lists what there is, :func:`split_name` reads
``s3:put``, and :func:`apply_set` is ``--set``. Importing this room reads no catalog file, and the
names load when they are used: an event from a file needs no generator.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdactl.events.generator import generate
    from lambdactl.events.library import Event, Parameter, split_name
    from lambdactl.events.listing import ServiceListing, catalog
    from lambdactl.events.paths import apply_set, split_assignment

_LAZY = {
    "Event": "library",
    "Parameter": "library",
    "ServiceListing": "listing",
    "apply_set": "paths",
    "catalog": "listing",
    "generate": "generator",
    "split_assignment": "paths",
    "split_name": "library",
}

__all__ = [
    "Event",
    "Parameter",
    "ServiceListing",
    "apply_set",
    "catalog",
    "generate",
    "split_assignment",
    "split_name",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
