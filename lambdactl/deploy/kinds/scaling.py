"""How many environments of Lambda Managed Instances a version has.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionScalingConfig.html. It is set of the
version that a deployment has published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy.desired.scaling import DEFAULT_MINIMUM
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds import versions
from lambdactl.deploy.marks import mark, marked, unmark
from lambdactl.deploy.model import Context, Live, Resource

_NOT_FOUND = "ResourceNotFoundException"


class Scaling:
    name: ClassVar[str] = "scaling"
    title: ClassVar[str] = "scaling of"
    parent: ClassVar[str | None] = "function"
    renews: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        newest = versions.KINDS[0].read(context, name)
        marks = marked(context, self.name, name)
        if newest is None or not marks:
            return None
        version = newest.outputs["version"]
        found: Mapping[str, Any] = {}
        with allowed(_NOT_FOUND):
            answer = context.account.client("lambda").get_function_scaling_config(
                FunctionName=name, Qualifier=version
            )
            found = answer.get("RequestedFunctionScalingConfig") or {}
        return Live(
            kind=self.name,
            name=name,
            properties={
                # A new version begins without any.
                "version": version if found else None,
                "min_environments": found.get("MinExecutionEnvironments", DEFAULT_MINIMUM),
                "max_environments": found.get("MaxExecutionEnvironments"),
            },
            owner=context.naming.owner,
            hash=marks.get(None),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return [name for name in functions if marked(context, self.name, name)]

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        mark(context, self.name, resource.name, None, resource.digest)
        self._put(context, resource)
        return {}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        self._put(context, resource)
        mark(context, self.name, resource.name, None, resource.digest)
        return {}

    def delete(self, context: Context, live: Live) -> None:
        if live.properties["version"] is not None:
            with allowed(_NOT_FOUND):
                # Without a configuration it goes back to Lambda's own.
                context.account.client("lambda").put_function_scaling_config(
                    FunctionName=live.name, Qualifier=live.properties["version"]
                )
        unmark(context, self.name, live.name, None)

    def _put(self, context: Context, resource: Resource) -> None:
        wanted = resource.properties
        config = {"MinExecutionEnvironments": wanted["min_environments"]}
        if wanted["max_environments"] is not None:
            config["MaxExecutionEnvironments"] = wanted["max_environments"]
        context.account.client("lambda").put_function_scaling_config(
            FunctionName=resource.name,
            Qualifier=wanted["version"],
            FunctionScalingConfig=config,
        )


KINDS = (Scaling(),)
