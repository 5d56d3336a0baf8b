"""How a failed command ends: a short report on stderr and the exit code of the error.

A mistake of the user's is one paragraph without a traceback. A bug of ours is a short
report, with the traceback under ``--debug``.
"""

from __future__ import annotations

import errno
import platform
import traceback
from pathlib import Path

import click

from lambdactl import errors

_WIDEST = 160


def report(error: Exception, *, debug: bool) -> int:
    """Print ``error`` to stderr; return the exit code the process should end with."""
    if isinstance(error, errors.ManifestError):
        for one in error.problems:
            problem(one)
        return error.exit_code
    if isinstance(error, errors.BugError):
        return _bug(error.error, debug=debug)
    if isinstance(error, errors.LambdactlError):
        if isinstance(error, errors.BuildError) and error.output:
            click.echo(error.output.decode("utf-8", "replace").rstrip("\n"), err=True)
        _user_error(error)
        return error.exit_code
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        click.echo("Aborted.", err=True)
        return errors.EXIT_INTERRUPTED
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    circumstance = _circumstance(error)
    if circumstance is not None:
        _user_error(circumstance)
        return circumstance.exit_code
    return _bug(error, debug=debug)


def _label(text: str, colour: str) -> str:
    return click.style(text, fg=colour, bold=True)


def _user_error(error: errors.LambdactlError) -> None:
    text = _label("error: ", "red") + (
        f"{error.where}: {error.message}" if error.where else error.message
    )
    if error.hint:
        # AWS's own sentences, which some errors quote, end with a full stop.
        text = f"{text.removesuffix('.')}; {error.hint}"
    click.echo(text, err=True)
    if error.where and error.where.source:
        click.echo(f"    {error.where.source.rstrip()}", err=True)


def problem(problem: errors.Problem) -> None:
    """Print one problem of a manifest: place, message, the offending line, and a hint."""
    colour = "red" if problem.severity == "error" else "yellow"
    click.echo(
        f"{problem.where}: {_label(problem.severity + ':', colour)} {problem.message}", err=True
    )
    if problem.where.source is not None:
        line, caret = _excerpt(problem.where.source, problem.where.column)
        click.echo(f"    {line}", err=True)
        if caret is not None:
            click.echo("    " + " " * caret + "^", err=True)
    if problem.hint:
        click.echo(f"    hint: {problem.hint}", err=True)


def _excerpt(source: str, column: int | None) -> tuple[str, int | None]:
    """A line fit to be shown, and where the caret goes under it: a tab is one column wide, other
    control characters show as such, and of a very long line there is only the part around."""
    line = "".join(c if c.isprintable() else " " if c == "\t" else "\ufffd" for c in source)
    caret = None if column is None else column - 1
    if len(line) > _WIDEST:
        start = max(0, min((caret or 0) - _WIDEST // 2, len(line) - _WIDEST))
        line = line[start : start + _WIDEST]
        caret = None if caret is None else caret - start
    return line.rstrip(), caret


def _circumstance(error: Exception) -> errors.LambdactlError | None:
    """The mistake behind an error that any line of ours may meet, and none can help."""
    if type(error).__module__.startswith(("botocore.", "boto3.")):
        from lambdactl.deploy.explaining import explained

        return explained(error, doing="asking AWS")
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return errors.UserError(f"can't write: {(error.strerror or '').lower()}")
    try:
        Path.cwd()
    except FileNotFoundError:
        return errors.UserError("the current folder is gone", hint="change into another")
    return None


def _bug(error: BaseException, *, debug: bool) -> int:
    from lambdactl import __version__

    if debug:
        traceback.print_exception(error)
    summary = "".join(traceback.format_exception_only(error)).strip()
    frame = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    place = f" at {frame.filename}:{frame.lineno}" if frame else ""
    click.echo(
        f"{_label('bug in lambdactl: ', 'red')}{summary}{place}\n"
        f"lambdactl {__version__}, Python {platform.python_version()}, {platform.platform()}"
        + ("" if debug else "; run again with --debug for the traceback"),
        err=True,
    )
    return errors.EXIT_BUG
