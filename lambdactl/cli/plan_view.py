"""A plan for people: what is created, changed, replaced and deleted, and in which fields."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import IO, Any

import click

from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.plan import Action, Change, Plan, Step
from lambdactl.deploy.showing import SECRET, shown

MARKS: dict[Action, tuple[str, str]] = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "replace": ("-/+", "magenta"),
    "delete": ("-", "red"),
}
"""The sign of each action, and its colour."""
_VERBS: dict[Action, str] = {
    "create": "to create",
    "update": "to update",
    "replace": "to replace",
    "delete": "to delete",
}
_WIDE = 100
"""Columns where there is no terminal."""
_MANY = 6
"""Fields of one property of something new that are all shown."""
_MANY_NEW = 60
"""New resources from which on their fields are not shown: nobody would read them."""
_LONGEST = 80
"""Characters of one value among many; of one that changes, all are shown."""


def show(plan: Plan, *, stream: IO[str] | None = None) -> None:
    """Print a plan.

    :param stream: stdout if left out.
    """
    stream = sys.stdout if stream is None else stream
    colour = None if not os.environ.get("NO_COLOR") else False
    for line in lines(plan, width=_width(stream)):
        click.echo(line, file=stream, color=colour)


def lines(plan: Plan, *, width: int = _WIDE) -> Iterator[str]:
    """A plan as lines with colours."""
    yield click.style(
        f"{plan.service}, stage {plan.stage}, in account {plan.account}, {plan.region}", bold=True
    )
    for warning in plan.warnings:
        yield click.style("warning: ", fg="yellow", bold=True) + warning
    if plan.steps:
        yield ""
    brief = plan.counts.get("create", 0) > _MANY_NEW
    for step in plan.steps:
        yield from _step(step, width, brief)
    if plan.steps:
        yield ""
    if brief:
        yield "What is new is shown without its fields; `--output json` has them."
    yield summary(plan)


def summary(plan: Plan) -> str:
    """How many steps there are of each action."""
    same = f"{len(plan.unchanged)} unchanged"
    if not plan.steps:
        return f"Nothing to do: {same}." if plan.unchanged else "Nothing to do: nothing is there."
    counts = [f"{count} {_VERBS[action]}" for action, count in plan.counts.items()]
    if plan.unchanged:
        counts.append(same)
    drifted = sum(any(change.drift for change in step.changes) for step in plan.steps)
    drift = f" {drifted} changed by hand since the last deployment." if drifted else ""
    return f"Plan: {', '.join(counts)}.{drift}"


def title(step: Step) -> str:
    """What a step is about: ``execution role hello-eu-west-1``."""
    return f"{kind_title(step.kind)} {step.name}"


def kind_title(kind: str) -> str:
    """A kind's word for people."""
    found = kinds().get(kind)
    return found.title if found is not None else kind


def _step(step: Step, width: int, brief: bool) -> Iterator[str]:
    mark, colour = MARKS[step.action]
    because = _because(step)
    yield f"{click.style(mark.rjust(3), fg=colour, bold=True)} {title(step)}{because}"
    changes = shown(step)
    if step.action == "create":
        if not brief:
            yield from _wrapped(_created(step, changes), width)
        return
    for change in changes:
        yield from _changed(change)


def _because(step: Step) -> str:
    """Which fields make it necessary to replace something."""
    if step.action != "replace":
        return ""
    fixed = kinds()[step.kind].replaced_by if step.kind in kinds() else frozenset()
    roots = {change.path.partition(".")[0] for change in step.changes}
    reasons = ", ".join(sorted(roots & fixed))
    return click.style(f"  ({reasons} can't be changed)", dim=True) if reasons else ""


def _created(step: Step, changes: tuple[Change, ...]) -> Iterator[str]:
    """All that something new will be. Of a large structure (the routes of an API) only the names
    of its parts."""
    roots: dict[str, list[Change]] = {}
    for change in changes:
        roots.setdefault(change.path.partition(".")[0], []).append(change)
    for root, found in roots.items():
        value = step.resource.properties.get(root) if step.resource is not None else None
        if len(found) > _MANY and isinstance(value, Mapping) and _is_deep(value):
            yield f"{root}: {', '.join(map(str, value))}"
            continue
        for change in found:
            yield f"{change.path}: {_short(_value(change.after, change))}"


def _is_deep(value: Mapping[str, Any]) -> bool:
    return any(isinstance(child, Mapping) for child in value.values())


def _wrapped(pairs: Iterator[str], width: int) -> Iterator[str]:
    """Several fields a line."""
    indent = " " * 6
    line = ""
    for pair in pairs:
        if line and len(indent) + len(line) + 2 + len(pair) > width:
            yield click.style(indent + line, dim=True)
            line = ""
        line = f"{line}, {pair}" if line else pair
    if line:
        yield click.style(indent + line, dim=True)


def _changed(change: Change) -> Iterator[str]:
    note = click.style("  changed by hand", fg="magenta") if change.drift else ""
    if isinstance(change.before, list) and isinstance(change.after, list):
        yield from _listed(change, note)
        return
    if change.secret and change.before is not None and change.after is not None:
        yield f"      {change.path}: {SECRET} -> another{note}"
        return
    if change.before is None:
        after = click.style(_value(change.after, change), fg="green")
        yield f"      {click.style('+', fg='green')} {change.path}: {after}{note}"
    elif change.after is None:
        before = click.style(_value(change.before), fg="red")
        yield f"      {click.style('-', fg='red')} {change.path}: {before}{note}"
    else:
        before = click.style(_value(change.before), fg="red")
        after = click.style(_value(change.after, change), fg="green")
        yield f"      {change.path}: {before} -> {after}{note}"


def _listed(change: Change, note: str) -> Iterator[str]:
    """Of a list only what comes and goes."""
    before, after = change.before, change.after
    gone = [one for one in before if one not in after]
    new = [one for one in after if one not in before]
    yield f"      {change.path}:{'' if gone or new else ' in another order'}{note}"
    for item in gone:
        yield "        " + click.style(f"- {_value(item)}", fg="red")
    for item in new:
        yield "        " + click.style(f"+ {_value(item, change)}", fg="green")


def _value(value: Any, change: Change | None = None) -> str:
    if value == SECRET:
        return SECRET
    if change is not None and change.unknown and isinstance(value, str):
        return f"<{value}>"
    if isinstance(value, str) and value and value.isprintable() and value.strip() == value:
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _short(text: str) -> str:
    return f"{text[: _LONGEST - 1]}…" if len(text) > _LONGEST else text


def _width(stream: IO[str]) -> int:
    return shutil.get_terminal_size((_WIDE, 24)).columns if stream.isatty() else _WIDE
