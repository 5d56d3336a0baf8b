"""``lambdactl local prune`` removes what the killed have left, and says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdactl.execution.containers import labels
from lambdactl.execution.containers.engine import Engine, connect
from lambdactl.execution.work import WorkFolder
from tests.execution.containers.engines import answers, on_socket

IMAGE = "public.ecr.aws/lambda/python:3.11"


@pytest.fixture(autouse=True)
def own_tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="e") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder).resolve()


def leave(own_tmp: Path) -> Path:
    """The work folder of a lambdactl that was killed."""
    script = (
        "import os\nfrom lambdactl.execution.work import WorkFolder\n"
        "print(WorkFolder().path, flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(own_tmp)},
        capture_output=True,
        text=True,
        check=False,
    )
    return Path(done.stdout.strip())


def prune(own_tmp: Path, *options: str, host: str | None) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "TMPDIR": str(own_tmp)}
    if host is not None:
        variables["DOCKER_HOST"] = host
    return subprocess.run(
        [sys.executable, "-m", "lambdactl", "local", "prune", *options],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_folders_of_the_killed_are_removed_without_an_engine(own_tmp: Path) -> None:
    left, living = leave(own_tmp), WorkFolder()
    done = prune(own_tmp, host=f"unix://{own_tmp}/none.sock")
    assert done.returncode == 0
    assert "folder" in done.stdout
    assert str(left) in done.stdout
    assert "only folders are looked at" in done.stderr
    assert "none.sock" in done.stderr
    assert not left.exists()
    assert living.path.exists()
    living.close()


def test_a_dry_run_removes_nothing(own_tmp: Path) -> None:
    left = leave(own_tmp)
    with on_socket(own_tmp / "e.sock", answers(**engine_answers(left))) as host:
        done = prune(own_tmp, "--dry-run", host=host)
        shown = document(prune(own_tmp, "--dry-run", "--output", "json", host=host))
    assert left.exists()
    assert "Would be removed" in done.stdout
    assert done.stderr == ""
    assert (shown["dry_run"], shown["engine"], shown["kept"]) == (True, host, [])
    owner = str(left)
    assert {"kind": "folder", "name": owner, "id": "", "function": "", "owner": ""} in shown[
        "removed"
    ]
    assert {
        "kind": "container",
        "name": "quiet_bell",
        "id": "abc",
        "function": "orders",
        "owner": owner,
    } in shown["removed"]


def engine_answers(owner: Path) -> dict[str, Any]:
    owned = labels.labels(owner, "orders")
    return {
        "containers__json": [{"Id": "abc", "Names": ["/quiet_bell"], "Labels": owned}],
        "networks": [],
        "volumes": {"Volumes": None},
    }


def test_what_stays_is_told_and_the_exit_code_says_so(own_tmp: Path) -> None:
    left = leave(own_tmp)
    # The stand-in knows no DELETE.
    with on_socket(own_tmp / "e.sock", answers(**engine_answers(left))) as host:
        shown = prune(own_tmp, "--output", "json", host=host)
        done = prune(own_tmp, "--all", host=host)
    assert shown.returncode == done.returncode == 3
    (kept,) = document(shown)["kept"]
    assert (kept["kind"], kept["name"]) == ("container", "quiet_bell")
    assert kept["reason"]
    assert "Not removed" in done.stdout


def test_nothing_to_remove(own_tmp: Path) -> None:
    living = WorkFolder()
    with on_socket(own_tmp / "e.sock", answers(**engine_answers(living.path))) as host:
        done = prune(own_tmp, host=host)
        shown = document(prune(own_tmp, "--output", "json", host=host))
        everyone = document(prune(own_tmp, "--all", "--dry-run", "--output", "json", host=host))
    assert (done.returncode, done.stdout) == (0, "Nothing to remove.\n")
    assert shown == {"dry_run": False, "engine": host, "removed": [], "kept": []}
    assert [item["kind"] for item in everyone["removed"]] == ["container"]
    living.close()


def container(engine: Engine, owner: Path) -> tuple[str, str]:
    name = f"lambdactl-{uuid.uuid4().hex}"
    made = engine.client.create_container(
        IMAGE, entrypoint=["sleep", "600"], name=name, labels=labels.labels(owner, "orders")
    )
    engine.client.start(made)
    return str(made["Id"]), name


@pytest.mark.container
def test_containers_of_the_killed_are_removed_and_those_of_the_living_stay(own_tmp: Path) -> None:
    engine = connect(os.environ)
    left, living = leave(own_tmp), WorkFolder()
    try:
        kept, _ = container(engine, living.path)
        gone, _ = container(engine, left)
        done = prune(own_tmp, "--output", "json", host=None)
        assert done.returncode == 0, done.stderr
        # Another lambdactl on this machine may have been faster; it is gone at any rate.
        there = {one["Id"] for one in engine.client.containers(all=True)}
        assert gone not in there
        assert kept in there
        removed = {item["id"] for item in document(done)["removed"]}
        assert kept not in removed
    finally:
        labels.remove_owned(engine, living.path)
        labels.remove_owned(engine, left)
        living.close()
