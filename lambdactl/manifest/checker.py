"""Checks a tree of nodes against the JSON Schema and turns it into plain, normalised values.

The schema file is the only description of the manifest; this walks the part of JSON Schema
2020-12 that it uses, beside the tree, so every problem has its place, one fault gives one problem
and the messages are written for people. A test compares its verdicts with the ``jsonschema``
library's. See ``docs/decisions/manifest-validation.md`` for why it is not that library.

Normalised: unknown and faulty values are left out, defaults of the schema are filled in, durations
are seconds under ``<name>_s``, and scalars where text is wanted are the text as written.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lambdactl.errors import did_you_mean
from lambdactl.manifest import runtimes, scalars
from lambdactl.manifest.document import Node, Problems, plain

SCHEMA = Path(__file__).with_name("schema.json")
Schema = Mapping[str, Any]
BAD: Any = object()
"""What :meth:`Checker.check` gives for a value that is faulty or unknown."""

_VARIABLE = "#/$defs/variable"
_DURATION: Schema = {"title": "whole seconds or a duration", "type": ["integer"]}
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


@functools.cache
def schema() -> Schema:
    """The schema of lambdactl.yaml."""
    return load(SCHEMA)


def load(path: Path) -> Schema:
    document: Schema = json.loads(path.read_text(encoding="utf-8"))
    return document


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


class Checker:
    """Checks nodes against ``root`` and the schemas in it, and reports to ``problems``."""

    def __init__(self, root: Schema, problems: Problems) -> None:
        self.root = root
        self.problems = problems
        self.misspelt: set[tuple[int, str]] = set()
        """Mappings (by id) and fields that they have under a wrong name."""
        self.followed: dict[int, Schema] = {}
        self.values: dict[int, dict[str, Any]] = {}
        """Normalised values of mappings, by the id of their node."""

    def check(
        self,
        node: Node,
        schema: Schema,
        name: str,
        at: tuple[int, int] | None = None,
    ) -> Any:
        """The normalised value of ``node``, or BAD. ``name`` is what messages call it, ``at``
        where its key stands."""
        if node.unknown:
            return BAD
        schema = self.follow(schema)
        if "x-seconds" in schema:
            return self.seconds(node, schema, name, at)
        branches = self.branches(schema)
        if branches is not None:
            chosen = self.choose(node, branches, name, at)
            return BAD if chosen is None else self.check(node, chosen, name, at)
        if "type" not in schema:
            return plain(node)
        return self.typed(node, schema, name, at)

    def follow(self, schema: Schema) -> Schema:
        """The schema that a ``$ref`` means, with what stands beside it laid over."""
        if "$ref" not in schema:
            return schema
        known = self.followed.get(id(schema))
        if known is None:
            known = self.followed[id(schema)] = self.referred(schema)
        return known

    def referred(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            target: Any = self.root
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[int(step)] if isinstance(target, list) else target[step]
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**target, **beside} if beside else target
        return schema

    def branches(self, schema: Schema) -> list[Schema] | None:
        if "anyOf" not in schema:
            return None
        return [
            self.follow(branch) for branch in schema["anyOf"] if branch.get("$ref") != _VARIABLE
        ]

    # Which form is meant

    def choose(
        self, node: Node, branches: list[Schema], name: str, at: tuple[int, int] | None
    ) -> Schema | None:
        if len(branches) == 1:
            return branches[0]
        fitting = [branch for branch in branches if self.fits(node, branch)]
        if not fitting:
            self.wrong_type(node, branches, name, at)
            return None
        if len(fitting) == 1:
            return fitting[0]
        if not node.is_mapping:
            return next((b for b in fitting if self.accepts(node, b)), fitting[0])
        return self.choose_mapping(node, fitting, name, at)

    def fits(self, node: Node, branch: Schema) -> bool:
        return self.cast(node, _types(branch)) is not BAD

    def accepts(self, node: Node, branch: Schema) -> bool:
        trial = Problems("", "")
        Checker(self.root, trial).check(node, branch, "")
        return not trial.has_errors()

    def choose_mapping(
        self, node: Node, forms: list[Schema], name: str, at: tuple[int, int] | None
    ) -> Schema | None:
        """The form whose required keys are there; failing that, the one with most of the keys."""
        given = set(node.value)

        def known(form: Schema) -> int:
            return len(given & set(form.get("properties", ())))

        complete = [form for form in forms if given.issuperset(form.get("required", ()))]
        candidates = complete or forms
        best = max(candidates, key=known)
        if complete or known(best):
            return best
        wanted = ", ".join(
            " and ".join(f"`{key}`" for key in form.get("required", form["properties"]))
            for form in forms
        )
        names = [key for form in forms for key in form.get("properties", ())]
        for key in given:
            close = did_you_mean(key, names)
            if close:
                self.unknown_field(node, key, name, names)
                return None
        self.problems.add("missing-field", f"`{name}` needs one of {wanted}", at or node, node=node)
        return None

    # One type

    def typed(self, node: Node, schema: Schema, name: str, at: tuple[int, int] | None) -> Any:
        value = self.cast(node, _types(schema))
        if value is BAD:
            return self.wrong_type(node, [schema], name, at)
        if isinstance(value, dict):
            return self.mapping(node, schema, name, at)
        if isinstance(value, list):
            return self.sequence(node, schema, name)
        if "enum" in schema and value not in schema["enum"]:
            return self.not_in_enum(node, schema, value, name)
        if isinstance(value, str):
            return self.string(node, schema, value, name)
        if not isinstance(value, bool):
            return self.number(node, schema, value, name)
        return value

    def cast(self, node: Node, types: tuple[str, ...]) -> Any:
        """The value of ``node`` as one of ``types``, or BAD."""
        value = node.value
        if isinstance(value, dict):
            return value if "object" in types else BAD
        if isinstance(value, list):
            return value if "array" in types else BAD
        if node.fluid and "string" not in types:
            value = scalars.resolve(node.text)
        if isinstance(value, str):
            return value if "string" in types else BAD
        if isinstance(value, bool):
            kind = "boolean"
        elif isinstance(value, (int, float)):
            whole = isinstance(value, int) or value.is_integer()
            kind = "integer" if whole and "number" not in types else "number"
            if scalars.is_yaml_1_1_octal(node.text) and "string" not in types:
                return BAD
        else:
            kind = "null"
        if kind not in types:
            return BAD
        if "string" in types:
            return node.text
        return int(value) if kind == "integer" else value

    def string(self, node: Node, schema: Schema, value: str, name: str) -> Any:
        if len(value) < schema.get("minLength", 0):
            least = schema["minLength"]
            self.problems.add(
                "too-short",
                f"`{name}` is empty" if not value else f"`{name}` has less than {least} characters",
                node,
            )
            return BAD
        if len(value) > schema.get("maxLength", len(value)):
            most = schema["maxLength"]
            self.problems.add(
                "too-long", f"`{name}` has {len(value):,} characters; {most:,} are allowed", node
            )
            return BAD
        if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
            code = "bad-arn" if value.startswith("arn:") else "malformed"
            word = "is not the right ARN" if code == "bad-arn" else "is malformed"
            self.problems.add(
                code,
                f"`{name}`: {_quoted(value)} {word}",
                node,
                schema.get("patternErrorMessage"),
            )
            return BAD
        return value

    def number(self, node: Node, schema: Schema, value: float, name: str) -> Any:
        return BAD if self.out_of_range(node, schema, value, name) else value

    def out_of_range(
        self, node: Node, limits: Mapping[str, Any], value: float, name: str, unit: str = ""
    ) -> bool:
        low, high = limits.get("minimum"), limits.get("maximum")
        if value in limits.get("also", ()):
            return False
        if (low is None or value >= low) and (high is None or value <= high):
            return False
        if low is None:
            allowed = f"at most {high}{unit}"
        elif high is None:
            allowed = f"at least {low}{unit}"
        else:
            allowed = f"from {low} to {high}{unit}"
        if unit and high is not None and high >= 3600:
            allowed += f" ({scalars.spell_seconds(high)})"
        self.problems.add("out-of-range", f"`{name}` must be {allowed}, not {node.text}", node)
        return True

    def seconds(self, node: Node, schema: Schema, name: str, at: tuple[int, int] | None) -> Any:
        if isinstance(node.value, str):
            value: Any = scalars.seconds(node.value)
            if value is None and node.fluid:
                value = self.cast(node, ("integer",))
                value = None if value is BAD else value
            if value is None:
                hint = "write whole seconds (30) or a duration such as 30s, 5m, 6h or 1h30m"
                self.problems.add(
                    "malformed", f"`{name}`: {_quoted(node.value)} is not a duration", node, hint
                )
                return BAD
        else:
            value = self.cast(node, ("integer",))
            if value is BAD:
                return self.wrong_type(node, [_DURATION], name, at)

        if self.out_of_range(node, schema["x-seconds"], value, name, " s"):
            return BAD
        return value

    def not_in_enum(self, node: Node, schema: Schema, value: Any, name: str) -> Any:
        if schema.get("x-newer-values") == "lambda.Runtime":
            return self.unknown_runtime(node, schema, value, name)
        known = [str(entry) for entry in schema["enum"]]
        listed = ", ".join(known) if len(known) <= 8 else None
        hint = did_you_mean(str(value), known) or (f"one of: {listed}" if listed else None)
        self.problems.add("invalid-value", f"`{name}` can't be {_quoted(str(value))}", node, hint)
        return BAD

    def unknown_runtime(self, node: Node, schema: Schema, value: str, name: str) -> Any:
        if value in runtimes.botocore_enum():
            return value
        current = [r.identifier for r in runtimes.table().values() if not r.deprecated]
        family = runtimes.guess(value).family
        newest = [r.identifier for r in runtimes.supported(family)]
        self.problems.add(
            "unknown-runtime",
            f"there is no runtime {_quoted(value)}",
            node,
            did_you_mean(value, current)
            or (f"one of: {', '.join(newest)}" if len(newest) > 1 else "for example python3.13"),
        )
        return BAD

    # Mappings and lists

    def mapping(
        self, node: Node, schema: Schema, name: str, at: tuple[int, int] | None
    ) -> dict[str, Any]:
        properties = schema.get("properties", {})
        result: dict[str, Any] = {}
        outdented = self.outdented(node, schema)
        for key, child in node.items():
            place = node.keys.get(key, child.at)
            if key in outdented or not self.key_allowed(node, schema, key, name):
                continue
            inner = self.schema_of(schema, key)
            if inner is None:
                self.unknown_field(node, key, name, properties)
                continue
            label = key if key in properties else f"{name}.{key}".lstrip(".")
            value = self.check(child, inner, label, place)
            if value is not BAD:
                result[self.stored(key, inner)] = value
        self.count(node, schema, name, at)
        self.required(node, schema, name, at)
        for conditional in schema.get("allOf", ()):
            self.conditional(node, conditional, result)
        for key, inner in properties.items():
            if key not in node.value:
                followed = self.follow(inner)
                if "default" in followed:
                    result[self.stored(key, inner)] = followed["default"]
        self.values[id(node)] = result
        return result

    def outdented(self, node: Node, schema: Schema) -> set[str]:
        """Keys that stand beside an empty one and belong inside of it, with that one; reported
        as one problem."""
        properties = schema.get("properties", {})
        strangers = [key for key in node.value if self.schema_of(schema, key) is None]
        for key, child in node.items():
            if not strangers or child.value is not None or child.unknown or key not in properties:
                continue
            inside = self.follow(properties[key]).get("properties", {})
            if all(stranger in inside for stranger in strangers):
                self.problems.add(
                    "indentation",
                    f"`{strangers[0]}` belongs inside `{key}`",
                    node.keys[strangers[0]],
                    f"indent it further than `{key}`",
                    node=node.value[strangers[0]],
                )
                return {key, *strangers}
        return set()

    def stored(self, key: str, schema: Schema) -> str:
        return f"{key}_s" if "x-seconds" in self.follow(schema) else key

    def schema_of(self, schema: Schema, key: str) -> Schema | None:
        """What the value of ``key`` must be; None if there may be no such key."""
        if key in schema.get("properties", ()):
            found: Schema = schema["properties"][key]
            return found
        for pattern, inner in schema.get("patternProperties", {}).items():
            if _pattern(pattern).search(key):
                return dict(inner)
        extra = schema.get("additionalProperties", True)
        if extra is False:
            return None
        return {} if extra is True else extra

    def key_allowed(self, node: Node, schema: Schema, key: str, name: str) -> bool:
        rule = schema.get("propertyNames")
        if rule is None:
            return True
        at = node.keys.get(key, node.at)
        refused = rule.get("not", {})
        if key in refused.get("enum", ()):
            self.problems.add(
                "reserved-variable",
                f"`{key}` is set by Lambda and can't be in `{name}`",
                at,
                "choose another name",
                node=node.value[key],
            )
            return False
        good = (
            rule.get("minLength", 0) <= len(key) <= rule.get("maxLength", len(key))
            and ("pattern" not in rule or _pattern(rule["pattern"]).search(key))
            and not ("pattern" in refused and _pattern(refused["pattern"]).search(key))
        )
        if not good:
            self.problems.add(
                "malformed-name",
                f"`{key}` can't be a name in `{name}`",
                at,
                rule.get("patternErrorMessage"),
                node=node.value[key],
            )
        return bool(good)

    def unknown_field(self, node: Node, key: str, name: str, known: Iterable[str]) -> None:
        names = [word for word in known if word not in node.value]
        close = did_you_mean(key, names)
        if close:
            self.misspelt.add((id(node), close.split("`")[1]))
        kind = "kind" if name == "triggers" else "field"
        self.problems.add(
            "unknown-field",
            f"{_named(name)} has no {kind} `{key}`",
            node.keys.get(key, node.at),
            close or _listed(names),
            node=node.value[key],
        )

    def required(self, node: Node, schema: Schema, name: str, at: tuple[int, int] | None) -> None:
        for key in schema.get("required", ()):
            if key not in node.value and (id(node), key) not in self.misspelt:
                self.problems.add(
                    "missing-field", f"{_named(name)} needs `{key}`", at or node, node=node
                )
        forms = [key for form in schema.get("oneOf", ()) for key in form["required"]]
        given = [key for key in node.value if key in forms]
        if any((id(node), key) in self.misspelt for key in forms):
            return
        if forms and not given:
            wanted = " or ".join(f"`{key}`" for key in forms)
            self.problems.add("missing-field", f"`{name}` needs {wanted}", at or node, node=node)
        for key in given[1:]:
            self.problems.add(
                "conflict",
                f"`{name}` has both `{given[0]}` and `{key}`",
                node.keys[key],
                "keep one of them",
                node=node.value[key],
            )

    def count(self, node: Node, schema: Schema, name: str, at: tuple[int, int] | None) -> None:
        keys = list(node.value)
        properties = schema.get("properties", {})
        most = schema.get("maxProperties", len(keys))
        known = [key for key in keys if key in properties] if properties else keys
        if len(known) > most:
            self.problems.add(
                "too-many",
                f"`{name}` has `{known[0]}` and `{known[most]}`; "
                + ("one is allowed" if most == 1 else f"{most} are allowed"),
                node.keys[known[most]],
                "start a list item of its own with `- `" if name == "triggers" else None,
                node=node.value[known[most]],
            )
        if len(keys) < schema.get("minProperties", 0):
            hint = f"one of: {', '.join(properties)}" if properties else None
            self.problems.add("too-few", f"`{name}` is empty", at or node, hint, node=node)

    def conditional(self, node: Node, rule: Schema, result: dict[str, Any]) -> None:
        """``if`` a key is there, ``then`` limits of other keys, ``else`` other limits."""
        rule = self.follow(rule)
        met = all(key in node.value for key in rule["if"]["required"])
        for key, limits in rule["then" if met else "else"]["properties"].items():
            child = node.value.get(key)
            stored = f"{key}_s" if "x-seconds" in limits else key
            if child is None or stored not in result:
                continue
            unit = " s" if stored != key else ""
            if self.out_of_range(child, limits, result[stored], key, unit):
                del result[stored]

    def sequence(self, node: Node, schema: Schema, name: str) -> list[Any]:
        members = node.value
        if len(members) < schema.get("minItems", 0):
            self.problems.add("too-few", f"`{name}` is empty", node)
        most = schema.get("maxItems", len(members))
        if len(members) > most:
            self.problems.add(
                "too-many",
                f"`{name}` has {len(members)} entries; {most} are allowed",
                members[most],
            )
        inner = schema.get("items", {})
        values = [self.check(member, inner, name) for member in members[:most]]
        return [value for value in values if value is not BAD]

    # Words

    def wrong_type(
        self, node: Node, wanted: list[Schema], name: str, at: tuple[int, int] | None
    ) -> Any:
        several = len(wanted) > 1 or wanted[0] is _DURATION
        expected = " or ".join(dict.fromkeys(_describe(form, several) for form in wanted))
        types = {word for form in wanted for word in _types(form)}
        hint = _type_hint(node, types)
        if node.value is None and not node.fluid:
            message = f"`{name}` is empty"
            hint = "give it a value, or remove the line"
            if "string" in types and "object" not in types:
                hint = 'give it a value, or write "" for an empty text'
        else:
            message = f"`{name}` must be {expected}, not {_found(node)}"
        self.problems.add("wrong-type", message, node, hint)
        return BAD


def _describe(schema: Schema, titled: bool) -> str:
    """What is wanted. One of several forms of a field goes by its title ("an image")."""
    if titled and "title" in schema:
        return str(schema["title"])
    if "enum" in schema and len(schema["enum"]) <= 3:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    words = [_WORDS[kind] for kind in _types(schema)]
    return words[0] if "string" in _types(schema) else " or ".join(words)


def _types(schema: Schema) -> tuple[str, ...]:
    kind = schema.get("type", ())
    return (kind,) if isinstance(kind, str) else tuple(kind)


def _found(node: Node) -> str:
    value = node.value
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"`{node.text}`"
    if isinstance(value, (int, float)):
        return f"the number {node.text}"
    return f"the text {_quoted(node.text)}"


def _type_hint(node: Node, types: set[str]) -> str | None:
    value, text = node.value, node.text
    if isinstance(value, (bool, int, float)) and "string" in types:
        return f'put it in quotes: "{text}"'
    if scalars.is_yaml_1_1_octal(text) and types & {"integer", "number"}:
        return f"a number with a leading zero is ambiguous: write {int(text)}"
    if isinstance(value, str) and "boolean" in types and text.lower() in scalars.YAML_1_1_BOOLEANS:
        return f"write `{scalars.YAML_1_1_BOOLEANS[text.lower()]}`"
    if isinstance(value, str) and types & {"integer", "number", "boolean"}:
        typed = scalars.resolve(text.replace("_", ""))
        if "_" in text and isinstance(typed, int):
            return f"write it without underscores: {typed}"
        if isinstance(typed, (bool, int, float)):
            return f"remove the quotes: {text}"
    if "array" in types and not isinstance(value, dict):
        return f"write it as a list: [{text}]"
    return None


def _named(name: str) -> str:
    return f"`{name}`" if name else "the manifest"


def _quoted(text: str) -> str:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return f"`{shown}`" if shown and "\n" not in shown else repr(shown)


def _listed(names: list[str]) -> str | None:
    return f"there is: {', '.join(names)}" if 0 < len(names) <= 24 else None
