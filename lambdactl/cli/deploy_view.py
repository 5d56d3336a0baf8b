"""A deployment as it goes on, and what there is at its end.

On a terminal the steps that are under way stand below those that are through; elsewhere each step
is a line when it is through. All of that is on stderr; the table at the end is on stdout.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from lambdactl import errors
from lambdactl.cli import plan_view
from lambdactl.deploy import showing
from lambdactl.deploy.plan import Action, Applied, Done, Plan, Step

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_DONE: dict[Action, str] = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
}
_QUIET = frozenset({"permission", "role", "log_group", "async", "provisioned", "schedule_group"})
"""Kinds that nobody looks for in the table at the end."""
_ROWS = 12
"""Steps under way that are shown at most."""


@dataclass(slots=True)
class _Running:
    begun: float
    words: str = ""


class DeployView:
    """A :class:`~lambdactl.deploy.plan.Progress` for people."""

    def __init__(self, plan: Plan, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = len(plan.steps)
        self._ended = 0
        self._running: dict[str, tuple[Step, _Running]] = {}
        self._clock = clock
        self._lock = threading.Lock()
        self._live: Live | None = None
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            self._open()

    # Progress

    def started(self, step: Step) -> None:
        with self._lock:
            self._running[step.id] = step, _Running(self._clock())

    def told(self, step: Step, words: str) -> None:
        with self._lock:
            found = self._running.get(step.id)
            if found is None or found[1].words == words:
                return
            found[1].words = words
        if self._live is None:
            click.echo(f"    {plan_view.title(step)}: {words}", err=True)

    def finished(self, done: Done) -> None:
        with self._lock:
            self._running.pop(done.step.id, None)
            self._ended += 1
        self._print(_line(done))

    # around it

    def say(self, words: str) -> None:
        """A line between the others."""
        self._print(words)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print(self, line: str) -> None:
        if self._live is not None:
            from rich.text import Text

            self._live.console.print(Text.from_ansi(line), soft_wrap=True)
        else:
            click.echo(line, err=True)

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
            for step, one in list(self._running.values())[:_ROWS]:
                took = f"{self._clock() - one.begun:.1f} s"
                words = Text(one.words, style="dim")
                grid.add_row(Spinner("dots"), Text(plan_view.title(step)), took, words)
            more = len(self._running) - _ROWS
            under_way = f", {more} more under way" if more > 0 else ""
            grid.add_row("", f"{self._ended} of {self._total} steps{under_way}", "", "")
        return grid


def _line(done: Done) -> str:
    mark, colour = plan_view.MARKS[done.step.action]
    what = plan_view.title(done.step)
    if done.state == "done":
        word = _DONE[done.step.action]
        return (
            f"{click.style(mark.rjust(3), fg=colour, bold=True)} {what} {word} "
            f"({seconds(done.seconds)})"
        )
    if done.state == "failed":
        failed = click.style("failed", fg="red", bold=True)
        return f"{click.style('!'.rjust(3), fg='red', bold=True)} {what} {failed}"
    return click.style(f"    {what} not {_DONE[done.step.action]}: {reason(done)}", dim=True)


def reason(done: Done) -> str:
    """Why a step was not taken."""
    because = done.because or ""
    action, _, address = because.partition(" ")
    if action in _DONE and ":" in address:
        return f"{address.partition(':')[2]} failed"
    return because


def seconds(count: float) -> str:
    """A duration for people.

    >>> seconds(0.04), seconds(12.34), seconds(200)
    ('0.0 s', '12.3 s', '3 min 20 s')
    """
    if count < 60:
        return f"{count:.1f} s"
    return f"{int(count) // 60} min {int(count) % 60} s"


def results(applied: Applied) -> None:
    """The table of what there is now on stdout: ARNs, URLs, durations."""
    rows = list(_rows(applied))
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    click.echo()
    click.echo(click.style("Deployed", bold=True))
    for kind, name, took, targets in rows:
        cells = (kind.ljust(widths[0]), name.ljust(widths[1]), took.rjust(widths[2]))
        # Nothing is cut off or broken over lines: it is there to be copied.
        click.echo(f"  {'  '.join((*cells, targets[0]))}")
        for target in targets[1:]:
            click.echo(f"  {' ' * (sum(widths) + 4)}  {target}")


def _rows(applied: Applied) -> Iterator[tuple[str, str, str, list[str]]]:
    took = {done.step.address: done for done in applied.done if done.state == "done"}
    for address in sorted(applied.outputs, key=lambda one: (_rank(one), one)):
        outputs = applied.outputs[address]
        kind, _, name = address.partition(":")
        targets = [outputs[key] for key in ("url", "arn") if outputs.get(key)]
        if kind in _QUIET or not targets:
            continue
        done = took.get(address)
        spent = seconds(done.seconds) if done is not None else "unchanged"
        yield plan_view.kind_title(kind).removesuffix(" of"), name, spent, targets


def _rank(address: str) -> int:
    """Functions first, then what has a URL of its own kind, then the rest."""
    kind = address.partition(":")[0]
    first = ("function", "version", "alias", "url", "http_api", "rest_api", "websocket_api")
    return first.index(kind) if kind in first else len(first)


def summary(applied: Applied) -> str:
    """What became of the steps, in one line."""
    counts = {"done": 0, "failed": 0, "skipped": 0}
    for done in applied.done:
        counts[done.state] += 1
    words = f"{counts['done']} of {len(applied.done)} steps done in {seconds(applied.seconds)}"
    if counts["failed"]:
        words += f", {counts['failed']} failed"
    if counts["skipped"]:
        words += f", {counts['skipped']} not taken"
    return words


def document(applied: Applied) -> dict[str, Any]:
    """What became of a plan, as JSON."""
    return {
        "complete": applied.complete,
        "seconds": round(applied.seconds, 3),
        "steps": [_done_document(done) for done in applied.done],
        "outputs": {address: dict(values) for address, values in sorted(applied.outputs.items())},
    }


def _done_document(done: Done) -> dict[str, Any]:
    error = done.error
    return {
        "id": done.step.id,
        "address": done.step.address,
        "action": done.step.action,
        "state": done.state,
        "seconds": round(done.seconds, 3),
        "because": done.because,
        "error": None
        if error is None
        else {
            "type": type(error).__name__,
            "message": getattr(error, "message", None) or str(error),
            "hint": getattr(error, "hint", None),
            "exit_code": getattr(error, "exit_code", errors.EXIT_BUG),
        },
    }


def plan_document(plan: Plan, applied: Applied | None) -> dict[str, Any]:
    """A plan and what became of it; None: nothing was done."""
    return {
        **showing.document(plan),
        "applied": None if applied is None else document(applied),
    }
