"""Deploying what hangs on functions, with the functions and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambdactl.artifacts.builds import Built
from lambdactl.deploy import executor, planning
from lambdactl.deploy.account import Account
from lambdactl.deploy.desired import (
    Wanted,
    event_sources,
    function_settings,
    functions,
    versions,
)
from lambdactl.deploy.marks import mark
from lambdactl.deploy.model import Context, Resource
from lambdactl.deploy.naming import Naming
from lambdactl.deploy.plan import Done, Plan, Step
from lambdactl.manifest.model import App
from tests.deploy.archives import artifact_of
from tests.deploy.beyond_moto import beyond
from tests.deploy.lambda_parts import Parts
from tests.deploy.lambda_service import service

ROLE = "arn:aws:iam::123456789012:role/given"
_DECLARED = (functions, versions, function_settings, event_sources)


class Heard:
    def __init__(self) -> None:
        self.words: list[str] = []

    def started(self, step: Step) -> None: ...

    def told(self, step: Step, words: str) -> None:
        self.words.append(words)

    def finished(self, done: Done) -> None: ...


class Deployer:
    """Deploys manifests of one service; functions have the role :data:`ROLE`. What hangs on no
    function is not looked for."""

    def __init__(self, account: Account, app_of: Callable[..., App], folder: Path) -> None:
        self.account = account
        self.heard: list[str] = []
        self._app_of = app_of
        self._folder = folder
        account.client("iam").create_role(RoleName="given", AssumeRolePolicyDocument="{}")

    def context(self, text: str, stage: str | None = None) -> Context:
        app = self._app_of(text, stage=stage)
        account = self.account
        return Context(account, Naming(app, account.partition, account.region, account.id))

    def resources(self, context: Context, code: str = "1") -> list[Resource]:
        built = [artifact_of(self._folder, name, code) for name in context.naming.app.functions]
        wanted = Wanted(context.naming, Built(tuple(built)))
        return [one for module in _DECLARED for one in module.resources(wanted)]

    def plan(self, text: str, code: str = "1") -> Plan:
        context = self.context(text)
        names = list(context.naming.app.functions)
        return planning.plan(context, self.resources(context, code), names)

    def deploy(self, text: str, code: str = "1") -> list[str]:
        """Plan, apply, and see that there is nothing more to do.

        :return: ids of the steps that were taken.
        """
        context = self.context(text)
        resources = self.resources(context, code)
        plan = planning.plan(context, resources, list(context.naming.app.functions))
        self.apply(context, plan)
        again = planning.plan(context, resources, list(context.naming.app.functions))
        assert [(step.id, step.changes) for step in again.steps] == []
        return [step.id for step in plan.steps]

    def apply(self, context: Context, plan: Plan) -> None:
        """:raises Exception: the first error of a step."""
        progress = Heard()
        result = executor.apply(context, plan, progress)
        self.heard = progress.words
        for done in result.done:
            if done.error is not None:
                raise done.error
        assert result.complete

    def changes(self, text: str, code: str = "1") -> dict[str, tuple[object, object, bool]]:
        """What a plan would change: before, after, and whether it is drift, by address and
        path."""
        return {
            f"{step.address} {change.path}": (change.before, change.after, change.drift)
            for step in self.plan(text, code).steps
            for change in step.changes
        }


def made(context: Context, folder: Path, alias: str = "live") -> None:
    """Make the functions of the manifest, without a plan, with a version and an alias for each."""
    lambda_ = context.account.client("lambda")
    for name in context.naming.app.functions:
        function = context.naming.function(name)
        lambda_.create_function(
            FunctionName=function,
            Role=ROLE,
            Runtime="python3.13",
            Handler="app.handler",
            Code={"ZipFile": artifact_of(folder, name, "1").path.read_bytes()},
            Tags=context.naming.tags("0"),
        )
        version = lambda_.publish_version(FunctionName=function)["Version"]
        lambda_.create_alias(FunctionName=function, Name=alias, FunctionVersion=version)
        mark(context, "alias", function, alias, "0")


@contextlib.contextmanager
def before_moto(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """AWS with a Lambda as its documentation has it; the environment leads there."""
    with service(moto) as whole, beyond(whole.url) as parts:
        monkeypatch.setenv("AWS_ENDPOINT_URL", parts.url)
        yield parts
