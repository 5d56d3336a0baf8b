"""Deploying resources of single kinds: compared as a plan does, without looking at all of AWS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lambdactl.artifacts.builds import Built
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Resource
from lambdactl.deploy.naming import Naming
from lambdactl.deploy.plan import Change
from lambdactl.deploy.planning import differences


@dataclass(frozen=True)
class Taken:
    """A step that was taken: ``create``, ``update`` or ``replace``."""

    action: str
    address: str
    changes: tuple[Change, ...] = ()

    @property
    def changed(self) -> set[str]:
        return {change.path for change in self.changes}


def deployed(context: Context, resources: Iterable[Resource]) -> list[Taken]:
    """Deploy one after the other, and see that there is nothing more to do.

    :return: the steps that were needed.
    """
    wanted = tuple(resources)
    taken = [step for resource in wanted if (step := _deploy(context, resource)) is not None]
    context.account.forget()
    for resource in wanted:
        live = kinds()[resource.kind].read(context, resource.name)
        assert live is not None
        assert differences(resource, live) == ()
        assert live.owner == context.naming.owner
        # Else a change by hand would not be known as one.
        assert live.hash == resource.digest
        assert resource.name in set(kinds()[resource.kind].owned(context, ()))
    return taken


def _deploy(context: Context, resource: Resource) -> Taken | None:
    kind = kinds()[resource.kind]
    live = kind.read(context, resource.name)
    if live is None:
        outputs = kind.create(context, resource)
        action, changes = "create", ()
    else:
        assert live.owner == context.naming.owner
        changes = differences(resource, live)
        changed = frozenset(change.path.partition(".")[0] for change in changes)
        if not changed:
            return None
        if changed & kind.replaced_by:
            kind.delete(context, live)
            outputs, action = kind.create(context, resource), "replace"
        else:
            outputs, action = kind.update(context, resource, live, changed), "update"
    after = kind.read(context, resource.name)
    assert after is not None
    assert dict(outputs) == dict(after.outputs)
    return Taken(action, resource.address, changes)


def destroyed(context: Context, *names: str) -> None:
    """Delete all that is owned of these kinds, twice: what is gone already is no error."""
    for name in names:
        kind = kinds()[name]
        for one in list(kind.owned(context, ())):
            live = kind.read(context, one)
            if live is not None and live.owner == context.naming.owner:
                kind.delete(context, live)
                kind.delete(context, live)
                assert kind.read(context, one) is None


def wanted_of(context: Context, *names: str) -> Wanted:
    """What is deployed of the context's app, all of it or the functions ``names``; nothing is
    built."""
    return wanted_in(context.naming, *names)


def wanted_in(naming: Naming, *names: str) -> Wanted:
    return Wanted(naming, Built(()), frozenset(names))
