"""Which save asks for what: on real files, with a server that only takes down what it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from lambdactl.errors import BuildError, ManifestError, UserError
from lambdactl.manifest import App, load
from lambdactl.triggers.http.reloading import (
    PACE_S,
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
layers: {common: {path: layers/common}}
functions:
  orders:
    code: src/orders
    handler: app.handler
    layers: [common]
    environment: {WORD: "${file:word.txt}", FROM_FILE: "${env:FROM_FILE:-none}"}
    triggers: [http: {path: /orders}]
  payments:
    code: payments.zip
    handler: app.handler
    triggers: [http: {path: /payments}]
"""
BUILT = """
  page:
    runtime: nodejs22.x
    code: page/dist
    handler: app.handler
    build: {command: "COMMAND", folder: page}
    triggers: [http: {path: /page}]
"""


class Served:
    """Takes down what it is told; ``hold`` lets a reload take its time."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.reloads: list[set[str]] = []
        self.apps: list[App] = []
        self.hold: asyncio.Event | None = None
        self.refusal: Exception | None = None
        self.idle: set[str] = set()

    async def reload_functions(self, names: Collection[str]) -> Collection[str]:
        self.reloads.append(set(names))
        if self.hold is not None:
            await self.hold.wait()
        return set(names) - self.idle

    async def reload_app(self, app: App) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.app = app
        self.apps.append(app)


class Scene:
    """A project, what serves it, and what is told of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.told: list[Happening] = []
        self.warned: list[str] = []

    async def begin(self) -> None:
        reading = read(self.load)
        assert reading.app is not None, reading.error
        self.served = Served(reading.app)
        self.reloading = Reloading(
            self.served,
            self.load,
            happened=self.told.append,
            warn=self.warned.append,
            apart=[self.root / "lambdactl.yaml", self.root / "dev.env"],
        )
        await self.reloading.start(reading)

    def load(self) -> App:
        return load(self.root / "lambdactl.yaml", env={}, env_files=[self.root / "dev.env"])

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    async def until(self, kind: type[Happening], times: int = 1) -> list[Happening]:
        """What was told, once there is this many of ``kind``; forgets it."""
        await aio.until(lambda: sum(isinstance(one, kind) for one in self.told) >= times)
        told, self.told[:] = self.told[:], []
        return told


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.write("lambdactl.yaml", MANIFEST)
    scene.write("src/orders/app.py", "one")
    scene.write("layers/common/python/common.py", "one")
    scene.write("payments.zip", "PK one")
    scene.write("word.txt", "hello")
    scene.write("dev.env", "FROM_FILE=one\n")
    return scene


def play(scene: Scene, acts: Callable[[], object]) -> None:
    async def run() -> None:
        await scene.begin()
        try:
            await acts()  # type: ignore[misc]
        finally:
            await scene.reloading.close()

    aio.run(run())


def test_a_save_reloads_what_it_is_part_of(scene: Scene) -> None:
    async def acts() -> None:
        for file, function in (
            ("src/orders/app.py", "orders"),
            ("layers/common/python/common.py", "orders"),
            ("payments.zip", "payments"),
            ("src/orders/new.py", "orders"),
        ):
            scene.write(file, "two")
            told = await scene.until(Reloaded)
            assert [(one.functions, one.path) for one in told if isinstance(one, Reloaded)] == [
                ((function,), scene.root / file)
            ]
        assert scene.served.apps == []
        scene.write("src/README.md", "nobody's")
        scene.write("src/orders/app.py", "two")
        await asyncio.sleep(0.05)
        assert scene.told == []

    play(scene, acts)


def test_the_first_of_many_saves_counts_at_once_and_the_last_too(scene: Scene) -> None:
    async def acts() -> None:
        scene.served.hold = asyncio.Event()
        started = time.monotonic()
        for number in range(30):
            scene.write("src/orders/app.py", f"x = {number}")
            await asyncio.sleep(0.002)
            if number == 0:
                await aio.until(lambda: scene.served.reloads)
        begun = len(scene.served.reloads)
        assert begun <= (time.monotonic() - started) / PACE_S + 2
        await asyncio.sleep(PACE_S * 2)
        assert len(scene.served.reloads) in (begun, begun + 1)
        scene.served.hold.set()
        told = await scene.until(Reloaded)
        # Only the one that won is told of.
        assert len(told) == 1

    play(scene, acts)


def test_a_manifest_is_read_again_with_all_it_is_made_of(scene: Scene) -> None:
    async def acts() -> None:
        for file, text, sees in (
            ("lambdactl.yaml", MANIFEST.replace("/orders}", "/v2/orders}"), ("hello", "one")),
            ("word.txt", "bye", ("bye", "one")),
            ("dev.env", "FROM_FILE=two\n", ("bye", "two")),
        ):
            scene.write(file, text)
            told = await scene.until(Rerouted)
            assert [one.path for one in told if isinstance(one, Rerouted)] == [scene.root / file]
            environment = scene.served.app.functions["orders"].environment
            assert (environment["WORD"], environment["FROM_FILE"]) == sees
        # What the code is made of has not changed: the server sees to the rest.
        assert scene.served.reloads == []
        trigger = scene.served.app.functions["orders"].triggers[0]
        assert trigger.settings["path"] == "/v2/orders"

    play(scene, acts)


def test_a_broken_manifest_keeps_the_last_good_one(scene: Scene) -> None:
    async def acts() -> None:
        good = scene.served.app
        scene.write("lambdactl.yaml", MANIFEST.replace("handler: app.handler", "hanler: x", 1))
        (told,) = await scene.until(Failed)
        assert isinstance(told, Failed)
        assert isinstance(told.error, ManifestError)
        assert scene.served.app is good
        scene.write("src/orders/app.py", "meanwhile")
        await scene.until(Reloaded)
        scene.write("lambdactl.yaml", MANIFEST)
        await scene.until(Rerouted)
        scene.served.refusal = UserError("port 3001 is in use by python (pid 1)")
        scene.write("lambdactl.yaml", MANIFEST.replace("shop", "store"))
        (told,) = await scene.until(Failed)
        assert isinstance(told, Failed)
        assert told.error is scene.served.refusal

    play(scene, acts)


def test_what_a_manifest_newly_names_is_watched(scene: Scene) -> None:
    async def acts() -> None:
        more = MANIFEST + "  extra: {code: src/extra, handler: app.handler}\n"
        scene.write("lambdactl.yaml", more.replace("${file:word.txt}", "${file:new.txt:-none}"))
        await scene.until(Rerouted)
        scene.write("src/extra/app.py", "its folder was not there before")
        (told,) = await scene.until(Reloaded)
        assert isinstance(told, Reloaded)
        assert told.functions == ("extra",)
        scene.write("new.txt", "its file was not either")
        await scene.until(Rerouted)
        scene.write("word.txt", "no longer read")
        await asyncio.sleep(0.05)
        assert scene.told == []

    play(scene, acts)


def test_the_user_may_ask_for_all(scene: Scene) -> None:
    async def acts() -> None:
        scene.reloading.reload_all()
        await aio.until(lambda: len(scene.told) == 2)
        assert {type(one) for one in scene.told} == {Reloaded, Rerouted}
        assert scene.served.reloads == [{"orders", "payments"}]

    play(scene, acts)


# builds


def with_build(scene: Scene, command: str) -> None:
    scene.write("lambdactl.yaml", MANIFEST + BUILT.replace("COMMAND", command))
    scene.write("page/src/app.ts", "one")


def test_a_source_is_built_before_its_function_is_reloaded(scene: Scene) -> None:
    with_build(scene, "mkdir -p dist && cp src/app.ts dist/app.js && date +%N > dist/stamp")

    async def acts() -> None:
        for text in ("two", "three"):
            scene.write("page/src/app.ts", text)
            told = await scene.until(Reloaded)
            assert [type(one) for one in told] == [Built, Reloaded]
            assert (scene.root / "page/dist/app.js").read_text() == text
        # Built code asks for nothing by itself, nor does it ask for another build.
        scene.write("page/dist/app.js", "by hand")
        await asyncio.sleep(0.1)
        assert scene.told == []
        assert scene.served.reloads == [{"page"}, {"page"}]

    play(scene, acts)


def test_a_build_that_fails_keeps_the_last_code(scene: Scene) -> None:
    with_build(scene, "cat src/app.ts; grep -q good src/app.ts")

    async def acts() -> None:
        scene.write("page/src/app.ts", "bad")
        (told,) = await scene.until(Failed)
        assert isinstance(told, Failed)
        assert isinstance(told.error, BuildError)
        assert (told.functions, told.error.output) == (("page",), b"bad")
        assert scene.served.reloads == []
        scene.write("page/src/app.ts", "good")
        await scene.until(Reloaded)

    play(scene, acts)


def test_a_save_during_a_build_is_built_too(scene: Scene) -> None:
    with_build(scene, "cp src/app.ts dist/app.js; sleep 0.1")
    (scene.root / "page/dist").mkdir(parents=True)

    async def acts() -> None:
        scene.write("page/src/app.ts", "two")
        await aio.until(lambda: (scene.root / "page/dist/app.js").exists())
        await aio.until(lambda: (scene.root / "page/dist/app.js").read_text() == "two")
        scene.write("page/src/app.ts", "three")
        await scene.until(Built, 2)
        assert (scene.root / "page/dist/app.js").read_text() == "three"

    play(scene, acts)


def test_what_a_build_writes_among_its_sources_does_not_start_it_for_ever(scene: Scene) -> None:
    with_build(scene, "date +%s%N > src/made.ts; date +%N > src/made-$(date +%N).ts")

    async def acts() -> None:
        scene.write("page/src/app.ts", "two")
        builds = -1
        while builds != (now := sum(isinstance(one, Built) for one in scene.told)):
            assert now <= 8
            builds = now
            await asyncio.sleep(0.5)
        assert builds >= 2
        scene.told.clear()
        scene.write("page/src/app.ts", "three")
        await scene.until(Built)

    play(scene, acts)


def test_a_build_that_is_another_one_runs_at_once(scene: Scene) -> None:
    with_build(scene, "true")

    async def acts() -> None:
        command = "mkdir -p dist; echo new > dist/app.js"
        scene.write("lambdactl.yaml", MANIFEST + BUILT.replace("COMMAND", command))
        told = await scene.until(Reloaded)
        assert [type(one) for one in told] == [Rerouted, Built, Reloaded]
        assert (scene.root / "page/dist/app.js").exists()

    play(scene, acts)


def test_patterns_say_what_a_build_is_made_of(scene: Scene) -> None:
    with_build(scene, "true")
    text = (scene.root / "lambdactl.yaml").read_text()
    scene.write(
        "lambdactl.yaml",
        text.replace("folder: page", "folder: page, watch: ['src/**/*.ts', package.json]"),
    )

    async def acts() -> None:
        for name, builds in (
            ("page/src/deep/er/x.ts", True),
            ("page/package.json", True),
            ("page/src/notes.md", False),
            ("page/package-lock.json", False),
        ):
            scene.write(name, "saved")
            if builds:
                await scene.until(Reloaded)
            else:
                await asyncio.sleep(0.05)
                assert scene.told == [], name

    play(scene, acts)


def test_code_that_git_ignores_is_code_where_the_handler_says_so(scene: Scene) -> None:
    scene.write(
        "lambdactl.yaml",
        """
functions:
  page: {runtime: nodejs22.x, code: app, handler: dist/index.handler, triggers: [http: {path: /}]}
""",
    )
    (scene.root / ".git").mkdir()
    scene.write(".gitignore", "dist/\n*.js\n")
    scene.write("app/dist/index.js", "one")
    scene.write("app/other/made.js", "one")

    async def acts() -> None:
        scene.write("app/other/made.js", "two")
        await asyncio.sleep(0.05)
        assert scene.told == []
        scene.write("app/dist/lib.js", "two")
        await scene.until(Reloaded)

    play(scene, acts)
