"""The Python bootstrap by itself: what goes over the wire, and what it leaves alone."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.execution.bootstraps.python.clients import BOOTSTRAP
from tests.execution.bootstraps.scripted_api import ACCEPTED, Session, event_answer, run

ECHO = "def handler(event, context):\n    return event\n"


@contextlib.contextmanager
def function(
    folder: Path,
    source: str = ECHO,
    env: Mapping[str, str] | None = None,
    options: tuple[str, ...] = (),
) -> Iterator[Session]:
    """Our client with ``source`` as its function."""
    (folder / "app.py").write_text(source, "utf-8")
    with run([sys.executable, *options, str(BOOTSTRAP)], folder, "app.handler", env) as session:
        yield session


def value(session: Session, event: object = None) -> object:
    return session.invoke(event).json()


# HTTP


def test_an_answer_and_the_next_question_leave_in_one_write(tmp_path: Path) -> None:
    with function(tmp_path) as session:
        session.give({"a": 1})
        answer = session.result()
        poll = session.next()
    assert answer.json() == {"a": 1}
    assert poll.connection is answer.connection
    assert poll.reads == (answer.reads[0], answer.reads[0])


@pytest.mark.parametrize("size", [70_000, 300_000, 6_000_000])
def test_large_events_and_responses(tmp_path: Path, size: int) -> None:
    event = {"text": "é" * (size // 2)}
    with function(tmp_path) as session:
        assert value(session, event) == event
        assert value(session, 1) == 1


def test_an_answer_may_come_in_pieces(tmp_path: Path) -> None:
    with function(tmp_path) as session:
        data = event_answer(b'{"a": "piece by piece"}')
        poll = session.next()
        session.pending = None
        for start in range(0, len(data), 40):
            poll.answer(data[start : start + 40])
            time.sleep(0.001)
        assert session.result().json() == {"a": "piece by piece"}


def test_two_answers_may_come_in_one_piece(tmp_path: Path) -> None:
    with function(tmp_path) as session:
        session.give(1)
        first = session.api.take("POST", "/response")
        poll = session.next()
        session.pending = None
        poll.answer(ACCEPTED + event_answer(b'"together"'))
        assert first.json() == 1
        assert session.result().json() == "together"


def test_names_of_headers_may_be_in_any_case(tmp_path: Path) -> None:
    source = "def handler(event, context):\n    return [event, context.aws_request_id]\n"
    with function(tmp_path, source) as session:
        poll = session.next()
        session.pending = None
        poll.answer(
            b"HTTP/1.1 200 OK\r\ncontent-type:application/json\r\nCONTENT-LENGTH:1\r\n"
            b"lambda-RUNTIME-aws-request-id:  me  \r\n\r\n5"
        )
        assert session.result().json() == [5, "me"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [(413, "Request Entity Too Large"), (410, "Gone"), (403, "Forbidden"), (400, "Bad Request")],
)
def test_a_refused_answer_is_logged_and_the_next_event_served(
    tmp_path: Path, status: int, reason: str
) -> None:
    with function(tmp_path) as session:
        session.give(1)
        session.api.take("POST", "/response").answer(
            b"HTTP/1.1 %d %s\r\nContent-Length: 5\r\n\r\nno.\r\n" % (status, reason.encode())
        )
        assert value(session, 2) == 2
        (line,) = session.wait_for_log(1)
    assert line.startswith("[ERROR] [")
    assert line.endswith(
        f"] LAMBDA_RUNTIME Failed to post handler success response. Http response code: {status}. "
        "no."
    )


def test_a_runtime_that_is_given_no_event_ends(tmp_path: Path) -> None:
    with function(tmp_path) as session:
        session.next().answer(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        assert session.exit_code() == 1
        session.output.join()
        assert "Failed to get next invocation. Http Response code: 403" in session.log()[0]


@pytest.mark.parametrize("when", ["waiting", "answering", "in the middle of an event"])
def test_a_runtime_without_its_api_ends_quietly(tmp_path: Path, when: str) -> None:
    source = (
        "import threading\n"
        "threading.Thread(target=threading.Event().wait).start()\n"
        "def handler(event, context):\n    input()\n"
    )
    source = source.replace("input()", "import time; time.sleep(0.2)")
    with function(tmp_path, source) as session:
        poll = session.next()
        if when == "answering":
            poll.answer(event_answer(b"{}"))
        elif when == "in the middle of an event":
            poll.answer(event_answer(b"x" * 100000)[:-1])
        session.api.close()
        assert session.exit_code() == 0
        session.output.join()
        assert session.log() == []


def test_a_runtime_that_finds_no_api_ends_quietly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    with function(tmp_path, env={"AWS_LAMBDA_RUNTIME_API": address}) as session:
        assert session.exit_code() == 0


# processes


def test_a_forked_child_that_comes_back_says_nothing(tmp_path: Path) -> None:
    source = (
        "import os\n"
        "def handler(event, context):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        if event == 'raise':\n"
        "            raise ValueError('in the child')\n"
        "        return 'from the child'\n"
        "    return ['from the parent', os.waitpid(child, 0)[1]]\n"
    )
    with function(tmp_path, source) as session:
        assert value(session, "return") == ["from the parent", 0]
        assert value(session, "raise") == ["from the parent", 0]
        session.next()
        assert session.api.requests.empty()
        assert len(session.api.connections) == 1


def test_a_child_that_outlives_its_parent_does_not_answer(tmp_path: Path) -> None:
    source = (
        "import os, time\n"
        "def handler(event, context):\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(0.3)\n"
        "        return 'late'\n"
        "    return 'in time'\n"
    )
    with function(tmp_path, source) as session:
        assert value(session) == "in time"
        session.next()
        time.sleep(0.5)
        assert session.api.requests.empty()


def test_programs_that_a_function_starts_do_not_inherit_the_connection(tmp_path: Path) -> None:
    source = (
        "import os, subprocess, sys\n"
        "code = 'import os; print(os.listdir(\"/dev/fd\"))'\n"
        "def handler(event, context):\n"
        "    return eval(subprocess.run([sys.executable, '-I', '-c', code],\n"
        "                close_fds=False, capture_output=True, text=True).stdout)\n"
    )
    with function(tmp_path, source) as session:
        found = value(session)
    # stdin, stdout, stderr, the log channel, and what listdir() has open itself.
    assert isinstance(found, list)
    assert len(found) == 5


def test_signals_are_handled_while_it_waits(tmp_path: Path) -> None:
    source = (
        "import signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('shutting down'))\n"
        "def handler(event, context):\n    return 'still here'\n"
    )
    with function(tmp_path, source) as session:
        session.next()
        session.process.terminate()
        assert session.wait_for_log(1) == ["shutting down"]
        assert value(session) == "still here"


# what it leaves alone


def test_a_function_that_imports_nothing_costs_nothing(tmp_path: Path) -> None:
    source = (
        "import sys\n"
        "def handler(event, context):\n"
        "    return [sorted(sys.modules), [type(f).__name__ for f in sys.meta_path]]\n"
    )
    plain = subprocess.run(
        [sys.executable, "-S", "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    with function(tmp_path, source, options=("-S",)) as session:
        modules, _ = session.invoke({}).json()
    more = {name for name in modules if name not in plain}
    assert not {
        name for name in more if not name.startswith(("lambdactl_runtime", "_"))
    } - {"app", "os", "posixpath", "stat", "genericpath", "importlib", "importlib._bootstrap",
         "importlib._bootstrap_external", "warnings", "os.path"}  # fmt: skip


@pytest.mark.parametrize("options", [(), ("-P",), ("-I",), ("-u",)])
def test_the_import_path(tmp_path: Path, options: tuple[str, ...]) -> None:
    if options == ("-P",) and sys.version_info < (3, 11):
        pytest.skip("-P came with Python 3.11")
    source = "import sys\ndef handler(event, context):\n    return sys.path\n"
    other = tmp_path / "other"
    with function(tmp_path, source, {"PYTHONPATH": str(other)}, options) as session:
        path = session.invoke({}).json()
    assert path[0] == str(tmp_path)
    assert str(BOOTSTRAP.parent) not in path
    assert path.count(str(tmp_path)) == 1
    if options != ("-I",):
        assert path[1] == str(other)


def test_the_second_of_two_saves_in_a_second_runs(tmp_path: Path) -> None:
    """The same time to the second, and the same length: bytecode of the first would fit both."""
    source = "import saved\ndef handler(event, context):\n    return saved.answer\n"
    # So young that a slow machine doesn't let it grow old on the way.
    moment = time.time() + 60
    answers = []
    for answer in (1, 2):
        saved = tmp_path / "saved.py"
        saved.write_text(f"answer = {answer}\n")
        os.utime(saved, (moment, moment))
        with function(tmp_path, source, {"PYTHONDONTWRITEBYTECODE": ""}) as session:
            answers.append(value(session))
    assert answers == [1, 2]


def test_bytecode_of_what_was_saved_long_ago_is_kept(tmp_path: Path) -> None:
    source = "import saved\ndef handler(event, context):\n    return saved.__cached__\n"
    (tmp_path / "saved.py").write_text("")
    os.utime(tmp_path / "saved.py", (1, 1))
    with function(tmp_path, source, {"PYTHONDONTWRITEBYTECODE": ""}) as session:
        assert Path(str(value(session))).exists()


def test_nothing_of_ours_is_importable_by_accident(tmp_path: Path) -> None:
    source = (
        "import importlib\n"
        "def handler(event, context):\n"
        "    found = []\n"
        "    for name in event:\n"
        "        try:\n"
        "            importlib.import_module(name)\n"
        "            found.append(name)\n"
        "        except ImportError:\n"
        "            pass\n"
        "    return found\n"
    )
    names = ["bootstrap", "wire", "payload", "context", "faults", "encoder", "logs", "snapstart"]
    with function(tmp_path, source) as session:
        assert value(session, names) == []


def test_main_looks_like_a_script(tmp_path: Path) -> None:
    source = (
        "import sys\n"
        "def handler(event, context):\n"
        "    main = sys.modules['__main__']\n"
        "    return [main.__name__, main.__file__, main.__spec__, sys.argv]\n"
    )
    with function(tmp_path, source) as session:
        assert value(session) == ["__main__", str(BOOTSTRAP), None, [str(BOOTSTRAP)]]


def test_a_spawned_process_does_not_become_a_runtime(tmp_path: Path) -> None:
    source = (
        "import multiprocessing\n"
        "def double(n):\n    return 2 * n\n"
        "def handler(event, context):\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        return pool.map(double, [event])\n"
    )
    with function(tmp_path, source) as session:
        assert value(session, 4) == [8]
        assert len(session.api.connections) == 1


SHADOWED = "collections decimal enum json keyword logging re string token tokenize traceback types"


def test_files_with_names_of_the_standard_library(tmp_path: Path) -> None:
    """On Lambda the client has loaded those modules before the function's folder counts."""
    for name in SHADOWED.split():
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong one')\n")
    source = (
        "def handler(event, context):\n"
        "    import decimal, logging\n"
        "    logging.warning('works')\n"
        "    if event:\n        raise ValueError('too')\n"
        "    return decimal.Decimal('1.50')\n"
    )
    with function(tmp_path, source) as session:
        assert session.invoke(0).body == b"1.50"
        assert value(session, 1)["errorMessage"] == "too"  # type: ignore[index]
        assert "works" in session.wait_for_log(2)[0]


def test_other_names_of_the_standard_library_are_the_functions_own(tmp_path: Path) -> None:
    (tmp_path / "calendar.py").write_text("mine = True\n")
    source = "import calendar\ndef handler(event, context):\n    return calendar.mine\n"
    with function(tmp_path, source) as session:
        assert value(session) is True


def test_logging_is_ready_when_it_was_loaded_before_us(tmp_path: Path) -> None:
    early = tmp_path / "early"
    early.mkdir()
    (early / "sitecustomize.py").write_text("import logging\n")
    source = "import logging\ndef handler(event, context):\n    logging.warning('hello')\n"
    with function(tmp_path, source, {"PYTHONPATH": str(early)}) as session:
        session.invoke({})
        assert session.wait_for_log(1)[0].endswith("\thello\n")


def test_logging_itself_shows_no_trace_of_us(tmp_path: Path) -> None:
    source = (
        "import importlib.util, logging\n"
        "def handler(event, context):\n"
        "    loader = logging.__spec__.loader\n"
        "    again = importlib.util.find_spec('logging')\n"
        "    before = len(logging.getLogger().handlers)\n"
        "    importlib.reload(logging)\n"
        "    return [type(loader).__name__, vars(loader).keys() - {'name', 'path'} == set(),\n"
        "            again.origin == logging.__file__, before]\n"
    )
    with function(tmp_path, source) as session:
        assert value(session) == ["SourceFileLoader", True, True, 1]


def test_pth_files_of_the_function_and_of_layers(tmp_path: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = tmp_path / f"opt/python/lib/{version}/site-packages"
    for folder in (site, tmp_path / "opt/python", tmp_path / "task"):
        folder.mkdir(parents=True, exist_ok=True)
        extra = folder / "extra"
        extra.mkdir()
        (folder / "some.pth").write_text("extra\n")
    source = "import sys\ndef handler(event, context):\n    return sys.path\n"
    layers = f"{site}:{tmp_path}/opt/python"
    with function(tmp_path / "task", source, {"PYTHONPATH": layers}) as session:
        path = session.invoke({}).json()
    assert path[:3] == [f"{tmp_path}/task", str(site), f"{tmp_path}/opt/python"]
    assert {f"{tmp_path}/task/extra", f"{site}/extra", f"{tmp_path}/opt/python/extra"} <= set(path)


# output


def test_closed_stdout(tmp_path: Path) -> None:
    source = (
        "import os, sys\n"
        "def handler(event, context):\n"
        "    if event == 'close':\n        sys.stdout.close()\n"
        "    if event == 'close the descriptor':\n        os.close(1)\n"
        "    print('gone')\n"
    )
    for event in ("close", "close the descriptor"):
        with function(tmp_path, source) as session:
            assert session.invoke(event).path.endswith("/error")
            assert session.invoke("again").path.endswith("/error")


def test_a_large_record_is_one_frame(tmp_path: Path) -> None:
    source = (
        "import logging\n"
        "def handler(event, context):\n    logging.warning('x\\n' * 500000)\n    print('after')\n"
    )
    with function(tmp_path, source) as session:
        session.invoke({})
        session.wait_for_log(2)
        first, second = session.frames()
    assert first.text.count("x\n") == 500000
    assert second.text == "after"
    now = time.time() * 1e6
    assert first.time_us is not None
    assert abs(now - first.time_us) < 60e6


def test_output_is_there_at_once(tmp_path: Path) -> None:
    source = (
        "import sys, time\n"
        "def handler(event, context):\n"
        "    print('out', end='')\n    print('err', end='', file=sys.stderr)\n"
        "    print()\n    time.sleep(60)\n"
    )
    with function(tmp_path, source) as session:
        session.give({})
        assert session.wait_for_log(1) == ["outerr"]


def test_the_log_channel_is_not_shown_to_the_function(tmp_path: Path) -> None:
    source = "import os\ndef handler(event, context):\n    return sorted(os.environ)\n"
    with function(tmp_path, source) as session:
        names = session.invoke({}).json()
    assert "_LAMBDA_TELEMETRY_LOG_FD" not in names
    assert "_X_AMZN_TRACE_ID" in names


def test_json_numbers_are_not_rounded(tmp_path: Path) -> None:
    source = (
        "from decimal import Decimal\n"
        "def handler(event, context):\n    return {'price': Decimal('19.90'), 'n': event}\n"
    )
    with function(tmp_path, source) as session:
        body = session.invoke(12345678901234567890).body
    assert body == b'{"price": 19.90, "n": 12345678901234567890}'
    assert json.loads(body)["n"] == 12345678901234567890


def test_the_package_needs_no_writable_folder(tmp_path: Path) -> None:
    """Installed by root, run by somebody else: no .pyc can be written."""
    with function(tmp_path, env={"PYTHONDONTWRITEBYTECODE": "1"}, options=("-B",)) as session:
        assert value(session, 1) == 1
    assert not (tmp_path / "__pycache__").exists()


def test_what_the_runtime_brings_along(tmp_path: Path) -> None:
    """Found after everything of the function's own, and by Python programs that it starts."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    (runtime / "sdk.py").write_text("origin = 'the runtime'\n")
    (runtime / "other.py").write_text("origin = 'the runtime'\n")
    (tmp_path / "other.py").write_text("origin = 'the function'\n")
    source = (
        "import subprocess, sys\n"
        "def handler(event, context):\n"
        "    import other, sdk\n"
        "    program = [sys.executable, '-c', 'import sdk; print(sdk.origin)']\n"
        "    child = subprocess.run(program, capture_output=True, text=True, cwd='/')\n"
        "    return [sdk.origin, other.origin, child.stdout.strip(), sys.path[-1]]\n"
    )
    with function(tmp_path, source, {"LAMBDA_RUNTIME_DIR": str(runtime)}) as session:
        assert value(session) == ["the runtime", "the function", "the runtime", str(runtime)]
