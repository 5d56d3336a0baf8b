"""Rules of Lambda that join several fields, which a JSON Schema can't say readably.

Each rule cites the AWS page it is from. A rule looks only at fields that are sound by themselves,
so that one fault is one problem.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from lambdactl.errors import UserError, did_you_mean
from lambdactl.manifest import limits, runtimes
from lambdactl.manifest.document import Node, Problems
from lambdactl.manifest.trigger_rules import check_triggers

_VARIABLE_NAME = re.compile("[a-zA-Z][a-zA-Z0-9_]+")
"""https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html"""


class Subject(NamedTuple):
    """One function as the rules see it: ``node`` with the defaults in it, ``own`` without them,
    and the normalised values of the function and of the whole manifest."""

    name: str
    node: Node
    own: Node
    data: Mapping[str, Any]
    app: Mapping[str, Any]
    values: Mapping[int, Mapping[str, Any]]
    layers: Node | None
    misspelt: frozenset[str]
    problems: Problems

    @property
    def is_image(self) -> bool:
        code = self.data.get("code")
        return isinstance(code, Mapping) and ("image" in code or "dockerfile" in code)

    def at(self, *path: str | int) -> Node:
        """The node of a field, or of the function where the field is not written."""
        return self.node.get(*path) or self.node

    def key(self, name: str) -> tuple[int, int]:
        """Where the key of a field stands."""
        return self.node.keys.get(name, self.node.at)


def check_function(subject: Subject, place: tuple[int, int]) -> None:
    """Apply all rules of one function; ``place`` is where its name stands."""
    required(subject, place)
    for rule in _RULES:
        rule(subject)
    check_triggers(subject.node, subject.values, subject.app, subject.problems)


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


def aliases(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html"""
    for name, alias in s.data.get("aliases", {}).items():
        weights = alias.get("weights", {})
        if not weights:
            continue
        version = str(alias.get("version"))
        node = s.at("aliases", name, "weights")
        if version.startswith("$LATEST"):
            s.problems.add(
                "conflict",
                f"the alias `{name}` shares calls between versions, so it can't point at {version}",
                s.at("aliases", name, "version"),
                "write `version: latest` for the newest published version",
            )
        elif version in weights:
            s.problems.add(
                "conflict",
                f"the alias `{name}` gives version {version} a share of its own calls",
                node,
                "name another version in `weights`",
            )


def alias_references(s: Subject) -> None:
    """URLs, triggers and provisioned concurrency name an alias of this function (or a version)."""
    known = s.node.get("aliases")
    names = list(known.value) if known is not None and known.is_mapping else []
    places: list[tuple[str, Node, tuple[int, int]]] = []
    url = s.node.get("url", "alias")
    if url is not None:
        places.append((str(url.value), url, url.at))
    provisioned = s.node.get("concurrency", "provisioned")
    if provisioned is not None:
        places += [(key, node, provisioned.keys[key]) for key, node in provisioned.items()]
    triggers = s.node.get("triggers")
    for item in triggers.value if triggers is not None and isinstance(triggers.value, list) else ():
        for _, trigger in item.items():
            alias = trigger.get("alias")
            if alias is not None:
                places.append((str(alias.text), alias, alias.at))
    for name, node, at in places:
        if node.unknown or name in names or name.isdigit() or name == "None":
            continue
        s.problems.add(
            "unknown-alias-name",
            f"`{s.name}` has no alias `{name}`",
            at,
            did_you_mean(name, names) or "add it to `aliases`",
            node=node,
        )


def concurrency(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html: it counts towards
    the reserved concurrency and can't exceed it."""
    settings = s.data.get("concurrency", {})
    reserved, provisioned = settings.get("reserved"), settings.get("provisioned", {})
    total = sum(provisioned.values())
    if reserved is not None and total > reserved:
        s.problems.add(
            "conflict",
            f"provisioned concurrency of {total} exceeds the reserved concurrency of {reserved}",
            s.at("concurrency", "provisioned"),
        )


def snap_start(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-runtimes"""
    if s.data.get("snap_start") != "published_versions":
        return
    at = s.at("snap_start")
    runtime = s.data.get("runtime")
    if s.is_image:
        s.problems.add("conflict", "SnapStart does not work with images", at)
    elif runtime is not None and not _snap_startable(runtimes.guess(runtime)):
        s.problems.add(
            "conflict",
            f"SnapStart does not work with {runtime}",
            at,
            "it works with java11, python3.12, dotnet8 and later ones of these",
        )
    if s.data.get("concurrency", {}).get("provisioned"):
        s.problems.add(
            "conflict",
            "SnapStart and provisioned concurrency exclude each other",
            s.at("concurrency", "provisioned"),
        )
    if s.data.get("filesystem"):
        s.problems.add("conflict", "SnapStart and `filesystem` exclude each other", at)
    if s.data.get("ephemeral_storage", 512) > 512:
        s.problems.add(
            "conflict",
            "SnapStart allows 512 MB of ephemeral storage at most",
            s.at("ephemeral_storage"),
        )


def _snap_startable(runtime: runtimes.Runtime) -> bool:
    least = {"java": (11,), "python": (3, 12), "dotnet": (8,)}.get(runtime.family)
    digits = runtime.version.split(".al")[0].split(".")
    if least is None or not all(part.isdigit() for part in digits):
        return False
    return tuple(int(part) for part in digits) >= least


def tenancy(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html: no SnapStart, no
    provisioned concurrency, no function URL, and of event sources API Gateway only."""
    if s.data.get("tenancy") is None:
        return
    rivals = {
        "snap_start": s.data.get("snap_start") == "published_versions",
        "url": "url" in s.data,
        "concurrency": bool(s.data.get("concurrency", {}).get("provisioned")),
    }
    for field, present in rivals.items():
        if present:
            what = "provisioned concurrency" if field == "concurrency" else f"`{field}`"
            s.problems.add(
                "conflict",
                f"tenant isolation and {what} exclude each other",
                s.key(field),
                node=s.node.get(field),
            )


def filesystem(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html"""
    settings = s.data.get("filesystem")
    if not settings:
        return
    vpc = s.node.get("vpc")
    if vpc is None or vpc.value == "none":
        s.problems.add(
            "conflict",
            "`filesystem` needs a `vpc` that reaches it",
            s.key("filesystem"),
            "add `vpc: {subnets: [...], security_groups: [...]}`",
            node=s.node.get("filesystem"),
        )
    if settings.get("direct_s3_read") and ":elasticfilesystem:" in settings.get("arn", ""):
        s.problems.add(
            "conflict",
            "`direct_s3_read` is for S3 Files, and this is an EFS access point",
            s.at("filesystem", "direct_s3_read"),
        )


def standard_queues(s: Subject) -> None:
    """Destinations and dead-letter queues are standard queues and topics
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html)."""
    paths: tuple[tuple[str, ...], ...] = (
        ("dead_letter",),
        ("async", "on_success"),
        ("async", "on_failure"),
    )
    for path in paths:
        node = s.node.get(*path)
        targets = [node] if node is not None else []
        targets += [child for target in targets for _, child in target.items()]
        for target in targets:
            if isinstance(target.value, str) and target.value.endswith(".fifo"):
                s.problems.add(
                    "conflict",
                    f"`{path[-1]}` must be a standard queue or topic, not a FIFO one",
                    target,
                )


def runtime_management(s: Subject) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutRuntimeManagementConfig.html"""
    settings = s.data.get("runtime_management")
    if not settings:
        return
    node = s.at("runtime_management")
    manual = settings.get("update") == "manual"
    if manual and node.get("version") is None:
        s.problems.add(
            "missing-field",
            "`update: manual` needs `version`",
            s.at("runtime_management", "update"),
        )
    elif not manual and "version" in settings and "update" in settings:
        s.problems.add(
            "conflict",
            "`version` goes with `update: manual`",
            node.keys.get("version", node.at),
            node=node.get("version"),
        )


def capacity(s: Subject) -> None:
    settings = s.data.get("capacity_provider", {})
    low, high = settings.get("min_environments"), settings.get("max_environments")
    if low is not None and high is not None and low > high:
        s.problems.add(
            "conflict",
            f"`min_environments` ({low}) exceeds `max_environments` ({high})",
            s.at("capacity_provider", "min_environments"),
        )


_RULES: tuple[Callable[[Subject], None], ...] = (
    handler_form,
    runtime_support,
    custom_runtime,
    environment_size,
    known_layers,
    log_levels,
    aliases,
    alias_references,
    concurrency,
    snap_start,
    tenancy,
    filesystem,
    standard_queues,
    runtime_management,
    capacity,
)


def check_variable_names(variables: Iterable[str]) -> None:
    """Names of environment variables that don't come from a manifest (``--env``).

    :raises UserError: a name is malformed, or Lambda sets it itself.
    """
    for name in variables:
        if name in limits.reserved_variables():
            raise UserError(f"{name} is set by Lambda", hint="choose another name")
        if not _VARIABLE_NAME.fullmatch(name):
            raise UserError(
                f"{name!r} can't be the name of an environment variable",
                hint="a name starts with a letter and has at least two letters, digits or "
                "underscores",
            )


def check_together(functions: Node, app: Mapping[str, Any], problems: Problems) -> None:
    """Rules between functions: names in AWS and routes are given once."""
    names: dict[str, str] = {}
    for name, node in functions.items():
        given = node.get("name")
        own = given.value if given is not None and isinstance(given.value, str) else name
        if own in names and given is not None:
            problems.add("conflict", f"`{names[own]}` has the name `{own}` in AWS too", given)
        names.setdefault(own, name)
    routes: dict[tuple[str, ...], str] = {}
    for name, function in app.get("functions", {}).items():
        triggers = functions.get(name, "triggers")
        if triggers is None or not isinstance(triggers.value, list):
            continue
        for item in triggers.value:
            for kind, node in item.items():
                _route(kind, node, name, function, routes, problems)


def _route(
    kind: str,
    node: Node,
    name: str,
    function: Mapping[str, Any],
    routes: dict[tuple[str, ...], str],
    problems: Problems,
) -> None:
    field = {"http": "path", "rest": "path", "websocket": "route"}.get(kind)
    place = node.get(field) if field else None
    if place is None or place.unknown or not isinstance(place.value, str):
        return
    method, api = node.get("method"), node.get("api")
    spelled = str(method.value) if method is not None else "ANY"
    route = (kind, str(api.value) if api is not None else "", spelled, place.value)
    if route in routes:
        words = place.value if kind == "websocket" else f"{spelled} {place.value}"
        problems.add(
            "conflict",
            f"the route {words} is taken already, by `{routes[route]}`",
            place,
            "give it another path or method, or another `api`",
        )
    routes.setdefault(route, name)
