"""Normalised values -> the frozen model.

The values come from the checker: unknown fields are gone, durations are seconds, defaults of the
schema are filled in. Where a manifest has faults, faulty fields are missing here and the model
has its own defaults in their place; such an app is only used to look for more faults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lambdactl.errors import Location
from lambdactl.manifest.document import Node
from lambdactl.manifest.model import App, Function, Layer, Trigger
from lambdactl.manifest.runtimes import container_only
from lambdactl.manifest.settings import (
    AsyncConfig,
    Code,
    Concurrency,
    Destination,
    DestinationKind,
    Logging,
    Role,
    RuntimeManagement,
    Versions,
)

if TYPE_CHECKING:
    from lambdactl.manifest.features import ApiSection, StateMachine
    from lambdactl.manifest.owned import Resources

Values = Mapping[str, Any]
Locate = Callable[[tuple[int, int] | None], Location]

_KINDS: dict[str, DestinationKind] = {
    "queue": "sqs",
    "topic": "sns",
    "function": "lambda",
    "bus": "eventbridge",
    "bucket": "s3",
    "kafka": "kafka",
}
_SERVICES: dict[str, DestinationKind] = {
    "sqs": "sqs",
    "sns": "sns",
    "lambda": "lambda",
    "events": "eventbridge",
    "s3": "s3",
}
_RARE = frozenset(
    {
        "aliases",
        "build",
        "bundle",
        "capacity_provider",
        "custom_runtime",
        "durable",
        "filesystem",
        "release",
        "url",
        "vpc",
    }
)
_PLACES = ("handler", "code", "runtime", "release")
DAY = 86400
"""Seconds."""


def app(
    values: Values,
    document: Node,
    locate: Locate,
    root: Path,
    *,
    source: Path | None,
    stage: str | None,
) -> App:
    """The app of a checked manifest. ``document`` is the same manifest with its places."""
    functions = document.get("functions")
    layers = document.get("layers")
    machines: Mapping[str, StateMachine] = {}
    if values.get("state_machines"):
        from lambdactl.manifest.build_features import state_machines

        machines = state_machines(values, document, locate, root)
    apis: Mapping[str, ApiSection] = {}
    if values.get("apis"):
        from lambdactl.manifest.build_features import api_sections

        apis = api_sections(values, document, locate)
    owned: Resources | None = None
    if values.get("resources"):
        from lambdactl.manifest.build_owned import resources

        owned = resources(values, document, locate)
    return App(
        service=values.get("service") or _folder_name(root),
        root=root,
        functions={
            name: function(name, fields, functions, locate, root)
            for name, fields in values.get("functions", {}).items()
        },
        layers={
            name: _layer(name, fields, layers, locate, root)
            for name, fields in values.get("layers", {}).items()
            if "path" in fields
        },
        state_machines=machines,
        apis=apis,
        owned=owned,
        stage=stage,
        source=source,
    )


def _folder_name(root: Path) -> str:
    return root.name or "app"


def function(
    name: str, fields: Values, parent: Node | None, locate: Locate, root: Path
) -> Function:
    """One function of the model."""
    node = parent.get(name) if parent is not None else None
    place = parent.keys.get(name) if parent is not None else None
    places = {
        key: locate(child.at)
        for key in _PLACES
        if node is not None and (child := node.get(key)) is not None
    }
    code = _code(fields.get("code", "."), root)
    image = code.kind in ("image", "dockerfile")
    runtime = None if image else fields.get("runtime")
    rare: dict[str, Any] = {}
    if not _RARE.isdisjoint(fields):
        from lambdactl.manifest.build_features import features

        rare = features(fields, root, code)
    default = "bootstrap" if runtime and runtime.startswith("provided") else None
    return Function(
        name=name,
        code=code,
        runtime=runtime,
        handler=None if image else fields.get("handler", default),
        architecture=fields.get("architecture", "x86_64"),
        memory_mb=fields.get("memory", 128),
        timeout_s=fields.get("timeout_s", 3),
        ephemeral_storage_mb=fields.get("ephemeral_storage", 512),
        description=fields.get("description"),
        environment=fields.get("environment", {}),
        layers=() if image else tuple(fields.get("layers", ())),
        logging=_logging(fields.get("logging", {})),
        triggers=_triggers(fields.get("triggers", ()), node, locate),
        where=locate(place) if place else None,
        places=places,
        aws_name=fields.get("name"),
        role=role(fields.get("role")),
        concurrency=Concurrency(**fields.get("concurrency", {})),
        async_=async_config(fields.get("async", {})),
        dead_letter=_destination(fields.get("dead_letter")),
        versions=_versions(fields.get("versions", {})),
        tracing=fields.get("tracing", "pass_through"),
        snap_start=fields.get("snap_start") == "published_versions",
        tenancy=fields.get("tenancy"),
        kms_key=fields.get("kms_key"),
        tags=fields.get("tags", {}),
        code_signing=fields.get("code_signing"),
        recursion=fields.get("recursion", "terminate"),
        runtime_management=RuntimeManagement(**fields.get("runtime_management", {})),
        accelerator_memory_gb=fields.get("accelerator_memory"),
        runner=_runner(fields.get("runner"), code, runtime),
        dependencies=fields.get("dependencies", "bundled"),
        **rare,
    )


def _runner(
    asked: Literal["process", "container"] | None, code: Code, runtime: str | None
) -> Literal["process", "container"] | None:
    """What all functions are asked to be holds for those that can be it."""
    return None if asked == "process" and container_only(code.kind, runtime) else asked


def _code(value: str | Values, root: Path) -> Code:
    if isinstance(value, str):
        return _code({"path": value}, root)
    image_config: dict[str, Any] = {
        "command": tuple(value.get("command", ())),
        "entrypoint": tuple(value.get("entrypoint", ())),
        "working_directory": value.get("working_directory"),
    }
    if "image" in value:
        return Code("image", image=value["image"], **image_config)
    if "dockerfile" in value:
        dockerfile = path_under(root, value["dockerfile"])
        context = path_under(root, value["context"]) if "context" in value else dockerfile.parent
        return Code(
            "dockerfile",
            dockerfile=dockerfile,
            context=context,
            target=value.get("target"),
            args=value.get("args", {}),
            **image_config,
        )
    if "bucket" in value:
        return Code(
            "s3",
            bucket=value["bucket"],
            key=value.get("key"),
            version=value.get("version"),
            storage=value.get("storage", "copy"),
            kms_key=value.get("kms_key"),
        )
    path = path_under(root, value.get("path", "."))
    kind = "zip" if path.suffix in (".zip", ".jar") else "folder"
    return Code("zip" if kind == "zip" else "folder", path=path, kms_key=value.get("kms_key"))


def path_under(root: Path, written_path: str) -> Path:
    return (root / Path(written_path).expanduser()).resolve()


def _layer(name: str, fields: Values, parent: Node | None, locate: Locate, root: Path) -> Layer:
    places = {}
    if parent is not None and (node := parent.get(name, "path")) is not None:
        places["path"] = locate(node.at)
    place = parent.keys.get(name) if parent is not None else None
    path = path_under(root, fields["path"])
    build = None
    if "build" in fields:
        from lambdactl.manifest.build_features import layer_build

        build = layer_build(fields, root, path)
    return Layer(
        name=name,
        path=path,
        runtimes=tuple(fields.get("runtimes", ())),
        architectures=tuple(fields.get("architectures", ())),
        description=fields.get("description"),
        license=fields.get("license"),
        build=build,
        where=locate(place) if place else None,
        places=places,
    )


def _logging(fields: Values) -> Logging:
    return Logging(
        format=fields.get("format", "text"),
        application_level=fields.get("level", "info"),
        system_level=fields.get("system_level", "info"),
        group=fields.get("group"),
        retention_days=fields["retention_s"] // DAY if "retention_s" in fields else None,
    )


def _triggers(values: Any, node: Node | None, locate: Locate) -> tuple[Trigger, ...]:
    items = node.get("triggers") if node is not None else None
    nodes = items.value if items is not None and isinstance(items.value, list) else []
    places = [next(iter(item.keys.values()), item.at) for item in nodes]
    if len(places) != len(values):
        places = [None] * len(values)
    return tuple(
        Trigger(kind, _settings(kind, settings), locate(place))
        for item, place in zip(values, places, strict=True)
        for kind, settings in item.items()
    )


def _settings(kind: str, settings: Any) -> dict[str, Any]:
    if kind == "schedule" and isinstance(settings, str):
        settings = {"expression": settings, "timezone": "UTC", "enabled": True}
    frozen = {name: _frozen(value) for name, value in settings.items()}
    for field in ("on_failure", "dead_letter"):
        if field in frozen:
            frozen[field] = _destination(settings[field])
    return frozen


def _frozen(value: Any) -> Any:
    """Lists as tuples, at the first level: patterns and policies inside stay JSON."""
    return tuple(value) if isinstance(value, list) else value


def _destination(value: str | Values | None) -> Destination | None:
    if not value:
        return None
    if isinstance(value, str):
        if value.startswith("kafka://"):
            return Destination("kafka", value.removeprefix("kafka://"))
        return Destination(_SERVICES[value.split(":")[2]], value)
    form, target = next(iter(value.items()))
    return Destination(_KINDS[form], target)


def role(value: str | Values | None) -> Role | None:
    if value is None:
        return None
    if isinstance(value, str):
        return Role(arn=value)
    return Role(
        managed=tuple(value.get("managed", ())),
        statements=tuple(value.get("statements", ())),
        boundary=value.get("boundary"),
    )


def async_config(fields: Values) -> AsyncConfig:
    return AsyncConfig(
        retries=fields.get("retries", 2),
        max_age_s=fields.get("max_age_s", 21600),
        on_success=_destination(fields.get("on_success")),
        on_failure=_destination(fields.get("on_failure")),
    )


def _versions(fields: Values) -> Versions:
    return Versions(
        publish=fields.get("publish", False),
        to_latest_published=fields.get("to") == "latest_published",
        description=fields.get("description"),
        keep=fields.get("keep"),
    )
