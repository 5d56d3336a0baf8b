"""``codecommit`` triggers of repositories.

All triggers of a repository are one document, and so lambdactl's are one resource,
``codecommit_trigger:REPOSITORY``
(https://docs.aws.amazon.com/codecommit/latest/userguide/how-to-notify-lambda.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambdactl.deploy import calling
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.triggered import once, triggers
from lambdactl.deploy.model import Resource
from lambdactl.deploy.shared import shares

_LONGEST = 100
_EVENTS = {
    "all": "all",
    "update_reference": "updateReference",
    "create_reference": "createReference",
    "delete_reference": "deleteReference",
}


def resources(wanted: Wanted) -> Iterator[Resource]:
    """Triggers that are off are not there: CodeCommit has no such state."""
    yield from once(_resources(wanted))


def _resources(wanted: Wanted) -> Iterator[Resource]:
    repositories: dict[str, dict[str, dict[str, Any]]] = {}
    needs: dict[str, list[str]] = {}
    functions: dict[str, list[str]] = {}
    for one in triggers(wanted, "codecommit"):
        if not one.enabled:
            continue
        repository, name = one.settings["repository"], one.given_name(longest=_LONGEST)
        grant = one.grant(
            calling.repository(repository, name),
            "codecommit.amazonaws.com",
            source_arn=one.naming.arn("codecommit", repository),
            source_account=one.naming.account,
        )
        yield grant
        needs.setdefault(repository, []).append(grant.address)
        functions.setdefault(repository, []).append(one.function.name)
        repositories.setdefault(repository, {}).setdefault(one.name, {})[name] = {
            "target": one.target,
            "events": sorted(_EVENTS[event] for event in one.settings["events"]),
            "branches": sorted(one.settings.get("branches") or ()),
            "data": one.settings.get("data") or "",
        }
    for repository, parts in repositories.items():
        resource = Resource(
            kind="codecommit_trigger",
            name=repository,
            properties=parts,
            needs=tuple(needs[repository]),
        )
        yield shares(wanted, resource, functions[repository])
