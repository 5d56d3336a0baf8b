"""Provisioned concurrency of aliases and versions
(https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy.faults import allowed
from lambdactl.deploy.marks import (
    all_marked,
    mark,
    marked,
    marked_only,
    qualified,
    split,
    state,
    unmark,
)
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.deploy.waiting import until
from lambdactl.errors import AwsError

_READY_S = 1800.0
"""How long environments may take to be ready."""
_NONE = (
    "ResourceNotFoundException",
    "ProvisionedConcurrencyConfigNotFoundException",
    # Imitations of AWS that know no provisioned concurrency have none.
    "404",
)


class Provisioned:
    """``provisioned:FUNCTION:QUALIFIER``."""

    name: ClassVar[str] = "provisioned"
    title: ClassVar[str] = "provisioned concurrency of"
    parent: ClassVar[str | None] = "function"
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        function, qualifier = split(name)
        if state(context, function) is None:
            return None
        found = _get(context, name)
        if found is None:
            return marked_only(context, self.name, name)
        requested = found["RequestedProvisionedConcurrentExecutions"]
        return Live(
            kind=self.name,
            name=name,
            # What failed is asked for again.
            properties={"executions": requested if found.get("Status") != "FAILED" else 0},
            owner=context.naming.owner,
            hash=marked(context, self.name, function).get(qualifier),
            needs=(f"alias:{function}/{qualifier}",),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return all_marked(context, self.name, functions)

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        function, qualifier = split(resource.name)
        mark(context, self.name, function, qualifier, resource.digest)
        self._put(context, resource)
        return {}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return self.create(context, resource)

    def delete(self, context: Context, live: Live) -> None:
        function, qualifier = split(live.name)
        with allowed(*_NONE):
            context.account.client("lambda").delete_provisioned_concurrency_config(
                **qualified(function, qualifier)
            )
        unmark(context, self.name, function, qualifier)

    def _put(self, context: Context, resource: Resource) -> None:
        """:raises AwsError: Lambda could not make the environments."""
        context.account.client("lambda").put_provisioned_concurrency_config(
            **qualified(*split(resource.name)),
            ProvisionedConcurrentExecutions=resource.properties["executions"],
        )
        wanted = resource.properties["executions"]

        def ready() -> bool:
            found = _get(context, resource.name) or {}
            if found.get("Status") == "FAILED":
                raise AwsError(
                    f"Lambda could not make {wanted} environments of {resource.name} ready: "
                    f"{found.get('StatusReason') or 'it gives no reason'}",
                    where=resource.where,
                    hint="is the account's concurrency enough, and does the function's "
                    "initialisation succeed?",
                )
            return found.get("Status") == "READY"

        until(context, ready, f"{wanted} environments to be ready", _READY_S)


KINDS = (Provisioned(),)


def _get(context: Context, name: str) -> Mapping[str, Any] | None:
    with allowed(*_NONE):
        found: Mapping[str, Any] = context.account.client(
            "lambda"
        ).get_provisioned_concurrency_config(**qualified(*split(name)))
        return found
    return None
