"""How long a thread has wanted to run."""

from __future__ import annotations

import time

from lambdactl.execution.pressure import wanted_s


def test_work_counts_and_sleep_does_not() -> None:
    begun, before = time.monotonic(), wanted_s()
    used = time.thread_time()
    while time.monotonic() < begun + 0.05:
        pass
    # Of the time that it did not run it may have waited for a processor, or the machine stood.
    assert wanted_s() - before >= (time.thread_time() - used) * 0.8

    before = wanted_s()
    time.sleep(0.1)
    assert wanted_s() - before < 0.05
