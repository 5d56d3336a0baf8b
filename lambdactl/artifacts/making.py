"""How one function or layer is made: what it is made from, whether that was made before, and if
not, its dependencies beside its code, in one zip. Everything here blocks.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lambdactl.artifacts import archive, cache, installing, recipes, split, unpack
from lambdactl.artifacts.model import Artifact, Entry, Target, Tree, Work
from lambdactl.artifacts.recipes import Recipe
from lambdactl.errors import UserError
from lambdactl.manifest.features import Build
from lambdactl.manifest.model import App, Function, Layer

if TYPE_CHECKING:
    from lambdactl.artifacts.contained_engine import ContainerBuilds


@dataclass(frozen=True, slots=True)
class Context:
    """What all of a build shares.

    :ivar output: the artifacts.
    :ivar installed: dependencies, each by its key.
    :ivar tools: a folder for what tools keep from build to build.
    :ivar scratch: a folder of this build's own, on the same file system.
    :ivar container: everything is built inside the functions' images.
    :ivar run: runs the user's own commands, and returns when they have ended.
    """

    app: App
    output: cache.Shelf
    installed: installing.Store
    tools: Path
    scratch: Path
    shell: Mapping[str, str]
    digests: cache.Digests
    use_cache: bool
    container: bool
    engine: Callable[[], ContainerBuilds] | None
    run: Callable[[Build], None]
    shared: dict[str, Artifact] = field(default_factory=dict)
    locks: dict[str, threading.Lock] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def in_container(self, build: Build | None) -> bool:
        """Whether this one is built inside its image."""
        return self.container or (build is not None and build.container)

    def folder(self) -> Path:
        """A new folder in the build's own."""
        return Path(tempfile.mkdtemp(dir=self.scratch))

    def one_at_a_time(self, name: str) -> threading.Lock:
        """The lock of an artifact that several functions share."""
        with self.guard:
            return self.locks.setdefault(name, threading.Lock())


def function(context: Context, function: Function, work: Work) -> tuple[Artifact, ...]:
    """The artifact of ``function``, and the layer that its dependencies were split off into.

    :raises LambdactlError: it can't be built.
    """
    code = function.code
    target = Target(function.runtime or "", function.architecture)
    if code.kind == "s3":
        raise UserError(
            f"the code of {function.name} is an archive in S3, which is not built",
            where=function.where,
        )
    if code.kind in ("image", "dockerfile"):
        return (_image(context, function),)
    assert code.path is not None
    if code.kind == "zip":
        return (_given(context, function.name, "function", code.path, target, function.layers),)
    recipe, dependencies = recipes.of_function(context, function, target, work)
    layers: tuple[str, ...] = function.layers
    extra: tuple[Artifact, ...] = ()
    if dependencies is not None and function.dependencies == "layer":
        blank, apart = split.layer(dependencies, target)
        # Functions with equal lock files share it, and it is made once.
        with context.one_at_a_time(blank.name):
            if blank.name not in context.shared:
                context.shared[blank.name] = _made(context, apart, blank)
        found = context.shared[blank.name]
        # Lambda takes no empty layer.
        if found.unzipped:
            extra = (found,)
            layers = (*layers, blank.name)
    artifact = _made(
        context,
        recipe,
        Artifact(
            name=function.name,
            kind="function",
            sha256="",
            size=0,
            unzipped=0,
            runtime=function.runtime,
            architecture=function.architecture,
            layers=layers,
        ),
    )
    return (artifact, *extra)


def layer(context: Context, layer: Layer, work: Work) -> tuple[Artifact, ...]:
    """The artifact of a layer of the manifest.

    :raises LambdactlError: it can't be built.
    """
    architecture = layer.architectures[0] if layer.architectures else "x86_64"
    runtime = layer.runtimes[0] if layer.runtimes else ""
    if layer.build is not None:
        architecture = layer.build.architecture or architecture
        runtime = layer.build.runtime or runtime
    target = Target(runtime, architecture)
    if layer.path.is_file() and layer.build is None:
        return (_given(context, layer.name, "layer", layer.path, target, ()),)
    made = layer.build is not None and layer.build.commands
    if not made and not layer.path.is_dir():
        raise UserError(f"the layer {layer.path} does not exist", where=layer.where)
    recipe = recipes.of_layer(context, layer, target, work)
    blank = Artifact(
        name=layer.name,
        kind="layer",
        sha256="",
        size=0,
        unzipped=0,
        runtime=runtime or None,
        architecture=architecture,
    )
    return (_made(context, recipe, blank),)


def _image(context: Context, function: Function) -> Artifact:
    from lambdactl.artifacts import contained

    return contained.image(function, recipes.engine_of(context, function))


def _given(
    context: Context,
    name: str,
    kind: Literal["function", "layer"],
    archive_: Path,
    target: Target,
    layers: tuple[str, ...],
) -> Artifact:
    """An archive that the user has made: shipped as it is, if Lambda could unpack it."""
    if not archive_.is_file():
        raise UserError(f"the archive of {name} does not exist: {archive_}")
    blank = Artifact(
        name=name,
        kind=kind,
        sha256="",
        size=0,
        unzipped=0,
        runtime=target.runtime or None,
        architecture=target.architecture,
        layers=layers,
    )
    parts = {"artifact": dataclasses.asdict(blank)}
    source = Tree((Entry("given", archive_, archive_.stat().st_size),))
    key = cache.key(parts, (source,), context.digests)
    found = context.output.find(blank, key) if context.use_cache else None
    if found is not None:
        return found
    folder = context.folder()
    unpack(archive_, folder)
    unzipped = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    cache.remove(folder)
    half = context.folder() / "given.zip"
    shutil.copyfile(archive_, half)
    with half.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    sha256 = base64.b64encode(digest).decode()
    artifact = dataclasses.replace(
        blank, size=half.stat().st_size, unzipped=unzipped, sha256=sha256
    )
    still = _still(context, (source,), parts, key)
    return context.output.put(half, artifact, key if still else "")


def _made(context: Context, recipe: Recipe, blank: Artifact) -> Artifact:
    """The artifact of ``recipe``; that of the last build, if nothing that decides it is new."""
    parts = {**recipe.parts, "artifact": dataclasses.asdict(blank)}
    key = cache.key(parts, recipe.sources, context.digests)
    found = context.output.find(blank, key) if context.use_cache else None
    if found is not None:
        return found
    made = recipe.make()
    half = context.folder() / "made.zip"
    size, sha256 = archive.write(made.tree, half)
    left_out = {one.name: one for tree in (*recipe.sources, made.tree) for one in tree.left_out}
    artifact = dataclasses.replace(
        blank,
        size=size,
        unzipped=made.tree.size,
        sha256=sha256,
        packages=made.packages,
        left_out=tuple(left_out.values()),
        warnings=made.notes,
    )
    still = _still(context, recipe.sources, parts, key)
    return context.output.put(half, artifact, key if still else "")


def _still(
    context: Context, sources: Iterable[Tree], parts: Mapping[str, object], key: str
) -> bool:
    """Whether the sources are what they were when the artifact was begun. If not, nobody knows of
    which of both it is, and it is not found again."""
    try:
        return cache.key(parts, sources, context.digests) == key
    except OSError:
        return False
