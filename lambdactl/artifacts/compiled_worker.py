"""aws-lambda-builders in a process of its own: ``python compiled_worker.py REQUEST``.

The library takes its environment, and where tools are, from its process; it shows nothing of what
a tool prints as long as it runs, and of Maven, which prints its errors on stdout, nothing at all.
Here it has a process whose environment is the build's, and everything that a tool prints goes to
stderr as it comes. The answer, on stdout, is JSON: null, or what the library says went wrong.

``REQUEST`` is JSON: ``capability`` (three words), ``ignored`` (names that are not copied), and
``build``, the arguments of ``LambdaBuilder.build``
(https://github.com/aws/aws-lambda-builders/blob/develop/aws_lambda_builders/builder.py).

When the process that has started this one ends, the build ends: its stdin is closed then.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any, BinaryIO

_QUESTIONS = frozenset({"version", "-version", "--version", "-v", "metadata", "help"})
"""Words with which the library asks a tool about itself: nobody wants to see the answer."""


class Heard(subprocess.Popen):  # type: ignore[type-arg]
    """A process whose output also goes to our stderr."""

    def __init__(self, args: Sequence[str], *rest: Any, **options: Any) -> None:
        super().__init__(args, *rest, **options)
        if not _QUESTIONS.isdisjoint(args):
            return
        if self.stdout is not None:
            self.stdout = _overheard(self.stdout)
        if self.stderr is not None:
            self.stderr = _overheard(self.stderr)


def _overheard(pipe: Any) -> Any:
    reading, writing = os.pipe()
    threading.Thread(target=_pass_on, args=(pipe, writing), daemon=True).start()
    return os.fdopen(reading, "rb")


def _pass_on(pipe: BinaryIO, writing: int) -> None:
    with os.fdopen(writing, "wb") as file, contextlib.suppress(OSError):
        for line in pipe:
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()
            file.write(line)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def main(request: dict[str, Any]) -> str | None:
    """Run one build; returns what went wrong."""
    from aws_lambda_builders.architecture import ARM64, X86_64
    from aws_lambda_builders.builder import LambdaBuilder
    from aws_lambda_builders.exceptions import LambdaBuilderError
    from aws_lambda_builders.supported_runtimes import RUNTIME_ARCHITECTURES
    from aws_lambda_builders.workflows.java_maven.workflow import JavaMavenWorkflow

    build = request["build"]
    # AWS adds runtimes faster than the library is released.
    RUNTIME_ARCHITECTURES.setdefault(build["runtime"], [ARM64, X86_64])
    JavaMavenWorkflow.EXCLUDED_FILES = (*JavaMavenWorkflow.EXCLUDED_FILES, *request["ignored"])
    try:
        LambdaBuilder(*request["capability"]).build(**build)
    except LambdaBuilderError as error:
        return str(error)
    return None


if __name__ == "__main__":
    # In a session of its own (lambdactl.artifacts.children), so all that it starts is ended.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    subprocess.Popen = Heard  # type: ignore[misc, assignment]
    answer = main(json.loads(sys.argv[1]))
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    # A daemon that a tool has left behind (Gradle's) may hold our pipes, and nobody waits for it.
    os._exit(0)
