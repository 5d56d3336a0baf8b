"""Events inside events: ``sqs --from s3:put``, ``kinesis --from logs``, ``sqs --from sns``."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from typing import Any

import pytest

from lambdactl import events
from lambdactl.errors import UserError

EVENTS = [event for listing in events.catalog() for event in listing.events]
CARRIERS = [event for event in EVENTS if event.carrier is not None]
BINARY = {"logs:data", "logs:control"}
"""What CloudWatch Logs sends is compressed wherever it goes."""

everything = pytest.mark.parametrize("event", EVENTS, ids=[event.full_name for event in EVENTS])


def names(value: Any, found: Any) -> bool:
    """Whether ``found`` is somewhere in ``value``."""
    if value == found:
        return True
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(names(item, found) for item in items)


@everything
def test_in_kinesis_as_data(event: events.Event) -> None:
    record = events.generate("kinesis", carry=[event.full_name], seed=1)["Records"][0]
    data = base64.b64decode(record["kinesis"]["data"])
    if event.full_name in BINARY:
        inner = json.loads(gzip.decompress(data))
        assert inner["messageType"] in ("DATA_MESSAGE", "CONTROL_MESSAGE")
    else:
        assert json.loads(data) is not None


@everything
def test_in_sqs_as_text(event: events.Event) -> None:
    if event.full_name in BINARY:
        with pytest.raises(UserError, match="binary data"):
            events.generate("sqs", carry=[event.full_name])
        return
    record = events.generate("sqs", carry=[event.full_name], seed=1)["Records"][0]
    assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
    assert json.loads(record["body"]) is not None


@pytest.mark.parametrize("carrier", CARRIERS, ids=[event.full_name for event in CARRIERS])
def test_every_carrier_holds_the_event(carrier: events.Event) -> None:
    assert carrier.carrier is not None
    made = events.generate(
        carrier.service, carrier.name, carry=["s3:put"], params={"bucket": "inside"}, seed=1
    )
    if carrier.carrier.form == "data":
        texts = [base64.b64decode(text).decode() for text in _strings(made) if len(text) > 400]
    else:
        texts = [text for text in _strings(made) if '"Records"' in text]
    inner = [json.loads(text) for text in texts if text.startswith('{"Records"')] or [made]
    assert names(inner[0], "arn:aws:s3:::inside")


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in _strings(item)]


def test_sns_in_sqs_is_the_message_that_sns_sends() -> None:
    made = events.generate("sqs", carry=["sns", "s3:put"], params={"topic": "t", "bucket": "b"})
    message = json.loads(made["Records"][0]["body"])
    assert message["Type"] == "Notification"
    assert message["TopicArn"].endswith(":t")
    assert message["Subject"] == "Amazon S3 Notification"
    assert {"SigningCertURL", "UnsubscribeURL"} <= {*message}
    inner = json.loads(message["Message"])["Records"][0]
    assert inner["s3"]["bucket"]["name"] == "b"
    assert inner["eventTime"] <= message["Timestamp"]


def test_eventbridge_and_lambda_take_the_event_as_it_is() -> None:
    made = events.generate("eventbridge", carry=["s3"], seed=1)
    assert made["detail"]["Records"][0]["eventSource"] == "aws:s3"
    made = events.generate("lambda:failure", carry=["sqs"], seed=1)
    assert made["requestPayload"]["Records"][0]["eventSource"] == "aws:sqs"


def test_each_record_carries_an_event_of_its_own() -> None:
    made = events.generate("msk", carry=["s3"], records=3, seed=1)["records"]["orders-0"]
    assert len({record["value"] for record in made}) == 3


def test_an_alarm_and_a_mail_have_another_form_in_sns() -> None:
    alarm = events.generate("sns", carry=["cloudwatch:alarm"], params={"alarm": "a"})
    sns = alarm["Records"][0]["Sns"]
    assert sns["Subject"] == 'ALARM: "a" in US East (N. Virginia)'
    assert json.loads(sns["Message"])["NewStateValue"] == "ALARM"
    mail = events.generate("sns", carry=["ses"])["Records"][0]["Sns"]
    assert json.loads(mail["Message"])["notificationType"] == "Received"


def test_dynamodb_has_another_form_in_kinesis() -> None:
    record = events.generate("kinesis", carry=["dynamodb:modify"])["Records"][0]
    inner = json.loads(base64.b64decode(record["kinesis"]["data"]))
    assert inner["recordFormat"] == "application/json"
    assert inner["dynamodb"]["NewImage"] != inner["dynamodb"]["OldImage"]


def test_where_it_happens_is_the_same_inside() -> None:
    where = {"region": "cn-north-1", "account": "987654321098"}
    made = json.dumps(events.generate("sqs", carry=["sns", "sqs", "dynamodb"], params=where))
    assert "us-east-1" not in made
    assert "123456789012" not in made


def test_two_options_of_one_name_are_the_outer_ones() -> None:
    made = events.generate("sqs", carry=["sqs"], params={"queue": "outer"})["Records"][0]
    assert made["eventSourceARN"].endswith(":outer")
    inner = json.loads(made["body"])["Records"][0]
    assert inner["eventSourceARN"].endswith(":jobs")
