"""The command line: one file per command; parse options, call one function below, render.

Commands load lazily: this module knows every command's name, module and one-line help,
so ``lambdactl --help``, ``--version`` and shell completion of command names import only click.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from lambdactl import errors

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: dict[str, tuple[str, str]] = {
    "invoke": ("lambdactl.cli.invoke:invoke", "Run a function once, on this machine or in AWS."),
    "local": ("lambdactl.cli.local:local", "Serve the functions on this machine."),
    "build": ("lambdactl.cli.build:build", "Make the zips and images that Lambda takes."),
    "package": (
        "lambdactl.cli.package:package",
        "Build, and write a bill of what there is to ship.",
    ),
    "deploy": ("lambdactl.cli.deploy:deploy", "Make AWS what the manifest says."),
    "diff": ("lambdactl.cli.diff:diff", "Show what a deployment would do."),
    "destroy": (
        "lambdactl.cli.destroy:destroy",
        "Delete from AWS what was deployed.",
    ),
    "rollback": (
        "lambdactl.cli.rollback:rollback",
        "Point aliases back to the version that was live before.",
    ),
    "logs": ("lambdactl.cli.logs:logs", "Show what deployed functions have logged, and follow it."),
    "status": (
        "lambdactl.cli.status_:status",
        "Show how deployed functions are, and their last hour.",
    ),
    "sync": ("lambdactl.cli.sync:sync", "Upload code to deployed functions on each save."),
    "generate-event": (
        "lambdactl.cli.generate_event:generate_event",
        "Print a sample event of an AWS service.",
    ),
    "init": ("lambdactl.cli.init:init", "Start a project from a template."),
    "validate": (
        "lambdactl.cli.validate:validate",
        "Check the manifest and say all that is wrong.",
    ),
    "list": (
        "lambdactl.cli.list_:list_",
        "Show the functions, triggers and layers of the manifest.",
    ),
    "convert": (
        "lambdactl.cli.convert:convert",
        "Write the lambdactl.yaml that says the same as a SAM template.",
    ),
    "schema": ("lambdactl.cli.schema:schema", "Print the JSON Schema of lambdactl.yaml."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used (click's lazy-loading pattern,
    https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands).

    :param lazy: name to ``module:attribute`` and one line of help.
    """

    def __init__(
        self, *arguments: Any, lazy: Mapping[str, tuple[str, str]], **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        # click's own way asks each command for its help, which would import them all.
        names = [
            CompletionItem(name, help=text)
            for name, (_, text) in self.lazy.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.lazy and not name.startswith("-") and not ctx.resilient_parsing:
            raise errors.UserError(
                f"there is no command {name!r}",
                hint=errors.did_you_mean(name, self.lazy)
                or f"`{ctx.command_path} --help` lists them",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.lazy.items()])


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from lambdactl import __version__

        click.echo(f"lambdactl {__version__}")
        ctx.exit()


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of a bug of lambdactl's own.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Run, inspect and ship AWS Lambda functions from one manifest."""
    ctx.obj = {"debug": debug}


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process with the code of what happened (see errors.py)."""
    if args is not None:
        sys.exit(_run(list(args)))
    # The process is ours. A command imports much and frees little: at the default thresholds the
    # collector runs dozens of times in vain, and once more at the end, where it takes 12 ms to
    # find that everything is in use. Frozen objects it leaves alone.
    gc.set_threshold(50_000, 20, 20)
    _open_standard_streams()
    code = _run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


def _open_standard_streams() -> None:
    """Give ``lambdactl ... >&-`` a stream that goes nowhere. A descriptor that stayed closed would
    go to the next file or socket, which then would be mistaken for the standard stream."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            # The lowest free descriptor is the one that is missing.
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8"))  # noqa: SIM115


def _run(arguments: list[str]) -> int:
    try:
        code: Any = cli.main(arguments, prog_name="lambdactl", standalone_mode=False)
        return code if isinstance(code, int) else errors.EXIT_OK
    except Exception as error:
        from lambdactl.cli import failure

        return failure.report(error, debug="--debug" in arguments)
    except KeyboardInterrupt:
        return errors.EXIT_INTERRUPTED
