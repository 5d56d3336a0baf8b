"""Laying one part of a manifest over another: a stage over the whole, a function over the defaults.

Mappings are merged key by key; lists and words are replaced. A mapping that is one of several
forms (``code``, a destination) or has fields that belong together (``vpc``) is replaced as a
whole: half of one and half of another would be neither.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from lambdactl.manifest.document import Node

WHOLE = frozenset(
    {
        "capacity_provider",
        "code",
        "custom_runtime",
        "dead_letter",
        "filesystem",
        "on_failure",
        "on_success",
        "vpc",
    }
)


def merged(base: Node, over: Node, only: Container[str] | None = None) -> Node:
    """``over`` laid over ``base``, of which ``only`` some keys count. The result stands where
    ``over`` stands."""
    if not (base.is_mapping and over.is_mapping) or base.unknown or over.unknown:
        return over
    value = {name: child for name, child in base.items() if only is None or name in only}
    for name, child in over.items():
        below = base.value.get(name)
        value[name] = child if below is None or name in WHOLE else merged(below, child)
    size = 1 + sum(child.size for child in value.values())
    return replace(over, value=value, keys={**base.keys, **over.keys}, size=size)
