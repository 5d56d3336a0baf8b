"""Checks single values: type, words, length, pattern, range and duration."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from lambdactl.errors import did_you_mean
from lambdactl.manifest import runtimes, scalars, wording
from lambdactl.manifest.document import Node, Problems

Schema = Mapping[str, Any]
BAD: Any = object()
"""What a check gives for a value that is faulty or unknown."""

_DURATION: Schema = {"title": "whole seconds or a duration", "type": ["integer"]}


@functools.cache
def pattern(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


def scalar(problems: Problems, node: Node, schema: Schema, value: Any, name: str) -> Any:
    """``value`` (``node`` cast to the schema's type) if the schema allows it, or BAD."""
    if "enum" in schema and value not in schema["enum"]:
        return not_in_enum(problems, node, schema, value, name)
    if isinstance(value, str):
        return string(problems, node, schema, value, name)
    if isinstance(value, bool):
        return value
    return BAD if out_of_range(problems, node, schema, value, name) else value


def cast(node: Node, types: tuple[str, ...]) -> Any:
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


def string(problems: Problems, node: Node, schema: Schema, value: str, name: str) -> Any:
    if len(value) < schema.get("minLength", 0):
        least = schema["minLength"]
        problems.add(
            "too-short",
            f"`{name}` is empty" if not value else f"`{name}` has less than {least} characters",
            node,
        )
        return BAD
    if len(value) > schema.get("maxLength", len(value)):
        most = schema["maxLength"]
        problems.add(
            "too-long", f"`{name}` has {len(value):,} characters; {most:,} are allowed", node
        )
        return BAD
    if "pattern" in schema and not pattern(schema["pattern"]).search(value):
        code = "bad-arn" if value.startswith("arn:") else "malformed"
        word = "is not the right ARN" if code == "bad-arn" else "is malformed"
        problems.add(
            code,
            f"`{name}`: {wording.quoted(value)} {word}",
            node,
            schema.get("patternErrorMessage"),
        )
        return BAD
    return value


def out_of_range(
    problems: Problems,
    node: Node,
    limits: Mapping[str, Any],
    value: float,
    name: str,
    unit: str = "",
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
    problems.add("out-of-range", f"`{name}` must be {allowed}, not {node.text}", node)
    return True


def seconds(problems: Problems, node: Node, schema: Schema, name: str) -> Any:
    """A number of seconds, or a duration, as whole seconds; or BAD."""
    if isinstance(node.value, str):
        value: Any = scalars.seconds(node.value)
        if value is None and node.fluid:
            value = cast(node, ("integer",))
            value = None if value is BAD else value
        if value is None:
            hint = "write whole seconds (30) or a duration such as 30s, 5m, 6h or 1h30m"
            problems.add(
                "malformed",
                f"`{name}`: {wording.quoted(node.value)} is not a duration",
                node,
                hint,
            )
            return BAD
    else:
        value = cast(node, ("integer",))
        if value is BAD:
            return wrong_type(problems, node, [_DURATION], name)
    if out_of_range(problems, node, schema["x-seconds"], value, name, " s"):
        return BAD
    return value


def not_in_enum(problems: Problems, node: Node, schema: Schema, value: Any, name: str) -> Any:
    if schema.get("x-newer-values") == "lambda.Runtime":
        return unknown_runtime(problems, node, value)
    known = [str(entry) for entry in schema["enum"]]
    listed = ", ".join(known) if len(known) <= 8 else None
    hint = did_you_mean(str(value), known) or (f"one of: {listed}" if listed else None)
    problems.add("invalid-value", f"`{name}` can't be {wording.quoted(str(value))}", node, hint)
    return BAD


def unknown_runtime(problems: Problems, node: Node, value: str) -> Any:
    if value in runtimes.botocore_enum():
        return value
    current = [r.identifier for r in runtimes.table().values() if not r.deprecated]
    family = runtimes.guess(value).family
    newest = [r.identifier for r in runtimes.supported(family)]
    problems.add(
        "unknown-runtime",
        f"there is no runtime {wording.quoted(value)}",
        node,
        did_you_mean(value, current)
        or (f"one of: {', '.join(newest)}" if len(newest) > 1 else "for example python3.13"),
    )
    return BAD


def wrong_type(problems: Problems, node: Node, wanted: list[Schema], name: str) -> Any:
    """Report that ``node`` is of none of the types ``wanted``; gives BAD."""
    several = len(wanted) > 1 or wanted[0] is _DURATION
    expected = " or ".join(dict.fromkeys(wording.describe(form, several) for form in wanted))
    types = {word for form in wanted for word in wording.types(form)}
    hint = wording.type_hint(node, types)
    if node.value is None and not node.fluid:
        message = f"`{name}` is empty"
        hint = "give it a value, or remove the line"
        if "string" in types and "object" not in types:
            hint = 'give it a value, or write "" for an empty text'
    else:
        message = f"`{name}` must be {expected}, not {wording.found(node)}"
    problems.add("wrong-type", message, node, hint)
    return BAD
