"""Statements of functions' policies: who may invoke a function.

Each that is lambdactl's is one resource, known by how its id begins
(https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html). A statement
can't be changed, so a new one stands beside it until it is replaced: no call is refused meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from lambdactl.deploy.faults import allowed, code
from lambdactl.deploy.kinds.function_imitation import presumed
from lambdactl.deploy.marks import (
    STATEMENT_PREFIX,
    joined,
    mark,
    marked,
    qualified,
    split,
    state,
    unmark,
)
from lambdactl.deploy.model import Context, Live, Resource

_NEXT = f"{STATEMENT_PREFIX}next-"
"""How the id of a statement begins that stands in for another while that is replaced."""
_LENGTH = 100
_NOTHING: Mapping[str, Any] = {"Configuration": {}}

Statement = Mapping[str, Any]


class Permission:
    """``permission:FUNCTION[:QUALIFIER]/STATEMENT``."""

    name: ClassVar[str] = "permission"
    title: ClassVar[str] = "permission"
    parent: ClassVar[str | None] = "function"
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[frozenset[str]] = frozenset()

    def read(self, context: Context, name: str) -> Live | None:
        owner, _, sid = name.partition("/")
        statement = statements(context, owner).get(sid)
        if statement is None:
            return None
        function, qualifier = split(owner)
        return Live(
            kind=self.name,
            name=name,
            properties=_properties(statement),
            owner=context.naming.owner if sid.startswith(STATEMENT_PREFIX) else None,
            hash=marked(context, self.name, function).get(_part(name)),
            presumed=presumed(state(context, function) or _NOTHING, ("event_source_token",)),
            needs=(f"alias:{function}/{qualifier}",) if qualifier else (),
        )

    def owned(self, context: Context, functions: Iterable[str]) -> Iterable[str]:
        for function in functions:
            for qualifier in (None, *marked(context, "alias", function)):
                owner = joined(function, qualifier)
                for sid in statements(context, owner):
                    if sid.startswith(STATEMENT_PREFIX):
                        yield f"{owner}/{sid}"

    def create(self, context: Context, resource: Resource) -> Mapping[str, str]:
        owner, _, sid = resource.name.partition("/")
        _note(context, resource)
        try:
            _add(context, owner, sid, resource.properties)
        except Exception as error:
            if code(error) != "ResourceConflictException":
                raise
            # It is there: a deployment broke off after this call.
            found = statements(context, owner).get(sid)
            if found is None:
                raise
            if _properties(found) != dict(resource.properties):
                self._replace(context, owner, sid, resource.properties)
        return {}

    def update(
        self, context: Context, resource: Resource, live: Live, changed: frozenset[str]
    ) -> Mapping[str, str]:
        owner, _, sid = resource.name.partition("/")
        _note(context, resource)
        self._replace(context, owner, sid, resource.properties)
        return {}

    def delete(self, context: Context, live: Live) -> None:
        owner, _, sid = live.name.partition("/")
        _remove(context, owner, sid)
        if live.hash is not None:
            unmark(context, self.name, split(owner)[0], _part(live.name))

    def _replace(
        self, context: Context, owner: str, sid: str, properties: Mapping[str, Any]
    ) -> None:
        between = (_NEXT + sid.removeprefix(STATEMENT_PREFIX))[:_LENGTH]
        with allowed("ResourceConflictException"):
            _add(context, owner, between, properties)
        _remove(context, owner, sid)
        _add(context, owner, sid, properties)
        _remove(context, owner, between)


KINDS = (Permission(),)


def _part(name: str) -> str:
    """Which of its function's statements it is: ``live/lambdactl-url``."""
    return name[len(split(name.partition("/")[0])[0]) + 1 :]


def _note(context: Context, resource: Resource) -> None:
    """Mark a statement of which an imitation of AWS does not tell all (moto 5 forgets tokens)."""
    function, _ = split(resource.name.partition("/")[0])
    if resource.properties.get("event_source_token") is not None:
        mark(context, "permission", function, _part(resource.name), resource.digest)


def statements(context: Context, owner: str) -> Mapping[str, Statement]:
    """The policy of a function or of one of its aliases, by ids of its statements."""
    function, qualifier = split(owner)

    def ask() -> dict[str, Statement]:
        with allowed("ResourceNotFoundException"):
            answer = context.account.client("lambda").get_policy(**qualified(function, qualifier))
            statements = json.loads(answer["Policy"]).get("Statement", [])
            return {
                str(one.get("Sid", "")): one
                for one in statements
                # Emulators of AWS keep one policy for all of a function's aliases.
                if _qualifier(one) == qualifier
            }
        return {}

    return context.account.once(f"policy:{owner}/", ask)


def _qualifier(statement: Statement) -> str | None:
    """The alias or version that a statement is about: the end of its ``Resource``, an ARN."""
    pieces = str(statement.get("Resource", "")).split(":")
    return pieces[7] if len(pieces) > 7 else None


def _properties(statement: Statement) -> dict[str, Any]:
    """A statement in the words of AddPermission
    (https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html)."""
    conditions: dict[str, Any] = {}
    for tests in (statement.get("Condition") or {}).values():
        conditions.update({str(key).lower(): value for key, value in tests.items()})
    # moto 5 leaves these two beside the conditions.
    url_auth = statement.get("FunctionUrlAuthType")
    via_url = statement.get("InvokedViaFunctionUrl", False)
    return {
        "principal": _principal(statement.get("Principal")),
        "action": statement.get("Action"),
        "source_arn": conditions.get("aws:sourcearn"),
        "source_account": conditions.get("aws:sourceaccount"),
        "organization": conditions.get("aws:principalorgid"),
        "event_source_token": conditions.get("lambda:eventsourcetoken"),
        "url_auth": conditions.get("lambda:functionurlauthtype", url_auth),
        "via_url": str(conditions.get("lambda:invokedviafunctionurl", via_url)).lower() == "true",
    }


def _principal(principal: Any) -> Any:
    """As AddPermission takes it; AWS makes an account's root of its twelve digits."""
    if isinstance(principal, Mapping):
        principal = next(iter(principal.values()), None)
    pieces = str(principal).split(":")
    if len(pieces) == 6 and pieces[2] == "iam" and pieces[5] == "root":
        return pieces[4]
    return principal


def _add(context: Context, owner: str, sid: str, properties: Mapping[str, Any]) -> None:
    function, qualifier = split(owner)
    wanted: dict[str, Any] = {
        **qualified(function, qualifier),
        "StatementId": sid,
        "Action": properties["action"],
        "Principal": properties["principal"],
    }
    for word, name in (
        ("SourceArn", "source_arn"),
        ("SourceAccount", "source_account"),
        ("PrincipalOrgID", "organization"),
        ("EventSourceToken", "event_source_token"),
        ("FunctionUrlAuthType", "url_auth"),
        ("InvokedViaFunctionUrl", "via_url"),
    ):
        if properties.get(name):
            wanted[word] = properties[name]
    context.account.forget(f"policy:{owner}/")
    context.account.client("lambda").add_permission(**wanted)
    context.account.forget(f"policy:{owner}/")


def _remove(context: Context, owner: str, sid: str) -> None:
    function, qualifier = split(owner)
    with allowed("ResourceNotFoundException"):
        context.account.client("lambda").remove_permission(
            **qualified(function, qualifier), StatementId=sid
        )
    context.account.forget(f"policy:{owner}/")
