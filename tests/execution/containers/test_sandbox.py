"""What a function may do to its container, and what is left of it: on a real engine."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lambdactl.execution.invocation import Invocation
from lambdactl.execution.invoker import LocalInvoker
from lambdactl.manifest.model import App
from tests import aio
from tests.execution.containers.running import (
    SOURCE,
    containers,
    engine,
    folder,
    function,
    running,
    soon,
)

pytestmark = pytest.mark.container

MB = 1024 * 1024


# What a function can do.


def test_what_it_may_use_is_what_lambda_gives(tmp_path: Path) -> None:
    with running(tmp_path / "code", memory_mb=256, ephemeral_storage_mb=600) as ran:
        (container,) = (ran.call("pass"), ran.containers())[1]
        with engine() as client:
            found = client.inspect_container(container)
            printed = client.exec_start(client.exec_create(container, ["env"])["Id"]).decode()
        host = found["HostConfig"]
        assert host["Memory"] == host["MemorySwap"] == 256 * MB
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert host["PidsLimit"] == 1024
        assert host["AutoRemove"] is True
        assert not host["Privileged"]
        assert not host["Init"]
        assert host["Tmpfs"]["/tmp"].endswith("size=600m")
        assert host["Ulimits"] == [{"Name": "nofile", "Soft": 1024, "Hard": 1024}]
        assert host["LogConfig"]["Type"] == "none"
        assert found["Config"]["Labels"]["lambdactl.function"] == ran.function.name
        code = next(one for one in found["Mounts"] if one["Destination"] == "/var/task")
        assert code["Source"] == str(tmp_path / "code")
        assert code["RW"] is False
        shown = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
        mine = set(os.environ) - {"PATH", "HOME", "HOSTNAME", "LANG", "TZ", "PWD", "_"}
        assert not {name for name in mine & set(shown) if not name.startswith("AWS_")}
        status = ran.call("result = open('/proc/self/status').read()").json()
        assert "NoNewPrivs:\t1" in status
        assert "CapEff:\t0000000000000000" in status
        assert "CapBnd:\t0000000000000000" in status


DOCUMENTED = {
    *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
    *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
    *("AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE"),
    *("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API"),
    *("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "LANG", "PATH", "LD_LIBRARY_PATH", "PYTHONPATH"),
    *("AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "TZ"),
}
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html; the keys are
another's test. ``_X_AMZN_TRACE_ID`` comes with an invocation."""
KNOWN = {
    # Not documented, and there on Lambda.
    *("_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "AWS_LAMBDA_LOG_FORMAT"),
    "_LAMBDA_TELEMETRY_LOG_FD",
    # Of the shell that AWS's entrypoint is written in, on Lambda as well.
    *("PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"),
}


def test_the_environment_is_lambdas_and_the_declared_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_SHELL", "secret")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with running(tmp_path / "code", environment={"COLOUR": "blue sky", "HTTPS_PROXY": "x"}) as ran:
        found = ran.call("import os; result = dict(os.environ)").json()
    assert found["COLOUR"] == "blue sky"
    assert found["HTTPS_PROXY"] == "x"
    assert found.keys() - KNOWN == {*DOCUMENTED, "COLOUR", "HTTPS_PROXY"}
    assert found["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert found["LAMBDA_TASK_ROOT"] == "/var/task"
    assert found["_HANDLER"] == "app.handler"


def test_nothing_but_tmp_can_be_written(tmp_path: Path) -> None:
    write = (
        "import errno\nresult = {}\n"
        "for path in event['paths']:\n"
        "    try: open(path, 'w').close()\n"
        "    except OSError as error: result[path] = errno.errorcode[error.errno]\n"
        "    else: result[path] = 'written'\n"
    )
    paths = ["/var/task/x", "/x", "/etc/hosts", "/usr/bin/x", "/var/tmp/x", "/tmp/x", "/run/x"]
    with running(tmp_path / "code") as ran:
        found = ran.call(write, paths=paths).json()
    assert found.pop("/tmp/x") == "written"
    assert set(found.values()) <= {"EROFS", "EACCES", "ENOENT"}
    assert not (tmp_path / "code" / "x").exists()


@pytest.mark.slow
def test_files_in_tmp_are_not_counted_as_memory(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html"""
    write = (
        "with open('/tmp/' + event['name'], 'wb') as file:\n"
        "    for _ in range(event['mb']): file.write(bytes(1 << 20))\n"
        "result = file.tell() if not file.closed else event['mb']"
    )
    with running(tmp_path / "code", memory_mb=128, ephemeral_storage_mb=512) as ran:
        assert ran.call(write, name="first", mb=300).json() == 300
        assert ran.call(write, name="second", mb=100).json() == 100
        beyond = ran.call(write, name="third", mb=200)
        assert beyond.json()["errorType"] == "OSError", beyond
        assert "No space left on device" in beyond.json()["errorMessage"]
        # Memory proper is what is was.
        killed = ran.call("held = bytes(1) * (200 << 20); import time; time.sleep(20)")
        assert killed.json()["errorMessage"].endswith("signal: killed")
        assert killed.report.max_memory_used_mb == 128
        size = ran.call("import os; result = os.stat('/tmp/first').st_size").json()
        assert size == 300 * MB, "it outlives the runtime"


@pytest.mark.slow
def test_much_is_written_to_tmp_at_once(tmp_path: Path) -> None:
    """Faster than anybody who looks at it now and then."""
    write = (
        "import os\n"
        "with open('/tmp/big', 'wb') as file: os.posix_fallocate(file.fileno(), 0, 400 << 20)\n"
        "result = os.stat('/tmp/big').st_size\nos.unlink('/tmp/big')"
    )
    with running(tmp_path / "code", memory_mb=128, ephemeral_storage_mb=512) as ran:
        for _ in range(3):
            assert ran.call(write).json() == 400 * MB


@pytest.mark.slow
def test_a_timeout_ends_whatever_ignores_and_hides(tmp_path: Path) -> None:
    hide = (
        "import os, signal, subprocess, time\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "open('/tmp/kept', 'w').close()\n"
        "for _ in range(5):\n"
        "    subprocess.Popen(['setsid', 'sh', '-c', 'sleep 1000 & sleep 1000'])\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0: time.sleep(1000)\n"
        "    os._exit(0)\n"
        "time.sleep(1000)"
    )
    look = (
        "import os\n"
        "pids = [name for name in os.listdir('/proc') if name.isdigit()]\n"
        "result = [len(pids), os.path.exists('/tmp/kept')]"
    )
    with running(tmp_path / "code", timeout_s=2) as ran:
        alone, _ = ran.call(look).json()
        before = ran.containers()
        assert ran.call(hide).json()["errorType"] == "Sandbox.Timedout"
        assert ran.call(look).json() == [alone, True]
        assert ran.containers() == before, "it needed no new container"


def test_a_function_that_closes_its_output_goes_on(tmp_path: Path) -> None:
    with running(tmp_path / "code") as ran:
        ran.call("print('before')")
        assert ran.call("import os; os.close(1); os.close(2); result = 1").json() == 1
        assert ran.call("result = 2").json() == 2
        assert ran.printed == [b"before"]
        ran.call("import os; os._exit(1)")
        ran.lines.clear()
        ran.call("print('after')")
        assert ran.printed == [b"after"]


def test_a_hundred_thousand_lines_are_whole_and_in_order(tmp_path: Path) -> None:
    write = "import os\nfor n in range(0, 100_000, 1000):\n    " + (
        "os.write(1, b''.join(b'%d\\n' % m for m in range(n, n + 1000)))"
    )
    with running(tmp_path / "code", memory_mb=1769) as ran:
        assert ran.call(write).function_error is None
        assert ran.printed == [b"%d" % number for number in range(100_000)]


def test_binary_output_is_logged_as_it_is(tmp_path: Path) -> None:
    every = bytes(range(256)).replace(b"\n", b"").replace(b"\r", b"")
    with running(tmp_path / "code") as ran:
        ran.call("import os; os.write(1, bytes.fromhex(event['hex']) + b'\\n')", hex=every.hex())
        assert ran.printed == [every]


def test_a_daemon_that_writes_for_ever_holds_up_nobody(tmp_path: Path) -> None:
    with running(tmp_path / "code") as ran:
        ran.call("import subprocess; subprocess.Popen(['yes', 'x' * 10_000])")
        begun = time.monotonic()
        for number in range(3):
            assert ran.call("result = event['number']", number=number).json() == number
        ran.call("import os; os._exit(0)")
        assert time.monotonic() - begun < 20


def test_the_status_of_a_runtime_is_no_signal(tmp_path: Path) -> None:
    with running(tmp_path / "code") as ran:
        result = ran.call("import os; os._exit(255)")
        assert result.json()["errorMessage"].endswith("exited with error: exit status 255")
        result = ran.call("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
        assert result.json()["errorMessage"].endswith("signal: segmentation fault")


def test_a_function_that_kills_all_there_is_is_an_error_and_the_next_call_works(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "code") as ran:
        result = ran.call("import os; os.kill(-1, 9); import time; time.sleep(60)")
        assert result.json()["errorType"] == "Runtime.ExitError"
        assert ran.call("result = 1").json() == 1


def test_memory_that_is_more_than_the_declared_is_a_kill_in_init_too(tmp_path: Path) -> None:
    source = "held = bytes(1) * (300 << 20)\n" + SOURCE
    with running(folder(tmp_path / "code", source), memory_mb=128) as ran:
        result = ran.call("result = 1")
        assert result.json()["errorMessage"].endswith("signal: killed")


def test_code_of_another_user_that_nobody_else_may_read(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    code = folder(tmp_path / "code")
    for path in (code / "app.py", code):
        os.chown(path, 12345, 23456)
        path.chmod(0o700)
    with running(code) as ran:
        assert ran.call("import os; result = [os.getuid(), os.getgid()]").json() == [12345, 23456]
        assert ran.call("open('/tmp/x', 'w'); result = 1").json() == 1


# How a container ends.


@pytest.mark.slow
def test_fifty_at_once_leave_no_container(tmp_path: Path) -> None:
    with running(tmp_path / "code", timeout_s=60) as ran:
        barrier = "import time; time.sleep(1); result = event['number']"
        with ThreadPoolExecutor(50) as threads:
            calls = [threads.submit(ran.call, barrier, number=number) for number in range(50)]
            assert [call.result().json() for call in calls] == list(range(50))
        assert 10 < len(ran.containers()) <= 50
    # `running` looks that all are gone.


@pytest.mark.parametrize("how", ["remove", "kill", "stop"])
def test_a_container_that_somebody_ends_is_like_a_crash(how: str, tmp_path: Path) -> None:
    with running(tmp_path / "code") as ran:
        ran.call("pass")
        (container,) = ran.containers()
        begun = time.monotonic()
        with ThreadPoolExecutor(1) as thread, engine() as client:
            call = thread.submit(ran.call, "print('here', flush=True); import time; time.sleep(30)")
            soon(lambda: b"here" in ran.printed)
            if how == "remove":
                client.remove_container(container, force=True)
            elif how == "kill":
                client.kill(container)
            else:
                client.stop(container, timeout=30)
            result = call.result()
        assert result.json() == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {result.request_id} "
            "Error: Runtime exited with error: signal: killed",
        }
        assert time.monotonic() - begun < 15, "nobody waited for it"
        assert ran.call("result = 1").json() == 1
        soon(lambda: len(ran.containers()) == 1)
        assert ran.containers() != [container]


def test_a_container_that_ends_between_two_calls_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path / "code") as ran:
        ran.call("pass")
        (container,) = ran.containers()
        with engine() as client:
            client.remove_container(container, force=True)
        assert ran.call("result = 1").json() == 1


@pytest.mark.parametrize("after_s", [0.0, 0.03, 0.04, 0.05, 0.06, 0.07, 0.1, 0.2, 0.4])
def test_a_start_that_is_given_up_leaves_nothing(after_s: float, tmp_path: Path) -> None:
    made = function(folder(tmp_path / "code"))
    app = App("test", tmp_path, {made.name: made}, {})

    async def work() -> None:
        invoker = LocalInvoker(app, use_credentials=False)
        event = Invocation(function=made.name, payload=b'{"run": "import time; time.sleep(9)"}')
        call = asyncio.create_task(invoker.invoke(event))
        # Whenever Ctrl-C comes.
        await asyncio.sleep(after_s)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await invoker.close()
        # An error that nobody took is told of when it is thrown away.
        del invoker, call
        gc.collect()
        await aio.settle()

    aio.run(work(), 30)
    assert containers(made.name) == []


def test_the_end_of_all_in_the_middle_of_calls(tmp_path: Path) -> None:
    made = function(folder(tmp_path / "code"))
    app = App("test", tmp_path, {made.name: made}, {})

    async def work() -> list[object]:
        invoker = LocalInvoker(app, use_credentials=False, standby=True)
        event = Invocation(function=made.name, payload=b'{"run": "import time; time.sleep(20)"}')
        calls = [asyncio.create_task(invoker.invoke(event)) for _ in range(4)]
        await aio.until(lambda: containers(made.name), 20)
        await invoker.close()
        return list(await asyncio.gather(*calls, return_exceptions=True))

    found = aio.run(work(), 40)
    assert all(isinstance(one, Exception) for one in found), found
    assert containers(made.name) == []


# New code.


@pytest.mark.slow
def test_new_code_answers_after_a_reload_however_it_was_saved(tmp_path: Path) -> None:
    """A folder that takes another's place is another one to who has bound the first."""
    code = folder(tmp_path / "code", "def handler(event, context): return 0")
    made = function(code)
    app = App("test", tmp_path, {made.name: made}, {})

    async def work() -> None:
        invoker = LocalInvoker(app, use_credentials=False, standby=True)
        event = Invocation(function=made.name, payload=b"{}")
        assert (await invoker.invoke(event)).payload == b"0"
        for number in range(1, 7):
            # One stands by already, or does not: both are met.
            if number % 2:
                await aio.until(lambda: invoker._standbys.names, 20)  # type: ignore[union-attr]
            source = f"def handler(event, context): return {number}"
            if number % 3:
                fresh = folder(tmp_path / f"fresh-{number}", source)
                code.rename(tmp_path / f"old-{number}")
                fresh.rename(code)
            else:
                (code / "app.py").write_text(source)
            await invoker.reload([made.name])
            for _ in range(3):
                assert (await invoker.invoke(event)).payload == b"%d" % number
        await invoker.close()

    aio.run(work(), 60)
    assert containers(made.name) == []


@pytest.mark.slow
def test_calls_go_on_while_code_is_saved(tmp_path: Path) -> None:
    code = folder(tmp_path / "code", "def handler(event, context): return 0")
    made = function(code)
    app = App("test", tmp_path, {made.name: made}, {})
    last = 3

    async def work() -> None:
        invoker = LocalInvoker(app, use_credentials=False, standby=True)
        event = Invocation(function=made.name, payload=b"{}")
        answers: list[int] = []

        async def client() -> None:
            newest = 0
            while newest < last:
                result = await invoker.invoke(event)
                assert result.function_error is None, result.payload
                number = int(result.payload)
                assert number >= newest, "older code after newer"
                newest = number
                answers.append(number)

        clients = [asyncio.create_task(client()) for _ in range(3)]
        for number in range(1, last + 1):
            await aio.until(lambda: answers and len(answers) > 10, 20)
            answers.clear()
            (code / "app.py").write_text(f"def handler(event, context): return {number}")
            await invoker.reload([made.name])
        await asyncio.gather(*clients)
        await invoker.close()

    aio.run(work(), 60)
    assert containers(made.name) == []
