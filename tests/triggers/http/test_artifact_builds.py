"""Functions that are served from artifacts: which save makes which of them anew."""

from __future__ import annotations

import asyncio
import shutil
import zipfile
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import pytest

from lambdactl.artifacts import builds
from lambdactl.artifacts.builds import Built as Artefacts
from lambdactl.errors import UserError
from lambdactl.manifest import App, load
from lambdactl.triggers.http.artifact_builds import Artifacts
from lambdactl.triggers.http.reloading import (
    Built,
    Failed,
    Happening,
    Reloaded,
    Reloading,
    Rerouted,
    read,
)
from tests import aio

MANIFEST = """
service: shop
defaults: {runtime: python3.13}
layers: {libs: {path: shared, build: {runtime: python3.13}}}
functions:
  orders: {code: src/orders, handler: app.handler, layers: [libs], triggers: [http: {path: /a}]}
  page: {code: src/page, handler: app.handler, triggers: [http: {path: /b}]}
"""


class Served:
    """Takes down what it is told."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.reloads: list[set[str]] = []

    async def reload_functions(self, names: Collection[str]) -> Collection[str]:
        self.reloads.append(set(names))
        return set(names)

    async def reload_app(self, app: App) -> None:
        self.app = app


class Scene:
    """A project that is served from artifacts."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.told: list[Happening] = []
        self.builds: list[set[str]] = []
        self.begun: list[tuple[tuple[str, ...], Exception]] = []

    async def begin(self, *, every: bool = True) -> None:
        reading = read(self.load)
        assert reading.app is not None, reading.error
        artifacts = Artifacts(self.build, every=every)
        app = await artifacts.applied(reading.app, lambda *what: self.begun.append(what))
        self.served = Served(app)
        self.reloading = Reloading(
            self.served,
            self.load,
            happened=self.told.append,
            warn=lambda message: None,
            apart=[self.root / "lambdactl.yaml"],
            artifacts=artifacts,
        )
        await self.reloading.start(reading)

    async def build(self, app: App, names: Collection[str]) -> Artefacts:
        self.builds.append(set(names))
        return await builds.build(app, names, folder=self.root / ".lambdactl", shell={})

    def load(self) -> App:
        return load(self.root / "lambdactl.yaml", env={})

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def content(self, name: str, file: str = "app.py") -> str:
        path = self.served.app.functions[name].code.path
        assert path is not None
        with zipfile.ZipFile(path) as archive:
            return archive.read(file).decode()

    async def until(self, kind: type[Happening]) -> list[Happening]:
        """What was told, once one of ``kind`` was; forgets it."""
        await aio.until(lambda: any(isinstance(one, kind) for one in self.told))
        told, self.told[:] = self.told[:], []
        return told


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.write("lambdactl.yaml", MANIFEST)
    for name in ("orders", "page"):
        scene.write(f"src/{name}/app.py", "one")
    scene.write("shared/util.py", "one")
    return scene


def play(scene: Scene, acts: Callable[[], Awaitable[None]], *, every: bool = True) -> None:
    async def run() -> None:
        await scene.begin(every=every)
        try:
            await acts()
        finally:
            await scene.reloading.close()

    aio.run(run())


def test_a_save_builds_and_reloads_what_it_is_part_of(scene: Scene) -> None:
    async def acts() -> None:
        assert scene.content("orders") == "one"
        for file, names in (
            ("src/orders/app.py", {"orders"}),
            ("src/page/app.py", {"page"}),
            ("shared/util.py", {"orders"}),
        ):
            scene.write(file, "two")
            told = await scene.until(Reloaded)
            assert [type(one) for one in told] == [Built, Reloaded]
            assert scene.builds[-1] == names
            assert scene.served.reloads[-1] == names
        assert scene.content("orders") == "two"

    play(scene, acts)


def test_a_save_that_changes_no_artifact_reloads_nothing(scene: Scene) -> None:
    async def acts() -> None:
        count = len(scene.builds)
        scene.write("src/orders/tests/test_app.py", "two")
        await aio.until(lambda: len(scene.builds) > count)
        scene.write("src/page/app.py", "two")
        await scene.until(Reloaded)
        assert scene.served.reloads == [{"page"}]

    play(scene, acts)


def test_what_does_not_build_is_served_as_before(scene: Scene) -> None:
    async def acts() -> None:
        link = scene.root / "src/orders/link.py"
        link.symlink_to("/etc/passwd")
        (failed,) = [one for one in await scene.until(Failed) if isinstance(one, Failed)]
        assert (failed.functions, failed.bare) == (("orders",), False)
        assert isinstance(failed.error, UserError)
        scene.write("lambdactl.yaml", MANIFEST.replace("/b", "/c"))
        told = await scene.until(Rerouted)
        assert [one.functions for one in told if isinstance(one, Failed)] == [("orders",)]
        assert scene.content("orders") == "one"
        link.unlink()
        scene.write("src/orders/app.py", "two")
        await scene.until(Reloaded)
        assert scene.content("orders") == "two"

    play(scene, acts)


def test_a_new_function_is_built_before_it_is_served(scene: Scene) -> None:
    async def acts() -> None:
        scene.write("src/new/app.py", "new")
        more = "  new: {code: src/new, handler: app.handler, triggers: [http: {path: /n}]}\n"
        scene.write("lambdactl.yaml", MANIFEST + more)
        await scene.until(Rerouted)
        assert scene.content("new") == "new"
        scene.write("src/new/app.py", "newer")
        await scene.until(Reloaded)
        assert scene.content("new") == "newer"

    play(scene, acts)


def test_one_that_never_built_leaves_the_others_alone(scene: Scene) -> None:
    (scene.root / "src/orders/link.py").symlink_to("/etc/passwd")

    async def acts() -> None:
        ((names, error),) = scene.begun
        assert names == ("orders",)
        assert isinstance(error, UserError)
        assert scene.content("page") == "one"
        scene.write("src/orders/app.py", "two")
        (failed,) = [one for one in await scene.until(Failed) if isinstance(one, Failed)]
        assert failed.bare

    play(scene, acts)


def test_without_being_asked_only_what_has_to_be_is_built(scene: Scene) -> None:
    async def acts() -> None:
        assert scene.builds == []
        scene.write("src/orders/app.py", "two")
        assert [type(one) for one in await scene.until(Reloaded)] == [Reloaded]
        assert scene.builds == []

    play(scene, acts, every=False)


def test_all_at_the_users_wish(scene: Scene) -> None:
    async def acts() -> None:
        shutil.rmtree(scene.root / ".lambdactl/build")
        scene.reloading.reload_all()
        await scene.until(Rerouted)
        await aio.until(lambda: len(scene.builds) >= 3)
        await asyncio.sleep(0)
        assert scene.content("orders") == "one"

    play(scene, acts)
