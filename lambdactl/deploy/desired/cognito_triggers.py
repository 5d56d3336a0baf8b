"""``cognito`` triggers of user pools.

All triggers of a pool are one setting of it, and so lambdactl's are one resource,
``cognito_trigger:POOL``. A pool that the manifest names, and does not give the id of, is looked for
in the account: ``user_pool:NAME`` stands for it, and is never made
(https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambdactl.deploy import calling
from lambdactl.deploy.desired import Wanted
from lambdactl.deploy.desired.triggered import Triggered, once, triggers
from lambdactl.deploy.model import Ref, Resource
from lambdactl.deploy.shared import shares
from lambdactl.deploy.user_pools import SENDERS, VERSIONED, is_id
from lambdactl.errors import UserError


def resources(wanted: Wanted) -> Iterator[Resource]:
    """Triggers that are off are not there: Cognito has no such state."""
    yield from once(_resources(wanted))


def _resources(wanted: Wanted) -> Iterator[Resource]:
    pools: dict[str, dict[str, dict[str, Any]]] = {}
    needs: dict[str, list[str]] = {}
    functions: dict[str, list[str]] = {}
    taken: dict[tuple[str, str], Triggered] = {}
    for one in triggers(wanted, "cognito"):
        if not one.enabled:
            continue
        pool = str(one.settings["user_pool"])
        source = _arn(one, pool)
        if isinstance(source, Ref):
            yield Resource("user_pool", pool, {}, where=one.where)
        grant = one.grant(
            calling.user_pool(pool),
            "cognito-idp.amazonaws.com",
            source_arn=source,
            source_account=one.naming.account,
        )
        yield grant
        needs.setdefault(pool, []).append(grant.address)
        functions.setdefault(pool, []).append(one.function.name)
        events = pools.setdefault(pool, {}).setdefault(one.name, {})
        for event in one.settings["events"]:
            if taken.setdefault((pool, event), one) is not one:
                raise UserError(
                    f"two triggers want the event {event} of the user pool {pool}",
                    where=one.where,
                    hint="Cognito calls one function for each event",
                )
            events[event] = _event(one, event)
    for pool, parts in pools.items():
        resource = Resource(
            kind="cognito_trigger", name=pool, properties=parts, needs=tuple(needs[pool])
        )
        yield shares(wanted, resource, functions[pool])


def _arn(one: Triggered, pool: str) -> str | Ref:
    if pool.startswith("arn:"):
        return pool
    if is_id(pool):
        return one.naming.arn("cognito-idp", f"userpool/{pool}")
    return Ref(f"user_pool:{pool}")


def _event(one: Triggered, event: str) -> dict[str, Any]:
    """What is called for an event.

    :raises UserError: a sender has no key.
    """
    found: dict[str, Any] = {"target": one.target}
    if event in VERSIONED:
        found["version"] = one.settings.get("version", "v1")
    if event in SENDERS:
        # https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-sender-triggers.html
        found["kms_key"] = one.settings.get("kms_key")
        if found["kms_key"] is None:
            raise UserError(
                f"the event {event} of the user pool {one.settings['user_pool']} needs `kms_key`",
                where=one.where,
                hint="Cognito encrypts the codes that it gives to the function",
            )
    return found
