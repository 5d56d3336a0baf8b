"""What ``deploy``, ``diff`` and ``destroy`` have in common: options, the app, the question."""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from lambdactl import errors
from lambdactl.cli import params

if TYPE_CHECKING:
    from lambdactl.artifacts.builds import Built
    from lambdactl.cli.aws import AwsOptions
    from lambdactl.deploy.model import Context
    from lambdactl.deploy.plan import Plan
    from lambdactl.manifest.model import App

F = TypeVar("F", bound=Callable[..., Any])

PARALLEL = 16


@dataclass(frozen=True, slots=True)
class ManifestOptions:
    """Which manifest, and how it is read."""

    manifest: Path | None
    stage: str | None
    env_files: tuple[Path, ...]
    parameters: Mapping[str, str]

    def context(self, aws: AwsOptions, *, quiet: bool = False) -> Context:
        """The app in its account. Warnings are told, unless it is to be ``quiet``.

        :raises ManifestError: with all problems.
        :raises CredentialsError: there are none, or AWS does not know them.
        """
        from lambdactl.deploy.model import Context
        from lambdactl.deploy.naming import NO_STAGE, Naming

        shell = aws.environment(os.environ)
        app = self._load(shell)
        for problem in app.warnings:
            if problem.code != "not-built" and not quiet:
                params.warn(f"{problem.where}: {problem.message}")
        # To learn after a long build that the session has expired would be late.
        context = aws.context(app)
        if app.source is None or not _depends_on_place(app.source):
            return context
        # What it says may depend on where it is deployed to.
        naming = context.naming
        stack = naming.service if naming.stage == NO_STAGE else f"{naming.service}-{naming.stage}"
        place = {
            "AWS_REGION": naming.region,
            "AWS_ACCOUNT_ID": naming.account,
            "AWS_SAM_STACK_NAME": shell.get("AWS_SAM_STACK_NAME") or stack,
        }
        app = self._load({**shell, **place})
        return Context(
            context.account, Naming(app, naming.partition, naming.region, naming.account)
        )

    def _load(self, shell: Mapping[str, str]) -> App:
        from lambdactl import manifest

        return manifest.load(
            self.manifest,
            stage=self.stage,
            env=shell,
            env_files=self.env_files,
            parameters=self.parameters,
        )


def manifest_options(command: F) -> F:
    """The options of :func:`params.manifest_options`; the command gets them as ``source``."""

    @functools.wraps(command)
    def bundled(*arguments: Any, **rest: Any) -> Any:
        own = {name: rest.pop(name) for name in ManifestOptions.__dataclass_fields__}
        return command(*arguments, source=ManifestOptions(**own), **rest)

    return params.manifest_options(cast(F, bundled))


def _depends_on_place(path: Path) -> bool:
    from lambdactl.manifest import source

    return source.depends_on_place(source.read(path))


output_option = click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: one document with the plan and what became of it.",
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Don't ask.")
parallel_option = click.option(
    "--parallel",
    metavar="N",
    type=click.IntRange(min=1, max=64),
    default=PARALLEL,
    show_default=True,
    help="How much is read and changed in AWS at a time.",
)
lock_option = click.option(
    "--break-lock", is_flag=True, help="Take the lock of a deployment that is not running any more."
)


def plan(
    context: Context,
    names: tuple[str, ...],
    built: Built,
    *,
    parallel: int,
) -> Plan:
    """The plan for what was built.

    :raises LambdactlError: it can't be made.
    """
    from lambdactl.deploy import desired, planning

    resources = desired.resources(context.naming, built, names)
    made = planning.plan(context, resources, names, jobs=parallel)
    _refuse_unbuilt(made, names)
    return made


def _refuse_unbuilt(plan: Plan, names: tuple[str, ...]) -> None:
    """A function that those named need has to be there: there is no code to create it with."""
    missing = sorted(
        step.function
        for step in plan.steps
        if step.kind == "function"
        and step.action in ("create", "replace")
        and step.function is not None
        and names
        and step.function not in names
    )
    if missing:
        raise errors.UserError(
            f"{' and '.join(names)} can't be deployed without {' and '.join(missing)}, "
            "which AWS does not have yet",
            hint=f"`lambdactl deploy {' '.join((*names, *missing))}`",
        )


def build(app: App, names: tuple[str, ...], options: params.BuildOptions) -> Built:
    """What is to be deployed. Only what has changed is built, and nothing that Lambda takes from
    where it is.

    :raises ManifestError: a template has values that are not known here; a release has no event.
    :raises LambdactlError: something can't be built.
    """
    from lambdactl import manifest
    from lambdactl.artifacts.builds import Built
    from lambdactl.cli import build as building
    from lambdactl.deploy import code_upload

    _refuse_stand_ins(app)
    missing = manifest.check_releases(app, names or tuple(app.functions))
    if missing:
        raise errors.ManifestError(missing)
    chosen = [app.function(name) for name in names] or list(app.functions.values())
    there = {one.name for one in chosen if code_upload.is_there(one)}
    if not there:
        return building.make(app, names, options, lines=False)
    left = {name: one for name, one in app.functions.items() if name not in there}
    # Their layers are built all the same.
    used = {layer for name in there for layer in app.functions[name].layers}
    wanted = [
        *(name for name in names if name in left),
        *(one for one in app.layers if one in used),
    ]
    if not (wanted if names else (left or app.layers)):
        return Built(())
    wanted = wanted if names else []
    return building.make(
        dataclasses.replace(app, functions=left), tuple(wanted), options, lines=False
    )


def _refuse_stand_ins(app: App) -> None:
    """What stands in for a value on this machine would be wrong in AWS."""
    hint = "a deployment needs the value: --parameter-overrides, or `lambdactl convert` to write it"
    unknown = [
        dataclasses.replace(problem, severity="error", hint=problem.hint or hint)
        for problem in app.warnings
        if problem.code == "unresolved"
    ]
    if unknown:
        raise errors.ManifestError(unknown)


def interactive() -> bool:
    """Whether somebody is there who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> None:
    """Ask on the terminal.

    :raises Abort: the answer is no.
    """
    click.confirm(question, abort=True, err=True)


def refuse(command: str) -> errors.UserError:
    """What is said where nobody can be asked."""
    return errors.UserError(
        f"`lambdactl {command}` asks first, and there is no terminal to ask on",
        hint="give `--yes` to go on without a question",
    )
