"""What a function or a layer is made from, by what its folder holds and the manifest says."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lambdactl.artifacts import dependencies, gather, installing
from lambdactl.artifacts.model import Entry, Installed, Package, Target, Tree, Work
from lambdactl.errors import BuildError, EnvironmentStartError
from lambdactl.manifest import layouts
from lambdactl.manifest.features import Build
from lambdactl.manifest.model import Code, Function, Layer

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambdactl.artifacts.contained_engine import ContainerBuilds
    from lambdactl.artifacts.making import Context


class Made(NamedTuple):
    """What a recipe gives: files, the packages among them, and what the user should know."""

    tree: Tree
    packages: tuple[Package, ...] = ()
    notes: tuple[str, ...] = ()


ARCHITECTURE = "LAMBDACTL_ARCHITECTURE"
"""Tells the user's own commands what an artifact is for: ``x86_64`` or ``arm64``."""
IN_LAYERS = {
    "python": ("", "python"),
    "nodejs": ("", "nodejs"),
    "ruby": ("vendor/bundle/ruby", "ruby/gems"),
}
"""By the family of the runtime: what of an installation goes into a layer, and where to
(https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html#packaging-layers-paths)."""

_COMPILED_HERE = "is compiled on this machine: AWS's images have no compilers"
_BUNDLED_HERE = "is bundled on this machine: esbuild makes the same in a container"
"""What was asked for, and is not what happens."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides an artifact, and how it is made if nothing of that was made before.

    :ivar parts: beside the content of ``sources``, all that the key is made of.
    """

    parts: Mapping[str, Any]
    sources: tuple[Tree, ...]
    make: Callable[[], Made]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What is installed beside some code.

    :ivar key: of the installation.
    :ivar install: installs it, or finds it installed.
    """

    key: str
    install: Callable[[], Installed]


def of_function(
    context: Context, function: Function, target: Target, work: Work
) -> tuple[Recipe, Dependencies | None]:
    """The recipe, and the dependencies, where they may be split off.

    :raises LambdactlError: it can't be built as it is.
    """
    code = function.code.path
    assert code is not None, "an archive or an image is not made from a folder"
    build = function.build
    inside = context.in_container(build)
    if build is not None and build.commands:
        return _of_commands(context, function, build, work, inside=inside), None
    if build is not None and build.bundle is not None:
        return _of_bundle(context, function, build, target, work, inside=inside), None
    compiled = _compiled(context, function, target, work, inside=inside)
    if compiled is not None:
        return compiled, None
    wanted = None
    if function.dependencies != "none":
        wanted = dependencies_of(context, code, target, work, function if inside else None)
    source = _code(context, function, code, fresh=wanted is not None)
    bundled = wanted is not None and function.dependencies == "bundled"
    return _beside(source, wanted if bundled else None), wanted


def _of_commands(
    context: Context, function: Function, build: Build, work: Work, *, inside: bool
) -> Recipe:
    """What the user's own commands write, made from all that lies in their folder."""
    code = function.code.path
    assert code is not None
    output = build.output or (code if code != build.folder else None)
    # Run for this machine it would make what runs here.
    build = dataclasses.replace(
        build, environment={ARCHITECTURE: function.architecture, **build.environment}
    )

    def make() -> Made:
        if inside:
            from lambdactl.artifacts import contained

            written = contained.run_commands(
                build,
                function,
                root=context.app.root,
                work=work,
                builds=engine_of(context, function),
            )
            return Made(_code(context, function, written))
        context.run(build)
        if not code.exists():
            raise BuildError(f"the build of {function.name} ended well and made no {code}", b"")
        return Made(_code(context, function, code))

    return Recipe(
        {"commands": dataclasses.asdict(build), "inside": inside},
        (gather.inputs(build.folder, output=output),),
        make,
    )


def _of_bundle(
    context: Context,
    function: Function,
    build: Build,
    target: Target,
    work: Work,
    *,
    inside: bool,
) -> Recipe:
    from lambdactl.artifacts import bundling

    code, bundle, root = function.code.path, build.bundle, context.app.root
    assert code is not None
    assert bundle is not None

    def make() -> Made:
        made = bundling.bundle(
            code,
            function.handler or "",
            bundle,
            target,
            context.folder(),
            work,
            root=root,
            environment=function.environment,
        )
        notes = (*made.notes, *([_BUNDLED_HERE] if inside else []))
        return Made(gather.everything(made.folder), made.packages, notes)

    decisive = _files(bundling.decisive(code, root, bundle), root)
    parts = {
        "bundle": dataclasses.asdict(build),
        "handler": function.handler,
        "variables": dict(function.environment),
        "inside": inside,
    }
    return Recipe(parts, (decisive,), make)


def _compiled(
    context: Context, function: Function, target: Target, work: Work, *, inside: bool
) -> Recipe | None:
    from lambdactl.artifacts import compiled

    code = function.code.path
    assert code is not None
    project = compiled.find(code, function.runtime, root=context.app.root)
    if project is None:
        return None

    environment = dict(function.build.environment) if function.build is not None else {}

    def make() -> Made:
        into = context.folder()
        compiled.build(
            project,
            target,
            into,
            work,
            name=function.name,
            handler=function.handler,
            environment=environment,
        )
        return Made(gather.everything(into), notes=(_COMPILED_HERE,) if inside else ())

    parts = {
        "inside": inside,
        "compiled": compiled.parts(project, target, shell={**context.shell, **environment}),
        # Tools may listen to any of those that the manifest names.
        "environment": environment,
        "handler": function.handler,
    }
    return Recipe(parts, (compiled.sources(project),), make)


def _files(paths: Iterable[Path], root: Path) -> Tree:
    """These files, for a key."""
    entries = (Entry(os.path.relpath(path, root), path, path.stat().st_size) for path in paths)
    return Tree(tuple(sorted(entries, key=lambda entry: entry.name)))


def _code(context: Context, function: Function, folder: Path, *, fresh: bool = False) -> Tree:
    """The files of a code folder. The handler is code, whatever it is called."""
    handler = function.handler or ""
    file = handler.rpartition(".")[0] if "/" in handler else handler.partition(".")[0]
    return gather.tree(
        folder,
        root=context.app.root,
        fresh=fresh,
        keep=(file, handler.rpartition(".")[0].replace(".", "/")),
        manifest=context.app.source,
    )


def of_layer(context: Context, layer: Layer, target: Target, work: Work) -> Recipe:
    """:raises LambdactlError: it can't be built as it is."""
    build = layer.build
    if build is None or (build.runtime is None and not build.commands):
        return _beside(gather.tree(layer.path, root=context.app.root), None)
    target = Target(build.runtime or "", build.architecture or target.architecture)
    inside = context.in_container(build)
    # As if it were the code of a function: images are those of functions.
    function = Function(
        name=layer.name,
        code=Code("folder", build.folder if not build.commands else layer.path),
        runtime=build.runtime,
        architecture=target.architecture,
        where=layer.where,
        build=build,
    )
    if build.commands:
        return _of_commands(context, function, build, work, inside=inside)
    wanted = dependencies_of(context, build.folder, target, work, function if inside else None)
    tree = gather.tree(
        build.folder,
        prefix=layouts.place(build.folder, target.runtime) or "",
        root=context.app.root,
        fresh=wanted is not None,
    )
    return _beside(tree, wanted, places=IN_LAYERS.get(_family(target), ("", "")))


def dependencies_of(
    context: Context, source: Path, target: Target, work: Work, inside: Function | None
) -> Dependencies | None:
    """What the project of ``source`` depends on; None where it names nothing.

    :param inside: the function in whose image it is installed.
    """
    manager = dependencies.manager(target.runtime)
    found = manager.find(source, context.app.root) if manager is not None else None
    if manager is None or found is None:
        return None
    name = dependencies.MODULES[_family(target)]
    make: Callable[[Path, Work], Installed] = partial(manager.install, found, target)
    image = ""
    if inside is not None:
        from lambdactl.artifacts import contained

        builds = engine_of(context, inside)
        image = builds.image(inside).id
        make = partial(contained.dependencies, inside, found, target, context.app.root, builds)
    key = installing.key(name, manager.key(found), target, inside=image)
    return Dependencies(
        key,
        lambda: context.installed.get(key, make, work),
    )


def engine_of(context: Context, function: Function) -> ContainerBuilds:
    """:raises EnvironmentStartError: there is no engine."""
    if context.engine is None:
        raise EnvironmentStartError(
            f"{function.name} is built in a container, and there is no engine",
            where=function.where,
        )
    return context.engine()


def _family(target: Target) -> str:
    from lambdactl.manifest.runtimes import guess

    return guess(target.runtime).family


def _beside(
    source: Tree, wanted: Dependencies | None, *, places: tuple[str, str] = ("", "")
) -> Recipe:
    """The code, with its dependencies beside it.

    :param places: the folder of the installation that goes in, and where it goes.
    """

    def make() -> Made:
        if wanted is None:
            return Made(source)
        installed = wanted.install()
        beside = gather.everything(installed.folder / places[0], prefix=places[1])
        return Made(gather.merged(beside, source), installed.packages)

    return Recipe({"dependencies": wanted.key if wanted else None}, (source,), make)
