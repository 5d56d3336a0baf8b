"""The servers that are measured against each other: how each is started, asked, and ended.

All serve one hello in front of the same handler files. Their output goes into files, as a
terminal would take it. Every server has a project folder, so that a save concerns it alone.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from common import ENVIRONMENT, script
from peers import Peers

BOOTSTRAPS = Path(__file__).resolve().parents[2] / "lambdactl" / "execution" / "bootstraps"
FLOOR = Path(__file__).resolve().parent / "floor.py"
PYTHON = f"python3.{sys.version_info.minor}"
RUNTIMES = {"Python": PYTHON, "Node": "nodejs20.x"}
FILES = {"Python": "app.py", "Node": "app.js"}
CODE = {
    "Python": "def handler(event, context):\n"
    '    return {{"statusCode": 200, "body": "{answer}"}}\n',
    "Node": 'exports.handler = async (event) => ({{ statusCode: 200, body: "{answer}" }});\n',
}
TRIGGERS = {
    "HTTP API": "triggers: [http: {path: /hello, method: GET}]",
    "REST API": "triggers: [rest: {path: /hello, method: GET}]",
    "function URL": "url: {auth: none}",
}
START_S = 60.0


@dataclass(frozen=True, eq=False)
class Server:
    """``{port}`` stands in ``argv`` for the port, ``{more}`` for a second one. ``body``: what is
    posted, where GET won't do. ``most``: the connections it can take. ``least_s``: a shorter
    run would see hardly an answer."""

    name: str
    language: str
    folder: Path
    argv: Sequence[str]
    path: str = "/hello"
    body: bytes | None = None
    most: int = 1000
    least_s: float = 0.0
    env: Mapping[str, str] = field(default_factory=dict)
    reloads: bool = False

    @property
    def handler(self) -> Path:
        return self.folder / FILES[self.language]

    def write(self, answer: str) -> None:
        self.handler.write_text(CODE[self.language].format(answer=answer))


@dataclass(frozen=True)
class Running:
    server: Server
    process: psutil.Process
    port: int
    first_s: float
    """From the start of the process to the first answer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.server.path}"

    def functions(self) -> list[psutil.Process]:
        """What runs the function, where that is not the server itself."""
        return self.process.children(recursive=True)

    def pause(self) -> None:
        """Take no processor time until :meth:`resume`, whatever it does when nobody asks."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for one in (self.process, *self.functions()):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(number)


class Client:
    """One keep-alive connection, blocking: what a poll costs is two system calls."""

    def __init__(self, port: int, path: str, body: bytes | None = None) -> None:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        if body is not None:
            head = head.replace("GET", "POST") + f"Content-Length: {len(body)}\r\n"
        self._request = head.encode() + b"\r\n" + (body or b"")
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self) -> tuple[int, bytes]:
        """Status and body.

        :raises OSError: nobody listens, or the connection broke.
        """
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), START_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.sendall(self._request)
            data = b""
            while b"\r\n\r\n" not in data:
                data += self._more()
            head, _, body = data.partition(b"\r\n\r\n")
            fields = dict(
                line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
            )
            while len(body) < int(fields[b"content-length"]):
                body += self._more()
            if fields.get(b"connection") == b"close":
                self.close()
        except (OSError, KeyError):
            self.close()
            raise
        return int(head.split(b" ", 2)[1]), body

    def _more(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("closed in the middle of an answer")
        return data

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def stop_on_sigterm() -> None:
    """Whoever ends the benchmark ends its servers."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that the system gives to clients."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found


@contextlib.contextmanager
def running(server: Server) -> Iterator[Running]:
    """Start it, wait for its first answer, and end it with all that it started.

    :raises RuntimeError: it ended, or didn't answer in a minute; with what it said.
    """
    port, more, *rest = free_ports(4)
    places = {"port": port, "more": more, "third": rest[0], "fourth": rest[1]}
    argv = [word.format(**places) if "{" in word else word for word in server.argv]
    server.write("hello")
    with open(server.folder.with_suffix(".log"), "w+") as output:
        begun = time.perf_counter()
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=server.folder,
            env={**ENVIRONMENT, **server.env},
            start_new_session=True,
        )
        process = psutil.Process(child.pid)
        try:
            client = Client(port, server.path, server.body)
            while not _answers(client):
                if child.poll() is not None or time.perf_counter() > begun + START_S:
                    output.seek(0)
                    raise RuntimeError(f"{server.name} did not answer: {output.read()[-2000:]}")
                time.sleep(0.002)
            first_s = time.perf_counter() - begun
            client.close()
            yield Running(server, process, port, first_s)
        finally:
            _end(process, child)


def _answers(client: Client) -> bool:
    try:
        status, body = client.ask()
    except OSError:
        return False
    return status == 200 and b"hello" in body


def _end(process: psutil.Process, child: subprocess.Popen[bytes]) -> None:
    family = process.children(recursive=True)
    for one in (process, *family):
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(signal.SIGCONT)
    child.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(10)
    child.kill()
    child.wait()
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


# which there are


def lambdactl(
    root: Path,
    door: str,
    language: str,
    *,
    options: Sequence[str] = (),
    name: str = "",
    memory: int = 128,
) -> Server:
    name = name or f"lambdactl, {door}"
    folder = _folder(root, f"{name} {language}")
    (folder / "lambdactl.yaml").write_text(
        "service: bench\nfunctions:\n  hello:\n    code: .\n    handler: app.handler\n"
        f"    runtime: {RUNTIMES[language]}\n    memory: {memory}\n    {TRIGGERS[door]}\n"
    )
    argv = [script("lambdactl"), "local", "start-api", "-p", "{port}", *options]
    return Server(name, language, folder, argv, reloads=True)


def many_routes(root: Path, routes: int) -> Server:
    """The last of so many routes is asked for; half of them have parameters."""
    name = f"lambdactl, {routes} routes"
    folder = _folder(root, name)
    triggers = "".join(
        f"      - http: {{path: '/thing{number}/{'{id}' if number % 2 else 'all'}'}}\n"
        for number in range(routes)
    )
    (folder / "lambdactl.yaml").write_text(
        "service: bench\nfunctions:\n  hello:\n    code: .\n    handler: app.handler\n"
        f"    runtime: {RUNTIMES['Python']}\n    triggers:\n{triggers}"
    )
    argv = [script("lambdactl"), "local", "start-api", "-p", "{port}", "--no-watch"]
    return Server(name, "Python", folder, argv, path=f"/thing{routes - 1}/7")


def floor(root: Path, language: str) -> Server:
    """The bare prototype, in front of lambdactl's own bootstrap."""
    folder = _folder(root, f"floor {language}")
    runtime = {
        "Python": [sys.executable, str(BOOTSTRAPS / "python" / "bootstrap.py")],
        "Node": ["node", str(BOOTSTRAPS / "node" / "bootstrap.cjs")],
    }[language]
    env = {
        "_HANDLER": "app.handler",
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "hello",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
        "PYTHONPATH": str(folder),
    }
    argv = [sys.executable, str(FLOOR), "{port}", "1", *runtime]
    return Server("floor", language, folder, argv, env=env)


def serverless_offline(root: Path, peers: Peers, language: str, *, reload: bool = False) -> Server:
    name = "serverless-offline" + (" --reloadHandler" if reload else "")
    folder = _folder(root, f"{name} {language}")
    (folder / "node_modules").symlink_to(peers.modules)
    (folder / "serverless.yml").write_text(
        json.dumps(
            {
                "service": "bench",
                "frameworkVersion": "3",
                "provider": {
                    "name": "aws",
                    "region": "us-east-1",
                    "runtime": RUNTIMES[language],
                },
                "plugins": ["serverless-offline"],
                "functions": {
                    "hello": {"handler": "app.handler", "events": [{"httpApi": "GET /hello"}]}
                },
            }
        )
    )
    argv = ["node", str(peers.serverless), "offline", "--noPrependStageInUrl"]
    argv += ["--host", "127.0.0.1", "--httpPort", "{port}", "--lambdaPort", "{more}"]
    argv += ["--albPort", "{third}", "--websocketPort", "{fourth}"]
    env = {"SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off"}
    argv += ["--reloadHandler"] if reload else []
    return Server(name, language, folder, argv, env=env, reloads=reload)


def emulator(root: Path, peers: Peers) -> Server:
    """AWS's emulator has no HTTP API in front: what it is posted is the event."""
    folder = _folder(root, "emulator")
    listen = ["--runtime-interface-emulator-address", "127.0.0.1:{port}"]
    listen += ["--runtime-api-address", "127.0.0.1:{more}"]
    return Server(
        "AWS's emulator, awslambdaric",
        "Python",
        folder,
        [str(peers.emulator), *listen, str(peers.python), "-m", "awslambdaric", "app.handler"],
        path="/2015-03-31/functions/function/invocations",
        body=b"{}",
        most=1,
    )


def sam(root: Path, peers: Peers, *, warm: bool) -> Server:
    name = "sam local start-api" + (" --warm-containers" if warm else "")
    folder = _folder(root, name)
    (folder / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  Hello:\n"
        "    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: .\n"
        f"      Handler: app.handler\n      Runtime: {PYTHON}\n      Events:\n"
        "        Hello: {Type: HttpApi, Properties: {Path: /hello, Method: get}}\n"
    )
    argv = [str(peers.sam), "local", "start-api", "--port", "{port}", "--skip-pull-image"]
    argv += ["--warm-containers", "EAGER"] if warm else []
    env = {"SAM_CLI_TELEMETRY": "0"}
    most = 10 if warm else 1
    return Server(name, "Python", folder, argv, env=env, most=most, least_s=6)


def _folder(root: Path, name: str) -> Path:
    folder = root / "".join(c if c.isalnum() else "-" for c in name)
    folder.mkdir(mode=0o755)
    return folder
