"""The tags of what is ours: who owns it, what it was last deployed as, and what the user put on it.

One listing by tags finds everything of a service and stage in a Region, whatever it is
(https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html). It
runs behind what was just made or deleted by a moment, so whoever uses it adds the names that it
knows, and looks at each before it believes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lambdactl.deploy.model import HASH, SERVICE, STAGE, Context, Resource

PREFIX = "lambdactl:"
"""How keys of tags begin that are lambdactl's own."""
_NOT_THE_USERS = (PREFIX, "aws:")
_UNFINISHED = "-"
_SERVICES = (
    "config:config-rule",
    "dynamodb",
    "ecr:repository",
    "elasticloadbalancing:listener-rule",
    "elasticloadbalancing:targetgroup",
    "events:rule",
    "kinesis",
    "lambda:function",
    "logs",
    "s3",
    "sns",
    "sqs",
)
_PAGE = 100


def owner(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """The service and stage that something is of; None: it is not lambdactl's."""
    if SERVICE not in tags or STAGE not in tags:
        return None
    return tags[SERVICE], tags[STAGE]


def deployed(tags: Mapping[str, str]) -> str | None:
    """The digest of what it was last deployed as; None: it is not known, or work on it broke
    off."""
    found = tags.get(HASH)
    return found if found != _UNFINISHED else None


def users(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that are the user's: neither lambdactl's nor AWS's."""
    return {key: value for key, value in tags.items() if not key.startswith(_NOT_THE_USERS)}


def of(context: Context, resource: Resource) -> dict[str, str]:
    """All tags that ``resource`` has when it is as it should be."""
    given = resource.properties.get("tags") or {}
    return {**given, **context.naming.tags(resource.digest)}


def begun(context: Context, resource: Resource) -> dict[str, str]:
    """The tags of something that takes more than one call to make or change, before the last: it
    is not what it was deployed as, and whoever finds it so has to finish it."""
    return {**of(context, resource), HASH: _UNFINISHED}


def unfinished(properties: Iterable[str]) -> dict[str, Any]:
    """What stands for properties while work on something broke off: none of them is as it should
    be, whatever it is, so that a plan has a step that finishes it."""
    return dict.fromkeys(properties, "unfinished")


def gone(live: Mapping[str, str], wanted: Mapping[str, Any]) -> list[str]:
    """Keys of the user's tags that there are and should not be.

    >>> gone({"team": "a", "lambdactl:stage": "prod", "cost": "b"}, {"team": "a"})
    ['cost']
    """
    return sorted(set(users(live)) - set(wanted))


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """``tags`` as most services take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def mapping(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags as most services answer them."""
    return {tag["Key"]: tag["Value"] for tag in given}


def arns(context: Context, service: str) -> Iterator[str]:
    """ARNs of what the service and stage of ``context.naming`` own of one service of AWS
    (``sqs``), by their tags."""
    for arn in context.account.once("tagged", lambda: _all(context)):
        if arn.split(":")[2] == service:
            yield arn


def names(context: Context, service: str, section: str) -> list[str]:
    """Names in AWS of all that may be ours of one service: by tags, and those of the section of the
    manifest (``queues``), which the listing may not know yet. Whoever asks looks at the owner."""
    naming = context.naming
    found = {re.split("[:/]", arn)[-1] for arn in arns(context, service)}
    own = getattr(naming.app.resources, section)
    return sorted(found | {naming.owned_name(section, key) for key in own})


def _all(context: Context) -> tuple[str, ...]:
    filters = [{"Key": key, "Values": [value]} for key, value in context.naming.tags().items()]
    pages = context.account.client("resourcegroupstaggingapi").get_paginator("get_resources")
    return tuple(
        one["ResourceARN"]
        for page in pages.paginate(
            TagFilters=filters,
            ResourceTypeFilters=list(_SERVICES),
            ResourcesPerPage=_PAGE,
        )
        for one in page["ResourceTagMappingList"]
    )
