"""``lambdactl validate``: all that is wrong with the manifest and with the code it names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from lambdactl import errors
from lambdactl.cli import failure, params


@click.command()
@params.manifest_options
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How to say it [text].",
)
@click.pass_context
def validate(
    ctx: click.Context,
    manifest: Path | None,
    stage: str | None,
    env_files: tuple[Path, ...],
    parameters: Mapping[str, str],
    output: str,
) -> None:
    """Check the manifest and say all that is wrong.

    Every problem comes with its file, line and column and a hint. The exit code is 0 for a valid
    manifest (warnings are allowed) and 2 for one with errors.
    """
    try:
        problems, summary = _examine(manifest, stage, env_files, parameters)
    except errors.LambdactlError as error:
        if output == "text":
            raise
        problems, summary = _as_problems(error), ""
    count = sum(problem.severity == "error" for problem in problems)
    if output == "json":
        click.echo(json.dumps(_document(problems), indent=2))
    else:
        for problem in problems:
            failure.problem(problem)
        if count:
            click.echo(f"{count} {'error' if count == 1 else 'errors'}", err=True)
        else:
            click.echo(summary)
    ctx.exit(errors.EXIT_USER_MISTAKE if count else errors.EXIT_OK)


def _examine(
    path: Path | None,
    stage: str | None,
    env_files: tuple[Path, ...],
    parameters: Mapping[str, str],
) -> tuple[tuple[errors.Problem, ...], str]:
    from lambdactl import manifest

    report = manifest.examine(path, stage=stage, env_files=env_files, parameters=parameters)
    app = report.app
    if app is None:
        return report.problems, ""
    readable = {name: app.functions[name] for name in report.sound}
    found = manifest.check_code(replace(app, functions=readable))
    triggers = sum(len(function.triggers) for function in app.functions.values())
    contained = sum(function.runs_as == "container" for function in app.functions.values())
    counts = (
        _count(len(app.functions), "function")
        + (f" ({contained} in containers)" if contained else ""),
        _count(triggers, "trigger"),
        _count(len(app.layers), "layer"),
    )
    name = app.source.name if app.source else "the manifest"
    problems = sorted((*report.problems, *found), key=_place)
    return tuple(problems), f"{name} is valid: {', '.join(counts)}"


def _place(problem: errors.Problem) -> tuple[int, int]:
    return (problem.where.line or 0, problem.where.column or 0)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _as_problems(error: errors.LambdactlError) -> tuple[errors.Problem, ...]:
    if isinstance(error, errors.ManifestError):
        return error.problems
    where = error.where or errors.Location("")
    return (errors.Problem(error.message, where, error.hint),)


def _document(problems: tuple[errors.Problem, ...]) -> dict[str, Any]:
    return {
        "valid": not any(problem.severity == "error" for problem in problems),
        "problems": [
            {
                "severity": problem.severity,
                "code": problem.code,
                "message": problem.message,
                "file": problem.where.file,
                "line": problem.where.line,
                "column": problem.where.column,
                "source": problem.where.source,
                "hint": problem.hint,
            }
            for problem in problems
        ],
    }
