"""What roles may do: exactly what the manifest asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambdactl.deploy.desired import policies, roles
from lambdactl.deploy.naming import Naming
from lambdactl.manifest.model import App
from tests.deploy.steps import wanted_in

ACCOUNT, REGION = "123456789012", "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:mq-AbCdEf"
CLUSTER = f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/main/1234abcd-12ab-34cd-56ef-1234567890ab-1"

LOGS = (
    ["logs:CreateLogStream", "logs:PutLogEvents"],
    [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/hello:*"],
)
NETWORK = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
]


def sqs(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


@pytest.fixture
def statements(app_of: Callable[..., App]) -> Callable[..., list[dict[str, Any]]]:
    def make(function: str = "", more: str = "", stage: str | None = None) -> list[dict[str, Any]]:
        app = app_of(
            "service: shop\nfunctions:\n"
            f"  hello: {{runtime: python3.13, handler: app.handler, code: ., {function}}}\n{more}",
            stage=stage,
        )
        naming = Naming(app, "aws", REGION, ACCOUNT)
        return policies.statements(naming, app.functions["hello"])

    return make


def allowed(found: list[dict[str, Any]]) -> list[tuple[list[str], list[str]]]:
    """Actions and resources."""
    assert {one["Effect"] for one in found} <= {"Allow"}
    return [(one["Action"], one["Resource"]) for one in found]


def test_a_function_alone_writes_its_log(statements: Callable[..., Any]) -> None:
    assert allowed(statements()) == [LOGS]


def test_its_group_is_the_one_it_has(statements: Callable[..., Any]) -> None:
    (one,) = allowed(statements("logging: {group: /shop}"))
    assert one[1] == [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/shop:*"]


READS = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]

SOURCES = {
    "triggers: [sqs: {queue: jobs}]": [(READS, [sqs("jobs")])],
    # One statement for all queues.
    f"triggers: [sqs: {{queue: jobs}}, sqs: {{queue: '{sqs('a')}'}}]": [
        (READS, [sqs("a"), sqs("jobs")])
    ],
    "triggers: [kinesis: {stream: clicks, starting_position: latest, on_failure: {queue: lost}}]": [
        (
            [
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            [f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/clicks"],
        ),
        (["sqs:SendMessage"], [sqs("lost")]),
    ],
    "triggers: [dynamodb: {table: orders, starting_position: latest}]": [
        (
            [
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
                "dynamodb:ListStreams",
            ],
            [f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders/stream/*"],
        )
    ],
    f"triggers: [mq: {{broker: 'arn:aws:mq:{REGION}:{ACCOUNT}:broker:main:b-1234', queue: jobs, "
    f"access: [{{type: basic_auth, uri: '{SECRET}'}}]}}]": [
        (["mq:DescribeBroker"], [f"arn:aws:mq:{REGION}:{ACCOUNT}:broker:main:b-1234"]),
        (NETWORK, ["*"]),
        (["secretsmanager:GetSecretValue"], [SECRET]),
    ],
    f"triggers: [documentdb: {{cluster: main, database: shop, "
    f"access: [{{type: basic_auth, uri: '{SECRET}'}}]}}]": [
        (["rds:DescribeDBClusters"], [f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:main"]),
        (["rds:DescribeDBClusterParameters", "rds:DescribeDBSubnetGroups"], ["*"]),
        (NETWORK, ["*"]),
        (["secretsmanager:GetSecretValue"], [SECRET]),
    ],
    # Lambda signs in with the role.
    f"triggers: [kafka: {{cluster: '{CLUSTER}', topic: orders, consumer_group: shop, "
    "starting_position: latest}]": [
        (["kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"], [CLUSTER]),
        (["kafka-cluster:Connect"], [CLUSTER]),
        (
            [
                "kafka-cluster:DescribeTopic",
                "kafka-cluster:DescribeTopicDynamicConfiguration",
                "kafka-cluster:ReadData",
            ],
            [CLUSTER.replace(":cluster/", ":topic/") + "/orders"],
        ),
        (
            ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"],
            [CLUSTER.replace(":cluster/", ":group/") + "/shop"],
        ),
        (NETWORK, ["*"]),
    ],
    # Lambda signs in with a password.
    f"triggers: [kafka: {{cluster: '{CLUSTER}', topic: orders, starting_position: latest, "
    f"access: [{{type: sasl_scram_512_auth, uri: '{SECRET}'}}]}}]": [
        (["kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"], [CLUSTER]),
        (NETWORK, ["*"]),
        (["secretsmanager:GetSecretValue"], [SECRET]),
    ],
    "triggers: [kafka: {bootstrap_servers: ['a.example.com:9092'], topic: orders, "
    f"starting_position: latest, access: [{{type: sasl_scram_512_auth, uri: '{SECRET}'}}]}}]": [
        (["secretsmanager:GetSecretValue"], [SECRET]),
    ],
    # What pushes is let in by the function's own policy.
    "triggers: [s3: {bucket: photos}, sns: {topic: orders}, schedule: rate(1 day), "
    "eventbridge: {pattern: {source: [shop]}}, http: {path: /, method: GET}]": [],
    "tracing: active": [(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], ["*"])],
    "vpc: {subnets: [subnet-0123456789abcdef0], security_groups: [sg-0123456789abcdef0]}": [
        (
            [
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
            ],
            ["*"],
        )
    ],
    f"kms_key: '{KEY}'": [(["kms:Decrypt"], [KEY])],
    "dead_letter: {topic: lost}": [(["sns:Publish"], [f"arn:aws:sns:{REGION}:{ACCOUNT}:lost"])],
    "async: {on_success: {bus: default}, on_failure: {bucket: lost}}": [
        (["events:PutEvents"], [f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"]),
        (["s3:PutObject"], ["arn:aws:s3:::lost/*"]),
        (["s3:ListBucket"], ["arn:aws:s3:::lost"]),
    ],
    "async: {on_failure: {function: hello}}": [
        (["lambda:InvokeFunction"], [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello"])
    ],
    "aliases: {live: {async: {on_failure: {queue: lost}}}}": [(["sqs:SendMessage"], [sqs("lost")])],
    "durable: {execution_timeout: 1h}": [
        (
            ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState"],
            [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello:*"],
        )
    ],
}


@pytest.mark.parametrize("function", SOURCES)
def test_each_setting_asks_for_what_it_needs(function: str, statements: Callable[..., Any]) -> None:
    assert allowed(statements(function)) == [LOGS, *SOURCES[function]]


@pytest.mark.parametrize(
    ("arn", "system", "service"),
    [
        (
            f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/fsap-0123456789abcdef0",
            f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/*",
            "elasticfilesystem",
        ),
        (
            f"arn:aws:s3files:{REGION}:{ACCOUNT}:file-system/fs-0123456789abcdef0/access-point/"
            "fsap-0123456789abcdef0",
            f"arn:aws:s3files:{REGION}:{ACCOUNT}:file-system/fs-0123456789abcdef0",
            "s3files",
        ),
    ],
)
def test_files_by_their_access_point(
    arn: str, system: str, service: str, statements: Callable[..., Any]
) -> None:
    vpc = "vpc: {subnets: [subnet-0123456789abcdef0], security_groups: [sg-0123456789abcdef0]}"
    found = statements(f"filesystem: {{arn: '{arn}', path: /mnt/data}}, {vpc}")[-1]
    assert found["Action"] == [f"{service}:ClientMount", f"{service}:ClientWrite"]
    assert found["Resource"] == [system]
    assert found["Condition"] == {"StringEquals": {f"{service}:AccessPointArn": arn}}


def test_names_of_what_the_manifest_owns_are_those_of_the_stage(
    statements: Callable[..., Any],
) -> None:
    more = f"resources: {{queues: {{jobs: {{kms_key: '{KEY}'}}}}}}\nstages: {{prod: {{}}}}\n"
    found = allowed(statements("triggers: [sqs: {queue: jobs}]", more, stage="prod"))
    assert found[1:] == [(READS, [sqs("jobs-prod")]), (["kms:Decrypt"], [KEY])]


def test_sending_to_what_is_encrypted_takes_its_key(statements: Callable[..., Any]) -> None:
    more = f"resources: {{topics: {{lost: {{kms_key: '{KEY}'}}}}}}\n"
    found = allowed(statements("dead_letter: {topic: lost}", more))
    assert found[-1] == (["kms:Decrypt", "kms:GenerateDataKey"], [KEY])


def test_the_users_statements_are_kept_as_they_are(statements: Callable[..., Any]) -> None:
    found = statements(
        "role: {statements: [{Sid: Logs, Effect: Deny, Action: 's3:*', NotResource: ['a', 'b'], "
        "Condition: {Bool: {'aws:SecureTransport': 'false'}}}]}"
    )
    assert found[-1] == {
        "Sid": "Logs",
        "Effect": "Deny",
        "Action": "s3:*",
        "NotResource": ["a", "b"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    # Ids are unique in a policy.
    assert [one["Sid"] for one in found] == ["Logs2", "Logs"]


def test_ids_of_statements_are_unique_and_sound(statements: Callable[..., Any]) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html"""
    found = statements(f"kms_key: '{KEY}', async: {{on_failure: {{topic: lost}}}}", "")
    ids = [one["Sid"] for one in found]
    assert len(ids) == len(set(ids))
    assert all(id_.isalnum() for id_ in ids)


def test_a_role_that_is_named_is_not_made(app_of: Callable[..., App]) -> None:
    app = app_of(
        "service: shop\nfunctions: {hello: {runtime: python3.13, handler: app.handler, code: ., "
        f"role: 'arn:aws:iam::{ACCOUNT}:role/theirs'}}}}\n"
    )
    assert list(roles.resources(wanted_in(Naming(app, "aws", REGION, ACCOUNT)))) == []


def test_connections_to_clusters_of_other_accounts(statements: Callable[..., Any]) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/msk-cross-account.html"""
    arn = f"arn:aws:kafka:{REGION}:{ACCOUNT}:vpc-connection/444455556666/main/1234-1"
    found = allowed(
        statements(
            f"triggers: [kafka: {{cluster: '{arn}', topic: orders, starting_position: latest}}]"
        )
    )
    assert found[1] == (["kafka:DescribeVpcConnection"], [arn])
    cluster = f"arn:aws:kafka:{REGION}:444455556666:cluster/main/*"
    assert found[2][1] == [cluster]
