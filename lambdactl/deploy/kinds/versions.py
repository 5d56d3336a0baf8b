"""Versions of functions: published when what a version holds has changed, and pruned.

A version can't be changed and takes no tags, so its description tells what it was made of, and that
it is lambdactl's (https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html). A
function's versions are one resource, which is as the newest is that became ready: a tag of the
function names it. They are its history: they stay when no more are published, and go with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lambdactl.deploy.faults import allowed
from lambdactl.deploy.marks import mark, marked
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.deploy.waiting import until
from lambdactl.errors import AwsError
from lambdactl.manifest.model import Function
from lambdactl.manifest.settings import Versions

LATEST_PUBLISHED = "$LATEST.PUBLISHED"
"""The version of Lambda Managed Instances that is published again and again
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-version-publishing.html)."""

_ACTIVE_S = 900.0
"""How long a version may take to be active: SnapStart's snapshot takes minutes."""
_DESCRIPTION = 256
_MADE_OF = re.compile(r"\(?lambdactl ([0-9a-f]{16})\)?$")


@dataclass(frozen=True, slots=True)
class _Published:
    number: str
    of: str


class Version:
    """``version:FUNCTION``. The property ``of`` is the digest of what the newest version holds."""

    name: ClassVar[str] = "version"
    title: ClassVar[str] = "version of"
    parent: ClassVar[str | None] = "function"
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset({"version", "arn"})

    def read(self, context: Context, name: str) -> Live | None:
        function = _function(context, name)
        to_latest = function is not None and function.versions.to_latest_published
        newest = _republished(context, name) if to_latest else _newest(context, name)
        if newest is None:
            return None
        return Live(
            kind=self.name,
            name=name,
            properties={"of": newest.of},
            outputs=_outputs(context, name, newest.number),
            owner=context.naming.owner,
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return ()

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        return self._publish(context, resource)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return self._publish(context, resource)

    def delete(self, context: Context, live: Live) -> None:
        """Nothing: they go with their function."""

    def _publish(self, context: Context, resource: Resource) -> Mapping[str, str]:
        name, of = resource.name, str(resource.properties["of"])
        function = _function(context, name)
        settings = function.versions if function is not None else Versions()
        to_latest = settings.to_latest_published
        context.account.forget(f"versions:{name}/")
        number = None if to_latest else _unfinished(context, name, of)
        if number is None:
            wanted = {"FunctionName": name, "Description": description(of, settings.description)}
            if to_latest:
                wanted["PublishTo"] = "LATEST_PUBLISHED"
            # Lambda publishes nothing that is as the newest version is, and answers with that:
            # it may be one that somebody else has published.
            number = str(context.account.client("lambda").publish_version(**wanted)["Version"])
            context.account.forget(f"versions:{name}/")
        _wait(context, name, number)
        if not to_latest:
            mark(context, self.name, name, None, f"{of}/{number}")
        if settings.keep is not None:
            _prune(context, name, settings.keep)
        context.account.forget(f"versions:{name}/")
        return _outputs(context, name, number)


KINDS = (Version(),)


def description(of: str, words: str | None) -> str:
    """The description of a version: ``words``, and what it is made of.

    >>> description("0123456789abcdef", "June")
    'June (lambdactl 0123456789abcdef)'
    """
    if not words:
        return f"lambdactl {of}"
    end = f" (lambdactl {of})"
    return words[: _DESCRIPTION - len(end)] + end


def made_of(version: Mapping[str, Any]) -> str | None:
    """What a version of lambdactl's was made of; None: it is somebody else's.

    :param version: as PublishVersion and ListVersionsByFunction have it.
    """
    found = _MADE_OF.search(str(version.get("Description") or ""))
    return found.group(1) if found else None


def listed(context: Context, function: str) -> tuple[Mapping[str, Any], ...]:
    """The numbered versions of a function, as AWS has them, the oldest first; asked for once.

    :param function: its name in AWS.
    """

    def ask() -> tuple[Mapping[str, Any], ...]:
        pages = context.account.client("lambda").get_paginator("list_versions_by_function")
        with allowed("ResourceNotFoundException"):
            found = [
                one
                for page in pages.paginate(FunctionName=function)
                for one in page.get("Versions", ())
                if str(one["Version"]).isdigit()
            ]
            return tuple(sorted(found, key=lambda one: int(one["Version"])))
        return ()

    return context.account.once(f"versions:{function}/", ask)


def delete_all(context: Context, function: str) -> None:
    """Delete every version of a function but ``$LATEST``."""
    for version in listed(context, function):
        with allowed("ResourceNotFoundException"):
            context.account.client("lambda").delete_function(
                FunctionName=function, Qualifier=str(version["Version"])
            )
    context.account.forget(f"versions:{function}/")


def _newest(context: Context, function: str) -> _Published | None:
    """The version that was published last, once it was ready."""
    of, _, number = marked(context, "version", function).get(None, "").partition("/")
    if any(str(one["Version"]) == number for one in listed(context, function)):
        return _Published(number, of)
    return None


def _unfinished(context: Context, function: str, of: str) -> str | None:
    """The newest version, where a deployment that broke off has published it of the same."""
    newest = next(reversed(listed(context, function)), None)
    return str(newest["Version"]) if newest is not None and made_of(newest) == of else None


def _republished(context: Context, function: str) -> _Published | None:
    with allowed("ResourceNotFoundException"):
        answer = context.account.client("lambda").get_function_configuration(
            FunctionName=function, Qualifier=LATEST_PUBLISHED
        )
        return _Published(LATEST_PUBLISHED, made_of(answer) or "")
    return None


def _wait(context: Context, function: str, number: str) -> None:
    """Until the version can be invoked
    (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html).

    :raises AwsError: it has failed. It is gone then: it would be taken for the newest.
    """
    lambda_ = context.account.client("lambda")

    def active() -> bool:
        found = lambda_.get_function_configuration(FunctionName=function, Qualifier=number)
        if found.get("State") == "Failed":
            if number.isdigit() and made_of(found) is not None:
                lambda_.delete_function(FunctionName=function, Qualifier=number)
            raise AwsError(
                f"version {number} of {function} has failed: "
                f"{found.get('StateReason') or found.get('StateReasonCode')}",
                hint="mend it and deploy again",
            )
        return found.get("State", "Active") in ("Active", "Inactive", "ActiveNonInvocable")

    until(context, active, f"version {number} to be active", _ACTIVE_S)


def _prune(context: Context, function: str, keep: int) -> None:
    """Delete lambdactl's oldest versions, but those that something leads to."""
    ours = [str(one["Version"]) for one in listed(context, function) if made_of(one) is not None]
    old = ours[:-keep] if keep else ours
    if not old:
        return
    used = set(_named(context, function))
    lambda_ = context.account.client("lambda")
    pages = lambda_.get_paginator("list_aliases").paginate(FunctionName=function)
    for alias in (one for page in pages for one in page.get("Aliases", ())):
        used.add(str(alias["FunctionVersion"]))
        used.update((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or ())
    for number in old:
        if number not in used:
            context.tell(f"deleting version {number}, as `keep` says")
            with allowed("ResourceNotFoundException"):
                lambda_.delete_function(FunctionName=function, Qualifier=number)
    context.account.forget(f"versions:{function}/")


def _named(context: Context, function: str) -> Iterator[str]:
    """Numbers of versions that the manifest itself names."""
    found = _function(context, function)
    if found is None:
        return
    yield from found.concurrency.provisioned
    for trigger in found.triggers:
        yield str(trigger.settings.get("alias"))
    for alias in found.aliases.values():
        yield alias.version
        yield from alias.weights


def _function(context: Context, name: str) -> Function | None:
    """The function of the manifest that has this name in AWS."""
    naming = context.naming
    functions = naming.app.functions
    return next((one for key, one in functions.items() if naming.function(key) == name), None)


def _outputs(context: Context, function: str, number: str) -> dict[str, str]:
    return {
        "version": number,
        "arn": context.naming.arn("lambda", f"function:{function}:{number}"),
    }
