"""What one field of a function may hold: its code, role, logging, URL, aliases and the like.

Each class answers one structure of Lambda's ``CreateFunction`` or one of the calls that follow
it (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html). Words are AWS's own
in lower case with underscores: ``RESPONSE_STREAM`` is ``response_stream``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

LogFormat = Literal["text", "json"]
CodeKind = Literal["folder", "zip", "image", "dockerfile", "s3"]
DestinationKind = Literal["sqs", "sns", "lambda", "eventbridge", "s3", "kafka"]


@dataclass(frozen=True, slots=True)
class Code:
    """Where a function's code is. ``path`` (absolute) for a folder or a zip; ``image`` for a
    reference; ``dockerfile`` with ``context``, ``target`` and ``args`` for an image to build;
    ``bucket``, ``key`` and ``version`` for an archive in S3.
    ``command``, ``entrypoint`` and ``working_directory`` are Lambda's ``ImageConfig``."""

    kind: CodeKind
    path: Path | None = None
    image: str | None = None
    dockerfile: Path | None = None
    context: Path | None = None
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    working_directory: str | None = None
    bucket: str | None = None
    key: str | None = None
    version: str | None = None
    storage: Literal["copy", "reference"] = "copy"
    kms_key: str | None = None
    """ARN of the key that encrypts the deployment package."""


@dataclass(frozen=True, slots=True)
class Logging:
    """Lambda's ``LoggingConfig``. Levels are AWS's words in lower case (trace ... fatal for the
    application; debug, info, warn for the system), and apply to the JSON format only."""

    format: LogFormat = "text"
    application_level: str = "info"
    system_level: str = "info"
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """An execution role: the ``arn`` of one that exists, or what to put into one of our own."""

    arn: str | None = None
    managed: tuple[str, ...] = ()
    """Names or ARNs of managed policies."""
    statements: tuple[Mapping[str, Any], ...] = ()
    """IAM policy statements, as IAM spells them."""
    boundary: str | None = None
    """ARN of the permissions boundary."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a record of an invocation goes: ``target`` is an ARN, or a name that a local
    resource or the deployment's own account answers to."""

    kind: DestinationKind
    target: str

    @property
    def is_arn(self) -> bool:
        return self.target.startswith("arn:")


@dataclass(frozen=True, slots=True)
class AsyncConfig:
    """Asynchronous invocation (``PutFunctionEventInvokeConfig``): retries after a function error
    and the age at which an event is given up."""

    retries: int = 2
    max_age_s: int = 21600
    on_success: Destination | None = None
    on_failure: Destination | None = None


@dataclass(frozen=True, slots=True)
class Concurrency:
    """``reserved`` caps the function (0 throttles it; None leaves it to the account);
    ``provisioned`` maps an alias or a version to its number of ready environments."""

    reserved: int | None = None
    provisioned: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Versions:
    """Whether a deployment publishes a version, and with which description."""

    publish: bool = False
    to_latest_published: bool = False
    """Publish to ``$LATEST.PUBLISHED`` (Lambda Managed Instances)."""
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for a version. ``version`` is "latest" (the newest published one), "$LATEST" or a
    number as text; ``weights`` gives another version its share of the calls, 0.0 to 1.0."""

    version: str
    weights: Mapping[str, float] = field(default_factory=dict)
    description: str | None = None
    async_: AsyncConfig | None = None
    """How this alias is invoked asynchronously, where that differs from the function."""


@dataclass(frozen=True, slots=True)
class Cors:
    """CORS answers of a function URL (``Cors`` in ``CreateFunctionUrlConfig``)."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age_s: int | None = None


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """A function URL, of the function or of one alias."""

    auth: Literal["none", "iam"] = "iam"
    invoke_mode: Literal["buffered", "response_stream"] = "buffered"
    cors: Cors | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Vpc:
    """The subnets and security groups that the function's network interfaces are in."""

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    ipv6: bool = False


@dataclass(frozen=True, slots=True)
class FileSystem:
    """An EFS or S3 Files access point, mounted under /mnt. ``source`` is a local folder that
    stands for it on this machine."""

    arn: str
    path: str
    direct_s3_read: Literal["enabled", "disabled", "auto"] | None = None
    source: Path | None = None


@dataclass(frozen=True, slots=True)
class Durable:
    """Durable execution (``DurableConfig``)."""

    execution_timeout_s: int | None = None
    retention_days: int | None = None
    kms_key: str | None = None


@dataclass(frozen=True, slots=True)
class RuntimeManagement:
    """When AWS may change the runtime's patch version (``PutRuntimeManagementConfig``)."""

    update: Literal["auto", "function_update", "manual"] = "auto"
    version: str | None = None
    """ARN of the runtime version, for "manual"."""


@dataclass(frozen=True, slots=True)
class CustomRuntime:
    """A customer-managed runtime (``RuntimeConfig``, with ``runtime: custom``)."""

    arn: str
    alias: str


@dataclass(frozen=True, slots=True)
class CapacityProvider:
    """Lambda Managed Instances (``CapacityProviderConfig`` and ``PutFunctionScalingConfig``)."""

    arn: str
    max_concurrency: int | None = None
    """Concurrent invocations of one execution environment."""
    memory_gib_per_vcpu: float | None = None
    min_environments: int | None = None
    max_environments: int | None = None
