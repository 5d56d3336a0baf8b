"""Triggers of CodeCommit's repositories: those of lambdactl's among those of others.

CodeCommit takes all triggers of a repository in one call. One of them is lambdactl's where it calls
a function by a permission of lambdactl's that is named after it
(https://docs.aws.amazon.com/codecommit/latest/APIReference/API_PutRepositoryTriggers.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import calling, shared
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.callers import caller_of, callers
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.errors import TakenError

_PRINCIPAL = "codecommit.amazonaws.com"
_NONE = "RepositoryDoesNotExistException"

Triggers = list[Mapping[str, Any]]
Parts = dict[str, dict[str, Any]]
"""By function and by name."""


class CodecommitTrigger:
    """``codecommit_trigger:REPOSITORY``: all of lambdactl's of one repository, by function."""

    name: ClassVar[str] = "codecommit_trigger"
    title: ClassVar[str] = "triggers of the repository"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        parts, needs = _parts(context, name, _triggers(context, name))
        if not parts:
            return None
        return Live(
            kind=self.name,
            name=name,
            properties=shared.compared(parts),
            owner=context.naming.owner,
            needs=needs,
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        found = callers(context, functions, _PRINCIPAL)
        return {one.source_arn.rpartition(":")[2] for one in found if one.source_arn}

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        _write(context, resource.name, lambda parts: shared.merged(resource, parts))
        return {}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return self.create(context, resource)

    def delete(self, context: Context, live: Live) -> None:
        with allowed(_NONE):
            _write(context, live.name, lambda _: {})


KINDS = (CodecommitTrigger(),)


def _triggers(context: Context, repository: str) -> Triggers:
    """All triggers of a repository; none where there is no such repository."""

    def ask() -> Triggers:
        with allowed(_NONE):
            answer = context.account.client("codecommit").get_repository_triggers(
                repositoryName=repository
            )
            return list(answer.get("triggers", ()))
        return []

    return context.account.once(f"codecommit:{repository}/", ask)


def _parts(context: Context, repository: str, triggers: Triggers) -> tuple[Parts, tuple[str, ...]]:
    """Ours, and the addresses of what they need."""
    found: Parts = {}
    needs: set[str] = set()
    for one in triggers:
        words = calling.repository(repository, one["name"])
        caller = caller_of(context, one["destinationArn"], words)
        if caller is None:
            continue
        needs |= set(caller.needs)
        found.setdefault(caller.function, {})[one["name"]] = {
            "target": one["destinationArn"],
            "events": sorted(one["events"]),
            "branches": sorted(one.get("branches") or ()),
            "data": one.get("customData") or "",
        }
    return found, tuple(sorted(needs))


def _write(context: Context, repository: str, change: Callable[[Parts], Parts]) -> None:
    """
    :raises TakenError: somebody else's trigger has the name of one of ours.
    """
    with shared.alone(f"codecommit {repository}"):
        context.account.forget(f"codecommit:{repository}/")
        triggers = _triggers(context, repository)
        parts, _ = _parts(context, repository, triggers)
        wanted = change(parts)
        entries = {name: one for some in wanted.values() for name, one in some.items()}
        ours = {name for some in parts.values() for name in some}
        others = [one for one in triggers if one["name"] not in ours]
        for one in others:
            if one["name"] in entries:
                raise TakenError(
                    f"the repository {repository} has a trigger {one['name']} already, and "
                    "lambdactl has not made it",
                    hint="give yours another `name:`, or delete that one",
                )
        context.account.client("codecommit").put_repository_triggers(
            repositoryName=repository,
            triggers=[
                *others,
                *(
                    {
                        "name": name,
                        "destinationArn": one["target"],
                        "customData": one["data"],
                        "branches": list(one["branches"]),
                        "events": list(one["events"]),
                    }
                    for name, one in sorted(entries.items())
                ),
            ],
        )
        context.account.forget(f"codecommit:{repository}/")
