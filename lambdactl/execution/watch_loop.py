"""A :class:`~lambdactl.execution.watch.Watch` in an event loop: told as soon as something changes,
without a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lambdactl.execution.watch import Change, Watch


def attach(
    watch: Watch, loop: asyncio.AbstractEventLoop, on_changes: Callable[[list[Change]], None]
) -> Callable[[], None]:
    """Call ``on_changes`` in ``loop`` as soon as something changes; returns what ends that, to be
    called before ``watch`` is closed."""
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal timer
        if timer is not None:
            timer.cancel()
        found = watch.changes()
        due = watch.due_s()
        timer = loop.call_later(due, look) if due is not None else None
        if found:
            on_changes(found)

    def detach() -> None:
        loop.remove_reader(watch.fileno())
        if timer is not None:
            timer.cancel()

    loop.add_reader(watch.fileno(), look)
    look()
    return detach
