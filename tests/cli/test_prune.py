"""``lambdactl local prune`` removes what the killed have left, and says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdactl.execution.containers import labels
from lambdactl.execution.containers.engine import Engine, connect
from lambdactl.execution.work import WorkFolder
from tests.execution.containers.engines import answers, on_socket
from tests.execution.containers.owners import another, killed

IMAGE = "public.ecr.aws/lambda/python:3.11"


@pytest.fixture(autouse=True)
def own_tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="e") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder).resolve()


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
    left, living = killed(own_tmp), WorkFolder()
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
    left = killed(own_tmp)
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
    left = killed(own_tmp)
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


def container(engine: Engine, owner: Path) -> str:
    made = engine.client.create_container(
        IMAGE, entrypoint=["sleep", "600"], labels=labels.labels(owner, "orders")
    )
    engine.client.start(made)
    return str(made["Id"])


@pytest.mark.container
def test_containers_of_the_killed_are_removed_and_those_of_the_living_stay(own_tmp: Path) -> None:
    engine = connect(os.environ)
    living = WorkFolder()
    with another(own_tmp) as (process, owner):
        try:
            kept = container(engine, living.path)
            gone = container(engine, owner)
            process.kill()
            process.wait()
            done = prune(own_tmp, "--output", "json", host=None)
            assert done.returncode == 0, done.stderr
            # Any other lambdactl that starts on this machine just now sweeps it as well.
            there = {one["Id"] for one in engine.client.containers(all=True)}
            assert gone not in there
            assert kept in there
            assert kept not in {item["id"] for item in document(done)["removed"]}
        finally:
            labels.remove_owned(engine, living.path)
            labels.remove_owned(engine, owner)
            living.close()
