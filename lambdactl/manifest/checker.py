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
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lambdactl.errors import did_you_mean
from lambdactl.manifest import wording
from lambdactl.manifest.document import Node, Problems, plain
from lambdactl.manifest.scalar_check import (
    BAD,
    cast,
    out_of_range,
    pattern,
    scalar,
    seconds,
    wrong_type,
)

SCHEMA = Path(__file__).with_name("schema.json")
Schema = Mapping[str, Any]

_VARIABLE = "#/$defs/variable"


@functools.cache
def schema() -> Schema:
    """The schema of lambdactl.yaml."""
    return load(SCHEMA)


def load(path: Path) -> Schema:
    document: Schema = json.loads(path.read_text(encoding="utf-8"))
    return document


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
            return seconds(self.problems, node, schema, name)
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
            wrong_type(self.problems, node, branches, name)
            return None
        if len(fitting) == 1:
            return fitting[0]
        if not node.is_mapping:
            return next((b for b in fitting if self.accepts(node, b)), fitting[0])
        return self.choose_mapping(node, fitting, name, at)

    def fits(self, node: Node, branch: Schema) -> bool:
        return cast(node, wording.types(branch)) is not BAD

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
        value = cast(node, wording.types(schema))
        if value is BAD:
            return wrong_type(self.problems, node, [schema], name)
        if isinstance(value, dict):
            return self.mapping(node, schema, name, at)
        if isinstance(value, list):
            return self.sequence(node, schema, name)
        return scalar(self.problems, node, schema, value, name)

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
                also = schema.get("x-also-called", {})
                self.unknown_field(node, key, name, properties, also)
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
        for expression, inner in schema.get("patternProperties", {}).items():
            if pattern(expression).search(key):
                matched: Schema = inner
                return matched
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
            and ("pattern" not in rule or pattern(rule["pattern"]).search(key))
            and not ("pattern" in refused and pattern(refused["pattern"]).search(key))
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

    def unknown_field(
        self,
        node: Node,
        key: str,
        name: str,
        known: Iterable[str],
        also: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Report a field that is not there. ``also`` is what other tools call fields of ours."""
        names = [word for word in known if word not in node.value]
        other = also.get(key.lower().replace("-", "_"))
        close = f"did you mean `{other}`?" if other in names else did_you_mean(key, names)
        if close:
            self.misspelt.add((id(node), close.split("`")[1]))
        kind = "kind" if name == "triggers" else "field"
        self.problems.add(
            "unknown-field",
            f"{wording.named(name)} has no {kind} `{key}`",
            node.keys.get(key, node.at),
            close or wording.listed(names),
            node=node.value[key],
        )

    def required(self, node: Node, schema: Schema, name: str, at: tuple[int, int] | None) -> None:
        for key in schema.get("required", ()):
            if key not in node.value and (id(node), key) not in self.misspelt:
                self.problems.add(
                    "missing-field", f"{wording.named(name)} needs `{key}`", at or node, node=node
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
            if out_of_range(self.problems, child, limits, result[stored], key, unit):
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
