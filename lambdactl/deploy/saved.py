"""A plan in a file: what somebody has read and agreed to, and whether it still holds.

The file holds no secrets and nothing that could be done without the manifest: it is applied by
planning anew, and only if that gives the same steps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambdactl.deploy import showing
from lambdactl.deploy.model import digest
from lambdactl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambdactl.deploy.plan import Plan, Step
    from lambdactl.manifest.model import App

_FORMAT = 1
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Saved:
    """A plan as it was written.

    :ivar names: the functions that it is for; empty: everything.
    :ivar steps: what tells whether a step is still the same, by its id.
    """

    path: Path
    service: str
    stage: str
    account: str
    region: str
    names: tuple[str, ...]
    steps: Mapping[str, Mapping[str, Any]]


def write(path: Path, plan: Plan, names: tuple[str, ...] = ()) -> None:
    """Write a plan to a file that only its owner can read.

    :raises UserError: it can't be written.
    """
    from lambdactl.artifacts.cache import write_atomically

    document = showing.document(plan)
    document = {"lambdactl_plan": _FORMAT, "names": list(names), **document}
    document["steps"] = [
        {**showing.step_document(step), "digests": _digests(step)} for step in plan.steps
    ]
    try:
        write_atomically(path, json.dumps(document, indent=2).encode() + b"\n")
        path.chmod(0o600)
    except OSError as error:
        raise UserError(f"can't write {path}: {(error.strerror or str(error)).lower()}") from error


def read(path: Path) -> Saved:
    """:raises UserError: there is no such file, or it holds no plan."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"can't read {path}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        raise _no_plan(path) from error
    try:
        if found["lambdactl_plan"] != _FORMAT:
            raise UserError(
                f"{path} holds a plan of another version of lambdactl",
                hint="make it anew with `--plan-out`",
            )
        return Saved(
            path=path,
            service=str(found["service"]),
            stage=str(found["stage"]),
            account=str(found["account"]),
            region=str(found["region"]),
            names=tuple(map(str, found["names"])),
            steps={str(step["id"]): dict(step["digests"]) for step in found["steps"]},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _no_plan(path) from error


def check(saved: Saved, app: App, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that the plan is for, before anything is built for it.

    :raises UserError: it is of another service, or for other names.
    """
    from lambdactl.deploy.naming import NO_STAGE

    stage = app.stage or NO_STAGE
    if (saved.service, saved.stage) != (app.service, stage):
        raise UserError(
            f"the plan in {saved.path} is of {saved.service}, stage {saved.stage}; this is "
            f"{app.service}, stage {stage}",
            hint=f"give `--stage {saved.stage}`" if saved.service == app.service else None,
        )
    if names and set(names) != set(saved.names):
        raise UserError(
            f"the plan in {saved.path} is for {', '.join(saved.names) or 'everything'}",
            hint="leave the names out",
        )
    return saved.names


def compare(saved: Saved, plan: Plan) -> None:
    """Look whether ``plan`` is what was saved.

    :raises UserError: it isn't; the message names what differs.
    """
    if (saved.account, saved.region) != (plan.account, plan.region):
        raise UserError(
            f"the plan in {saved.path} is for account {saved.account}, {saved.region}; this is "
            f"account {plan.account}, {plan.region}",
            hint="choose another `--profile` or `--region`",
        )
    found = list(_differences(saved, plan))
    if found:
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise UserError(
            f"the plan in {saved.path} is not the plan any more: {'; '.join(found[:_SHOWN])}{more}",
            hint="look at what there is to do now, and save it again with `--plan-out`",
        )


def _differences(saved: Saved, plan: Plan) -> Iterator[str]:
    steps = {step.id: step for step in plan.steps}
    for id_ in saved.steps:
        if id_ not in steps:
            yield f"`{id_}` is not to do any more"
    for id_, step in steps.items():
        before = saved.steps.get(id_)
        if before is None:
            yield f"`{id_}` is new"
            continue
        now = _digests(step)
        if now["desired"] != before.get("desired"):
            yield f"`{id_}` would make something else of it"
        elif now != before:
            yield f"`{id_}`: somebody has changed it in AWS"


def _digests(step: Step) -> dict[str, str | None]:
    """Of what there should be, and of that part of what there is that the step is about."""
    resource, live = step.resource, step.live
    there: str | None = None
    if live is not None:
        there = live.hash
        if resource is not None:
            there = digest({name: live.properties.get(name) for name in resource.properties})
    return {"desired": resource.digest if resource is not None else None, "live": there}


def _no_plan(path: Path) -> UserError:
    return UserError(
        f"{path} holds no plan of lambdactl's", hint="`lambdactl deploy --plan-out FILE` makes one"
    )
