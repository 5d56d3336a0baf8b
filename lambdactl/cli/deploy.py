"""``lambdactl deploy``: what there is in AWS becomes what the manifest says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lambdactl import errors
from lambdactl.cli import deploy_options, params
from lambdactl.cli.aws import AwsOptions, aws_options

if TYPE_CHECKING:
    from lambdactl.deploy.plan import Action, Plan

_LOSSES: dict[Action, str] = {"delete": "deleting", "replace": "replacing"}


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=params.complete_function)
@deploy_options.manifest_options
@aws_options
@params.build_options
@deploy_options.yes_option
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option(
    "--plan-out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the plan to a file, for --plan, and change nothing.",
)
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Apply the plan of a file, if it is still the plan; don't ask.",
)
@deploy_options.parallel_option
@deploy_options.lock_option
@deploy_options.output_option
@click.pass_context
def deploy(
    click_context: click.Context,
    names: tuple[str, ...],
    source: deploy_options.ManifestOptions,
    aws: AwsOptions,
    options: params.BuildOptions,
    yes: bool,
    dry_run: bool,
    plan_out: Path | None,
    plan_file: Path | None,
    parallel: int,
    break_lock: bool,
    output: str,
) -> None:
    """Deploy the manifest's functions and all that belongs to them.

    NAME is a function; without names, everything is deployed, and what lambdactl made for this
    service and stage and the manifest no longer has is deleted. What has changed is built; the
    plan is shown before anything is done, and asked for on a terminal.
    """
    from lambdactl.cli import applying
    from lambdactl.deploy import saved

    looking = dry_run or plan_out is not None
    if plan_file is not None and looking:
        raise errors.UserError(
            "--plan applies a plan, and --dry-run and --plan-out change nothing",
            hint="leave one of them out",
        )
    agreed = saved.read(plan_file) if plan_file is not None else None
    context = source.context(aws)
    app = context.naming.app
    if agreed is not None:
        names = saved.check(agreed, app, names)
    built = deploy_options.build(app, names, options)

    def make() -> Plan:
        plan = deploy_options.plan(context, names, built, parallel=parallel)
        if agreed is not None:
            saved.compare(agreed, plan)
        return plan

    plan, code = applying.carry_out(
        context,
        make,
        _question,
        applying.Asked(
            command="deploy",
            parallel=parallel,
            output=output,
            looking=looking,
            sure=yes or agreed is not None,
            break_lock=break_lock,
        ),
    )
    if plan_out is not None:
        saved.write(plan_out, plan, names)
        click.echo(
            f"the plan is in {plan_out}; `lambdactl deploy --plan {plan_out}` applies it", err=True
        )
    click_context.exit(code)


def _question(plan: Plan) -> str:
    counts = plan.counts
    losses = [f"{verb} {counts[action]}" for action, verb in _LOSSES.items() if action in counts]
    lost = f", {' and '.join(losses)}" if losses else ""
    return f"Deploy to account {plan.account}, {plan.region}{lost}?"
