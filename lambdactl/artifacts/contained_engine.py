"""A container engine, as builds need it.

Artifacts know no engine: whoever asks for a build hands down a :class:`ContainerBuilds`
(:mod:`lambdactl.execution.containers.building` makes one).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lambdactl.manifest.model import Function


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image on the engine.

    :ivar reference: its name, for people and for a push.
    :ivar id: ``sha256:...``.
    :ivar size: bytes, unpacked.
    :ivar architecture: ``x86_64`` or ``arm64``.
    """

    reference: str
    id: str
    size: int
    architecture: str


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of this machine, and what it is called in the container."""

    here: Path
    there: str
    writable: bool = False


class ContainerBuilds(Protocol):
    """A container engine, as builds need it. All of it blocks, and may be called in any thread."""

    def image(self, function: Function) -> BuiltImage:
        """The image that ``function`` runs in: pulled, or built from its Dockerfile, where that
        must be.

        :raises EngineError: there is no engine, or no such image.
        :raises BuildError: its Dockerfile can't be built.
        """
        ...

    def run(
        self,
        image: BuiltImage,
        command: Sequence[str],
        *,
        name: str,
        binds: Sequence[Bind],
        environment: Mapping[str, str],
        folder: str,
        on_line: Callable[[str], None],
    ) -> int:
        """Run ``command`` in a container of ``image`` that is gone afterwards, as the user that
        owns what it may write.

        :param name: of the function, for messages.
        :param environment: on top of the image's own.
        :param folder: where the command starts.
        :param on_line: takes each line that it prints.
        :return: its status; above 128 a signal's number and 128.
        :raises EngineError: the engine can't, or is gone.
        """
        ...

    def close(self) -> None:
        """Remove what is left, and let the engine go. What still runs is given up."""
        ...
