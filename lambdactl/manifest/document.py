"""A YAML document as a tree that remembers where everything was written.

A :class:`Node` is a scalar, a list or a mapping with its line and column. Problems found
anywhere are collected in :class:`Problems`, so that a reader can go on after the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdactl.errors import Location, Problem

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What YAML 1.1 (and so libyaml) ends a line with: https://yaml.org/spec/1.1/#id871136."""


@dataclass(slots=True, eq=False)
class Node:
    """A value and its place; ``line`` and ``column`` count from 1.

    ``value`` is None, bool, int, float, str, a list of nodes, or a dict of text to node.
    """

    value: Any
    line: int
    column: int
    text: str = ""
    """A scalar as it was written, without quotes."""
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of a mapping: where each key stands."""
    unknown: bool = False
    """The value can't be known because of a problem already reported: anything will do."""
    fluid: bool = False
    """Text that a variable gave, to be read as whatever its field wants."""
    source: Node | None = None
    """The node whose value a ``${self:...}`` copied: a fault in it is reported there only."""
    size: int = 1
    """The number of nodes in this tree, aliases counted each time."""

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.value, dict)

    @property
    def at(self) -> tuple[int, int]:
        return (self.line, self.column)

    def get(self, *path: str | int) -> Node | None:
        """The node under ``path``, or None."""
        node: Node | None = self
        for step in path:
            if node is None:
                return None
            if isinstance(node.value, dict) and isinstance(step, str):
                node = node.value.get(step)
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
            else:
                return None
        return node

    def items(self) -> Iterator[tuple[str, Node]]:
        """The entries of a mapping; nothing for other nodes."""
        if isinstance(self.value, dict):
            yield from self.value.items()


def plain(node: Node) -> Any:
    """The tree as plain Python values."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def from_plain(value: Any, line: int, column: int) -> Node:
    """Plain Python values as a tree, all of it at one place."""
    if isinstance(value, dict):
        children = {str(key): from_plain(child, line, column) for key, child in value.items()}
        keys = dict.fromkeys(children, (line, column))
        size = 1 + sum(child.size for child in children.values())
        return Node(children, line, column, keys=keys, size=size)
    if isinstance(value, list):
        members = [from_plain(child, line, column) for child in value]
        return Node(members, line, column, size=1 + sum(child.size for child in members))
    if value is None or isinstance(value, (bool, int, float, str)):
        return Node(value, line, column, text=written(value))
    return Node(str(value), line, column, text=str(value))


def written(value: Any) -> str:
    """A scalar as YAML would write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class Problems:
    """Collects the problems of one file."""

    def __init__(self, file: Path | str, text: str) -> None:
        self.file = str(file)
        self.lines = LINE_BREAK.split(text)
        self.shifts: Mapping[int, int] = {}
        """Line to the columns by which the text that was parsed is further right than the file."""
        self._found: list[tuple[Problem, Node | None]] = []

    def location(self, at: tuple[int, int] | None) -> Location:
        """The place in this file with its source line; without ``at``, the file itself."""
        if at is None:
            return Location(self.file)
        line, column = at
        column = max(1, column - self.shifts.get(line, 0))
        source = self.lines[line - 1] if 0 < line <= len(self.lines) else None
        return Location(self.file, line, column, source)

    def add(
        self,
        code: str,
        message: str,
        at: Node | tuple[int, int] | None,
        hint: str | None = None,
        *,
        node: Node | None = None,
        severity: str = "error",
    ) -> None:
        """Report one problem at a node or a place. ``node`` is the value that is at fault, where
        ``at`` is another place (a key)."""
        if isinstance(at, Node):
            node, at = node or at, at.at
        problem = Problem(message, self.location(at), hint, severity, code)
        self._found.append((problem, node))

    def has_errors(self) -> bool:
        return any(problem.severity == "error" for problem, _ in self._found)

    def all(self) -> tuple[Problem, ...]:
        """The problems in the order of the file, each fault once: a value that an alias, a
        default or a ``${self:...}`` brought to several places is reported where it stands."""
        blamed = {(id(node), problem.code) for problem, node in self._found if node is not None}
        unique: dict[tuple[object, ...], Problem] = {}
        for problem, node in self._found:
            if any((id(origin), problem.code) in blamed for origin in _sources(node)):
                continue
            where = problem.where
            unique.setdefault((where.line, where.column, problem.code, problem.message), problem)
        return tuple(sorted(unique.values(), key=_place))


def _sources(node: Node | None) -> Iterable[Node]:
    while node is not None and node.source is not None:
        node = node.source
        yield node


def _place(problem: Problem) -> tuple[int, int]:
    return (problem.where.line or 0, problem.where.column or 0)
