"""What of a plan may be shown, printed and written to files: everything but secrets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from lambdactl.deploy.masking import secret_paths
from lambdactl.deploy.plan import Change, Plan, Step

SECRET = "(secret)"  # noqa: S105
"""Stands for a value that is never shown."""


def shown(step: Step) -> tuple[Change, ...]:
    """The changes of a step with ``SECRET`` in place of all secrets, those included that are not
    wanted any more."""
    secrets = _secrets(step)
    return tuple(_masked(change, secrets) for change in step.changes)


def document(plan: Plan) -> dict[str, Any]:
    """A plan as JSON."""
    return {
        "service": plan.service,
        "stage": plan.stage,
        "account": plan.account,
        "region": plan.region,
        "counts": dict(plan.counts),
        "steps": [step_document(step) for step in plan.steps],
        "unchanged": list(plan.unchanged),
        "warnings": list(plan.warnings),
    }


def step_document(step: Step) -> dict[str, Any]:
    """A step as JSON."""
    return {
        "id": step.id,
        "action": step.action,
        "address": step.address,
        "kind": step.kind,
        "name": step.name,
        "function": step.function,
        "after": list(step.after),
        "changes": [dataclasses.asdict(change) for change in shown(step)],
    }


def _secrets(step: Step) -> frozenset[str]:
    found = step.resource.secrets if step.resource is not None else frozenset()
    environment = step.live.properties.get("environment") if step.live is not None else None
    if isinstance(environment, Mapping):
        # What was secret still is, though the manifest knows nothing of it any more.
        found |= secret_paths({str(key): str(value) for key, value in environment.items()})
    return found


def _masked(change: Change, secrets: frozenset[str]) -> Change:
    if change.secret or _within(change.path, secrets):
        before = None if change.before is None else SECRET
        after = None if change.after is None else SECRET
        return dataclasses.replace(change, before=before, after=after, secret=True)
    before = _hidden(change.path, change.before, secrets)
    after = _hidden(change.path, change.after, secrets)
    return dataclasses.replace(change, before=before, after=after)


def _within(path: str, secrets: frozenset[str]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for one in secrets)


def _hidden(path: str, value: Any, secrets: frozenset[str]) -> Any:
    """``value`` without the secrets below it."""
    if _within(path, secrets):
        return SECRET
    if isinstance(value, Mapping):
        return {key: _hidden(f"{path}.{key}", child, secrets) for key, child in value.items()}
    return value
