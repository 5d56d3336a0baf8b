"""What a killed lambdactl leaves is removed by the next one; what a living one has is not."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lambdactl.execution import memory
from lambdactl.execution.work import WorkFolder, sweep


@pytest.fixture(autouse=True)
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_there_until_it_is_closed(own_tmp: Path) -> None:
    work = WorkFolder()
    (work.path / "code" / "deeper").mkdir(parents=True)
    (work.path / "code" / "deeper" / "app.py").write_text("x = 1")
    (work.path / "code" / "deeper").chmod(0)
    (work.path / "code").chmod(0)
    sweep()
    assert work.path.is_dir()
    work.close()
    assert list(own_tmp.iterdir()) == []


def test_the_folder_of_a_killed_process_is_swept(own_tmp: Path) -> None:
    script = (
        "import os, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from lambdactl.execution.work import WorkFolder\n"
        "work = WorkFolder(); (work.path / 'left').write_text('x')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(own_tmp)], check=False)
    assert len(list(own_tmp.iterdir())) == 1
    living = WorkFolder()
    sweep()
    assert list(own_tmp.iterdir()) == [living.path]
    living.close()


def test_what_is_not_ours_stays(own_tmp: Path) -> None:
    (own_tmp / "lambdactl-notes").mkdir()
    (own_tmp / "lambdactl-file").write_text("x")
    (own_tmp / "other").mkdir()
    (own_tmp / "lambdactl-link").symlink_to(own_tmp / "other")
    sweep()
    assert len(list(own_tmp.iterdir())) == 4


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's own")
def test_groups_of_processes_that_are_gone_are_removed(own_tmp: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    groups = own_tmp / "memory" / "here"
    for owner in (gone.pid, 1):
        (groups / f"lambdactl-{owner}-0").mkdir(parents=True)
    own = own_tmp / "cgroup"
    own.write_text("4:memory:/here\n")
    memory.sweep_cgroups(root=own_tmp, own=own)
    assert [path.name for path in groups.iterdir()] == ["lambdactl-1-0"]
