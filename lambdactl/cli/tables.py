"""Tables on stdout."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click


def table(title: str, header: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under a title: for people on a terminal, for ``grep`` and ``cut`` elsewhere."""
    if not rows:
        return
    if sys.stdout.isatty():
        _rich_table(title, header, rows)
        return
    # Piped: no colours, nothing cut off, one line a row.
    lines = [tuple(header), *rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(header))]
    click.echo(title)
    for row in lines:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(f"  {'  '.join(cells)}".rstrip())
    click.echo()


def _rich_table(title: str, header: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in header:
        grid.add_column(name, overflow="fold", header_style="bold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    console = Console()
    console.print(grid)
    console.print()
