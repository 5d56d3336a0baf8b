"""Where a runtime lives, as an environment sees it: a process group, a container."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lambdactl.execution import failures


class Sandbox(Protocol):
    """Where a runtime lives: a process group, a container."""

    runtime_version: str
    """For INIT_START: what runs the function, in words."""

    host: str
    """The address on which the runtime reaches its Runtime API."""

    async def start(
        self,
        address: str,
        on_output: Callable[[bytes, float | None], None],
        on_exit: Callable[[failures.Exit], None],
    ) -> None:
        """Start the runtime with ``AWS_LAMBDA_RUNTIME_API`` = ``address``.

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
