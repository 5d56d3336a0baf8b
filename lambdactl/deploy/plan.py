"""A plan: the steps from what there is to what there should be, to be read, saved and applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from lambdactl.deploy.model import Live, Resource

Action = Literal["create", "update", "replace", "delete"]


@dataclass(frozen=True, slots=True)
class Change:
    """One property that is not as it should be.

    :ivar path: as ``memory_mb`` or ``environment.LEVEL``.
    :ivar before: what it is; None: it isn't there.
    :ivar after: what it shall be; None: it goes.
    :ivar secret: neither value may be shown.
    :ivar drift: the manifest has not changed since the last deployment: somebody else changed it.
    :ivar unknown: what it shall be is known only when another step is done; ``after`` says which.
    """

    path: str
    before: Any = None
    after: Any = None
    secret: bool = False
    drift: bool = False
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do to one resource.

    :ivar changes: what makes it necessary; of something new all that it will be.
    :ivar after: ids of steps that have to be done before this one.
    :ivar resource: what there should be; None for a deletion.
    :ivar live: what there is; None for a creation.
    """

    action: Action
    changes: tuple[Change, ...] = ()
    after: tuple[str, ...] = ()
    resource: Resource | None = None
    live: Live | None = None

    @property
    def address(self) -> str:
        found = self.resource or self.live
        assert found is not None
        return found.address

    @property
    def kind(self) -> str:
        return self.address.partition(":")[0]

    @property
    def name(self) -> str:
        return self.address.partition(":")[2]

    @property
    def function(self) -> str | None:
        """The function of the manifest that it serves."""
        return self.resource.function if self.resource else None

    @property
    def id(self) -> str:
        return f"{self.action} {self.address}"


@dataclass(frozen=True, slots=True)
class Plan:
    """:ivar steps: in an order in which they could be taken one after the other.
    :ivar unchanged: addresses of what is as it should be.
    :ivar outputs: of everything that there is and should be, by address.
    :ivar warnings: what is doubtful, a line each.
    """

    service: str
    stage: str
    account: str
    region: str
    steps: tuple[Step, ...]
    unchanged: tuple[str, ...] = ()
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[Action, int]:
        """How many steps of each action, those that there are."""
        found: dict[Action, int] = {}
        for step in self.steps:
            found[step.action] = found.get(step.action, 0) + 1
        return found


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a step: ``seconds`` it took; ``error`` that ended it; ``because``: the id of
    the step whose failure kept it from being taken."""

    step: Step
    seconds: float = 0.0
    error: BaseException | None = None
    because: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Literal["done", "failed", "skipped"]:
        if self.because is not None:
            return "skipped"
        return "failed" if self.error is not None else "done"


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a plan. ``outputs`` are of all that there is now, by address."""

    plan: Plan
    done: tuple[Done, ...]
    outputs: Mapping[str, Mapping[str, str]]
    seconds: float

    @property
    def complete(self) -> bool:
        return all(one.state == "done" for one in self.done)


class Progress(Protocol):
    """Hears of the steps of a plan as they are taken. Called in any thread, one call at a time."""

    def started(self, step: Step) -> None: ...

    def told(self, step: Step, words: str) -> None:
        """What a step waits for, or does."""
        ...

    def finished(self, done: Done) -> None: ...
