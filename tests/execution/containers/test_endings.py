"""However lambdactl ends, no container stays: lambdactl as a process, ended by signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.execution.containers.running import (
    DEADLINE_S,
    containers,
    engine,
    folder,
    function,
    soon,
)

pytestmark = [pytest.mark.container, pytest.mark.slow]

FIFTY = """
import asyncio, sys
from pathlib import Path
from lambdactl import Local
from lambdactl.manifest.model import App, Code, Function

name, code = sys.argv[1], Path(sys.argv[2])
app = App("test", code.parent, {name: Function(
    name=name, code=Code("folder", code), runtime="python3.11", handler="app.handler",
    runner="container", timeout_s=120,
)}, {})
event = {"run": "print('here', flush=True); import time; time.sleep(100)"}

async def main():
    async with Local(app, credentials=False, logs=lambda line: print(line.text, flush=True)) as fn:
        await asyncio.gather(*(fn.invoke(name, event) for _ in range(50)))

asyncio.run(main())
"""


@contextmanager
def started(*command: str, at: Path) -> Iterator[subprocess.Popen[bytes]]:
    variables = {name: v for name, v in os.environ.items() if not name.startswith("AWS_")}
    with (
        open(at / "told", "wb") as told,
        subprocess.Popen(
            [sys.executable, *command],
            cwd=at,
            env={**variables, "TMPDIR": str(_temporary(at))},
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
            # A terminal's Ctrl-C reaches all of a group.
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _temporary(at: Path) -> Path:
    """A /tmp of its own: what others sweep and leave is not looked at."""
    found = at / "tmp"
    found.mkdir(exist_ok=True)
    return found


def manifest(at: Path, **changes: str) -> str:
    """Returns the function's name."""
    made = function(folder(at / "code"))
    document = {
        "service": "test",
        "functions": {
            made.name: {
                "runtime": "python3.11",
                "handler": "app.handler",
                "code": "code",
                "timeout": 60,
                **changes,
            }
        },
    }
    (at / "lambdactl.yaml").write_text(json.dumps(document))
    return made.name


def invoke(at: Path, name: str, run: str) -> tuple[str, ...]:
    (at / "event.json").write_text(json.dumps({"run": run}))
    return ("-m", "lambdactl", "invoke", name, "--container", "-e", "event.json")


WAIT = "print('here', flush=True); import time; time.sleep(50)"


def told(at: Path) -> str:
    return (at / "told").read_text(errors="replace")


def test_fifty_that_are_killed_leave_no_container(tmp_path: Path) -> None:
    name, code = function(tmp_path).name, folder(tmp_path / "code")
    (tmp_path / "fifty.py").write_text(FIFTY)
    with started("fifty.py", name, str(code), at=tmp_path) as process:
        # Some run, some are starting, some are being made.
        soon(lambda: told(tmp_path).count("b'here'") >= 15 or process.poll() is not None)
        assert len(containers(name)) >= 15, told(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        soon(lambda: _states(name) <= {"created"}, f"{containers(name)} are still there")
    # What was made and never started has no keeper that could end.
    if containers(name):
        answer = _prune(tmp_path)
        assert containers(name) == [], answer


def _states(name: str) -> set[str]:
    with engine() as client:
        filters = {"label": [f"lambdactl.function={name}"]}
        return {one["State"] for one in client.containers(all=True, filters=filters)}


def _prune(at: Path) -> str:
    variables = {name: v for name, v in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-m", "lambdactl", "local", "prune"],
        env={**variables, "TMPDIR": str(_temporary(at))},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_the_middle_of_a_call(number: signal.Signals, tmp_path: Path) -> None:
    name = manifest(tmp_path)
    with started(*invoke(tmp_path, name, WAIT), at=tmp_path) as process:
        soon(lambda: "here" in told(tmp_path) or process.poll() is not None)
        assert containers(name), told(tmp_path)
        os.killpg(process.pid, number)
        process.wait(DEADLINE_S)
    assert process.returncode != 0
    assert "Traceback" not in told(tmp_path)
    soon(lambda: not containers(name))
    if number != signal.SIGHUP:
        assert not list(_temporary(tmp_path).glob("lambdactl-*"))


@pytest.mark.parametrize("when", ["created", "running"])
def test_ctrl_c_in_the_middle_of_a_start(when: str, tmp_path: Path) -> None:
    name = manifest(tmp_path)
    with started(*invoke(tmp_path, name, WAIT), at=tmp_path) as process:
        soon(lambda: _states(name) & {when, "running"} or process.poll() is not None)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(DEADLINE_S)
    assert "Traceback" not in told(tmp_path), told(tmp_path)
    assert containers(name) == []


def test_ctrl_c_twice_leaves_nothing_either(tmp_path: Path) -> None:
    name = manifest(tmp_path)
    with started(*invoke(tmp_path, name, WAIT), at=tmp_path) as process:
        soon(lambda: "here" in told(tmp_path) or process.poll() is not None)
        os.killpg(process.pid, signal.SIGINT)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(DEADLINE_S)
    soon(lambda: not containers(name))


def test_what_a_killed_one_has_made_and_not_started_the_next_start_removes(
    tmp_path: Path,
) -> None:
    name = manifest(tmp_path)
    with started(*invoke(tmp_path, name, WAIT), at=tmp_path) as process:
        soon(lambda: containers(name) or process.poll() is not None)
        process.kill()
        process.wait()
    with started(*invoke(tmp_path, name, "result = 1"), at=tmp_path) as process:
        assert process.wait(DEADLINE_S) == 0, told(tmp_path)
    soon(lambda: not containers(name))
