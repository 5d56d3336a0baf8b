"""Deploying resources without functions around them: planned and applied as the command does."""

from __future__ import annotations

from collections.abc import Iterable

from lambdactl.deploy import executor, planning
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Resource
from lambdactl.deploy.plan import Applied, Done, Plan, Step


class Silent:
    """A progress that nobody looks at."""

    def started(self, step: Step) -> None: ...

    def told(self, step: Step, words: str) -> None: ...

    def finished(self, done: Done) -> None: ...


def applied(context: Context, plan: Plan) -> Applied:
    """Take all steps; the first error is raised."""
    result = executor.apply(context, plan, Silent())
    for done in result.done:
        if done.error is not None:
            raise done.error
    assert result.complete
    return result


def deployed(context: Context, resources: Iterable[Resource]) -> Plan:
    """Deploy, and see that another plan is empty.

    :return: the plan that was applied.
    """
    wanted = tuple(resources)
    plan = planning.plan(context, wanted)
    applied(context, plan)
    again = planning.plan(context, wanted)
    assert [(step.id, step.changes) for step in again.steps] == []
    for resource in wanted:
        # What is there is known as what was deployed: else any change would not count as drift.
        live = kinds()[resource.kind].read(context, resource.name)
        assert live is not None
        assert live.owner == context.naming.owner
        assert live.hash == resource.digest
    return plan


def destroyed(context: Context) -> None:
    applied(context, planning.destruction(context))
    assert planning.destruction(context).steps == ()


def wanted_of(context: Context) -> Wanted:
    """What is deployed of the context's app; nothing is built."""
    from lambdactl.artifacts.builds import Built

    return Wanted(context.naming, Built(()))
