"""What a project depends on, found from its files and installed for Lambda.

One module a package manager, each with the same three functions:

``find(source, root)``
    the file that names the dependencies, nearest to the code, or None;
``key(found)``
    everything that decides what is installed, as bytes;
``install(found, target, into, work)``
    what is installed, in a folder of its own. Blocks; called in threads.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from lambdactl.artifacts.model import Installed, Target, Work
from lambdactl.manifest.runtimes import guess


class Manager(Protocol):
    """A module of this folder."""

    def find(self, source: Path, root: Path) -> Path | None: ...

    def key(self, found: Path) -> bytes: ...

    def install(self, found: Path, target: Target, into: Path, work: Work) -> Installed: ...


MODULES = {"python": "python", "nodejs": "node", "ruby": "ruby"}
"""By the family of the runtime: the module of this folder."""


def manager(runtime: str | None) -> Manager | None:
    """What finds and installs the dependencies of functions of this runtime; None where nothing
    does: languages that are compiled, and images."""
    name = MODULES.get(guess(runtime or "").family)
    if name is None:
        return None
    return cast(Manager, importlib.import_module(f"{__name__}.{name}"))
