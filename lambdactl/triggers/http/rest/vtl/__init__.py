"""Velocity templates as API Gateway runs them.

:func:`compiled` makes a :class:`Template` of a text once; :meth:`Template.render` runs it. Why
this is not a library: docs/decisions/0002-vtl.md.
"""

from __future__ import annotations

from typing import Any

from lambdactl.triggers.http.rest.vtl.errors import VtlError
from lambdactl.triggers.http.rest.vtl.evaluate import run
from lambdactl.triggers.http.rest.vtl.nodes import Block
from lambdactl.triggers.http.rest.vtl.parse import parse
from lambdactl.triggers.http.rest.vtl.values import Host, JsonArray

__all__ = ["Host", "JsonArray", "Template", "VtlError", "compiled"]


class Template:
    """A template, parsed."""

    __slots__ = ("_block",)

    def __init__(self, block: Block) -> None:
        self._block = block

    def render(self, names: dict[str, Any]) -> str:
        """The output. ``names`` (without ``$``) are what the template can refer to; it gets what
        the template sets.

        :raises VtlError: it failed.
        """
        return run(self._block, names)


def compiled(text: str) -> Template:
    """The template that ``text`` is.

    :raises VtlError: it is none; the message has the line and the column.
    """
    return Template(parse(text))
