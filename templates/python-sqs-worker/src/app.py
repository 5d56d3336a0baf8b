"""Sends the mails that wait in a queue.

Only the messages that failed are reported, and only they come again: each until the queue's
redrive policy moves it to the dead-letter queue. Any message may come twice, so that what `send`
calls should take its ID and refuse the second.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import json
import logging
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger()

TIME_FOR_ONE_MS = 2_000


@dataclass(frozen=True)
class Mail:
    id: str
    to: str
    text: str


def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    failed = []
    for record in event["Records"]:
        message_id = record["messageId"]
        try:
            # A timeout would fail the whole batch, the mails that are sent included.
            if context.get_remaining_time_in_millis() < TIME_FOR_ONE_MS:
                raise TimeoutError("no time left for this message")
            send(parse(message_id, record["body"]))
        except Exception:  # Whatever it was, it must not stop the other messages.
            logger.exception("message %s failed", message_id)
            failed.append({"itemIdentifier": message_id})
    return {"batchItemFailures": failed}


def parse(id: str, body: str) -> Mail:
    job = json.loads(body)
    return Mail(id, to=job["to"], text=f"Welcome, {job['name']}!")


def send(mail: Mail) -> None:
    """Stands for a mail service, such as `boto3.client("sesv2").send_email(...)`."""
    logger.info("to %s: %s", mail.to, mail.text)
