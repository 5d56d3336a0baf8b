"""Aliases of functions, which lead to versions.

One that a ``release`` names comes to a new version as that says; any other at once
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html). Aliases take no tags:
:mod:`lambdactl.deploy.marks` tells which are lambdactl's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.marks import mark, marked, marked_only, unmark
from lambdactl.deploy.model import Context, Live, Resource

if TYPE_CHECKING:
    from lambdactl.manifest.owned import Release


class Alias:
    """``alias:FUNCTION/NAME``."""

    name: ClassVar[str] = "alias"
    title: ClassVar[str] = "alias"
    parent: ClassVar[str | None] = "function"
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        function, _, alias = name.partition("/")
        found = _aliases(context, function).get(alias)
        if found is None:
            return marked_only(context, self.name, name)
        marks = marked(context, self.name, function)
        return Live(
            kind=self.name,
            name=name,
            properties={
                "version": str(found["FunctionVersion"]),
                "weights": _weights(found),
                "description": found.get("Description") or "",
            },
            outputs=_outputs(context, function, alias),
            owner=context.naming.owner if alias in marks else None,
            hash=marks.get(alias),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        for function in functions:
            for alias in marked(context, self.name, function):
                yield f"{function}/{alias}"

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        function, _, alias = resource.name.partition("/")
        mark(context, self.name, function, alias, resource.digest)
        release = _release(context, function, alias)
        properties = resource.properties
        context.account.forget(f"aliases:{function}/")
        if release is not None and str(properties["version"]).isdigit():
            self._shift(context, resource, release)
        else:
            try:
                context.account.client("lambda").create_alias(**_wanted(resource))
            except Exception as error:
                if code(error) != "ResourceConflictException" or not _aliases(
                    context, function
                ).get(alias):
                    raise
                # It is there: a deployment broke off after this call.
                context.account.client("lambda").update_alias(**_wanted(resource))
        context.account.forget(f"aliases:{function}/")
        return _outputs(context, function, alias)

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        if not live.properties:
            return self.create(context, resource)
        function, _, alias = resource.name.partition("/")
        release = _release(context, function, alias)
        context.account.forget(f"aliases:{function}/")
        if release is not None and str(resource.properties["version"]).isdigit():
            self._shift(context, resource, release)
            # Only now: one that has gone back is not what was to be deployed.
            mark(context, self.name, function, alias, resource.digest)
        else:
            mark(context, self.name, function, alias, resource.digest)
            context.account.client("lambda").update_alias(**_wanted(resource))
        context.account.forget(f"aliases:{function}/")
        return _outputs(context, function, alias)

    def delete(self, context: Context, live: Live) -> None:
        function, _, alias = live.name.partition("/")
        with allowed("ResourceNotFoundException"):
            context.account.client("lambda").delete_alias(FunctionName=function, Name=alias)
        unmark(context, self.name, function, alias)
        context.account.forget(f"aliases:{function}/", f"policy:{function}:{alias}/")

    def _shift(self, context: Context, resource: Resource, release: Release) -> None:
        from lambdactl.deploy.release import shift

        function, _, alias = resource.name.partition("/")
        properties = resource.properties
        shift(
            context,
            function,
            alias,
            str(properties["version"]),
            release,
            description=str(properties["description"]),
        )
        if properties["weights"]:
            context.account.client("lambda").update_alias(**_wanted(resource))


KINDS = (Alias(),)


def _aliases(context: Context, function: str) -> Mapping[str, Mapping[str, Any]]:
    """All of a function's aliases, by name."""

    def ask() -> dict[str, Mapping[str, Any]]:
        pages = context.account.client("lambda").get_paginator("list_aliases")
        with allowed("ResourceNotFoundException"):
            return {
                str(one["Name"]): one
                for page in pages.paginate(FunctionName=function)
                for one in page.get("Aliases", ())
            }
        return {}

    return context.account.once(f"aliases:{function}/", ask)


def _weights(alias: Mapping[str, Any]) -> dict[str, float]:
    found = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return {str(version): float(weight) for version, weight in found.items()}


def _wanted(resource: Resource) -> dict[str, Any]:
    function, _, alias = resource.name.partition("/")
    properties = resource.properties
    return {
        "FunctionName": function,
        "Name": alias,
        "FunctionVersion": str(properties["version"]),
        "Description": properties["description"],
        "RoutingConfig": {"AdditionalVersionWeights": dict(properties["weights"])},
    }


def _release(context: Context, function: str, alias: str) -> Release | None:
    """How the alias comes to a new version, if the manifest says."""
    naming = context.naming
    for key, one in naming.app.functions.items():
        if naming.function(key) == function and one.release and one.release.alias == alias:
            return one.release
    return None


def _outputs(context: Context, function: str, alias: str) -> dict[str, str]:
    return {"arn": context.naming.arn("lambda", f"function:{function}:{alias}"), "name": alias}
