"""The command line that fences a runtime in, and what the runtime sees then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdactl.execution import isolation
from lambdactl.execution.isolation import OPT, TMP, Fence, command, opt_is_private, tmp_is_private

MOUNTS = Fence(("unshare", "--mount"), mounts=True)
LEASH = Fence(("setpriv", "--pdeathsig", "KILL"))
PLAIN = Fence()
CODE, INTERPRETER = Path("/home/me/code"), Path("/usr")


def parts(fence: Fence, **settings: Any) -> tuple[list[str], str, list[str], list[str]]:
    """Prefix, members, mounts and command of the command line."""
    given: dict[str, Any] = {
        "private_tmp": Path("/tmp/lambdactl-1"),
        "layers": None,
        "keep": (CODE, INTERPRETER),
        "members": None,
        **settings,
    }
    line = command(fence, ("/usr/bin/python3", "bootstrap.py", "--", "x"), **given)
    shell = line.index("sh")
    assert line[shell + 1] == "-c"
    assert line[shell + 3] == "lambdactl"
    end = line.index("--", shell)
    return line[:shell], line[shell + 4], line[shell + 5 : end], line[end + 1 :]


@pytest.mark.parametrize("fence", [MOUNTS, LEASH, PLAIN])
def test_the_fence_comes_first_and_the_command_last(fence: Fence) -> None:
    prefix, members, _, argv = parts(fence)
    assert prefix == list(fence.prefix)
    assert members == "-"
    assert argv == ["/usr/bin/python3", "bootstrap.py", "--", "x"]


def test_the_cgroup_is_joined_before_anything_else() -> None:
    _, members, _, _ = parts(PLAIN, members=Path("/sys/fs/cgroup/x/cgroup.procs"))
    assert members == "/sys/fs/cgroup/x/cgroup.procs"


@pytest.mark.parametrize("fence", [LEASH, PLAIN])
def test_without_a_namespace_nothing_is_mounted(fence: Fence) -> None:
    _, _, mounts, _ = parts(fence, layers=Path("/home/me/layer"), keep=(TMP / "code",))
    assert mounts == []
    assert not tmp_is_private(fence, ())
    assert not opt_is_private(fence, Path("/home/me/layer"), ())


def test_the_private_folder_becomes_tmp() -> None:
    assert parts(MOUNTS)[2] == ["/tmp/lambdactl-1", "/tmp"]


def test_layers_become_opt() -> None:
    mounts = parts(MOUNTS, layers=Path("/home/me/layer"))[2]
    assert mounts == ["/home/me/layer", "/opt", "/tmp/lambdactl-1", "/tmp"]


def test_what_is_needed_under_tmp_stays_visible_outer_folders_first() -> None:
    keep = (TMP / "project" / "code", CODE, TMP / "project", TMP / "project")
    mounts = parts(MOUNTS, keep=keep)[2]
    assert mounts == [
        "/tmp/project", "/tmp/lambdactl-1/project",
        "/tmp/project/code", "/tmp/lambdactl-1/project/code",
        "/tmp/lambdactl-1", "/tmp",
    ]  # fmt: skip


def test_layers_that_lie_under_tmp_are_mounted_before_tmp_hides_them() -> None:
    layers = TMP / "lambdactl-work" / "opt"
    mounts = parts(MOUNTS, layers=layers, keep=(layers,))[2]
    assert mounts[:2] == [str(layers), "/opt"]
    assert mounts[-2:] == ["/tmp/lambdactl-1", "/tmp"]


def test_a_project_that_is_tmp_itself_keeps_tmp() -> None:
    assert parts(MOUNTS, keep=(TMP,))[2] == []
    assert not tmp_is_private(MOUNTS, (TMP,))


@pytest.mark.parametrize("needed", [OPT, OPT / "python3.13"])
def test_an_interpreter_in_opt_keeps_opt(needed: Path) -> None:
    layers = Path("/home/me/layer")
    assert opt_is_private(MOUNTS, layers, (CODE,))
    assert not opt_is_private(MOUNTS, layers, (CODE, needed))
    assert parts(MOUNTS, layers=layers, keep=(needed,))[2] == ["/tmp/lambdactl-1", "/tmp"]


def test_no_layers_no_opt() -> None:
    assert not opt_is_private(MOUNTS, None, (CODE,))


# For real, with whatever fence this machine allows.


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder under /tmp itself, wherever pytest keeps its own."""
    with tempfile.TemporaryDirectory(prefix="lambdactl-test-", dir=TMP) as name:
        yield Path(name).resolve()


def shell(script: str, private_tmp: Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    given: dict[str, Any] = {"layers": None, "keep": (), "members": None, **settings}
    line = command(isolation.available(), ("sh", "-c", script), private_tmp=private_tmp, **given)
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=10)


def test_tmp_is_private_where_it_is_said_to_be(folder: Path) -> None:
    code, private_tmp = folder / "code", folder / "tmp"
    code.mkdir()
    private_tmp.mkdir()
    (code / "app.py").write_text("the code")
    new = TMP / f"{folder.name}-new"
    done = shell(f"cat {code}/app.py; echo mine > {new}; ls /tmp", private_tmp, keep=(code,))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("the code")
    if tmp_is_private(isolation.available(), (code,)):
        assert (private_tmp / new.name).read_text() == "mine\n"
        assert not new.exists()
        assert done.stdout == f"the code{folder.name}\n{new.name}\n"
    else:
        assert new.read_text() == "mine\n"
        new.unlink()


def test_layers_are_in_opt_where_they_are_said_to_be(folder: Path) -> None:
    (folder / "from-a-layer").write_text("yes")
    done = shell("cat /opt/from-a-layer", folder, layers=folder)
    in_opt = opt_is_private(isolation.available(), folder, ())
    assert done.stdout == ("yes" if in_opt else "")
    assert not (OPT / "from-a-layer").exists()


def test_what_cannot_be_mounted_keeps_the_runtime_from_starting(folder: Path) -> None:
    nowhere = folder / "nowhere"
    done = shell("echo started", folder, layers=nowhere)
    in_opt = opt_is_private(isolation.available(), nowhere, ())
    assert (done.returncode, done.stdout) == ((125, "") if in_opt else (0, "started\n"))


def test_the_process_itself_is_what_was_started(folder: Path) -> None:
    """Signals and limits for the process we know reach the runtime, not a shell around it."""
    line = command(
        isolation.available(),
        ("sh", "-c", "echo $$; read line"),
        private_tmp=folder,
        layers=None,
        keep=(),
        members=None,
    )
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.communicate(b"\n")


def test_outgrowing_the_file_limit_is_an_error_not_a_death(folder: Path) -> None:
    big = folder / "big"
    done = shell(
        f"ulimit -f 1; head -c 100000 /dev/zero > {big} || echo refused", folder, keep=(folder,)
    )
    assert done.stdout == "refused\n"


def test_a_runtime_does_not_outlive_us_where_it_is_on_a_leash(folder: Path) -> None:
    program = (
        "import os, subprocess, sys\n"
        "process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)\n"
        "process.stdout.readline()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    fence = isolation.available()
    line = command(
        fence,
        ("sh", "-c", "echo up; exec sleep 3"),
        private_tmp=folder,
        layers=None,
        keep=(),
        members=None,
    )
    begun = time.monotonic()
    # The error pipe ends when its last holder has ended, and the runtime is one of them.
    done = subprocess.run(
        [sys.executable, "-c", program, *line], capture_output=True, timeout=10, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert (time.monotonic() - begun < 2) is ("--pdeathsig" in fence.prefix)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's own")
def test_who_is_not_root_gets_mounts_wherever_the_kernel_lets_users_mount(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    namespace = ["unshare", "--user", "--map-current-user", "--keep-caps", "--mount"]
    allowed = subprocess.run(
        [*namespace, "sh", "-c", "mount -t tmpfs none /tmp"], capture_output=True, check=False
    )
    assert isolation.available.__wrapped__().mounts == (allowed.returncode == 0)
