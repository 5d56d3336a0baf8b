"""Whether a thread has more to do than it gets to."""

from __future__ import annotations

import time


def wanted_s() -> float:
    """Seconds that the calling thread has run, or (Linux) has waited for a processor to run on.

    Divided by the time that passed, it says how loaded an event loop is, also on a machine that is
    busy with something else (https://docs.kernel.org/scheduler/sched-stats.html, the three fields
    of ``/proc/<pid>/schedstat``).
    """
    try:
        with open("/proc/thread-self/schedstat", "rb") as file:
            ran, waited, _ = file.read().split()
        return (int(ran) + int(waited)) / 1e9
    except (OSError, ValueError):
        return time.thread_time()
