"""What one field of a function holds that every function has: code, logging, role and the like.

Each class answers one structure of Lambda's ``CreateFunction`` or one of the calls that follow
it (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html). Words are AWS's own
in lower case with underscores: ``PassThrough`` is ``pass_through``. What only some functions have
is in :mod:`lambdactl.manifest.features`: making a class takes 0.4 ms, and every command that
reads a manifest would pay for all of them.
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
    built: bool = False
    """An artifact of a build: what it needs is in it, and nothing of this machine is."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files and folders on this disk that it is made of."""
        return tuple(path for path in (self.path, self.dockerfile, self.context) if path)


@dataclass(frozen=True, slots=True)
class Logging:
    """Lambda's ``LoggingConfig``. Levels are AWS's words in lower case (trace ... fatal for the
    application; debug, info, warn for the system), and apply to the JSON format only."""

    format: LogFormat = "text"
    application_level: str = "info"
    system_level: str = "info"
    group: str | None = None
    retention_days: int | None = None
    """How long CloudWatch Logs keeps the lines; None: for ever."""


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
    keep: int | None = None
    """How many of the newest a deployment leaves; None: all. One that an alias names stays."""


@dataclass(frozen=True, slots=True)
class RuntimeManagement:
    """When AWS may change the runtime's patch version (``PutRuntimeManagementConfig``)."""

    update: Literal["auto", "function_update", "manual"] = "auto"
    version: str | None = None
    """ARN of the runtime version, for "manual"."""
