"""Other lambdactls, as far as their work folder says that they are there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCRIPT = (
    "import sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
    "from lambdactl.execution.work import WorkFolder\n"
    "work = WorkFolder(); print(work.path, flush=True); sys.stdin.read()\n"
)


@contextmanager
def another(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """One that lives until it is killed, and its work folder in ``temporary``."""
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(temporary)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def killed(temporary: Path) -> Path:
    """The work folder of one that was killed."""
    with another(temporary) as (_, folder):
        return folder
