"""YAML text -> a tree of nodes, with every problem of the YAML itself.

Built on the parser's events and not on its composer, so that unknown aliases, duplicate keys and
wrong merges are reported all at once with their places, and so that depth and size are bounded
before anything is built (an alias bomb costs nothing). libyaml parses where PyYAML has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from lambdactl.errors import did_you_mean
from lambdactl.manifest import scalars
from lambdactl.manifest.braces import can_hide, restore
from lambdactl.manifest.document import Node, Problems
from lambdactl.manifest.repair import UNREADABLE

MAX_DEPTH = 64
MAX_NODES = 100_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
_TAGS = {"str", "int", "float", "bool", "null", "map", "seq"}
_EXPLANATIONS = {
    "mapping values are not allowed": "check the indentation and whether the line before lacks a "
    "`:`, and put text with `: ` in it in quotes",
    "found unexpected end of stream": "a quote is opened here and never closed",
    "did not find expected key": "check the indentation and the quotes around here",
    "did not find expected '-' indicator": "a list item starts with `- ` in the same column as the "
    "others",
    "did not find expected ',' or '}'": "a `{` is not closed, or a comma is missing",
    "did not find expected ',' or ']'": "a `[` is not closed, or a comma is missing",
    "cannot start any token": "put text that starts with this character in quotes",
    "block sequence entries are not allowed": "start the list on a line of its own",
    "found unknown escape character": "use single quotes, or double the backslash",
}


class YamlError(Exception):
    """The text is not YAML, or too much of it: nothing after ``at`` can be read."""

    def __init__(
        self,
        message: str,
        at: tuple[int, int],
        hint: str | None = None,
        code: str = "yaml-syntax",
        noticed: int = 0,
    ) -> None:
        super().__init__(message)
        self.message, self.at, self.hint, self.code = message, at, hint, code
        self.noticed = noticed
        """The line on which the parser gave up, which may be far below."""


class _Frame:
    """A list or mapping that is still open; ``outer`` is what stands for it once it is closed:
    itself, or the mapping that its tag is short for."""

    __slots__ = ("key", "merges", "node", "outer")

    def __init__(self, node: Node, outer: Node) -> None:
        self.node = node
        self.outer = outer
        self.key: Node | None = None
        self.merges: list[tuple[Node, Node]] = []


def compose(text: str, problems: Problems, tags: Mapping[str, str] | None = None) -> Node | None:
    """The document in ``text``; None if there is none (only comments).

    :param tags: local tags, each with the key it is short for: ``!Ref x`` is ``{Ref: x}``.
    :raises YamlError: the text can't be parsed at all.
    """
    builder = _Builder(problems, tags or {})
    for event in _events(text):
        builder.take(event)
    return builder.root


def _events(text: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise _yaml_error(error) from None
    except yaml.YAMLError as error:
        raise YamlError(f"this is not YAML: {error}", (1, 1)) from None


def _yaml_error(error: yaml.MarkedYAMLError) -> YamlError:
    problem, context = error.problem or "syntax error", error.context or ""
    hint = next((why for what, why in _EXPLANATIONS.items() if what in problem), None)
    mark, opened = error.problem_mark, error.context_mark
    # What is opened and never closed is noticed far below: the place to look at is the opening.
    noticed = mark.line + 1 if mark else 0
    unclosed = "quoted scalar" in context or "flow" in context
    if mark is None or (opened is not None and unclosed and opened.line != mark.line):
        mark = opened
    at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return YamlError(f"this is not YAML: {problem}", at, hint, noticed=noticed)


class _Builder:
    def __init__(self, problems: Problems, tags: Mapping[str, str]) -> None:
        self.problems = problems
        self.tags = tags
        self.root: Node | None = None
        self.frames: list[_Frame] = []
        self.anchors: dict[str, Node] = {}
        self.documents = 0
        self.braces_hidden = all(can_hide(line) for line in problems.lines)

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self.place(self.named(event, self.scalar(event)))
        elif isinstance(event, yaml.AliasEvent):
            self.place(self.alias(event))
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if len(self.frames) == MAX_DEPTH:
                message = f"this nests more than {MAX_DEPTH} levels deep"
                raise YamlError(message, _at(event), code="too-large")
            empty: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            node = Node(empty, *_at(event))
            self.frames.append(_Frame(node, self.named(event, self.tagged(event, node))))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self.close()
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents == 2:
                self.problems.add(
                    "multiple-documents",
                    "a manifest is one YAML document, and a second one starts here",
                    _at(event),
                    "remove the `---`",
                )

    def named(self, event: Any, node: Node) -> Node:
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def tagged(self, event: Any, node: Node) -> Node:
        tag = event.tag
        if tag in self.tags:
            key = self.tags[tag]
            return Node({key: node}, *node.at, keys={key: node.at}, size=1 + node.size)
        if tag and tag != "!" and tag.removeprefix(_CORE) not in _TAGS:
            node.unknown = True
            shown = tag.replace(_CORE, "!!")
            self.problems.add(
                "unknown-tag",
                f"`{shown}` is not known here",
                _at(event),
                did_you_mean(shown, self.tags)
                if self.tags
                else "write the value without a tag; ${env:...}, ${file:...} and ${self:...} "
                "insert values",
            )
        return node

    def scalar(self, event: yaml.ScalarEvent) -> Node:
        text: str = event.value
        if not event.style and self.braces_hidden:
            text = restore(text)
        if text == UNREADABLE:
            return Node(None, *_at(event), unknown=True)
        kind = (event.tag or "").removeprefix(_CORE)
        plain_word = event.tag is None and event.implicit[0]
        value: Any = text
        if plain_word or kind in ("int", "float", "bool", "null"):
            value = scalars.resolve(text)
        if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        return self.tagged(event, Node(value, *_at(event), text=text))

    def alias(self, event: yaml.AliasEvent) -> Node:
        name = str(event.anchor)
        target = self.anchors.get(name)
        at = _at(event)
        if target is None:
            self.problems.add(
                "unknown-alias",
                f"there is no anchor `&{name}` before this",
                at,
                did_you_mean(name, self.anchors) or "put text that starts with `*` in quotes",
            )
        elif any(frame.outer is target for frame in self.frames):
            self.problems.add("recursive-alias", f"`*{name}` stands inside of itself", at)
        else:
            return target
        return Node(None, *at, unknown=True)

    def close(self) -> None:
        frame = self.frames.pop()
        if frame.merges:
            self.merge(frame)
        if frame.outer is not frame.node:
            frame.outer.size = 1 + frame.node.size
        self.place(frame.outer)

    def place(self, node: Node) -> None:
        if not self.frames:
            if self.documents == 1:
                self.root = node
            return
        frame = self.frames[-1]
        parent = frame.node
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif frame.key is None:
            frame.key = node
            return
        else:
            self.entry(frame, frame.key, node)
            frame.key = None
        self.grow(parent, node)

    def grow(self, parent: Node, child: Node) -> None:
        parent.size += child.size
        if parent.size > MAX_NODES:
            raise YamlError(
                f"this is too large: with its aliases it has more than {MAX_NODES:,} values",
                child.at,
                code="too-large",
            )

    def entry(self, frame: _Frame, key: Node, value: Node) -> None:
        mapping = frame.node
        if isinstance(key.value, (dict, list)) or key.unknown:
            if not key.unknown:
                self.problems.add("malformed-key", "a key must be a single word or text", key)
            return
        name = key.text
        if name == "<<":
            frame.merges.append((key, value))
            if len(frame.merges) == 1:
                return
        first = mapping.keys.get(name) or (frame.merges[0][0].at if name == "<<" else None)
        if first is not None:
            self.problems.add(
                "duplicate-key",
                f"the key `{name}` is given twice",
                key,
                f"the first one is on line {first[0]}; "
                + ("use `<<: [*one, *two]`" if name == "<<" else "keep one of them"),
            )
            if name == "<<":
                return
        mapping.keys.setdefault(name, key.at)
        if first is None:
            mapping.value[name] = value

    def merge(self, frame: _Frame) -> None:
        """``<<``: keys of the merged mappings that the mapping itself doesn't have
        (https://yaml.org/type/merge.html)."""
        mapping = frame.node
        for key, value in frame.merges:
            sources = value.value if isinstance(value.value, list) else [value]
            for source in sources:
                if source.unknown:
                    continue
                if not isinstance(source.value, dict):
                    self.problems.add(
                        "wrong-type",
                        "`<<` merges a mapping or a list of mappings",
                        source if source is not value else key,
                        "write `<<: *name` with the anchor of a mapping",
                    )
                    continue
                for name, child in source.value.items():
                    if name not in mapping.value:
                        mapping.value[name] = child
                        mapping.keys[name] = source.keys[name]
                        self.grow(mapping, child)


def _at(event: yaml.Event) -> tuple[int, int]:
    mark: Any = event.start_mark
    return (mark.line + 1, mark.column + 1)
