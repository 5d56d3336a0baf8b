"""Package managers, as they are run."""

from __future__ import annotations

import os
from pathlib import Path

from lambdactl.artifacts.dependencies import tools
from lambdactl.artifacts.model import Work


def test_passwords_are_not_told(tmp_path: Path) -> None:
    told: list[str] = []
    work = Work(tmp_path, tmp_path, {"PATH": os.defpath}, told.append)
    script = "echo fetching https://me:secret@npm.example/a; echo a@b.example; exit 3"
    ended = tools.run(["/bin/sh", "-c", script], tmp_path, work)
    assert told == ["fetching https://***@npm.example/a", "a@b.example"]
    assert ended == (3, b"fetching https://***@npm.example/a\na@b.example\n")
