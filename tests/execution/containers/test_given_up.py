"""Containers whose start is given up, or never comes to its end: on a real engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lambdactl import Local
from lambdactl.errors import EngineError
from lambdactl.execution.containers import sandbox
from lambdactl.manifest.model import App, Code
from tests import aio
from tests.execution.containers.running import containers, folder, function, running

pytestmark = pytest.mark.container

DOCKERFILE = """
FROM public.ecr.aws/lambda/python:3.11
COPY app.py /var/task/app.py
RUN ["/usr/bin/python3", "-c", "{change}"]
ENV PYTHONPATH=/var/runtime:/var/task
ENTRYPOINT ["/var/lang/bin/python3.11", "-m", "awslambdaric"]
CMD ["app.handler"]
"""
CHANGES = {
    "with a shell": "pass",
    "without a shell": "import os; [os.remove('/bin/' + one) for one in ('sh', 'bash', 'dash')]",
}
NO_SHELL = "import os; os.remove('/bin/sh'); os.symlink('sleep', '/bin/sh')"


def built(tmp_path: Path, change: str) -> Code:
    at = folder(tmp_path / "code")
    (at / "Dockerfile").write_text(DOCKERFILE.format(change=change))
    return Code("dockerfile", dockerfile=at / "Dockerfile", context=at)


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.1, 0.3])
@pytest.mark.parametrize("kind", CHANGES)
def test_calls_that_are_given_up_leave_nothing(kind: str, after_s: float, tmp_path: Path) -> None:
    one = function(tmp_path / "code", code=built(tmp_path, CHANGES[kind]))
    app = App("test", tmp_path, {one.name: one}, {})

    async def main() -> list[str]:
        async with Local(app, credentials=False) as fn:
            # The image is there, once this has answered.
            assert (await fn.invoke(one.name, {"run": "result = 1"})).json() == 1
            busy = asyncio.create_task(fn.invoke(one.name, {"run": "import time; time.sleep(20)"}))
            more = asyncio.create_task(fn.invoke(one.name, {"run": "result = 2"}))
            # A container is begun for the second one.
            await asyncio.sleep(0.1 + after_s)
            busy.cancel()
            more.cancel()
            await asyncio.gather(busy, more, return_exceptions=True)
        return containers(one.name)

    assert aio.run(main()) == []


def test_one_that_does_not_come_up_is_told_and_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_PATIENCE_S", 0.5)
    with running(tmp_path / "code", code=built(tmp_path, NO_SHELL)) as ran:
        with pytest.raises(EngineError, match="does not come up"):
            ran.call("result = 1")
        assert ran.containers() == []
