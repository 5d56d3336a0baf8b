"""A build as it goes on: a table on a terminal, few words elsewhere, and one line of an artifact.

stdout carries the lines of what was made; everything on the way is on stderr.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lambdactl import errors
from lambdactl.artifacts.model import Artifact

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_LIVE_S = 0.3
"""A build that is through before has no table: it would only flicker."""
_LINE_S = 3.0
"""When a line says what takes so long, where there is no table."""


@dataclass(slots=True)
class _Running:
    begun: float
    line: str = ""
    told: bool = False


class BuildView:
    """A :class:`~lambdactl.artifacts.builds.Report` for people. To be made in the event loop.

    :ivar made: what was made, in that order.
    :ivar failed_ones: what failed, in that order.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.made: list[Artifact] = []
        self.failed_ones: list[tuple[str, errors.LambdactlError]] = []
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._ended: list[str] = []
        self._live: Live | None = None
        self._loop = asyncio.get_running_loop()
        self._tty = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        wait = _LIVE_S if self._tty else _LINE_S
        self._timer = self._loop.call_later(wait, self._later)

    # Report

    def started(self, name: str) -> None:
        with self._lock:
            self._running[name] = _Running(self._clock())

    def line(self, name: str, text: str) -> None:
        with self._lock:
            running = self._running.get(name)
            if running is not None and text.strip():
                running.line = text.strip()

    def finished(self, artifact: Artifact) -> None:
        with self._lock:
            self._running.pop(artifact.name, None)
            self._ended.append(_settled(artifact))
            self.made.append(artifact)

    def failed(self, name: str, error: errors.LambdactlError) -> None:
        with self._lock:
            self._running.pop(name, None)
            self._ended.append(click.style(f"{name}  failed", fg="red"))
            self.failed_ones.append((name, error))

    # on the way

    def close(self) -> None:
        """The table goes; what it has said is said anew on stdout."""
        self._timer.cancel()
        if self._live is not None:
            self._live.stop()

    def _later(self) -> None:
        if self._tty:
            self._open()
            return
        with self._lock:
            slow = [name for name, one in self._running.items() if not one.told]
            for name in slow:
                self._running[name].told = True
        if slow:
            click.echo(f"building {', '.join(slow)}", err=True)
        self._timer = self._loop.call_later(_LINE_S, self._later)

    def _open(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            console=Console(stderr=True),
            get_renderable=self._table,
            transient=True,
            refresh_per_second=8,
        )
        self._live.start()

    def _table(self) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=1)
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, justify="right")
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        with self._lock:
            for text in self._ended:
                grid.add_row("", Text.from_ansi(text), "", "")
            for name, one in self._running.items():
                took = f"{self._clock() - one.begun:.1f} s"
                grid.add_row(Spinner("dots"), name, took, Text(one.line, style="dim"))
        return grid


def _settled(artifact: Artifact) -> str:
    took = "unchanged" if artifact.cached else f"{artifact.seconds:.1f} s"
    return f"{artifact.name}  {size(artifact.size)}  {took}"


def show(artifacts: Iterable[Artifact]) -> None:
    """One line an artifact on stdout: name, kind, size, how long it took, where it is."""
    rows = [
        (
            artifact.name,
            artifact.kind,
            size(artifact.size),
            "" if artifact.image else f"({size(artifact.unzipped)} unzipped)",
            "unchanged" if artifact.cached else f"{artifact.seconds:.1f} s",
            artifact.image or shown(artifact.path),
        )
        for artifact in artifacts
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(6)]
    for row in rows:
        cells = [
            cell.rjust(width) if column == 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def details(artifact: Artifact) -> dict[str, Any]:
    """What a script may want to know of a build beside the bill."""
    return {
        "cached": artifact.cached,
        "seconds": round(artifact.seconds, 3),
        "handler": artifact.handler,
        "warnings": list(artifact.warnings),
        "left_out": [
            {"name": out.name, "why": out.why, "secret": out.secret} for out in artifact.left_out
        ],
    }


def size(count: int) -> str:
    """Bytes for people, in the units that Lambda's limits are told in."""
    from lambdactl.artifacts import sizes

    return sizes.shown(count)


def shown(path: Path | None) -> str:
    """A path as one would write it in the current folder."""
    if path is None:
        return ""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
