"""Images, as a user of the commands meets them: a real engine, real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdactl.execution.containers import dockerfiles
from lambdactl.execution.containers.engine import connect
from lambdactl.manifest import load
from tests.execution.containers.registries import remove
from tests.start_api import start_api

pytestmark = [pytest.mark.container, pytest.mark.slow]
DOCKERFILE = """\
FROM public.ecr.aws/lambda/python:3.11
RUN {command}
COPY app.py /var/task/
CMD ["app.handler"]
"""
MANIFEST = """\
service: shop
functions:
  orders:
    timeout: 30
    code: {dockerfile: Dockerfile}
    url: {auth: none}
"""
APP = """\
def handler(event, context):
    return {"statusCode": 200, "body": "VERSION"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "lambdactl.yaml").write_text(MANIFEST)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.format(command="echo said by the build"))
    (tmp_path / "app.py").write_text(APP)
    yield tmp_path
    app = load(tmp_path / "lambdactl.yaml")
    remove(connect(os.environ), dockerfiles.tag(app.function("orders"), app.root))


def test_a_server_shows_builds_to_people_and_scripts(project: Path) -> None:
    with start_api(project) as served:
        answer = served.ask("/")
        assert (answer.status, answer.body) == (200, b"VERSION")
        lines = [d["line"] for d in served.documents if d["event"] == "build_output"]
        assert "said by the build" in lines
        assert "orders: said by the build" in served.told()


def test_a_build_that_fails_is_shown_and_exits_with_the_users_code(project: Path) -> None:
    (project / "Dockerfile").write_text(DOCKERFILE.format(command="echo so it goes; exit 9"))
    done = subprocess.run(
        [sys.executable, "-m", "lambdactl", "invoke", "orders", "--event-json", "{}"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "so it goes" in done.stderr
    assert "error: orders can't be built" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nobody_waits_for_a_build_and_the_engine_gives_it_up(
    project: Path, how: signal.Signals
) -> None:
    mark = project.name
    (project / "Dockerfile").write_text(
        DOCKERFILE.format(command=f"echo begun in {mark}; sleep 60")
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "lambdactl", "invoke", "orders", "--event-json", "{}"],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.strip() == f"orders: begun in {mark}":
            break
    client = connect(os.environ).client

    def builds() -> bool:
        return any(mark in container["Command"] for container in client.containers(all=True))

    assert builds()
    process.send_signal(how)
    begun = time.monotonic()
    process.wait(20)
    assert time.monotonic() - begun < 5
    process.stderr.close()
    if how is not signal.SIGKILL:
        assert process.returncode == 128 + how
    for _ in range(100):
        if not builds():
            return
        time.sleep(0.1)
    raise AssertionError("the build's container is still there")
