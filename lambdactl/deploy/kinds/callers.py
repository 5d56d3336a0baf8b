"""Which permissions to call functions are lambdactl's: they say what calls them.

Much of what calls a function can't be tagged: a notification, a subscription, a filter. Its mark is
its permission, a statement with an id of lambdactl's in the function's policy. It is made before
what calls, and goes after it, so whatever breaks off in between is found again; what somebody else
has call a function has no such permission, and stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lambdactl.deploy import tagging
from lambdactl.deploy.desired.grants import statement_id
from lambdactl.deploy.kinds.permissions import Permission, statements
from lambdactl.deploy.marks import STATEMENT_PREFIX, joined, split, state
from lambdactl.deploy.model import Context

_PERMISSIONS = Permission()


@dataclass(frozen=True, slots=True)
class Caller:
    """A permission of lambdactl's.

    :ivar owner: the function's name in AWS, with the alias that is called.
    :ivar statement: the statement's id.
    :ivar source_arn: what may call, maybe with ``*`` in it; None: anything of the service.
    """

    owner: str
    statement: str
    principal: str
    source_arn: str | None

    @property
    def function(self) -> str:
        return split(self.owner)[0]

    @property
    def needs(self) -> tuple[str, ...]:
        """Addresses of what has to stay as long as what calls is there."""
        return (f"permission:{self.owner}/{self.statement}", f"function:{self.function}")


def callers(context: Context, functions: Iterable[str], principal: str) -> Iterator[Caller]:
    """The permissions of a service to call any of ``functions`` (names in AWS)."""
    for name in _PERMISSIONS.owned(context, functions):
        owner, _, statement = name.partition("/")
        found = _caller(context, owner, statement)
        if found is not None and found.principal == principal:
            yield found


def caller_of(context: Context, target: str, words: str) -> Caller | None:
    """The permission of lambdactl's by which something calls ``target``; None: there is none, so
    somebody else has it call.

    :param target: the ARN of a function, or of an alias or version of one.
    :param words: what the permission is called (:mod:`lambdactl.deploy.calling`).
    """
    owner = _owner(context, target)
    statement = statement_id(words)
    if owner is None or statement not in statements(context, owner):
        return None
    return _caller(context, owner, statement)


def caller_from(context: Context, target: str, principal: str, source_arn: str) -> Caller | None:
    """:func:`caller_of` where the permission's name is not known, but what calls.

    :param principal: of the service.
    :param source_arn: of what calls.
    """
    owner = _owner(context, target)
    for statement in statements(context, owner) if owner else ():
        if statement.startswith(STATEMENT_PREFIX):
            found = _caller(context, owner or "", statement)
            if found and found.principal == principal and found.source_arn == source_arn:
                return found
    return None


def _owner(context: Context, target: str) -> str | None:
    """The function of ours that an ARN names, with its alias or version.

    Permissions of other services of lambdactl's are called the same: theirs are not ours.
    """
    owner = called(target)
    if owner is None or not target.startswith(context.naming.arn("lambda", "function:")):
        return None
    tags = (state(context, split(owner)[0]) or {}).get("Tags") or {}
    return owner if tagging.owner(tags) == context.naming.owner else None


def called(target: str) -> str | None:
    """The function of an ARN, with its alias or version; None: it is no function's.

    >>> called("arn:aws:lambda:eu-west-1:123456789012:function:hello:live")
    'hello:live'
    """
    pieces = target.split(":", 6)
    if len(pieces) < 7 or pieces[2] != "lambda" or pieces[5] != "function":
        return None
    function, qualifier = split(pieces[6])
    return joined(function, qualifier)


def _caller(context: Context, owner: str, statement: str) -> Caller | None:
    live = _PERMISSIONS.read(context, f"{owner}/{statement}")
    if live is None:
        return None
    properties = live.properties
    return Caller(owner, statement, str(properties["principal"]), properties["source_arn"])
