"""Image references taken apart, as an engine takes them apart.

The grammar and what is left out of a short name:
https://docs.docker.com/reference/cli/docker/image/tag/#description
"""

from __future__ import annotations

from dataclasses import dataclass

_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class Reference:
    """``registry`` is the host (``docker.io`` where none is written), ``path`` the repository in
    it with nothing left out; of ``tag`` and ``digest`` at least one is there."""

    registry: str
    path: str
    tag: str | None
    digest: str | None
    name: str
    """The repository as it was written."""

    @property
    def repository(self) -> str:
        return f"{self.registry}/{self.path}"


def parse(text: str) -> Reference:
    """Take a reference apart: ``python:3.13``, ``localhost:5000/a/b@sha256:...``.

    It is not checked: the engine knows better.
    """
    rest, _, digest = text.partition("@")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        name, tag = rest, ""
    first, slash, others = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, path = first, others
    else:
        registry, path = _HUB, name
    if registry == f"index.{_HUB}":
        registry = _HUB
    if registry == _HUB and "/" not in path:
        path = f"library/{path}"
    return Reference(
        registry=registry,
        path=path,
        tag=tag or (None if digest else "latest"),
        digest=digest or None,
        name=name,
    )
