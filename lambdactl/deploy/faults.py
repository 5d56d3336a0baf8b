"""What AWS answers when it says no, for code that goes on from there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


def code(error: BaseException) -> str:
    """AWS's word for what went wrong (``ResourceNotFoundException``); "" for anything else."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return ""
    return str(response.get("Error", {}).get("Code", ""))


def message(error: BaseException) -> str:
    """AWS's own sentence."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return str(error)
    return str(response.get("Error", {}).get("Message") or response.get("Message") or error)


@contextlib.contextmanager
def allowed(*codes: str) -> Iterator[None]:
    """Take one of these answers as an end of the block.

    >>> with allowed("ResourceNotFoundException"):
    ...     pass
    """
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if code(error) not in codes:
            raise
