"""What a container may use, beyond what the engine is told when it is made: a share of a processor
once init is over, and memory that does not count what lies in ``/tmp``.

Where the engine's containers run on another kernel than ours, memory can't be watched from here:
there the engine's own limit counts ``/tmp``, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lambdactl.execution import memory
from lambdactl.execution.containers import configuration, usage
from lambdactl.execution.containers.threads import in_thread
from lambdactl.execution.tasks import finished, keep

if TYPE_CHECKING:
    from lambdactl.execution.containers.sandbox import ContainerSpec

_WATCH_S = 0.01
_SHORT_S = 0.002
_SHORT_WATCH_S = 0.25
"""As for processes: how often an invocation is looked at, and a row of short ones."""
_UNLIMITED_S = 0.05
"""Init is not held to the function's share of a processor, and of what is over so soon after it
nobody can tell. The engine would spend more on the limit."""
_TMP_MB = 8
"""From here on what lies in /tmp is counted apart from memory."""
_MB = 1024 * 1024


class Limits:
    """The limits of one container.

    :param on_excess: told when the function has more memory than it may have.
    """

    def __init__(self, spec: ContainerSpec, on_excess: Callable[[], None]) -> None:
        self._spec = spec
        self._on_excess = on_excess
        self._container = ""
        self._pid = 0
        self._group: memory.Cgroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._updating = asyncio.Lock()
        self._busy = False
        self._watch: asyncio.TimerHandle | None = None
        self._runs = 0
        self._runs_seen = 0
        self._begun = 0.0
        self._sampled = 0.0
        self._peak_mb = 0.0
        self._tmp_apart = False
        self._processor_limited = False
        self._shared = not {"cpu_quota", "nano_cpus"} & {*spec.host_config}
        """The function gets its share of a processor, where the user has not said another."""

    def opened(self, container: str) -> None:
        """There is a new container, and it has been started."""
        self._container = container
        self._tmp_apart = self._processor_limited = False
        if self._spec.engine.shares_kernel:
            keep(self._tasks, self._find_group())

    def started(self) -> None:
        """The runtime starts: init begins."""
        self._runs = 0
        self._peak_mb = 0.0
        if self._processor_limited:
            self._processor_limited = False
            keep(self._tasks, self._limit_processor(configuration.NO_QUOTA))
        self.begin()

    def begin(self) -> None:
        """Init, or an invocation, begins."""
        self._busy = True
        self._runs += 1
        self._begun = time.monotonic()
        loop = asyncio.get_running_loop()
        if self._shared and self._runs > 1 and not self._processor_limited:
            self._processor_limited = True
            loop.call_later(_UNLIMITED_S, self._begin_limiting, self._container)
        self._look_closely()

    def end(self) -> None:
        """It is over."""
        self._busy = False

    def max_memory_mb(self) -> int:
        """The most memory in use at one time since the runtime started, in megabytes."""
        now = time.monotonic()
        # The second run is the first invocation: what the function loads lazily is new.
        long = now - self._begun > _SHORT_S or self._runs <= 2
        if now - self._sampled > (_WATCH_S if long else _SHORT_WATCH_S):
            self._sample()
        return max(1, round(self._peak_mb))

    def killed(self) -> None:
        """A SIGKILL has ended the runtime: perhaps the kernel's, because the limit was reached."""
        if self._group is not None and self._group.has_killed():
            # Too fast for a sample to see.
            self._peak_mb = self._spec.memory_mb

    def stop(self) -> None:
        """Nothing runs any more."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def closed(self) -> None:
        """The container is gone."""
        self.stop()
        self._container, self._pid, self._group = "", 0, None

    async def finish(self) -> None:
        """Wait for what is still asked of the engine."""
        await finished(self._tasks)

    def _look_closely(self) -> None:
        if self._watch is None and self._group is not None:
            self._watch = asyncio.get_running_loop().call_later(_WATCH_S, self._check)

    async def _find_group(self) -> None:
        client, container = self._spec.engine.client, self._container
        try:
            state = (await in_thread(client.inspect_container, container))["State"]
        except Exception:
            # It has ended already; there is nothing to watch.
            return
        if container == self._container:
            self._pid = state["Pid"]
            self._group = usage.find(self._pid, container)
            if self._busy:
                self._look_closely()

    def _begin_limiting(self, container: str) -> None:
        if container and container == self._container and self._processor_limited:
            quota = configuration.processor_quota(self._spec.memory_mb)
            keep(self._tasks, self._limit_processor(quota))

    async def _limit_processor(self, quota: int) -> None:
        async with self._updating:
            await self._update(cpu_period=configuration.PROCESSOR_PERIOD_US, cpu_quota=quota)

    async def _update(self, **limits: int) -> None:
        update = self._spec.engine.client.update_container
        # A container that has just ended has no limits.
        with contextlib.suppress(Exception):
            await in_thread(update, self._container, **limits)

    def _check(self) -> None:
        self._watch = None
        group = self._group
        if not self._busy or group is None:
            return
        now = time.monotonic()
        # The same invocation as the last time we looked, or time for a look at the short ones.
        due = self._runs == self._runs_seen or now - self._sampled > _SHORT_WATCH_S
        self._runs_seen = self._runs
        self._watch = asyncio.get_running_loop().call_later(_WATCH_S, self._check)
        if due:
            self._sample()
            self._check_tmp(group)

    def _check_tmp(self, group: memory.Cgroup) -> None:
        """What lies in ``/tmp`` is memory to the kernel and not to Lambda. Once there is some, the
        kernel's limit makes room for all that fits there, and memory proper is watched here."""
        used = usage.read(group)
        if used is None:
            return
        if used.tmp_mb > _TMP_MB and not self._tmp_apart:
            self._tmp_apart = True
            room = (self._spec.memory_mb + self._spec.ephemeral_storage_mb) * _MB
            keep(self._tasks, self._update(mem_limit=room, memswap_limit=room))
        if self._tmp_apart and used.resident_mb > self._spec.memory_mb:
            self._peak_mb = self._spec.memory_mb
            self._on_excess()

    def _sample(self) -> None:
        if self._pid:
            total, _ = memory.resident_mb(self._pid)
            self._peak_mb = max(self._peak_mb, total)
            self._sampled = time.monotonic()
