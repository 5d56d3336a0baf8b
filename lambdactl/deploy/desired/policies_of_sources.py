"""What a role needs to read an event source: Lambda reads it with the function's role.

One function for each kind of trigger that is an event source mapping. Those that push ask for
nothing of the role: they are let in by the function's own policy
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lambdactl.deploy.desired import policies
from lambdactl.deploy.desired.policies import ANY, Need
from lambdactl.deploy.naming import Naming
from lambdactl.manifest.model import Trigger

Settings = Mapping[str, Any]

_NETWORK = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeVpcs",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
)
"""To reach what is in a VPC; IAM checks none of these by ARN alone."""


def needs(naming: Naming, trigger: Trigger) -> Iterator[Need]:
    """Of one trigger; nothing for one that pushes. One that is off is read by nobody, but AWS
    looks at the role all the same when the mapping is made."""
    source = _SOURCES.get(trigger.kind)
    if source is None:
        return
    settings = trigger.settings
    yield from source(naming, settings)
    if settings.get("on_failure") is not None:
        yield from policies.sends(naming, settings["on_failure"])
    if settings.get("kms_key"):
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
        yield Need("Key", ("kms:Decrypt",), (settings["kms_key"],))


def _sqs(naming: Naming, settings: Settings) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    yield Need(
        "Messages",
        ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
        (naming.queue_arn(settings["queue"]),),
    )
    key = policies.key_of(naming, "queues", settings["queue"])
    if key is not None:
        yield Need("Key", ("kms:Decrypt",), (key,))


def _kinesis(naming: Naming, settings: Settings) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html and, for consumers
    with a share of their own,
    https://docs.aws.amazon.com/streams/latest/dev/controlling-access.html"""
    arn = naming.stream_arn(settings["stream"])
    stream, consumer, _ = arn.partition("/consumer/")
    yield Need(
        "Stream",
        (
            "kinesis:DescribeStream",
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
        ),
        (stream,),
    )
    if consumer:
        yield Need("Consumer", ("kinesis:SubscribeToShard",), (arn,))


def _dynamodb(naming: Naming, settings: Settings) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html

    A stream's ARN is known only once the table is there; all streams of one table are its own.
    """
    arn = naming.table_arn(settings["table"])
    if "/stream/" not in arn:
        arn += "/stream/*"
    yield Need(
        "TableStream",
        (
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
        ),
        (arn,),
    )


def _kafka(naming: Naming, settings: Settings) -> Iterator[Need]:
    if settings.get("cluster"):
        yield from _managed_kafka(settings)
        yield Need("SourceNetwork", _NETWORK, (ANY,))
    elif any(kind == "vpc_subnet" for kind, _ in _access(settings)):
        # https://docs.aws.amazon.com/lambda/latest/dg/kafka-permissions.html
        yield Need("SourceNetwork", _NETWORK, (ANY,))
    yield from _secrets(settings)
    yield from _registry(settings.get("schema_registry") or {})


def _managed_kafka(settings: Settings) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-msk-permissions.html; where no other
    credentials are named, Lambda signs in with the role
    (https://docs.aws.amazon.com/lambda/latest/dg/msk-cluster-auth.html)."""
    arn = settings["cluster"]
    if ":vpc-connection/" in arn:
        yield Need("ClusterConnection", ("kafka:DescribeVpcConnection",), (arn,))
        # vpc-connection/<owner of the cluster>/<its name>/<id of the connection>
        begin, _, rest = arn.partition(":vpc-connection/")
        owner, name = rest.split("/")[:2]
        parts = [*begin.split(":")[:4], owner, f"cluster/{name}/*"]
        arn = ":".join(parts)
    yield Need("Cluster", ("kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"), (arn,))
    kinds = {kind for kind, _ in _access(settings)}
    if kinds & {"sasl_scram_512_auth", "sasl_scram_256_auth", "client_certificate_tls_auth"}:
        return
    group = settings.get("consumer_group") or ANY
    topics = arn.replace(":cluster/", ":topic/")
    yield Need("ClusterSession", ("kafka-cluster:Connect",), (arn,))
    yield Need(
        "ClusterTopic",
        (
            "kafka-cluster:DescribeTopic",
            "kafka-cluster:DescribeTopicDynamicConfiguration",
            "kafka-cluster:ReadData",
        ),
        (f"{topics}/{settings['topic']}",),
    )
    yield Need(
        "ClusterGroup",
        ("kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"),
        (f"{arn.replace(':cluster/', ':group/')}/{group}",),
    )
    failed = settings.get("on_failure")
    if failed is not None and failed.kind == "kafka":
        # https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html
        actions = ("kafka-cluster:DescribeTopic", "kafka-cluster:WriteData")
        yield Need("ClusterFailures", actions, (f"{topics}/{failed.target}",))


def _registry(registry: Settings) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-consume-kafka-events.html: a registry
    of Glue by its ARN, others by their URL and a secret."""
    uri = str(registry.get("uri") or "")
    if uri.startswith("arn:"):
        schemas = f"{uri.replace(':registry/', ':schema/', 1)}/*"
        yield Need("Registry", ("glue:GetRegistry", "glue:GetSchemaVersion"), (uri, schemas))
    yield from _secrets(registry)


def _mq(naming: Naming, settings: Settings) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/process-messages-with-lambda.html"""
    yield Need("Broker", ("mq:DescribeBroker",), (settings["broker"],))
    yield Need("SourceNetwork", _NETWORK, (ANY,))
    yield from _secrets(settings)


def _documentdb(naming: Naming, settings: Settings) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-documentdb.html

    Parameter groups and subnet groups are not the manifest's to name.
    """
    cluster = settings["cluster"]
    if not cluster.startswith("arn:"):
        # https://docs.aws.amazon.com/documentdb/latest/developerguide/documentdb-arns.html
        cluster = naming.arn("rds", f"cluster:{cluster}")
    yield Need("Database", ("rds:DescribeDBClusters",), (cluster,))
    groups = ("rds:DescribeDBClusterParameters", "rds:DescribeDBSubnetGroups")
    yield Need("DatabaseGroups", groups, (ANY,))
    yield Need("SourceNetwork", _NETWORK, (ANY,))
    yield from _secrets(settings)


def _access(settings: Settings) -> Iterator[tuple[str, str]]:
    for one in settings.get("access") or ():
        yield str(one["type"]), str(one["uri"])


def _secrets(settings: Settings) -> Iterator[Need]:
    """Credentials and certificates are secrets of Secrets Manager, by ARN
    (https://docs.aws.amazon.com/lambda/latest/api/API_SourceAccessConfiguration.html)."""
    for _, uri in _access(settings):
        if ":secretsmanager:" in uri:
            yield Need("Secrets", ("secretsmanager:GetSecretValue",), (uri,))


_SOURCES: Mapping[str, Callable[[Naming, Settings], Iterator[Need]]] = {
    "sqs": _sqs,
    "kinesis": _kinesis,
    "dynamodb": _dynamodb,
    "kafka": _kafka,
    "mq": _mq,
    "documentdb": _documentdb,
}
