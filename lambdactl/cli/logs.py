"""``lambdactl logs``: what all functions have logged in AWS, ordered by time."""

from __future__ import annotations

import contextlib
import datetime
import json
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from lambdactl import errors
from lambdactl.cli import params
from lambdactl.cli.aws import AwsOptions, aws_options
from lambdactl.cli.deploy_options import ManifestOptions, manifest_options

if TYPE_CHECKING:
    from lambdactl.deploy.logs import LogEvent

_COLOURS = ("cyan", "green", "magenta", "blue", "yellow", "bright_cyan", "bright_green")
_LEVELS = {"fatal": "red", "error": "red", "warn": "yellow", "debug": "bright_black"}
_PLATFORM = ("START ", "END ", "REPORT ", "INIT_START ", "INIT_REPORT ", "RESTORE_")
_DEFAULT = "10m"


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=params.complete_function)
@manifest_options
@click.option("-t", "--tail", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option(
    "--since",
    metavar="TIME",
    default=_DEFAULT,
    show_default=True,
    help="From so long ago (30s, 10m, 2h, 1d), or from a time as 2026-11-22T09:30.",
)
@click.option("--until", metavar="TIME", help="Up to then [now].")
@click.option(
    "--filter", "pattern", metavar="PATTERN", help="A filter pattern of CloudWatch Logs: ERROR."
)
@aws_options
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one JSON object a line.",
)
def logs(
    names: tuple[str, ...],
    source: ManifestOptions,
    tail: bool,
    since: str,
    until: str | None,
    pattern: str | None,
    aws: AwsOptions,
    output: str,
) -> None:
    """Show the logs of the deployed functions NAME, or of all, ordered by time."""
    from lambdactl.deploy.explaining import in_words
    from lambdactl.deploy.logs import Reader, groups_of

    if tail and until is not None:
        raise errors.UserError("--tail has no end", hint="leave out --until")
    context = source.context(aws, quiet=True)
    app = context.naming.app
    for name in names:
        app.function(name)
    now = context.account.clock.now()
    begin = moment(since, "--since", now)
    end = now + 1 if until is None else moment(until, "--until", now)
    reader = Reader(
        context.account,
        groups_of(context.naming, names),
        pattern=pattern,
        missing=lambda group: params.warn(
            f"there is no log group {group} yet: the function has not run, or is not deployed"
        ),
    )
    # A pipe that is closed early (`| head`) ends the command without a word.
    with in_words("reading the logs", context.account), contextlib.suppress(BrokenPipeError):
        _show(reader.follow(begin) if tail else reader.between(begin, end), output)


def moment(text: str, option: str, now: float) -> float:
    """The time that ``--since`` means, in seconds since the epoch.

    :raises UserError: it means none.
    """
    from lambdactl.manifest.scalars import seconds

    ago = seconds(text)
    if ago is not None:
        return now - ago
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise errors.UserError(
            f"{option} {text} is no time", hint="as 30s, 10m, 2h, 1d or 2026-11-22T09:30"
        ) from None


def _show(events: Iterable[LogEvent], output: str) -> None:
    show = _as_json if output == "json" else _as_text
    for event in events:
        show(event)


def _as_json(event: LogEvent) -> None:
    document = event.document
    line: dict[str, Any] = {
        "time": _time(event).isoformat(timespec="milliseconds"),
        "function": event.function,
        "version": event.version,
        "level": event.level,
        "message": event.text if document is None else document,
        "stream": event.stream,
    }
    click.echo(json.dumps(line, ensure_ascii=False))


def _as_text(event: LogEvent) -> None:
    when = _time(event).astimezone().strftime("%H:%M:%S.%f")[:-3]
    colour = _COLOURS[zlib.crc32(event.function.encode()) % len(_COLOURS)]
    head = f"{click.style(when, dim=True)} {click.style(event.function, fg=colour)} "
    document = event.document
    pretty = json.dumps(document, indent=2, ensure_ascii=False)
    text = event.text if document is None else pretty
    first, *more = text.replace("\r", "\n").split("\n")
    # What belongs to one event stands under its beginning.
    click.echo(head + "\n  ".join(_tinted(line, event) for line in (first, *more)))


def _tinted(line: str, event: LogEvent) -> str:
    level = event.level
    if level in _LEVELS:
        return click.style(line, fg=_LEVELS[level])
    return click.style(line, dim=True) if event.text.startswith(_PLATFORM) else line


def _time(event: LogEvent) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(event.time / 1000, datetime.UTC)
