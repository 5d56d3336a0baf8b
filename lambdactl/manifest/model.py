"""What the user wrote, as one frozen, typed model: :class:`App`.

Every reader (lambdactl.yaml, SAM template, serverless.yml) ends here, and every other room
starts here. Units stand in the names (``timeout_s``, ``memory_mb``). Mappings are read-only
by convention: nobody below writes to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lambdactl.errors import Location, UserError, did_you_mean

LogFormat = Literal["text", "json"]
CodeKind = Literal["folder", "zip", "image", "dockerfile"]


@dataclass(frozen=True, slots=True)
class Code:
    """Where a function's code is. ``path`` (absolute) for a folder or a zip; ``image`` for a
    reference; ``dockerfile`` with ``context``, ``target`` and ``args`` for an image to build.
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


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of this manifest: a folder or a zip in Lambda's layer layout."""

    name: str
    path: Path
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    description: str | None = None
    license: str | None = None
    where: Location | None = None


@dataclass(frozen=True, slots=True)
class Logging:
    """Lambda's ``LoggingConfig``. Levels are AWS's words in lower case (trace ... fatal for the
    application; debug, info, warn for the system), and apply to the JSON format only."""

    format: LogFormat = "text"
    application_level: str = "info"
    system_level: str = "info"
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """One event source of a function. ``kind`` is the manifest's key (``s3``, ``http``, ``sqs``,
    ...); ``settings`` holds its validated, normalised fields."""

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


@dataclass(frozen=True, slots=True)
class App:
    """A whole manifest. ``root`` is the folder that relative paths count from."""

    service: str
    root: Path
    functions: Mapping[str, Function]
    layers: Mapping[str, Layer] = field(default_factory=dict)
    stage: str | None = None
    source: Path | None = None
    """The manifest file, or None for an app made in code or from a single handler file."""

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
