"""The schema of the manifest as a reference in Markdown: one section a mapping, one row a field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_VARIABLE = "#/$defs/variable"
_SECTIONS = "#/$defs/"
_FUNCTION = "#/$defs/function/properties/"


def render(schema: Schema) -> str:
    """The reference of every field; sections in the order in which they are first linked to."""
    lines = ["## The manifest", "", *_fields(schema, schema)]
    queue = [_section_name(schema, field) for field in schema["properties"].values()]
    done: set[str] = set()
    while queue:
        name = queue.pop(0)
        if name is None or name in done:
            continue
        done.add(name)
        part = schema["$defs"][name]
        lines += ["", f"### `{name}`", "", *_section(schema, part)]
        queue += [
            _section_name(schema, field)
            for form in _forms(schema, part)
            for field in form.get("properties", {}).values()
        ]
    return "\n".join(lines) + "\n"


def _section_name(root: Schema, field: Schema) -> str | None:
    """The definition with a section of its own that a field (or what is in it) refers to."""
    reference = field.get("$ref", "")
    name = reference.removeprefix(_SECTIONS)
    if reference.startswith(_SECTIONS) and "/" not in name:
        target = root["$defs"][name]
        if any(form.get("properties") for form in _forms(root, target)):
            return str(name)
        return _section_name(root, {key: value for key, value in target.items() if key != "$ref"})
    for inside in ("items", "additionalProperties"):
        if isinstance(field.get(inside), dict):
            return _section_name(root, field[inside])
    return None


def _section(root: Schema, part: Schema) -> Iterator[str]:
    yield str(part.get("description", ""))
    example = next(iter(part.get("examples", ())), None)
    if example is not None:
        yield from ("", f"Example: `{json.dumps(example, ensure_ascii=False)}`")
    for form in _forms(root, part):
        properties = form.get("properties", {})
        if not properties:
            continue
        if form is not part:
            yield from ("", f"As {form.get('title', 'a mapping')}:")
        borrowed = [field.get("$ref", "").startswith(_FUNCTION) for field in properties.values()]
        if all(borrowed):
            listed = ", ".join(f"`{name}`" for name in properties)
            yield from ("", f"Fields, as in [function](#function): {listed}.")
        else:
            yield from ("", *_fields(root, form))


def _forms(root: Schema, part: Schema) -> list[Schema]:
    """A definition, and the forms that it may have."""
    return [part, *(_resolved(root, form) for form in _branches(part))]


def _branches(part: Schema) -> list[Schema]:
    return [form for form in part.get("anyOf", ()) if form.get("$ref") != _VARIABLE]


def _fields(root: Schema, mapping: Schema) -> Iterator[str]:
    yield "| field | what | value | default |"
    yield "| --- | --- | --- | --- |"
    required = mapping.get("required", ())
    for name, field in mapping["properties"].items():
        whole = _resolved(root, field)
        what = str(whole.get("description", "")).replace("|", "\\|").replace("<", "&lt;")
        mark = " (required)" if name in required else ""
        default = _code(whole["default"]) if "default" in whole else ""
        yield f"| `{name}`{mark} | {what} | {_value(root, field)} | {default} |"


def _resolved(root: Schema, field: Schema) -> Schema:
    while "$ref" in field:
        target: Any = root
        for step in field["$ref"].removeprefix("#/").split("/"):
            target = target[int(step)] if isinstance(target, list) else target[step]
        field = {**target, **{key: value for key, value in field.items() if key != "$ref"}}
    return field


def _value(root: Schema, field: Schema) -> str:
    """A field's values in words, with a link where they have a section of their own."""
    target = _resolved(root, field)
    name = _section_name(root, field) if "$ref" in field else None
    if name is not None and field["$ref"] == _SECTIONS + name:
        return f"[{name}](#{name})"
    if "x-seconds" in target:
        return f"duration{_range(target['x-seconds'])}"
    forms = [form for form in (target, *_branches(target)) if "type" in form or "$ref" in form]
    words = [_simple(root, form) for form in forms]
    return " or ".join(dict.fromkeys(words)) or "anything"


def _simple(root: Schema, form: Schema) -> str:
    if "$ref" in form:
        return _value(root, form)
    if "enum" in form:
        if len(form["enum"]) > 16:
            return "a known word"
        return ", ".join(_code(value) for value in form["enum"])
    kinds = form["type"] if isinstance(form["type"], list) else [form["type"]]
    if kinds == ["array"]:
        most = f" (at most {form['maxItems']})" if "maxItems" in form else ""
        return f"list of {_value(root, form.get('items', {}))}{most}"
    if kinds == ["object"]:
        if "properties" in form:
            return f"mapping with {', '.join(f'`{name}`' for name in form['properties'])}"
        inner = form.get("additionalProperties")
        return f"mapping to {_value(root, inner)}" if isinstance(inner, dict) else "mapping"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "boolean"}
    spelled = "text, number or boolean" if len(kinds) > 1 else words[kinds[0]]
    return spelled + _range(form)


def _range(limits: Schema) -> str:
    low, high = limits.get("minimum"), limits.get("maximum")
    if low is None and high is None:
        return ""
    if high is None:
        return f", at least {low:,}"
    return f", {low:,} to {high:,}"


def _code(value: Any) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"
