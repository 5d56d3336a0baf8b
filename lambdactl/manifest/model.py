"""What the user wrote, as one frozen, typed model: :class:`App`.

Every reader (lambdactl.yaml, SAM template, serverless.yml) ends here, and every other room
starts here. Units stand in the names (``timeout_s``, ``memory_mb``). Mappings are read-only
by convention: nobody below writes to them. What one field of a function may hold beyond a
word or a number is in :mod:`lambdactl.manifest.settings` and ``features``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lambdactl.errors import Location, Problem, UserError, did_you_mean
from lambdactl.manifest.runtimes import container_only
from lambdactl.manifest.settings import (
    AsyncConfig,
    Code,
    Concurrency,
    Destination,
    Logging,
    Role,
    RuntimeManagement,
    Versions,
)

if TYPE_CHECKING:
    from lambdactl.manifest.features import (
        Alias,
        ApiSection,
        Build,
        CapacityProvider,
        CustomRuntime,
        Durable,
        FileSystem,
        FunctionUrl,
        StateMachine,
        Vpc,
    )
    from lambdactl.manifest.owned import Release, Resources


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of this manifest: a folder or a zip in Lambda's layer layout.

    :ivar path: with a build for a runtime, its sources: a run lays them out, and the dependencies
        are missing until it is built.
    """

    name: str
    path: Path
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    description: str | None = None
    license: str | None = None
    where: Location | None = None
    places: Mapping[str, Location] = field(default_factory=dict)
    """Where single fields were written, by name (``path``)."""
    build: Build | None = None
    """How its content is made, where ``path`` is not that already."""

    @property
    def commands(self) -> Build | None:
        """Its build, where that runs commands on this machine and writes ``path``."""
        build = self.build
        return build if build is not None and build.commands and not build.container else None


@dataclass(frozen=True, slots=True)
class Trigger:
    """One event source of a function. ``kind`` is the manifest's key (``s3``, ``http``, ``sqs``,
    ...); ``settings`` holds its validated, normalised fields: the manifest's own names, defaults
    filled in, lists as tuples, destinations (``on_failure``, ``dead_letter``) as
    :class:`Destination`, and durations as numbers of seconds under ``<name>_s``."""

    kind: str
    settings: Mapping[str, Any]
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function. Layers are names of :class:`Layer` or layer version ARNs, in order."""

    name: str
    code: Code
    runtime: str | None = None
    """An identifier such as ``python3.13``; None for an image."""
    handler: str | None = None
    architecture: str = "x86_64"
    memory_mb: int = 128
    timeout_s: int = 3
    ephemeral_storage_mb: int = 512
    description: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    logging: Logging = field(default_factory=Logging)
    triggers: tuple[Trigger, ...] = ()
    where: Location | None = None
    places: Mapping[str, Location] = field(default_factory=dict)
    """Where single fields were written, by name (``handler``, ``code``, ``runtime``)."""
    aws_name: str | None = None
    """The name in AWS, where it is not ``name``."""
    role: Role | None = None
    concurrency: Concurrency = field(default_factory=Concurrency)
    async_: AsyncConfig = field(default_factory=AsyncConfig)
    dead_letter: Destination | None = None
    versions: Versions = field(default_factory=Versions)
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    url: FunctionUrl | None = None
    vpc: Vpc | None = None
    tracing: Literal["active", "pass_through"] = "pass_through"
    filesystem: FileSystem | None = None
    snap_start: bool = False
    durable: Durable | None = None
    tenancy: Literal["per_tenant"] | None = None
    kms_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    code_signing: str | None = None
    """ARN of a code signing configuration."""
    recursion: Literal["terminate", "allow"] = "terminate"
    runtime_management: RuntimeManagement = field(default_factory=RuntimeManagement)
    custom_runtime: CustomRuntime | None = None
    capacity_provider: CapacityProvider | None = None
    accelerator_memory_gb: int | None = None
    runner: Literal["process", "container"] | None = None
    """Where it runs on this machine; None leaves it to what it is."""
    build: Build | None = None
    """How its code is made, where it is not run as it is written."""
    dependencies: Literal["bundled", "layer", "none"] = "bundled"
    """Where a build puts what its lock file asks for."""
    release: Release | None = None
    """How its alias comes to a new version."""

    @property
    def commands(self) -> Build | None:
        """Its build, where that runs commands on this machine and the code is what they write."""
        build = self.build
        return build if build is not None and build.commands and not build.container else None

    @property
    def needs_artifact(self) -> bool:
        """Whether its code is nothing that runs, and its artifact is run in place of it."""
        build = self.build
        if build is None:
            return False
        return build.bundle is not None or bool(build.commands and build.container)

    @property
    def runs_as(self) -> Literal["process", "container"]:
        """Where it runs on this machine: where it is asked to, else as a process if it can."""
        if self.runner is not None:
            return self.runner
        return "container" if container_only(self.code.kind, self.runtime) else "process"


@dataclass(frozen=True, slots=True)
class App:
    """A whole manifest. ``root`` is the folder that relative paths count from."""

    service: str
    root: Path
    functions: Mapping[str, Function]
    layers: Mapping[str, Layer] = field(default_factory=dict)
    state_machines: Mapping[str, StateMachine] = field(default_factory=dict)
    """Kept for deployment: they do not run on this machine yet."""
    apis: Mapping[str, ApiSection] = field(default_factory=dict)
    """The ``apis`` section as it was read; ``manifest.routes.apis_of`` makes APIs of it."""
    owned: Resources | None = None
    """The ``resources`` section: what is created with the functions."""
    stage: str | None = None
    source: Path | None = None
    """The manifest file, or None for an app made in code or from a single handler file."""
    warnings: tuple[Problem, ...] = ()
    """What is doubtful but not wrong, such as a runtime that AWS no longer supports."""

    @property
    def resources(self) -> Resources:
        """The ``resources`` section, empty where the manifest has none."""
        if self.owned is not None:
            return self.owned
        from lambdactl.manifest.owned import Resources

        return Resources()

    def function(self, name: str | None = None) -> Function:
        """The function called ``name``; without a name, the only one there is.

        :raises UserError: no such function, or a name is needed to choose.
        """
        if name is None:
            if len(self.functions) == 1:
                return next(iter(self.functions.values()))
            raise UserError(
                "name a function" if self.functions else "the manifest has no function",
                hint=f"one of: {', '.join(self.functions)}" if self.functions else None,
            )
        if name not in self.functions:
            raise UserError(
                f"there is no function {name!r}",
                hint=did_you_mean(name, self.functions)
                or f"the manifest has: {', '.join(self.functions) or 'none'}",
            )
        return self.functions[name]


__all__ = [
    "App",
    "AsyncConfig",
    "Code",
    "Concurrency",
    "Destination",
    "Function",
    "Layer",
    "Logging",
    "Role",
    "RuntimeManagement",
    "Trigger",
    "Versions",
]
