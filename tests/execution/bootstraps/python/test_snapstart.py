"""SnapStart: the hooks around the snapshot, under our client and AWS's."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import snapshot_restore_py

from tests.execution.bootstraps.python.clients import (
    BOOTSTRAP,
    Client,
    lambdactl,
    lines,
    recorded,
    reference,
)
from tests.execution.bootstraps.scripted_api import ACCEPTED, run

RESTORED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\nrefused"
SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}

FUNCTIONS = {
    "hooks": """
from snapshot_restore_py import register_after_restore, register_before_snapshot

def say(*words, **named):
    print(*words, named)

register_before_snapshot(say, "before", 1)
register_before_snapshot(say, "before", 2, a=1)
register_after_restore(say, "after", 1)
register_after_restore(say, "after", 2, a=1)

def handler(event, context):
    return "served"
""",
    "no hooks": "def handler(event, context):\n    return 'served'\n",
    "a hook before fails": """
from snapshot_restore_py import register_before_snapshot

@register_before_snapshot
def hook():
    raise ValueError("not now")

def handler(event, context):
    pass
""",
    "a hook before exits": """
import sys
from snapshot_restore_py import register_before_snapshot

register_before_snapshot(sys.exit, 5)

def handler(event, context):
    pass
""",
    "a hook after fails": """
from snapshot_restore_py import register_after_restore

@register_after_restore
def hook():
    raise KeyError("later")

def handler(event, context):
    pass
""",
}


def clients(scratch: Path) -> list[Client]:
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    return [lambdactl(sys.executable, minor), reference(sys.executable, minor, scratch)]


def take_snapshot(client: Client, root: Path, answer: bytes) -> dict[str, Any]:
    """Run a function through its snapshot; ``answer`` is what /restore/next gives."""
    requests, exit_code = [], None
    variables = {**SNAP_START, **client.variables}
    with run(client.command("app.handler"), root, "app.handler", variables) as session:
        while exit_code is None:
            request = session.api.requests.get(timeout=20)
            requests.append(request.path)
            if request.path.endswith("/restore/next"):
                request.answer(answer)
            elif request.path.endswith("/error"):
                requests.append(recorded(request, client))
                request.answer(ACCEPTED)
                exit_code = session.exit_code()
            else:
                assert request.path.endswith("/invocation/next")
                session.process.kill()
                exit_code = session.exit_code()
        session.output.join()
        return {"requests": requests, "exit": exit_code, "log": lines(session.frames())}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_snapshot(tmp_path: Path, case: str) -> None:
    (tmp_path / "app.py").write_text(FUNCTIONS[case])
    ours, theirs = (take_snapshot(client, tmp_path, RESTORED) for client in clients(tmp_path))
    assert ours == theirs
    if case == "hooks":
        assert [text for _, text in ours["log"]] == [
            "before 2 {'a': 1}", "before 1 {}", "after 1 {}", "after 2 {'a': 1}",
        ]  # fmt: skip


def test_a_snapshot_that_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(FUNCTIONS["no hooks"])
    ours, theirs = (take_snapshot(client, tmp_path, REFUSED) for client in clients(tmp_path))
    assert ours["exit"] == theirs["exit"] == 64
    error = ours["requests"][-1]
    assert error.body["errorMessage"] == theirs["requests"][-1].body["errorMessage"]
    assert error.headers == {"lambda-runtime-function-error-type": "Runtime.BeforeSnapshotError"}


def test_without_the_package_of_hooks(tmp_path: Path) -> None:
    """On Lambda the runtime brings it along; a project that has no hooks may be without."""
    (tmp_path / "app.py").write_text(FUNCTIONS["no hooks"])
    client = Client("lambdactl", sys.executable, "", {})
    command = [sys.executable, "-I", "-S", str(BOOTSTRAP)]
    with run(command, tmp_path, "app.handler", SNAP_START) as session:
        session.api.take("GET", "/restore/next").answer(RESTORED)
        assert session.invoke({}).json() == "served"
    # ... and one that brings the package has its hooks run.
    shutil.copy(snapshot_restore_py.__file__, tmp_path)
    (tmp_path / "app.py").write_text(FUNCTIONS["hooks"])
    with run(client.command("app.handler"), tmp_path, "app.handler", SNAP_START) as session:
        session.api.take("GET", "/restore/next").answer(RESTORED)
        assert session.invoke({}).json() == "served"
        assert len(session.wait_for_log(4)) == 4
