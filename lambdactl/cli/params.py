"""Options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from lambdactl import errors

F = TypeVar("F", bound=Callable[..., Any])


class _Words(click.Option):
    """An option that takes all words of the form KEY=VALUE that follow it, as SAM's does."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        super().add_to_parser(parser, ctx)
        for name in self.opts:
            option = parser._long_opt[name]
            option.process = self._greedy(option.process)

    def _greedy(self, process: Callable[[str, Any], None]) -> Callable[[str, Any], None]:
        def take(value: str, state: Any) -> None:
            process(value, state)
            while state.rargs and "=" in state.rargs[0] and not state.rargs[0].startswith("-"):
                process(state.rargs.pop(0), state)

        return take


def _overrides(
    _context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]
) -> dict[str, str]:
    if not words:
        return {}
    from lambdactl.manifest.sam.parameters import parse_overrides

    return parse_overrides(words)


def parameter_overrides(command: F) -> F:
    """``--parameter-overrides``: values of a SAM template's parameters."""
    return click.option(
        "--parameter-overrides",
        "parameters",
        metavar="KEY=VALUE ...",
        multiple=True,
        cls=_Words,
        callback=_overrides,
        help="Parameters of a SAM template.",
    )(command)


def manifest_options(command: F) -> F:
    """``-f/--manifest``, ``--stage``, ``--env-file`` and ``--parameter-overrides``: which manifest,
    and how it is read."""
    command = parameter_overrides(command)
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
        help="The manifest [lambdactl.yaml or template.yaml here or in a folder above].",
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
