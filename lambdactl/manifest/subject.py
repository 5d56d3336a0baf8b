"""One function as the rules see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lambdactl.manifest.document import Node, Problems


class Subject(NamedTuple):
    """One function as the rules see it: ``node`` with the defaults in it, ``own`` without them,
    and the normalised values of the function and of the whole manifest."""

    name: str
    node: Node
    own: Node
    data: Mapping[str, Any]
    app: Mapping[str, Any]
    values: Mapping[int, Mapping[str, Any]]
    layers: Node | None
    misspelt: frozenset[str]
    problems: Problems

    @property
    def is_image(self) -> bool:
        code = self.data.get("code")
        return isinstance(code, Mapping) and ("image" in code or "dockerfile" in code)

    def at(self, *path: str | int) -> Node:
        """The node of a field, or of the function where the field is not written."""
        return self.node.get(*path) or self.node

    def key(self, name: str) -> tuple[int, int]:
        """Where the key of a field stands."""
        return self.node.keys.get(name, self.node.at)
