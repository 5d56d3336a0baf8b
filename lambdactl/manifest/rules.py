"""Rules of Lambda that join several fields, which a JSON Schema can't say readably.

Each rule cites the AWS page it is from. A rule looks only at fields that are sound by themselves,
so that one fault is one problem.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from lambdactl.errors import UserError, did_you_mean
from lambdactl.manifest import build_rules, feature_rules, limits, release_rules, runtimes
from lambdactl.manifest.document import Node, Problems
from lambdactl.manifest.owned_rules import fifo_queues
from lambdactl.manifest.subject import Subject
from lambdactl.manifest.trigger_rules import check_triggers

_LOCAL_NAME = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")


def check_function(subject: Subject, place: tuple[int, int]) -> None:
    """Apply all rules of one function; ``place`` is where its name stands."""
    required(subject, place)
    for rule in _RULES:
        rule(subject)
    fifo = fifo_queues(subject.app)
    check_triggers(subject.node, subject.values, subject.problems, fifo)


def required(s: Subject, place: tuple[int, int]) -> None:
    """Runtime and Handler are required for a .zip and refused for an image
    (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html)."""
    if s.is_image:
        for field in ("runtime", "handler", "layers"):
            if s.own.get(field) is not None:
                s.problems.add(
                    "conflict",
                    f"a function from an image takes no `{field}`",
                    s.own.keys[field],
                    "remove the line: the image says it",
                    node=s.own.get(field),
                )
        return
    for field in ("runtime", "handler"):
        if s.node.get(field) is not None or field in s.misspelt:
            continue
        if field == "handler" and str(s.data.get("runtime")).startswith("provided"):
            continue
        if s.node.get("code") is not None and "code" not in s.data:
            continue
        hint = "give the function one, or all of them in `defaults`" if field == "runtime" else None
        s.problems.add("missing-field", f"`{s.name}` needs `{field}`", place, hint, node=s.node)


def handler_form(s: Subject) -> None:
    """``file.function`` (https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html)."""
    handler, runtime = s.data.get("handler"), s.data.get("runtime")
    if s.is_image or handler is None or runtime is None:
        return
    family = runtimes.guess(runtime).family
    if family in ("python", "nodejs", "ruby"):
        file, dot, function = handler.rpartition(".")
        if not (dot and file.rpartition("/")[2] and function):
            example = {"python": "app.handler", "nodejs": "index.handler", "ruby": "app.handler"}
            s.problems.add(
                "malformed-handler",
                f"`handler`: `{handler}` is not of the form file.function",
                s.at("handler"),
                f"for example {example[family]}",
            )


def runtime_support(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html#runtime-deprecation-levels"""
    name = s.data.get("runtime")
    runtime = runtimes.find(name) if name and not s.is_image else None
    if runtime is None or not runtime.deprecated:
        return
    newest = next((r.identifier for r in runtimes.supported(runtime.family)), "provided.al2023")
    blocked = (
        f", and AWS blocks updates from {runtime.block_update}" if runtime.block_update else ""
    )
    s.problems.add(
        "deprecated-runtime",
        f"AWS ended support of {runtime.identifier} on {runtime.deprecation_date}{blocked}",
        s.at("runtime"),
        f"the newest supported one is {newest}",
        severity="warning",
    )


def custom_runtime(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/customer-managed-runtimes.html"""
    runtime = s.data.get("runtime")
    if runtime == "custom" and s.node.get("custom_runtime") is None:
        s.problems.add("missing-field", "`runtime: custom` needs `custom_runtime`", s.at("runtime"))
    elif s.own.get("custom_runtime") is not None and runtime not in (None, "custom"):
        s.problems.add(
            "conflict",
            "`custom_runtime` goes with `runtime: custom`",
            s.key("custom_runtime"),
            node=s.node.get("custom_runtime"),
        )


def short_variables(s: Subject) -> None:
    """AWS wants two characters (the pattern of ``EnvironmentVariableName`` in
    https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html); on this machine one will
    do."""
    node = s.node.get("environment")
    for name in s.data.get("environment", {}):
        if len(name) == 1 and node is not None:
            s.problems.add(
                "short-variable-name",
                f"AWS refuses `{name}` as the name of an environment variable",
                node.keys.get(name, node.at),
                "give it two letters or more before it is deployed",
                severity="warning",
            )


def environment_size(s: Subject) -> None:
    """4 KB for all variables, measured as the JSON text that Lambda keeps ("String measured" in
    the error; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
    variables = s.data.get("environment", {})
    most = limits.value("environment_bytes")
    size = len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())
    if size > most:
        s.problems.add(
            "environment-too-large",
            f"the environment variables take {size:,} bytes; {most:,} are allowed",
            s.key("environment"),
            "keep large values in a file, in S3 or in Parameter Store",
            node=s.node.get("environment"),
        )


def runner(s: Subject) -> None:
    """What a function itself asks for must be possible; what all are asked to be holds for those
    that can be it."""
    asked = s.own.get("runner")
    if asked is None or s.data.get("runner") != "process":
        return
    runtime = s.data.get("runtime")
    if s.is_image:
        what = "a function from an image"
    elif runtimes.container_only("", runtime):
        what = f"a function in {runtime}"
    else:
        return
    s.problems.add(
        "conflict",
        f"{what} does not run as a process",
        asked,
        "remove the line, or write `runner: container`",
    )


def known_layers(s: Subject) -> None:
    """Names must be in ``layers``; what a layer is for is what
    https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html calls compatible."""
    node = s.node.get("layers")
    if node is None or not isinstance(node.value, list):
        return
    defined = s.layers.value if s.layers is not None and s.layers.is_mapping else {}
    runtime, architecture = s.data.get("runtime"), s.data.get("architecture", "x86_64")
    used = s.data.get("layers", ())
    for entry in node.value:
        name = entry.value
        if entry.unknown or not isinstance(name, str) or name.startswith("arn:"):
            continue
        if name not in used:
            continue
        if name not in defined:
            listed = ", ".join(defined)
            s.problems.add(
                "unknown-layer",
                f"there is no layer `{name}` in `layers`",
                entry,
                did_you_mean(name, defined) or (f"there is: {listed}" if listed else None),
            )
            continue
        layer = s.app.get("layers", {}).get(name, {})
        for field, value in (("runtimes", runtime), ("architectures", architecture)):
            if value and layer.get(field) and value not in layer[field]:
                s.problems.add(
                    "incompatible-layer",
                    f"the layer `{name}` is not for {value}",
                    entry,
                    f"its `{field}` are: {', '.join(layer[field])}",
                    severity="warning",
                )


def log_levels(s: Subject) -> None:
    """Levels need the JSON format
    (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html)."""
    logging = s.node.get("logging")
    if logging is None or s.data.get("logging", {}).get("format") != "text":
        return
    for field in ("level", "system_level"):
        if logging.get(field) is not None:
            s.problems.add(
                "conflict",
                f"`{field}` works with `format: json` only",
                logging.keys[field],
                "add `format: json`, or remove the level",
                node=logging.get(field),
            )


_RULES: tuple[Callable[[Subject], None], ...] = (
    handler_form,
    runtime_support,
    custom_runtime,
    short_variables,
    environment_size,
    runner,
    known_layers,
    log_levels,
    *feature_rules.RULES,
    *build_rules.RULES,
    *release_rules.RULES,
)


def check_variable_names(variables: Iterable[str]) -> None:
    """Names of environment variables that don't come from a manifest (``--env``) and stay on
    this machine: one letter will do here, which AWS refuses.

    :raises UserError: a name is malformed, or Lambda sets it itself.
    """
    for name in variables:
        if name in limits.reserved_variables():
            raise UserError(f"{name} is set by Lambda", hint="choose another name")
        if not _LOCAL_NAME.fullmatch(name):
            raise UserError(
                f"{name!r} can't be the name of an environment variable",
                hint="a name has letters, digits and underscores, and starts with no digit",
            )


def check_together(functions: Node, problems: Problems) -> None:
    """Rules between functions: names in AWS are given once."""
    names: dict[str, str] = {}
    for name, node in functions.items():
        given = node.get("name")
        own = given.value if given is not None and isinstance(given.value, str) else name
        if own in names and given is not None:
            problems.add("conflict", f"`{names[own]}` has the name `{own}` in AWS too", given)
        names.setdefault(own, name)
