"""What a template is made of, once it is parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Property:
    """``.name``"""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """``[key]``"""

    key: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """``.name(arguments)``"""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """``$root.step[step].step()``"""

    root: str
    steps: tuple[Property | Index | Call, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A string in double quotes: a template of its own."""

    body: Block


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    items: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class Range:
    """``[first..last]``, downwards where ``last`` is the smaller one."""

    first: Expression
    last: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not:
    operand: Expression


Expression = Reference | Literal | Interpolated | ListOf | MapOf | Range | Binary | Not


@dataclass(frozen=True, slots=True)
class Set:
    target: Reference
    value: Expression


@dataclass(frozen=True, slots=True)
class If:
    branches: tuple[tuple[Expression, Block], ...]
    otherwise: Block


@dataclass(frozen=True, slots=True)
class Foreach:
    name: str
    items: Expression
    body: Block


@dataclass(frozen=True, slots=True)
class Define:
    name: str
    body: Block


@dataclass(frozen=True, slots=True)
class Stop:
    """``#stop``: the output ends here."""


@dataclass(frozen=True, slots=True)
class Break:
    """``#break``: the loop ends here."""


@dataclass(frozen=True, slots=True)
class Fails:
    """A directive that API Gateway has nothing for (``#parse``, ``#include``)."""

    why: str


Node = Text | Reference | Set | If | Foreach | Define | Stop | Break | Fails
Block = tuple[Node, ...]
