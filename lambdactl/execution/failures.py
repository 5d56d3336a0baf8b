"""What Lambda answers when an environment fails: the error JSON and the words in it.

The texts are those of AWS itself and its emulator (shared facts, section 6;
https://github.com/aws/aws-lambda-runtime-interface-emulator, internal/lambda/rapidcore).
"""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass

from lambdactl.execution.invocation import MAX_PAYLOAD_BYTES

# Go's names of signals (syscall.Signal.String), which is what Lambda prints.
_SIGNAL_WORDS: dict[int, str] = {
    signal.SIGABRT: "aborted",
    signal.SIGALRM: "alarm clock",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGPIPE: "broken pipe",
    signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
    signal.SIGTRAP: "trace/breakpoint trap",
    signal.SIGUSR1: "user defined signal 1",
    signal.SIGUSR2: "user defined signal 2",
}

EXIT_ERROR = "Runtime.ExitError"
TIMEOUT = "Sandbox.Timedout"
TOO_LARGE = "Function.ResponseSizeTooLarge"


@dataclass(frozen=True, slots=True)
class Exit:
    """How a runtime ended: an exit status, or the signal that killed it."""

    status: int | None = None
    signal: int | None = None

    @classmethod
    def of(cls, returncode: int) -> Exit:
        """From subprocess's convention: negative is a signal."""
        return cls(signal=-returncode) if returncode < 0 else cls(status=returncode)

    @property
    def code(self) -> int | None:
        """As a shell has it: a signal is its number and 128."""
        return self.status if self.signal is None else 128 + self.signal

    def describe(self) -> str:
        """``Runtime exited with error: exit status 1``, as Lambda words it."""
        if self.status == 0:
            return "Runtime exited without providing a reason"
        if self.signal is None:
            return f"Runtime exited with error: exit status {self.status}"
        word = _SIGNAL_WORDS.get(self.signal, f"signal {self.signal}")
        return f"Runtime exited with error: signal: {word}"


def exit_payload(request_id: str, how: Exit) -> bytes:
    """The answer when the runtime process ended in the middle of an invocation."""
    return _payload(EXIT_ERROR, f"RequestId: {request_id} Error: {how.describe()}")


def timeout_payload(request_id: str, timeout_s: float) -> bytes:
    """The answer when the function's timeout passed."""
    return _payload(
        TIMEOUT, f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
    )


def too_large_payload(size: int) -> bytes:
    """The answer when the function's response has ``size`` bytes, too many."""
    return _payload(
        TOO_LARGE,
        f"Response payload size ({size} bytes) exceeded maximum allowed payload size "
        f"({MAX_PAYLOAD_BYTES} bytes).",
    )


def _payload(error_type: str, message: str) -> bytes:
    return json.dumps(
        {"errorType": error_type, "errorMessage": message}, separators=(",", ":")
    ).encode()
