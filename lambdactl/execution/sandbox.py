"""Where a runtime lives, as an environment sees it: a process group, a container."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from lambdactl.execution import failures
from lambdactl.manifest.model import Function

OnOutput = Callable[[bytes, float | None], None]
OnExit = Callable[[failures.Exit], None]


class Sandbox(Protocol):
    """Where a runtime lives: a process group, a container."""

    runtime_version: str
    """For INIT_START: what runs the function, in words."""

    host: str
    """The address on which the runtime reaches its Runtime API."""

    listen: str
    """The address of this machine that the Runtime API is bound to for that."""

    holds: bool
    """Whether :meth:`open` gets as far as the runtime can get without the function's code. Where
    it doesn't, a runtime that is to stand by is started, and asks for the word itself."""

    async def open(self, address: str, on_output: OnOutput, on_exit: OnExit) -> None:
        """See that there is something to run it in. On Lambda this is no part of init.

        :param address: what the runtime gets as ``AWS_LAMBDA_RUNTIME_API``.
        :raises EnvironmentStartError: it can't be had.
        """
        ...

    async def start(self) -> None:
        """Start the runtime.

        :raises EnvironmentStartError: it can't be started at all.
        """
        ...

    def drain(self) -> None:
        """Hand over, now, all output that has been written so far."""
        ...

    def begin(self) -> None:
        """An invocation begins: watch the limits closely."""
        ...

    def end(self) -> None:
        """It is over."""
        ...

    def max_memory_mb(self) -> int:
        """The most memory in use at one time since the runtime started, in megabytes."""
        ...

    async def kill(self) -> None:
        """Kill everything in it, at once. ``/tmp`` stays. Does nothing when nothing runs."""
        ...

    async def close(self) -> None:
        """Kill everything and remove all traces."""
        ...


class Launch(Protocol):
    """A function made ready to run on this machine, whatever the number of environments. Two that
    are equal start the same."""

    @property
    def function(self) -> Function: ...

    @property
    def task(self) -> Path | None:
        """The folder with its code; None for an image."""
        ...

    @property
    def opt(self) -> Path | None:
        """Its merged layers."""
        ...

    @property
    def warning(self) -> str | None:
        """What the user should know."""
        ...

    @property
    def can_stand_by(self) -> bool:
        """Whether an environment can be started ahead without reading the function's own files."""
        ...

    def silence(self, how: failures.Exit | None) -> str | None:
        """What may be wrong where a runtime never called: it ended so, or (None) it runs on."""
        ...

    def sandbox(
        self,
        *,
        region: str,
        credentials: Mapping[str, str],
        now: float,
        standby: bool = False,
    ) -> Sandbox:
        """Where one new environment lives; each has a log stream of its own.

        :param now: seconds since the epoch.
        :param standby: it will be started ahead.
        """
        ...
