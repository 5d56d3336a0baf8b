"""Sample events: a catalog of data files and the generator that fills them in.

:func:`generate` makes an event, :func:`catalog` lists what there is, :func:`split_name` reads
``s3:put``, and :func:`apply_set` is ``--set``. Importing this room reads no catalog file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambdactl.events import library
from lambdactl.events.generator import generate
from lambdactl.events.library import Event, Parameter, split_name
from lambdactl.events.paths import apply_set, split_assignment


@dataclass(frozen=True, slots=True)
class ServiceListing:
    """A service and its events, the usual one first."""

    name: str
    title: str
    aliases: tuple[str, ...]
    default: str
    elsewhere: Mapping[str, str]
    """Names under which other tools have events that are another service's here."""
    events: tuple[Event, ...]


def catalog() -> tuple[ServiceListing, ...]:
    """Every service with every event, by name. Reads the whole catalog."""
    return tuple(
        ServiceListing(
            service.name,
            service.title,
            service.aliases,
            service.default,
            service.elsewhere,
            tuple(library.events(service.name)),
        )
        for service in library.services()
    )


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
