"""Triggers of Cognito's user pools: those of lambdactl's among those of others.

One is lambdactl's where it calls a function that the pool may call by a permission of lambdactl's.
UpdateUserPool sets all that it is not given back to its default, so it is given all that the pool
has (https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPool.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy import shared
from lambdactl.deploy.faults import allowed
from lambdactl.deploy.kinds.callers import Caller, caller_from, callers
from lambdactl.deploy.model import Context, Live, Resource
from lambdactl.deploy.user_pools import FIELDS, SENDERS, VERSIONED, is_id
from lambdactl.errors import TakenError, UserError

_PRINCIPAL = "cognito-idp.amazonaws.com"
_VERSIONED_FIELD = "PreTokenGenerationConfig"
_KEY = "KMSKeyID"
_PAGE = 60
"""The most pools that ListUserPools gives at a time."""

Parts = dict[str, dict[str, Any]]
"""By function and by event."""


class UserPool:
    """``user_pool:NAME``: somebody else's, looked for by its name. It has to be there."""

    name: ClassVar[str] = "user_pool"
    title: ClassVar[str] = "user pool"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        """
        :raises UserError: there is none of that name, or there are several.
        """
        id_ = _id(context, name)
        return Live(
            kind=self.name,
            name=name,
            properties={},
            outputs={"id": id_, "arn": context.naming.arn("cognito-idp", f"userpool/{id_}")},
            owner=context.naming.owner,
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        return ()

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        found = self.read(context, resource.name)
        return found.outputs if found else {}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return live.outputs

    def delete(self, context: Context, live: Live) -> None:
        """It is not ours."""


class CognitoTrigger:
    """``cognito_trigger:POOL``: all of lambdactl's of one pool, by function. The pool is called as
    the manifest calls it, else by its id."""

    name: ClassVar[str] = "cognito_trigger"
    title: ClassVar[str] = "triggers of the user pool"
    parent: ClassVar[str | None] = None
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        pool = _pool(context, _id(context, name))
        parts, needs = _parts(context, pool or {})
        if not parts:
            return None
        return Live(
            kind=self.name,
            name=name,
            properties=shared.compared(parts),
            owner=context.naming.owner,
            needs=needs,
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        found = callers(context, functions, _PRINCIPAL)
        ids = {one.source_arn.rpartition("/")[2] for one in found if one.source_arn}
        if not ids:
            return
        names = _written(context)
        for id_ in sorted(ids):
            yield names.get(id_, id_)

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        _written(context)
        id_ = _id(context, resource.name)
        _write(context, id_, lambda parts: shared.merged(resource, parts))
        return {"id": id_}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        return self.create(context, resource)

    def delete(self, context: Context, live: Live) -> None:
        with allowed("ResourceNotFoundException"):
            _write(context, _id(context, live.name), lambda _: {})


KINDS = (UserPool(), CognitoTrigger())


def _written(context: Context) -> dict[str, str]:
    """The pools of the manifest's triggers as they are written there, by their ids.

    :raises UserError: one pool is written in two ways.
    """
    found: dict[str, str] = {}
    for function in context.naming.app.functions.values():
        for trigger in function.triggers:
            if trigger.kind == "cognito" and trigger.settings.get("enabled", True):
                written = str(trigger.settings["user_pool"])
                try:
                    id_ = _id(context, written)
                except UserError:
                    # It is gone: who wants it there is told when it is read.
                    continue
                first = found.setdefault(id_, written)
                if first != written:
                    raise UserError(
                        f"{first} and {written} are one user pool",
                        where=trigger.where,
                        hint="write it the same way everywhere",
                    )
    return found


def _id(context: Context, written: str) -> str:
    """The id of a pool that is given by its name, its id or its ARN.

    :raises UserError: there is none of that name, or there are several.
    """
    if written.startswith("arn:"):
        return written.rpartition("/")[2]
    if is_id(written):
        return written

    def ask() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        pages = context.account.client("cognito-idp").get_paginator("list_user_pools")
        for page in pages.paginate(MaxResults=_PAGE):
            for pool in page["UserPools"]:
                found.setdefault(pool["Name"], []).append(pool["Id"])
        return found

    ids = context.account.once("user_pools/", ask).get(written, [])
    if len(ids) == 1:
        return ids[0]
    raise UserError(
        f"there is no user pool {written}"
        if not ids
        else f"there are {len(ids)} user pools of the name {written}: {', '.join(sorted(ids))}",
        hint="make it first: lambdactl sets its triggers, and leaves the rest to you"
        if not ids
        else "write its id",
    )


def _pool(context: Context, id_: str) -> Mapping[str, Any] | None:
    def ask() -> Mapping[str, Any] | None:
        with allowed("ResourceNotFoundException"):
            answer = context.account.client("cognito-idp").describe_user_pool(UserPoolId=id_)
            found: Mapping[str, Any] = answer["UserPool"]
            return found
        return None

    return context.account.once(f"user_pool:{id_}/", ask)


def _targets(config: Mapping[str, Any]) -> dict[str, str]:
    """What is called for each event."""
    found: dict[str, str] = {}
    for event, field in FIELDS.items():
        value = config.get(field)
        if event in VERSIONED:
            value = config.get(_VERSIONED_FIELD, {}).get("LambdaArn") or value
        if event in SENDERS:
            value = (value or {}).get("LambdaArn")
        if value:
            found[event] = str(value)
    return found


def _parts(context: Context, pool: Mapping[str, Any]) -> tuple[Parts, tuple[str, ...]]:
    """Ours, and the addresses of what they need."""
    config = pool.get("LambdaConfig", {})
    found: Parts = {}
    needs: set[str] = set()
    for event, target in _targets(config).items():
        caller = _caller(context, pool, target)
        if caller is None:
            continue
        needs |= set(caller.needs)
        entry: dict[str, Any] = {"target": target}
        if event in VERSIONED:
            version = config.get(_VERSIONED_FIELD, {}).get("LambdaVersion", "V1_0")
            entry["version"] = version.lower().removesuffix("_0")
        if event in SENDERS:
            entry["kms_key"] = config.get(_KEY)
        found.setdefault(caller.function, {})[event] = entry
    return found, tuple(sorted(needs))


def _caller(context: Context, pool: Mapping[str, Any], target: str) -> Caller | None:
    arn = context.naming.arn("cognito-idp", f"userpool/{pool['Id']}")
    return caller_from(context, target, _PRINCIPAL, arn)


def _write(context: Context, id_: str, change: Callable[[Parts], Parts]) -> None:
    """
    :raises TakenError: an event calls somebody else's function already.
    """
    with shared.alone(f"cognito {id_}"):
        context.account.forget(f"user_pool:{id_}/")
        pool = _pool(context, id_)
        if pool is None:
            raise UserError(f"there is no user pool {id_}", hint="lambdactl makes none")
        parts, _ = _parts(context, pool)
        config = _config(pool, parts, change(parts))
        if config == pool.get("LambdaConfig", {}):
            return
        cognito = context.account.client("cognito-idp")
        cognito.update_user_pool(**settings_of(cognito, pool, config))
        context.account.forget(f"user_pool:{id_}/")


def _config(pool: Mapping[str, Any], parts: Parts, wanted: Parts) -> dict[str, Any]:
    """``LambdaConfig`` with ``wanted`` in the place of ``parts``, and all else as it is."""
    config = dict(pool.get("LambdaConfig", {}))
    for event in (event for some in parts.values() for event in some):
        config.pop(FIELDS[event], None)
        if event in VERSIONED:
            config.pop(_VERSIONED_FIELD, None)
    others = _targets(config)
    for some in wanted.values():
        for event, entry in some.items():
            if event in others:
                raise TakenError(
                    f"the event {event} of the user pool {pool.get('Name')} calls "
                    f"{others[event]} already, and lambdactl has not set that",
                    hint="Cognito calls one function for each event: take that one away first",
                )
            config.update(_entry(event, entry))
    if not any(FIELDS[event] in config for event in SENDERS):
        config.pop(_KEY, None)
    return config


def _entry(event: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    target = entry["target"]
    if event in SENDERS:
        sender = {"LambdaVersion": "V1_0", "LambdaArn": target}
        return {FIELDS[event]: sender, _KEY: entry["kms_key"]}
    found: dict[str, Any] = {FIELDS[event]: target}
    if event in VERSIONED:
        # Where both fields are there, they have to name one function.
        version = f"{entry['version'].upper()}_0"
        found[_VERSIONED_FIELD] = {"LambdaVersion": version, "LambdaArn": target}
    return found


def settings_of(client: Any, pool: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of UpdateUserPool that leave all of a pool as it is but its triggers.

    :param pool: what DescribeUserPool tells.
    :param config: its ``LambdaConfig``.
    """
    shape = client.meta.service_model.operation_model("UpdateUserPool").input_shape
    settings: dict[str, Any] = _known({**pool, "LambdaConfig": config}, shape)
    settings["UserPoolId"] = pool["Id"]
    if "Name" in pool:
        settings["PoolName"] = pool["Name"]
    policy = settings.get("Policies", {}).get("PasswordPolicy", {})
    if "TemporaryPasswordValidityDays" in policy:
        # DescribeUserPool tells this twice, and UpdateUserPool takes it but once:
        # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUserConfigType.html
        settings.get("AdminCreateUserConfig", {}).pop("UnusedAccountValidityDays", None)
    return settings


def _known(value: Any, shape: Any) -> Any:
    """What of ``value``, an answer, may stand in a request of ``shape``: answers tell more."""
    if shape.type_name == "structure":
        return {
            name: _known(child, shape.members[name])
            for name, child in value.items()
            if name in shape.members
        }
    if shape.type_name == "list":
        return [_known(child, shape.member) for child in value]
    return value
