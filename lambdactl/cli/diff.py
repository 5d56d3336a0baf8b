"""``lambdactl diff``: what a deployment would do."""

from __future__ import annotations

import click

from lambdactl.cli import deploy_options, params
from lambdactl.cli.aws import AwsOptions, aws_options

CHANGES = 1
"""The exit code of ``--exit-code`` where there is something to do, as of ``git diff``."""


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=params.complete_function)
@deploy_options.manifest_options
@aws_options
@params.build_options
@click.option("--exit-code", is_flag=True, help="End with 1 if there is something to do.")
@deploy_options.parallel_option
@deploy_options.output_option
@click.pass_context
def diff(
    click_context: click.Context,
    names: tuple[str, ...],
    source: deploy_options.ManifestOptions,
    aws: AwsOptions,
    options: params.BuildOptions,
    exit_code: bool,
    parallel: int,
    output: str,
) -> None:
    """Show what a deployment would create, change, replace and delete.

    NAME is a function; without names, everything is looked at. What has changed by hand in AWS
    since the last deployment is marked.
    """
    from lambdactl.cli import applying

    context = source.context(aws)
    built = deploy_options.build(context.naming.app, names, options)
    plan, code = applying.carry_out(
        context,
        lambda: deploy_options.plan(context, names, built, parallel=parallel),
        lambda plan: "",
        applying.Asked(command="diff", parallel=parallel, output=output, looking=True),
    )
    click_context.exit(CHANGES if exit_code and plan.steps else code)
