"""Every type of SAM's events lands in the same trigger that the manifest would give."""

from __future__ import annotations

import pytest

from lambdactl import manifest
from lambdactl.manifest import Trigger
from lambdactl.manifest.sam import events
from tests.manifest.sam.conftest import Folder

RESOURCES = """
Jobs: {Type: AWS::SQS::Queue}
Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: dead-letters}}
Uploads: {Type: AWS::SNS::Topic}
Photos: {Type: AWS::S3::Bucket}
Clicks: {Type: AWS::Kinesis::Stream, Properties: {Name: clicks}}
Orders: {Type: AWS::DynamoDB::Table}
Bus: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
Pool: {Type: AWS::Cognito::UserPool}
Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /shop/orders}}
Broker: {Type: AWS::AmazonMQ::Broker}
Docs: {Type: AWS::DocDB::DBCluster}
Msk: {Type: AWS::MSK::Cluster}
"""
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x"
CLUSTER = "arn:aws:kafka:us-east-1:123456789012:cluster/Msk/00000000-0000-4000-8000-000000000000-1"
CASES = {
    "S3": (
        """
        {Type: S3, Properties: {Bucket: !Ref Photos, Events: 's3:ObjectCreated:*', Filter: {S3Key:
          {Rules: [{Name: prefix, Value: in/}, {Name: suffix, Value: .jpg}]}}}}""",
        "s3: {bucket: photos, events: ['s3:ObjectCreated:*'], prefix: in/, suffix: .jpg}",
    ),
    "S3 with a list": (
        "{Type: S3, Properties: {Bucket: !Ref Photos, Events: ['s3:ObjectAcl:Put']}}",
        "s3: {bucket: photos, events: ['s3:ObjectAcl:Put']}",
    ),
    "SNS": (
        """
        {Type: SNS, Properties: {Topic: !Ref Uploads, FilterPolicy: {kind: [a]},
          FilterPolicyScope: MessageBody,
          RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn}}}""",
        """sns: {topic: Uploads, filter: {kind: [a]}, filter_scope: message_body,
          dead_letter: {queue: dead-letters}}""",
    ),
    "SNS over a queue of SAM's": (
        "{Type: SNS, Properties: {Topic: !Ref Uploads, SqsSubscription: true}}",
        "sqs: {queue: FnEventQueue}",
    ),
    "SNS over a queue": (
        """
        {Type: SNS, Properties: {Topic: !Ref Uploads, SqsSubscription: {QueueArn: !GetAtt Jobs.Arn,
          QueueUrl: !Ref Jobs, BatchSize: 5, Enabled: false}}}""",
        "sqs: {queue: Jobs, batch_size: 5, enabled: false}",
    ),
    "SQS": (
        """
        {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 100, Enabled: true,
          MaximumBatchingWindowInSeconds: 5, FunctionResponseTypes: [ReportBatchItemFailures],
          ScalingConfig: {MaximumConcurrency: 5}, MetricsConfig: {Metrics: [EventCount]},
          FilterCriteria: {Filters: [{Pattern: '{"body": {"kind": ["order"]}}'}]}}}""",
        """sqs: {queue: Jobs, batch_size: 100, window: 5s, report_failures: true,
          max_concurrency: 5, metrics: [event_count],
          filters: ['{"body": {"kind": ["order"]}}']}""",
    ),
    "SQS by ARN": (
        "{Type: SQS, Properties: {Queue: 'arn:aws:sqs:eu-west-1:111122223333:far'}}",
        "sqs: {queue: 'arn:aws:sqs:eu-west-1:111122223333:far'}",
    ),
    "Kinesis": (
        """
        {Type: Kinesis, Properties: {Stream: !GetAtt Clicks.Arn, StartingPosition: TRIM_HORIZON,
          BatchSize: 10, BisectBatchOnFunctionError: true, MaximumRecordAgeInSeconds: 3600,
          MaximumRetryAttempts: 2, ParallelizationFactor: 4, TumblingWindowInSeconds: 60,
          DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}}}}""",
        """kinesis: {stream: clicks, starting_position: trim_horizon, batch_size: 10, bisect: true,
          max_age: 1h, retries: 2, parallelization: 4, tumbling_window: 60,
          on_failure: {queue: dead-letters}}""",
    ),
    "Kinesis at a time": (
        """
        {Type: Kinesis, Properties: {Stream: !GetAtt Clicks.Arn, StartingPosition: AT_TIMESTAMP,
          StartingPositionTimestamp: 1700000000}}""",
        """kinesis: {stream: clicks, starting_position: at_timestamp,
          starting_timestamp: 1700000000}""",
    ),
    "DynamoDB": (
        """
        {Type: DynamoDB, Properties: {Stream: !GetAtt Orders.StreamArn, StartingPosition: LATEST,
          BatchSize: 50}}""",
        "dynamodb: {table: Orders, starting_position: latest, batch_size: 50}",
    ),
    "MSK": (
        """
        {Type: MSK, Properties: {Stream: !Ref Msk, Topics: [orders], StartingPosition: LATEST,
          ConsumerGroupId: mine,
          ProvisionedPollerConfig: {MinimumPollers: 1, MaximumPollers: 3}}}""",
        f"""kafka: {{cluster: '{CLUSTER}',
          topic: orders, starting_position: latest, consumer_group: mine,
          provisioned: {{min: 1, max: 3}}}}""",
    ),
    "SelfManagedKafka": (
        f"""
        {{Type: SelfManagedKafka, Properties: {{KafkaBootstrapServers: ['a.example.com:9092'],
          Topics: [orders], StartingPosition: TRIM_HORIZON, SourceAccessConfigurations:
          [{{Type: SASL_SCRAM_512_AUTH, URI: '{SECRET}'}}],
          LoggingConfig: {{SystemLogLevel: DEBUG}},
          SchemaRegistryConfig: {{SchemaRegistryURI: 'https://r', EventRecordFormat: SOURCE,
          SchemaValidationConfigs: [{{Attribute: KEY}}]}}}}}}""",
        f"""kafka: {{bootstrap_servers: ['a.example.com:9092'], topic: orders,
          starting_position: trim_horizon, access: [{{type: sasl_scram_512_auth, uri: '{SECRET}'}}],
          schema_registry: {{uri: 'https://r', format: source, validate: [key]}},
          log_level: debug}}""",
    ),
    "MQ": (
        f"""
        {{Type: MQ, Properties: {{Broker: !GetAtt Broker.Arn, Queues: [jobs], BatchSize: 7,
          SourceAccessConfigurations: [{{Type: BASIC_AUTH, URI: '{SECRET}'}}],
          SecretsManagerKmsKeyId: x}}}}""",
        f"""mq: {{broker: b-00000000-0000-4000-8000-000000000000, queue: jobs, batch_size: 7,
          access: [{{type: basic_auth, uri: '{SECRET}'}}]}}""",
    ),
    "DocumentDB": (
        f"""
        {{Type: DocumentDB, Properties: {{Cluster: 'arn:aws:rds:eu-west-1:111122223333:cluster:c',
          DatabaseName: shop, CollectionName: orders, FullDocument: UpdateLookup,
          SourceAccessConfigurations: [{{Type: BASIC_AUTH, URI: '{SECRET}'}}]}}}}""",
        f"""documentdb: {{cluster: 'arn:aws:rds:eu-west-1:111122223333:cluster:c', database: shop,
          collection: orders, full_document: update_lookup,
          access: [{{type: basic_auth, uri: '{SECRET}'}}]}}""",
    ),
    "Api": (
        "{Type: Api, Properties: {Path: '/a/{id}', Method: get, TimeoutInMillis: 1500}}",
        "rest: {path: '/a/{id}', method: GET, timeout: 2}",
    ),
    "Api with a key, streamed": (
        """
        {Type: Api, Properties: {Path: /a, Method: any, Auth: {ApiKeyRequired: true},
          ResponseTransferMode: STREAM}}""",
        "rest: {path: /a, method: ANY, api_key: true, response: stream}",
    ),
    "HttpApi": (
        """
        {Type: HttpApi, Properties: {Path: /a, Method: post, PayloadFormatVersion: '1.0',
          TimeoutInMillis: 5000}}""",
        "http: {path: /a, method: POST, payload: v1, timeout: 5}",
    ),
    "HttpApi for all": ("{Type: HttpApi}", "http: {path: $default}"),
    "Schedule": (
        """
        {Type: Schedule, Properties: {Schedule: rate(5 minutes), Name: tick, Enabled: false,
          Input: '{"a": [1]}', RetryPolicy: {MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 1},
          DeadLetterConfig: {Arn: !GetAtt Dead.Arn}}}""",
        """schedule: {expression: rate(5 minutes), name: tick, enabled: false, input: {a: [1]},
          max_age: 60, retries: 1, dead_letter: {queue: dead-letters}}""",
    ),
    "ScheduleV2": (
        """
        {Type: ScheduleV2, Properties: {ScheduleExpression: 'cron(0 12 * * ? *)',
          ScheduleExpressionTimezone: Europe/Berlin, State: DISABLED, GroupName: g, Input: hello,
          FlexibleTimeWindow: {Mode: FLEXIBLE, MaximumWindowInMinutes: 5},
          StartDate: '2026-01-31T12:00:00Z', DeadLetterConfig: {Type: SQS}}}""",
        """schedule: {expression: 'cron(0 12 * * ? *)', timezone: Europe/Berlin, enabled: false,
          group: g, input: hello, flexible_window: 5m, start: '2026-01-31T12:00:00Z',
          dead_letter: {queue: FnEventQueue}}""",
    ),
    "EventBridgeRule": (
        """
        {Type: EventBridgeRule, Properties: {EventBusName: !Ref Bus, Pattern: {source: [shop]},
          RuleName: placed, InputTransformer: {InputPathsMap: {id: $.detail.id},
          InputTemplate: '"<id>"'}}}""",
        """eventbridge: {bus: shop, pattern: {source: [shop]}, name: placed,
          input_template: {paths: {id: $.detail.id}, template: '"<id>"'}}""",
    ),
    "CloudWatchEvent": (
        """
        {Type: CloudWatchEvent, Properties: {Pattern: {source: [aws.ec2]}, InputPath: $.detail,
          State: DISABLED}}""",
        "eventbridge: {pattern: {source: [aws.ec2]}, input_path: $.detail, enabled: false}",
    ),
    "CloudWatchLogs": (
        "{Type: CloudWatchLogs, Properties: {LogGroupName: !Ref Group, FilterPattern: ERROR}}",
        "cloudwatch_logs: {group: /shop/orders, filter: ERROR}",
    ),
    "IoTRule": (
        "{Type: IoTRule, Properties: {Sql: \"SELECT * FROM 'a'\", AwsIotSqlVersion: beta}}",
        "iot: {sql: \"SELECT * FROM 'a'\", sql_version: beta}",
    ),
    "IoTRule without a version": (
        "{Type: IoTRule, Properties: {Sql: \"SELECT * FROM 'a'\"}}",
        "iot: {sql: \"SELECT * FROM 'a'\", sql_version: '2015-10-08'}",
    ),
    "AlexaSkill": (
        "{Type: AlexaSkill, Properties: {SkillId: amzn1.ask.skill.0f32}}",
        "alexa: {skill: amzn1.ask.skill.0f32}",
    ),
    "Cognito": (
        "{Type: Cognito, Properties: {UserPool: !Ref Pool, Trigger: PreSignUp}}",
        "cognito: {user_pool: Pool, events: [pre_sign_up]}",
    ),
    "Cognito with a list": (
        """
        {Type: Cognito, Properties: {UserPool: !Ref Pool,
          Trigger: [CustomMessage, VerifyAuthChallengeResponse]}}""",
        "cognito: {user_pool: Pool, events: [custom_message, verify_auth_challenge_response]}",
    ),
}


def from_manifest(folder: Folder, trigger: str) -> Trigger:
    text = "functions:\n  Fn:\n    runtime: python3.13\n    handler: app.handler\n    code: src\n"
    path = folder.write(f"{text}    triggers:\n      - {trigger}\n", "lambdactl.yaml")
    return manifest.load(path, env={}).function("Fn").triggers[0]


@pytest.mark.parametrize(("event", "trigger"), CASES.values(), ids=CASES)
def test_an_event_is_the_trigger_of_the_manifest(folder: Folder, event: str, trigger: str) -> None:
    app = folder.app(f"Events:\n  Event: {event.strip()}\n", RESOURCES)
    assert app.warnings == ()
    (found,) = app.function("Fn").triggers
    wanted = from_manifest(folder, trigger)
    assert (found.kind, dict(found.settings)) == (wanted.kind, dict(wanted.settings))


def test_every_official_type_is_in_the_table() -> None:
    assert set(events._TYPES) == {name.split(" ")[0] for name in CASES}


def test_a_trigger_stands_where_its_event_stands(folder: Folder) -> None:
    (trigger,) = folder.function("Events:\n  Tick:\n    Type: AlexaSkill\n").triggers
    assert trigger.where is not None
    assert trigger.where.source == "        Tick:"
    assert (trigger.where.line, trigger.where.column) == (11, 9)


def test_an_unknown_type_is_a_warning_and_the_rest_is_read(folder: Folder) -> None:
    app = folder.app("Events:\n  A: {Type: Sqs}\n  B: {Type: AlexaSkill}\n  C: {}\n")
    assert [trigger.kind for trigger in app.function("Fn").triggers] == ["alexa"]
    unknown, missing = app.warnings
    assert (unknown.code, unknown.hint) == ("unknown-event", "did you mean `SQS`?")
    assert missing.message == "the event `C` needs `Type`"


def test_faults_speak_of_the_template_s_words(folder: Folder) -> None:
    problems = folder.problems(
        folder.text(
            """
            MemorySize: 64
            Events:
              A: {Type: Kinesis, Properties: {Stream: x, BatchSize: 0}}
              B: {Type: Schedule, Properties: {Schedule: every day}}
            """
        )
    )
    assert [problem.message for problem in problems] == [
        "`MemorySize` must be from 128 to 10240, not 64",
        "`Kinesis` needs `StartingPosition`",
        "`BatchSize` must be from 1 to 10000, not 0",
        "`Schedule`: `every day` is malformed",
    ]
    assert [problem.where.column for problem in problems] == [19, 9, 63, 52]


def test_a_property_without_a_place_is_a_warning(folder: Folder) -> None:
    app = folder.app(
        """
        Events:
          A: {Type: SQS, Properties: {Queue: q, TumblingWindowInSeconds: 5, Colour: red}}
        """
    )
    assert {problem.code for problem in app.warnings} == {"not-supported", "unknown-field"}


def test_an_alias_that_is_published_is_what_events_call(folder: Folder) -> None:
    function = folder.function(
        """
        AutoPublishAlias: live
        ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 2}
        FunctionUrlConfig: {AuthType: NONE, InvokeMode: RESPONSE_STREAM}
        Events:
          A: {Type: AlexaSkill}
        """
    )
    assert function.triggers[0].settings["alias"] == "live"
    assert function.aliases["live"].version == "latest"
    assert function.versions.publish
    assert function.concurrency.provisioned == {"live": 2}
    assert function.url is not None
    assert (function.url.alias, function.url.invoke_mode) == ("live", "response_stream")


def test_what_is_not_known_still_has_a_name(folder: Folder) -> None:
    app = folder.app(
        """
        Events:
          A: {Type: SQS, Properties: {Queue: !ImportValue shop:jobs-arn}}
          B: {Type: Schedule, Properties: {Schedule: !ImportValue expression}}
        """
    )
    (sqs,) = app.function("Fn").triggers
    assert sqs.settings["queue"] == "shop-jobs-arn"
    assert [problem.code for problem in app.warnings] == ["unresolved"] * 3
    assert "left out, because its `Schedule` is not known" in str(app.warnings)
