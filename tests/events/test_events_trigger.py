"""The event that a trigger of the manifest implies, and what it takes from the trigger."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl import events
from lambdactl.errors import UserError
from lambdactl.events.patterns import matching_value
from lambdactl.events.trigger import KINDS
from lambdactl.manifest.loading import load

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"
CLUSTER = "arn:aws:kafka:eu-west-1:111122223333:cluster/sales/abcd-4"
BROKER = "arn:aws:mq:eu-west-1:111122223333:broker:rabbits:b-12"
STREAM = "arn:aws:dynamodb:us-west-2:111122223333:table/photos/stream/2015-06-27T00:48:05.899"
HOST = ({"type": "virtual_host", "uri": "/v"},)


def make(kind: str, **settings: Any) -> tuple[str, Any]:
    event = events.implied(kind, settings)
    assert event is not None
    return event.full_name, events.generate_implied(event, seed=1)


def s3(**settings: Any) -> tuple[str, Any]:
    name, event = make("s3", **{"bucket": "photos", "events": ("s3:ObjectCreated:*",), **settings})
    return name, event["Records"][0]["s3"]


def test_s3() -> None:
    name, thing = s3(prefix="in/", suffix=".jpg")
    assert name == "s3:put"
    assert thing["bucket"]["name"] == "photos"
    assert thing["object"]["key"].startswith("in/")
    assert thing["object"]["key"].endswith(".jpg")


def test_every_s3_event_of_the_manifest_is_in_the_catalog() -> None:
    import json

    from lambdactl.manifest import loading

    path = loading.__file__.replace("loading.py", "schema.json")
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)["$defs"]
    for name in schema["s3"]["properties"]["events"]["items"]["anyOf"][0]["enum"]:
        made = make("s3", bucket="b", events=(name,))[1]["Records"][0]
        assert made["eventName"].startswith(name.removeprefix("s3:").removesuffix("*"))
    for name in schema["cognito"]["properties"]["events"]["items"]["anyOf"][0]["enum"]:
        user = make("cognito", user_pool="eu-west-1_aB3", events=(name,))[1]
        assert (user["userPoolId"], user["region"]) == ("eu-west-1_aB3", "eu-west-1")
    assert {*schema["trigger"]["properties"], "url"} == KINDS


def test_queues_topics_and_streams_by_name_or_arn() -> None:
    name, event = make("sqs", queue="jobs.fifo")
    assert name == "sqs:fifo"
    assert event["Records"][0]["eventSourceARN"].endswith(":jobs.fifo")
    queue = "arn:aws-cn:sqs:cn-north-1:111122223333:jobs"
    record = make("sqs", queue=queue)[1]["Records"][0]
    assert (record["eventSourceARN"], record["awsRegion"]) == (queue, "cn-north-1")
    topic = "arn:aws:sns:eu-west-1:111122223333:alerts"
    assert make("sns", topic=topic)[1]["Records"][0]["Sns"]["TopicArn"] == topic
    stream = "arn:aws:kinesis:eu-west-1:111122223333:stream/clicks"
    name, event = make("kinesis", stream=stream, tumbling_window_s=60)
    assert name == "kinesis:window"
    assert event["eventSourceARN"] == event["Records"][0]["eventSourceARN"] == stream
    assert make("dynamodb", table=STREAM)[1]["Records"][0]["eventSourceARN"] == STREAM
    assert ":table/t/stream/" in make("dynamodb", table="t")[1]["Records"][0]["eventSourceARN"]


def test_kafka_mq_and_documentdb() -> None:
    name, event = make("kafka", topic="orders", cluster=CLUSTER)
    assert (name, event["eventSourceArn"], [*event["records"]]) == (
        "msk:records",
        CLUSTER,
        ["orders-0"],
    )
    name, event = make("kafka", topic="orders", bootstrap_servers=("a:1", "b:2"))
    assert (name, event["bootstrapServers"]) == ("kafka:records", "a:1,b:2")
    name, event = make("mq", broker=BROKER, queue="q", access=HOST)
    assert (name, event["eventSourceArn"], [*event["rmqMessagesByQueue"]]) == (
        "mq:rabbitmq",
        BROKER,
        ["q::/v"],
    )
    name, event = make("mq", broker="b", queue="q", access=({"type": "basic_auth", "uri": SECRET},))
    assert (name, event["messages"][0]["destination"]) == ("mq:activemq", {"physicalName": "q"})
    event = make("documentdb", cluster="c", database="d", collection="e")[1]
    assert event["events"][0]["event"]["ns"] == {"db": "d", "coll": "e"}


def test_routes() -> None:
    name, event = make("http", path="/photos/{id}", method="ANY", payload="v2")
    assert (name, event["routeKey"], event["rawPath"], event["pathParameters"]) == (
        "apigateway:http",
        "ANY /photos/{id}",
        "/photos/1",
        {"id": "1"},
    )
    assert make("http", path="$default", method="ANY", payload="v1")[0] == "apigateway:http-v1"
    name, event = make("rest", path="/{proxy+}", method="POST")
    assert (name, event["resource"], event["httpMethod"]) == (
        "apigateway:rest",
        "/{proxy+}",
        "POST",
    )
    assert event["pathParameters"] == {"proxy": event["path"][1:]}
    name, event = make("websocket", route="$connect", selection="$request.body.action")
    assert (name, event["requestContext"]["eventType"]) == ("websocket:connect", "CONNECT")
    event = make("websocket", route="chat", selection="$request.body.a.b")[1]
    assert event["requestContext"]["routeKey"] == "chat"
    assert event["body"] == '{"a": {"b": "chat"}, "message": "Hello!"}'
    name, event = make("alb", path="/api/*", host="*.example.com", methods=("PUT",))
    assert (name, event["path"], event["httpMethod"], event["headers"]["host"]) == (
        "alb:request",
        "/api/",
        "PUT",
        "www.example.com",
    )
    assert make("alb", multi_value_headers=True)[0] == "alb:multi-value"
    assert make("url", auth="iam")[0] == "function-url:iam"
    assert make("url", auth="none")[0] == "function-url:request"


def test_eventbridge_patterns() -> None:
    pattern: dict[str, Any] = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": ["photos"]}, "object": {"size": [{"numeric": [">", 9]}]}},
    }
    name, event = make("eventbridge", pattern=pattern)
    assert name == "eventbridge:s3-object-created"
    assert event["detail"]["bucket"]["name"] == "photos"
    assert event["detail"]["object"]["size"] == 10
    assert event["resources"] == ["arn:aws:s3:::photos"]
    pattern = {"source": ["my.app"], "detail": {"a": [{"prefix": "x"}], "b": {"c": [1]}}}
    name, event = make("eventbridge", pattern=pattern)
    assert (name, event["source"]) == ("eventbridge:custom", "my.app")
    assert event["detail"] == {"a": "xsample", "b": {"c": 1}}
    assert make("eventbridge", pattern={"source": ["aws.ec2"]})[1]["source"] == "aws.ec2"
    assert make("eventbridge", pattern={"source": ["a"]}, input={"x": 1})[1] == {"x": 1}


def test_schedules_logs_mail_rules_and_repositories() -> None:
    name, event = make("schedule", expression="rate(1 day)", timezone="UTC", name="daily")
    assert (name, event["resources"][0].rpartition(":")[2]) == ("schedule:rule", "rule/daily")
    name, event = make("schedule", expression="cron(...)", timezone="Europe/Berlin", name="x")
    assert (name, event["source"]) == ("schedule:scheduler", "aws.scheduler")
    assert make("schedule", expression="rate(1 day)", input="hello")[1] == "hello"
    assert make("cloudwatch_logs", group="/g", name="n")[0] == "logs:data"
    assert make("iot", sql="SELECT * FROM 'a/+/b'")[1]["topic"] == "a/sensor-1/b"
    mail = make("ses", recipients=("me@example.com", "example.org"))[1]["Records"][0]["ses"]
    assert mail["receipt"]["recipients"] == ["me@example.com", "johndoe@example.org"]
    name, event = make("config", rule="r", resource_types=("AWS::S3::Bucket",))
    assert (name, event["configRuleName"]) == ("config:change", "r")
    assert ":s3:::" in event["invokingEvent"]
    assert make("config", rule="r", frequency="one_hour")[0] == "config:periodic"
    name, event = make("codecommit", repository="r", events=("create_reference",), branches=("b",))
    assert (name, event["Records"][0]["codecommit"]["references"][0]["ref"]) == (
        "codecommit:create",
        "refs/heads/b",
    )
    assert make("cognito", user_pool="p", events=("pre_token_generation",), version="v2")[0] == (
        "cognito:pre-token-generation-v2"
    )


def test_a_kind_that_is_not_known_implies_nothing() -> None:
    assert events.implied("carrier-pigeon", {}) is None


def test_options_come_before_the_trigger() -> None:
    event = events.implied("sqs", {"queue": "jobs"})
    assert event is not None
    made = events.generate_implied(event, params={"queue": "other"}, records=2)
    assert made["Records"][1]["eventSourceARN"].endswith(":other")
    made = events.generate_implied(event, carry=["s3"], set_values=[("Records.0.awsRegion", "x")])
    assert made["Records"][0]["awsRegion"] == "x"
    assert made["Records"][0]["body"].startswith('{"Records"')
    fixed = events.implied("schedule", {"expression": "rate(1 day)", "input": {}})
    assert fixed is not None
    assert events.generate_implied(fixed, set_values=[("a", "1")]) == {"a": 1}
    with pytest.raises(UserError, match="input of its own"):
        events.generate_implied(fixed, params={"rule": "x"})


def test_choose() -> None:
    first = events.implied("sqs", {"queue": "jobs"})
    second = events.implied("s3", {"bucket": "b", "events": ("s3:ObjectCreated:*",)})
    assert first is not None
    assert second is not None
    found = [first, second]
    assert events.choose(found, (), "f") is first
    assert events.choose(found, ("s3",), "f") is second
    other = events.choose(found, ("s3", "ObjectRemoved:Delete"), "f")
    assert (other.event, other.params) == ("delete", second.params)
    with pytest.raises(UserError, match="no trigger of sns"):
        events.choose(found, ("sns",), "f")
    with pytest.raises(UserError, match="no trigger to make"):
        events.choose([], (), "f")


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ({"a": ["x", "y"]}, {"a": "x"}),
        ({"a": [{"suffix": {"equals-ignore-case": ".png"}}]}, {"a": "sample.png"}),
        ({"a": [{"equals-ignore-case": "X"}]}, {"a": "X"}),
        ({"a": [{"wildcard": "a*c"}]}, {"a": "axc"}),
        ({"a": [{"anything-but": ["x"]}]}, {"a": "something else"}),
        ({"a": [{"exists": False}], "b": [{"exists": True}]}, {"b": "x"}),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.0.0"}),
        ({"a": [{"numeric": ["=", 2.5]}]}, {"a": 2.5}),
        ({"a": [{"numeric": ["<", 0]}]}, {"a": -1}),
        ({"a": [{"numeric": [">=", 1, "<", 9]}]}, {"a": 1}),
        ({"a": [{"numeric": [">", 1, "<=", 9]}]}, {"a": 9}),
        ({"$or": [{"a": [1]}, {"b": [2]}], "c": [None]}, {"a": 1, "c": None}),
        ({"a": [{"unheard-of": 1}]}, {"a": "x"}),
    ],
)
def test_a_value_that_a_pattern_matches(pattern: Any, value: Any) -> None:
    assert matching_value(pattern) == value


@given(low=st.integers(-1000, 1000), width=st.integers(1, 50))
def test_a_number_is_within_its_bounds(low: int, width: int) -> None:
    value = matching_value({"n": [{"numeric": [">", low, "<", low + width]}]})["n"]
    assert low < value < low + width


def test_a_manifest_is_enough(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event\n")
    (tmp_path / "lambdactl.yaml").write_text(
        "service: t\nfunctions:\n  resize:\n    runtime: python3.11\n    handler: app.handler\n"
        "    code: .\n    triggers:\n      - s3: {bucket: photos, prefix: in/}\n"
    )
    trigger = load(tmp_path / "lambdactl.yaml").function("resize").triggers[0]
    event = events.implied(trigger.kind, trigger.settings)
    assert event is not None
    assert event.params == {"bucket": "photos", "key": "in/sample"}


def record(kind: str, pattern: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """The only record of the event of a trigger with that filter, as JSON text and as it is."""
    name, event = make(kind, filters=(json.dumps(pattern), "{}"), **settings)
    assert make(kind, filters=(pattern,), **settings) == (name, event)
    found = event.get("Records") or event.get("messages") or event.get("events")
    if found is None:
        (found,) = event["records"].values()
    (only,) = found
    assert isinstance(only, dict)
    return only


def decoded(text: str) -> Any:
    return json.loads(base64.b64decode(text))


def test_filters_of_messages() -> None:
    body = {"kind": ["order"], "lines": {"count": [{"numeric": [">", 5]}]}}
    made = record("sqs", {"body": body}, queue="jobs")
    assert json.loads(made["body"]) == {"kind": "order", "lines": {"count": 6}}
    assert made["md5OfBody"] == hashlib.md5(made["body"].encode()).hexdigest()
    assert record("sqs", {"body": ["stop"]}, queue="jobs")["body"] == "stop"
    attributes = {"messageAttributes": {"color": {"stringValue": [{"prefix": "r"}]}}}
    made = record("sqs", attributes, queue="jobs")["messageAttributes"]["color"]
    assert (made["stringValue"], made["dataType"]) == ("rsample", "String")
    access = ({"type": "basic_auth", "uri": SECRET},)
    made = record("mq", {"data": {"a": [1]}}, broker=BROKER, queue="q", access=access)
    assert decoded(made["data"]) == {"a": 1}


def test_filters_of_streams() -> None:
    pattern = {"data": {"page": ["/home"]}, "partitionKey": ["7"]}
    made = record("kinesis", pattern, stream="clicks")["kinesis"]
    assert (decoded(made["data"]), made["partitionKey"]) == ({"page": "/home"}, "7")
    pattern = {"value": {"a": [{"exists": True}]}, "key": ["k"]}
    for source in ({"cluster": CLUSTER}, {"bootstrap_servers": ("a:9092",)}):
        made = record("kafka", pattern, topic="orders", **source)
        assert (decoded(made["value"]), base64.b64decode(made["key"])) == ({"a": "x"}, b"k")
    pattern = {"event": {"operationType": ["update"], "fullDocument": {"a": ["b"]}}}
    made = record("documentdb", pattern, cluster="c", database="d")["event"]
    assert (made["operationType"], made["fullDocument"]["a"]) == ("update", "b")
    assert record("documentdb", {}, cluster="c", database="d")["event"]["operationType"] == "insert"


@pytest.mark.parametrize(
    ("pattern", "change", "shown"),
    [
        ({"eventName": ["MODIFY"]}, "MODIFY", {}),
        ({"eventName": ["REMOVE"]}, "REMOVE", {}),
        (
            {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "u#"}]}}}},
            "INSERT",
            {"Keys": {"pk": {"S": "u#sample"}}, "NewImage": {"pk": {"S": "u#sample"}}},
        ),
        (
            {"dynamodb": {"NewImage": {"size": {"N": ["5"]}, "on": {"BOOL": [True]}}}},
            "INSERT",
            {"NewImage": {"Id": {"N": "101"}, "size": {"N": "5"}, "on": {"BOOL": True}}},
        ),
        (
            {"dynamodb": {"OldImage": {"at": {"M": {"city": {"S": ["Rome"]}}}}}},
            "REMOVE",
            {"OldImage": {"Id": {"N": "101"}, "at": {"M": {"city": {"S": "Rome"}}}}},
        ),
        ({"userIdentity": {"type": ["Service"]}, "eventName": ["REMOVE"]}, "REMOVE", {}),
    ],
)
def test_filters_of_tables(pattern: dict[str, Any], change: str, shown: dict[str, Any]) -> None:
    made = record("dynamodb", pattern, table="photos")
    assert made["eventName"] == change
    assert {name: made["dynamodb"][name] for name in shown} == shown
    assert ("userIdentity" in made) is ("userIdentity" in pattern)


def test_filter_policies_of_topics() -> None:
    policy = {"color": ["red", "blue"]}
    made = make("sns", topic="t", filter=policy)[1]["Records"][0]["Sns"]
    assert made["MessageAttributes"] == {"color": {"Type": "String", "Value": "red"}}
    made = make("sns", topic="t", filter=policy, filter_scope="message_body")[1]["Records"][0]
    assert json.loads(made["Sns"]["Message"]) == {"color": "red"}


def test_the_name_of_a_user_pool_is_not_its_id() -> None:
    for pool in ("Users", "my_pool"):
        made = make("cognito", user_pool=pool, events=("pre_sign_up",))[1]["userPoolId"]
        assert made.startswith("us-east-1_")
