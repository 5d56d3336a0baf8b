"""The command line as a process of its own, quickly: a fork of this one, which has imported all."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session

from tests.deploy.conftest import loader, session

_SERVICES = (
    *("apigateway", "apigatewayv2", "cloudwatch", "dynamodb", "events", "iam", "kinesis"),
    *("lambda", "logs", "resourcegroupstaggingapi", "s3", "scheduler", "sns", "sqs", "ssm", "sts"),
)
"""Those that most commands ask."""


@dataclass(frozen=True)
class Ended:
    """:ivar code: the exit code; that of a signal is negative."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)


class Running:
    """A command that runs, in a fork."""

    def __init__(
        self, arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._files = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _child(arguments, folder, environment, [file.fileno() for file in self._files])

    def kill(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, timeout_s: float = 120) -> Ended:
        end = time.monotonic() + timeout_s
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                os.kill(self.pid, 9)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"it did not end: {self._texts()}")
            time.sleep(0.005)
        out, err = self._texts()
        for file in self._files:
            file.close()
        return Ended(os.waitstatus_to_exitcode(status), out, err)

    def _texts(self) -> list[str]:
        found = []
        for file in self._files:
            file.seek(0)
            found.append(file.read().decode("utf-8", "replace"))
        return found


def start(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> Running:
    """Start ``lambdactl`` with ``arguments`` in ``folder``."""
    _import_all()
    return Running(arguments, folder, environment or {})


def run(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> Ended:
    """Run ``lambdactl`` with ``arguments`` in ``folder`` to its end."""
    return start(*arguments, folder=folder, environment=environment).wait()


@functools.cache
def _import_all() -> None:
    import boto3  # noqa: F401
    import rich.live  # noqa: F401

    from lambdactl.deploy import desired, kinds

    desired.modules()
    kinds.kinds()
    for service in _SERVICES:
        session().client(service, endpoint_url="http://127.0.0.1:9")


def _child(
    arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str], files: list[int]
) -> None:
    """Be the command; never come back."""
    code = 70
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(files[0], 1)
        os.dup2(files[1], 2)
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), write_through=True)
        os.chdir(folder)
        # AWS's descriptions of its services were read before the fork.
        botocore.session.create_loader = lambda *_: loader
        os.environ.update({"NO_COLOR": "1", "COLUMNS": "160", **environment})
        from lambdactl.cli import main

        main(list(arguments))
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
