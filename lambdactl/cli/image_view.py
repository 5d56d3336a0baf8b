"""Images as they are pulled and built: bars on a terminal, lines elsewhere, JSON for scripts."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_MEGABYTE = 1_000_000
_LINE_S = 5.0
"""How often a line says how far a pull is, where there is no bar."""
_DOCUMENT_S = 0.5
_BAR = 20


@dataclass(slots=True)
class _Pull:
    """One image on its way: bytes that are here and bytes in all, by layer."""

    begun: float
    said: float
    documented: float = 0.0
    layers: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return sum(done for done, _ in self.layers.values())

    @property
    def total(self) -> int:
        return sum(total for _, total in self.layers.values())

    @property
    def far(self) -> str:
        """Of layers that wait nobody knows the size, so the total grows at first."""
        return f"{_megabytes(self.done)} of {_megabytes(self.total)} MB"


class ImageView:
    """A :class:`~lambdactl.execution.containers.settings.Progress` for people or scripts. Its
    methods may be called in any thread.

    :param output: "json": documents as well, one a line.
    :param write: takes a line for people; by default stderr does, with bars if it is a terminal.
    :param document: takes a document for scripts; by default stdout does, with ``output`` "json".
    :param shown: whoever gives ``write`` shows :meth:`status`, so lines need not say how far a
        pull is.
    """

    def __init__(
        self,
        output: str = "text",
        *,
        write: Callable[[bytes], None] | None = None,
        document: Callable[[dict[str, Any]], None] | None = None,
        shown: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write or _to_stderr
        self._document = document or (_to_stdout if output == "json" else None)
        self._bars = _Bars() if write is None and _is_live() else None
        self._lines = self._bars is None and not shown
        self._clock = clock
        self._lock = threading.RLock()
        self._pulls: dict[str, _Pull] = {}

    # Progress

    def pulling(self, image: str, layer: str, done: int, total: int) -> None:
        with self._lock:
            now = self._clock()
            pull = self._pulls.get(image)
            if pull is None:
                pull = self._pulls[image] = _Pull(begun=now, said=now)
                if self._bars is None:
                    self._say(f"pulling {image}")
            pull.layers[layer] = (done, total)
            if self._bars is not None:
                self._bars.show(image, pull.done, pull.total)
            elif self._lines and now - pull.said >= _LINE_S:
                pull.said = now
                self._say(f"pulling {image}: {pull.far}")
            if now - pull.documented >= _DOCUMENT_S:
                pull.documented = now
                self._tell("pull", image=image, done_bytes=pull.done, total_bytes=pull.total)

    def pulled(self, image: str) -> None:
        with self._lock:
            pull = self._gone(image)
            if pull is None:
                self._say(f"{image} is up to date")
                self._tell("pulled", image=image, total_bytes=0, duration_ms=0)
                return
            took = self._clock() - pull.begun
            self._say(f"pulled {image}: {_megabytes(pull.total)} MB in {took:.1f} s")
            self._tell(
                "pulled",
                image=image,
                total_bytes=pull.total,
                duration_ms=round(took * 1000, 1),
            )

    def given_up(self, image: str) -> None:
        with self._lock:
            if self._gone(image) is not None:
                self._tell("pull_failed", image=image)

    def building(self, function: str, line: str) -> None:
        with self._lock:
            self._say(f"{function}: {line}")
            self._tell("build_output", function=function, line=line)

    # for whoever shows it

    def status(self, width: int) -> str:
        """One line about what is on its way, at most ``width`` columns; empty: nothing is."""
        with self._lock:
            if not self._pulls:
                return ""
            image, pull = next(iter(self._pulls.items()))
            more = f" (and {len(self._pulls) - 1} more)" if len(self._pulls) > 1 else ""
            share = pull.done / pull.total if pull.total else 0.0
            filled = round(share * _BAR)
            bar = "#" * filled + "-" * (_BAR - filled)
            return f"[{bar}] {pull.far}  pulling {image}{more}"[: max(width - 1, 0)]

    def close(self) -> None:
        """Take bars away that are still there."""
        with self._lock:
            self._pulls.clear()
            if self._bars is not None:
                self._bars.close()

    def _gone(self, image: str) -> _Pull | None:
        if self._bars is not None:
            self._bars.remove(image)
        return self._pulls.pop(image, None)

    def _say(self, text: str) -> None:
        if self._bars is not None and self._bars.say(text):
            return
        self._write(text.encode("utf-8", "replace"))

    def _tell(self, event: str, **fields: Any) -> None:
        if self._document is not None:
            self._document({"event": event, **fields})


class _Bars:
    """Bars on stderr, while there are any."""

    def __init__(self) -> None:
        self._shown: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}

    def show(self, image: str, done: int, total: int) -> None:
        if self._shown is None:
            self._shown = _columns()
            self._shown.start()
        if image not in self._tasks:
            self._tasks[image] = self._shown.add_task(image, total=None)
        self._shown.update(self._tasks[image], completed=done, total=total or None)

    def remove(self, image: str) -> None:
        task = self._tasks.pop(image, None)
        if task is not None and self._shown is not None:
            self._shown.remove_task(task)
        if not self._tasks:
            self.close()

    def say(self, text: str) -> bool:
        """Print a line above the bars; False where there are none."""
        if self._shown is None:
            return False
        from rich.text import Text

        self._shown.console.print(Text(text), soft_wrap=True)
        return True

    def close(self) -> None:
        self._tasks.clear()
        if self._shown is not None:
            self._shown.stop()
            self._shown = None


def _columns() -> RichProgress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("pulling {task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _is_live() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:.1f}" if size < 10 * _MEGABYTE else f"{size / _MEGABYTE:.0f}"


def _to_stderr(line: bytes) -> None:
    sys.stderr.buffer.write(line + b"\n")
    sys.stderr.buffer.flush()


def _to_stdout(document: dict[str, Any]) -> None:
    text = json.dumps(document, ensure_ascii=False)
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()
