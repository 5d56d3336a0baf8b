"""``lambdactl package``: a build, its bill, and where the size comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lambdactl.cli import build as building
from lambdactl.cli import params

if TYPE_CHECKING:
    from lambdactl.artifacts.builds import Built
    from lambdactl.manifest.model import App

BILL = "bill.json"


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=params.complete_artifact)
@params.manifest_options
@params.build_options
@click.option("--why", is_flag=True, help="Show what takes the space, and what pulls it in.")
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: the bill itself.",
)
def package(
    names: tuple[str, ...],
    manifest: Path | None,
    stage: str | None,
    env_files: tuple[Path, ...],
    parameters: Mapping[str, str],
    options: params.BuildOptions,
    why: bool,
    output: str,
) -> None:
    """Build, and write a bill of what there is to ship.

    The bill is .lambdactl/build/bill.json: of each artifact the file, its size, its SHA-256 as
    Lambda shows it (CodeSha256), runtime and architecture.
    """
    app = building.load(manifest, stage, env_files, parameters)
    built = building.make(app, names, options, lines=output == "text")
    document, path = _write(app, built)
    if output == "json":
        if why:
            _explain(document, built)
        click.echo(json.dumps(document, indent=2))
        return
    from lambdactl.cli import build_view

    if why:
        _show_why(built)
    else:
        build_view.show(built.artifacts)
        click.echo(f"the bill is {build_view.shown(path)}", err=True)


def _write(app: App, built: Built) -> tuple[dict[str, Any], Path]:
    from lambdactl.artifacts import cache
    from lambdactl.artifacts.bill import bill
    from lambdactl.artifacts.builds import OUTPUT
    from lambdactl.cli.building import FOLDER

    document = bill(built, app.root)
    path = app.root / FOLDER / OUTPUT / BILL
    cache.write_atomically(path, json.dumps(document, indent=2).encode() + b"\n")
    return document, path


def _explain(document: dict[str, Any], built: Built) -> None:
    from lambdactl.artifacts import why

    for artifact in built.artifacts:
        section = "layers" if artifact.kind == "layer" else "functions"
        document[section][artifact.name]["why"] = why.document(artifact)


def _show_why(built: Built) -> None:
    from lambdactl.artifacts import why
    from lambdactl.cli.build_view import size

    for artifact in built.artifacts:
        zipped = "" if artifact.image else f" unzipped, {size(artifact.size)} zipped"
        click.echo(click.style(artifact.name, bold=True) + f"  {size(artifact.unzipped)}{zipped}")
        if artifact.image:
            continue
        rows = [
            (text, size(count) if count else "", note) for text, count, note in why.lines(artifact)
        ]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        for text, count, note in rows:
            click.echo(f"{text.ljust(widths[0])}  {count.rjust(widths[1])}  {note}".rstrip())
