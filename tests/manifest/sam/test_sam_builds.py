"""Functions that SAM builds are built by the same tools here."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from lambdactl import manifest
from lambdactl.artifacts import building
from lambdactl.manifest import Function
from lambdactl.manifest.features import Build
from lambdactl.manifest.sam.convert import convert
from tests.manifest.sam.conftest import Folder

OUTPUT = ".lambdactl/build/Fn"


def function(folder: Folder, metadata: str, runtime: str = "nodejs22.x") -> Function:
    text = folder.text().replace("    Properties", f"    Metadata: {metadata}\n    Properties", 1)
    text = text.replace("python3.13", runtime)
    app = folder.load(text)
    assert app.warnings == ()
    return app.function("Fn")


@pytest.mark.parametrize(
    ("metadata", "runtime", "commands"),
    [
        (
            "{BuildMethod: esbuild}",
            "nodejs22.x",
            [
                f"npx --no-install esbuild app.ts --bundle --platform=node --outdir=../{OUTPUT} "
                "--log-level=warning --target=es2020"
            ],
        ),
        (
            "{BuildMethod: esbuild, BuildProperties: {EntryPoints: [a.ts, b/c.ts], Minify: true, "
            "Sourcemap: false, Target: es2022, Format: esm, MainFields: [module, main], External: "
            "['@aws-sdk/*'], Loader: [.json=copy], OutExtension: [.js=.mjs], "
            "Banner: {js: 'a b'}}}",
            "nodejs22.x",
            [
                f"npx --no-install esbuild a.ts b/c.ts --bundle --platform=node "
                f"--outdir=../{OUTPUT} --log-level=warning --target=es2022 --minify --format=esm "
                "--main-fields=module,main '--external:@aws-sdk/*' --loader:.json=copy "
                "--out-extension:.js=.mjs '--banner:js=a b'"
            ],
        ),
        (
            "{BuildMethod: go1.x}",
            "provided.al2023",
            [f"CGO_ENABLED=0 go build -o ../{OUTPUT}/bootstrap ."],
        ),
        (
            "{BuildMethod: rust-cargolambda, BuildProperties: {Binary: hello}}",
            "provided.al2023",
            [
                "cargo build --release --bin hello",
                f"mkdir -p ../{OUTPUT} && cp "
                f'"${{CARGO_TARGET_DIR:-target}}"/release/hello ../{OUTPUT}/bootstrap',
            ],
        ),
    ],
)
def test_commands(folder: Folder, metadata: str, runtime: str, commands: list[str]) -> None:
    found = function(folder, metadata, runtime)
    assert found.build == Build(tuple(commands), folder.root / "src")
    assert found.code.path == folder.root / OUTPUT


def test_packages_are_installed_first(folder: Folder) -> None:
    folder.write("{}", "src/package.json")
    build = function(folder, "{BuildMethod: esbuild}").build
    assert build is not None
    assert build.commands[0] == "[ -d node_modules ] || npm install --no-audit --no-fund"


def test_the_entry_point_is_the_file_of_the_handler(folder: Folder) -> None:
    folder.write("", "src/app.mjs")
    build = function(folder, "{BuildMethod: esbuild}").build
    assert build is not None
    assert " app.mjs " in build.commands[0]


def test_the_name_of_a_rust_package(folder: Folder) -> None:
    folder.write('[package]\nname = "greeter"\n', "src/Cargo.toml")
    build = function(folder, "{BuildMethod: rust-cargolambda}", "provided.al2023").build
    assert build is not None
    assert build.commands[0] == "cargo build --release"
    assert "/release/greeter " in build.commands[1]


def test_a_makefile_builds(folder: Folder) -> None:
    folder.write('build-Fn:\n\techo made > "$(ARTIFACTS_DIR)/made.txt"\n', "src/Makefile")
    found = function(folder, "{BuildMethod: makefile}", "provided.al2023")
    assert found.build is not None
    assert found.code.path is not None
    asyncio.run(building.run(found.build, shell={"PATH": os.environ["PATH"]}))
    assert (Path(found.code.path) / "made.txt").read_text() == "made\n"


def test_a_build_is_converted(folder: Folder) -> None:
    wanted = function(folder, "{BuildMethod: esbuild}")
    made = convert(folder.root / "template.yaml")
    app = manifest.load(folder.write(made.text, "lambdactl.yaml"), env={})
    assert app.function("Fn").build == wanted.build
    assert app.function("Fn").code == wanted.code


def test_code_that_is_not_here_is_not_built(folder: Folder) -> None:
    text = folder.text().replace(
        "    Properties", "    Metadata: {BuildMethod: esbuild}\n    Properties", 1
    )
    problems = folder.problems(text.replace("src/", "nowhere/"))
    assert [problem.code for problem in problems] == ["not-built"]
