"""Every error a user can meet, in one hierarchy.

An error says what happened (``message``), where (``where``: file, line, column and the
offending line) and what to do next (``hint``). It also knows the exit code of the
process that dies of it, so a command never chooses one itself:

====  =======================================================================
code  meaning
====  =======================================================================
0     success
1     the function returned an error (its error JSON is on stdout)
2     a mistake in what the user wrote: manifest, option, event, name
3     the execution environment could not start (no interpreter, no bootstrap)
4     AWS: there are no credentials, or they have expired
5     AWS: a permission is missing
6     AWS: a name is taken by someone else
7     AWS: another deployment is under way
8     AWS: something else went wrong there, or a deployment is not complete
70    a bug of ours (``EX_SOFTWARE`` of sysexits.h)
130   interrupted with Ctrl-C (143 by SIGTERM, 129 by SIGHUP)
====  =======================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EXIT_OK = 0
EXIT_FUNCTION_ERROR = 1
EXIT_USER_MISTAKE = 2
EXIT_ENVIRONMENT = 3
EXIT_CREDENTIALS = 4
EXIT_DENIED = 5
EXIT_TAKEN = 6
EXIT_LOCKED = 7
EXIT_AWS = 8
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file the user wrote. ``line`` and ``column`` count from 1."""

    file: str
    line: int | None = None
    column: int | None = None
    source: str | None = None
    """The offending line, without its line end."""

    def __str__(self) -> str:
        parts = [self.file]
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)


class LambdactlError(Exception):
    """Base of every error that a user is meant to read.

    :param message: what happened, one sentence without a full stop at the end.
    :param where: the place in the user's file, if there is one.
    :param hint: what to do next, one sentence.
    """

    exit_code = EXIT_USER_MISTAKE

    def __init__(
        self, message: str, *, where: Location | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} ({self.hint})" if self.hint else text


class UserError(LambdactlError):
    """The user asked for something that can't be: an unknown name, a bad option, a missing file."""


class EventError(UserError):
    """The event given to a function is missing, too large, or not JSON."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a manifest (``severity`` "error") or doubtful ("warning")."""

    message: str
    where: Location
    hint: str | None = None
    severity: str = "error"
    code: str = "invalid"
    """A stable word for scripts: "unknown-field", "duplicate-key", "wrong-type", ..."""


class ManifestError(UserError):
    """The manifest has problems; all of them are in ``problems``, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        errors = [p for p in self.problems if p.severity == "error"]
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(first.message + more, where=first.where, hint=first.hint)


class BuildError(UserError):
    """A function's build failed; ``output`` is what it printed."""

    def __init__(self, message: str, output: bytes, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.output = output


class EnvironmentStartError(LambdactlError):
    """An execution environment could not start: no interpreter, no bootstrap, no permission."""

    exit_code = EXIT_ENVIRONMENT


class EngineError(EnvironmentStartError):
    """No container engine was found, it does not answer, or it refused."""


class EnvironmentStoppedError(LambdactlError):
    """An execution environment was stopped from outside while a function ran in it."""

    exit_code = EXIT_ENVIRONMENT


class ThrottledError(LambdactlError):
    """The function has no concurrency left; ``reason`` is Lambda's word for the limit that was hit
    (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, TooManyRequestsException)."""

    exit_code = EXIT_FUNCTION_ERROR

    def __init__(self, message: str, *, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class AwsError(LambdactlError):
    """AWS said no, or a deployment is not complete. The message names the resource and the call."""

    exit_code = EXIT_AWS


class CredentialsError(AwsError):
    """There are no credentials, they have expired, or AWS does not know them."""

    exit_code = EXIT_CREDENTIALS


class DeniedError(AwsError):
    """The credentials may not do this: the message names the action and the resource."""

    exit_code = EXIT_DENIED


class TakenError(AwsError):
    """Something of this name is there already and is not lambdactl's, or of another service."""

    exit_code = EXIT_TAKEN


class LockedError(AwsError):
    """Another deployment of this service and stage is under way."""

    exit_code = EXIT_LOCKED


class BugError(LambdactlError):
    """A bug of ours, met where the rest goes on and all is told at the end.

    :ivar error: what was raised.
    """

    exit_code = EXIT_BUG

    def __init__(self, doing: str, error: BaseException) -> None:
        super().__init__(f"{doing}: {type(error).__name__}: {error}")
        self.error = error


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the closest of ``known``, or None when nothing is close.

    >>> did_you_mean("handlr", ["handler", "runtime"])
    'did you mean `handler`?'
    """
    import difflib  # Only a mistake pays for it.

    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return f"did you mean `{lowered[close[0]]}`?" if close else None
