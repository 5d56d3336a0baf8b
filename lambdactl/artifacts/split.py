"""Dependencies in a layer of their own, so that a change of the code uploads kilobytes.

Functions whose lock files ask for the same share one: its name is made of what is in it.
"""

from __future__ import annotations

from lambdactl.artifacts import gather
from lambdactl.artifacts.model import Artifact, Target
from lambdactl.artifacts.recipes import Dependencies, Made, Recipe
from lambdactl.errors import UserError
from lambdactl.manifest.runtimes import guess

_DIGITS = 12

_INSIDE = {
    # family: what an installation has -> what a layer has in its place
    "python": ("", "python"),
    "nodejs": ("", "nodejs"),
    "ruby": ("vendor/bundle/ruby", "ruby/gems"),
}
"""https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html#packaging-layers-paths"""


def layer(dependencies: Dependencies, target: Target) -> tuple[Artifact, Recipe]:
    """The layer of these dependencies, not made yet, and how it is made.

    :raises UserError: the runtime does not look for packages in layers.
    """
    family = guess(target.runtime).family
    if family not in _INSIDE:
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
        inside, top = _INSIDE[family]
        tree = gather.everything(installed.folder / inside, prefix=top)
        return Made(tree, installed.packages)

    return blank, Recipe({"dependencies": dependencies.key}, (), make)
