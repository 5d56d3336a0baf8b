"""The process sandbox: a runtime as a child process in its own process group.

It enforces on this machine what Lambda enforces on its own: memory, the size of ``/tmp``, the
number of open files, and an end that leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lambdactl.errors import EnvironmentStartError
from lambdactl.execution import isolation, memory
from lambdactl.execution.failures import Exit
from lambdactl.execution.logs import OutputParser
from lambdactl.execution.sandbox import OnExit, OnOutput
from lambdactl.execution.work import remove_tree

if sys.platform.startswith("linux"):
    import fcntl
    import resource

OPEN_FILES = 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_WATCH_S = 0.01
"""An invocation that runs this long is looked at this often."""
_SHORT_S = 0.002
_SHORT_WATCH_S = 0.25
"""Looking costs as much as a whole short invocation; so often is enough for many of those."""
_TMP_WATCH_S = 0.1
_PIPE_BYTES = 1024 * 1024
_READ_BYTES = 256 * 1024
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What to start and within which limits.

    :ivar variables: the whole environment of the process, but for the address of the Runtime API
        and what depends on the sandbox itself.
    :ivar work: a folder of ours, in which the private ``/tmp`` is made.
    :ivar layers: the merged layers, shown as ``/opt`` where that is possible.
    :ivar keep: folders the process must see even if they lie under ``/tmp``.
    :ivar telemetry: the runtime is one of ours or AWS's and may write framed log events.
    """

    command: tuple[str, ...]
    folder: Path
    variables: Mapping[str, str]
    work: Path
    memory_mb: int
    ephemeral_storage_mb: int
    runtime_version: str
    layers: Path | None = None
    keep: tuple[Path, ...] = ()
    telemetry: bool = True


class ProcessSandbox:
    """A :class:`~lambdactl.execution.sandbox.Sandbox` on plain processes."""

    host = listen = "127.0.0.1"
    holds = False

    def __init__(self, spec: ProcessSpec) -> None:
        self.runtime_version = spec.runtime_version
        self._spec = spec
        self._tmp: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._cgroup: memory.Cgroup | None = None
        self._address = ""
        self._output = -1
        self._pidfd = -1
        self._parser: OutputParser | None = None
        self._on_output: OnOutput | None = None
        self._on_exit: OnExit | None = None
        self._killing = False
        """Whoever kills it knows that it ends."""
        self._busy = False
        self._watch: asyncio.TimerHandle | None = None
        self._tmp_checked = 0.0
        self._file_limit = -1
        self._runs = 0
        self._runs_seen = 0
        self._begun = 0.0
        self._sampled = 0.0
        self._peak_mb = 0.0

    # Sandbox

    async def open(self, address: str, on_output: OnOutput, on_exit: OnExit) -> None:
        self._address = address
        self._on_output = on_output
        self._on_exit = on_exit

    async def start(self) -> None:
        spec, loop = self._spec, asyncio.get_running_loop()
        assert self._on_output is not None, "start before open"
        self._killing = False
        if self._tmp is None:
            self._tmp = Path(tempfile.mkdtemp(prefix="tmp-", dir=spec.work))
        self._cgroup = memory.create_cgroup(spec.memory_mb)
        self._peak_mb = 0.0
        fence = isolation.available()
        read_end, write_end = os.pipe()
        try:
            argv = isolation.command(
                fence,
                spec.command,
                private_tmp=self._tmp,
                layers=spec.layers,
                keep=spec.keep,
                members=self._cgroup.members if self._cgroup else None,
            )
            variables = {**spec.variables, "AWS_LAMBDA_RUNTIME_API": self._address}
            if not isolation.tmp_is_private(fence, spec.keep):
                variables["TMPDIR"] = str(self._tmp)
            if spec.telemetry:
                variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(write_end)
            self._process = _spawn(argv, spec.folder, variables, write_end)
        except OSError as error:
            os.close(read_end)
            if self._cgroup is not None:
                self._cgroup.remove()
                self._cgroup = None
            raise EnvironmentStartError(
                f"cannot start {spec.command[0]}: {error.strerror or error}"
            ) from error
        finally:
            os.close(write_end)
        self._output = read_end
        self._parser = OutputParser(self._on_output)
        os.set_blocking(read_end, False)
        loop.add_reader(read_end, self._read)
        self._limit_process()
        self._watch_exit(loop)
        self.begin()

    def drain(self) -> None:
        # What has been written by now is no more than fits; somebody may write for ever.
        left = _PIPE_BYTES
        while left > 0 and self._output >= 0 and (size := self._read()):
            left -= size
        if self._parser is not None:
            self._parser.flush()

    def begin(self) -> None:
        self._busy = True
        self._runs += 1
        self._begun = time.monotonic()
        if self._watch is None:
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(_WATCH_S, self._check_limits)

    def end(self) -> None:
        self._busy = False

    def max_memory_mb(self) -> int:
        now = time.monotonic()
        # The second run is the first invocation: what the function loads lazily is new.
        long = now - self._begun > _SHORT_S or self._runs <= 2
        if now - self._sampled > (_WATCH_S if long else _SHORT_WATCH_S):
            self._sample()
        return max(1, round(self._peak_mb))

    async def kill(self) -> None:
        self._killing = True
        process = self._process
        if process is None:
            return
        loop = asyncio.get_running_loop()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._kill_all(process)
        if self._pidfd >= 0:
            loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        # A killed process is gone in well under a millisecond: too short to set up a watcher for.
        while process.poll() is None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        self._process = None
        self.drain()
        loop.remove_reader(self._output)
        os.close(self._output)
        self._output = -1
        if self._cgroup is not None:
            await self._remove_cgroup(self._cgroup)
            self._cgroup = None

    async def close(self) -> None:
        await self.kill()
        if self._tmp is not None:
            remove_tree(self._tmp)
            self._tmp = None

    # output

    def _read(self) -> int:
        """Take what is in the pipe; returns how much that was, 0 when there is no more."""
        try:
            data = os.read(self._output, _READ_BYTES)
        except BlockingIOError:
            return 0
        if not data:
            # Every writer is gone; nothing will ever come again.
            asyncio.get_running_loop().remove_reader(self._output)
            return 0
        assert self._parser is not None
        self._parser.feed(data)
        return len(data)

    # end of life

    def _watch_exit(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._process is not None
        pid = self._process.pid
        if hasattr(os, "pidfd_open"):
            self._pidfd = os.pidfd_open(pid)
            loop.add_reader(self._pidfd, self._exited, pid)
        else:
            threading.Thread(target=_wait, args=(pid, loop, self._exited), daemon=True).start()

    def _exited(self, pid: int) -> None:
        process = self._process
        if process is None or process.pid != pid:
            return
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        # The group goes first: until its leader is reaped, no other group can have its number.
        _kill_group(pid)
        how = Exit.of(process.wait())
        if self._cgroup is not None and self._cgroup.has_killed():
            # Too fast for a sample to see: the limit was reached, or it would live.
            self._peak_mb = self._spec.memory_mb
        self.drain()
        if self._on_exit is not None and not self._killing:
            self._on_exit(how)

    def _kill_all(self, process: subprocess.Popen[bytes]) -> None:
        """Kill the process group, and whoever left it."""
        if process.returncode is None:
            _kill_group(process.pid)
        _kill_each(self._cgroup.pids() if self._cgroup else _processes_of(self._address))

    async def _remove_cgroup(self, cgroup: memory.Cgroup) -> None:
        for _ in range(200):
            _kill_each(cgroup.pids())
            cgroup.remove()
            if not cgroup.path.exists():
                return
            await asyncio.sleep(0.005)

    # limits

    def _limit_process(self) -> None:
        if sys.platform.startswith("linux") and self._process is not None:
            pid = self._process.pid
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            files = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (files, files))
            self._file_limit = -1
            self._limit_files(self._spec.ephemeral_storage_mb * _MB)

    def _limit_files(self, size: int) -> None:
        assert self._process is not None
        if size == self._file_limit:
            return
        self._file_limit = size
        with contextlib.suppress(ProcessLookupError, PermissionError):
            resource.prlimit(
                self._process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)
            )

    def _check_limits(self) -> None:
        self._watch = None
        process = self._process
        if process is None or not self._busy:
            return
        now = time.monotonic()
        # The same invocation as the last time we looked, or time for a look at the short ones.
        due = self._runs == self._runs_seen or now - self._sampled > _SHORT_WATCH_S
        self._runs_seen = self._runs
        if due:
            self._sample()
            if self._cgroup is None and self._peak_mb > self._spec.memory_mb:
                _kill_group(process.pid)
                return
            if sys.platform.startswith("linux") and now - self._tmp_checked > _TMP_WATCH_S:
                self._check_tmp()
                self._tmp_checked = now
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(_WATCH_S, self._check_limits)

    def _check_tmp(self) -> None:
        """A full /tmp takes no more: the size of every further file is limited to nothing."""
        assert self._tmp is not None
        limit = self._spec.ephemeral_storage_mb * _MB
        self._limit_files(limit if _size_of(self._tmp) < limit else 0)

    def _sample(self) -> None:
        if self._process is not None and self._process.returncode is None:
            total, peak = memory.resident_mb(self._process.pid)
            self._peak_mb = max(self._peak_mb, total, peak)
            self._sampled = time.monotonic()


def _spawn(
    argv: list[str], folder: Path, variables: Mapping[str, str], output: int
) -> subprocess.Popen[bytes]:
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return subprocess.Popen(
        argv,
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=(output,),
        start_new_session=True,
    )


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _kill_each(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _wait(pid: int, loop: asyncio.AbstractEventLoop, exited: Callable[[int], None]) -> None:
    """For platforms without pidfd: wait in a thread, without reaping."""
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(exited, pid)


def _processes_of(address: str) -> list[int]:
    """Processes that carry this environment's Runtime API address, wherever they moved to."""
    if not sys.platform.startswith("linux"):
        return []
    mark = b"AWS_LAMBDA_RUNTIME_API=" + address.encode() + b"\0"
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                with open(f"/proc/{entry.name}/environ", "rb") as file:
                    if mark in file.read():
                        found.append(int(entry.name))
            except OSError:
                continue
    return found


def _size_of(folder: Path) -> int:
    """Bytes in use below ``folder`` (what it occupies, not what sparse files claim)."""
    total = 0
    pending = [str(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
    return total
