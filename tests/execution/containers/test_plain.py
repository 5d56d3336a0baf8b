"""Images without a shell: a program and nothing else."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lambdactl.manifest.model import Code
from tests.execution.containers import native
from tests.execution.containers.running import engine, running, soon

pytestmark = [pytest.mark.container, pytest.mark.gcc]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    name = f"lambdactl-tests/plain-{uuid.uuid4().hex[:12]}"
    with engine() as client:
        native.image(client, name, native.compiled(tmp_path_factory.mktemp("native")))
        yield f"{name}:latest"
        client.remove_image(f"{name}:latest", force=True)


def run(image: str, tmp_path: Path, **settings: Any) -> Any:
    return running(tmp_path / "code", code=Code("image", image=image), **settings)


def test_it_answers_and_is_kept_warm(image: str, tmp_path: Path) -> None:
    with run(image, tmp_path) as ran:
        assert ran.call("").json() == {"calls": 1, "pid": 1}
        assert ran.call("").json() == {"calls": 2, "pid": 1}
        assert ran.printed == [b"loaded", b"call 1", b"call 2"]
        (container,) = ran.containers()
        with engine() as client:
            host = client.inspect_container(container)["HostConfig"]
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]


@pytest.mark.slow
def test_a_timeout_costs_the_container_and_the_next_call_works(image: str, tmp_path: Path) -> None:
    with run(image, tmp_path, timeout_s=1) as ran:
        (before,) = (ran.call(""), ran.containers())[1]
        assert ran.call("sleep").json()["errorType"] == "Sandbox.Timedout"
        assert ran.call("").json()["calls"] == 1
        assert before not in ran.containers()


@pytest.mark.parametrize(
    ("event", "words"), [("exit", "exit status 3"), ("crash", "signal: segmentation fault")]
)
def test_how_it_ended_is_told(event: str, words: str, image: str, tmp_path: Path) -> None:
    with run(image, tmp_path) as ran:
        result = ran.call(event)
        assert result.json()["errorType"] == "Runtime.ExitError"
        assert result.json()["errorMessage"].endswith(words)
        assert ran.printed[:2] == [b"loaded", b"call 1"]
        assert ran.call("").json()["calls"] == 1


def test_one_that_somebody_removes_is_like_a_crash(image: str, tmp_path: Path) -> None:
    with run(image, tmp_path) as ran:
        (container,) = (ran.call(""), ran.containers())[1]
        with ThreadPoolExecutor(1) as thread, engine() as client:
            call = thread.submit(ran.call, "sleep")
            soon(lambda: b"call 2" in ran.printed)
            client.remove_container(container, force=True)
            assert call.result().json()["errorType"] == "Runtime.ExitError"
        assert ran.call("").json()["calls"] == 1


def test_one_that_closes_its_output_has_not_ended(image: str, tmp_path: Path) -> None:
    """The stream of what it writes ends, and it goes on."""
    with run(image, tmp_path) as ran:
        assert ran.call("close").json()["calls"] == 1
        for number in range(2, 5):
            assert ran.call("").json()["calls"] == number
            time.sleep(0.05)  # Time for who may take it for dead.
        assert ran.call("exit").json()["errorMessage"].endswith("exit status 3")
