"""Making an event: parameters, seeds, times, records, events inside events."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl import events
from lambdactl.errors import UserError


def s3(event: str = "put", **params: Any) -> dict[str, Any]:
    record = events.generate("s3", event, params=params)["Records"][0]
    assert isinstance(record, dict)
    return record


def test_a_service_alone_is_its_usual_event() -> None:
    assert events.generate("s3", seed=1) == events.generate("s3", "put", seed=1)
    assert events.generate("s3:put", seed=1) == events.generate("s3", "put", seed=1)


def test_names_of_aws_and_of_sam_are_understood() -> None:
    assert s3("ObjectRemoved:Delete")["eventName"] == "ObjectRemoved:Delete"
    assert events.generate("s3:ObjectCreated:Copy")["Records"][0]["eventName"] == (
        "ObjectCreated:Copy"
    )
    assert events.generate("sqs", "receive-message")["Records"][0]["eventSource"] == "aws:sqs"
    assert events.generate("apigateway", "aws-proxy")["resource"]
    assert events.generate("apigateway", "http-api-proxy")["version"] == "2.0"
    assert events.generate("cloudwatch", "scheduled-event")["detail-type"] == "Scheduled Event"


def test_split_name() -> None:
    assert events.split_name("s3:put") == ("s3", "put")
    assert events.split_name("s3") == ("s3", None)
    for wrong in ("", ":put", "s3:"):
        with pytest.raises(UserError):
            events.split_name(wrong)


def test_without_a_seed_times_are_now_and_values_differ() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    first, second = s3(), s3()
    when = datetime.fromisoformat(first["eventTime"])
    assert before <= when <= datetime.now(UTC)
    assert first["responseElements"] != second["responseElements"]


def test_seed_leaves_other_values_alone_when_an_option_is_given() -> None:
    plain = events.generate("s3", seed=4)["Records"][0]
    other = events.generate("s3", seed=4, params={"bucket": "b", "principal": "x"})["Records"][0]
    assert plain["responseElements"] == other["responseElements"]
    assert plain["eventTime"] == other["eventTime"]


def test_seed_is_the_same_in_another_process() -> None:
    code = "import json, lambdactl.events as e; print(json.dumps(e.generate('s3', seed=9)))"
    output = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "17"},
    ).stdout
    assert json.loads(output) == events.generate("s3", seed=9)


def test_s3_key_is_encoded_as_s3_does() -> None:
    record = s3(key="my photos/red flower+1 (ü).jpg", bucket="b")
    assert record["s3"]["object"]["key"] == "my+photos/red+flower%2B1+%28%C3%BC%29.jpg"
    assert record["s3"]["bucket"]["arn"] == "arn:aws:s3:::b"


def test_s3_content_gives_size_and_etag() -> None:
    thing = s3(content="naïve")["s3"]["object"]
    assert thing["size"] == 6
    assert thing["eTag"] == hashlib.md5("naïve".encode()).hexdigest()
    empty = s3(size=0)["s3"]["object"]
    assert (empty["size"], empty["eTag"]) == (0, "d41d8cd98f00b204e9800998ecf8427e")
    assert len(s3(size=5 * 1024**4)["s3"]["object"]["eTag"]) == 32


def test_s3_multipart_etag_is_the_digest_of_digests() -> None:
    thing = s3("multipart", content="abc")["s3"]["object"]
    inner = hashlib.md5(b"abc").digest()
    assert thing["eTag"] == hashlib.md5(inner).hexdigest() + "-1"
    assert s3("multipart", size=20 * 1024**2)["s3"]["object"]["eTag"].endswith("-3")


def test_s3_sequencer_grows() -> None:
    rows = events.generate("s3", records=3, seed=1)["Records"]
    numbers = [row["s3"]["object"]["sequencer"] for row in rows]
    assert numbers == sorted(set(numbers))


def test_partition_follows_the_region_and_region_the_partition() -> None:
    queue = "eventSourceARN"
    china = events.generate("sqs", params={"region": "cn-northwest-1"})["Records"][0]
    assert china[queue].startswith("arn:aws-cn:sqs:cn-northwest-1:")
    gov = events.generate("sqs", params={"partition": "aws-us-gov"})["Records"][0]
    assert gov[queue].startswith("arn:aws-us-gov:sqs:us-gov-west-1:")
    both = {"region": "eu-west-1", "partition": "aws-cn"}
    odd = events.generate("sqs", params=both)["Records"][0]
    assert odd[queue].startswith("arn:aws-cn:sqs:eu-west-1:")
    api = events.generate("apigateway", "http", params={"region": "cn-north-1"})
    assert api["requestContext"]["domainName"].endswith(".execute-api.cn-north-1.amazonaws.com.cn")


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"size": "many"}, "--size takes an integer, not 'many'"),
        ({"size": -1}, "--size takes 0 or more, not -1"),
        ({"account": "12"}, "--account takes an account of twelve digits, not '12'"),
        ({"region": "Mars"}, "--region takes a region, not 'Mars'"),
        ({"partition": "aws-ch"}, "did you mean `aws-cn`?"),
        ({"time": "noon"}, "--time takes a time in ISO 8601, not 'noon'"),
        ({"time": "9999-12-31"}, "--time takes a time of the years 1971 to 2099"),
        ({"bukcet": "b"}, "did you mean `bucket`?"),
        ({"bucket": True}, "--bucket takes a string, not True"),
        ({"size": 1, "content": "a"}, "--size and --content exclude each other"),
    ],
)
def test_bad_parameters_are_named(params: dict[str, Any], text: str) -> None:
    with pytest.raises(UserError) as caught:
        events.generate("s3", params=params)
    assert text in str(caught.value)


@pytest.mark.parametrize("raw", ["x", "5", "[]", '{"a": 1e999}', ""])
def test_an_object_is_an_object(raw: str) -> None:
    with pytest.raises(UserError, match="--item takes a JSON object"):
        events.generate("dynamodb", params={"item": raw})
    with pytest.raises(UserError, match="no key attribute"):
        events.generate("dynamodb", params={"item": "{}"})


def test_choices_are_offered() -> None:
    with pytest.raises(UserError, match="did you mean `GLACIER`"):
        events.generate("s3", "restore-completed", params={"storage_class": "GLACIR"})
    with pytest.raises(UserError, match=r"NAME=VALUE"):
        events.generate("sqs", params={"attribute": ["x"]})


@pytest.mark.parametrize(
    ("service", "event", "hint"),
    [
        ("s4", None, "`s3`"),
        ("s3", "putt", "`put`"),
        ("sq", None, "`sqs`"),
        ("sqs", "ffo", "`fifo`"),
    ],
)
def test_unknown_names_get_the_closest(service: str, event: str | None, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        events.generate(service, event)
    assert hint in str(caught.value)


@pytest.mark.parametrize("service", ["nope", "http", "xyzzy"])
def test_a_name_like_none_gets_no_guess(service: str) -> None:
    with pytest.raises(UserError) as caught:
        events.generate(service)
    assert "did you mean" not in str(caught.value.hint)


@pytest.mark.parametrize("records", [0, -1, 10_001])
def test_records_has_limits(records: int) -> None:
    with pytest.raises(UserError, match="1 to 10,000"):
        events.generate("sqs", records=records)


def test_set_values_come_last_and_in_order() -> None:
    made = events.generate(
        "s3",
        set_values=[("Records.0.s3.object.size", "7"), ("Records.0.s3.object", {"key": "k"})],
    )
    assert made["Records"][0]["s3"]["object"] == {"key": "k"}


def test_sqs_carries_an_event_and_the_digest_is_of_it() -> None:
    made = events.generate(
        "sqs", params={"bucket": "b", "queue": "q", "region": "eu-west-1"}, carry=["s3"], records=2
    )
    bodies = [row["body"] for row in made["Records"]]
    assert bodies[0] != bodies[1]
    for row in made["Records"]:
        inner = json.loads(row["body"])["Records"][0]
        assert inner["s3"]["bucket"]["name"] == "b"
        assert inner["awsRegion"] == row["awsRegion"] == "eu-west-1"
        assert row["md5OfBody"] == hashlib.md5(row["body"].encode()).hexdigest()
        sent = datetime.fromtimestamp(int(row["attributes"]["SentTimestamp"]) / 1000, UTC)
        assert datetime.fromisoformat(inner["eventTime"]) <= sent


def test_carrying_needs_a_place_for_it() -> None:
    with pytest.raises(UserError, match="can't carry"):
        events.generate("s3", carry=["sqs"])
    with pytest.raises(UserError, match="--from and --body exclude"):
        events.generate("sqs", carry=["s3"], params={"body": "x"})


def test_sqs_attributes_have_their_digest() -> None:
    """The digest that boto3's own stub of SQS documents for one attribute, computed by hand."""
    row = events.generate("sqs", params={"attribute": {"colour": "red"}})["Records"][0]
    encoded = (
        b"\0\0\0\6colour" + b"\0\0\0\6String" + b"\1" + b"\0\0\0\3red"
    )  # fmt: skip
    assert row["md5OfMessageAttributes"] == hashlib.md5(encoded).hexdigest()
    assert row["messageAttributes"]["colour"]["stringValue"] == "red"


def test_fifo_messages_are_in_order() -> None:
    rows = events.generate("sqs", "fifo", records=3, seed=1)["Records"]
    numbers = [int(row["attributes"]["SequenceNumber"]) for row in rows]
    assert numbers == sorted(set(numbers))
    assert all(row["eventSourceARN"].endswith(".fifo") for row in rows)
    body = rows[0]["body"].encode()
    assert rows[0]["attributes"]["MessageDeduplicationId"] == hashlib.sha256(body).hexdigest()


def test_rest_request_is_told_once() -> None:
    made = events.generate(
        "apigateway",
        params={
            "resource": "/photos/{id}",
            "path": "/photos/7",
            "method": "POST",
            "query": ["a=1", "a=2", "b=x y"],
            "header": ["X-One=1", "X-One=2", "User-Agent=me"],
            "body": "hé",
            "base64": True,
        },
    )
    assert made["pathParameters"] == {"id": "7"}
    assert made["queryStringParameters"] == {"a": "2", "b": "x y"}
    assert made["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["x y"]}
    assert made["multiValueHeaders"]["X-One"] == ["1", "2"]
    assert made["headers"]["X-One"] == "2"
    context = made["requestContext"]
    assert context["identity"]["userAgent"] == made["headers"]["User-Agent"] == "me"
    assert context["identity"]["sourceIp"] == made["headers"]["X-Forwarded-For"]
    assert context["path"] == "/Prod/photos/7"
    assert context["domainName"] == made["headers"]["Host"]
    assert (made["body"], made["isBase64Encoded"]) == ("aMOp", True)
    when = datetime.strptime(context["requestTime"], "%d/%b/%Y:%H:%M:%S %z")
    assert int(when.timestamp()) == context["requestTimeEpoch"] // 1000


def test_http_request_is_told_once() -> None:
    made = events.generate(
        "apigateway",
        "http",
        params={
            "route": "GET /photos/{id}/{rest+}",
            "path": "/photos/7/a/b",
            "stage": "dev",
            "query": {"a": ["1", "2"], "b": "x y"},
            "cookie": ["a=1", "b=2"],
        },
    )
    assert made["pathParameters"] == {"id": "7", "rest": "a/b"}
    assert made["rawPath"] == "/dev/photos/7/a/b" == made["requestContext"]["http"]["path"]
    assert made["rawQueryString"] == "a=1&a=2&b=x%20y"
    assert made["queryStringParameters"] == {"a": "1,2", "b": "x y"}
    assert made["cookies"] == ["a=1", "b=2"]
    assert "body" not in made


@given(key=st.text(min_size=1))
def test_any_key_survives_the_encoding(key: str) -> None:
    from urllib.parse import unquote_plus

    try:
        key.encode()
    except UnicodeEncodeError:
        return
    encoded = s3(key=key)["s3"]["object"]["key"]
    assert encoded.isascii()
    assert unquote_plus(encoded) == key
