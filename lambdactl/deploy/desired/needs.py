"""What has to be there before a part of a function can be, where its properties do not say."""

from __future__ import annotations

from collections.abc import Iterator

from lambdactl.deploy.desired import Wanted
from lambdactl.manifest.model import Destination

_SECTIONS = {"sqs": "queues", "sns": "topics", "s3": "buckets"}
_KINDS = {
    "queues": "queue",
    "topics": "topic",
    "buckets": "bucket",
    "tables": "table",
    "streams": "stream",
}


def role(wanted: Wanted, function: str) -> Iterator[str]:
    """The address of the function's role, where it is lambdactl's: Lambda checks what it may do
    when it is told of a queue, a stream or a destination."""
    given = wanted.app.functions[function].role
    if given is None or given.arn is None:
        yield f"role:{wanted.naming.role(function)}"


def owned(wanted: Wanted, section: str, name: str) -> Iterator[str]:
    """The address of ``name``, where it is of ``resources.<section>``."""
    if wanted.naming.is_owned(section, name):
        yield f"{_KINDS[section]}:{wanted.naming.owned_name(section, name)}"


def destination(wanted: Wanted, target: Destination | None) -> Iterator[str]:
    """The address of a destination that is deployed, too."""
    if target is None or target.is_arn:
        return
    if target.kind == "lambda":
        if target.target in wanted.app.functions:
            yield f"function:{wanted.naming.function(target.target)}"
    elif target.kind in _SECTIONS:
        yield from owned(wanted, _SECTIONS[target.kind], target.target)
