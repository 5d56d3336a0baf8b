"""Runtimes that stand by: real processes that have read nothing of the function's code."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from lambdactl.execution.invocation import Invocation
from lambdactl.execution.invoker import LocalInvoker
from lambdactl.manifest.model import App, Code, Function
from tests.aio import run, until
from tests.execution.conformance.conftest import runtime_of

pytestmark = pytest.mark.slow

PYTHON = """
import os, time
started = time.time()
def handler(event, context):
    return {"version": VERSION, "started": started, "variables": sorted(os.environ)}
"""
NODE = """
const started = Date.now() / 1000;
exports.handler = async () =>
  ({ version: VERSION, started, variables: Object.keys(process.env).sort() });
"""
RUBY = """
STARTED = Time.now.to_f
def handler(event:, context:)
  { version: VERSION_, started: STARTED, variables: ENV.keys.sort }
end
"""
LANGUAGES = [
    pytest.param("python", "app.py", PYTHON, id="python"),
    pytest.param("nodejs", "app.js", NODE, id="node", marks=pytest.mark.node),
    pytest.param("ruby", "app.rb", RUBY, id="ruby", marks=pytest.mark.ruby),
]


class Saved:
    """A function whose code says which version it is."""

    def __init__(self, folder: Path, language: str, file: str, text: str, **settings: Any) -> None:
        self.folder, self._file, self._text = folder, folder / file, text
        handler = "app.handler"
        runtime = runtime_of("node" if language == "nodejs" else language)
        function = Function(
            "f", Code("folder", folder), runtime=runtime, handler=handler, timeout_s=20, **settings
        )
        self.app = App("test", folder, {"f": function})
        self.save(1)

    def save(self, version: int) -> None:
        self._file.write_text(
            self._text.replace("VERSION_", str(version)).replace("VERSION", str(version))
        )


@asynccontextmanager
async def running(function: Saved) -> AsyncIterator[LocalInvoker]:
    before = children()
    invoker = LocalInvoker(function.app, standby=True, use_credentials=False)
    try:
        yield invoker
    finally:
        await invoker.close()
    await until(lambda: children() <= before)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


async def call(invoker: LocalInvoker) -> dict[str, Any]:
    result = await invoker.invoke(Invocation("f"))
    assert result.function_error is None, result.payload
    answer: dict[str, Any] = result.json()
    return answer


async def stood_by(invoker: LocalInvoker) -> None:
    assert invoker._standbys is not None
    await until(lambda: invoker._standbys.names == ("f",))  # type: ignore[union-attr]
    # It has asked for the word, too.
    await asyncio.sleep(0.1)


@pytest.mark.parametrize(("language", "file", "text"), LANGUAGES)
def test_a_standby_runs_what_is_saved_after_it_was_started(
    tmp_path: Path, language: str, file: str, text: str
) -> None:
    async def main() -> None:
        function = Saved(tmp_path, language, file, text)
        async with running(function) as invoker:
            first = await call(invoker)
            for version in (2, 3):
                await stood_by(invoker)
                saved = time.time()
                function.save(version)
                await invoker.reload(["f"])
                answer = await call(invoker)
                assert answer["version"] == version
                # The function's code began after the save, and finds what it always finds.
                assert answer["started"] > saved - 0.01
                assert answer["variables"] == first["variables"]
                assert not [name for name in answer["variables"] if "STANDBY" in name]

    run(main())


# Heard of in time, and killed when the loop has no turn left to hear of it.
@pytest.mark.parametrize("turns", [True, False])
def test_a_standby_that_dies_is_no_loss(tmp_path: Path, turns: bool) -> None:
    async def main() -> None:
        function = Saved(tmp_path, "python", "app.py", PYTHON)
        async with running(function) as invoker:
            await call(invoker)
            known = children()
            await stood_by(invoker)
            function.save(2)
            for pid in children() - known:
                os.kill(pid, signal.SIGKILL)
            if turns:
                await asyncio.sleep(0.05)
            await invoker.reload(["f"])
            assert (await call(invoker))["version"] == 2

    run(main())


@pytest.mark.parametrize(
    "settings",
    [
        {"environment": {"AWS_LAMBDA_EXEC_WRAPPER": "/bin/env"}},
        {"environment": {"LD_PRELOAD": ""}},
    ],
)
def test_who_has_a_say_in_how_the_interpreter_starts_gets_none(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    async def main() -> None:
        function = Saved(tmp_path, "python", "app.py", PYTHON, **settings)
        async with running(function) as invoker:
            await call(invoker)
            await asyncio.sleep(0.5)
            assert invoker._standbys is not None
            assert invoker._standbys.names == ()

    run(main())


def test_another_function_of_the_name_does_not_get_it(tmp_path: Path) -> None:
    async def main() -> None:
        function = Saved(tmp_path, "python", "app.py", PYTHON)
        async with running(function) as invoker:
            await call(invoker)
            await stood_by(invoker)
            changed = Saved(tmp_path, "python", "app.py", PYTHON, environment={"NEW": "1"})
            invoker.adopt(changed.app)
            await invoker.reload(["f"])
            assert "NEW" in (await call(invoker))["variables"]

    run(main())


def test_one_that_was_not_taken_is_gone_when_the_end_comes_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        function = Saved(tmp_path, "python", "app.py", PYTHON)
        async with running(function) as invoker:
            await call(invoker)
            await stood_by(invoker)
            standbys, launch = invoker._standbys, invoker._launches.get(function.app.function("f"))
            assert standbys is not None
            # It was made for another one: it is being stopped when the end comes.
            assert standbys.take(replace(launch, warning="another one")) is None

    run(main())
