"""``lambdactl schema``: the JSON Schema of lambdactl.yaml, for editors and other tools."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--output",
    type=click.Choice(["json", "markdown"]),
    default="json",
    help="The schema itself, or its reference as Markdown [json].",
)
def schema(output: str) -> None:
    """Print the JSON Schema of lambdactl.yaml.

    An editor with the YAML language server checks and completes a manifest that starts with
    `# yaml-language-server: $schema=FILE`.
    """
    from lambdactl.manifest import checker, reference

    if output == "markdown":
        click.echo(reference.render(checker.schema()), nl=False)
    else:
        click.echo(checker.SCHEMA.read_text(encoding="utf-8"), nl=False)
