"""A manifest that is being put together from a template, node by node.

What a template says is laid out as ``lambdactl.yaml`` would say it, every value at the place where
the template has it. Then one schema and one set of rules judge both kinds of manifest.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lambdactl.manifest.document import Node
from lambdactl.manifest.sam.template import Resource, Template
from lambdactl.manifest.sam.values import NO_VALUE, Value, made, text_of

if TYPE_CHECKING:
    from lambdactl.manifest.sam.fronts import Front

Place = tuple[int, int]
_WORD_START = "(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
_TRUE = frozenset({"yes", "on", "y"})
_FALSE = frozenset({"no", "off", "n"})


class Trigger:
    """One event source of a function: ``function`` is its name in the manifest."""

    __slots__ = ("at", "function", "kind", "settings")

    def __init__(self, function: str, kind: str, settings: Fields, at: Place) -> None:
        self.function = function
        self.kind = kind
        self.settings = settings
        self.at = at

    def node(self) -> Node:
        settings = self.settings.node()
        return Node({self.kind: settings}, *self.at, keys={self.kind: self.at})


class Draft:
    """What all parts of the translation share. ``root`` is the folder that paths are written
    relative to; ``thorough`` asks for warnings about what only a deployment would miss."""

    def __init__(self, template: Template, root: Path, *, thorough: bool = False) -> None:
        self.template = template
        self.root = root
        self.thorough = thorough
        self.problems = template.problems
        self.words: dict[Place, dict[str, str]] = {}
        """Place to the fields that messages there may name, and the template's words for them."""
        self.files: dict[Path, str] = {}
        """Files that a converted manifest needs beside it."""
        self.fronts: dict[str, Front] = {}
        """What the ``apis`` section says, by the names of the APIs."""
        self.owned: dict[str, dict[str, Fields]] = {}
        """What the ``resources`` section says, by kind (``queues``) and name."""
        self.unbuilt: set[str] = set()
        """Functions whose code is made by ``sam build``, and can't be looked into."""

    def fields(self, at: Place) -> Fields:
        return Fields(self, at)

    def own(self, kind: str, name: str, fields: Fields) -> None:
        """Something of the ``resources`` section; what is there already stays."""
        self.owned.setdefault(kind, {}).setdefault(name, fields)

    def says(self, at: Place, field: str, word: str) -> None:
        """Messages at ``at`` call ``field`` by the template's ``word``."""
        self.words.setdefault(at, {})[field] = word

    def warn(
        self, code: str, message: str, at: Node | Place | None, hint: str | None = None
    ) -> None:
        self.problems.add(code, message, at, hint, severity="warning")

    def lose(self, message: str, at: Node | Place | None) -> None:
        """Something that changes nothing on this machine, and that the manifest can't say."""
        if self.thorough:
            self.warn("lost", message, at)

    def path(self, written: str) -> str:
        """A path of the template, relative to ``root``."""
        path = self.template.folder / Path(written).expanduser()
        relative = os.path.relpath(path, self.root)
        return relative.replace(os.sep, "/")


class Fields:
    """A mapping of the manifest."""

    def __init__(self, draft: Draft, at: Place) -> None:
        self.draft = draft
        self.at = at
        self.value: dict[str, Node] = {}
        self.keys: dict[str, Place] = {}

    def __bool__(self) -> bool:
        return bool(self.value)

    def put(self, field: str, node: Node | None, word: str = "") -> None:
        """Set ``field``, which the template calls ``word``; nothing where there is no value."""
        if node is None or node is NO_VALUE:
            return
        self.value[field] = node
        self.keys[field] = node.at
        if word:
            self.draft.says(node.at, field, word)

    def nest(self, field: str, inner: Fields, word: str = "") -> None:
        """Set ``field`` to another mapping, unless that is empty."""
        if inner:
            self.put(field, inner.node(), word)

    def node(self) -> Node:
        size = 1 + sum(child.size for child in self.value.values())
        return Value(self.value, *self.at, keys=self.keys, size=size)


def snake(text: str) -> str:
    """``FunctionUpdate``, ``TRIM_HORIZON`` -> ``function_update``, ``trim_horizon``."""
    return re.sub(_WORD_START, "_", text).lower() if not text.isupper() else text.lower()


def word(node: Node | None) -> Node | None:
    """A word of AWS's as the manifest spells it: in lower case, with underscores."""
    text = text_of(node)
    if node is None or text is None or node.unknown:
        return node
    return made(snake(text.replace("-", "_")), node)


def boolean(node: Node | None) -> Node | None:
    """True or false; ``yes`` and ``no`` are what YAML 1.1, and so CloudFormation, reads."""
    text = (text_of(node) or "").lower()
    if node is not None and (text in _TRUE or text in _FALSE):
        return made(text in _TRUE, node)
    return node


def truth(node: Node | None) -> bool | None:
    """Whether a node is true or false; None where it is neither, or not there."""
    return {"true": True, "false": False}.get((text_of(boolean(node)) or "").lower())


def listed(node: Node | None) -> Node | None:
    """A list; a value that stands alone is a list of one, and text with commas several."""
    if node is None or isinstance(node.value, list) or node.unknown or node.value is None:
        return node
    pieces = node.text.split(",") if isinstance(node.value, str) else [node.text]
    return made([piece.strip() for piece in pieces], node)


def sequence(nodes: list[Node], at: Place) -> Node:
    """A list of nodes."""
    return Value(nodes, *at, size=1 + sum(node.size for node in nodes))


def certain(node: Node) -> Node:
    """``node`` even where it is a stand-in: a readable text is better than nothing."""
    if not node.unknown or node.value is None:
        return node
    return Value(node.value, *node.at, text=node.text, fluid=node.fluid)


def source_name(node: Node | None, resource: Resource | None) -> Node | None:
    """What an event source is called: the name of a resource of the template, else what is
    written; a stand-in made to fit."""
    if node is None:
        return None
    if resource is not None:
        return made(resource.physical_name, node)
    if node.unknown and node.text:
        return made(re.sub("[^A-Za-z0-9_-]+", "-", node.text).strip("-") or "unknown", node)
    return node
