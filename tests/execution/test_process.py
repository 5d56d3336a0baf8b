"""What a process environment allows a misbehaving function, and what is left of it afterwards."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdactl import Local
from lambdactl.errors import EnvironmentStartError
from lambdactl.execution import isolation, memory
from lambdactl.local import BlockingLocal, new_event_loop
from lambdactl.manifest.model import App, Code, Function, Logging
from tests.execution.conformance.conftest import FUNCTIONS, runtime_of
from tests.parts import need

LINUX = sys.platform.startswith("linux")
linux_only = pytest.mark.skipif(not LINUX, reason="needs /proc")


def app_of(**settings: Any) -> App:
    settings = {"timeout_s": 30, "memory_mb": 256, **settings}
    function = Function(
        name="conform",
        code=Code("folder", FUNCTIONS / "python"),
        runtime=runtime_of("python"),
        handler="app.handler",
        **settings,
    )
    return App("test", FUNCTIONS, {"conform": function})


@pytest.fixture
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory of the test's own, so that whatever is left in it is ours."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def descendants() -> set[int]:
    import psutil

    return {child.pid for child in psutil.Process().children(recursive=True)}


def processes_with(mark: str) -> list[int]:
    """Processes whose arguments or variables hold ``mark``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in text:
                found.append(int(entry.name))
    return found


@pytest.fixture
def fn(own_tmp: Path) -> Iterator[BlockingLocal]:
    with Local(app_of(ephemeral_storage_mb=16), credentials=False) as running:
        yield running


MISDEEDS: dict[str, dict[str, Any]] = {
    "raises": {"do": "raise"},
    "exits": {"do": "exit", "status": 3},
    "is killed": {"do": "kill", "signal": "SIGSEGV"},
    "returns no JSON": {"do": "unserialisable"},
    "prints megabytes": {"do": "flood", "kb": 4096},
    "closes stdout": {"do": "close-stdout"},
    "forks": {"do": "fork"},
    "forks and leaves": {"do": "fork", "leave": True},
    "takes too much memory": {"do": "allocate", "mb": 700},
    "answers too much": {"do": "large", "bytes": 7_000_000},
    "fills /tmp": {"do": "write", "name": "file", "mb": 64},
}


@linux_only
@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_after_a_misdeed_the_next_call_works_and_nothing_is_left(
    misdeed: str, own_tmp: Path
) -> None:
    # The event loop's library opens a pipe with the first loop and keeps it.
    new_event_loop().close()
    children, files = descendants(), open_files()
    mark = f"MISDEED={os.urandom(8).hex()}"
    name, _, value = mark.partition("=")
    with Local(app_of(environment={name: value}, ephemeral_storage_mb=16), credentials=False) as fn:
        fn.invoke("conform", MISDEEDS[misdeed])
        assert fn.invoke("conform", {"do": "echo"}).function_error is None
    assert descendants() == children
    assert processes_with(mark) == []
    assert list(own_tmp.iterdir()) == []
    assert open_files() <= files


@linux_only
def test_a_hang_in_a_native_call_ends_with_the_timeout(own_tmp: Path) -> None:
    with Local(app_of(timeout_s=1), credentials=False) as fn:
        result = fn.invoke("conform", {"do": "sleep", "seconds": 60})
        assert result.json()["errorType"] == "Sandbox.Timedout"
        assert fn.invoke("conform", {"do": "count"}).json() == 1


@linux_only
def test_processes_die_with_lambdactl_even_if_it_is_killed(own_tmp: Path) -> None:
    need("setpriv")
    mark = f"ORPHAN={os.urandom(8).hex()}"
    name, _, value = mark.partition("=")
    script = textwrap.dedent(
        f"""
        from tests.execution.test_process import app_of
        from lambdactl import Local
        with Local(app_of(environment={{{name!r}: {value!r}}}), credentials=False) as fn:
            fn.invoke("conform", {{"do": "echo"}})
            print("ready", flush=True)
            fn.invoke("conform", {{"do": "sleep", "seconds": 60}})
        """
    )
    victim = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert victim.stdout is not None
    assert victim.stdout.readline() == b"ready\n"
    assert processes_with(mark)
    victim.kill()
    victim.wait()
    deadline = time.monotonic() + 5
    while processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_with(mark) == []
    assert list(own_tmp.iterdir()) != []
    with Local(app_of(), credentials=False) as fn:
        fn.invoke("conform", {"do": "echo"})
    assert list(own_tmp.iterdir()) == [], "the next one removes what was left"


def test_the_temporary_folder_is_private_and_outlives_a_reset(fn: BlockingLocal) -> None:
    fn.invoke("conform", {"do": "write", "name": "file1", "mb": 1})
    fn.invoke("conform", {"do": "exit", "status": 1})
    assert fn.invoke("conform", {"do": "files"}).json() == ["file1"]
    assert not Path("/tmp/file1").exists()
    assert not (Path(tempfile.gettempdir()) / "file1").exists()


@linux_only
def test_tmp_is_slash_tmp_itself_where_the_kernel_allows_it(fn: BlockingLocal) -> None:
    seen = fn.invoke("conform", {"do": "where"}).json()["tmp"]
    if isolation.available().mounts:
        assert seen == "/tmp"
    else:
        assert Path(seen).name.startswith("lambdactl-")


@linux_only
def test_the_temporary_folder_has_the_functions_size(fn: BlockingLocal) -> None:
    assert fn.invoke("conform", {"do": "write", "name": "fits", "mb": 8}).json() == 8 * 1024 * 1024
    result = fn.invoke("conform", {"do": "write", "name": "fits", "mb": 32})
    assert result.json()["errorType"] == "OSError"


@pytest.mark.slow
@linux_only
def test_many_small_files_fill_the_temporary_folder_too(fn: BlockingLocal) -> None:
    outcomes = []
    for number in range(8):
        result = fn.invoke("conform", {"do": "write", "name": f"file{number}", "mb": 4})
        outcomes.append(result.function_error)
        fn.invoke("conform", {"do": "sleep", "seconds": 0.25})
    assert outcomes[:3] == [None, None, None]
    assert outcomes[-1] == "Unhandled"


@linux_only
def test_the_number_of_open_files_is_lambdas(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import resource\n"
        "def handler(event, context):\n"
        "    return resource.getrlimit(resource.RLIMIT_NOFILE)\n"
    )
    function = Function(
        name="limits",
        code=Code("folder", tmp_path),
        runtime=runtime_of("python"),
        handler="app.handler",
        timeout_s=10,
    )
    with Local(App("test", tmp_path, {"limits": function}), credentials=False) as fn:
        assert fn.invoke("limits").json() == [1024, 1024]


def test_the_sdk_is_there_as_on_lambda(fn: BlockingLocal) -> None:
    assert fn.invoke("conform", {"do": "sdk"}).json() == "boto3"


def test_client_context_identity_and_trace_reach_the_function(fn: BlockingLocal) -> None:
    seen = fn.invoke(
        "conform",
        {"do": "client-context"},
        client_context={"custom": {"a": "b"}},
        cognito_identity={"cognitoIdentityId": "id-1", "cognitoIdentityPoolId": "pool-1"},
    ).json()
    assert seen["custom"] == {"a": "b"}
    assert seen["identity"] == "id-1"
    assert seen["trace"].startswith("Root=1-")


@pytest.mark.parametrize(
    ("level", "shown", "hidden"),
    [
        ("debug", ["at debug", "at info", "printed debug", "printed plainly"], []),
        ("info", ["at info", "printed plainly"], ["at debug", "printed debug"]),
        ("error", ["at error"], ["at warning", "printed plainly", "printed debug"]),
    ],
)
def test_json_logs_are_filtered_by_level(
    level: str, shown: list[str], hidden: list[str], own_tmp: Path
) -> None:
    lines: list[str] = []
    app = app_of(logging=Logging(format="json", application_level=level, system_level="info"))
    with Local(app, credentials=False, logs=lambda line: lines.append(line.text.decode())) as fn:
        fn.invoke("conform", {"do": "log"})
    text = "\n".join(lines)
    assert [word for word in shown if word not in text] == []
    assert [word for word in hidden if word in text] == []
    assert '"type":"platform.start"' in text
    assert '"type":"platform.report"' in text


def test_a_stack_trace_is_one_log_line(fn: BlockingLocal, own_tmp: Path) -> None:
    lines: list[bytes] = []
    with Local(app_of(), credentials=False, logs=lambda line: lines.append(line.text)) as other:
        other.invoke("conform", {"do": "raise"})
    (trace,) = [line for line in lines if b"Traceback" in line]
    assert trace.startswith(b"[ERROR] Custom: it broke\nTraceback")


def test_interrupting_lambdactl_leaves_nothing(own_tmp: Path) -> None:
    script = textwrap.dedent(
        """
        import signal
        from tests.execution.test_process import app_of
        from lambdactl import Local
        # A shell's background jobs are started with the signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with Local(app_of(), credentials=False) as fn:
            fn.invoke("conform", {"do": "echo"})
            print("ready", flush=True)
            fn.invoke("conform", {"do": "sleep", "seconds": 60})
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    process.wait(timeout=5)
    assert list(own_tmp.iterdir()) == []


@linux_only
def test_a_runtime_that_cannot_start_leaves_no_control_group(tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(FUNCTIONS / "python", code)
    app = app_of()
    function = dataclasses.replace(app.functions["conform"], code=Code("folder", code))
    with Local(App("test", tmp_path, {"conform": function}), credentials=False) as fn:
        fn.invoke("conform", {"do": "exit", "status": 1})
        shutil.rmtree(code)
        before = own_groups()
        with pytest.raises(EnvironmentStartError, match="cannot start"):
            fn.invoke("conform", {"do": "echo"})
        assert own_groups() == before


def own_groups() -> set[Path]:
    return set(memory.CGROUP_ROOT.glob(f"**/lambdactl-{os.getpid()}-*"))
