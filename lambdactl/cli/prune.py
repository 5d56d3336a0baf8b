"""``lambdactl local prune``: remove what lambdactls that were killed have left behind."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import click

from lambdactl.cli import params
from lambdactl.cli.tables import table
from lambdactl.errors import EXIT_ENVIRONMENT, EXIT_OK, EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lambdactl.execution.containers.labels import Leftover


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was left: of an engine, or a folder or cgroup of this machine."""

    kind: str
    name: str
    id: str = ""
    function: str = ""
    owner: str = ""
    reason: str = ""
    """Why it is still there, where it is."""


@dataclass(slots=True)
class Pruned:
    """What was found, and what became of it."""

    removed: list[Item] = field(default_factory=list)
    kept: list[Item] = field(default_factory=list)
    engine: str | None = None
    """Where containers were looked for; None where no engine answered."""


@click.command()
@click.option(
    "--all",
    "everyone",
    is_flag=True,
    help="Also the containers, networks and volumes of lambdactls that run, or ran elsewhere.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="A table, or everything as JSON [text].",
)
@click.pass_context
def prune(ctx: click.Context, everyone: bool, dry_run: bool, output: str) -> None:
    """Remove what lambdactls that were killed have left: containers, networks, volumes, folders.

    The next `invoke` or `local` command does so as well. Images stay: they are what makes the next
    start fast.
    """
    pruned = Pruned()
    _in_engine(pruned, everyone=everyone, dry_run=dry_run)
    _on_machine(pruned, dry_run=dry_run)
    if output == "json":
        document = {
            "dry_run": dry_run,
            "engine": pruned.engine,
            "removed": [_without(item, "reason") for item in pruned.removed],
            "kept": [asdict(item) for item in pruned.kept],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        _show(pruned, dry_run=dry_run)
    ctx.exit(EXIT_ENVIRONMENT if pruned.kept else EXIT_OK)


def _in_engine(pruned: Pruned, *, everyone: bool, dry_run: bool) -> None:
    from lambdactl.execution.containers import engine, labels

    try:
        found = engine.connect(os.environ)
    except EngineError as error:
        # Without an engine there is nothing of it to remove; one that is only closed to us is
        # worth a word.
        params.warn(f"only folders are looked at: {error.message}")
        return
    try:
        pruned.engine = found.url
        left = labels.leftovers(found, everyone=everyone)
        kept = {} if dry_run else labels.remove(found, left)
        pruned.removed += _items(one for one in left if one not in kept)
        pruned.kept += [_item(one, reason) for one, reason in kept.items()]
    finally:
        engine.close(found)


def _on_machine(pruned: Pruned, *, dry_run: bool) -> None:
    from lambdactl.execution import memory, work

    folders = work.left() if dry_run else work.sweep()
    groups = memory.left_cgroups() if dry_run else memory.sweep_cgroups()
    for kind, paths in (("folder", folders), ("cgroup", groups)):
        pruned.removed += [_path_item(kind, path) for path in paths]


def _path_item(kind: str, path: Path) -> Item:
    return Item(kind, str(path))


def _items(found: Iterable[Leftover]) -> list[Item]:
    return [_item(one, "") for one in found]


def _item(one: Leftover, reason: str) -> Item:
    return Item(one.kind, one.name, one.id, one.function, str(one.owner), reason)


def _without(item: Item, name: str) -> dict[str, str]:
    return {key: value for key, value in asdict(item).items() if key != name}


def _show(pruned: Pruned, *, dry_run: bool) -> None:
    if not pruned.removed and not pruned.kept:
        click.echo("Nothing to remove.")
        return
    rows = [(item.kind, item.name, item.function or "-") for item in pruned.removed]
    table("Would be removed" if dry_run else "Removed", ("KIND", "NAME", "FUNCTION"), rows)
    rows = [(item.kind, item.name, item.reason) for item in pruned.kept]
    table("Not removed", ("KIND", "NAME", "REASON"), rows)
