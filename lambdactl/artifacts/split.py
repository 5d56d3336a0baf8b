"""Dependencies in a layer of their own, so that a change of the code uploads kilobytes.

Functions whose lock files ask for the same share one: its name is made of what is in it.
"""

from __future__ import annotations

import re

from lambdactl.artifacts import gather
from lambdactl.artifacts.model import Artifact, Target
from lambdactl.artifacts.recipes import IN_LAYERS, Dependencies, Made, Recipe
from lambdactl.errors import UserError
from lambdactl.manifest.runtimes import guess

_DIGITS = 12
NAME = re.compile(rf"(?:{'|'.join(IN_LAYERS)})-dependencies-[0-9a-f]{{{_DIGITS}}}")
"""Names of these layers."""
MOST = 20
"""Of them are kept, the ones used last: with each lock file there is another one."""


def layer(dependencies: Dependencies, target: Target) -> tuple[Artifact, Recipe]:
    """The layer of these dependencies, not made yet, and how it is made.

    :raises UserError: the runtime does not look for packages in layers.
    """
    family = guess(target.runtime).family
    if family not in IN_LAYERS:
        raise UserError(
            f"{target.runtime} finds no packages in layers",
            hint="leave out `dependencies: layer`",
        )
    blank = Artifact(
        name=f"{family}-dependencies-{dependencies.key[:_DIGITS]}",
        kind="layer",
        sha256="",
        size=0,
        unzipped=0,
        runtime=target.runtime,
        architecture=target.architecture,
    )

    def make() -> Made:
        installed = dependencies.install()
        inside, top = IN_LAYERS[family]
        tree = gather.everything(installed.folder / inside, prefix=top)
        return Made(tree, installed.packages)

    return blank, Recipe({"dependencies": dependencies.key}, (), make)
