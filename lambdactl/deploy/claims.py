"""A note that something is about to be made, for what may lie there for a moment without its tags.

AWS takes the tags of a bucket or a stream with the call that makes it; older endpoints and those
that stand in for AWS do not keep them. Whoever is killed between that call and the next would leave
something that looks like somebody else's. So the note comes first, as a parameter of Systems
Manager beside the lock, and goes when the tags are there
(https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html).
"""

from __future__ import annotations

import re

from lambdactl.deploy.faults import allowed
from lambdactl.deploy.model import Context

_NOT_FOUND = "ParameterNotFound"


def claim(context: Context, address: str) -> None:
    """Note that ``address`` is about to be made."""
    context.account.client("ssm").put_parameter(
        Name=_name(context, address),
        Value=address,
        Type="String",
        Description="lambdactl is making this",
        Overwrite=True,
    )


def release(context: Context, address: str) -> None:
    """It has its tags now, or isn't made; no note is no error."""
    with allowed(_NOT_FOUND):
        context.account.client("ssm").delete_parameter(Name=_name(context, address))


def claimed(context: Context, address: str) -> bool:
    """Whether a deployment of this service and stage was about to make it."""
    with allowed(_NOT_FOUND):
        context.account.client("ssm").get_parameter(Name=_name(context, address))
        return True
    return False


def addresses(context: Context) -> list[str]:
    """Of all that there are claims on."""
    pages = context.account.client("ssm").get_paginator("get_parameters_by_path")
    found = pages.paginate(Path=_folder(context), Recursive=True)
    return [one["Value"] for page in found for one in page["Parameters"]]


def _name(context: Context, address: str) -> str:
    kind, _, name = address.partition(":")
    return f"{_folder(context)}/{_plain(kind)}/{_plain(name)}"


def _folder(context: Context) -> str:
    naming = context.naming
    return f"/lambdactl/{_plain(naming.service)}/{_plain(naming.stage)}/claims"


def _plain(word: str) -> str:
    # Letters, digits and .-_ are all that a part of such a name may have.
    return re.sub(r"[^A-Za-z0-9_.-]", "-", word)
