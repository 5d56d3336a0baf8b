"""Versions and aliases, as the manifest has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lambdactl.deploy.desired import Wanted, functions, layers
from lambdactl.deploy.model import Ref, Resource, digest, refs
from lambdactl.manifest.features import Alias
from lambdactl.manifest.model import Function

NOT_VERSIONED = frozenset(
    {
        "tags",
        "reserved_concurrency",
        "recursion",
        "code_signing",
        "runtime_management",
        "creation_failed",
        "update_pending",
    }
)
"""Properties of a function that its versions do not hold
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html)."""


def resources(wanted: Wanted) -> Iterable[Resource]:
    """Versions of the functions that publish any, and all aliases."""
    publishing = [one.name for one in wanted.functions if publishes(one)]
    if publishing:
        known = {one.address: one for one in layers.resources(wanted)}
        for name in publishing:
            yield _version(functions.resource(wanted, name), known)
    for function in wanted.functions:
        for name, alias in function.aliases.items():
            yield _alias(wanted, function, name, alias)


def publishes(function: Function) -> bool:
    """Whether a deployment that changes the function publishes a version of it."""
    versions = function.versions
    return (
        versions.publish
        or versions.to_latest_published
        or any(alias.version == "latest" for alias in function.aliases.values())
    )


def _version(function: Resource, known: Mapping[str, Resource]) -> Resource:
    return Resource(
        kind="version",
        name=function.name,
        properties={"of": versioned(function, known)},
        needs=(function.address,),
        function=function.function,
        where=function.where,
    )


def versioned(function: Resource, known: Mapping[str, Resource]) -> str:
    """The digest of all that a version of ``function`` holds.

    :param known: by address, all that it may refer to: a layer's content is a part of it, and the
        number of the layer's version is not known yet.
    """
    properties: dict[str, Any] = {
        key: value for key, value in function.properties.items() if key not in NOT_VERSIONED
    }
    properties["referred"] = dict(_referred(properties, known))
    return digest(properties)


def _referred(
    properties: Mapping[str, Any], known: Mapping[str, Resource]
) -> Iterator[tuple[str, str]]:
    for ref in refs(properties):
        if ref.address in known:
            yield ref.address, known[ref.address].digest


def _alias(wanted: Wanted, function: Function, name: str, alias: Alias) -> Resource:
    aws_name = wanted.naming.function(function.name)
    # What is published to $LATEST.PUBLISHED has no number that an alias could follow.
    latest: Any = Ref(f"version:{aws_name}", "version")
    return Resource(
        kind="alias",
        name=f"{aws_name}/{name}",
        properties={
            "version": latest if alias.version == "latest" else alias.version,
            "weights": dict(alias.weights),
            "description": alias.description or "",
        },
        needs=(f"function:{aws_name}",),
        function=function.name,
        where=function.where,
    )
