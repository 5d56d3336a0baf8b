"""Event source mappings of every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdactl.deploy import executor, planning
from lambdactl.deploy.account import Account
from lambdactl.deploy.desired import event_sources
from lambdactl.deploy.kinds import kinds
from lambdactl.deploy.model import Context, Resource
from lambdactl.errors import UserError
from lambdactl.manifest.model import App
from tests.deploy.hanging import ROLE, Deployer, before_moto, made
from tests.deploy.lambda_parts import Parts
from tests.deploy.steps import wanted_of

pytestmark = pytest.mark.aws

CLUSTER = "arn:aws:kafka:eu-west-1:123456789012:cluster/main/6cc0432b-8618-4f44-bccc-e1fbd8fb7c4d-2"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:kafka"
BROKER = "arn:aws:mq:eu-west-1:123456789012:broker:main:b-1234"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
BARE = f"""
service: shop
functions:
  hello:
    runtime: python3.13
    handler: app.handler
    role: {ROLE}
    aliases: {{live: {{version: latest}}}}
    triggers:
"""
SOURCES: dict[str, tuple[str, str, dict[str, Any], str, dict[str, Any]]] = {
    "sqs": (
        "sqs: {queue: jobs}",
        "sqs:jobs",
        {"EventSourceArn": "arn:aws:sqs:eu-west-1:123456789012:jobs", "BatchSize": 10},
        "sqs: {queue: jobs, batch_size: 50, window: 5s, report_failures: true, "
        "enabled: false, filters: [{body: {kind: [order]}}], metrics: [event_count], "
        f"kms_key: '{KEY}', provisioned: {{min: 3, max: 9}}, tags: {{team: a}}}}",
        {
            "BatchSize": 50,
            "MaximumBatchingWindowInSeconds": 5,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "State": "Disabled",
            "FilterCriteria": {"Filters": [{"Pattern": '{"body":{"kind":["order"]}}'}]},
            "MetricsConfig": {"Metrics": ["EventCount"]},
            "KMSKeyArn": KEY,
            "ProvisionedPollerConfig": {"MinimumPollers": 3, "MaximumPollers": 9},
        },
    ),
    "kinesis": (
        "kinesis: {stream: clicks, starting_position: at_timestamp, "
        "starting_timestamp: '2026-01-31T12:00:00Z'}",
        "kinesis:clicks",
        {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1769860800},
        "kinesis: {stream: clicks, starting_position: at_timestamp, "
        "starting_timestamp: 1769860800, parallelization: 2, bisect: true, max_age: 1h, "
        "retries: 3, tumbling_window: 1m, on_failure: {queue: failed}}",
        {
            "ParallelizationFactor": 2,
            "BisectBatchOnFunctionError": True,
            "MaximumRecordAgeInSeconds": 3600,
            "MaximumRetryAttempts": 3,
            "TumblingWindowInSeconds": 60,
            "DestinationConfig": {
                "OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:123456789012:failed"}
            },
        },
    ),
    "consumer": (
        "kinesis: {stream: 'arn:aws:kinesis:eu-west-1:123456789012:stream/clicks/consumer/fan:1', "
        "starting_position: latest}",
        "kinesis:clicks/consumer/fan:1",
        {"StartingPosition": "LATEST"},
        "kinesis: {stream: 'arn:aws:kinesis:eu-west-1:123456789012:stream/clicks/consumer/fan:1', "
        "starting_position: latest, enabled: false}",
        {"State": "Disabled"},
    ),
    "dynamodb": (
        "dynamodb: {table: 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/1', "
        "starting_position: latest}",
        "dynamodb:orders",
        {"StartingPosition": "LATEST", "BatchSize": 100},
        "dynamodb: {table: 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/1', "
        "starting_position: latest, report_failures: true, window: 1m}",
        {
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "MaximumBatchingWindowInSeconds": 60,
        },
    ),
    "msk": (
        f"kafka: {{cluster: '{CLUSTER}', topic: orders, starting_position: latest}}",
        "kafka:orders@main",
        {"EventSourceArn": CLUSTER, "Topics": ["orders"]},
        f"kafka: {{cluster: '{CLUSTER}', topic: orders, starting_position: latest, "
        "on_failure: {kafka: lost}, provisioned: {min: 1, max: 5, group: g}, retries: 2, "
        "bisect: true, log_level: info, "
        f"access: [{{type: sasl_scram_512_auth, uri: '{SECRET}'}}], "
        f"schema_registry: {{uri: 'arn:aws:glue:x', format: source, validate: [value, key], "
        f"access: [{{type: basic_auth, uri: '{SECRET}'}}]}}}}",
        {
            "DestinationConfig": {"OnFailure": {"Destination": "kafka://lost"}},
            "ProvisionedPollerConfig": {
                "MinimumPollers": 1,
                "MaximumPollers": 5,
                "PollerGroupName": "g",
            },
            "MaximumRetryAttempts": 2,
            "BisectBatchOnFunctionError": True,
            "LoggingConfig": {"SystemLogLevel": "INFO"},
            "SourceAccessConfigurations": [{"Type": "SASL_SCRAM_512_AUTH", "URI": SECRET}],
            "AmazonManagedKafkaEventSourceConfig": {
                "SchemaRegistryConfig": {
                    "SchemaRegistryURI": "arn:aws:glue:x",
                    "EventRecordFormat": "SOURCE",
                    "AccessConfigs": [{"Type": "BASIC_AUTH", "URI": SECRET}],
                    "SchemaValidationConfigs": [{"Attribute": "KEY"}, {"Attribute": "VALUE"}],
                }
            },
        },
    ),
    "kafka": (
        "kafka: {bootstrap_servers: ['b:9092', 'a:9092'], topic: orders, "
        "consumer_group: shop, consumption_mode: queue}",
        "kafka:orders@a:9092",
        {
            "SelfManagedEventSource": {
                "Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["a:9092", "b:9092"]}
            },
            "SelfManagedKafkaEventSourceConfig": {
                "ConsumerGroupId": "shop",
                "ConsumptionMode": "Queue",
            },
        },
        "kafka: {bootstrap_servers: ['a:9092', 'b:9092'], topic: orders, batch_size: 7, "
        "consumer_group: shop, consumption_mode: queue, "
        f"access: [{{type: vpc_subnet, uri: 'subnet:s'}}, {{type: basic_auth, uri: '{SECRET}'}}]}}",
        {
            "BatchSize": 7,
            "SourceAccessConfigurations": [
                {"Type": "BASIC_AUTH", "URI": SECRET},
                {"Type": "VPC_SUBNET", "URI": "subnet:s"},
            ],
        },
    ),
    "mq": (
        f"mq: {{broker: '{BROKER}', queue: 'jobs & more', "
        f"access: [{{type: basic_auth, uri: '{SECRET}'}}]}}",
        "mq:jobs - more@main-",
        {"Queues": ["jobs & more"], "EventSourceArn": BROKER},
        f"mq: {{broker: '{BROKER}', queue: 'jobs & more', batch_size: 3, "
        f"access: [{{type: basic_auth, uri: '{SECRET}'}}]}}",
        {"BatchSize": 3},
    ),
    "documentdb": (
        "documentdb: {cluster: main, database: shop, collection: orders}",
        "documentdb:main/shop/orders",
        {
            "EventSourceArn": "arn:aws:rds:eu-west-1:123456789012:cluster:main",
            "StartingPosition": "LATEST",
            "DocumentDBEventSourceConfig": {
                "DatabaseName": "shop",
                "CollectionName": "orders",
                "FullDocument": "Default",
            },
        },
        "documentdb: {cluster: main, database: shop, collection: orders, "
        "full_document: update_lookup}",
        {
            "DocumentDBEventSourceConfig": {
                "DatabaseName": "shop",
                "CollectionName": "orders",
                "FullDocument": "UpdateLookup",
            }
        },
    ),
}


@pytest.fixture
def parts(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    with before_moto(aws, monkeypatch) as found:
        yield found


class Sources:
    """Deploys the mappings of a manifest whose function is there."""

    def __init__(self, parts: Parts, deployer: Deployer, folder: Path) -> None:
        self.parts = parts
        self.deployer = deployer
        made(deployer.context(BARE + "      - sqs: {queue: any}\n"), folder)

    def context(self, *triggers: str) -> Context:
        lines = "".join(f"      - {one}\n" for one in triggers)
        return self.deployer.context(BARE + lines if lines else BARE.replace("triggers:", ""))

    def wanted(self, context: Context) -> list[Resource]:
        return list(event_sources.resources(wanted_of(context)))

    def deploy(self, *triggers: str) -> list[str]:
        """:return: the actions that were needed; nothing is left to do after them."""
        context = self.context(*triggers)
        kind = kinds()["event_source"]
        wanted = self.wanted(context)
        context.account.forget()
        taken = []
        for resource in wanted:
            live = kind.read(context, resource.name)
            changes = planning.differences(resource, live) if live else ()
            changed = frozenset(change.path.partition(".")[0] for change in changes)
            if live is None:
                kind.create(context, resource)
                taken.append("create")
            elif changed & kind.replaced_by:
                kind.delete(context, live)
                kind.create(context, resource)
                taken.append("replace")
            elif changed:
                kind.update(context, resource, live, changed)
                taken.append("update")
        context.account.forget()
        for name in set(kind.owned(context, ())) - {one.name for one in wanted}:
            old = kind.read(context, name)
            assert old is not None
            kind.delete(context, old)
            kind.delete(context, old)
            taken.append("delete")
        for resource in wanted:
            live = kind.read(context, resource.name)
            assert live is not None
            assert planning.differences(resource, live) == ()
            assert live.owner == context.naming.owner
            assert live.hash == resource.digest
        return taken

    def only(self) -> dict[str, Any]:
        (found,) = self.parts.mappings.values()
        return found

    def tags(self) -> dict[str, str]:
        return self.parts.tags[self.only()["EventSourceMappingArn"]]


@pytest.fixture
def sources(parts: Parts, account: Account, app_of: Callable[..., App], tmp_path: Path) -> Sources:
    return Sources(parts, Deployer(account, app_of, tmp_path), tmp_path)


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_comes_changes_and_goes(sources: Sources, kind: str) -> None:
    first, name, made_as, second, changed_to = SOURCES[kind]
    assert sources.deploy(first) == ["create"]
    (resource,) = sources.wanted(sources.context(first))
    assert resource.name.startswith(f"hello/{name}")
    found = sources.only()
    assert {key: found[key] for key in made_as} == made_as
    uuid = found["UUID"]
    assert sources.deploy(second) == ["update"]
    found = sources.only()
    assert {key: found.get(key) for key in changed_to} == changed_to
    assert sources.deploy(first) in (["update"], [])
    assert sources.only()["UUID"] == uuid
    assert sources.deploy() == ["delete"]


def test_a_limit_gives_way_to_pollers_and_goes(sources: Sources) -> None:
    limited, polled = "max_concurrency: 3", "provisioned: {min: 3}"
    sources.deploy(f"sqs: {{queue: jobs, {limited}}}")
    assert sources.only()["ScalingConfig"] == {"MaximumConcurrency": 3}
    assert sources.deploy(f"sqs: {{queue: jobs, {polled}}}") == ["update"]
    assert "ScalingConfig" not in sources.only()
    assert sources.deploy(f"sqs: {{queue: jobs, {limited}}}") == ["update"]
    assert "ProvisionedPollerConfig" not in sources.only()


def test_half_a_second_can_not_be_given_again(sources: Sources) -> None:
    kafka = f"kafka: {{cluster: '{CLUSTER}', topic: orders, starting_position: latest%s}}"
    sources.deploy(kafka % "")
    assert sources.deploy(kafka % ", window: 2s") == ["update"]
    assert sources.only()["MaximumBatchingWindowInSeconds"] == 2
    context = sources.context(kafka % "")
    (resource,) = sources.wanted(context)
    live = kinds()["event_source"].read(context, resource.name)
    assert live is not None
    assert planning.differences(resource, live) == ()


def test_what_leaves_the_manifest_goes_back_to_its_default(sources: Sources) -> None:
    first, _, _, second, _ = SOURCES["sqs"]
    sources.deploy(second)
    assert sources.tags()["team"] == "a"
    assert sources.deploy(first) == ["update"]
    found = sources.only()
    for gone in ("FilterCriteria", "KMSKeyArn", "ProvisionedPollerConfig"):
        assert gone not in found
    assert found["State"] == "Enabled"
    assert "team" not in sources.tags()


def test_what_lambda_can_not_change_makes_another(sources: Sources) -> None:
    sources.parts.settling = ["there still"] * 2
    sources.deploy("kinesis: {stream: clicks, starting_position: latest}")
    uuid = sources.only()["UUID"]
    assert sources.deploy("kinesis: {stream: clicks, starting_position: trim_horizon}") == [
        "replace"
    ]
    assert sources.only()["UUID"] != uuid
    assert sources.parts.settling == []


def test_another_alias_keeps_the_mapping_and_its_place_in_the_stream(sources: Sources) -> None:
    sources.deploy("kinesis: {stream: clicks, starting_position: latest}")
    uuid = sources.only()["UUID"]
    assert sources.deploy("kinesis: {stream: clicks, starting_position: latest, alias: live}") == [
        "update"
    ]
    found = sources.only()
    assert (found["UUID"], found["FunctionArn"].split(":")[-1]) == (uuid, "live")


def test_two_aliases_read_one_stream(sources: Sources) -> None:
    stream = "kinesis: {stream: clicks, starting_position: latest%s}"
    both = (stream % "", stream % ", alias: live")
    assert sources.deploy(*both) == ["create", "create"]
    assert sources.deploy(stream % "") == ["delete"]
    assert sources.only()["FunctionArn"].endswith(":hello")


def test_one_source_twice_is_refused(sources: Sources) -> None:
    with pytest.raises(UserError, match=r"two triggers of sqs:jobs") as refused:
        sources.deploy("sqs: {queue: jobs}", "sqs: {queue: jobs, batch_size: 2}")
    assert refused.value.where is not None


def test_a_broker_without_its_arn_is_refused(sources: Sources) -> None:
    with pytest.raises(UserError, match="by its ARN only"):
        sources.deploy(
            f"mq: {{broker: main, queue: jobs, access: [{{type: basic_auth, uri: '{SECRET}'}}]}}"
        )


def test_the_stream_of_a_table_that_is_there_is_found(sources: Sources) -> None:
    context = sources.context()
    context.account.client("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    text = "dynamodb: {table: orders, starting_position: latest}"
    assert sources.deploy(text) == ["create"]
    assert ":table/orders/stream/" in sources.only()["EventSourceArn"]


def test_a_table_that_changes_keeps_its_mapping_and_another_stream_makes_another(
    sources: Sources,
) -> None:
    stream = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/%s"
    text = "dynamodb: {table: '%s', starting_position: latest}"
    sources.deploy(text % (stream % 1))
    uuid = sources.only()["UUID"]
    context = sources.context(text % (stream % 1))
    kind = kinds()["event_source"]
    (resource,) = sources.wanted(context)
    live = kind.read(context, resource.name)
    assert live is not None
    # As a plan has it while the table changes: its stream is known only after that.
    kind.update(context, resource, live, frozenset({"source"}))
    assert sources.only()["UUID"] == uuid
    assert sources.deploy(text % (stream % 2)) == ["update"]
    assert sources.only()["UUID"] != uuid
    assert sources.only()["EventSourceArn"] == stream % 2


def test_a_table_without_a_stream_is_told(sources: Sources) -> None:
    context = sources.context()
    context.account.client("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(UserError, match="the table orders has no stream"):
        sources.deploy("dynamodb: {table: orders, starting_position: latest}")


def test_the_order_of_filters_and_their_writing_means_nothing(sources: Sources) -> None:
    one, other = "{body: {a: [1]}}", "{body: {b: [2]}}"
    sources.deploy(f"sqs: {{queue: jobs, filters: [{one}, {other}]}}")
    text = '\'{"body": {"b": [2]}}\''
    assert sources.deploy(f"sqs: {{queue: jobs, filters: [{text}, {one}]}}") == []


def test_what_somebody_else_changed_is_drift(sources: Sources) -> None:
    text = "sqs: {queue: jobs}"
    sources.deploy(text)
    context = sources.context(text)
    context.account.client("lambda").update_event_source_mapping(
        UUID=sources.only()["UUID"], BatchSize=3
    )
    context.account.forget()
    (resource,) = sources.wanted(context)
    live = kinds()["event_source"].read(context, resource.name)
    assert live is not None
    (change,) = planning.differences(resource, live)
    assert (change.path, change.before, change.after, change.drift) == ("batch_size", 3, 10, True)


def test_mappings_of_others_are_theirs(sources: Sources) -> None:
    context = sources.context("sqs: {queue: jobs}")
    context.account.client("lambda").create_event_source_mapping(
        FunctionName="hello", EventSourceArn="arn:aws:sqs:eu-west-1:123456789012:jobs"
    )
    kind = kinds()["event_source"]
    assert list(kind.owned(context, ["hello"])) == []
    live = kind.read(context, "hello/sqs:jobs")
    assert live is not None
    assert live.owner is None


def test_a_mapping_whose_answer_got_lost_is_gone_on_with(sources: Sources) -> None:
    text = "sqs: {queue: jobs, batch_size: 5}"
    sources.deploy("sqs: {queue: jobs}")
    context = sources.context(text)
    context.account.forget()
    (resource,) = sources.wanted(context)
    kinds()["event_source"].create(context, resource)
    assert sources.only()["BatchSize"] == 5


def test_mappings_go_before_their_function_and_outlive_it(sources: Sources) -> None:
    sources.deploy("sqs: {queue: jobs, alias: live}")
    context = sources.context("sqs: {queue: jobs, alias: live}")
    plan = planning.destruction(context)
    assert [step.id for step in plan.steps] == [
        "delete event_source:hello/sqs:jobs",
        "delete function:hello",
    ]
    # Somebody deletes the function: its mapping is still ours.
    context.account.client("lambda").delete_function(FunctionName="hello")
    plan = planning.destruction(context)
    assert [step.id for step in plan.steps] == ["delete event_source:hello/sqs:jobs"]
    progress: Any = type(
        "P", (), {name: lambda *_: None for name in ("started", "told", "finished")}
    )
    assert executor.apply(context, plan, progress()).complete
    assert sources.parts.mappings.keys() <= set()
