"""``lambdactl local``: what serves the functions of a manifest on this machine."""

from __future__ import annotations

import click

from lambdactl.cli import LazyGroup

COMMANDS = {
    "start-api": (
        "lambdactl.cli.start_api:start_api",
        "Serve every HTTP trigger, and reload on each save.",
    ),
    "routes": ("lambdactl.cli.routes:routes", "Print the route table."),
    "prune": ("lambdactl.cli.prune:prune", "Remove what was left by one that was killed."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def local() -> None:
    """Serve the functions of the manifest on this machine."""
