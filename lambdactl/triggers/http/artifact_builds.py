"""Functions that are served from their artifacts: which ones, and how a save becomes another
artifact."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from lambdactl.artifacts import needed
from lambdactl.errors import LambdactlError
from lambdactl.manifest.features import Build
from lambdactl.manifest.model import App, Function

if TYPE_CHECKING:
    from lambdactl.artifacts.builds import Built

_PROJECT_FILES = (
    ".lambdaignore",
    *("requirements.txt", "pyproject.toml", "uv.lock", "poetry.lock", "Pipfile", "Pipfile.lock"),
    *("package.json", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock"),
    *("tsconfig.json", "Gemfile", "Gemfile.lock", "go.mod", "go.sum", "Cargo.toml", "Cargo.lock"),
)
"""Files above a function's code that decide what its artifact is."""


class Artifacts:
    """Makes the artifacts of an app's functions.

    :param build: makes those of some functions, and of their layers.
    :param every: of all functions; else of those that are nothing to run without.
    """

    def __init__(
        self, build: Callable[[App, Collection[str]], Awaitable[Built]], *, every: bool
    ) -> None:
        self._build = build
        self._every = every
        self._made: dict[str, tuple[str, ...]] = {}
        """The digests that a function is served from: its own and those of its layers."""

    def has(self, app: App, function: Function) -> bool:
        """Whether ``function`` runs from its artifact. An image is one in any case."""
        if function.code.kind not in ("folder", "zip"):
            return False
        return self._every or needed.is_needed(function, app.root)

    async def applied(
        self,
        app: App,
        failed: Callable[[tuple[str, ...], Exception], None],
        before: App | None = None,
    ) -> App:
        """``app`` as it is served: with artifacts in place of sources.

        :param failed: told of each function that can't be built, and why.
        :param before: what is served now; a function that can't be built is served as before.
        """
        names = [function.name for function in app.functions.values() if self.has(app, function)]
        if not names:
            return app
        try:
            return self._with(app, app, await self._build(app, names))
        except LambdactlError as error:
            if len(names) == 1:
                failed((names[0],), error)
                return self._kept(app, names[0], before)
        # What is sound is known by now, and found again at once.
        served = app
        for name in names:
            try:
                served = self._with(app, served, await self._build(app, [name]))
            except LambdactlError as error:
                failed((name,), error)
                served = self._kept(served, name, before)
        return served

    def _kept(self, app: App, name: str, before: App | None) -> App:
        if before is None or not self.has_made(name) or name not in before.functions:
            return app
        kept = before.functions[name]
        layers = {each: before.layers[each] for each in kept.layers if each in before.layers}
        return dataclasses.replace(
            app, functions={**app.functions, name: kept}, layers={**app.layers, **layers}
        )

    def has_made(self, name: str) -> bool:
        """Whether there is an artifact of function ``name`` to serve."""
        return name in self._made

    async def again(
        self, source: App, served: Callable[[], App], names: Collection[str]
    ) -> tuple[App, set[str]]:
        """What is to be served after a save, and whose artifacts have become others.

        :param served: gives what is served when the build is through.
        :raises LambdactlError: it failed.
        """
        before = dict(self._made)
        built = await self._build(source, names)
        fresh = self._with(source, served(), built)
        return fresh, {name for name in names if self._made.get(name) != before.get(name)}

    def _with(self, source: App, served: App, built: Built) -> App:
        from lambdactl.artifacts import builds

        made = builds.built_app(source, built)
        functions, layers = dict(served.functions), dict(served.layers)
        sums = {one.name: one.sha256 for one in built.artifacts if one.kind == "layer"}
        layers.update((name, made.layers[name]) for name in sums)
        for artifact in built.artifacts:
            if artifact.kind != "layer" and artifact.name in functions:
                functions[artifact.name] = made.functions[artifact.name]
                self._made[artifact.name] = (
                    artifact.sha256,
                    *(sums.get(layer, layer) for layer in artifact.layers),
                )
        return dataclasses.replace(served, functions=functions, layers=layers)


def build_of(function: Function) -> Build:
    """What there is to run and to watch for its artifact; with neither commands nor a build of its
    own it is made of its folder."""
    code = function.code.path
    assert code is not None, "an image is no artifact of a folder"
    if function.build is None:
        return Build((), code)
    return function.build


def project_files(app: App, function: Function) -> list[Path]:
    """Files and folders beside its code that decide what its artifact is."""
    code = function.code.path
    if code is None or not code.is_relative_to(app.root):
        return []
    folders = [code, *code.parents][: len(code.relative_to(app.root).parts) + 1]
    found = [folder / name for folder in folders[1:] for name in _PROJECT_FILES]
    found = [path for path in found if path.is_file()]
    if function.build is not None and function.build.bundle is not None:
        # A bundle is made of what is imported, wherever in the project that is.
        found += [folder for folder in folders if (folder / "package.json").is_file()][:1]
    return found
