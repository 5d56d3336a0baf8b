"""What Lambda answers when an environment fails."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from lambdactl.execution.failures import Exit, exit_payload, timeout_payload, too_large_payload


@pytest.mark.parametrize(
    ("returncode", "words"),
    [
        (0, "Runtime exited without providing a reason"),
        (1, "Runtime exited with error: exit status 1"),
        (127, "Runtime exited with error: exit status 127"),
        (-signal.SIGKILL, "Runtime exited with error: signal: killed"),
        (-signal.SIGSEGV, "Runtime exited with error: signal: segmentation fault"),
        (-signal.SIGABRT, "Runtime exited with error: signal: aborted"),
        (-signal.SIGTERM, "Runtime exited with error: signal: terminated"),
        (-40, "Runtime exited with error: signal: signal 40"),
        (-31, "Runtime exited with error: signal: signal 31"),
    ],
)
def test_an_exit_in_lambdas_words(returncode: int, words: str) -> None:
    assert Exit.of(returncode).describe() == words
    assert json.loads(exit_payload("some-id", Exit.of(returncode))) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: some-id Error: {words}",
    }


def test_an_exit_of_a_real_process() -> None:
    program = "import os; os.kill(os.getpid(), 11)"
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert Exit.of(done.returncode).signal == signal.SIGSEGV


def test_a_timeout() -> None:
    assert timeout_payload("some-id", 1) == (
        b'{"errorType":"Sandbox.Timedout",'
        b'"errorMessage":"RequestId: some-id Error: Task timed out after 1.00 seconds"}'
    )


def test_a_response_that_is_too_large() -> None:
    assert json.loads(too_large_payload(7_000_000)) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size (7000000 bytes) exceeded maximum allowed payload "
        "size (6291556 bytes).",
    }
