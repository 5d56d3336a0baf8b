"""How code is made: in a container, as a bundle, a layer for a runtime; where dependencies go."""

from __future__ import annotations

import pytest

from lambdactl.manifest import layouts
from lambdactl.manifest.features import Build, Bundle
from tests.manifest.conftest import Project

HEAD = "defaults: {runtime: nodejs22.x, code: src}\n"


@pytest.mark.parametrize(
    "written", ["bundle: esbuild", "build: {bundle: esbuild}", "bundle: {minify: false}"]
)
def test_a_bundle(project: Project, written: str) -> None:
    function = project.load(
        HEAD + f"functions: {{f: {{handler: index.handler, {written}}}}}"
    ).function()
    assert function.build == Build((), project.root / "src", bundle=Bundle())
    assert function.needs_artifact
    assert function.commands is None


def test_all_of_a_bundle(project: Project) -> None:
    function = project.load(
        HEAD
        + """
functions:
  f:
    handler: index.handler
    bundle:
      entry: [lib/index.ts]
      target: es2022
      format: esm
      minify: true
      sourcemap: true
      external: ["@aws-sdk/*", sharp]
      loader: {.graphql: text}
      define: {DEBUG: false, LEVEL: 3}
      arguments: [--keep-names]
  g: {handler: index.handler, bundle: {sourcemap: inline}}
"""
    ).function("f")
    assert function.build is not None
    assert function.build.bundle == Bundle(
        "esbuild",
        ("lib/index.ts",),
        "es2022",
        "esm",
        True,
        "linked",
        ("@aws-sdk/*", "sharp"),
        {".graphql": "text"},
        {"DEBUG": "false", "LEVEL": "3"},
        ("--keep-names",),
    )


def test_a_container(project: Project) -> None:
    app = project.load(
        HEAD
        + """
functions:
  plain: {handler: a.b, build: {container: true}}
  made: {handler: a.b, code: dist, build: {container: true, command: make, environment: {CC: gcc}}}
"""
    )
    plain, made = app.function("plain"), app.function("made")
    assert plain.build == Build((), project.root / "src", container=True)
    assert not plain.needs_artifact, "its source runs without"
    assert made.build == Build(("make",), project.root, environment={"CC": "gcc"}, container=True)
    assert made.needs_artifact
    assert made.commands is None, "nothing of it runs on this machine"


def test_where_dependencies_go(project: Project) -> None:
    text = """
dependencies: layer
defaults: {runtime: python3.13, code: src}
functions:
  top: {handler: app.handler}
  own: {handler: app.handler, dependencies: none}
"""
    app = project.load(text)
    assert app.function("top").dependencies == "layer"
    assert app.function("own").dependencies == "none"
    app = project.load(text.replace("defaults: {", "defaults: {dependencies: bundled, "))
    assert app.function("top").dependencies == "bundled"


def test_what_all_are_asked_for_holds_for_those_that_can_be_it(project: Project) -> None:
    app = project.load(
        """
dependencies: layer
defaults: {code: src, bundle: esbuild, build: {container: true}}
functions:
  node: {runtime: nodejs22.x, handler: a.b}
  python: {runtime: python3.13, handler: a.b}
"""
    )
    node, python = app.function("node").build, app.function("python").build
    assert node is not None
    assert (node.container, node.bundle) == (True, Bundle())
    assert python == Build((), project.root / "src", container=True)
    image = "defaults: {bundle: esbuild}\nfunctions: {f: {code: {image: a}}}\n"
    assert project.load(image).function().build is None


@pytest.mark.parametrize(
    ("function", "code", "message"),
    [
        ("build: {folder: src}", "missing-field", "`build` needs `command`, `container` or"),
        ("build: {comand: make}", "unknown-field", "`build` has no field `comand`"),
        ("build: {command: make, bundle: esbuild}", "conflict", "both `command` and `bundle`"),
        ("build: make, bundle: esbuild", "conflict", "both a command in `build` and `bundle`"),
        ("build: {bundle: esbuild}, bundle: esbuild", "conflict", "beside and inside of `build`"),
        ("runtime: python3.13, handler: app.handler, bundle: esbuild", "conflict", "is in python"),
        ("bundle: webpack", "invalid-value", "webpack"),
        ("bundle: {format: umd}", "invalid-value", "umd"),
        ("bundle: {externals: [a]}", "unknown-field", "`bundle` has no field `externals`"),
        ("dependencies: layers", "invalid-value", "layers"),
    ],
)
def test_faults(project: Project, function: str, code: str, message: str) -> None:
    if "handler" not in function:
        function = f"handler: index.handler, {function}"
    (problem,) = project.check(HEAD + f"functions: {{f: {{{function}}}}}\n")
    assert problem.code == code
    assert message in problem.message


@pytest.mark.parametrize(
    "written",
    ["bundle: esbuild", "dependencies: layer", "build: {container: true}"],
)
def test_an_image_is_made_by_its_dockerfile(project: Project, written: str) -> None:
    (problem,) = project.check(f"functions: {{f: {{code: {{image: a}}, {written}}}}}\n")
    assert problem.code == "conflict"
    assert "a function from an image takes no" in problem.message


def test_a_bundle_need_not_have_its_handler(project: Project) -> None:
    text = HEAD + "functions: {f: {handler: page.handler, bundle: esbuild}}\n"
    assert project.check(text) == ()
    (problem,) = project.check(text.replace("code: src", "code: nowhere"))
    assert problem.code == "code-missing"


LAYER = "functions: {}\nlayers:\n  libs: "


def test_a_layer_for_a_runtime_is_laid_out(project: Project) -> None:
    (project.root / "shared").mkdir()
    project.write("", "shared/util.py")
    layer = project.load(
        LAYER + "{path: shared, build: {runtime: python3.13, architecture: arm64}}"
    ).layers["libs"]
    assert layer.build == Build(
        (), project.root / "shared", runtime="python3.13", architecture="arm64"
    )
    assert layer.path == project.root / "shared"
    assert layouts.missing_place(layer) == "python"
    layer = project.load(LAYER + "{path: shared, runtimes: [python3.13], build: {container: true}}")
    made = layer.layers["libs"]
    assert made.build is not None
    assert (made.build.runtime, made.build.container) == ("python3.13", True)


def test_reading_a_manifest_makes_nothing(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (project.root / "shared").mkdir()
    project.write("", "shared/util.py")
    project.load(LAYER + "{path: shared, build: {runtime: python3.13}}")
    assert not any(cache.iterdir())


def test_a_layer_by_commands(project: Project) -> None:
    layer = project.load(LAYER + "{path: dist/libs, build: make libs}").layers["libs"]
    assert layer.path == project.root / "dist/libs"
    assert layer.commands == Build(("make libs",), project.root)
    assert project.check(LAYER + "{path: dist/libs, build: make libs}") == ()


def test_a_layer_says_what_it_is_built_for(project: Project) -> None:
    (problem,) = project.check(LAYER + "{path: layers/imaging, build: {container: true}}")
    assert problem.message == "the build of the layer `libs` needs `runtime` or `command`"
    assert project.check(LAYER + "{path: layers/imaging, build: {runtime: python3.13}}") == ()
