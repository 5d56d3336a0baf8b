"""Options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from lambdactl import errors

F = TypeVar("F", bound=Callable[..., Any])


def manifest_options(command: F) -> F:
    """``-f/--manifest``, ``--stage`` and ``--env-file``: which manifest, and how it is read."""
    command = click.option(
        "--env-file",
        "env_files",
        metavar="FILE",
        multiple=True,
        type=click.Path(path_type=Path),
        help="Variables, as KEY=value lines.",
    )(command)
    command = click.option("--stage", metavar="NAME", help="The manifest's stage.")(command)
    return click.option(
        "-f",
        "--manifest",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The manifest [lambdactl.yaml here or in a folder above].",
    )(command)


def complete_function(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The names of the manifest's functions, for the shell; none when it can't be read."""
    from lambdactl import manifest

    try:
        app = manifest.load(context.params.get("manifest"), stage=context.params.get("stage"))
    except errors.LambdactlError:
        return []
    return [CompletionItem(name) for name in app.functions if name.startswith(incomplete)]


def warn(message: str) -> None:
    """Tell the user on stderr."""
    click.echo(click.style("warning: ", fg="yellow", bold=True) + message, err=True)
