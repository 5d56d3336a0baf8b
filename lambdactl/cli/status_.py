"""``lambdactl status``: how the deployed functions are."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import TYPE_CHECKING, Any

import click

from lambdactl.cli import params
from lambdactl.cli.aws import AwsOptions, aws_options
from lambdactl.cli.deploy_options import ManifestOptions, manifest_options
from lambdactl.cli.status import milliseconds
from lambdactl.cli.tables import table

if TYPE_CHECKING:
    from lambdactl.deploy.logs import LogEvent
    from lambdactl.deploy.status import AliasStatus, FunctionStatus

_HEADER = (
    "FUNCTION",
    "STATE",
    "VERSION",
    "ALIASES",
    "CALLS",
    "ERRORS",
    "THROTTLES",
    "AVERAGE",
    "LONGEST",
    "LAST ERROR",
)
_WIDEST = 80


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=params.complete_function)
@manifest_options
@aws_options
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(
    names: tuple[str, ...],
    source: ManifestOptions,
    aws: AwsOptions,
    output: str,
) -> None:
    """Show state, versions, aliases, last error and the last hour's metrics of functions in AWS."""
    from lambdactl.deploy.explaining import in_words
    from lambdactl.deploy.status import status as status_of

    context = source.context(aws, quiet=True)
    app = context.naming.app
    for name in names:
        app.function(name)
    with in_words("asking how the functions are", context.account):
        found = status_of(context, names)
    if output == "json":
        click.echo(json.dumps([_document(one) for one in found], indent=2))
        return
    stage_words = f", stage {app.stage}" if app.stage else ""
    title = f"{app.service}{stage_words}, {context.account.region}, the last hour"
    table(title, _HEADER, [_row(one, context.naming.owner) for one in found])
    for one in found:
        if one.reason:
            params.warn(f"{one.aws_name}: {one.reason}")


def _row(one: FunctionStatus, owner: tuple[str, str]) -> tuple[str, ...]:
    if one.state is None:
        return one.name, "not deployed", *["-"] * (len(_HEADER) - 2)
    hour = one.last_hour
    assert hour is not None
    state = one.state
    if one.update in ("InProgress", "Failed"):
        state += ", update failed" if one.update == "Failed" else ", updating"
    if one.owner != owner:
        state += ", not ours"
    return (
        one.name,
        state,
        one.version or "-",
        ", ".join(map(_alias, one.aliases)) or "-",
        f"{hour.calls:,}",
        f"{hour.errors:,}",
        f"{hour.throttles:,}",
        "-" if hour.average_ms is None else milliseconds(hour.average_ms),
        "-" if hour.longest_ms is None else milliseconds(hour.longest_ms),
        "-" if one.last_error is None else _error(one.last_error),
    )


def _alias(alias: AliasStatus) -> str:
    weights = "".join(
        f" + {version} ({100 * share:.4g}%)" for version, share in alias.weights.items()
    )
    return f"{alias.name}: {alias.version}{weights}"


def _error(event: LogEvent) -> str:
    when = datetime.datetime.fromtimestamp(event.time / 1000).astimezone()
    words = _message(event)
    short = words if len(words) <= _WIDEST else words[: _WIDEST - 3] + "..."
    return f"{when:%H:%M:%S} {short}"


def _message(event: LogEvent) -> str:
    """What an error says, in one line."""
    document = event.document or {}
    said = document.get("errorMessage") or document.get("message")
    if isinstance(said, str):
        kind = document.get("errorType")
        return " ".join(f"{kind}: {said}".split() if kind else said.split())
    return " ".join(event.text.split("\n", 1)[0].split())


def _document(one: FunctionStatus) -> dict[str, Any]:
    found = dataclasses.asdict(one)
    event = one.last_error
    if event is not None:
        at = datetime.datetime.fromtimestamp(event.time / 1000, datetime.UTC)
        found["last_error"] = {
            "time": at.isoformat(timespec="milliseconds"),
            "message": _message(event),
            "text": event.text,
            "stream": event.stream,
        }
    return {**found, "deployed": one.state is not None}
