"""``lambdactl build``: the artifacts that Lambda takes, of functions and layers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lambdactl.cli import params

if TYPE_CHECKING:
    from lambdactl.artifacts.builds import Built
    from lambdactl.manifest.model import App


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=params.complete_artifact)
@params.manifest_options
@params.build_options
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to say what was made.",
)
def build(
    names: tuple[str, ...],
    manifest: Path | None,
    stage: str | None,
    env_files: tuple[Path, ...],
    parameters: Mapping[str, str],
    options: params.BuildOptions,
    output: str,
) -> None:
    """Build functions and layers: zips and images as Lambda takes them.

    NAME is a function or a layer; without names, all are built. Zips are in .lambdactl/build,
    beside the manifest. The same sources give the same bytes; what has not changed is not built
    again.
    """
    app = load(manifest, stage, env_files, parameters)
    built = make(app, names, options, lines=output == "text")
    if output == "json":
        click.echo(json.dumps(document(app, built), indent=2))
    else:
        from lambdactl.cli import build_view

        build_view.show(built.artifacts)


def load(
    path: Path | None,
    stage: str | None,
    env_files: tuple[Path, ...],
    parameters: Mapping[str, str],
) -> App:
    """The app to build.

    :raises ManifestError: with all problems.
    """
    from lambdactl import manifest

    app = manifest.load(path, stage=stage, env_files=env_files, parameters=parameters)
    for problem in app.warnings:
        if problem.code != "not-built":
            params.warn(f"{problem.where}: {problem.message}")
    return app


def make(
    app: App, names: tuple[str, ...], options: params.BuildOptions, *, lines: bool = True
) -> Built:
    """Build, and show how it goes on.

    :param lines: if something fails, say on stdout what was made nevertheless.
    :raises LambdactlError: something can't be built. What fails beside it has been told.
    """
    from lambdactl.cli import building

    return building.run(_make(app, names, options, lines))


async def _make(
    app: App, names: tuple[str, ...], options: params.BuildOptions, lines: bool
) -> Built:
    from lambdactl.cli import build_view, building
    from lambdactl.cli.build_view import BuildView
    from lambdactl.cli.image_view import ImageView

    view = BuildView()
    images = ImageView("text")
    try:
        built = await building.build(
            app,
            names,
            settings=options.settings(app.root),
            progress=images,
            report=view,
            jobs=options.jobs,
            use_cache=options.cache,
            container=options.container,
        )
    except Exception as error:
        view.close()
        building.others(view.failed_ones, error)
        if lines:
            order = {name: place for place, name in enumerate([*app.functions, *app.layers])}
            build_view.show(
                sorted(view.made, key=lambda one: (order.get(one.name, len(order)), one.name))
            )
        raise
    finally:
        view.close()
        images.close()
    building.tell(built)
    return built


def document(app: App, built: Built) -> dict[str, Any]:
    """The bill, and beside each entry how it was made."""
    from lambdactl.artifacts.bill import bill
    from lambdactl.cli import build_view

    found = bill(built, app.root)
    for artifact in built.artifacts:
        section = "layers" if artifact.kind == "layer" else "functions"
        found[section][artifact.name].update(build_view.details(artifact))
    return found
