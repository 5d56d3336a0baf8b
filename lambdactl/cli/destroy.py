"""``lambdactl destroy``: all that lambdactl made for a service and stage goes."""

from __future__ import annotations

import click

from lambdactl.cli import deploy_options
from lambdactl.cli.aws import AwsOptions, aws_options


@click.command()
@deploy_options.manifest_options
@aws_options
@deploy_options.yes_option
@click.option("--dry-run", is_flag=True, help="Show what would go and change nothing.")
@deploy_options.parallel_option
@deploy_options.lock_option
@deploy_options.output_option
@click.pass_context
def destroy(
    click_context: click.Context,
    source: deploy_options.ManifestOptions,
    aws: AwsOptions,
    yes: bool,
    dry_run: bool,
    parallel: int,
    break_lock: bool,
    output: str,
) -> None:
    """Delete everything that lambdactl has made for this service and stage.

    What is somebody else's stays, and so does a bucket with objects in it, unless the manifest says
    `force_delete` of it.
    """
    from lambdactl.cli import applying
    from lambdactl.deploy import planning

    context = source.context(aws)
    naming = context.naming
    _, code = applying.carry_out(
        context,
        lambda: planning.destruction(context, jobs=parallel),
        lambda plan: (
            f"Delete all of {naming.service}, stage {naming.stage}, in account {plan.account}, "
            f"{plan.region}?"
        ),
        applying.Asked(
            command="destroy",
            parallel=parallel,
            output=output,
            looking=dry_run,
            sure=yes,
            break_lock=break_lock,
        ),
    )
    click_context.exit(code)
