"""Models of a REST API: JSON Schema, draft 4, with API Gateway's words for what is wrong.

The words are those of the validator that API Gateway uses, Francis Galiegue's for Java (its
messages: ``validation.properties`` in https://github.com/java-json-tools/json-schema-validator),
and so is their order: fields by name, keywords by name, and nothing below a value once something
is wrong (``InstanceValidator``, without ``deepCheck``).
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from jsonschema import Draft4Validator, FormatChecker, ValidationError
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT4

from lambdactl.triggers.http.calls import Refusal
from lambdactl.triggers.http.rest.java_regex import compiled

_OTHER_MODEL = re.compile(r"https?://apigateway\.[^/]+/restapis/[^/]+/models/([A-Za-z0-9]+)$")
_LOCAL = re.compile(r"#/(definitions|components/schemas|models)/([^/]+)$")


@dataclass(frozen=True, slots=True)
class Model:
    """One model, ready to be asked."""

    name: str
    validator: Validator
    mistake: str | None = None
    """Why the model is no schema."""

    def problems(self, document: Any) -> list[str]:
        """What is wrong with ``document``, in API Gateway's words and order.

        :raises Refusal: ``API_CONFIGURATION_ERROR``: the model is no schema, or refers to one that
            is not there.
        """
        try:
            if self.mistake is not None:
                raise ValueError(self.mistake)
            found = [(_place(error), error) for error in self.validator.iter_errors(document)]
        except (Unresolvable, re.error, ValueError, RecursionError) as error:
            raise Refusal(
                "API_CONFIGURATION_ERROR", reason=f"the model {self.name} can't be used: {error}"
            ) from error
        if not found:
            return []
        found.sort(key=lambda pair: (pair[0], str(pair[1].validator)))
        first = found[0][0]
        return [_words(error) for place, error in found if place == first or place[:-1] < first]


def models(schemas: Mapping[str, Any]) -> dict[str, Model]:
    """The models of an API, which may refer to each other."""
    registry: Registry[Any] = Registry().with_resources(
        (_uri(name), DRAFT4.create_resource(_linked(schema, schema, schemas)))
        for name, schema in schemas.items()
    )
    return {
        name: Model(
            name,
            _Checker({"$ref": _uri(name)}, registry=registry, format_checker=_FORMATS),
            _mistake(schema),
        )
        for name, schema in schemas.items()
    }


def _mistake(schema: Any) -> str | None:
    try:
        Draft4Validator.check_schema(schema)
    except SchemaError as error:
        return f"{error.json_path}: {error.message}"
    return None


def _uri(name: str) -> str:
    return f"models:/{name}"


def _linked(part: Any, schema: Any, schemas: Mapping[str, Any]) -> Any:
    """``part`` of ``schema`` with its references to other models made ones that can be followed:
    ``https://apigateway.amazonaws.com/restapis/ID/models/NAME``
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html), and
    those of the OpenAPI document that models were imported from."""
    if isinstance(part, list):
        return [_linked(each, schema, schemas) for each in part]
    if not isinstance(part, dict):
        return part
    made = {
        name: _linked(value, schema, schemas)
        for name, value in part.items()
        # A model's own identifier would change what its references are relative to.
        if not (part is schema and name in ("id", "$id", "$schema"))
    }
    reference = part.get("$ref")
    if isinstance(reference, str):
        other = _OTHER_MODEL.match(reference)
        local = _LOCAL.match(reference)
        if other:
            made["$ref"] = _uri(other[1])
        elif local and local[2] in schemas and not _has(schema, reference):
            made["$ref"] = _uri(local[2])
    return made


def _has(schema: Any, reference: str) -> bool:
    for name in reference[2:].split("/"):
        schema = schema.get(name) if isinstance(schema, dict) else None
    return schema is not None


def _place(error: ValidationError) -> tuple[tuple[int, Any], ...]:
    """Where in the document: sorts as the Java validator goes through it."""
    return tuple((0, step) if isinstance(step, int) else (1, step) for step in error.absolute_path)


# --- Keywords that jsonschema reports in another number than the Java validator ------------------


def _required(
    validator: Validator, required: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if isinstance(instance, dict) and any(name not in instance for name in required):
        yield ValidationError("")


def _all_of(
    validator: Validator, schemas: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if any(not validator.evolve(schema=each).is_valid(instance) for each in schemas):
        yield ValidationError("")


def _pattern(
    validator: Validator, pattern: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not compiled(pattern).search(instance):
        yield ValidationError("")


def _dependencies(
    validator: Validator, dependencies: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for name, wanted in sorted(dependencies.items()):
        if name not in instance:
            continue
        if isinstance(wanted, dict):
            yield from validator.evolve(schema=wanted).iter_errors(instance)
        elif missing := sorted(each for each in wanted if each not in instance):
            yield ValidationError(
                f'property "{name}" of object has missing property dependencies (schema requires'
                f" {_json(sorted(wanted))}; missing: {_json(missing)})"
            )


_Checker: Any = extend(  # type: ignore[no-untyped-call]
    Draft4Validator,
    {
        "required": _required,
        "allOf": _all_of,
        "pattern": _pattern,
        "dependencies": _dependencies,
    },
)

# --- Formats -------------------------------------------------------------------------------------

_FORMATS = FormatChecker(formats=())
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_HOST = re.compile(r"(?=.{1,253}\Z)(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:[Zz]|[+-]\d\d:?\d\d)")
_URI = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?[^\s<>\"{}|\\^`]*")


def _format(name: str) -> Callable[[Callable[[str], bool]], Callable[[str], bool]]:
    def register(test: Callable[[str], bool]) -> Callable[[str], bool]:
        _FORMATS.checks(name, raises=ValueError)(
            lambda value: not isinstance(value, str) or test(value)
        )
        return test

    return register


@_format("date-time")
def _is_moment(value: str) -> bool:
    return bool(_MOMENT.fullmatch(value) and datetime.fromisoformat(value[:19]))


@_format("email")
def _is_email(value: str) -> bool:
    return _EMAIL.fullmatch(value) is not None


@_format("hostname")
def _is_host(value: str) -> bool:
    return _HOST.fullmatch(value) is not None


@_format("ipv4")
def _is_ipv4(value: str) -> bool:
    return bool(ipaddress.IPv4Address(value))


@_format("ipv6")
def _is_ipv6(value: str) -> bool:
    return ipaddress.IPv6Address(value) is not None


@_format("uri")
def _is_uri(value: str) -> bool:
    return _URI.fullmatch(value) is not None


# --- Words ---------------------------------------------------------------------------------------

_TYPES = {bool: "boolean", str: "string", dict: "object", list: "array", type(None): "null"}
_FORMAT_WORDS = {
    "date-time": "is invalid against requested date format(s)"
    " [yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,12}Z]",
    "email": "is not a valid email address",
    "hostname": "is not a valid hostname",
    "ipv4": "is not a valid IPv4 address",
    "ipv6": "is not a valid IPv6 address",
    "uri": "is not a valid URI",
}


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _type(value: Any) -> str:
    named = _TYPES.get(type(value))
    if named is not None:
        return named
    return "integer" if isinstance(value, int) else "number"


def _words(error: ValidationError) -> str:
    """API Gateway's sentence for ``error``."""
    if error.validator == "dependencies":
        return error.message
    make = _SENTENCES.get(str(error.validator))
    schema = cast("dict[str, Any]", error.schema)
    return error.message if make is None else make(error.validator_value, error.instance, schema)


def _allowed(types: Any) -> str:
    names = {types} if isinstance(types, str) else {each for each in types if isinstance(each, str)}
    # Every integer is a number, and is named with it.
    return _json(sorted(names | {"integer"} if "number" in names else names))


def _extra(instance: Any, schema: dict[str, Any]) -> str:
    known = schema.get("properties", {})
    patterns = [compiled(each) for each in schema.get("patternProperties", {})]
    return _json(
        sorted(
            name
            for name in instance
            if name not in known and not any(each.search(name) for each in patterns)
        )
    )


def _matched(schemas: Any, instance: Any) -> int:
    return sum(_Checker(each, format_checker=_FORMATS).is_valid(instance) for each in schemas)


_Sentence = Callable[[Any, Any, dict[str, Any]], str]
_SENTENCES: dict[str, _Sentence] = {
    "type": lambda value, instance, schema: (
        f"instance type ({_type(instance)}) does not match any allowed primitive type"
        f" (allowed: {_allowed(value)})"
    ),
    "required": lambda value, instance, schema: (
        "object has missing required properties"
        f" ({_json(sorted(name for name in value if name not in instance))})"
    ),
    "enum": lambda value, instance, schema: (
        f"instance value ({_json(instance)}) not found in enum (possible values: {_json(value)})"
    ),
    "additionalProperties": lambda value, instance, schema: (
        "object instance has properties which are not allowed by the schema:"
        f" {_extra(instance, schema)}"
    ),
    "additionalItems": lambda value, instance, schema: (
        f"schema only allows {len(schema['items'])} elements in array but instance has"
        f" {len(instance)} elements"
    ),
    "minItems": lambda value, instance, schema: (
        f"array is too short: must have at least {value} elements but instance has"
        f" {len(instance)} elements"
    ),
    "maxItems": lambda value, instance, schema: (
        f"array is too long: must have at most {value} elements but instance has"
        f" {len(instance)} elements"
    ),
    "uniqueItems": lambda value, instance, schema: "array must not contain duplicate elements",
    "minimum": lambda value, instance, schema: (
        f"numeric instance is not strictly greater than the required minimum {_json(value)}"
        if schema.get("exclusiveMinimum") is True and instance == value
        else "numeric instance is lower than the required minimum"
        f" (minimum: {_json(value)}, found: {_json(instance)})"
    ),
    "maximum": lambda value, instance, schema: (
        f"numeric instance is not strictly lower than the required maximum {_json(value)}"
        if schema.get("exclusiveMaximum") is True and instance == value
        else "numeric instance is greater than the required maximum"
        f" (maximum: {_json(value)}, found: {_json(instance)})"
    ),
    "multipleOf": lambda value, instance, schema: (
        f"remainder of division is not zero ({_json(instance)} / {_json(value)})"
    ),
    "minLength": lambda value, instance, schema: (
        f"string {_json(instance)} is too short (length: {len(instance)},"
        f" required minimum: {value})"
    ),
    "maxLength": lambda value, instance, schema: (
        f"string {_json(instance)} is too long (length: {len(instance)}, maximum allowed: {value})"
    ),
    "pattern": lambda value, instance, schema: (
        f'ECMA 262 regex "{value}" does not match input string "{instance}"'
    ),
    "minProperties": lambda value, instance, schema: (
        f"object has too few properties (found {len(instance)} but schema requires at least"
        f" {value})"
    ),
    "maxProperties": lambda value, instance, schema: (
        f"object has too many properties (found {len(instance)} but schema requires at most"
        f" {value})"
    ),
    "format": lambda value, instance, schema: f'string "{instance}" {_FORMAT_WORDS[value]}',
    "anyOf": lambda value, instance, schema: (
        f"instance failed to match at least one required schema among {len(value)}"
    ),
    "oneOf": lambda value, instance, schema: (
        "instance failed to match exactly one schema"
        f" (matched {_matched(value, instance)} out of {len(value)})"
    ),
    "allOf": lambda value, instance, schema: (
        "instance failed to match all required schemas"
        f" (matched only {_matched(value, instance)} out of {len(value)})"
    ),
    "not": lambda value, instance, schema: "instance matched a schema which it should not have",
}
