"""Runs a package manager or a bundler: the user's own tool, in a folder of the build's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lambdactl.artifacts.model import Work
from lambdactl.errors import EnvironmentStartError

MAX_OUTPUT = 256 * 1024
"""Bytes of a tool's output that are kept; the end says what went wrong."""

_PASSWORD = re.compile(rb"(?<=://)[^/@\s]+@")
"""Registries have them in their addresses."""


class Ended(NamedTuple):
    """How a tool ended: its exit code (negative: the signal) and the end of what it printed."""

    code: int
    output: bytes


def find(name: str, work: Work) -> str | None:
    """The path of a program on the user's ``PATH``."""
    return shutil.which(name, path=work.shell.get("PATH", os.defpath))


def run(
    words: Sequence[str],
    folder: Path,
    work: Work,
    *,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run a program to its end and tell each line as it comes, without passwords. Blocking.

    :param environment: added to the user's variables.
    :raises EnvironmentStartError: it can't be started.
    """
    output = b""
    try:
        with work.children.run(
            words,
            cwd=folder,
            env={**work.shell, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            assert process.stdout is not None
            for printed in process.stdout:
                line = _PASSWORD.sub(b"***@", printed)
                output = (output + line)[-MAX_OUTPUT:]
                if text := line.decode("utf-8", "replace").rstrip():
                    work.tell(text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EnvironmentStartError(f"can't run {words[0]}: {reason}") from None
    return Ended(process.returncode, output)
