"""What a function that could not import a module is told to install."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lambdactl import Local
from lambdactl.execution.missing import Surroundings, advice, lacks
from lambdactl.manifest.model import App, Code, Function
from tests.execution.conformance.conftest import runtime_of


@pytest.fixture
def about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    program = Path("/usr/bin/program")
    return Surroundings(
        "orders", "app.handler", "python", tmp_path / "src", tmp_path, program, "3.1"
    )


def told(about: Surroundings, message: str) -> str | None:
    payload = json.dumps({"errorType": "Any", "errorMessage": message}).encode()
    assert lacks(payload)
    return advice(payload, about)


PYTHON = "Unable to import module 'app': No module named 'big_dep'"
VENV = "/usr/bin/program -m venv .venv && .venv/bin/python -m pip install"


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({}, f"{VENV} big-dep"),
        ({"src/requirements.txt": "Big.Dep==1"}, f"{VENV} -r src/requirements.txt"),
        ({"requirements.txt": "other"}, f"{VENV} -r requirements.txt"),
        (
            {"src/requirements.txt": "other", "requirements.txt": "big-dep"},
            f"{VENV} -r requirements.txt",
        ),
    ],
)
def test_python(about: Surroundings, files: dict[str, str], command: str) -> None:
    for name, text in files.items():
        (about.root / name).write_text(text)
    assert told(about, PYTHON) == (f"orders needs big_dep, which is not installed here: {command}")


def test_a_virtual_environment_that_is_there_is_added_to(about: Surroundings) -> None:
    (about.root / ".venv/bin").mkdir(parents=True)
    (about.root / ".venv/pyvenv.cfg").touch()
    about = replace(about, program=about.root / ".venv/bin/python")
    said = told(about, PYTHON)
    assert said is not None
    assert said.endswith(": .venv/bin/python -m pip install big-dep")


def test_the_list_of_a_layer_counts(about: Surroundings) -> None:
    (about.root / "shared").mkdir()
    (about.root / "shared/requirements.txt").write_text("big-dep\n")
    said = told(replace(about, layers=(about.root / "shared",)), PYTHON)
    assert said is not None
    assert said.endswith("-r shared/requirements.txt")


def test_the_list_of_a_layer_in_its_layout(about: Surroundings) -> None:
    source, layer = about.root / "shared", about.root / "laid out"
    source.mkdir()
    (source / "package.json").write_text('{"dependencies": {"@fast/it": "1"}}')
    (layer / "nodejs").mkdir(parents=True)
    (layer / "nodejs/package.json").symlink_to(source / "package.json")
    about = replace(about, family="nodejs", layers=(layer,))
    said = told(about, NODE % "@fast/it")
    assert said is not None
    assert said.endswith("npm install --prefix shared")


NODE = "Cannot find package '%s' imported from /x/src/app.mjs"


def test_the_sdk_of_nodes_runtimes_and_all_of_it_at_once(about: Surroundings) -> None:
    about = replace(about, family="nodejs")
    (about.task / "app.mjs").write_text(
        "import {a} from '@aws-sdk/client-s3';\nimport {b} from \"@aws-sdk/lib-storage\";\n"
        "import 'aws-sdk';"
    )
    (about.task / "node_modules").mkdir()
    (about.task / "node_modules/other.js").write_text("require('@aws-sdk/client-sns')")
    assert told(about, NODE % "@aws-sdk/client-s3") == (
        "orders needs @aws-sdk/client-s3: Lambda's Node.js runtimes bring the AWS SDK along, this "
        "machine doesn't: npm install --prefix . --save-dev @aws-sdk/client-s3 @aws-sdk/lib-storage"
    )
    (about.task / "package.json").write_text("{}")
    said = told(about, "Error: Cannot find module 'aws-sdk/clients/s3'\nRequire stack:\n- /x")
    assert said is not None
    assert said.endswith("npm install --prefix src --save-dev aws-sdk")


@pytest.mark.parametrize(
    ("manifest", "command"),
    [
        ('{"dependencies": {"@fast/it": "1"}}', "npm install --prefix src"),
        ("{}", "npm install --prefix src @fast/it"),
    ],
)
def test_other_packages_of_node(about: Surroundings, manifest: str, command: str) -> None:
    (about.task / "package.json").write_text(manifest)
    said = told(replace(about, family="nodejs"), NODE % "@fast/it")
    assert said == f"orders needs @fast/it, which is not installed here: {command}"


def test_ruby(about: Surroundings) -> None:
    about = replace(about, family="ruby")
    said = told(about, "cannot load such file -- aws-sdk-s3")
    assert said is not None
    install = "gem install --install-dir src/vendor/bundle/ruby/3.1.0"
    assert said.endswith(f"machine doesn't: {install} aws-sdk-s3")
    said = told(about, "cannot load such file -- sinatra/base")
    assert said == (f"orders needs sinatra/base, which is not installed here: {install} sinatra")
    (about.root / "Gemfile").touch()
    said = told(about, "cannot load such file -- sinatra/base")
    assert said is not None
    assert said.endswith(": BUNDLE_PATH=src/vendor/bundle bundle install")
    (about.task / "Gemfile").touch()
    said = told(about, "cannot load such file -- sinatra/base")
    assert said is not None
    assert said.endswith(": cd src && BUNDLE_PATH=vendor/bundle bundle install")


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("python", "Unable to import module 'app': No module named 'app'"),
        ("python", "No module named 'helpers.more'"),
        ("nodejs", "Cannot find module 'app'"),
        ("nodejs", "Cannot find module './lib/x'"),
        ("nodejs", "Cannot find module '/x/lib/x.js'"),
        ("ruby", "cannot load such file -- app"),
        ("ruby", "cannot load such file -- helpers"),
        ("ruby", "cannot load such file -- /x/y"),
    ],
)
def test_files_of_its_own_are_not_to_be_installed(
    about: Surroundings, family: str, message: str
) -> None:
    (about.task / "helpers").mkdir()
    (about.task / "helpers.rb").touch()
    assert told(replace(about, family=family), message) is None


@pytest.mark.parametrize("payload", [b"\"No module named 'x'\"", b"No module named 'x'", b"[]"])
def test_what_is_no_error(about: Surroundings, payload: bytes) -> None:
    assert advice(payload, about) is None


def test_the_user_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context):\n    import lost_and_found\n")
    function = Function(
        name="hello",
        code=Code("folder", tmp_path),
        runtime=runtime_of("python"),
        handler="app.handler",
        timeout_s=20,
    )
    heard: list[str] = []
    app = App("test", tmp_path, {"hello": function}, {})
    with Local(app, credentials=False, warn=heard.append) as fn:
        for _ in range(2):
            assert fn.invoke("hello").function_error == "Unhandled"
    (said,) = [words for words in heard if "lost_and_found" in words]
    assert said.startswith("hello needs lost_and_found, which is not installed here: ")
