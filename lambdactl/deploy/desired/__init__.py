"""What there should be: the manifest and its artifacts as resources.

A module of this room has a function ``resources(wanted: Wanted) -> Iterable[Resource]`` and no
more knowledge of AWS than names and shapes: nothing here calls it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from lambdactl.artifacts.builds import Built
from lambdactl.deploy.model import Resource
from lambdactl.deploy.naming import Naming
from lambdactl.manifest.model import App, Function


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is deployed.

    :ivar built: the artifacts of its functions and layers.
    :ivar names: of functions, where not all are deployed; empty: everything.
    """

    naming: Naming
    built: Built
    names: frozenset[str] = frozenset()

    @property
    def app(self) -> App:
        return self.naming.app

    @property
    def functions(self) -> tuple[Function, ...]:
        """Those that are deployed."""
        found = self.app.functions.values()
        return tuple(one for one in found if not self.names or one.name in self.names)


def resources(naming: Naming, built: Built, names: Collection[str] = ()) -> tuple[Resource, ...]:
    """Everything that there should be.

    With ``names`` only the resources of these functions and what they refer to.

    :raises UserError: the manifest asks for something that can't be deployed.
    """
    wanted = Wanted(naming, built, frozenset(names))
    found: dict[str, Resource] = {}
    for make in modules():
        for resource in make(wanted):
            found.setdefault(resource.address, resource)
    if names:
        found = _of(found, wanted)
    return tuple(found.values())


@functools.cache
def modules() -> tuple[Callable[[Wanted], Iterable[Resource]], ...]:
    """The function ``resources`` of each module that has one."""
    names = sorted(one.name for one in pkgutil.iter_modules(__path__))
    found = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(module.resources for module in found if hasattr(module, "resources"))


def _of(found: dict[str, Resource], wanted: Wanted) -> dict[str, Resource]:
    chosen = {name: one for name, one in found.items() if one.function in wanted.names}
    more = list(chosen.values())
    while more:
        for address in more.pop().requires:
            if address in found and address not in chosen:
                chosen[address] = found[address]
                more.append(found[address])
    return {name: one for name, one in found.items() if name in chosen}
