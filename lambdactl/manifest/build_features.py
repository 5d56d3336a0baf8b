"""Normalised values -> the parts of the model that few functions have."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambdactl.manifest import scalars
from lambdactl.manifest.build import Locate, Values, async_config, path_under, role
from lambdactl.manifest.document import Node, written
from lambdactl.manifest.features import (
    Alias,
    ApiSection,
    Build,
    Bundle,
    CapacityProvider,
    Cors,
    CustomRuntime,
    Durable,
    FileSystem,
    FunctionUrl,
    StateMachine,
    Vpc,
)
from lambdactl.manifest.settings import Code

if TYPE_CHECKING:
    from lambdactl.manifest.owned import Release

_STRATEGY = r"(linear|canary) +([0-9.]+)% +(?:every|for) +([0-9dhms]+)"


def features(fields: Values, root: Path, code: Code) -> dict[str, Any]:
    """Arguments of :class:`~lambdactl.manifest.model.Function` for the fields that are there."""
    aliases = {name: _alias(inner) for name, inner in fields.get("aliases", {}).items()}
    return {
        **_released(fields, aliases),
        "url": _url(fields.get("url")),
        "vpc": _vpc(fields.get("vpc")),
        "filesystem": _filesystem(fields.get("filesystem"), root),
        "durable": Durable(**fields["durable"]) if "durable" in fields else None,
        "custom_runtime": _custom_runtime(fields.get("custom_runtime")),
        "capacity_provider": _capacity_provider(fields.get("capacity_provider")),
        "build": _build(fields, root, code),
    }


def _released(fields: Values, aliases: dict[str, Alias]) -> dict[str, Any]:
    """``release``, and the alias that it moves among ``aliases``."""
    found = _release(fields["release"]) if "release" in fields else None
    if found is None:
        return {"aliases": aliases}
    return {"aliases": {found.alias: Alias("latest"), **aliases}, "release": found}


def _release(fields: str | Values) -> Release | None:
    from lambdactl.manifest.owned import Release

    if isinstance(fields, str) or "alias" not in fields:
        return None
    rest: dict[str, Any] = {
        "alarms": tuple(fields.get("alarms", ())),
        "smoke": fields.get("smoke"),
    }
    steps = re.fullmatch(_STRATEGY, fields.get("strategy", "all-at-once"))
    if steps is None:
        return Release(fields["alias"], **rest)
    return Release(
        fields["alias"],
        strategy="linear" if steps[1] == "linear" else "canary",
        percent=float(steps[2]),
        interval_s=scalars.seconds(steps[3]) or 0,
        **rest,
    )


def _alias(fields: Values) -> Alias:
    return Alias(
        version=written(fields.get("version", "latest")),
        weights={version: float(share) for version, share in fields.get("weights", {}).items()},
        description=fields.get("description"),
        async_=async_config(fields["async"]) if "async" in fields else None,
    )


def _url(fields: Values | None) -> FunctionUrl | None:
    if fields is None:
        return None
    given = fields.get("cors")
    return FunctionUrl(
        auth=fields.get("auth", "iam"),
        invoke_mode=fields.get("invoke_mode", "buffered"),
        cors=None if given is None else cors(given),
        alias=fields.get("alias"),
    )


def cors(fields: Values) -> Cors:
    """CORS answers of a URL or an API."""
    return Cors(
        allow_origins=tuple(fields.get("allow_origins", ())),
        allow_methods=tuple(fields.get("allow_methods", ())),
        allow_headers=tuple(fields.get("allow_headers", ())),
        expose_headers=tuple(fields.get("expose_headers", ())),
        allow_credentials=fields.get("allow_credentials", False),
        max_age_s=fields.get("max_age_s"),
    )


def _vpc(fields: str | Values | None) -> Vpc | None:
    if fields is None or isinstance(fields, str):
        return None
    return Vpc(
        subnets=tuple(fields.get("subnets", ())),
        security_groups=tuple(fields.get("security_groups", ())),
        ipv6=fields.get("ipv6", False),
    )


def _filesystem(fields: Values | None, root: Path) -> FileSystem | None:
    if fields is None or "arn" not in fields or "path" not in fields:
        return None
    source = fields.get("source")
    return FileSystem(
        arn=fields["arn"],
        path=fields["path"],
        direct_s3_read=fields.get("direct_s3_read"),
        source=path_under(root, source) if source else None,
    )


def _custom_runtime(fields: Values | None) -> CustomRuntime | None:
    if fields is None or "arn" not in fields or "alias" not in fields:
        return None
    return CustomRuntime(**fields)


def _capacity_provider(fields: Values | None) -> CapacityProvider | None:
    if fields is None or "arn" not in fields:
        return None
    return CapacityProvider(**fields)


def _build(function: Values, root: Path, code: Code) -> Build | None:
    given = function.get("build", {})
    fields: Values = {"command": given} if isinstance(given, str) else given
    bundle = function.get("bundle", fields.get("bundle"))
    build = _made(fields, root, code.path)
    # What all functions are asked to be holds for those that can be it.
    if code.kind in ("image", "dockerfile"):
        return replace(build, container=False) if build.commands else None
    if bundle is not None and str(function.get("runtime")).startswith("nodejs"):
        return replace(build, bundle=_bundle(bundle))
    return build if build.commands or build.container else None


def layer_build(layer: Values, root: Path, path: Path) -> Build | None:
    """How a layer is made; None where there is nothing to make."""
    given = layer["build"]
    fields: Values = {"command": given} if isinstance(given, str) else given
    build = _made(fields, root, path)
    runtime = fields.get("runtime") or next(iter(layer.get("runtimes", ())), None)
    architecture = fields.get("architecture") or next(iter(layer.get("architectures", ())), None)
    build = replace(build, runtime=runtime, architecture=architecture)
    return build if build.commands or runtime is not None else None


def _made(fields: Values, root: Path, source: Path | None) -> Build:
    commands = fields.get("command", ())
    output = fields.get("output")
    own = path_under(root, fields.get("folder", ".")) if commands else source
    return Build(
        commands=(commands,) if isinstance(commands, str) else tuple(commands),
        folder=own or root,
        watch=tuple(fields.get("watch", ())),
        output=path_under(root, output) if output else None,
        environment=fields.get("environment", {}),
        container=fields.get("container", False),
    )


def _bundle(given: str | Values) -> Bundle:
    fields: Values = {} if isinstance(given, str) else given
    sourcemap = fields.get("sourcemap")
    return Bundle(
        entry=tuple(fields.get("entry", ())),
        target=fields.get("target"),
        format=fields.get("format"),
        minify=fields.get("minify", False),
        sourcemap="linked" if sourcemap is True else sourcemap or None,
        external=tuple(fields.get("external", ())),
        loader=fields.get("loader", {}),
        define={name: written(value) for name, value in fields.get("define", {}).items()},
        arguments=tuple(fields.get("arguments", ())),
    )


def api_sections(values: Values, document: Node, locate: Locate) -> dict[str, ApiSection]:
    """The ``apis`` section, each API with the places of its routes."""
    nodes = document.get("apis")
    found: dict[str, ApiSection] = {}
    for name, forms in values["apis"].items():
        place = nodes.keys.get(name) if nodes is not None else None
        for kind, settings in forms.items():
            routes = document.get("apis", name, kind, "routes")
            items = routes.value if routes is not None and isinstance(routes.value, list) else []
            whole = len(items) == len(settings.get("routes", ()))
            found[name] = ApiSection(
                name=name,
                kind=kind,
                settings=settings,
                where=locate(place) if place else None,
                places={
                    f"routes.{index}": locate(next(iter(item.keys.values()), item.at))
                    for index, item in enumerate(items if whole else ())
                },
            )
    return found


def state_machines(
    values: Values, document: Node, locate: Locate, root: Path
) -> dict[str, StateMachine]:
    """The state machines of a manifest."""
    places = document.get("state_machines")
    found: dict[str, StateMachine] = {}
    for name, fields in values["state_machines"].items():
        definition = fields.get("definition")
        place = places.keys.get(name) if places is not None else None
        found[name] = StateMachine(
            name=name,
            path=path_under(root, definition) if isinstance(definition, str) else None,
            definition=definition if isinstance(definition, dict) else None,
            type=fields.get("type", "standard"),
            substitutions=fields.get("substitutions", {}),
            aws_name=fields.get("name"),
            role=role(fields.get("role")),
            where=locate(place) if place else None,
        )
    return found
