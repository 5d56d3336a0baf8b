"""The triggers of functions, as everything that pushes events to functions has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lambdactl.deploy.desired import Wanted, grants
from lambdactl.deploy.model import Resource
from lambdactl.deploy.naming import Naming, shortened
from lambdactl.errors import Location, UserError
from lambdactl.manifest.model import Function, Trigger

LAMBDA_NAME = 64
"""The most characters of names of rules, schedules, and functions."""


@dataclass(frozen=True, slots=True)
class Triggered:
    """A function, and one of its triggers.

    :ivar number: which of the function's triggers of its kind it is, from 1.
    """

    wanted: Wanted
    function: Function
    trigger: Trigger
    number: int

    @property
    def naming(self) -> Naming:
        return self.wanted.naming

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.trigger.settings

    @property
    def enabled(self) -> bool:
        return bool(self.settings.get("enabled", True))

    @property
    def where(self) -> Location | None:
        return self.trigger.where

    @property
    def name(self) -> str:
        """The function's name in AWS."""
        return self.naming.function(self.function.name)

    @property
    def qualifier(self) -> str | None:
        """The alias or version that is called; None: the function itself."""
        return grants.qualifier_of(self.settings.get("alias"))

    @property
    def target(self) -> str:
        """The ARN that is called."""
        return self.naming.function_arn(self.function.name, self.qualifier)

    @property
    def called(self) -> str:
        """The address of what has to be there before it can be called."""
        return grants.called(self.wanted, self.function.name, self.qualifier)

    def given_name(self, characters: str = "A-Za-z0-9._-", longest: int = LAMBDA_NAME) -> str:
        """The name that the manifest gives, as it stands; else one after the function.

        It does not depend on what the trigger says: one that is edited is the same still.

        :param characters: that a name may have, as in a regular expression.
        """
        if name := self.settings.get("name"):
            return str(name)
        name = self.name if self.number == 1 else f"{self.name}-{self.number}"
        instead = "-" if "-" in characters else "_"
        return shortened(re.sub(f"[^{characters}]", instead, name), longest)

    def grant(self, sid: str, principal: str, **more: Any) -> Resource:
        """The permission of ``principal`` to call what the trigger calls."""
        return grants.grant(
            self.wanted,
            self.function.name,
            sid,
            principal,
            alias=self.qualifier,
            where=self.where,
            **more,
        )

    def dead_letter(self) -> tuple[str | None, tuple[str, ...]]:
        """The ARN of the queue for what could not be delivered, and the addresses that it needs."""
        queue = self.settings.get("dead_letter")
        if queue is None:
            return None, ()
        return self.naming.arn_of(queue), owned(self.naming, "queues", queue.target)


def triggers(wanted: Wanted, kind: str) -> Iterator[Triggered]:
    """Every trigger of one kind, those that are off too."""
    for function in wanted.functions:
        number = 0
        for trigger in function.triggers:
            if trigger.kind == kind:
                number += 1
                yield Triggered(wanted, function, trigger, number)


_KINDS = {"queues": "queue", "topics": "topic", "buckets": "bucket"}


def owned(naming: Naming, section: str, name: str) -> tuple[str, ...]:
    """The address of ``name``, where it is of ``resources.<section>``."""
    if not naming.is_owned(section, name):
        return ()
    return (f"{_KINDS[section]}:{naming.owned_name(section, name)}",)


_COMMON = ("permission", "queue_grant", "schedule_group", "role", "target_group", "user_pool")
"""Kinds that several triggers may declare, if they agree."""


def once(resources: Iterable[Resource]) -> Iterator[Resource]:
    """``resources``, of which several triggers may declare one.

    :raises UserError: two triggers want the same thing to be different.
    """
    found: dict[str, Resource] = {}
    for resource in resources:
        first = found.setdefault(resource.address, resource)
        if first is resource:
            yield resource
        elif first.properties != resource.properties or resource.kind not in _COMMON:
            kind, _, name = resource.address.partition(":")
            raise UserError(
                f"two triggers want the {kind.replace('_', ' ')} {name}",
                where=resource.where or first.where,
                hint="make one trigger of them, or give them different names",
            )
