"""Bundles: one file of a function and what it imports, by esbuild; then run with Node.js."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lambdactl.artifacts import bundling
from lambdactl.artifacts.model import Target, Work
from lambdactl.errors import BuildError, EnvironmentStartError, UserError
from lambdactl.manifest.features import Bundle
from tests.artifacts.dependencies.npm_registry import Registry, put
from tests.parts import need

TARGET = Target("nodejs20.x", "arm64")
APP = """\
import { label } from "label";
import { help } from "./help";
interface Order { id: number }
export const handler = async (order: Order): Promise<string> => {
  if (order.id < 0) throw new Error("negative");
  return help(label(order.id));
};
"""
HELP = "export const help = (text: string) => text + '!';\nexport const unused = () => 'UNUSED';\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    need("npm_tools")
    return put(
        tmp_path / "project",
        {
            "package.json": {"dependencies": {"label": "1.0.0"}},
            "src/app.ts": APP,
            "src/help.ts": HELP,
            "node_modules/label/package.json": {"name": "label", "version": "1.0.0"},
            "node_modules/label/index.js": "exports.label = (id) => require('deep') + id;\n",
            "node_modules/deep/package.json": {"name": "deep", "version": "2.0.0"},
            "node_modules/deep/index.js": "module.exports = 'order ';\n",
        },
    )


def _work(tmp_path: Path, *, tools: bool = True) -> Work:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    path = os.environ["PATH"]
    if tools:
        path = f"{need('npm_tools')}/.bin{os.pathsep}{path}"
    shell = {"PATH": path, "HOME": str(tmp_path), "npm_config_cache": str(tmp_path / "npm")}
    return Work(tmp_path / "cache", scratch, shell)


def _bundle(
    project: Path, tmp_path: Path, bundle: Bundle, handler: str = "src/app.handler"
) -> bundling.Bundled:
    into = tmp_path / f"into-{len(list(tmp_path.glob('into-*')))}"
    return bundling.bundle(project, handler, bundle, TARGET, into, _work(tmp_path), root=project)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _run(folder: Path, file: str, event: object, *options: str) -> subprocess.CompletedProcess[str]:
    code = (
        f"import('{folder}/{file}').then((m) => (m.handler || m.default.handler)"
        f"({json.dumps(event)})).then(console.log)"
    )
    return subprocess.run(
        [need("node"), *options, "-e", code], capture_output=True, text=True, check=False
    )


@pytest.mark.npm_tools
def test_typescript_with_its_packages_in_one_file(project: Path, tmp_path: Path) -> None:
    before = _files(project)
    bundled = _bundle(project, tmp_path, Bundle())
    assert _files(project) == before
    files = _files(bundled.folder)
    assert sorted(files) == ["src/app.js"]
    assert b"UNUSED" not in files["src/app.js"]
    assert str(tmp_path).encode() not in files["src/app.js"]
    assert _run(bundled.folder, "src/app.js", {"id": 7}).stdout == "order 7!\n"
    deep, label = bundled.packages
    assert (deep.name, deep.version, deep.direct) == ("deep", "2.0.0", False)
    assert (label.name, label.requires, label.direct) == ("label", ("deep",), True)
    assert bundled.inputs == (project / "src" / "app.ts", project / "src" / "help.ts")
    assert bundled.notes == ()


@pytest.mark.npm_tools
def test_an_es_module_and_packages_that_require(project: Path, tmp_path: Path) -> None:
    put(project, {"node_modules/deep/index.js": "module.exports = require('path').join('a', 'b')"})
    bundled = _bundle(project, tmp_path, Bundle(format="esm", minify=True))
    assert sorted(_files(bundled.folder)) == ["src/app.mjs"]
    assert _run(bundled.folder, "src/app.mjs", {"id": 7}).stdout == "a/b7!\n"
    put(project, {"package.json": {"type": "module"}})
    assert sorted(_files(_bundle(project, tmp_path, Bundle()).folder)) == ["src/app.mjs"]
    common = _bundle(project, tmp_path, Bundle(format="cjs"))
    # Inside the project, whose package.json would have it read as a module.
    inside = shutil.copytree(common.folder, project / "built")
    assert _run(inside, "src/app.js", {"id": 7}).stdout == "a/b7!\n"


@pytest.mark.npm_tools
@pytest.mark.parametrize("kind", ["linked", "inline"])
def test_source_maps_are_the_same_wherever_they_are_made(
    project: Path, tmp_path: Path, kind: str
) -> None:
    bundle = Bundle(sourcemap=kind)  # type: ignore[arg-type]
    bundled = _bundle(project, tmp_path, bundle)
    elsewhere = tmp_path / "else" / "where"
    shutil.copytree(project, elsewhere / "project")
    again = _bundle(elsewhere / "project", elsewhere, bundle)
    files = _files(bundled.folder)
    assert files == _files(again.folder)
    if kind == "linked":
        found = json.loads(files["src/app.js.map"])
    else:
        data = re.search(rb"base64,(\S+)", files["src/app.js"])
        assert data is not None
        found = json.loads(base64.b64decode(data[1]))
    assert found["sources"] == [
        "../node_modules/deep/index.js",
        "../node_modules/label/index.js",
        "app.ts",
        "help.ts",
    ]
    failed = _run(bundled.folder, "src/app.js", {"id": -1}, "--enable-source-maps")
    assert "src/app.ts:5:" in failed.stderr
    assert bundled.notes == (
        "Node.js reads the source map only with NODE_OPTIONS=--enable-source-maps in `environment`",
    )


@pytest.mark.npm
@pytest.mark.npm_tools
def test_what_stays_outside_lies_beside_it_and_nothing_else(project: Path, tmp_path: Path) -> None:
    with Registry() as registry:
        registry.add(
            "label",
            dependencies={"deep": "2.0.0"},
            files={"index.js": b"exports.label = (id) => require('deep') + id"},
        )
        registry.add("deep", "2.0.0")
        registry.add("other")
        manifest = {"dependencies": {"label": "1.0.0", "other": "1.0.0"}}
        lock = registry.lock(manifest, "label@1.0.0", "deep@2.0.0", "other@1.0.0")
        put(
            project,
            {
                ".npmrc": f"registry={registry.url}\n",
                "package.json": manifest,
                "package-lock.json": lock,
            },
        )
        put(project, {"src/app.ts": APP + "import '@aws-sdk/client-s3'; import 'in-a-layer';"})
        bundled = _bundle(project, tmp_path, Bundle(external=("lab*", "in-a-layer")))
    names = sorted(path.name for path in (bundled.folder / "node_modules").iterdir())
    assert names == ["deep", "label"]
    assert [package.name for package in bundled.packages] == ["deep", "label"]
    code = (bundled.folder / "src" / "app.js").read_text()
    assert 'require("label")' in code
    assert 'require("@aws-sdk/client-s3")' in code


@pytest.mark.npm_tools
def test_the_sdk_of_the_runtime_can_be_taken_in(project: Path, tmp_path: Path) -> None:
    put(project, {"src/app.ts": APP + "import '@aws-sdk/client-s3';"})
    with pytest.raises(BuildError) as caught:
        _bundle(project, tmp_path, Bundle(external=("!@aws-sdk/*",)))
    assert 'Could not resolve "@aws-sdk/client-s3" (src/app.ts:8:' in caught.value.message
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("install @aws-sdk/client-s3")
    put(
        project,
        {
            "node_modules/@aws-sdk/client-s3/package.json": {"name": "@aws-sdk/client-s3"},
            "node_modules/@aws-sdk/client-s3/index.js": "globalThis.s3 = 'the SDK'",
        },
    )
    bundled = _bundle(project, tmp_path, Bundle(external=("!@aws-sdk/*",)))
    assert "the SDK" in (bundled.folder / "src" / "app.js").read_text()
    assert bundled.packages[0].name == "@aws-sdk/client-s3"


@pytest.mark.npm_tools
def test_entries(project: Path, tmp_path: Path) -> None:
    one = _bundle(project, tmp_path, Bundle(entry=("src/app.ts",)), "index.handler")
    assert sorted(_files(one.folder)) == ["index.js"]
    two = _bundle(project, tmp_path, Bundle(entry=("src/help.ts", "./src/app.ts")))
    assert sorted(_files(two.folder)) == ["src/app.js", "src/help.js"]
    with pytest.raises(UserError, match="none of the bundle's entries is the handler's file index"):
        _bundle(project, tmp_path, Bundle(entry=("src/help.ts", "src/app.ts")), "index.handler")
    with pytest.raises(UserError, match="there is no file to bundle for the handler") as caught:
        _bundle(project, tmp_path, Bundle(), "src/ap.handler")
    assert caught.value.hint == "did you mean `app`?"
    with pytest.raises(UserError, match=r"there is no file to bundle: .*nowhere\.ts"):
        _bundle(project, tmp_path, Bundle(entry=("nowhere.ts",)))


@pytest.mark.npm_tools
def test_settings_of_esbuild(project: Path, tmp_path: Path) -> None:
    put(
        project,
        {
            "src/app.ts": "import query from './q.graphql';"
            "export const handler = async () => query + STAGE;",
            "src/q.graphql": "query",
        },
    )
    bundle = Bundle(
        loader={".graphql": "text"},
        define={"STAGE": '"prod"'},
        arguments=("--banner:js=/* ours */",),
        target="es2022",
    )
    bundled = _bundle(project, tmp_path, bundle)
    assert (bundled.folder / "src" / "app.js").read_text().startswith("/* ours */")
    assert _run(bundled.folder, "src/app.js", {}).stdout == "queryprod\n"
    assert project / "src" / "q.graphql" in bundling.decisive(project, project, bundle)


@pytest.mark.npm_tools
def test_code_that_is_wrong(project: Path, tmp_path: Path) -> None:
    put(project, {"src/help.ts": "export const help = ;\n"})
    with pytest.raises(BuildError) as caught:
        _bundle(project, tmp_path, Bundle())
    assert caught.value.message == (
        f'esbuild can\'t bundle {project}/src/app.ts: Unexpected ";" (src/help.ts:1:20)'
    )


def test_without_esbuild(tmp_path: Path) -> None:
    project = put(tmp_path, {"app.js": "", "package.json": {"name": "shop"}})
    work = Work(tmp_path, tmp_path, {"PATH": str(tmp_path)})

    def bundled() -> None:
        bundling.bundle(
            project, "app.handler", Bundle(), TARGET, tmp_path / "into", work, root=tmp_path
        )

    with pytest.raises(EnvironmentStartError, match="esbuild is not installed") as caught:
        bundled()
    assert caught.value.hint == f"in {tmp_path}: npm install --save-dev esbuild"
    put(tmp_path, {"package.json": {"devDependencies": {"esbuild": "*"}}, "pnpm-lock.yaml": ""})
    with pytest.raises(EnvironmentStartError) as caught:
        bundled()
    assert caught.value.hint == f"in {tmp_path}: pnpm install"


def test_what_decides(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "app/src/app.ts": "",
            "app/README.md": "",
            "lib/shared.ts": "",
            "tsconfig.json": "{}",
            "package-lock.json": "{}",
            "node_modules/.package-lock.json": "{}",
            "node_modules/label/index.js": "",
            ".lambdactl/build/app.js": "",
        },
    )
    found = bundling.decisive(tmp_path / "app", tmp_path, Bundle())
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert [name for name in names if not name.startswith("..")] == [
        "app/src/app.ts",
        "lib/shared.ts",
        "node_modules/.package-lock.json",
        "package-lock.json",
        "tsconfig.json",
    ]
