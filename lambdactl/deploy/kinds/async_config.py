"""How functions and their aliases are invoked asynchronously
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html)."""

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

_RETRIES, _MAX_AGE_S = 2, 21600
"""Lambda's own."""


class AsyncConfig:
    """``async:FUNCTION[:ALIAS]``; without one Lambda's own settings apply."""

    name: ClassVar[str] = "async"
    title: ClassVar[str] = "asynchronous settings of"
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
        return Live(
            kind=self.name,
            name=name,
            properties=found,
            owner=context.naming.owner,
            hash=marked(context, self.name, function).get(qualifier),
            needs=(f"alias:{function}/{qualifier}",) if qualifier else (),
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
        _delete(context, live.name)
        unmark(context, self.name, function, qualifier)

    def _put(self, context: Context, resource: Resource) -> None:
        """What there was before is replaced, destinations that are left out too
        (https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html)."""
        properties = resource.properties
        destinations = {
            word: {"Destination": properties[name]}
            for word, name in (("OnSuccess", "on_success"), ("OnFailure", "on_failure"))
            if properties[name]
        }
        wanted = {
            **qualified(*split(resource.name)),
            "MaximumRetryAttempts": properties["retries"],
            "MaximumEventAgeInSeconds": properties["max_age_s"],
            "DestinationConfig": destinations,
        }
        lambda_ = context.account.client("lambda")
        lambda_.put_function_event_invoke_config(**wanted)
        if _get(context, resource.name) != dict(properties):
            # moto 5 goes on with the first one that a function ever had.
            _delete(context, resource.name)
            lambda_.put_function_event_invoke_config(**wanted)


KINDS = (AsyncConfig(),)


def _get(context: Context, name: str) -> dict[str, Any] | None:
    with allowed("ResourceNotFoundException"):
        found = context.account.client("lambda").get_function_event_invoke_config(
            **qualified(*split(name))
        )
        targets = found.get("DestinationConfig") or {}
        return {
            "retries": found.get("MaximumRetryAttempts", _RETRIES),
            "max_age_s": found.get("MaximumEventAgeInSeconds", _MAX_AGE_S),
            "on_success": (targets.get("OnSuccess") or {}).get("Destination") or None,
            "on_failure": (targets.get("OnFailure") or {}).get("Destination") or None,
        }
    return None


def _delete(context: Context, name: str) -> None:
    with allowed("ResourceNotFoundException"):
        context.account.client("lambda").delete_function_event_invoke_config(
            **qualified(*split(name))
        )
