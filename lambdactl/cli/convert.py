"""``lambdactl convert``: a SAM or CloudFormation template as a lambdactl.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from lambdactl import errors
from lambdactl.cli import failure, params


@click.command()
@click.option(
    "-f",
    "--template",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The template [template.yaml here or in a folder above].",
)
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Where to write it; `-` is standard output [lambdactl.yaml beside the template].",
)
@params.parameter_overrides
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How to say what was written [text].",
)
def convert(
    template: Path | None,
    out: Path | None,
    parameters: Mapping[str, str],
    force: bool,
    output: str,
) -> None:
    """Write the lambdactl.yaml that says the same as a SAM template.

    Parameters get their values, functions of CloudFormation are computed, and code that stands in
    the template goes into files of its own. What is lost is said.
    """
    from lambdactl.manifest import source
    from lambdactl.manifest.sam.convert import convert as converted

    found = source.require(template, None, source.TEMPLATES)
    to_stdout = out is not None and str(out) == "-"
    target = found.parent / "lambdactl.yaml" if out is None or to_stdout else out
    result = converted(found, target.parent, parameters=parameters)
    for problem in result.problems:
        failure.problem(problem)
    if to_stdout:
        click.echo(result.text, nl=False)
        for path in result.files:
            params.warn(f"it needs {source.shown(path)}, which is written with the manifest only")
        return
    files = {target: result.text, **result.files}
    taken = [path for path, text in files.items() if not force and _differs(path, text)]
    if taken:
        raise errors.UserError(
            f"{source.shown(taken[0])} is there already", hint="--force writes over it"
        )
    for path, text in files.items():
        _write(path, text)
    if output == "json":
        document = {
            "manifest": str(target),
            "files": [str(path) for path in result.files],
            "lost": [f"{problem.where}: {problem.message}" for problem in result.problems],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        for path in files:
            click.echo(f"wrote {source.shown(path)}")


def _differs(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") != text
    except OSError:
        return path.exists()
    except UnicodeDecodeError:
        return True


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise errors.UserError(f"can't write {path}: {reason}") from None
