"""What one field of a function holds that few functions have: aliases, a URL, a VPC and the like.

The counterpart of :mod:`lambdactl.manifest.settings`; words are AWS's own in lower case with
underscores: ``RESPONSE_STREAM`` is ``response_stream``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lambdactl.errors import Location
from lambdactl.manifest.settings import AsyncConfig, Role


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
class StateMachine:
    """A state machine of Step Functions: its definition in a file (``path``, absolute) or as it
    stands in the manifest. ``substitutions`` are values of the definition's ``${name}``."""

    name: str
    path: Path | None = None
    definition: Mapping[str, Any] | None = None
    type: Literal["standard", "express"] = "standard"
    substitutions: Mapping[str, str] = field(default_factory=dict)
    aws_name: str | None = None
    role: Role | None = None
    where: Location | None = None


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


@dataclass(frozen=True, slots=True)
class Bundle:
    """One file of a Node.js function and all that it imports (https://esbuild.github.io/api/).

    :ivar entry: files to begin with, relative to the code; empty: the handler's.
    :ivar target: as ``es2022``; None: what the runtime knows.
    :ivar format: None: what the code is written in.
    :ivar sourcemap: None: there is none.
    :ivar external: packages that stay outside, with ``*`` for anything.
    :ivar loader: how files are read, by their endings (``.graphql``).
    :ivar define: names in the code, and the expressions that they stand for.
    :ivar arguments: other words of esbuild's command line.
    """

    tool: Literal["esbuild"] = "esbuild"
    entry: tuple[str, ...] = ()
    target: str | None = None
    format: Literal["cjs", "esm"] | None = None
    minify: bool = False
    sourcemap: Literal["linked", "inline", "external", "both"] | None = None
    external: tuple[str, ...] = ()
    loader: Mapping[str, str] = field(default_factory=dict)
    define: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Build:
    """How the code of a function or the content of a layer is made, where it is not shipped as it
    is written.

    :ivar commands: for the shell, one after the other, in ``folder``; the first that fails ends it.
        Empty for a bundle, and where only dependencies are installed.
    :ivar folder: absolute; the code's (the layer's) own where there are no commands.
    :ivar watch: files, folders and patterns (``src/**/*.ts``), relative to ``folder``, whose change
        asks for another build; empty: everything in ``folder`` but ``output``.
    :ivar output: what the build writes, absolute; it is not watched. None: the function's code,
        where that is not ``folder`` itself.
    """

    commands: tuple[str, ...]
    folder: Path
    watch: tuple[str, ...] = ()
    output: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    container: bool = False
    """Inside the function's image."""
    bundle: Bundle | None = None
    runtime: str | None = None
    """Of a layer: what it is made for; without commands, what is in ``folder`` and the dependencies
    that it names go where this runtime looks for them."""
    architecture: str | None = None
    """Of a layer: what it is made for; None: x86_64."""


@dataclass(frozen=True, slots=True)
class ApiSection:
    """One API of the ``apis`` section, checked but not put together: ``settings`` holds its
    normalised fields, ``places`` where single routes stand (``routes.0``)."""

    name: str
    kind: Literal["rest", "http", "websocket", "alb"]
    settings: Mapping[str, Any] = field(default_factory=dict)
    where: Location | None = None
    places: Mapping[str, Location] = field(default_factory=dict)
