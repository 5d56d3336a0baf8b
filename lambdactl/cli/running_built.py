"""Artifacts to run in place of sources."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from lambdactl.cli import building

if TYPE_CHECKING:
    from lambdactl.artifacts.builds import Built
    from lambdactl.execution.containers.settings import ContainerSettings, Progress
    from lambdactl.manifest.model import App
    from lambdactl.triggers.http.artifact_builds import Artifacts


def artifacts(
    settings: ContainerSettings,
    progress: Progress | None,
    tell: Callable[[str], None],
    *,
    every: bool,
) -> Artifacts:
    """Builds of functions that are served from their artifacts.

    :param tell: takes what is doubtful, once.
    :param every: of all functions; else of those that are nothing to run without.
    """
    from lambdactl.triggers.http.artifact_builds import Artifacts

    told: set[str] = set()

    def warn(message: str) -> None:
        if message not in told:
            told.add(message)
            tell(message)

    async def build(app: App, names: Collection[str]) -> Built:
        built = await building.build(app, names, settings=settings, progress=progress, warn=warn)
        building.tell(built, warn)
        return built

    return Artifacts(build, every=every)


async def one(app: App, name: str, settings: ContainerSettings) -> App:
    """``app`` with the artifact of function ``name`` in place of its source; an image is one
    already.

    :raises LambdactlError: it can't be built, or has no such handler.
    """
    from lambdactl.artifacts import builds
    from lambdactl.cli.build_view import BuildView
    from lambdactl.cli.image_view import ImageView

    if app.functions[name].code.kind not in ("folder", "zip"):
        return app
    view, images = BuildView(), ImageView("text")
    try:
        built = await building.build(app, [name], settings=settings, progress=images, report=view)
    finally:
        view.close()
        images.close()
    building.tell(built)
    return builds.built_app(app, built)
