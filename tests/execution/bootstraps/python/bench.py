"""How fast is the Python bootstrap? Figures for docs/decisions/python-bootstrap.md.

    python tests/execution/bootstraps/python/bench.py [--python PATH] [--starts N] [--seconds S]

Start-up: from the start of the process to the arrival of its first GET /next, for a function that
imports nothing and for one that imports logging and json; beside it `python -c pass`. Invocations:
as many as one environment serves in some seconds, against a server of ten lines of C-speed Python
(one recv and one send an invocation), so that what is measured is mostly the client.
The same for awslambdaric where the interpreter has it.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
BOOTSTRAP = ROOT / "lambdactl/execution/bootstraps/python/bootstrap.py"
FUNCTIONS = {
    "bare": "def handler(event, context):\n    return {'statusCode': 200, 'body': 'hello'}\n",
    "logging": "import json, logging\n\ndef handler(event, context):\n    return {}\n",
}
EVENT = b'{"key": "value", "list": [1, 2, 3]}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Lambda-Runtime-Aws-Request-Id: 8f507cfc-0000-4697-b07a-ac58fc914c95\r\n"
    b"Lambda-Runtime-Invocation-Id: 8f507cfc-0000-4697-b07a-ac58fc914c96\r\n"
    b"Lambda-Runtime-Deadline-Ms: 1999999999999\r\n"
    b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:f\r\n"
    b"Lambda-Runtime-Trace-Id: Root=1-5e9b1b1b-000000000000000000000000;Sampled=0\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(EVENT), EVENT)
)
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
NEXT = b"GET /2018-06-01/runtime/invocation/next"


class Runtime:
    """A client in a process of its own, connected to us."""

    def __init__(self, command: list[str], folder: Path, handler: str) -> None:
        server = socket.create_server(("127.0.0.1", 0))
        env = {
            "PATH": os.environ["PATH"],
            "_HANDLER": handler,
            "LAMBDA_TASK_ROOT": str(folder),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.getsockname()[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
        }
        self.started = time.perf_counter()
        self.process = subprocess.Popen(command, cwd=folder, env=env)
        self.connection, _ = server.accept()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.close()
        self.data = b""

    def until_next(self) -> float:
        """Read up to a request for work; returns the moment it came."""
        while NEXT not in self.data:
            data = self.connection.recv(65536)
            if not data:
                sys.exit("the runtime has gone")
            self.data += data
            if self.data.startswith(b"POST") and NEXT not in self.data:
                # awslambdaric waits for the confirmation before it asks.
                self.connection.sendall(ACCEPTED)
                self.data = b""
                self.confirmed = True
        self.data = b""
        return time.perf_counter()

    def invocations_per_second(self, seconds: float) -> float:
        self.until_next()
        begun, count = time.perf_counter(), 0
        answer = ANSWER
        while time.perf_counter() - begun < seconds:
            self.confirmed = False
            self.connection.sendall(answer)
            self.until_next()
            answer = ANSWER if self.confirmed else ACCEPTED + ANSWER
            count += 1
        return count / (time.perf_counter() - begun)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()


def plain_start_ms(python: str) -> float:
    begun = time.perf_counter()
    subprocess.run([python, "-c", "pass"], check=True)
    return (time.perf_counter() - begun) * 1000


def start_ms(command: list[str], folder: Path, handler: str) -> float:
    runtime = Runtime(command, folder, handler)
    arrived = runtime.until_next()
    runtime.stop()
    return (arrived - runtime.started) * 1000


def show(what: str, milliseconds: list[float]) -> None:
    print(
        f"{what:42} min {min(milliseconds):6.1f}  median {statistics.median(milliseconds):6.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--starts", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    python = options.python
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for module, source in FUNCTIONS.items():
            (folder / f"{module}_function.py").write_text(source)
        clients = {"lambdactl": [python, str(BOOTSTRAP)]}
        ric = subprocess.run([python, "-c", "import runtime_client, awslambdaric"], check=False)
        if ric.returncode == 0:
            clients["awslambdaric"] = [python, "-m", "awslambdaric"]
        starts: dict[str, list[float]] = {"python -c pass": []}
        for _ in range(options.starts):
            starts["python -c pass"].append(plain_start_ms(python))
            for client, command in clients.items():
                for module in FUNCTIONS:
                    handler = f"{module}_function.handler"
                    full = [*command, handler] if client == "awslambdaric" else command
                    key = f"{client}, function imports {module}"
                    starts.setdefault(key, []).append(start_ms(full, folder, handler))
        for what, milliseconds in starts.items():
            show(what, milliseconds)
        for client, command in clients.items():
            full = [*command, "bare_function.handler"] if client == "awslambdaric" else command
            runtime = Runtime(full, folder, "bare_function.handler")
            rate = runtime.invocations_per_second(options.seconds)
            runtime.stop()
            print(f"{client + ', invocations a second':42} {rate:8.0f}")


if __name__ == "__main__":
    main()
