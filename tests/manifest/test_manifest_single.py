"""An app from one file, without a manifest."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lambdactl import manifest
from lambdactl.errors import UserError

RUNNING = f"python{sys.version_info.major}.{sys.version_info.minor}"


def app(target: str, root: Path) -> tuple[str | None, str | None, Path | None]:
    made = manifest.app_from_handler(target, root)
    function = made.function()
    assert made.source is None
    assert made.root == function.code.path
    return function.runtime, function.handler, function.code.path


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("def handler(e, c): ...\ndef main(): ...", "handler"),
        ("def lambda_handler(e, c): ...\ndef other(): ...", "lambda_handler"),
        ("def main(e, c): ...\ndef other(): ...", "main"),
        ("import os\ndef resize(e, c): ...\ndef _private(): ...", "resize"),
        ("from elsewhere import *", "handler"),
        ("def broken(:", "handler"),
    ],
)
def test_a_python_file(tmp_path: Path, source: str, name: str) -> None:
    (tmp_path / "app.py").write_text(source)
    for target in ("./app.py", "app.py", str(tmp_path / "app.py")):
        assert app(target, tmp_path) == (RUNNING, f"app.{name}", tmp_path)


def test_a_function_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def one(e, c): ...\ndef two(e, c): ...")
    assert app("./app.py:two", tmp_path)[1] == "app.two"
    assert app("./app.py::two", tmp_path)[1] == "app.two"


def test_a_handler(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").write_text("def run(e, c): ...")
    assert app("src/app.run", tmp_path) == (RUNNING, "src/app.run", tmp_path)
    assert app("src.app.run", tmp_path) == (RUNNING, "src.app.run", tmp_path)


def test_a_file_in_a_package_is_imported_from_the_top(tmp_path: Path) -> None:
    folder = tmp_path / "pkg/sub"
    folder.mkdir(parents=True)
    for path in (folder, folder.parent):
        (path / "__init__.py").touch()
    (folder / "app.py").write_text("def handler(e, c): ...")
    assert app("pkg/sub/app.py", tmp_path) == (RUNNING, "pkg/sub/app.handler", tmp_path)


@pytest.mark.parametrize(
    ("name", "source", "handler", "family"),
    [
        ("index.mjs", "export const handler = 1", "index.handler", "nodejs"),
        ("index.js", "exports.main = 1", "index.main", "nodejs"),
        ("index.cjs", "module.exports = require('./a')", "index.handler", "nodejs"),
        ("task.rb", "def handler(event:, context:)\nend", "task.handler", "ruby"),
        ("task.rb", "def work(event:, context:)\nend", "task.work", "ruby"),
    ],
)
def test_other_languages(tmp_path: Path, name: str, source: str, handler: str, family: str) -> None:
    (tmp_path / name).write_text(source)
    runtime, found, folder = app(f"./{name}", tmp_path)
    assert (found, folder) == (handler, tmp_path)
    assert runtime is not None
    assert runtime.startswith(family)
    assert app(handler, tmp_path) == (runtime, handler, tmp_path)


def test_a_bootstrap(tmp_path: Path) -> None:
    (tmp_path / "bootstrap").write_text("#!/bin/sh")
    with pytest.raises(UserError, match="neither Python"):
        app("./bootstrap", tmp_path)
    (tmp_path / "bootstrap").chmod(0o755)
    assert app("./bootstrap", tmp_path) == ("provided.al2023", "bootstrap", tmp_path)


@pytest.mark.parametrize(
    ("target", "message", "hint"),
    [
        ("./ap.py", "there is no file ./ap.py", "did you mean `app.py`?"),
        ("./nowhere/app.py", "there is no file", "there is no folder"),
        ("app.handle", "app.py has no `handle`", "did you mean `handler`?"),
        ("ap.handler", "there is no ap.py", "did you mean `app.handler`?"),
        ("hello", "neither a file nor a handler", "./app.py"),
        (".", "is a folder", "name a file in it"),
        ("./notes.txt", "neither Python", None),
        ("./two.py", "nothing says which function it is", "two.py:one"),
        ("./none.py", "nothing says which function it is", "add a function"),
    ],
)
def test_mistakes(tmp_path: Path, target: str, message: str, hint: str | None) -> None:
    (tmp_path / "app.py").write_text("def handler(e, c): ...")
    (tmp_path / "two.py").write_text("def one(e, c): ...\ndef two(e, c): ...")
    (tmp_path / "none.py").write_text("VALUE = 1")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(UserError) as caught:
        manifest.app_from_handler(target, tmp_path)
    assert message in caught.value.message
    if hint is not None:
        assert hint in (caught.value.hint or "")
