"""What the catalog has, for lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lambdactl.events import library
from lambdactl.events.library import Event


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
