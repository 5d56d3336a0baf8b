"""How a failed command ends: a short report on stderr and the exit code of the error.

A mistake of the user's is one paragraph without a traceback. A bug of ours is a short
report, with the traceback under ``--debug``.
"""

from __future__ import annotations

import platform
import traceback

import click

from lambdactl import errors


def report(error: Exception, *, debug: bool) -> int:
    """Print ``error`` to stderr; return the exit code the process should end with."""
    if isinstance(error, errors.ManifestError):
        for problem in error.problems:
            _problem(problem)
        return error.exit_code
    if isinstance(error, errors.LambdactlError):
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
    return _bug(error, debug=debug)


def _label(text: str, colour: str) -> str:
    return click.style(text, fg=colour, bold=True)


def _user_error(error: errors.LambdactlError) -> None:
    text = _label("error: ", "red") + (
        f"{error.where}: {error.message}" if error.where else error.message
    )
    if error.hint:
        text += f"; {error.hint}"
    click.echo(text, err=True)
    if error.where and error.where.source:
        click.echo(f"    {error.where.source.rstrip()}", err=True)


def _problem(problem: errors.Problem) -> None:
    colour = "red" if problem.severity == "error" else "yellow"
    click.echo(
        f"{problem.where}: {_label(problem.severity + ':', colour)} {problem.message}", err=True
    )
    if problem.where.source is not None:
        click.echo(f"    {problem.where.source.rstrip()}", err=True)
        if problem.where.column is not None:
            click.echo("    " + " " * (problem.where.column - 1) + "^", err=True)
    if problem.hint:
        click.echo(f"    hint: {problem.hint}", err=True)


def _bug(error: Exception, *, debug: bool) -> int:
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
