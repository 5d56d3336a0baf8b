"""How a container's keeper is spoken to: orders in, output and reports out.

Where the engine's containers run on this very kernel, through named pipes of ours that are bound
into the container: what a function has written is there to be read in the moment it has written
it, as with a process. Elsewhere (an engine in a virtual machine, or on another machine), through
the engine's own attach stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lambdactl.execution.containers import keeper
from lambdactl.execution.containers.attach import AttachStream

if TYPE_CHECKING:
    import docker

OnBytes = Callable[[bytes], None]
OnReport = Callable[[str], None]

_READ_BYTES = 256 * 1024
_PIPE_BYTES = 1024 * 1024
_STDOUT = 1
_QUIET_S = 0.005
_LONGEST_QUIET_S = 0.02
_LONGEST_MARK_S = 0.25
"""A function that has used up its share of a processor holds its keeper up for so long."""


class Channel(Protocol):
    """See the module. Callbacks come from the event loop."""

    binds: Mapping[str, str]
    """Folders of this machine that the container must have, and where."""

    def open(
        self, client: docker.APIClient, container: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        """The container is made and not started yet. Called in a worker thread."""
        ...

    def order(self, order: bytes) -> None:
        """Tell the keeper."""
        ...

    def drain(self) -> None:
        """Hand over, now, what has been written so far."""
        ...

    def close(self) -> None:
        """Let go of it: the keeper ends."""
        ...


class PipeChannel:
    """A :class:`Channel` of named pipes.

    :param folder: where to make them.
    :param on_end: the container's last process is gone.
    """

    def __init__(
        self, folder: Path, on_output: OnBytes, on_report: OnReport, on_end: Callable[[], None]
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pipes-", dir=folder))
        self._on_output = on_output
        self._on_report = on_report
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        for name in ("orders", "output", "reports"):
            os.mkfifo(self._folder / name)
            # Whoever the image runs as. (The folder above is ours alone.)
            (self._folder / name).chmod(0o666)
        self._folder.chmod(0o755)
        # Our end of the orders stays open while we live, and no longer: also for reading, so that
        # it can be opened before the keeper is there.
        self._orders = os.open(self._folder / "orders", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._output = self._reader("output")
        self._reports = self._reader("reports")
        self._output_size = self._widen(self._output)
        self.binds: Mapping[str, str] = {str(self._folder): keeper.PIPES}
        self._loop.add_reader(self._output, self._read_output)
        self._loop.add_reader(self._reports, self._read_reports)

    def _reader(self, name: str) -> int:
        return os.open(self._folder / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    @staticmethod
    def _widen(pipe: int) -> int:
        """How much it takes at most."""
        import fcntl

        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return _PIPE_BYTES

    def open(
        self, client: docker.APIClient, container: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        """The pipes are there already."""

    def order(self, order: bytes) -> None:
        if self._orders >= 0:
            with contextlib.suppress(BlockingIOError):
                os.write(self._orders, order)

    def drain(self) -> None:
        # What has been written by now is no more than fits; somebody may write for ever.
        left = self._output_size
        while left > 0 and self._output >= 0:
            left -= len(self._take_output() or b"") or left

    def close(self) -> None:
        if self._orders < 0:
            return
        for pipe in (self._output, self._reports):
            self._loop.remove_reader(pipe)
        for pipe in (self._orders, self._output, self._reports):
            os.close(pipe)
        self._orders = self._output = self._reports = -1
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read_output(self) -> None:
        if self._take_output() == b"":
            # The last one who could write is gone, which the reports tell, too.
            self._loop.remove_reader(self._output)

    def _take_output(self) -> bytes | None:
        """Take what is in the pipe: nothing when nobody can write to it, None when nobody has."""
        try:
            data = os.read(self._output, _READ_BYTES)
        except BlockingIOError:
            return None
        if data:
            self._on_output(data)
        return data

    def _read_reports(self) -> None:
        try:
            data = os.read(self._reports, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._reports)
            self._on_end()
            return
        self._rest = _report_lines(self._rest + data, self._on_report)


class AttachChannel:
    """A :class:`Channel` over the engine's attach stream, which is read in a thread.

    How much of the output is still on its way nobody knows. So a keeper is told to write a mark
    after it, and :meth:`drain` waits for that; without a keeper, until nothing has come for a
    moment.

    :param keeper_listens: there is a keeper.
    """

    def __init__(
        self,
        on_output: OnBytes,
        on_report: OnReport,
        on_end: Callable[[], None],
        *,
        keeper_listens: bool = True,
    ) -> None:
        self.binds: Mapping[str, str] = {}
        self._on_output = on_output
        self._on_report = on_report
        self._on_end = on_end
        self._keeper_listens = keeper_listens
        self._stream: AttachStream | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._came: deque[tuple[int, bytes]] = deque()
        self._rest = b""
        # A first byte that no text has: what might be the beginning of a mark is held back.
        self._mark = b"\x1e" + secrets.token_hex(16).encode() + b"\n"
        self._marks = threading.Condition()
        self._marks_asked = self._marks_seen = 0
        self._held = b""
        """Output that may be the beginning of a mark."""
        self._over = self._closed = False

    def open(
        self, client: docker.APIClient, container: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._loop = loop
        self._stream = AttachStream(client, container)
        name = f"lambdactl-{container[:12]}"
        threading.Thread(target=self._read, name=name, daemon=True).start()
        if self._closed:
            self._stream.close()

    def order(self, order: bytes) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError):
                self._stream.send(order)

    def drain(self) -> None:
        if self._keeper_listens:
            self._wait_for_mark()
        else:
            self._wait_for_quiet()
        self._take()

    def close(self) -> None:
        self._closed = True
        if self._stream is not None:
            self._stream.close()

    def _wait_for_mark(self) -> None:
        if self._stream is None or self._closed:
            return
        with self._marks:
            if self._over:
                return
            self._marks_asked += 1
            wanted = self._marks_asked
            self.order(keeper.MARK + self._mark)
            self._marks.wait_for(lambda: self._over or self._marks_seen >= wanted, _LONGEST_MARK_S)

    def _wait_for_quiet(self) -> None:
        end = time.monotonic() + _LONGEST_QUIET_S
        self._take()
        while time.monotonic() < end:
            time.sleep(_QUIET_S)
            if not self._take():
                return

    def _read(self) -> None:
        """In a thread of its own, until the container or lambdactl ends."""
        assert self._stream is not None
        with contextlib.suppress(OSError, ValueError):
            for kind, data in self._stream.frames():
                with self._marks:
                    rest = self._without_marks(data) if kind == _STDOUT else data
                    if rest:
                        self._came.append((kind, rest))
                    self._marks.notify_all()
                self._call(self._take)
        with self._marks:
            if self._held:
                self._came.append((_STDOUT, self._held))
            self._over = True
            self._marks.notify_all()
        self._call(self._ended)

    def _without_marks(self, data: bytes) -> bytes:
        """What of ``data``, and of what was held before, is output for sure."""
        if self._marks_asked == self._marks_seen:
            return data
        *parts, last = (self._held + data).split(self._mark)
        self._marks_seen += len(parts)
        held = 0
        if self._marks_asked > self._marks_seen:
            longest = min(len(last), len(self._mark) - 1)
            sizes = range(longest, 0, -1)
            held = next((n for n in sizes if last.endswith(self._mark[:n])), 0)
        self._held = last[len(last) - held :]
        return b"".join((*parts, last[: len(last) - held]))

    def _call(self, work: Callable[[], object]) -> None:
        assert self._loop is not None
        # The loop may be closed by now.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work)

    def _take(self) -> bool:
        """Hand on what has come; returns whether there was any."""
        any_came = False
        while self._came:
            stream, data = self._came.popleft()
            any_came = True
            if stream == _STDOUT or not self._keeper_listens:
                self._on_output(data)
            else:
                self._rest = _report_lines(self._rest + data, self._on_report)
        return any_came

    def _ended(self) -> None:
        self._take()
        if not self._closed:
            self._on_end()


def _report_lines(data: bytes, on_report: OnReport) -> bytes:
    """Hand on the whole lines of ``data``; returns the rest."""
    *lines, rest = data.split(b"\n")
    for line in lines:
        on_report(line.decode("utf-8", "replace"))
    return rest
