"""Which parts of a function are lambdactl's: a URL, an alias, a setting that takes no tags itself.

The function's own tags say so: ``lambdactl:url``, ``lambdactl:alias:live``. A part is marked
before it is made or changed, and unmarked after it is gone, so whatever breaks off in between is
found again.
What somebody else adds to a function has no mark, and stays
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lambdactl.deploy.faults import allowed
from lambdactl.deploy.model import Context, Live
from lambdactl.deploy.naming import shortened

STATEMENT_PREFIX = "lambdactl-"
"""How the ids of those statements of functions' policies begin that are lambdactl's."""

_KEY_LENGTH = 128


def state(context: Context, function: str) -> Mapping[str, Any] | None:
    """What GetFunction says of a function, asked once; None: there is none.

    Whoever changes the function has to forget ``function:<name>/``.

    :param function: its name in AWS.
    """

    def ask() -> Mapping[str, Any] | None:
        with allowed("ResourceNotFoundException"):
            found: Mapping[str, Any] = context.account.client("lambda").get_function(
                FunctionName=function
            )
            return found
        return None

    return context.account.once(f"function:{function}/", ask)


def joined(function: str, qualifier: str | None) -> str:
    """The name of a part of a function, or of one of its aliases or versions.

    >>> joined("hello", "live"), joined("hello", None)
    ('hello:live', 'hello')
    """
    return f"{function}:{qualifier}" if qualifier else function


def split(name: str) -> tuple[str, str | None]:
    """The function and the qualifier of a part's name."""
    function, _, qualifier = name.partition(":")
    return function, qualifier or None


def qualified(function: str, qualifier: str | None) -> dict[str, str]:
    """Parameters of a call that name a function and its alias or version."""
    found = {"FunctionName": function}
    return {**found, "Qualifier": qualifier} if qualifier else found


def mark(context: Context, kind: str, function: str, qualifier: str | None, digest: str) -> None:
    """Note that the part is lambdactl's, and what it was last deployed as."""
    value = f"{digest} {qualifier}" if qualifier else digest
    context.account.client("lambda").tag_resource(
        Resource=context.naming.arn("lambda", f"function:{function}"),
        Tags={_key(kind, qualifier): value},
    )
    context.account.forget(f"function:{function}/")


def unmark(context: Context, kind: str, function: str, qualifier: str | None) -> None:
    with allowed("ResourceNotFoundException"):
        context.account.client("lambda").untag_resource(
            Resource=context.naming.arn("lambda", f"function:{function}"),
            TagKeys=[_key(kind, qualifier)],
        )
    context.account.forget(f"function:{function}/")


def marked(context: Context, kind: str, function: str) -> dict[str | None, str]:
    """The qualifiers whose part is lambdactl's (None: the function's own), and the digest of what
    each was last deployed as."""
    found: dict[str | None, str] = {}
    for key, value in ((state(context, function) or {}).get("Tags") or {}).items():
        digest, _, qualifier = str(value).partition(" ")
        if key == _key(kind, qualifier or None):
            found[qualifier or None] = digest
    return found


def marked_only(context: Context, kind: str, name: str) -> Live | None:
    """What there is of a part that has a mark and nothing else: its deletion broke off before the
    mark was gone, or its creation right after it. It has no properties.

    :param name: ``FUNCTION``, ``FUNCTION:QUALIFIER`` or ``FUNCTION/QUALIFIER``.
    """
    function, qualifier = split(name.replace("/", ":"))
    if qualifier not in marked(context, kind, function):
        return None
    return Live(kind=kind, name=name, properties={}, owner=context.naming.owner)


def all_marked(context: Context, kind: str, functions: Iterable[str]) -> Iterator[str]:
    """Names of all parts of a kind that are lambdactl's, of ``functions`` (names in AWS)."""
    for function in functions:
        for qualifier in marked(context, kind, function):
            yield joined(function, qualifier)


def _key(kind: str, qualifier: str | None) -> str:
    return shortened(joined(f"lambdactl:{kind}", qualifier), _KEY_LENGTH)
