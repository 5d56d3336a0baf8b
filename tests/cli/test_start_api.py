"""`lambdactl local start-api` as a process, with real clients, a real terminal and real saves."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from cryptography import x509

pytestmark = pytest.mark.slow

APP = """
import os, time
WORD = {word!r}

def handler(event, context):
    query = event.get("queryStringParameters") or {{}}
    if "sleep" in query:
        time.sleep(float(query["sleep"]))
    if "print" in query:
        print("printed", query["print"])
    return {{"statusCode": 200, "body": WORD + os.environ.get("MORE", "")}}
"""
MANIFEST = f"""
service: shop
defaults: {{runtime: python3.{sys.version_info.minor}, code: src, timeout: 10}}
functions:
  orders:
    handler: app.handler
    triggers:
      - http: {{path: /orders}}
  page:
    handler: app.handler
    triggers:
      - rest: {{path: /page}}
"""


class Server:
    """The command, from the moment it listens to its end."""

    def __init__(self, folder: Path, *arguments: str, env: dict[str, str], **streams: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lambdactl", "local", "start-api", "--port", "0", *arguments],
            cwd=folder,
            env={**os.environ, "TERM": "xterm", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **streams,
        )
        self.out, self.err = b"", b""
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True)
            for name in ("out", "err")
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        stream = getattr(self.process, f"std{name}")
        while data := os.read(stream.fileno(), 65536):
            setattr(self, name, getattr(self, name) + data)

    def until(self, text: str, stream: str = "err", times: int = 1) -> str:
        """All that ``stream`` says, once ``text`` is in it."""
        end = time.monotonic() + 15
        while (said := getattr(self, stream).decode()).count(text) < times:
            assert time.monotonic() < end, (text, self.out.decode(), self.err.decode())
            assert self.process.poll() is None, (self.out.decode(), self.err.decode())
            time.sleep(0.005)
        return said

    def url(self, name: str = "http") -> str:
        self.until("ends")
        found = re.search(rf"  {name} +(\w+://\S+)", self.out.decode())
        assert found is not None, self.out
        return found[1]

    def get(self, path: str, name: str = "http") -> tuple[int, str]:
        return get(self.url(name), path)

    def becomes(self, path: str, wanted: tuple[int, str], name: str = "http") -> None:
        """Ask until the answer is ``wanted``."""
        end = time.monotonic() + 15
        while (got := self.get(path, name)) != wanted:
            assert time.monotonic() < end, (got, self.err.decode())
            time.sleep(0.005)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; returns the exit code and the seconds that it took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(20)
        took = time.monotonic() - begun
        for reader in self._readers:
            reader.join()
        return code, took


def get(url: str, path: str) -> tuple[int, str]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.request("GET", parts.path + path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def write(folder: Path, word: str) -> None:
    (folder / "src" / "app.py").write_text(APP.format(word=word))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    write(folder, "one")
    (folder / "lambdactl.yaml").write_text(MANIFEST)
    return folder


@pytest.fixture
def start(project: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []
    work = tmp_path / "tmp"
    work.mkdir()

    def begin(*arguments: str, **env: str) -> Server:
        servers.append(Server(project, *arguments, env={"TMPDIR": str(work), **env}))
        return servers[-1]

    yield begin
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambdactl", "local", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


# the beginning and the end


def test_a_table_of_urls_and_one_line_a_request(start: Callable[..., Server]) -> None:
    server = start()
    assert server.get("/orders?print=x") == (200, "one")
    assert server.get("/page", "rest") == (200, "one")
    err = server.until("-> 200", times=2)
    rows = [line.split() for line in server.out.decode().splitlines() if "http://" in line]
    assert [(*row[:-2], row[-1]) for row in rows] == [
        ("HTTP", "API", "http", "1"),
        ("REST", "API", "rest", "1"),
    ]
    assert re.search(r"^GET /orders\?print=x -> 200, [\d.]+ m?s \(orders\)$", err, re.M)
    assert "printed x" in err
    assert "\x1b" not in err + server.out.decode()
    assert "watching for saves; Ctrl-C ends" in err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_it_and_nothing_is_left(
    start: Callable[..., Server], tmp_path: Path, number: int, code: int
) -> None:
    server = start()
    url = server.url()
    thread = threading.Thread(target=lambda: ignore(lambda: get(url, "/orders?sleep=5")))
    thread.start()
    server.get("/page", "rest")
    process = psutil.Process(server.process.pid)
    server.until("START RequestId", times=2)
    children = process.children(recursive=True)
    got, took = server.end(number)
    thread.join()
    assert got == code, server.err
    assert took < 1
    assert not [child for child in children if child.is_running()]
    assert list((tmp_path / "tmp").iterdir()) == []
    assert b"Traceback" not in server.err


def ignore(work: Callable[[], object]) -> None:
    try:
        work()
    except (OSError, http.client.HTTPException):
        return


def test_without_a_trigger_it_says_how_to_write_one(project: Path) -> None:
    (project / "lambdactl.yaml").write_text(
        MANIFEST.partition("functions:")[0] + "functions: {a: {handler: app.handler}}"
    )
    done = run(project, "start-api", "--port", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no function has an HTTP trigger" in done.stderr
    assert "http: {path: /hello}" in done.stderr


def test_a_port_in_use_names_who_has_it(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(project, "start-api", "--port", str(port))
    assert done.returncode == 2
    assert f"port {port} is in use by " in done.stderr
    assert f"(pid {os.getpid()}); lambdactl local start-api --port " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "http"], "--port 'http' is no port"),
        (["--port", "x=99999"], "is no port"),
        (["--port", "nowhere=3999"], "nowhere"),
        (["--prefix", "http"], "is no prefix"),
        (["--host", ""], "--host names no address"),
        (["--host", "no.such.invalid"], "cannot listen on no.such.invalid:"),
        (["--host", "192.0.2.1"], "Cannot assign requested address; choose another"),
        (["--cert", "c.pem"], "add --https"),
        (["--https", "--key", "k.pem"], "add --cert"),
        (["--https", "--cert", "missing.pem"], "there is no file missing.pem"),
        (["--static-dir", "nowhere"], "there is no folder nowhere"),
        (["-f", "missing.yaml"], "there is no file missing.yaml"),
    ],
)
def test_mistakes(project: Path, arguments: list[str], message: str) -> None:
    done = run(project, "start-api", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_command_of_the_group(project: Path) -> None:
    done = run(project, "start-apo")
    assert done.returncode == 2
    assert "did you mean `start-api`?" in done.stderr


# options


def test_static_files_prefixes_and_variables(start: Callable[..., Server], project: Path) -> None:
    (project / "public").mkdir()
    (project / "public" / "index.html").write_text("<h1>static</h1>")
    server = start("--prefix", "rest=/v1", "--env", "MORE=!")
    assert server.url("rest").endswith("/v1")
    assert server.get("/") == (200, "<h1>static</h1>")
    assert server.get("/orders") == (200, "one!")
    assert server.get("/page", "rest") == (200, "one!")


@pytest.mark.slow
def test_large_files_hold_nobody_up(start: Callable[..., Server], project: Path) -> None:
    (project / "public").mkdir()
    content = os.urandom(1024 * 1024) * 200
    (project / "public" / "film.mp4").write_bytes(content)
    server = start("--no-logs")
    parts = urlsplit(server.url())
    server.get("/orders")
    whole = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=20)
    whole.request("GET", "/film.mp4")
    response = whole.getresponse()
    memory = psutil.Process(server.process.pid).memory_info().rss
    waits = []
    for _ in range(20):
        begun = time.monotonic()
        assert server.get("/orders") == (200, "one")
        waits.append(time.monotonic() - begun)
    # The client takes nothing yet, and nothing is read for it that it has no room for.
    assert psutil.Process(server.process.pid).memory_info().rss - memory < 16 * 1024 * 1024
    assert max(waits) < 0.1
    assert response.read() == content
    whole.request("GET", "/film.mp4", headers={"Range": f"bytes=5-{len(content) - 6}"})
    response = whole.getresponse()
    assert (response.status, response.read()) == (206, content[5:-5])
    whole.request("HEAD", "/film.mp4")
    response = whole.getresponse()
    assert (response.headers["Content-Length"], response.read()) == (str(len(content)), b"")
    whole.request("GET", "/film.mp4")
    whole.close()
    assert server.get("/orders") == (200, "one")


def test_the_url_of_all_addresses_is_one_to_call(start: Callable[..., Server]) -> None:
    server = start("--host", "::")
    assert "http://[::1]:" in server.url()
    assert server.get("/orders") == (200, "one")


def test_https_with_a_certificate_of_our_own(start: Callable[..., Server], tmp_path: Path) -> None:
    server = start("--https", XDG_CACHE_HOME=str(tmp_path / "cache"), HOME=str(tmp_path))
    assert server.url().startswith("https://")
    assert server.get("/orders") == (200, "one")


def test_https_on_all_addresses_is_for_all_names_of_this_machine(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    options = ("--https", "--host", "0.0.0.0")
    server = start(*options, XDG_CACHE_HOME=str(tmp_path / "cache"), HOME=str(tmp_path))
    place = ("127.0.0.1", urlsplit(server.url()).port or 0)
    found = x509.load_pem_x509_certificate(ssl.get_server_certificate(place).encode())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert socket.gethostname().lower() in names.get_values_for_type(x509.DNSName)


def test_warm_starts_environments_at_once(start: Callable[..., Server]) -> None:
    server = start("--warm")
    server.until("INIT_START", times=2)


def test_no_logs_leaves_the_requests(start: Callable[..., Server]) -> None:
    server = start("--no-logs", "--no-watch")
    server.get("/orders?print=x")
    err = server.until("-> 200")
    assert "printed" not in err
    assert "START" not in err
    assert "watching" not in err


def test_json_is_one_document_a_line(start: Callable[..., Server], project: Path) -> None:
    server = start("--output", "json")
    (begun,) = documents(server, "start")
    url = begun["apis"][0]["url"]
    assert [(api["name"], api["kind"], api["routes"]) for api in begun["apis"]] == [
        ("http", "http", 1),
        ("rest", "rest", 1),
    ]
    assert get(url, "/orders?a=1") == (200, "one")
    (request,) = documents(server, "request")
    assert request.pop("duration_ms") > 0
    assert request == {
        "event": "request",
        "method": "GET",
        "path": "/orders",
        "query": "a=1",
        "status": 200,
        "function": "orders",
    }
    write(project, "two")
    reload = documents(server, "reload")[0]
    assert set(reload["functions"]) == {"orders", "page"}
    assert reload["path"] == "src/app.py"
    (project / "lambdactl.yaml").write_text(MANIFEST.replace("path: /page", "pth: /page"))
    (error,) = documents(server, "error")
    assert error["problems"][0]["where"].startswith("lambdactl.yaml:")
    (project / "lambdactl.yaml").write_text(MANIFEST.replace("/orders", "/v2/orders"))
    assert documents(server, "routes")[0]["apis"][0]["url"] == url
    assert get(url, "/v2/orders") == (200, "two")


def documents(server: Server, event: str) -> list[dict[str, Any]]:
    server.until(f'"event": "{event}"', "out")
    lines = server.out.decode().splitlines(keepends=True)
    parsed = [json.loads(line) for line in lines if line.endswith("\n")]
    return [document for document in parsed if document["event"] == event]


# saves


def test_a_save_is_served_next(start: Callable[..., Server], project: Path) -> None:
    server = start()
    assert server.get("/orders") == (200, "one")
    write(project, "two")
    server.becomes("/orders", (200, "two"))
    assert re.search(r"reloaded .*\(src/app.py\), [\d.]+ ms", server.until("reloaded"))


def test_its_own_output_may_lie_in_the_code(project: Path) -> None:
    out, err = project / "src" / "out.txt", project / "src" / "err.txt"
    command = [sys.executable, "-m", "lambdactl", "local", "start-api", "--port", "0"]
    with (
        out.open("w") as stdout,
        err.open("w") as stderr,
        subprocess.Popen(
            command, cwd=project, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        ) as process,
    ):
        try:
            end = time.monotonic() + 20
            while "ends" not in err.read_text():
                assert time.monotonic() < end
                time.sleep(0.01)
            found = re.search(r"http +(http://\S+)", out.read_text())
            assert found is not None
            for _ in range(5):
                assert get(found[1], "/orders") == (200, "one")
                time.sleep(0.15)
            said = err.read_text()
            assert said.count("-> 200") == 5
            assert "reloaded" not in said, said
            write(project, "two")
            while get(found[1], "/orders") != (200, "two"):
                assert time.monotonic() < end + 10
            while "reloaded" not in (said := err.read_text()):
                assert time.monotonic() < end + 10
            assert said.count("reloaded") == 1
        finally:
            process.send_signal(signal.SIGTERM)


def test_a_function_that_never_ran_is_not_reloaded(
    start: Callable[..., Server], project: Path
) -> None:
    server = start("--output", "json")
    documents(server, "start")
    write(project, "two")
    (document,) = documents(server, "reload")
    assert sorted(document["waiting"]) == ["orders", "page"]
    server.until("orders, page (src/app.py): the next request starts the new code")
    assert "reloaded" not in server.err.decode()


def test_code_that_breaks_answers_so_until_it_is_mended(
    start: Callable[..., Server], project: Path
) -> None:
    server = start()
    server.get("/orders")
    (project / "src" / "app.py").write_text("import nothing_of_that_name")
    server.becomes("/orders", (500, '{"message":"Internal Server Error"}'))
    assert "No module named 'nothing_of_that_name'" in server.until("Runtime.ImportModuleError")
    write(project, "mended")
    server.becomes("/orders", (200, "mended"))


def test_a_manifest_is_taken_over_or_left(start: Callable[..., Server], project: Path) -> None:
    server = start()
    url = server.url()
    manifest = project / "lambdactl.yaml"
    manifest.write_text(MANIFEST.replace("/orders}", "/v2/orders}"))
    server.becomes("/v2/orders", (200, "one"))
    assert get(url, "/orders")[0] == 404
    manifest.write_text(MANIFEST.replace("functions:", "functons:"))
    err = server.until("the last good manifest goes on being served")
    assert "lambdactl.yaml:4:1: error:" in err
    assert "did you mean `functions`?" in err
    assert get(url, "/v2/orders") == (200, "one")
    manifest.write_text(re.sub("    triggers:\n.*\n", "", MANIFEST))
    server.until("no function has an HTTP trigger")
    assert get(url, "/v2/orders") == (200, "one")
    manifest.write_text(MANIFEST)
    server.becomes("/orders", (200, "one"))
    assert server.url() == url


def test_an_authorizers_answer_is_forgotten_with_its_code(
    start: Callable[..., Server], project: Path
) -> None:
    says = "def handler(event, context):\n    return {{'isAuthorized': {}}}\n"
    (project / "guard").mkdir()
    (project / "guard" / "app.py").write_text(says.format(True))
    (project / "lambdactl.yaml").write_text(
        MANIFEST
        + """
  guard: {code: guard, handler: app.handler}
apis:
  http:
    http:
      authorizers: {guards: {function: guard, identity: [$request.querystring.q]}}
      authorizer: guards
"""
    )
    server = start()
    server.becomes("/orders?q=1", (200, "one"))
    (project / "guard" / "app.py").write_text(says.format(False))
    server.becomes("/orders?q=1", (403, '{"message":"Forbidden"}'))


def test_what_can_not_run_here_is_said_at_the_start(
    start: Callable[..., Server], project: Path
) -> None:
    (project / "lambdactl.yaml").write_text(
        MANIFEST
        + """
  picture:
    code: {image: "repo:tag"}
    triggers: [{http: {path: /picture}}]
  old: {code: src, runtime: java21, handler: a.B, triggers: [{http: {path: /old}}]}
  idle: {code: {image: "repo:tag"}}
"""
    )
    server = start("--output", "json", "--no-container", "--pull", "never")
    documents(server, "start")
    told = documents(server, "warning")
    assert [one["message"] for one in told] == [
        "routes to picture fail here: picture is a container image, "
        "which does not run as a process",
        "routes to old fail here: java21 needs --container",
    ]
    assert all(one["where"].startswith("lambdactl.yaml:") for one in told)
    assert [one["text"] for one in documents(server, "message")] == [
        "--pull is for containers, and nothing runs in one without --container"
    ]


def test_a_doubt_that_a_save_brings_is_told_once(
    start: Callable[..., Server], project: Path
) -> None:
    server = start("--output", "json")
    documents(server, "start")
    manifest = project / "lambdactl.yaml"
    doubtful = MANIFEST + "  late: {code: nowhere, handler: app.handler}\n"
    manifest.write_text(doubtful)
    (warning,) = documents(server, "warning")
    assert (warning["code"], warning["severity"]) == ("code-missing", "warning")
    assert warning["where"].startswith("lambdactl.yaml:")
    server.until("routes", "out")
    manifest.write_text("# a line more\n" + doubtful)
    server.until("lambdactl.yaml read again", times=2)
    assert len(documents(server, "warning")) == 1


def test_env_files_count_when_they_are_saved(start: Callable[..., Server], project: Path) -> None:
    (project / "dev.env").write_text("MORE=+\n")
    server = start("--env-file", "dev.env")
    assert server.get("/orders") == (200, "one+")
    (project / "dev.env").write_text("MORE=++\n")
    server.becomes("/orders", (200, "one++"))


def test_a_build_comes_first_and_its_failure_is_shown(
    start: Callable[..., Server], project: Path
) -> None:
    (project / "lambdactl.yaml").write_text(
        MANIFEST.replace("code: src,", "code: dist, build: make.sh,").replace(
            "make.sh", "{command: sh make.sh, watch: [src, make.sh], output: dist}"
        )
    )
    build = project / "make.sh"
    build.write_text("mkdir -p dist && cp src/app.py dist/app.py\n")
    server = start()
    assert server.get("/orders") == (200, "one")
    write(project, "two")
    server.becomes("/orders", (200, "two"))
    build.write_text("echo 'src/app.py(1,1): a mistake'; exit 3\n")
    err = server.until("the last code of orders, page goes on being served")
    assert "src/app.py(1,1): a mistake\n" in err
    assert "error: the build failed: `sh make.sh` ended with 3" in err
    assert server.get("/orders") == (200, "two")


def test_what_is_built_is_served_and_a_save_builds_it_again(
    start: Callable[..., Server], project: Path
) -> None:
    (project / "src/requirements.txt").write_text("")
    server = start("--built")
    assert server.get("/orders") == (200, "one")
    assert (project / ".lambdactl/build/functions/orders.zip").is_file()
    write(project, "two")
    server.becomes("/orders", (200, "two"))
    server.becomes("/page", (200, "two"), "rest")
    server.until("built orders, page")
    (project / "src/link.py").symlink_to("/etc/passwd")
    server.until("the last code of orders, page goes on being served")
    assert server.get("/orders") == (200, "two")
    (project / "src/link.py").unlink()
    write(project, "three")
    server.becomes("/orders", (200, "three"))


def test_a_first_build_that_fails_leaves_nothing_to_serve(
    start: Callable[..., Server], project: Path
) -> None:
    (project / "lambdactl.yaml").write_text(
        MANIFEST.replace("code: src,", "code: dist, build: sh make.sh,")
    )
    build = project / "make.sh"
    build.write_text("exit 3\n")
    server = start()
    server.until("orders, page fail until a build succeeds")
    assert server.get("/orders")[0] == 500
    build.write_text("mkdir -p dist && cp src/app.py dist/app.py\n")
    server.becomes("/orders", (200, "one"))
    build.write_text("exit 3\n")
    server.until("the last code of orders, page goes on being served")


@pytest.mark.slow
def test_a_hundred_saves_under_load_lose_nothing(
    start: Callable[..., Server], project: Path
) -> None:
    server = start("--no-logs")
    url = server.url()
    answers: list[tuple[int, str]] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            answers.append(get(url, "/orders"))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(100):
        write(project, f"save {number}")
        time.sleep(0.002 * (number % 30))
    server.becomes("/orders", (200, "save 99"))
    time.sleep(0.3)
    done.set()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {200}
    assert len({body for _, body in answers}) > 1
    assert server.get("/orders") == (200, "save 99")


# who reads


def test_nobody_who_reads_the_log_holds_up_no_request(project: Path) -> None:
    read_fd, write_fd = os.pipe()
    command = [sys.executable, "-m", "lambdactl", "local", "start-api", "--port", "0"]
    with subprocess.Popen(
        command, cwd=project, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=write_fd
    ) as process:
        assert process.stdout is not None
        os.close(write_fd)
        table = os.read(process.stdout.fileno(), 65536).decode()
        while "rest" not in table:
            table += os.read(process.stdout.fileno(), 65536).decode()
        found = re.search(r"http +(http://\S+)", table)
        assert found is not None
        for _ in range(60):
            assert get(found[1], f"/orders?print={'x' * 4000}")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 143
    os.close(read_fd)


# a terminal


class Terminal:
    """A terminal with a shell's job control, as far as the command can tell."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.said = ""

        def lead() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, "-m", "lambdactl", "local", "start-api", "--port", "0", *arguments],
            cwd=folder,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            preexec_fn=lead,
        )

    def until(self, pattern: str) -> re.Match[str]:
        """What of all that was said since the last time fits."""
        end = time.monotonic() + 15
        while not (found := re.search(pattern, self.said, re.M)):
            assert time.monotonic() < end, (pattern, self.said)
            if select.select([self.master], [], [], 0.05)[0]:
                self.said += os.read(self.master, 65536).decode()
        self.said = self.said[found.end() :]
        return found

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    @property
    def is_as_before(self) -> bool:
        return termios.tcgetattr(self.slave) == self.before

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(project: Path) -> Iterator[Terminal]:
    terminal = Terminal(project)
    yield terminal
    terminal.close()


def test_keys_and_the_status_line(terminal: Terminal) -> None:
    url = terminal.until(r"HTTP API +http +(\S+)")[1]
    terminal.until(r"no requests yet \| r reload  l logs  q quit")
    assert not terminal.is_as_before
    assert get(url, "/orders?print=loud") == (200, "one")
    terminal.until(r"^printed loud\r$")
    terminal.until(r"orders  1 request  0 errors  p50 [\d.]+ ms  1 env \| r reload")
    terminal.press("l")
    terminal.until(r"l logs \(off\)")
    get(url, "/orders?print=quiet")
    assert "printed" not in terminal.until(r"(?s)(.*)-> 200")[1]
    terminal.press("r")
    terminal.until(r"reloaded orders, page, [\d.]+ ms")
    terminal.press("q")
    assert terminal.process.wait(5) == 0
    assert terminal.is_as_before
    assert os.get_blocking(terminal.slave)


def test_ctrl_c_gives_the_terminal_back(terminal: Terminal) -> None:
    terminal.until("no requests yet")
    begun = time.monotonic()
    terminal.press("\x03")
    assert terminal.process.wait(5) == 130
    assert time.monotonic() - begun < 1
    assert terminal.is_as_before


def test_ctrl_z_gives_the_terminal_back_for_a_while(terminal: Terminal) -> None:
    url = terminal.until(r"HTTP API +http +(\S+)")[1]
    terminal.until("no requests yet")
    terminal.press("\x1a")
    process = psutil.Process(terminal.process.pid)
    end = time.monotonic() + 5
    while process.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert terminal.is_as_before
    process.send_signal(signal.SIGCONT)
    end = time.monotonic() + 5
    while terminal.is_as_before:
        assert time.monotonic() < end
        time.sleep(0.01)
    terminal.until("no requests yet")
    assert get(url, "/orders") == (200, "one")
    terminal.press("q")
    assert terminal.process.wait(5) == 0
    assert terminal.is_as_before


def test_a_terminal_that_goes_away_ends_it(terminal: Terminal) -> None:
    terminal.until("no requests yet")
    os.close(terminal.master)
    assert terminal.process.wait(5) == 129
    terminal.master = os.open(os.devnull, os.O_RDONLY)


def test_it_needs_no_home(start: Callable[..., Server], project: Path) -> None:
    shutil.rmtree(project / "src" / "__pycache__", ignore_errors=True)
    server = start(HOME="/nonexistent")
    assert server.get("/orders") == (200, "one")
