"""Models of a REST API (JSON Schema, draft 4) as OpenAPI 3.0's schemas, which are a part of it:
https://spec.openapis.org/oas/v3.0.3#schema-object
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_KEPT = frozenset(
    {
        *("title", "description", "default", "enum", "format", "required"),
        *("multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
        *("maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems"),
        *("maxProperties", "minProperties"),
    }
)
_MANY = frozenset({"allOf", "oneOf", "anyOf"})
_MODEL = re.compile(r"https://apigateway\.amazonaws\.com/restapis/[^/]+/models/(?P<name>[^/#]+)")


def schemas(models: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every model under its name, and the ``definitions`` inside of one as ``Model.definition``.

    :param prefix: goes before every name.
    """
    found: dict[str, Any] = {}
    for name, model in models.items():
        own = f"{prefix}{_key(name)}"
        for inner, definition in _definitions(model).items():
            found[f"{own}.{_key(inner)}"] = _converted(definition, own, prefix)
        found[own] = _converted(model, own, prefix)
    return found


def reference(name: str, models: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A reference to a model, or the schema that takes everything where the API has only AWS's own
    (``Empty``)."""
    if name not in models:
        return {"type": "object"}
    return {"$ref": f"#/components/schemas/{prefix}{_key(name)}"}


def _key(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)


def _definitions(model: Any) -> Mapping[str, Any]:
    found = model.get("definitions", {}) if isinstance(model, dict) else {}
    return found if isinstance(found, dict) else {}


def _converted(schema: Any, own: str, prefix: str) -> Any:
    """``schema`` without what OpenAPI 3.0 has no word for."""
    if not isinstance(schema, dict):
        return {}

    def inner(value: Any) -> Any:
        return _converted(value, own, prefix)

    pointer = schema.get("$ref")
    if isinstance(pointer, str):
        return {"$ref": _pointer(pointer, own, prefix)}
    found = {word: value for word, value in schema.items() if word in _KEPT}
    for word, value in schema.items():
        if word == "properties" and isinstance(value, dict):
            found[word] = {name: inner(child) for name, child in value.items()}
        elif word == "items":
            # A list of schemas is one for each position, which OpenAPI 3.0 can't say.
            found[word] = {} if isinstance(value, list) else inner(value)
        elif word == "not":
            found[word] = inner(value)
        elif word == "additionalProperties":
            found[word] = value if isinstance(value, bool) else inner(value)
        elif word in _MANY and isinstance(value, list):
            found[word] = [inner(child) for child in value]
        elif word == "type":
            found |= _type(value)
    if found.get("type") == "array":
        found.setdefault("items", {})
    return found


def _type(value: Any) -> dict[str, Any]:
    if not isinstance(value, list):
        return {} if value == "null" else {"type": value}
    kinds = [kind for kind in value if kind != "null"]
    found: dict[str, Any] = {"nullable": True} if "null" in value else {}
    if len(kinds) == 1:
        return {**found, "type": kinds[0]}
    one_of = [{"type": kind, **({"items": {}} if kind == "array" else {})} for kind in kinds]
    return {"anyOf": one_of} if one_of else {}


def _pointer(pointer: str, own: str, prefix: str) -> str:
    if pointer.startswith("#/definitions/"):
        return f"#/components/schemas/{own}.{_key(pointer.removeprefix('#/definitions/'))}"
    model = _MODEL.fullmatch(pointer)
    if model:
        return f"#/components/schemas/{prefix}{_key(model['name'])}"
    return f"#/components/schemas/{own}" if pointer == "#" else pointer
