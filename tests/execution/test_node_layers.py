"""ES modules find the packages of layers, as in Lambda since Node.js 18."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambdactl import Local
from lambdactl.manifest.model import App, Code, Function, Layer
from tests.execution.conformance.conftest import runtime_of

pytestmark = pytest.mark.node

CODE = """
import one from 'one';
import two from '@scope/two';
export const handler = async () => one + two.n;
export const missing = async () => (await import('nowhere')).x;
"""


@pytest.fixture
def app(tmp_path: Path) -> App:
    packages = tmp_path / "layer" / "nodejs" / "node_modules"
    for name, files in {
        "one": {"package.json": {"exports": "./index.mjs"}, "index.mjs": "export default 41;"},
        "@scope/two": {"package.json": {"main": "a.js"}, "a.js": "module.exports = {n: 1};"},
    }.items():
        for file, text in files.items():
            path = packages / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if isinstance(text, str) else json.dumps(text))
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.mjs").write_text(CODE)
    functions = {
        name: Function(
            name=name,
            code=Code("folder", code),
            runtime=runtime_of("node"),
            handler=f"app.{name}",
            layers=("packages",),
            timeout_s=30,
        )
        for name in ("handler", "missing")
    }
    return App("test", tmp_path, functions, {"packages": Layer("packages", tmp_path / "layer")})


def test_imports_find_what_is_in_a_layer(app: App) -> None:
    with Local(app, credentials=False) as fn:
        assert fn.invoke("handler", {}).json() == 42


def test_what_is_nowhere_is_an_error_without_our_frames(app: App) -> None:
    with Local(app, credentials=False) as fn:
        result = fn.invoke("missing", {})
    assert result.function_error == "Unhandled"
    assert "Cannot find package 'nowhere'" in result.json()["errorMessage"]
    assert "data:text/javascript" not in json.dumps(result.json())
