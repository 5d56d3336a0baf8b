"""How single functions and layers are made, where builds have gone wrong before."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lambdactl import manifest
from lambdactl.artifacts import builds
from lambdactl.artifacts.builds import Built
from lambdactl.execution import unpacked
from tests import aio
from tests.parts import need

HEAD = "defaults: {runtime: python3.13}\n"


def build(root: Path, text: str, **options: Any) -> Built:
    (root / "lambdactl.yaml").write_text(HEAD + text)
    app = manifest.load(root / "lambdactl.yaml")
    return aio.run(builds.build(app, folder=root / ".lambdactl", **options))


def names(built: Built, name: str, *, layer: bool = False) -> list[str]:
    path = built.of(name, layer=layer).path
    assert path is not None
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_commands_that_functions_share_run_once(tmp_path: Path) -> None:
    command = "echo run >> runs; mkdir -p dist; cp app.py dist"
    (tmp_path / "app.py").write_text("")
    function = f"{{handler: app.handler, code: dist, build: {{command: '{command}'}}}}"
    built = build(tmp_path, f"functions: {{one: {function}, two: {function}}}\n", jobs=2)
    assert names(built, "one") == names(built, "two") == ["app.py"]
    assert (tmp_path / "runs").read_text() == "run\n"


LAYERED = """
functions: {one: {handler: app.handler, code: src, layers: [libs]}}
layers: {libs: {path: shared, build: {runtime: python3.13}}}
"""


@pytest.mark.parametrize("source", ["shared/util.py", "shared/python/util.py"])
def test_a_layer_that_is_laid_out_already_stays_so(tmp_path: Path, source: str) -> None:
    for file in ("src/app.py", source):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    assert names(build(tmp_path, LAYERED), "libs", layer=True) == ["python/util.py"]


def test_what_is_built_is_not_built_again_to_run(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").write_text("")
    text = LAYERED.replace("shared, build: {runtime: python3.13}", "out, build: mkdir -p out/bin")
    built = build(tmp_path, text)
    app = builds.built_app(manifest.load(tmp_path / "lambdactl.yaml"), built)
    assert app.layers["libs"].commands is None
    assert app.functions["one"].build is None


@pytest.mark.slow
def test_what_is_compiled_here_though_a_container_is_asked_for(tmp_path: Path) -> None:
    need("go")
    (tmp_path / "go.mod").write_text("module example.com/hello\n\ngo 1.18\n")
    (tmp_path / "main.go").write_text("package main\nfunc main() {}\n")
    text = "functions: {hello: {runtime: provided.al2023, code: .}}\n"
    shell = {**os.environ, "GOFLAGS": "-mod=mod"}
    plain = build(tmp_path, text, shell=shell).of("hello")
    assert plain.warnings == ()
    asked = build(tmp_path, text, shell=shell, container=True).of("hello")
    assert asked.warnings == ("is compiled on this machine: AWS's images have no compilers",)
    assert asked.sha256 == plain.sha256


def test_commands_run_beside_what_no_artifact_takes(tmp_path: Path) -> None:
    """A virtual environment has links to the Python it was made of."""
    (tmp_path / "app.py").write_text("one = 1\n")
    for name in (".venv", "of-another-name"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "pyvenv.cfg").write_text("")
        (tmp_path / name / "bin/python").symlink_to("/usr/bin/env")
    (tmp_path / "elsewhere").symlink_to("/usr")
    (tmp_path / "nowhere").symlink_to("/nowhere")
    os.mkfifo(tmp_path / "pipe")
    command = "mkdir -p dist && cp app.py dist"
    text = f"functions: {{one: {{handler: app.handler, code: dist, build: '{command}'}}}}\n"
    assert [build(tmp_path, text).of("one").cached for _ in "ab"] == [False, True]
    (tmp_path / ".venv/new.py").write_text("")
    assert build(tmp_path, text).of("one").cached
    (tmp_path / "app.py").write_text("one = 2\n")
    assert not build(tmp_path, text).of("one").cached


def test_sources_of_layers_are_where_the_runtime_looks_for_them(tmp_path: Path) -> None:
    """As files: a link would lead nowhere in a container."""
    source = tmp_path / "shared"
    source.mkdir()
    (source / "util.py").write_text("NAME = 'util'\n")
    (tmp_path / "lambdactl.yaml").write_text(HEAD + LAYERED)
    app = manifest.load(tmp_path / "lambdactl.yaml")
    for edition, name in (("0", "util.py"), ("1", "tool.py")):
        next(source.iterdir()).rename(source / name)
        found = unpacked.opt(
            app.functions["one"], app, tmp_path / "opt" / edition, shell={}, tell=print
        )
        assert found is not None
        (file,) = (found / "python").iterdir()
        assert (file.name, file.is_symlink()) == (name, False)
