"""Saves the clicks of a stream.

The records of a shard come in order. One that can't be read is set aside: no retry would help it,
and after the last retry Lambda would give up the rest of the batch too. At one that can't be
saved the function stops and reports it: Lambda takes those before it as done, and comes again
from there on.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

import base64
import json
import logging
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger()


@dataclass(frozen=True)
class Click:
    id: str
    user: str
    page: str


def handler(event: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    for record in event["Records"]:
        number = record["kinesis"]["sequenceNumber"]
        try:
            click = parse(record["eventID"], record["kinesis"]["data"])
        except ValueError as error:
            logger.warning("record %s is set aside: %s", number, error)
            continue
        try:
            save(click)
        except Exception:
            logger.exception("record %s can't be saved", number)
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}


def parse(id: str, data: str) -> Click:
    """Lambda hands the data over in base64."""
    match json.loads(base64.b64decode(data)):
        case {"user": str(user), "page": str(page)}:
            return Click(id, user, page)
    raise ValueError("a click has a `user` and a `page`")


def save(click: Click) -> None:
    """Stands for a database. A record may come twice: `click.id` is then the same."""
    logger.info("%s saw %s", click.user, click.page)
