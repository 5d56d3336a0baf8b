"""`dependencies: layer`: dependencies in a layer of their own."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from lambdactl.artifacts import builds
from lambdactl.errors import UserError
from lambdactl.local import Local
from tests import aio
from tests.artifacts.dependencies import wheels
from tests.artifacts.dependencies.npm_registry import Registry
from tests.artifacts.projects import HANDLER, WITH_WHEEL, Heard, Project, inside

SPLIT = {"dependencies": "layer"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    wheels.wheel(project.wheels, "one")
    wheels.wheel(project.wheels, "two")
    return project.put({"src/app.py": WITH_WHEEL, "src/requirements.txt": "one\n"})


def test_the_code_is_thin_and_runs_with_its_layer(project: Project) -> None:
    built = project.manifest({"hello": SPLIT}).build()
    hello, layer = built.artifacts
    assert inside(hello) == ["app.py", "requirements.txt"]
    assert hello.layers == (layer.name,)
    assert layer.name.startswith("python-dependencies-")
    assert (layer.kind, layer.runtime, layer.architecture) == ("layer", "python3.13", "x86_64")
    assert "python/one/__init__.py" in inside(layer)
    assert [package.name for package in layer.packages] == ["one"]

    async def scene() -> object:
        async with Local(builds.built_app(project.app(), built)) as local:
            return (await local.invoke("hello")).json()

    assert aio.run(scene()) == "1.0"


def test_a_change_of_the_code_leaves_the_layer(project: Project) -> None:
    before = project.manifest({"hello": SPLIT}).build()
    project.put({"src/app.py": WITH_WHEEL + "# changed\n"})
    hello, layer = project.build().artifacts
    assert not hello.cached
    assert layer.cached
    assert layer == dataclasses.replace(before.artifacts[1], cached=True)


@pytest.mark.parametrize("use_cache", [True, False])
def test_functions_with_equal_lock_files_share_one(project: Project, use_cache: bool) -> None:
    names = [f"f{number}" for number in range(6)]
    for name in names:
        project.put({f"{name}/app.py": WITH_WHEEL, f"{name}/requirements.txt": "one\n"})
    project.put({"other/app.py": HANDLER, "other/requirements.txt": "two\n"})
    functions = {name: {"code": name, **SPLIT} for name in (*names, "other")}
    heard = Heard()
    built = project.manifest(functions).build(jobs=6, use_cache=use_cache, report=heard)
    layers = [one for one in built.artifacts if one.kind == "layer"]
    assert len(layers) == 2
    assert {built.of(name).layers for name in names} == {(layers[0].name,)}
    assert built.of("other").layers == (layers[1].name,)
    assert heard.events.count(("finished", layers[0].name)) == 1
    stores = [path for path in (project.folder / "dependencies").iterdir() if path.is_dir()]
    assert len(stores) == 2
    assert all(project.cached().values())


def test_another_runtime_or_architecture_has_another(project: Project) -> None:
    functions = {
        "a": SPLIT,
        "b": {"runtime": "python3.12", **SPLIT},
        "c": {"architecture": "arm64", **SPLIT},
    }
    built = project.manifest(functions).build()
    assert len({built.of(name).layers for name in functions}) == 3


def test_its_name_and_its_bytes_are_the_same_in_every_clone(project: Project) -> None:
    clone = Project(project.root.parent / "elsewhere" / "clone")
    clone.root.mkdir(parents=True)
    clone.wheels.symlink_to(project.wheels)
    clone.put({"src/app.py": WITH_WHEEL, "src/requirements.txt": "one\n"})
    found = [
        [(one.name, one.sha256) for one in each.manifest({"hello": SPLIT}).build().artifacts]
        for each in (project, clone)
    ]
    assert found[0] == found[1]


def test_it_comes_after_the_functions_own_layers(project: Project) -> None:
    project.put({"shared/python/util.py": ""})
    function = {"layers": ["util"], **SPLIT}
    built = project.manifest({"hello": function}, layers={"util": {"path": "shared"}}).build()
    assert [one.name for one in built.artifacts][:2] == ["hello", "util"]
    assert built.of("hello").layers == ("util", built.artifacts[2].name)


def test_it_counts_as_one_of_five(project: Project) -> None:
    names = [f"l{number}" for number in range(5)]
    layers = {name: {"path": name} for name in names}
    for name in names:
        project.put({f"{name}/python/{name}.py": ""})
    project.manifest({"hello": {"layers": names[:4], **SPLIT}}, layers=layers).build()
    with pytest.raises(UserError, match="hello has 6 layers; Lambda takes 5"):
        project.manifest({"hello": {"layers": names, **SPLIT}}, layers=layers).build()


@pytest.mark.parametrize("requirements", ["", "# nothing\n"])
def test_of_nothing_there_is_no_layer(project: Project, requirements: str) -> None:
    project.put({"src/app.py": HANDLER, "src/requirements.txt": requirements})
    for _ in range(2):
        (hello,) = project.manifest({"hello": SPLIT}).build().artifacts
        assert hello.layers == ()


def test_without_a_lock_file_there_is_nothing_to_split(project: Project) -> None:
    (project.root / "src/requirements.txt").unlink()
    (hello,) = project.manifest({"hello": SPLIT}).build().artifacts
    assert hello.layers == ()


def test_none_installs_nothing(project: Project) -> None:
    project.put({"src/requirements.txt": "there-is-no-such-package\n"})
    (hello,) = project.manifest({"hello": {"dependencies": "none"}}).build().artifacts
    assert inside(hello) == ["app.py", "requirements.txt"]


def test_only_layers_that_nobody_has_used_for_long_are_forgotten(project: Project) -> None:
    project.manifest({"hello": SPLIT}).build()
    folder = project.folder / "build" / "layers"
    for number in range(30):
        name = f"python-dependencies-{number:012x}"
        for path in (folder / f".{name}.json", folder / f"{name}.zip"):
            path.write_text("{}")
            os.utime(path, (number, number))
    for path in (folder / ".mine.json", folder / "mine.zip"):
        path.touch()
        os.utime(path, (0, 0))
    project.build()
    zips = {path.name for path in folder.glob("*.zip")}
    assert "mine.zip" in zips
    assert "python-dependencies-00000000001d.zip" in zips
    assert "python-dependencies-000000000000.zip" not in zips
    assert len(zips) == 21
    assert len(list(folder.glob(".*.json"))) == 21


@pytest.mark.npm
@pytest.mark.node
def test_of_node_packages_too(project: Project) -> None:
    code = "const one = require('one'); exports.handler = async () => one;"
    with Registry() as registry:
        registry.add("one", files={"index.js": b"module.exports = 'one';"})
        manifest = {"name": "shop", "version": "1.0.0", "dependencies": {"one": "*"}}
        project.put(
            {
                "node/app.js": code,
                "node/.npmrc": f"registry={registry.url}\n",
                "node/package.json": json.dumps(manifest),
                "node/package-lock.json": registry.lock(manifest, "one@1.0.0"),
            }
        )
        function = {"runtime": "nodejs20.x", "code": "node", **SPLIT}
        shell = {**project.shell(), "npm_config_cache": str(project.root.parent / "npm")}
        built = project.manifest({"hello": function}).build(shell=shell)
    hello, layer = built.artifacts
    assert "app.js" in inside(hello)
    assert "nodejs/node_modules/one/index.js" in inside(layer)
    assert not any("node_modules" in one for one in inside(hello))

    async def scene() -> object:
        async with Local(builds.built_app(project.app(), built)) as local:
            return (await local.invoke("hello")).json()

    assert aio.run(scene()) == "one"
