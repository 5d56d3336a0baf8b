"""What the user asks of containers, and who wants to see how long it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Pull = Literal["always", "missing", "never"]


@dataclass(frozen=True, slots=True)
class ContainerSettings:
    """How containers are made, beyond what the manifest says of each function.

    :ivar pull: when an image is asked from its registry; ``always`` is once for each run.
    :ivar lock: the file that holds the digest of each image (made where it is missing); None when
        that was not asked for.
    :ivar network: the engine's network that containers join, instead of its default bridge.
    :ivar add_hosts: more names that containers know: ``(name, address)``.
    :ivar docker_args: more words of ``docker run``, as the user wrote them: ``("-v", "/a:/b")``.
    :ivar host: the address at which containers reach this machine, where it can't be found out.
    """

    pull: Pull = "missing"
    lock: Path | None = None
    network: str | None = None
    add_hosts: tuple[tuple[str, str], ...] = ()
    docker_args: tuple[str, ...] = ()
    host: str | None = None


class Progress(Protocol):
    """Shows work that takes its time. Called from a worker thread."""

    def pulling(self, image: str, layer: str, done: int, total: int) -> None:
        """``done`` of ``total`` bytes of one layer of ``image`` are here; 0 of 0 while unknown."""
        ...

    def pulled(self, image: str) -> None:
        """``image`` is here."""
        ...

    def given_up(self, image: str) -> None:
        """``image`` does not come: nobody has it, or nobody waits for it any more."""
        ...

    def building(self, function: str, line: str) -> None:
        """The build of a function's Dockerfile printed a line."""
        ...
