"""A shop whose functions something calls: deployed as a whole, as the command does it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Collection, Sequence

from lambdactl.artifacts.builds import Built
from lambdactl.deploy import desired, executor, planning
from lambdactl.deploy.account import Account
from lambdactl.deploy.model import Context
from lambdactl.deploy.plan import Applied, Done, Plan, Step
from lambdactl.manifest.model import App
from tests.deploy.conftest import REGION

ACCOUNT = "123456789012"
CODE = "code"


class Silent:
    """A progress that nobody looks at."""

    def started(self, step: Step) -> None: ...

    def told(self, step: Step, words: str) -> None: ...

    def finished(self, done: Done) -> None: ...


def manifest(more: str = "", **functions: Sequence[str]) -> str:
    """:param functions: the triggers of each, a line of YAML each.
    :param more: other sections."""
    text = "service: shop\nfunctions:\n"
    for name, triggers in functions.items():
        text += (
            f"  {name}:\n    runtime: python3.13\n    handler: app.handler\n"
            f"    code: {{bucket: {CODE}, key: app.zip}}\n"
            "    aliases: {live: {version: latest}}\n"
        )
        if triggers:
            text += "    triggers:\n" + "".join(f"      - {line}\n" for line in triggers)
    return text + more


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


class Shop:
    """:ivar account: where it is deployed. The code of its functions is in a bucket there."""

    def __init__(
        self,
        account: Account,
        app_of: Callable[..., App],
        context_of: Callable[[App], Context],
    ) -> None:
        self.account = account
        self._app_of = app_of
        self._context_of = context_of
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("app.py", "def handler(event, context): ...")
        s3 = account.client("s3")
        self.bucket(CODE)
        s3.put_object(Bucket=CODE, Key="app.zip", Body=packed.getvalue())

    def bucket(self, name: str) -> None:
        self.account.client("s3").create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def context(self, text: str, stage: str | None = None) -> Context:
        return self._context_of(self._app_of(text, stage=stage))

    def plan(self, text: str, *, names: Collection[str] = (), stage: str | None = None) -> Plan:
        context = self.context(text, stage)
        return planning.plan(context, desired.resources(context.naming, Built(()), names), names)

    def deploy(
        self, text: str, *, names: Collection[str] = (), stage: str | None = None
    ) -> list[str]:
        """Deploy, and see that another plan is empty.

        :return: the ids of the steps that were taken.
        """
        plan = self.plan(text, names=names, stage=stage)
        self.apply(self.context(text, stage), plan)
        again = self.plan(text, names=names, stage=stage)
        left = [(step.id, step.changes) for step in again.steps]
        assert left == [], left
        return [step.id for step in plan.steps]

    def apply(self, context: Context, plan: Plan) -> Applied:
        """Take all steps; the first error is raised."""
        result = executor.apply(context, plan, Silent())
        for done in result.done:
            if done.error is not None:
                raise done.error
        assert result.complete
        return result

    def destroy(self, text: str, stage: str | None = None) -> None:
        context = self.context(text, stage)
        self.apply(context, planning.destruction(context))
        assert planning.destruction(context).steps == ()
