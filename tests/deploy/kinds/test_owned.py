"""Queues, topics, buckets, tables and streams of the manifest's own, against moto."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from lambdactl.deploy import planning
from lambdactl.deploy.account import Account
from lambdactl.deploy.desired import owned
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Ref, Resource, resolve
from lambdactl.errors import AwsError, TakenError
from lambdactl.manifest.model import App
from tests.deploy.conftest import REGION, TestClock
from tests.deploy.steps import Taken, deployed, destroyed, wanted_of

pytestmark = pytest.mark.aws

APP = """\
service: shop
functions:
  hello: {{runtime: python3.13, handler: app.handler, code: .}}
resources: {resources}
"""
KEY = f"arn:aws:kms:{REGION}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def context(
    app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> Callable[..., Context]:
    def make(resources: str) -> Context:
        return context_of(app_of(APP.format(resources=resources)))

    return make


def wanted(context: Context) -> list[Resource]:
    return list(owned.resources(wanted_of(context)))


def changed(context: Context) -> Taken:
    """The one step that it takes; it is an update."""
    (step,) = deployed(context, wanted(context))
    assert step.action == "update"
    return step


# Queues


def queue(context: Context, name: str) -> dict[str, str]:
    sqs = context.account.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
        "Attributes"
    ]
    return found


def test_a_queue(context: Callable[..., Context]) -> None:
    here = context("{queues: {jobs: {dead_letter: failed, max_receives: 5, delay: 9}, failed: {}}}")
    resources = {one.name: one for one in wanted(here)}
    assert resources["jobs"].needs == ("queue:failed",)
    deployed(here, [resources["failed"], resources["jobs"]])
    assert queue(here, "jobs")["DelaySeconds"] == "9"
    assert '"maxReceiveCount": 5' in queue(here, "jobs")["RedrivePolicy"].replace('":5', '": 5')
    here = context("{queues: {jobs: {visibility_timeout: 2m, retention: 1d}, failed: {}}}")
    step = changed(here)
    assert {path.partition(".")[0] for path in step.changed} == {
        "visibility_timeout_s",
        "retention_s",
        "delay_s",
        "redrive",
    }
    found = queue(here, "jobs")
    assert (found["VisibilityTimeout"], found["DelaySeconds"]) == ("120", "0")
    assert not found.get("RedrivePolicy")
    destroyed(here, "queue")
    assert here.account.client("sqs").list_queues().get("QueueUrls", []) == []


def test_a_fifo_queue(context: Callable[..., Context]) -> None:
    here = context("{queues: {jobs: {fifo: true}}}")
    deployed(here, wanted(here))
    here = context("{queues: {jobs: {fifo: true, deduplication: true}}}")
    assert changed(here).changed == {"deduplication"}
    assert queue(here, "jobs.fifo")["ContentBasedDeduplication"] == "true"


def test_a_queue_with_a_key(context: Callable[..., Context]) -> None:
    here = context(f"{{queues: {{jobs: {{kms_key: '{KEY}'}}}}}}")
    deployed(here, wanted(here))
    assert queue(here, "jobs")["KmsMasterKeyId"] == KEY
    here = context("{queues: {jobs: {}}}")
    assert changed(here).changed == {"kms_key"}
    assert queue(here, "jobs")["SqsManagedSseEnabled"] == "true"


def test_a_queue_hides_messages_six_times_as_long_as_its_functions_take(
    app_of: Callable[..., App], context_of: Callable[[App], Context]
) -> None:
    here = context_of(
        app_of("""\
service: shop
functions:
  slow:
    {runtime: python3.13, handler: app.handler, code: ., timeout: 2m,
     triggers: [sqs: {queue: jobs, window: 10s, batch_size: 20}]}
  quick:
    {runtime: python3.13, handler: app.handler, code: ., triggers: [sqs: {queue: jobs}]}
resources: {queues: {jobs: {}, other: {}}}
""")
    )
    found = {one.name: one for one in wanted(here)}
    assert found["jobs"].properties["visibility_timeout_s"] == 730
    assert found["other"].properties["visibility_timeout_s"] == 30
    assert found["jobs"].function is None


# Topics


def test_a_topic(context: Callable[..., Context]) -> None:
    here = context(f"{{topics: {{orders: {{display_name: Orders, kms_key: '{KEY}'}}}}}}")
    deployed(here, wanted(here))
    here = context("{topics: {orders: {}}}")
    assert changed(here).changed == {"display_name", "kms_key"}
    destroyed(here, "topic")
    assert here.account.client("sns").list_topics()["Topics"] == []


def test_a_fifo_topic(context: Callable[..., Context]) -> None:
    here = context("{topics: {orders: {fifo: true, deduplication: true}}}")
    deployed(here, wanted(here))
    arn = f"arn:aws:sns:{REGION}:{here.account.id}:orders.fifo"
    attributes = here.account.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    assert attributes["ContentBasedDeduplication"] == "true"


# Buckets


def test_a_bucket(context: Callable[..., Context]) -> None:
    here = context("{buckets: {shop-photos: {}}}")
    deployed(here, wanted(here))
    here = context("{buckets: {shop-photos: {versioned: true, force_delete: true}}}")
    assert changed(here).changed == {"versioned", "force_delete"}
    here = context("{buckets: {shop-photos: {}}}")
    deployed(here, wanted(here))
    status = here.account.client("s3").get_bucket_versioning(Bucket="shop-photos")["Status"]
    assert status == "Suspended"
    destroyed(here, "bucket")
    assert here.account.client("s3").list_buckets()["Buckets"] == []
    assert parameters(here) == []


def test_a_bucket_with_objects_stays(context: Callable[..., Context]) -> None:
    here = context("{buckets: {shop-photos: {versioned: true}}}")
    deployed(here, wanted(here))
    s3 = here.account.client("s3")
    for body in (b"one", b"two"):
        s3.put_object(Bucket="shop-photos", Key="a", Body=body)
    s3.delete_object(Bucket="shop-photos", Key="a")
    with pytest.raises(AwsError, match="shop-photos has objects, and stays"):
        destroyed(here, "bucket")
    here = context("{buckets: {shop-photos: {versioned: true, force_delete: true}}}")
    assert changed(here).changed == {"force_delete"}
    destroyed(here, "bucket")
    assert s3.list_buckets()["Buckets"] == []


def test_a_bucket_whose_making_broke_off_is_ours(context: Callable[..., Context]) -> None:
    """Killed between the call that makes it and the one that tags it: moto keeps no tags of the
    first."""
    here = context("{buckets: {shop-photos: {}}}")
    kill_after(here, "s3", "CreateBucket", wanted(here)[0])
    assert parameters(here) == ["/lambdactl/shop/default/claims/bucket/shop-photos"]
    (step,) = deployed(here, wanted(here))
    assert step.action == "update"
    assert parameters(here) == []


def test_somebody_elses_bucket_is_theirs(context: Callable[..., Context]) -> None:
    here = context("{buckets: {shop-photos: {}}}")
    here.account.client("s3").create_bucket(
        Bucket="shop-photos", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    live = kinds()["bucket"].read(here, "shop-photos")
    assert live is not None
    assert live.owner is None


def test_a_bucket_of_another_region_is_told_from_ours(
    context: Callable[..., Context], clock: TestClock
) -> None:
    """S3 wants no name of the first Region."""
    here = context("{buckets: {shop-photos: {}}}")
    account = Account(boto3.Session(region_name="us-east-1"), clock)
    naming = dataclasses.replace(here.naming, region="us-east-1")
    deployed(Context(account, naming), wanted(here))
    with pytest.raises(TakenError, match="service shop, stage default, in us-east-1"):
        planning.plan(here, wanted(here))
    destroyed(here, "bucket")
    assert len(here.account.client("s3").list_buckets()["Buckets"]) == 1


# Tables


def test_a_table(context: Callable[..., Context]) -> None:
    here = context(
        "{tables: {orders: {partition_key: id, sort_key: at, attributes: {at: number}, "
        "indexes: {by_mail: {partition_key: mail, sort_key: at}}}}}"
    )
    deployed(here, wanted(here))
    here = context(
        "{tables: {orders: {partition_key: id, sort_key: at, attributes: {at: number}, ttl: end, "
        "stream: keys_only, point_in_time_recovery: true, protected: true, tags: {team: a}, "
        "indexes: {by_mail: {partition_key: mail}, by_end: {partition_key: end}}}}}"
    )
    assert {path.partition(".")[0] for path in changed(here).changed} == {
        "stream",
        "ttl",
        "indexes",
        "point_in_time_recovery",
        "protected",
        "tags",
    }
    live = kinds()["table"].read(here, "orders")
    assert live is not None
    assert "/stream/" in live.outputs["stream_arn"]
    here = context(
        "{tables: {orders: {partition_key: id, sort_key: at, attributes: {at: number}}}}"
    )
    changed(here)
    live = kinds()["table"].read(here, "orders")
    assert live is not None
    assert "stream_arn" not in live.outputs
    destroyed(here, "table")
    assert here.account.client("dynamodb").list_tables()["TableNames"] == []


def test_who_reads_a_stream_changes_with_the_stream_alone(context: Callable[..., Context]) -> None:
    def steps(settings: str, *, take: bool = True) -> list[str]:
        table = f"{{partition_key: id, {settings}}}"
        here = context(f"{{tables: {{orders: {table}}}, topics: {{t: {{}}}}}}")
        topic, orders = wanted(here)
        stream = {"display_name": Ref(orders.address, "stream_arn")}
        reader = dataclasses.replace(topic, properties={**topic.properties, **stream})
        plan = planning.plan(here, [orders, reader])
        if take:
            deployed(here, [orders])
            live = kinds()["table"].read(here, orders.name)
            assert live is not None
            known = resolve(reader.properties, {orders.address: live.outputs})
            deployed(here, [dataclasses.replace(reader, properties=known)])
        return [step.id for step in plan.steps]

    assert steps("stream: new_image") == ["create table:orders", "create topic:t"]
    assert steps("stream: new_image, ttl: end") == ["update table:orders"]
    assert steps("stream: new_image, ttl: end") == []
    # moto begins no second stream.
    another = steps("stream: keys_only, ttl: end", take=False)
    assert another == ["update table:orders", "update topic:t"]


def test_another_key_is_another_table(context: Callable[..., Context]) -> None:
    here = context("{tables: {orders: {partition_key: id}}}")
    deployed(here, wanted(here))
    here = context("{tables: {orders: {partition_key: id, attributes: {id: number}}}}")
    (step,) = deployed(here, wanted(here))
    assert step.action == "replace"


# Streams


def test_a_stream(context: Callable[..., Context]) -> None:
    here = context("{streams: {clicks: {}}}")
    deployed(here, wanted(here))
    here = context("{streams: {clicks: {shards: 1, retention: 48h, tags: {team: a}}}}")
    assert {path.partition(".")[0] for path in changed(here).changed} == {
        "shards",
        "retention_h",
        "tags",
    }
    here = context("{streams: {clicks: {shards: 5}}}")
    changed(here)
    summary = here.account.client("kinesis").describe_stream_summary(StreamName="clicks")
    stream = summary["StreamDescriptionSummary"]
    assert (stream["OpenShardCount"], stream["RetentionPeriodHours"]) == (5, 24)
    destroyed(here, "stream")
    assert here.account.client("kinesis").list_streams()["StreamNames"] == []
    assert parameters(here) == []


def test_a_stream_whose_making_broke_off_is_ours(context: Callable[..., Context]) -> None:
    here = context("{streams: {clicks: {}}}")
    kill_after(here, "kinesis", "CreateStream", wanted(here)[0])
    (step,) = deployed(here, wanted(here))
    assert step.action == "update"
    assert parameters(here) == []


def test_a_stream_that_left_the_manifest_is_found(context: Callable[..., Context]) -> None:
    here = context("{streams: {clicks: {}}}")
    deployed(here, wanted(here))
    destroyed(context("{}"), "stream")
    assert here.account.client("kinesis").list_streams()["StreamNames"] == []


# All of them

ONE_OF_EACH = {
    "queue": "{queues: {one: {tags: {team: %s}}}}",
    "topic": "{topics: {one: {tags: {team: %s}}}}",
    "bucket": "{buckets: {shop-one: {tags: {team: %s}}}}",
    "table": "{tables: {one: {partition_key: id, tags: {team: %s}}}}",
    "stream": "{streams: {one: {tags: {team: %s}}}}",
}


@pytest.mark.parametrize("kind", ONE_OF_EACH)
def test_tags_of_the_user(kind: str, context: Callable[..., Context]) -> None:
    here = context(ONE_OF_EACH[kind] % "a, cost: b")
    deployed(here, wanted(here))
    here = context(ONE_OF_EACH[kind] % "c")
    assert changed(here).changed == {"tags.team", "tags.cost"}
    live = kinds()[kind].read(here, wanted(here)[0].name)
    assert live is not None
    assert live.properties["tags"] == {"team": "c"}


@pytest.mark.parametrize("kind", ONE_OF_EACH)
def test_what_is_made_twice_is_there_once(kind: str, context: Callable[..., Context]) -> None:
    """The answer to the first call got lost, and the step is tried again."""
    here = context(ONE_OF_EACH[kind] % "a")
    (resource,) = wanted(here)
    assert kinds()[kind].create(here, resource) == kinds()[kind].create(here, resource)
    assert deployed(here, [resource]) == []


def parameters(context: Context) -> list[str]:
    found = context.account.client("ssm").describe_parameters()["Parameters"]
    return [one["Name"] for one in found]


class Killed(BaseException):
    """What no code goes on from."""


def kill_after(context: Context, service: str, operation: str, resource: Resource) -> None:
    """Deploy until the answer to a call."""

    def kill(**_: Any) -> None:
        raise Killed

    events = context.account.client(service).meta.events
    events.register(f"after-call.{service}.{operation}", kill)
    with pytest.raises(Killed):
        kinds()[resource.kind].create(context, resource)
    events.unregister(f"after-call.{service}.{operation}", kill)
