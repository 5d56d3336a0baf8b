"""``lambdactl list``: the functions, triggers, layers and resources of the manifest as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lambdactl.cli import params
from lambdactl.cli.tables import table

if TYPE_CHECKING:
    from lambdactl.manifest import App, Code, Trigger

_SUMMARIES = {
    "alb": ("host", "path"),
    "alexa": ("skill",),
    "cloudwatch_logs": ("group", "filter"),
    "codecommit": ("repository", "events", "branches"),
    "cognito": ("user_pool", "events"),
    "config": ("rule",),
    "documentdb": ("cluster", "database", "collection"),
    "dynamodb": ("table",),
    "eventbridge": ("bus", "pattern"),
    "http": ("method", "path"),
    "iot": ("sql",),
    "kafka": ("topic", "cluster", "bootstrap_servers"),
    "kinesis": ("stream",),
    "mq": ("broker", "queue"),
    "rest": ("method", "path"),
    "s3": ("bucket", "events", "prefix", "suffix"),
    "schedule": ("expression",),
    "ses": ("recipients",),
    "sns": ("topic",),
    "sqs": ("queue",),
    "websocket": ("route",),
}
"""What tells one trigger of a kind from another."""


@click.command()
@params.manifest_options
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Tables, or everything as JSON [text].",
)
def list_(
    manifest: Path | None,
    stage: str | None,
    env_files: tuple[Path, ...],
    parameters: Mapping[str, str],
    output: str,
) -> None:
    """Show the functions, triggers, layers and resources of the manifest."""
    from lambdactl.manifest import load

    app = load(manifest, stage=stage, env_files=env_files, parameters=parameters)
    for problem in app.warnings:
        params.warn(f"{problem.where}: {problem.message}")
    if output == "json":
        click.echo(json.dumps(_document(app), indent=2, default=str))
        return
    header = ("NAME", "RUNTIME", "HANDLER", "MEMORY", "TIMEOUT", "RUNS AS", "CODE")
    table("Functions", header, _functions(app))
    table("Triggers", ("FUNCTION", "KIND", "SOURCE"), _triggers(app))
    table("Layers", ("NAME", "PATH", "RUNTIMES", "USED BY"), _layers(app))
    table("Resources", ("KIND", "NAME", "SETTINGS"), _resources(app))
    table("State machines", ("NAME", "TYPE", "DEFINITION"), _state_machines(app))


def _functions(app: App) -> list[tuple[str, ...]]:
    return [
        (
            function.name,
            function.runtime or "image",
            function.handler or "-",
            f"{function.memory_mb} MB",
            f"{function.timeout_s} s",
            function.runs_as,
            _code(function.code, app.root),
        )
        for function in app.functions.values()
    ]


def _triggers(app: App) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for function in app.functions.values():
        rows += [(function.name, trigger.kind, _summary(trigger)) for trigger in function.triggers]
        if function.url is not None:
            rows.append((function.name, "url", f"auth {function.url.auth}"))
    return rows


def _layers(app: App) -> list[tuple[str, ...]]:
    return [
        (
            layer.name,
            _relative(layer.path, app.root),
            ", ".join(layer.runtimes) or "any",
            ", ".join(f.name for f in app.functions.values() if layer.name in f.layers) or "-",
        )
        for layer in app.layers.values()
    ]


def _owned(app: App) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything of the ``resources`` section, by kind, without what is left at its default."""
    from dataclasses import MISSING, asdict, fields

    for section in fields(app.resources):
        for one in getattr(app.resources, section.name).values():
            values = asdict(one)
            del values["where"]
            for field in fields(one):
                empty = field.default_factory() if field.default_factory is not MISSING else None
                if field.name != "name" and values.get(field.name) in (field.default, empty):
                    values.pop(field.name, None)
            yield section.name.removesuffix("s"), values


def _resources(app: App) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for kind, values in _owned(app):
        name = values.pop("name")
        settings = " ".join(f"{field}={_word(value)}" for field, value in values.items())
        rows.append((kind, name, settings or "-"))
    return rows


def _state_machines(app: App) -> list[tuple[str, ...]]:
    return [
        (
            machine.name,
            machine.type,
            _relative(machine.path, app.root) if machine.path else "in the manifest",
        )
        for machine in app.state_machines.values()
    ]


def _code(code: Code, root: Path) -> str:
    if code.path is not None:
        return _relative(code.path, root)
    if code.dockerfile is not None:
        return _relative(code.dockerfile, root)
    return code.image or f"s3://{code.bucket}/{code.key}"


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _summary(trigger: Trigger) -> str:
    values = [trigger.settings.get(field) for field in _SUMMARIES[trigger.kind]]
    return " ".join(_word(value) for value in values if value)


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_word(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _document(app: App) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "service": app.service,
        "stage": app.stage,
        "functions": [
            {
                "name": function.name,
                "runtime": function.runtime,
                "handler": function.handler,
                "architecture": function.architecture,
                "memory_mb": function.memory_mb,
                "timeout_s": function.timeout_s,
                "description": function.description,
                "runner": function.runs_as,
                "code": _code(function.code, app.root),
                "layers": list(function.layers),
                "url": function.url is not None,
                "release": asdict(function.release) if function.release else None,
            }
            for function in app.functions.values()
        ],
        "triggers": [
            {
                "function": function.name,
                "kind": trigger.kind,
                "settings": {
                    name: asdict(value) if hasattr(value, "__dataclass_fields__") else value
                    for name, value in trigger.settings.items()
                },
            }
            for function in app.functions.values()
            for trigger in function.triggers
        ],
        "layers": [
            {
                "name": layer.name,
                "path": _relative(layer.path, app.root),
                "runtimes": list(layer.runtimes),
                "architectures": list(layer.architectures),
                "description": layer.description,
                "used_by": [f.name for f in app.functions.values() if layer.name in f.layers],
            }
            for layer in app.layers.values()
        ],
        "resources": [{"kind": kind, **values} for kind, values in _owned(app)],
        "state_machines": [
            {
                "name": machine.name,
                "type": machine.type,
                "definition": _relative(machine.path, app.root) if machine.path else None,
            }
            for machine in app.state_machines.values()
        ],
    }
