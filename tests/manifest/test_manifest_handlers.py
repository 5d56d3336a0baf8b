"""Handlers, found by reading: what is there, what is certainly not, and what may be."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from lambdactl import manifest
from lambdactl.errors import Problem
from lambdactl.manifest import App, Code, Function, Layer

NODE, RUBY, PYTHON = "nodejs22.x", "ruby3.4", "python3.13"


def check(root: Path, runtime: str | None, handler: str, code: str = ".") -> list[Problem]:
    path = (root / code).resolve()
    kind = "zip" if path.suffix == ".zip" else "folder"
    function = Function("a", Code("zip" if kind == "zip" else "folder", path), runtime, handler)
    return list(manifest.check_code(App("s", root, {"a": function})))


PYTHON_THERE = [
    "def handler(event, context): ...",
    "async def handler(event, context): ...",
    "handler = lambda event, context: None",
    "handler: object = print",
    "handler, other = print, print",
    "(first, (handler, *rest)) = 1, (2, 3)",
    "from elsewhere import handler",
    "from elsewhere import run as handler",
    "import elsewhere as handler",
    "from elsewhere import *",
    "class handler: ...",
    "if True:\n    def handler(e, c): ...",
    "try:\n    from a import handler\nexcept ImportError:\n    handler = None",
    "with open('a') as handler: ...",
    "for handler in []: ...",
    "print(handler := 1)",
    "def __getattr__(name): ...",
    "globals()['handler'] = print",
    "def make():\n    global handler\n    handler = print\nmake()",
    "match 1:\n    case 1:\n        handler = 1",
    "match {'a': print}:\n    case {'a': handler}: ...",
    "match [print]:\n    case [*handler]: ...",
    "match {'a': print}:\n    case {**handler}: ...",
    "locals().update(handler=print)",
    "import sys\nsys.modules[__name__].handler = print",
    "import importlib\nimportlib.import_module(__name__).handler = print",
    "def broken(:\n",
    "@decorator(handler := 5)\ndef other(): ...",
]
PYTHON_MISSING = [
    "",
    "def other(event, context): ...",
    "def other():\n    def handler(e, c): ...",
    "class Other:\n    def handler(self): ...",
    "# def handler(event, context): ...",
    "'''def handler(event, context): ...'''",
    "import elsewhere.handler",
    "other = lambda handler: handler",
]


@pytest.mark.parametrize("source", PYTHON_THERE)
def test_python_that_has_or_may_have_it(tmp_path: Path, source: str) -> None:
    (tmp_path / "app.py").write_text(source)
    assert check(tmp_path, PYTHON, "app.handler") == []


@pytest.mark.parametrize("source", PYTHON_MISSING)
def test_python_that_lacks_it(tmp_path: Path, source: str) -> None:
    (tmp_path / "app.py").write_text(source)
    (problem,) = check(tmp_path, PYTHON, "app.handler")
    assert (problem.code, problem.message) == (
        "handler-not-found",
        "`handler`: app.py has no `handler`",
    )


@pytest.mark.parametrize("handler", ["pkg/mod.handler", "pkg.mod.handler", "pkg.handler"])
def test_python_packages(tmp_path: Path, handler: str) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/mod.py").write_text("def handler(e, c): ...")
    (tmp_path / "pkg/__init__.py").write_text("from pkg.mod import handler")
    assert check(tmp_path, PYTHON, handler) == []
    assert [p.code for p in check(tmp_path, PYTHON, handler + "s")] == ["handler-not-found"]


@pytest.mark.parametrize("name", ["app.cpython-313-x86_64-linux-gnu.so", "app.pyc"])
def test_compiled_python_may_have_anything(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\0")
    assert check(tmp_path, PYTHON, "app.handler") == []


def test_the_hint_names_a_close_function_a_usual_one_or_a_close_file(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def lambda_handler(e, c): ...\ndef resize(e, c): ...\n")
    for handler, hint in [
        ("app.resise", "did you mean `resize`?"),
        ("app.zzz", "did you mean `lambda_handler`?"),
        ("ap.resize", "did you mean `app.resize`?"),
        ("other.resize", "did you mean `app.resize`?"),
        ("../app.resize", "the path counts from `code` and starts with a name"),
        ("./app.resize", "the path counts from `code` and starts with a name"),
    ]:
        assert check(tmp_path, PYTHON, handler)[0].hint == hint


NODE_THERE = [
    ("js", "exports.handler = async () => 1"),
    ("js", "module.exports.handler = function () {}"),
    ("js", "module.exports = { handler }"),
    (
        "js",
        "module.exports = {\n  other: 1,\n  handler: async (event) => {\n    return {}\n  },\n}\n",
    ),
    ("js", "module.exports = require('./built')"),
    ("js", "module.exports = { ...require('./built') }"),
    ("js", "Object.assign(exports, { handler })"),
    ("js", "exports[name] = 1"),
    ("cjs", "exports.handler = 1"),
    ("mjs", "export const handler = async () => 1"),
    ("mjs", "export async function handler() {}"),
    ("mjs", "export function* handler() {}"),
    ("mjs", "const run = 1\nexport { run as handler }"),
    ("mjs", "export * from './built.mjs'"),
    ("mjs", "export let handler"),
    ("mjs", "export class handler {}"),
    ("ts", "export const handler: Handler = async () => 1"),
    ("js", "!function(e){e.handler=()=>1}(this)"),
    ("js", 'const url = "http://x"; exports.handler = 1; exports.other = 2'),
    ("js", "exports.other = 1\nconst all = 'src/**/*'; exports.handler = 1; const b = '*/'"),
    ("js", "exports.other = 1\nconst quote = /[\"']/; exports.handler = 1; const b = '\"'"),
    ("mjs", "export const other = 1, handler = async () => 1"),
]
NODE_MISSING = [
    ("js", ""),
    ("js", "exports.run = async () => 1"),
    ("js", "// exports.handler = 1\nexports.run = 1"),
    ("mjs", "export const run = async () => 1"),
    ("mjs", "const handler = 1\nexport const run = 1"),
    ("mjs", "const handler = 1\nexport { run }"),
    ("js", "/* exports.handler = 1 */ exports.run = 'http://x'"),
]


@pytest.mark.parametrize(("suffix", "source"), NODE_THERE)
def test_javascript_that_has_or_may_have_it(tmp_path: Path, suffix: str, source: str) -> None:
    (tmp_path / f"index.{suffix}").write_text(source)
    assert check(tmp_path, NODE, "index.handler") == []


@pytest.mark.parametrize(("suffix", "source"), NODE_MISSING)
def test_javascript_that_lacks_it(tmp_path: Path, suffix: str, source: str) -> None:
    (tmp_path / f"index.{suffix}").write_text(source)
    (problem,) = check(tmp_path, NODE, "index.handler")
    assert problem.message == f"`handler`: index.{suffix} has no `handler`"


def test_javascript_in_folders_and_objects(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/index.js").write_text("exports.api = { get: async () => 1 }")
    assert check(tmp_path, NODE, "src/index.api.get") == []
    assert [p.code for p in check(tmp_path, NODE, "index.api.get")] == ["handler-not-found"]


RUBY_THERE = [
    "def handler(event:, context:)\nend",
    "class App\n  def self.handler(event:, context:)\n  end\nend",
    "require_relative 'built'",
    "define_method(:handler) { }",
]


@pytest.mark.parametrize("source", RUBY_THERE)
def test_ruby_that_has_or_may_have_it(tmp_path: Path, source: str) -> None:
    (tmp_path / "app.rb").write_text(source)
    assert check(tmp_path, RUBY, "app.handler") == []
    assert check(tmp_path, RUBY, "app.App.handler") == []


def test_ruby_that_lacks_it(tmp_path: Path) -> None:
    (tmp_path / "app.rb").write_text("def other\nend")
    assert [p.code for p in check(tmp_path, RUBY, "app.handler")] == ["handler-not-found"]
    assert [p.code for p in check(tmp_path, RUBY, "ap.handler")] == ["handler-not-found"]


def test_bootstrap(tmp_path: Path) -> None:
    (problem,) = check(tmp_path, "provided.al2023", "bootstrap")
    assert (problem.code, problem.hint) == (
        "handler-not-found",
        "a provided runtime runs the file `bootstrap`",
    )
    (tmp_path / "CMakeLists.txt").write_text("")
    assert "cmake" in (check(tmp_path, "provided.al2023", "bootstrap")[0].hint or "")
    (tmp_path / "go.mod").write_text("module a")
    assert check(tmp_path, "provided.al2023", "bootstrap") == [], "it is compiled before it runs"
    (tmp_path / "bootstrap").write_text("#!/bin/sh\n")
    assert check(tmp_path, "provided.al2023", "bootstrap")[0].hint == "chmod +x bootstrap"
    (tmp_path / "bootstrap").chmod(0o755)
    assert check(tmp_path, "provided.al2023", "bootstrap") == []


def test_a_layer_may_bring_the_bootstrap(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "layer").mkdir()
    function = Function(
        "a", Code("folder", tmp_path / "src"), "provided.al2023", "x", layers=("custom",)
    )
    app = App("s", tmp_path, {"a": function}, {"custom": Layer("custom", tmp_path / "layer")})
    assert [p.code for p in manifest.check_code(app)] == ["handler-not-found"]
    (tmp_path / "layer/bootstrap").write_text("")
    assert manifest.check_code(app) == ()


@pytest.mark.parametrize(
    ("layer", "runtime", "handler", "there"),
    [
        ("local", PYTHON, "wrapper.handler", True),
        ("local", PYTHON, "other.handler", False),
        ("local", NODE, "/opt/nodejs/node_modules/wrapper/index.handler", True),
        ("arn:aws:lambda:eu-west-1:123456789012:layer:wrapper:1", PYTHON, "other.handler", True),
    ],
)
def test_a_layer_may_bring_the_handler(
    tmp_path: Path, layer: str, runtime: str, handler: str, there: bool
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "layer/python").mkdir(parents=True)
    (tmp_path / "layer/python/wrapper.py").write_text("def handler(e, c): ...")
    (tmp_path / "layer/nodejs/node_modules/wrapper").mkdir(parents=True)
    (tmp_path / "layer/nodejs/node_modules/wrapper/index.js").write_text("exports.handler = 1")
    function = Function("a", Code("folder", tmp_path / "src"), runtime, handler, layers=(layer,))
    app = App("s", tmp_path, {"a": function}, {"local": Layer("local", tmp_path / "layer")})
    assert [p.code for p in manifest.check_code(app)] == ([] if there else ["handler-not-found"])


@pytest.mark.parametrize(("runtime", "handler"), [("java21", "a.B::c"), ("dotnet8", "A::B.C::D")])
def test_what_is_built_later_is_not_looked_for(tmp_path: Path, runtime: str, handler: str) -> None:
    assert check(tmp_path, runtime, handler) == []


def test_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("pkg/app.py", "def handler(e, c): ...")
        archive.writestr("bootstrap", "#!/bin/sh")
    assert check(tmp_path, PYTHON, "pkg/app.handler", "app.zip") == []
    assert [p.hint for p in check(tmp_path, PYTHON, "pkg/ap.handler", "app.zip")] == [
        "did you mean `pkg/app.handler`?"
    ]
    assert [p.code for p in check(tmp_path, PYTHON, "pkg/app.run", "app.zip")] == [
        "handler-not-found"
    ]
    (tmp_path / "bad.zip").write_text("not a zip")
    assert [p.code for p in check(tmp_path, PYTHON, "app.handler", "bad.zip")] == [
        "code-unreadable"
    ]


def test_an_unknown_runtime_still_needs_a_file(tmp_path: Path) -> None:
    (tmp_path / "index.js").write_text("exports.handler = 1")
    assert check(tmp_path, None, "index.handler") == []
    assert [p.code for p in check(tmp_path, None, "nothing.handler")] == ["handler-not-found"]
