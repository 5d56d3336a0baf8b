"""An engine that ends in the middle, and comes again: one of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest

from lambdactl.errors import LambdactlError
from lambdactl.manifest.model import Code
from tests.execution.containers import native
from tests.execution.containers.running import running, soon
from tests.parts import need

pytestmark = [
    pytest.mark.container,
    pytest.mark.gcc,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="an engine of one's own is root's"),
]

STARTED_S = 60


class Engine:
    """A ``dockerd`` with a bridge, a socket and folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.url = f"unix://{folder}/d.sock"
        self._folder = folder
        self._bridge = f"lt{os.getpid()}"
        self._process: subprocess.Popen[bytes] | None = None
        subnet = os.getpid() % 250 + 1
        ip = ["ip", "link"]
        subprocess.run([*ip, "add", self._bridge, "type", "bridge"], check=True)
        # Else it takes that of whatever joins it, and connections are lost.
        address = f"02:42:aa:bb:{os.getpid() >> 8 & 255:02x}:{os.getpid() & 255:02x}"
        subprocess.run([*ip, "set", self._bridge, "address", address], check=True)
        subprocess.run(
            ["ip", "address", "add", f"10.211.{subnet}.1/24", "dev", self._bridge], check=True
        )
        subprocess.run([*ip, "set", self._bridge, "up"], check=True)

    def client(self) -> docker.APIClient:
        return docker.APIClient(self.url)

    def start(self) -> None:
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    "dockerd",
                    *("--host", self.url, "--bridge", self._bridge, "--iptables=false"),
                    *("--data-root", str(self._folder / "data"), "--storage-driver", "vfs"),
                    *("--exec-root", str(self._folder / "exec")),
                    *("--pidfile", str(self._folder / "pid")),
                ],
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + STARTED_S
        while not self._answers():
            running = self._process.poll() is None and time.monotonic() < end
            assert running, (self._folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except (docker.errors.DockerException, OSError):
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STARTED_S)
            self._process = None

    def remove(self) -> None:
        self.stop()
        subprocess.run(["ip", "link", "delete", self._bridge], check=True)
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Engine]:
    need("dockerd")
    need("ip")
    # The path of a socket is a short one.
    folder = Path("/tmp") / f"lambdactl-test-engine-{os.getpid()}"
    folder.mkdir()
    engine = Engine(folder)
    try:
        engine.start()
        with engine.client() as client:
            native.image(client, "native", native.compiled(tmp_path), shell=True)
        yield engine
    finally:
        engine.remove()


def test_an_engine_that_is_restarted_gives_errors_and_then_answers(
    own: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", own.url)
    with running(tmp_path / "code", code=Code("image", image="native:latest")) as ran:
        assert ran.call("").json()["calls"] == 1
        with ThreadPoolExecutor(1) as thread:
            call = thread.submit(ran.call, "sleep")
            soon(lambda: b"call 2" in ran.printed)
            begun = time.monotonic()
            own.stop()
            assert time.monotonic() - begun < 10, "it did not wait for containers to end"
            assert call.result().json()["errorType"] == "Runtime.ExitError"
        with pytest.raises(LambdactlError, match=r"engine|Docker|docker"):
            ran.call("")
        own.start()
        assert ran.call("").json()["calls"] == 1
        assert ran.call("").json()["calls"] == 2
    with own.client() as client:
        assert client.containers(all=True) == []


def test_the_end_after_the_engines_end_is_no_error(
    own: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", own.url)
    with running(tmp_path / "code", code=Code("image", image="native:latest")) as ran:
        assert ran.call("").json()["calls"] == 1
        own.stop()
