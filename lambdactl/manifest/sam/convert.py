"""A template -> the text of the ``lambdactl.yaml`` that says the same."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lambdactl.errors import ManifestError, Problem, UserError
from lambdactl.manifest import scalars, source
from lambdactl.manifest.checker import Checker, schema
from lambdactl.manifest.document import Node, Problems, plain
from lambdactl.manifest.sam.reading import TemplateReader
from lambdactl.manifest.scalar_check import BAD

_SHORT = 72
"""A mapping or list of words that fits into this many characters stands on one line."""


class Converted(NamedTuple):
    """The manifest's text, other files that it needs, and what is lost or doubtful."""

    text: str
    files: Mapping[Path, str]
    problems: tuple[Problem, ...]


def convert(
    path: Path | None,
    into: Path | None = None,
    *,
    parameters: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    start: Path | None = None,
) -> Converted:
    """Convert a template to a manifest. Nothing is written.

    :param path: the template, or a folder that holds one; without it, the nearest one in
        ``start`` (the current folder) and the folders above.
    :param into: the folder that the manifest will stand in; the template's own if left out.
    :param parameters: values of its parameters, in place of their defaults.
    :raises ManifestError: there is no template, or it has errors.
    :raises UserError: it is no template, or has no such parameter.
    """
    found = source.require(path, start, source.TEMPLATES)
    text = source.read(found)
    if not source.is_template(text):
        raise UserError(f"{source.shown(found)} is not a SAM or CloudFormation template")
    reader = _Recorder(
        found,
        os.environ if env is None else env,
        overrides=parameters,
        into=into.absolute() if into is not None else None,
        thorough=True,
    )
    report = reader.read(text)
    if not report.valid:
        raise ManifestError(report.problems)
    files: dict[Path, str] = {}
    for each in reader.all():
        files.update(each.draft.files if each.draft is not None else {})
    return Converted(_written(reader, found), files, report.problems)


class _RecordingChecker(Checker):
    """Remembers what each node is: a text that stands where a number is wanted is a number."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(schema(), problems)
        self.results: dict[int, Any] = {}

    def check(self, node: Node, *arguments: Any, **named: Any) -> Any:
        result = self.results[id(node)] = super().check(node, *arguments, **named)
        return result


class _Recorder(TemplateReader):
    recording: _RecordingChecker | None = None

    def checker(self, problems: Problems) -> Checker:
        self.recording = _RecordingChecker(problems)
        return self.recording

    def all(self) -> Iterator[_Recorder]:
        """This template and those of the stacks in it."""
        yield self
        for nested in self.stacks.values():
            assert isinstance(nested, _Recorder)
            yield from nested.all()

    def values(self) -> dict[str, Any]:
        """The manifest of this template alone, as plain values."""
        if self.document is None or self.recording is None:
            return {}
        shaped: dict[str, Any] = _shaped(self.document, self.recording.results)
        return shaped


def _shaped(node: Node, results: Mapping[int, Any]) -> Any:
    result = results.get(id(node), results)
    if result is results:
        return plain(node)  # Inside of what may hold anything.
    if result is BAD or not isinstance(node.value, (dict, list)):
        return result
    if isinstance(node.value, list):
        members = (_shaped(member, results) for member in node.value)
        return [member for member in members if member is not BAD]
    children = ((key, _shaped(child, results)) for key, child in node.items())
    return {key: child for key, child in children if child is not BAD}


def _written(reader: _Recorder, template: Path) -> str:
    folder = template.absolute().parent.name
    service = re.sub("[^A-Za-z0-9._-]", "-", folder).lstrip("._-")[:64]
    document: dict[str, Any] = {"service": service} if service else {}
    order = list(schema()["$defs"]["function"]["properties"])
    for each in reader.all():
        for section, entries in each.values().items():
            known = document.setdefault(section, {})
            for name, fields in entries.items():
                if section == "resources":
                    known[name] = {**fields, **known.get(name, {})}
                else:
                    known[name] = fields
    document["functions"] = {
        name: _Block(sorted(fields.items(), key=lambda item: order.index(item[0])))
        for name, fields in document.get("functions", {}).items()
    }
    body = yaml.dump(
        _escaped(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    body = re.sub(r"\n(?=(?:functions|layers|apis|resources|state_machines):)", "\n\n", body)
    address = schema()["$id"]
    return (
        f"# yaml-language-server: $schema={address}\n"
        f"# Made from {template.name} by `lambdactl convert`.\n{body}"
    )


class _Block(dict[str, Any]):
    """A mapping with a line for each key, however short."""


def _escaped(value: Any) -> Any:
    """Texts in which a ``${`` stays what it is."""
    if isinstance(value, dict):
        return type(value)((key, _escaped(child)) for key, child in value.items())
    if isinstance(value, list):
        return [_escaped(child) for child in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


class _Dumper(yaml.SafeDumper):
    """YAML as the manifest's readers and writers like it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: Any = None) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style=False)
        texts = [part for pair in node.value for part in pair]
        node.flow_style = not node.value or _is_short(texts)
        return node

    def represent_sequence(self, tag: str, items: Any, flow_style: Any = None) -> yaml.SequenceNode:
        node = super().represent_sequence(tag, items, flow_style=False)
        node.flow_style = not node.value or _is_short(node.value)
        return node


def _is_short(nodes: list[Any]) -> bool:
    if not all(isinstance(node, yaml.ScalarNode) and node.style != "|" for node in nodes):
        return False
    return sum(len(node.value) + 3 for node in nodes) < _SHORT


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    """Words that YAML 1.2 would read as something else stand in quotes."""
    style = None
    if "\n" in value:
        style = "|"
    elif not value or scalars.resolve(value) is not value:
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _block(dumper: yaml.SafeDumper, value: _Block) -> yaml.MappingNode:
    node = dumper.represent_mapping("tag:yaml.org,2002:map", value)
    node.flow_style = False
    return node


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Block, _block)
