"""``${env:NAME}``, ``${file:path}``, ``${self:dotted.path}``, ``${stage}``, ``${account}``,
``${region}`` and ``${partition}`` in values.

A value that is one variable and nothing else takes over what the variable gives: ``${self:...}``
and ``${file:data.json:key}`` keep their type, the text of ``${env:...}`` and ``${file:...}`` is
read as its field wants (``timeout: ${env:T:-5}`` is a number). In a longer text every variable is
written into it. ``$${`` stands for a literal ``${``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from lambdactl.errors import did_you_mean
from lambdactl.manifest.composer import YamlError, compose
from lambdactl.manifest.document import Node, Problems, from_plain, plain, written
from lambdactl.manifest.noted import note
from lambdactl.manifest.source import PLACE

MAX_FILE_BYTES = 1024 * 1024
MAX_TEXT = 1024 * 1024
MAX_NODES = 100_000
MAX_CHAIN = 50
_SOURCES = ("env", "file", "self", "stage", *PLACE)
_INDEX = re.compile(r"\[([0-9]+)\]")
_UNPARSED: Any = object()


class _Fault(Exception):
    """A variable has no value. ``message`` is empty where that was reported already."""

    def __init__(self, code: str = "", message: str = "", hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


class Context(NamedTuple):
    """What variables can see."""

    root: Path
    env: Mapping[str, str]
    stage: str | None = None


def resolve(document: Node, context: Context, problems: Problems, skip: set[str]) -> Node:
    """``document`` with all variables replaced, except under the top-level keys ``skip``."""
    resolver = _Resolver(document, context, problems)
    top = {
        name: veil(child) if name in skip else resolver.node(child, name)
        for name, child in document.items()
    }
    return replace(document, value=top)


def veil(node: Node) -> Node:
    """``node`` with every value that holds a variable marked as unknown."""
    if isinstance(node.value, dict):
        return replace(node, value={name: veil(child) for name, child in node.items()})
    if isinstance(node.value, list):
        return replace(node, value=[veil(child) for child in node.value])
    if isinstance(node.value, str) and "${" in node.value:
        return replace(node, unknown=True)
    return node


class _Resolver:
    def __init__(self, document: Node, context: Context, problems: Problems) -> None:
        self.document = document
        self.context = context
        self.problems = problems
        self.done: dict[int, Node] = {}
        self.open: dict[int, tuple[str, Node]] = {}
        """Nodes being resolved, with the paths by which they were reached, in order."""
        self.files: dict[Path, str] = {}
        self.nesting = 0
        """How many variables stand around the one that is being replaced."""

    def node(self, node: Node, path: str) -> Node:
        known = self.done.get(id(node))
        if known is not None:
            return known
        if node.unknown:
            return node
        if isinstance(node.value, str):
            if "${" not in node.value:
                return node
            result = self.guarded(node, path)
        elif isinstance(node.value, dict):
            self.enter(node, path)
            children = {
                name: self.node(child, f"{path}.{name}" if path else name)
                for name, child in node.items()
            }
            self.open.pop(id(node))
            result = self.grown(replace(node, value=children), children.values())
        elif isinstance(node.value, list):
            self.enter(node, path)
            members = [self.node(child, f"{path}.{i}") for i, child in enumerate(node.value)]
            self.open.pop(id(node))
            result = self.grown(replace(node, value=members), members)
        else:
            return node
        self.done[id(node)] = result
        return result

    def grown(self, node: Node, children: Any) -> Node:
        node.size = 1 + sum(child.size for child in children)
        if node.size <= MAX_NODES:
            return node
        self.problems.add(
            "too-large", f"variables make more than {MAX_NODES:,} values of this", node
        )
        return Node(None, node.line, node.column, unknown=True)

    def guarded(self, node: Node, path: str) -> Node:
        """A text with variables, replaced; an unknown node and a problem where that fails."""
        if id(node) in self.open:
            with suppress(_Fault):
                self.circle(node, path)
            return Node(None, node.line, node.column, text=node.text, unknown=True)
        if len(self.open) > MAX_CHAIN:
            fault = _Fault("too-deep", f"variables refer to one another more than {MAX_CHAIN} deep")
        else:
            self.enter(node, path)
            try:
                return self.template(node)
            except _Fault as error:
                fault = error
            finally:
                self.open.pop(id(node))
        if fault.message:
            self.problems.add(fault.code, fault.message, node, fault.hint)
        return Node(None, node.line, node.column, text=node.text, unknown=True)

    def enter(self, node: Node, path: str) -> None:
        self.open[id(node)] = (path, node)

    def template(self, node: Node) -> Node:
        value = self.expand(node.value)
        if isinstance(value, Node):
            if value.unknown:
                raise _Fault
            return replace(value, line=node.line, column=node.column, source=value)
        if len(value) > MAX_TEXT:
            raise _Fault("too-large", f"variables make a text of more than {MAX_TEXT:,} characters")
        fluid = "${" in node.value.replace("$${", "")
        return Node(value, node.line, node.column, text=value, fluid=fluid)

    def expand(self, text: str) -> str | Node:
        """``text`` with its variables replaced: text, or a node where it is one variable only."""
        parts: list[str] = []
        position = 0
        while True:
            start = text.find("${", position)
            if start < 0:
                return "".join(parts) + text[position:]
            if start > 0 and text[start - 1] == "$" and start - 1 >= position:
                parts.append(text[position : start - 1] + "${")
                position = start + 2
                continue
            end = _closing(text, start + 2)
            if end < 0:
                shown = text[start:].split("\n")[0]
                raise _Fault(
                    "malformed-variable",
                    f"the variable `{_short(shown)}` is not closed",
                    "end it with `}`, or write `$${` for a literal `${`",
                )
            if self.nesting == MAX_CHAIN:
                raise _Fault("too-deep", f"variables nest more than {MAX_CHAIN} deep in this text")
            self.nesting += 1
            try:
                value = self.variable(text[start + 2 : end])
            finally:
                self.nesting -= 1
            if start == 0 and end == len(text) - 1:
                return value
            parts.append(text[position:start] + _inline(value, text[start : end + 1]))
            position = end + 1

    def text(self, text: str) -> str:
        """``text`` with its variables replaced, as text."""
        value = self.expand(text)
        return _inline(value, text) if isinstance(value, Node) else value

    def variable(self, body: str) -> str | Node:
        """What the variable ``${body}`` gives.

        :raises _Fault: nothing.
        """
        source, _, rest = body.partition(":")
        source = source.strip()
        if source == "stage":
            if self.context.stage is not None:
                return self.context.stage
            default = rest.removeprefix("-") if rest else None
            return self.otherwise(default, "stage", "no stage is chosen", "give one with --stage")
        if source in PLACE and not rest:
            return self.place(source)
        if source not in _SOURCES or not rest:
            raise self.unknown_source(source, body)
        name, separator, default = _split_default(rest)
        name = self.text(name).strip()
        fallback = default if separator else None
        if source == "env":
            value = self.context.env.get(name)
            if value is None or (value == "" and fallback is not None):
                return self.otherwise(
                    fallback,
                    name,
                    f"the environment variable `{name}` is not set",
                    f"set it, give it with --env-file, or write ${{env:{name}:-default}}",
                )
            return value
        try:
            return self.file(name) if source == "file" else self.self_reference(name)
        except _Fault as fault:
            if fallback is None or not fault.message:
                raise
            return self.expand(fallback)

    def place(self, name: str) -> str:
        """Where the manifest is deployed; on this machine what functions there are told."""
        from lambdactl.manifest import profile

        if name == "account":
            return profile.account(self.context.env)
        region = profile.region(self.context.env)
        return region if name == "region" else profile.partition(region)

    def otherwise(self, default: str | None, name: str, message: str, hint: str) -> str | Node:
        if default is not None:
            return self.expand(default)
        close = did_you_mean(name, self.context.env) if name != "stage" else None
        raise _Fault("undefined-variable", message, close or hint)

    def unknown_source(self, source: str, body: str) -> _Fault:
        close = did_you_mean(source, _SOURCES)
        known = (
            "variables are ${env:...}, ${file:...}, ${self:...}, ${stage}, ${account}, ${region}"
        )
        return _Fault(
            "unknown-variable",
            f"`${{{_short(body)}}}` is not a variable",
            close or f"{known}; write `$${{` for a literal `${{`",
        )

    def self_reference(self, path: str) -> Node:
        steps = [step for step in _INDEX.sub(r".\1", path).split(".") if step]
        node, trail = self.document, ""
        for step in steps:
            node = self.followed(node, trail)
            child = _step(node, step)
            if child is None:
                names = node.value if isinstance(node.value, dict) else ()
                raise _Fault(
                    "undefined-variable",
                    f"`${{self:{path}}}`: there is no `{step}` in "
                    + (f"`{trail}`" if trail else "the manifest"),
                    did_you_mean(step, names),
                )
            node, trail = child, f"{trail}.{step}" if trail else step
        return self.followed(node, trail, deep=True)

    def followed(self, node: Node, path: str, *, deep: bool = False) -> Node:
        """``node`` with its variables replaced: itself where it holds none, all of it if ``deep``.

        :raises _Fault: it is being resolved already: a circle.
        """
        if not deep and not isinstance(node.value, str):
            return node
        if id(node) in self.open:
            self.circle(node, path)
        result = self.node(node, path)
        if result.unknown:
            raise _Fault
        return result

    def circle(self, node: Node, path: str) -> None:
        """Report the variables that refer to one another in a circle, once, at the first of them.

        :raises _Fault: always.
        """
        ids = list(self.open)
        members = [self.open[i] for i in ids[ids.index(id(node)) :]]
        members = [(name, member) for name, member in members if isinstance(member.value, str)]
        first = min((member for _, member in members), key=lambda member: member.at)
        names = [name for name, _ in members]
        chain = [*names, names[0] if isinstance(node.value, str) else path]
        self.problems.add(
            "variable-cycle",
            f"variables refer to one another in a circle: {' -> '.join(chain)}",
            first,
            "give one of them a value of its own",
        )
        raise _Fault

    def file(self, name: str) -> str | Node:
        path_text, _, key = name.partition(":")
        if len(path_text) == 1 and key[:1] in ("\\", "/"):
            drive, (path_text, _, key) = path_text, key.partition(":")
            path_text = f"{drive}:{path_text}"
        path = self.context.root / Path(path_text).expanduser()
        text = self.file_text(path, path_text)
        if not key:
            return text[:-1] if text.endswith("\n") else text
        value = self.parsed(path, path_text, text)
        for step in _INDEX.sub(r".\1", key).split("."):
            child = _plain_step(value, step)
            if child is _UNPARSED:
                names = [str(k) for k in value] if isinstance(value, dict) else []
                raise _Fault(
                    "undefined-variable",
                    f"there is no `{key}` in {path_text}",
                    did_you_mean(step, names),
                )
            value = child
        user = next(reversed(self.open.values()))[1]
        return from_plain(value, *user.at)

    def file_text(self, path: Path, shown: str) -> str:
        if path not in self.files:
            note(path)
            try:
                with open(path, "rb") as stream:
                    data = stream.read(MAX_FILE_BYTES + 1)
                if len(data) > MAX_FILE_BYTES:
                    raise _Fault("too-large", f"{shown} has more than {MAX_FILE_BYTES:,} bytes")
                self.files[path] = data.decode("utf-8-sig")
            except FileNotFoundError:
                raise _Fault(
                    "file-not-found",
                    f"there is no file {shown}",
                    "the path counts from the manifest's folder",
                ) from None
            except UnicodeDecodeError:
                raise _Fault("not-utf8", f"{shown} is not UTF-8 text") from None
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise _Fault("unreadable", f"can't read {shown}: {reason.lower()}") from None
        return self.files[path]

    def parsed(self, path: Path, shown: str, text: str) -> Any:
        if path.suffix == ".json":
            try:
                return json.loads(text)
            except (ValueError, RecursionError) as error:
                raise _Fault("malformed-file", f"{shown} is not JSON: {error}") from None
        if path.suffix in (".yaml", ".yml"):
            inner = Problems(shown, text)
            try:
                node = compose(text, inner)
            except YamlError as error:
                line = error.at[0]
                raise _Fault("malformed-file", f"{shown}, line {line}: {error.message}") from None
            for problem in inner.all():
                raise _Fault("malformed-file", f"{problem.where}: {problem.message}", problem.hint)
            return None if node is None else plain(node)
        raise _Fault(
            "malformed-variable",
            f"a key can be taken from .json, .yaml and .yml files only, not from {shown}",
            "without a key, ${file:path} is the whole text",
        )


def _step(node: Node, step: str) -> Node | None:
    return node.get(int(step)) if step.isdigit() and not node.is_mapping else node.get(step)


def _plain_step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step, _UNPARSED)
    if isinstance(value, list) and step.isdigit() and int(step) < len(value):
        return value[int(step)]
    return _UNPARSED


def _inline(value: str | Node, spelled: str) -> str:
    """A value to be written into a longer text."""
    if isinstance(value, str):
        return value
    if isinstance(value.value, (dict, list)):
        raise _Fault(
            "wrong-type",
            f"`{_short(spelled)}` gives a {'mapping' if value.is_mapping else 'list'}, which can't "
            "stand inside a text",
            "let the variable be the whole value",
        )
    return value.text if value.text or value.value is None else written(value.value)


def _closing(text: str, start: int) -> int:
    """Where the brace opened before ``start`` is closed, or -1."""
    depth = 1
    for index in range(start, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    return -1


def _split_default(body: str) -> tuple[str, str, str]:
    """``body`` at the first ``:-`` that is not inside of another variable."""
    depth = 0
    for index, character in enumerate(body):
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
        elif depth == 0 and body.startswith(":-", index):
            return body[:index], ":-", body[index + 2 :]
    return body, "", ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
