"""How many environments of Lambda Managed Instances there should be."""

from __future__ import annotations

from collections.abc import Iterable

from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.versions import publishes
from lambdactl.deploy.model import Ref, Resource
from lambdactl.manifest.model import Function

DEFAULT_MINIMUM = 3
"""https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_lambda.LatestPublishedScalingConfig.html"""


def resources(wanted: Wanted) -> Iterable[Resource]:
    """A ``scaling`` for each function whose manifest says how many, and that publishes versions:
    only they run on managed instances."""
    for function in wanted.app.functions.values():
        if _says(function) and publishes(function):
            yield _resource(wanted, function)


def _says(function: Function) -> bool:
    given = function.capacity_provider
    return given is not None and (
        given.min_environments is not None or given.max_environments is not None
    )


def _resource(wanted: Wanted, function: Function) -> Resource:
    given = function.capacity_provider
    assert given is not None
    name = wanted.naming.function(function.name)
    minimum = given.min_environments
    return Resource(
        kind="scaling",
        name=name,
        properties={
            "version": Ref(f"version:{name}", "version"),
            "min_environments": DEFAULT_MINIMUM if minimum is None else minimum,
            "max_environments": given.max_environments,
        },
        needs=(f"function:{name}",),
        function=function.name,
        where=function.where,
    )
