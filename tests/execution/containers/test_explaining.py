"""What errors of the docker SDK mean, in words."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest
import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.errors import EngineError, LambdactlError, UserError
from lambdactl.execution.containers.engine import connect, explained
from tests.execution.containers.engines import answers, on_socket

DOING = "start the container of orders"


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="e") as name:
        yield Path(name)


def said(folder: Path, status: int, message: str) -> LambdactlError:
    """How the engine's answer ``message`` reads, through the real SDK."""
    known = answers(containers__x__json=(status, {"message": message}))
    with on_socket(folder / "e.sock", known) as host:
        engine = connect({"DOCKER_HOST": host})
        with pytest.raises(docker.errors.APIError) as caught:
            engine.client.inspect_container("x")
    return explained(caught.value, DOING)


@pytest.mark.parametrize(
    ("status", "message", "words", "hint"),
    [
        (
            500,
            "driver failed programming external connectivity on endpoint a: Bind for "
            "127.0.0.1:5678 failed: port is already allocated",
            "the port is taken",
            "choose another",
        ),
        (400, "Duplicate mount point: /var/task", "one place", "mount elsewhere"),
        (500, "write /var/lib/docker/x: no space left on device", "disk is full", "system prune"),
        (
            400,
            'invalid mount config for type "bind": bind source path does not exist: /a/b',
            "has no /a/b",
            "another machine",
        ),
        (
            500,
            "Mounts denied: \nThe path /opt/x is not shared from the host and is not known to "
            "Docker.",
            "doesn't see the folder",
            "file sharing",
        ),
        (
            400,
            "failed to create shim task: OCI runtime create failed: runc create failed: unable to "
            'start container process: exec: "/entry.sh": stat /entry.sh: no such file or '
            "directory: unknown",
            "the image has no /entry.sh",
            "entry point",
        ),
        (
            400,
            "OCI runtime create failed: runc create failed: unable to start container process: "
            'exec: "/entry.sh": permission denied: unknown',
            "/entry.sh in the image is not executable",
            "755",
        ),
        (
            400,
            "failed to create task for container: exec /bin/sh: exec format error",
            "another architecture",
            "binfmt",
        ),
        (400, "client version 1.24 is too old. Minimum supported API version is 1.44", "1.24", ""),
        (500, "toomanyrequests: You have reached your pull rate limit", "no more pulls", "login"),
        (404, "No such container: x", "No such container: x", ""),
        (409, "Conflict. The container name is in use.", "Conflict. The container name", ""),
        (500, "", "answered 500", ""),
    ],
)
def test_what_the_engine_says(
    folder: Path, status: int, message: str, words: str, hint: str
) -> None:
    error = said(folder, status, message)
    assert isinstance(error, EngineError)
    assert error.message.startswith(f"can't {DOING}: ")
    assert words in error.message
    assert hint in (error.hint or "")
    assert "\n" not in str(error)
    assert "http+docker" not in str(error)


def test_an_engine_that_ended_meanwhile(folder: Path) -> None:
    with on_socket(folder / "e.sock", answers()) as host:
        engine = connect({"DOCKER_HOST": host})
    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        engine.client.containers()
    assert "nobody listens there" in explained(caught.value, DOING).message
    (folder / "e.sock").unlink()
    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        engine.client.containers()
    assert "no such socket" in explained(caught.value, DOING).message


def wrapped(error: Exception) -> Exception:
    """As requests wraps what urllib3 has wrapped."""
    return requests.exceptions.ConnectionError(
        urllib3.exceptions.ProtocolError("Connection aborted.", error)
    )


@pytest.mark.parametrize(
    ("error", "words", "hint"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "permission denied", "-aG docker"),
        (wrapped(PermissionError(errno.EACCES, "x")), "permission denied", "-aG docker"),
        (wrapped(FileNotFoundError(errno.ENOENT, "x")), "no such socket", "start the engine"),
        (wrapped(ConnectionRefusedError(errno.ECONNREFUSED, "x")), "nobody listens", "start"),
        (wrapped(ConnectionResetError(errno.ECONNRESET, "Reset")), "engine is gone (reset)", ""),
        (wrapped(EOFError()), "the container engine is gone", "start it again"),
        (urllib3.exceptions.ProtocolError("IncompleteRead"), "engine is gone", "start it again"),
        (docker.errors.StreamParseError("half a line"), "engine is gone", "start it again"),
        (requests.exceptions.ReadTimeout("Read timed out."), "too long", "starting"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "too long", "overloaded"),
        (requests.exceptions.SSLError("bad"), "no TLS connection (bad)", "DOCKER_CERT_PATH"),
        (docker.errors.DockerException("first\nsecond"), "first second", ""),
        (ValueError("odd"), "odd", ""),
    ],
)
def test_what_happens_on_the_way(error: Exception, words: str, hint: str) -> None:
    found = explained(error, DOING)
    assert found.message.startswith(f"can't {DOING}: ")
    assert words in found.message
    assert hint in (found.hint or "")


def test_an_error_of_ours_stays_what_it_is() -> None:
    error = UserError("x")
    assert explained(error, DOING) is error


@given(st.text(), st.sampled_from([400, 404, 409, 500]))
def test_every_answer_is_one_line(message: str, status: int) -> None:
    response: Any = requests.Response()
    response.status_code = status
    error = docker.errors.APIError("x", response=response, explanation=message)
    found = explained(error, DOING)
    assert len(str(found).splitlines()) == 1
