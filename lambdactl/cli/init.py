"""``lambdactl init``: start a project from a template."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from lambdactl import errors, scaffold


def _complete_template(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    return [
        CompletionItem(template.name, help=template.description)
        for template in scaffold.templates()
        if template.name.startswith(incomplete)
    ]


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option(
    "-t",
    "--template",
    "name",
    metavar="NAME",
    shell_complete=_complete_template,
    help="What to start from; asked for on a terminal.",
)
@click.option("--name", "service", metavar="SERVICE", help="The project's name [the folder's].")
@click.option("--runtime", metavar="ID", help="The function's runtime [what this machine has].")
@click.option("--force", is_flag=True, help="Write into a folder that has files.")
@click.option("--list", "list_", is_flag=True, help="Show the templates and exit.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def init(
    directory: Path | None,
    name: str | None,
    service: str | None,
    runtime: str | None,
    force: bool,
    list_: bool,
    output: str,
) -> None:
    """Start a project in DIRECTORY: a manifest, a handler, an event, a test that passes."""
    if list_:
        _show_templates(output)
        return
    if directory is None:
        raise errors.UserError(
            "which folder?", hint="`lambdactl init hello --template python-hello`"
        )
    template = scaffold.find(name or _ask())
    created = scaffold.create(directory, template, service=service, runtime=runtime, force=force)
    if output == "json":
        click.echo(json.dumps(_as_json(created)))
    else:
        _show_created(directory, created)


def _ask() -> str:
    templates = scaffold.templates()
    names = [template.name for template in templates]
    if not sys.stdin.isatty():
        raise errors.UserError(
            "no template is named", hint=f"--template with one of: {', '.join(names)}"
        )
    width = max(map(len, names))
    for number, template in enumerate(templates, 1):
        click.echo(f"  {number:2}  {template.name:{width}}  {template.description}", err=True)
    answer: str = click.prompt("Template", default="1", err=True)
    return names[int(answer) - 1] if answer in map(str, range(1, len(names) + 1)) else answer


def _show_templates(output: str) -> None:
    templates = scaffold.templates()
    if output == "json":
        rows = [
            {
                "name": template.name,
                "description": template.description,
                "family": template.family,
                "first_steps": template.first_steps,
                "serve": template.serve,
                "test": template.test,
                "test_needs": template.test_needs,
            }
            for template in templates
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(template.name) for template in templates)
    for template in templates:
        click.echo(f"{template.name:{width}}  {template.description}")


def _next_steps(created: scaffold.Created) -> list[str]:
    steps = []
    if created.directory != Path.cwd():
        near = os.path.relpath(created.directory)
        steps.append(f"cd {shlex.quote(str(created.directory) if near.startswith('..') else near)}")
    template = created.template
    test = f"{template.test_needs} && {template.test}" if template.test_needs else template.test
    serve = [template.serve] if template.serve else []
    return [*steps, *template.first_steps, *serve, test]


def _as_json(created: scaffold.Created) -> dict[str, object]:
    return {
        "directory": str(created.directory),
        "template": created.template.name,
        "service": created.service,
        "runtime": created.runtime,
        "files": list(created.files),
        "next": _next_steps(created),
    }


def _show_created(directory: Path, created: scaffold.Created) -> None:
    click.echo(f"Created {directory} from {created.template.name} ({created.runtime}):")
    for name in created.files:
        click.echo(f"  {name}")
    click.echo("Next:")
    for step in _next_steps(created):
        click.echo(f"  {step}")
