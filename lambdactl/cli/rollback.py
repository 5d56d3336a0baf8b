"""``lambdactl rollback``: aliases back to the version that was live before."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from lambdactl import errors
from lambdactl.cli import params
from lambdactl.cli.aws import AwsOptions, aws_options
from lambdactl.cli.deploy_options import ManifestOptions, lock_option, manifest_options

if TYPE_CHECKING:
    from lambdactl.deploy.model import Context
    from lambdactl.deploy.rollback import RolledBack
    from lambdactl.manifest.model import App


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=params.complete_function)
@manifest_options
@click.option("--to", metavar="VERSION", help="This version [the one before].")
@click.option("--alias", metavar="NAME", help="This alias [that of the function's `release`].")
@aws_options
@lock_option
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def rollback(
    names: tuple[str, ...],
    source: ManifestOptions,
    to: str | None,
    alias: str | None,
    aws: AwsOptions,
    break_lock: bool,
    output: str,
) -> int:
    """Point the alias of functions back to the version before, in one call each.

    Without NAME it is all functions that have a `release`, or the only function. The next deploy
    releases the newest version again.
    """
    from lambdactl.deploy import lock

    context = source.context(aws, quiet=True)
    app = context.naming.app
    chosen = _chosen(app, names)
    if to is not None and len(chosen) > 1:
        raise errors.UserError(
            "--to is a version of one function", hint=f"name one of: {', '.join(chosen)}"
        )
    with lock.held(context, "rollback", break_it=break_lock):
        failed = _all(context, chosen, to, alias, output)
    if failed is not None:
        raise failed
    return errors.EXIT_OK


def _chosen(app: App, names: tuple[str, ...]) -> list[str]:
    """:raises UserError: there is no such function, or none was released."""
    if names:
        return [app.function(name).name for name in names]
    released = [name for name, one in app.functions.items() if one.release is not None]
    return released or [app.function().name]


def _all(
    context: Context, names: list[str], to: str | None, alias: str | None, output: str
) -> errors.LambdactlError | None:
    """Roll all of them back that can be; returns the first error."""
    from lambdactl.cli import failure
    from lambdactl.deploy.explaining import in_words
    from lambdactl.deploy.rollback import rollback as roll_back

    done: list[RolledBack] = []
    first: errors.LambdactlError | None = None
    for name in names:
        try:
            with in_words(f"rolling {context.naming.function(name)} back", context.account):
                done.append(roll_back(context, name, to, alias=alias))
        except errors.LambdactlError as error:
            if first is not None:
                failure.report(error, debug=False)
            first = first or error
    if output == "json":
        click.echo(json.dumps([dataclasses.asdict(one) for one in done], indent=2))
    else:
        for one in done:
            click.echo(f"{one.name}:{one.alias} leads to version {one.version}, not {one.before}")
        if done:
            click.echo("the next `lambdactl deploy` releases the newest version again", err=True)
    return first
