"""Tags as services of AWS that take them as lists have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lambdactl.deploy.model import HASH, SERVICE, STAGE, Context, Resource


def listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """
    >>> listed({"a": "1"})
    [{'Key': 'a', 'Value': '1'}]
    """
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def mapped(tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {str(tag["Key"]): str(tag.get("Value") or "") for tag in tags}


def ours(context: Context, resource: Resource) -> list[dict[str, str]]:
    """The tags of something of ours that is to be as ``resource`` is."""
    return listed(context.naming.tags(resource.digest))


def owner(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """Whose something with these tags is."""
    return (tags[SERVICE], tags[STAGE]) if SERVICE in tags and STAGE in tags else None


def digest(tags: Mapping[str, str]) -> str | None:
    return tags.get(HASH)
