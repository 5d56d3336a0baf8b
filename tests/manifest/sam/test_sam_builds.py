"""Functions that SAM builds are built by the same tools here."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from lambdactl import manifest
from lambdactl.artifacts import building
from lambdactl.manifest import Function, layouts
from lambdactl.manifest.features import Build, Bundle
from lambdactl.manifest.sam.convert import convert
from tests.manifest.sam.conftest import Folder

OUTPUT = ".lambdactl/made/Fn"


def function(folder: Folder, metadata: str, runtime: str = "nodejs22.x") -> Function:
    text = folder.text().replace("    Properties", f"    Metadata: {metadata}\n    Properties", 1)
    text = text.replace("python3.13", runtime)
    app = folder.load(text)
    assert app.warnings == ()
    return app.function("Fn")


@pytest.mark.parametrize(
    ("metadata", "commands"),
    [
        (
            "{BuildMethod: go1.x}",
            [
                "CGO_ENABLED=0 GOOS=${LAMBDACTL_ARCHITECTURE:+linux} "
                "GOARCH=$(echo $LAMBDACTL_ARCHITECTURE | sed s/x86_64/amd64/) "
                f"go build -o ../{OUTPUT}/bootstrap ."
            ],
        ),
        (
            "{BuildMethod: rust-cargolambda, BuildProperties: {Binary: hello}}",
            [
                "cargo build --release --bin hello",
                f"mkdir -p ../{OUTPUT} && cp "
                f'"${{CARGO_TARGET_DIR:-target}}"/release/hello ../{OUTPUT}/bootstrap',
            ],
        ),
    ],
)
def test_commands(folder: Folder, metadata: str, commands: list[str]) -> None:
    found = function(folder, metadata, "provided.al2023")
    assert found.build == Build(tuple(commands), folder.root / "src")
    assert found.code.path == folder.root / OUTPUT


def test_esbuild_makes_a_bundle(folder: Folder) -> None:
    plain = function(folder, "{BuildMethod: esbuild}")
    assert plain.build == Build((), folder.root / "src", bundle=Bundle())
    assert plain.code.path == folder.root / "src"
    assert plain.needs_artifact
    found = function(
        folder,
        "{BuildMethod: esbuild, BuildProperties: {EntryPoints: [lib/b/c.ts, lib/app.ts], "
        "Minify: true, Sourcemap: false, Target: es2022, Format: esm, MainFields: [module, main], "
        "External: ['@aws-sdk/*'], Loader: [.json=copy, .txt=text], OutExtension: [.js=.mjs], "
        "KeepNames: true, SourcesContent: false, Banner: {js: 'a b'}}}",
    ).build
    assert found is not None
    assert found.bundle == Bundle(
        entry=("lib/app.ts",),
        target="es2022",
        format="esm",
        minify=True,
        external=("@aws-sdk/*",),
        loader={".json": "copy", ".txt": "text"},
        arguments=(
            *("--main-fields=module,main", "--keep-names", "--sources-content=false"),
            "--banner:js=a b",
        ),
    )


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


LAYER = """
    Shared:
      Type: AWS::Serverless::LayerVersion
      Metadata: {metadata}
      Properties: {{ContentUri: shared, CompatibleRuntimes: [python3.12, python3.13]}}
"""


def test_a_layer_is_built_for_its_runtime(folder: Folder) -> None:
    folder.write("", "shared/util.py")
    text = LAYER.format(metadata="{BuildMethod: python3.13, BuildArchitecture: arm64}")
    layer = folder.app("Layers: [!Ref Shared]", text).layers["Shared"]
    assert layer.build == Build(
        (), folder.root / "shared", runtime="python3.13", architecture="arm64"
    )
    assert layouts.missing_place(layer) == "python"
    folder.write("", "shared/python/other.py")
    layer = folder.app("Layers: [!Ref Shared]", text).layers["Shared"]
    assert (layer.path, layer.build) == (folder.root / "shared", None)


def test_a_makefile_builds_a_layer(folder: Folder) -> None:
    folder.write('build-Shared:\n\techo made > "$(ARTIFACTS_DIR)/made.txt"\n', "shared/Makefile")
    text = LAYER.format(metadata="{BuildMethod: makefile}")
    layer = folder.app("Layers: [!Ref Shared]", text).layers["Shared"]
    assert layer.commands is not None
    asyncio.run(building.run(layer.commands, shell={"PATH": os.environ["PATH"]}))
    assert layer.path == folder.root / ".lambdactl/made/Shared"
    assert (layer.path / "made.txt").read_text() == "made\n"


def test_a_layer_is_converted(folder: Folder) -> None:
    folder.write("", "shared/util.py")
    text = LAYER.format(metadata="{BuildMethod: python3.13}")
    wanted = folder.app("Layers: [!Ref Shared]", text).layers["Shared"]
    made = convert(folder.root / "template.yaml")
    app = manifest.load(folder.write(made.text, "lambdactl.yaml"), env={})
    assert app.layers["Shared"].build == wanted.build
    assert app.layers["Shared"].path == wanted.path


def test_code_that_is_not_here_is_not_built(folder: Folder) -> None:
    text = folder.text().replace(
        "    Properties", "    Metadata: {BuildMethod: esbuild}\n    Properties", 1
    )
    problems = folder.problems(text.replace("src/", "nowhere/"))
    assert [problem.code for problem in problems] == ["not-built"]
