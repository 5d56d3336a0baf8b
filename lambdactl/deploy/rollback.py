"""Back to an earlier version: one change of one alias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdactl.deploy.faults import code
from lambdactl.deploy.release import before_tag
from lambdactl.errors import AwsError, UserError, did_you_mean

if TYPE_CHECKING:
    from lambdactl.deploy.model import Context
    from lambdactl.manifest.model import Function


@dataclass(frozen=True, slots=True)
class RolledBack:
    """:ivar name: of the function in AWS.
    :ivar before: the version that ``alias`` led to.
    :ivar version: the one that it leads to now.
    """

    function: str
    name: str
    alias: str
    before: str
    version: str


def rollback(
    context: Context, function: str, to: str | None = None, *, alias: str | None = None
) -> RolledBack:
    """Point an alias of ``function`` to version ``to``, with all its calls.

    :param function: its name in the manifest.
    :param to: None: the version that was live before the last release; where that isn't known, the
        newest one below the version that is live. Of a release that is under way: the version that
        it began with.
    :param alias: None: that of the function's release, or the only one it has.
    :raises UserError: there is no such alias or version, or nothing to go back to.
    :raises AwsError: a release changes the alias at the same time.
    """
    from botocore.exceptions import ClientError

    wanted = context.naming.app.function(function)
    alias = alias_of(wanted) if alias is None else alias
    name = context.naming.function(function)
    lambda_ = context.account.client("lambda")
    try:
        found = lambda_.get_alias(FunctionName=name, Name=alias)
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        raise _nothing_there(context, function, alias) from error
    before = str(found["FunctionVersion"])
    target = _target(context, function, found, to)
    change: dict[str, Any] = {}
    if found.get("RevisionId"):
        change["RevisionId"] = found["RevisionId"]
    try:
        lambda_.update_alias(
            FunctionName=name,
            Name=alias,
            FunctionVersion=target,
            RoutingConfig={"AdditionalVersionWeights": {}},
            **change,
        )
    except ClientError as error:
        if code(error) != "PreconditionFailedException":
            raise
        raise AwsError(
            f"{name}:{alias} was changed in the same moment",
            hint="is a release under way? try again",
        ) from error
    context.account.forget()
    return RolledBack(function, name, alias, before, target)


def alias_of(function: Function) -> str:
    """The alias that is rolled back where none is named.

    :raises UserError: there is none, or several.
    """
    if function.release is not None:
        return function.release.alias
    if len(function.aliases) == 1:
        return next(iter(function.aliases))
    if not function.aliases:
        raise UserError(
            f"{function.name} has no alias, so there is nothing to roll back",
            where=function.where,
            hint="`release: {alias: live}` gives it one",
        )
    raise UserError(
        f"{function.name} has several aliases",
        hint=f"--alias {' or '.join(function.aliases)}",
    )


def _target(context: Context, function: str, found: dict[str, Any], to: str | None) -> str:
    """:raises UserError: there is no such version, or none to go back to."""
    name, alias, current = (
        context.naming.function(function),
        found["Name"],
        found["FunctionVersion"],
    )
    weights = (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    if to is None and weights and current.isdigit():
        return str(current)
    versions = _versions(context, name)
    if to is None:
        tags = context.account.client("lambda").list_tags(
            Resource=context.naming.arn("lambda", f"function:{name}")
        )["Tags"]
        known = tags.get(before_tag(alias))
        if known in versions and known != current:
            return str(known)
        lower = [one for one in versions if not current.isdigit() or int(one) < int(current)]
        others = [one for one in versions if one != current]
        if not lower:
            raise UserError(
                f"{name}:{alias} leads to version {current}, and there is none before it",
                hint=f"--to chooses one of: {', '.join(others)}" if others else None,
            )
        return max(lower, key=int)
    if to not in versions:
        raise UserError(
            f"{name} has no version {to}",
            hint=did_you_mean(to, versions) or f"it has: {', '.join(versions) or 'none'}",
        )
    if to == current and not weights:
        raise UserError(f"{name}:{alias} leads to version {to} already")
    return to


def _versions(context: Context, name: str) -> list[str]:
    """Those that are published, the oldest first."""
    pages = context.account.client("lambda").get_paginator("list_versions_by_function")
    found = [
        one["Version"] for page in pages.paginate(FunctionName=name) for one in page["Versions"]
    ]
    return sorted((one for one in found if one.isdigit()), key=int)


def _nothing_there(context: Context, function: str, alias: str) -> UserError:
    aliases = context.naming.app.functions[function].aliases
    name = context.naming.function(function)
    return UserError(
        f"there is no {name}:{alias} in {context.account.region} of account {context.account.id}",
        hint=did_you_mean(alias, aliases) or "`lambdactl deploy` makes it",
    )
