"""What a template makes beside functions, how its aliases are released, how long its logs stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdactl import manifest
from lambdactl.manifest.owned import Bucket, Index, Queue, Release, Resources
from lambdactl.manifest.sam.convert import convert
from tests.manifest.sam.conftest import Folder

EVERYTHING = """
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 180
      MessageRetentionPeriod: 1209600
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Failed.Arn, maxReceiveCount: 5}
      KmsMasterKeyId: alias/aws/sqs
      SqsManagedSseEnabled: true
      Tags: [{Key: team, Value: a}]
  Failed: {Type: AWS::SQS::Queue}
  Orders:
    Type: AWS::SQS::Queue
    Properties: {FifoQueue: true, ContentBasedDeduplication: true, QueueName: orders.fifo}
  Late: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
  Elsewhere:
    Type: AWS::SQS::Queue
    Properties: {RedrivePolicy: {deadLetterTargetArn: "arn:aws:sqs:eu-west-1:1:x"}}
  News: {Type: AWS::SNS::Topic, Properties: {DisplayName: News}}
  Photos:
    Type: AWS::S3::Bucket
    Properties: {VersioningConfiguration: {Status: Enabled}, BucketEncryption: {}}
  Parcels:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: parcels
      AttributeDefinitions:
        - {AttributeName: order, AttributeType: S}
        - {AttributeName: number, AttributeType: N}
      KeySchema:
        - {AttributeName: order, KeyType: HASH}
        - {AttributeName: number, KeyType: RANGE}
      GlobalSecondaryIndexes:
        - IndexName: by_number
          KeySchema: [{AttributeName: number, KeyType: HASH}]
          Projection: {ProjectionType: KEYS_ONLY}
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
      ProvisionedThroughput: {ReadCapacityUnits: 1, WriteCapacityUnits: 1}
  Simple: {Type: AWS::Serverless::SimpleTable}
  Numbers:
    Type: AWS::Serverless::SimpleTable
    Properties: {PrimaryKey: {Name: no, Type: Number}, Tags: {team: b}}
  Clicks:
    Type: AWS::Kinesis::Stream
    Properties: {ShardCount: 2, RetentionPeriodHours: 48}
  Taps:
    Type: AWS::Kinesis::Stream
    Properties: {StreamModeDetails: {StreamMode: ON_DEMAND}}
"""


def test_everything_is_owned(folder: Folder) -> None:
    owned = folder.app(resources=EVERYTHING).resources
    jobs = owned.queues["Jobs"]
    assert (jobs.visibility_timeout_s, jobs.retention_s, jobs.tags) == (180, 1209600, {"team": "a"})
    assert (jobs.dead_letter, jobs.max_receives, jobs.kms_key) == ("Failed", 5, None)
    assert owned.queues["orders.fifo"].deduplication
    assert owned.queues["Late.fifo"].fifo
    assert owned.queues["Elsewhere"].dead_letter == "arn:aws:sqs:eu-west-1:1:x"
    assert owned.topics["News"].display_name == "News"
    assert owned.buckets["photos"].versioned
    table = owned.tables["parcels"]
    assert (table.partition_key, table.sort_key) == ("order", "number")
    assert table.attributes == {"order": "string", "number": "number"}
    assert table.indexes == (Index("by_number", "number"),)
    assert (table.stream, table.ttl) == ("new_and_old_images", "expires")
    assert table.point_in_time_recovery
    assert owned.tables["Simple"].partition_key == "id"
    assert owned.tables["Numbers"].attributes == {"no": "number"}
    assert (owned.streams["Clicks"].shards, owned.streams["Clicks"].retention_h) == (2, 48)
    assert owned.streams["Taps"].shards is None


def test_what_has_no_place_is_lost(folder: Folder) -> None:
    folder.write(folder.text(resources=EVERYTHING))
    lost = [p.message for p in convert(folder.root).problems if p.code == "lost"]
    assert lost == [
        "the key `alias/aws/sqs` of `Jobs` is no ARN of a key",
        "`SqsManagedSseEnabled` of `Jobs` has no place in the manifest",
        "`BucketEncryption` of `Photos` has no place in the manifest",
        "the index `by_number` holds whole items, not a part of them",
        "the table `Parcels` is paid by request",
    ]


def test_triggers_and_destinations_lead_to_what_is_owned(folder: Folder) -> None:
    app = folder.app(
        """
        DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Failed.Arn}
        Events:
          Jobs: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn}}
          Photos: {Type: S3, Properties: {Bucket: !Ref Photos, Events: "s3:ObjectCreated:*"}}
          News: {Type: SNS, Properties: {Topic: !Ref News, SqsSubscription: true}}
          Rule:
            Type: EventBridgeRule
            Properties: {Pattern: {source: [a]}, DeadLetterConfig: {Type: SQS}}
        EventInvokeConfig: {DestinationConfig: {OnSuccess: {Type: SNS}}}
        """,
        EVERYTHING,
    )
    function, owned = app.functions["Fn"], app.resources
    jobs, photos, news, rule = function.triggers
    assert jobs.settings["queue"] in owned.queues
    assert photos.settings["bucket"] in owned.buckets
    assert owned.queues[news.settings["queue"]] is not None
    assert rule.settings["dead_letter"].target in owned.queues
    assert function.dead_letter is not None
    assert function.dead_letter.target in owned.queues
    assert function.async_.on_success is not None
    assert function.async_.on_success.target in owned.topics


def test_what_is_deployed_elsewhere_is_left_alone(folder: Folder) -> None:
    resources = "Jobs: {Type: AWS::SQS::Queue}\nMore: {Type: AWS::SQS::Queue}"
    app = folder.app(resources=resources, Jobs="stack-Jobs-1ABC")
    assert set(app.resources.queues) == {"More"}


def test_what_a_condition_leaves_out_is_not_owned(folder: Folder) -> None:
    app = folder.app(
        resources="Jobs: {Type: AWS::SQS::Queue, Condition: No}",
        sections="Conditions: {No: !Equals [a, b]}",
    )
    assert app.owned is None


def test_a_template_without_any_owns_nothing(folder: Folder) -> None:
    assert folder.app().owned is None


def test_a_fault_of_a_resource_is_a_warning_since_the_functions_run(folder: Folder) -> None:
    found = folder.problems(
        folder.text(
            "Events: {E: {Type: DynamoDB, Properties: "
            "{Stream: !GetAtt Table.StreamArn, StartingPosition: LATEST}}}",
            """
            Jobs: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 99999}}
            Table:
              Type: AWS::DynamoDB::Table
              Properties:
                KeySchema: [{AttributeName: id, KeyType: HASH}]
                AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
            Keyless: {Type: AWS::DynamoDB::Table}
            """,
        )
    )
    assert [problem.severity for problem in found] == ["warning"] * 2
    assert "has no stream" in found[0].message
    assert "`VisibilityTimeout` must be from 0 to 43200 s" in found[1].message


def test_resources_of_a_nested_stack_are_owned_too(folder: Folder) -> None:
    folder.write("Resources: {Jobs: {Type: AWS::SQS::Queue}}\n", "nested.yaml")
    app = folder.app(
        resources="Photos: {Type: AWS::S3::Bucket}\n"
        "Jobs: {Type: AWS::SQS::Queue}\n"
        "Part: {Type: AWS::Serverless::Application, Properties: {Location: nested.yaml}}"
    )
    assert set(app.resources.queues) == {"Jobs", "Part-Jobs"}
    assert set(app.resources.buckets) == {"photos"}
    (folder.root / "lambdactl.yaml").write_text(convert(folder.root / "template.yaml").text)
    again = manifest.load(folder.root / "lambdactl.yaml").resources
    assert set(again.queues) == {"Jobs", "Part-Jobs"}
    assert set(again.buckets) == {"photos"}


@pytest.mark.parametrize(
    ("preference", "release"),
    [
        ("{Type: AllAtOnce}", Release("live")),
        ("{Type: Canary10Percent5Minutes}", Release("live", "canary", 10.0, 300)),
        (
            "{Type: Linear10PercentEvery1Minute, Alarms: [!Ref Late]}",
            Release("live", "linear", 10.0, 60, ("late",)),
        ),
        (
            "{Type: LambdaLinear10PercentEvery3Minutes, Alarms: {List: [!Ref Late]}}",
            Release("live", "linear", 10.0, 180, ("late",)),
        ),
        ("{Enabled: false, Type: Canary10Percent5Minutes}", None),
    ],
)
def test_deployment_preferences(folder: Folder, preference: str, release: Release | None) -> None:
    alarm = "Late: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: late}}"
    properties = f"AutoPublishAlias: live\nDeploymentPreference: {preference}"
    function = folder.app(properties, alarm).functions["Fn"]
    assert function.release == release
    assert set(function.aliases) == {"live"}
    assert function.versions.publish


def test_a_deployment_preference_may_be_global(folder: Folder) -> None:
    app = folder.app(
        sections="""
        Globals:
          Function:
            AutoPublishAlias: live
            DeploymentPreference: {Type: Canary10Percent10Minutes}
        """
    )
    assert app.functions["Fn"].release == Release("live", "canary", 10.0, 600)


def test_hooks_and_configurations_of_ones_own_are_named(folder: Folder) -> None:
    text = folder.text(
        "AutoPublishAlias: live\nDeploymentPreference: {Type: OurOwn, Hooks: {PreTraffic: !Ref Fn}}"
    )
    folder.write(text)
    messages = [problem.message for problem in convert(folder.root).problems]
    assert "the deployment configuration `OurOwn` of `Fn` is not known here" in messages
    assert any("`Hooks` of the `DeploymentPreference`" in message for message in messages)


@pytest.mark.parametrize(
    ("properties", "group"),
    [
        ("", "LogGroupName: /aws/lambda/Fn"),
        ("", "LogGroupName: !Sub /aws/lambda/${Fn}"),
        ("FunctionName: hello", "LogGroupName: !Sub /aws/lambda/${Fn}"),
        ("LoggingConfig: {LogFormat: JSON, LogGroup: !Ref Logs}", "LogGroupName: ours"),
    ],
)
def test_retention_of_logs(folder: Folder, properties: str, group: str) -> None:
    logs = f"Logs: {{Type: AWS::Logs::LogGroup, Properties: {{{group}, RetentionInDays: 30}}}}"
    logging = folder.app(properties, logs).functions["Fn"].logging
    assert logging.retention_days == 30
    assert logging.format == ("json" if "JSON" in properties else "text")


def test_another_log_group_is_not_the_functions(folder: Folder) -> None:
    logs = "Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: x, RetentionInDays: 30}}"
    assert folder.app(resources=logs).functions["Fn"].logging.retention_days is None


def test_converted_it_owns_the_same(folder: Folder, tmp_path: Path) -> None:
    app = folder.app("AutoPublishAlias: live\nDeploymentPreference: {Type: AllAtOnce}", EVERYTHING)
    text = convert(folder.root).text
    (folder.root / "lambdactl.yaml").write_text(text)
    again = manifest.load(folder.root / "lambdactl.yaml")
    assert "\n\nresources:\n  queues:\n" in text
    assert again.functions["Fn"].release == app.functions["Fn"].release
    for kind in ("queues", "topics", "buckets", "tables", "streams"):
        assert set(getattr(again.resources, kind)) == set(getattr(app.resources, kind))
    assert isinstance(again.resources, Resources)
    assert isinstance(again.resources.queues["Jobs"], Queue)
    assert isinstance(again.resources.buckets["photos"], Bucket)
