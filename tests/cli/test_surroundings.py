"""The command line where something is missing that every shell has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = f"{sys.executable} -m lambdactl"


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "app.py").write_text("def handler(event, context):\n    return event\n")
    script = script.replace("lambdactl", COMMAND)
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed(closed: str, tmp_path: Path) -> None:
    done = shell(f"lambdactl invoke app.handler --event-json '[1]' {closed}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if ">&-" not in closed.replace("2>&-", ""):
        assert json.loads(done.stdout) == [1]


@pytest.mark.parametrize("command", ["invoke app.handler", "generate-event s3", "schema"])
def test_a_full_disk_is_not_a_bug(command: str, tmp_path: Path) -> None:
    done = shell(f"lambdactl {command} > /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith("error: can't write: no space left on device\n")


@pytest.mark.parametrize("command", ["invoke app.handler", "validate", "list"])
def test_a_folder_that_is_gone_is_not_a_bug(command: str, tmp_path: Path) -> None:
    done = shell(f"mkdir gone && cd gone && rmdir ../gone && lambdactl {command}", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: the current folder is gone; change into another\n"
