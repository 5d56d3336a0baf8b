"""Which features of Node.js are off, as on Lambda."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdactl import Local
from lambdactl.execution.node_flags import flags
from lambdactl.manifest.model import App, Code, Function
from tests.execution.conformance.conftest import runtime_of

REQUIRE, DETECT = "--no-experimental-require-module", "--no-experimental-detect-module"


@pytest.mark.parametrize(
    ("version", "options", "expected"),
    [
        ((20, 20, 2), "", (REQUIRE,)),
        ((20, 9, 0), "", ()),
        ((22, 12, 0), "", (REQUIRE, DETECT)),
        ((22,), "", (REQUIRE, DETECT)),
        ((22, 12, 0), "--experimental-require-module", (DETECT,)),
        ((22, 12), "--x --experimental-detect-module --experimental-require-module", ()),
        ((24, 1, 0), "", ()),
        ((18, 20, 0), "", ()),
    ],
)
def test_the_flags_of_a_version(
    version: tuple[int, ...], options: str, expected: tuple[str, ...]
) -> None:
    assert flags(version, {"NODE_OPTIONS": options}) == expected


@pytest.mark.node
def test_an_es_module_cannot_be_required_as_on_lambda(tmp_path: Path) -> None:
    runtime = runtime_of("node")
    if runtime not in {"nodejs20.x", "nodejs22.x"}:
        pytest.xfail(f"{runtime} can, on Lambda too")
    (tmp_path / "other.mjs").write_text("export const name = 'other';\n")
    (tmp_path / "app.cjs").write_text(
        "exports.handler = async () => require('./other.mjs').name;\n"
    )
    function = Function(
        name="requires",
        code=Code("folder", tmp_path),
        runtime=runtime,
        handler="app.handler",
        timeout_s=20,
    )
    with Local(App("test", tmp_path, {"requires": function}), credentials=False) as fn:
        result = fn.invoke("requires")
    assert result.function_error == "Unhandled"
    assert result.json()["errorMessage"].startswith("require() of ES Module")
