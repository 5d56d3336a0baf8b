"""Whether a thread has more to do than it gets to."""

from __future__ import annotations

import os
import time


def wanted_s() -> float:
    """Seconds that the calling thread has run, or (Linux) has waited for a processor to run on.

    Divided by the time that passed, it says how loaded an event loop is, also on a machine that is
    busy with something else (https://docs.kernel.org/scheduler/sched-stats.html, the three fields
    of ``/proc/<pid>/schedstat``).
    """
    try:
        # Each hundredth of a second while callers wait, so without a file object.
        file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            ran, waited, _ = os.read(file, 100).split()
        finally:
            os.close(file)
        return (int(ran) + int(waited)) / 1e9
    except (OSError, ValueError):
        return time.thread_time()
