"""APIs in an account of tests: brought to what a manifest says, one kind at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lambdactl.deploy import planning
from lambdactl.deploy.desired import Wanted, http_apis, rest_apis, websocket_apis
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.deploy.plan import Change
from tests.deploy.steps import wanted_of

_MODULES: dict[str, Callable[[Wanted], Any]] = {
    "http_api": http_apis.resources,
    "rest_api": rest_apis.resources,
    "websocket_api": websocket_apis.resources,
}


def api_of(context: Context, kind: str) -> Resource:
    """The only API of a kind that the manifest has."""
    found = _MODULES[kind](wanted_of(context))
    (resource,) = (one for one in found if one.kind == kind)
    assert isinstance(resource, Resource)
    return resource


def brought(context: Context, kind: str) -> tuple[Change, ...]:
    """Create or update the API; after it nothing is left to do.

    :return: what was changed; nothing of an API that was created.
    """
    resource, how = api_of(context, kind), kinds()[kind]
    context.account.forget()
    live = how.read(context, resource.name)
    changes: tuple[Change, ...] = ()
    if live is None:
        outputs = how.create(context, resource)
    else:
        changes = planning.differences(resource, live)
        names = frozenset(one.path.partition(".")[0] for one in changes)
        outputs = how.update(context, resource, live, names)
    settled(context, resource, dict(outputs))
    return changes


def settled(context: Context, resource: Resource, outputs: dict[str, str]) -> Live:
    """See that the API is what it should be.

    :return: what there is.
    """
    context.account.forget()
    live = kinds()[resource.kind].read(context, resource.name)
    assert live is not None
    assert planning.differences(resource, live) == ()
    assert live.owner == context.naming.owner
    assert live.hash == resource.digest
    assert dict(live.outputs) == outputs
    return live


class Killed(BaseException):
    """The process ends here."""


def broken_off(context: Context, resource: Resource, client: Any) -> Iterator[int]:
    """Create the resource again and again, each time one call further until it breaks off. Whoever
    iterates sees what is there then, and clears it away."""
    calls, limit = [0], [0]

    def stop(params: Any, model: Any, **_: Any) -> None:
        if not model.name.startswith("Get"):
            calls[0] += 1
            if calls[0] > limit[0]:
                raise Killed

    event = f"before-call.{client.meta.service_model.service_id.hyphenize()}"
    kind, done = kinds()[resource.kind], 0
    while True:
        calls[0], limit[0] = 0, done
        client.meta.events.register(event, stop)
        try:
            kind.create(context, resource)
            return
        except Killed:
            done += 1
        finally:
            client.meta.events.unregister(event, stop)
        context.account.forget()
        yield done
