"""A port that is taken."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from lambdactl.triggers.http import ports


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def test_who_has_it(taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    name = psutil.Process().name()
    assert ports.port_holder(port) == f"{name} (pid {os.getpid()})"


def test_another_process_that_listens_on_ipv6() -> None:
    code = (
        "import socket, sys; s = socket.socket(socket.AF_INET6); s.bind(('::1', 0)); s.listen();"
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        holder = ports.port_holder(int(other.stdout.readline()))
        assert holder.endswith(f"(pid {other.pid})")
        other.communicate()


def test_nobody_who_can_be_named() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert ports.port_holder(bound.getsockname()[1]) == "another process"


def test_the_error_offers_a_free_one(taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    error = ports.in_use("127.0.0.1", port)
    assert re.fullmatch(rf"port {port} is in use by .+ \(pid {os.getpid()}\)", error.message)
    assert error.hint is not None
    free = int(error.hint.removeprefix("lambdactl local start-api --port "))
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", free))


def test_where_none_is_free() -> None:
    assert ports.next_free("127.0.0.1", 65535) is None
