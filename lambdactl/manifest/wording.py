"""How the checker says what is wanted and what it found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambdactl.manifest import scalars
from lambdactl.manifest.document import Node

Schema = Mapping[str, Any]
_SIZE = re.compile(r"(?P<number>[0-9]{1,9})\s*(?P<unit>[MG](i?B)?)", re.IGNORECASE)
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def types(schema: Schema) -> tuple[str, ...]:
    kind = schema.get("type", ())
    return (kind,) if isinstance(kind, str) else tuple(kind)


def describe(schema: Schema, titled: bool) -> str:
    """What is wanted. One of several forms of a field goes by its title ("an image")."""
    if titled and "title" in schema:
        return str(schema["title"])
    if "enum" in schema and len(schema["enum"]) <= 3:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    words = [_WORDS[kind] for kind in types(schema)]
    return words[0] if "string" in types(schema) else " or ".join(words)


def found(node: Node) -> str:
    value = node.value
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"`{node.text}`"
    if isinstance(value, (int, float)):
        return f"the number {node.text}"
    return f"the text {quoted(node.text)}"


def type_hint(node: Node, types: set[str]) -> str | None:
    value, text = node.value, node.text
    if isinstance(value, (bool, int, float)) and "string" in types:
        return f'put it in quotes: "{text}"'
    if scalars.is_yaml_1_1_octal(text) and types & {"integer", "number"}:
        return f"a number with a leading zero is ambiguous: write {int(text)}"
    if isinstance(value, str) and "boolean" in types and text.lower() in scalars.YAML_1_1_BOOLEANS:
        return f"write `{scalars.YAML_1_1_BOOLEANS[text.lower()]}`"
    sized = _SIZE.fullmatch(text) if isinstance(value, str) and "integer" in types else None
    if sized:
        number = int(sized["number"]) * (1024 if sized["unit"].upper().startswith("G") else 1)
        return f"write the number of megabytes alone: {number}"
    if isinstance(value, str) and types & {"integer", "number", "boolean"}:
        typed = scalars.resolve(text.replace("_", ""))
        if "_" in text and isinstance(typed, int):
            return f"write it without underscores: {typed}"
        if isinstance(typed, (bool, int, float)):
            return f"remove the quotes: {text}"
    if "array" in types and not isinstance(value, dict):
        return f"write it as a list: [{text}]"
    return None


def named(name: str) -> str:
    return f"`{name}`" if name else "the manifest"


def quoted(text: str) -> str:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return f"`{shown}`" if shown and "\n" not in shown else repr(shown)


def listed(names: list[str]) -> str | None:
    return f"there is: {', '.join(names)}" if 0 < len(names) <= 24 else None
