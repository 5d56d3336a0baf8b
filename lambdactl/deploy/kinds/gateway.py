"""What is the same for every API of API Gateway: whose it is, and what it calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lambdactl.deploy import tagging
from lambdactl.deploy.model import Context

_FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]*:\d*:function:([^:/]+)(?::([^:/]+))?")


def ours(context: Context, item: Mapping[str, Any], field: str = "tags") -> bool:
    """:param field: of ``item``, with its tags."""
    return tagging.owner(item.get(field) or {}) == context.naming.owner


def arn(context: Context, path: str) -> str:
    """Of something of API Gateway
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html)."""
    naming = context.naming
    return f"arn:{naming.partition}:apigateway:{naming.region}::{path}"


def execution_arn(context: Context, id_: str) -> str:
    return context.naming.arn("execute-api", id_)


def users(uris: Iterable[str | None]) -> tuple[str, ...]:
    """Addresses of the functions and aliases that are in ``uris``."""
    found = set()
    for uri in uris:
        for name, qualifier in _FUNCTION.findall(uri or ""):
            found.add(f"function:{name}")
            if qualifier:
                found.add(f"alias:{name}/{qualifier}")
    return tuple(sorted(found))
