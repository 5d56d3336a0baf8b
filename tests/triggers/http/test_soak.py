"""A short soak: every answer AWS's, none lost, nothing left behind (tests/bench/soak.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "bench" / "soak.py"


@pytest.mark.slow
def test_twenty_seconds_of_a_function_that_does_all_that_functions_do() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        # In so short a time Python is still growing to its size, and the machine is busy with
        # other tests.
        [sys.executable, str(SOAK), "--seconds", "20", "--growth", "0.2", "--end", "15"],
        capture_output=True,
        text=True,
        env=env,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
