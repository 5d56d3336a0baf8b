"""Orders, output and reports: over named pipes, and over the other ways that lead to an engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdactl.execution.containers import keeper
from lambdactl.execution.containers.channels import AttachChannel, PipeChannel
from lambdactl.execution.containers.settings import ContainerSettings
from tests import aio
from tests.execution.containers import certificates, forwarding
from tests.execution.containers.running import engine, running

DEADLINE_S = 20


class Pipes:
    """A channel of pipes and its other ends; made in an event loop."""

    def __init__(self, folder: Path, *, slow_s: float = 0.0) -> None:
        self.output = b""
        self.reports: list[str] = []
        self.ended = False
        self._slow_s = slow_s
        self.channel = PipeChannel(folder, self._take, self.reports.append, self._end)
        ((here, there),) = self.channel.binds.items()
        assert there == keeper.PIPES
        self.folder = Path(here)

    def _take(self, data: bytes) -> None:
        self.output += data[-100:]
        time.sleep(self._slow_s)

    def _end(self) -> None:
        self.ended = True

    def open(self, name: str, flags: int = os.O_WRONLY) -> int:
        return os.open(self.folder / name, flags)


def test_what_is_written_is_there_at_the_next_drain(tmp_path: Path) -> None:
    async def work() -> None:
        pipes = Pipes(tmp_path)
        output = pipes.open("output")
        for number in range(200):
            os.write(output, b"%d\n" % number)
            pipes.channel.drain()
            assert pipes.output.endswith(b"\n%d\n" % number) or not number
        os.close(output)
        pipes.channel.close()

    aio.run(work())


def test_a_drain_takes_all_that_a_pipe_can_hold(tmp_path: Path) -> None:
    async def work() -> None:
        pipes = Pipes(tmp_path)
        output = pipes.open("output", os.O_WRONLY | os.O_NONBLOCK)
        written = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                written += os.write(output, b"x" * 65536)
        pipes.channel.drain()
        assert written >= 65536
        assert pipes.channel._take_output() is None, "nothing is left in it"
        os.close(output)
        pipes.channel.close()

    aio.run(work())


def test_a_drain_ends_however_long_somebody_goes_on_writing(tmp_path: Path) -> None:
    async def work() -> None:
        pipes = Pipes(tmp_path, slow_s=0.002)
        output = pipes.open("output")
        # Ends by itself, where a drain would not.
        endless = await asyncio.create_subprocess_exec(
            "timeout", str(DEADLINE_S), "yes", stdout=output
        )
        os.close(output)
        await aio.until(lambda: pipes.output)
        begun = time.monotonic()
        pipes.channel.drain()
        assert time.monotonic() - begun < DEADLINE_S / 2
        endless.kill()
        await endless.wait()
        pipes.channel.close()

    aio.run(work())


def test_reports_come_one_by_one_however_they_are_cut(tmp_path: Path) -> None:
    async def work() -> None:
        pipes = Pipes(tmp_path)
        reports = pipes.open("reports")
        for part in (b"u", b"p\nexit", b" 7\nkilled\ne"):
            os.write(reports, part)
            await asyncio.sleep(0.02)
        await aio.until(lambda: len(pipes.reports) == 3)
        assert pipes.reports == ["up", "exit 7", "killed"]
        assert not pipes.ended
        os.close(reports)
        await aio.until(lambda: pipes.ended)
        pipes.channel.close()

    aio.run(work())


def test_orders_end_with_the_channel_and_its_folder_too(tmp_path: Path) -> None:
    async def work() -> None:
        pipes = Pipes(tmp_path)
        orders = pipes.open("orders", os.O_RDONLY)
        pipes.channel.order(keeper.RUN)
        pipes.channel.order(keeper.KILL)
        assert os.read(orders, 100) == b"run\nkill\n"
        pipes.channel.close()
        assert os.read(orders, 100) == b"", "nobody can give an order any more"
        pipes.channel.close()
        pipes.channel.order(keeper.RUN)
        pipes.channel.drain()

    aio.run(work())
    assert list(tmp_path.iterdir()) == []


def test_any_user_of_an_image_can_open_the_pipes(tmp_path: Path) -> None:
    async def work() -> None:
        before = os.umask(0o077)
        try:
            pipes = Pipes(tmp_path)
        finally:
            os.umask(before)
        assert pipes.folder.stat().st_mode & 0o777 == 0o755
        assert {path.stat().st_mode & 0o777 for path in pipes.folder.iterdir()} == {0o666}
        pipes.channel.close()

    aio.run(work())


class Frames:
    """An engine's side of an attach stream: a socket, and a client that gives the other end."""

    def __init__(self) -> None:
        self.ours, self._theirs = socket.socketpair()
        self.ours.settimeout(DEADLINE_S)

    def attach_socket(self, container: str, params: object) -> socket.socket:
        return self._theirs

    def write(self, kind: int, data: bytes) -> None:
        self.ours.sendall(struct.pack(">BxxxL", kind, len(data)) + data)

    def order(self) -> bytes:
        return self.ours.recv(4096)


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("text", [b"", b"whole\n", b"no end", b"two\nlines", b"\x1e\x1e1\x1e"])
def test_a_mark_is_no_output_however_it_is_cut(text: bytes, size: int) -> None:
    frames = Frames()
    output: list[bytes] = []
    reports: list[str] = []

    def engine_side() -> None:
        for _ in range(2):
            order = frames.order()
            assert order.startswith(keeper.MARK)
            written = text + order.removeprefix(keeper.MARK)
            for at in range(0, len(written), size):
                frames.write(1, written[at : at + size])
        frames.write(2, b"exit 0\n")

    async def work() -> None:
        channel = AttachChannel(output.append, reports.append, lambda: None)
        channel.open(frames, "container", asyncio.get_running_loop())  # type: ignore[arg-type]
        thread = threading.Thread(target=engine_side)
        thread.start()
        for number in (1, 2):
            channel.drain()
            # All of it, and before anything else is done.
            assert b"".join(output) == text * number
        await aio.until(lambda: reports == ["exit 0"])
        thread.join()
        channel.close()

    aio.run(work())
    frames.ours.close()


def test_a_keeper_that_does_not_answer_holds_up_nobody_for_long() -> None:
    frames = Frames()
    output: list[bytes] = []
    ends: list[int] = []

    async def work() -> None:
        channel = AttachChannel(output.append, lambda report: None, lambda: ends.append(1))
        channel.open(frames, "container", asyncio.get_running_loop())  # type: ignore[arg-type]
        frames.write(1, b"before")
        begun = time.monotonic()
        channel.drain()
        assert time.monotonic() - begun < 5
        assert output == [b"before"]
        # It comes late, and is no output all the same.
        frames.write(1, frames.order().removeprefix(keeper.MARK) + b"after")
        await aio.until(lambda: output[1:] == [b"after"])
        frames.ours.close()
        await aio.until(lambda: ends == [1])
        begun = time.monotonic()
        for _ in range(100):
            channel.drain()
        assert time.monotonic() - begun < 5, "nobody is waited for who is gone"
        channel.close()

    aio.run(work())


# Through an engine.

WAYS = ("tcp", "tls", "ssh")


@pytest.fixture
def way(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ContainerSettings]:
    """The machine's engine, reached so that containers' pipes can't be ours."""
    with engine() as client:
        gateway = client.inspect_network("bridge")["IPAM"]["Config"][0]["Gateway"]
    settings = ContainerSettings(host=gateway)
    if request.param == "ssh":
        (tmp_path / "bin").mkdir()
        forwarding.ssh(tmp_path / "bin")
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("DOCKER_HOST", "ssh://elsewhere")
        yield settings
        return
    context = None
    if request.param == "tls":
        certificates.make(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.pem")
        context.load_verify_locations(tmp_path / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    with forwarding.forwarded(context) as port:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        yield settings


@pytest.mark.container
@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_logs_are_whole_and_in_order_and_there_with_the_answer(
    way: ContainerSettings, tmp_path: Path
) -> None:
    many = "for number in range(event['lines']): print(number)"
    with running(tmp_path / "code", options={"containers": way}, memory_mb=1769) as ran:
        for lines in (1, 3, 2000):
            ran.lines.clear()
            assert ran.call(many, lines=lines).function_error is None
            assert ran.printed == [b"%d" % number for number in range(lines)]
            assert ran.lines[-1].text.startswith(b"REPORT ")
        ran.lines.clear()
        for number in range(20):
            ran.call("import sys; sys.stdout.write(event['text'])", text=f"no end {number}")
        # Each is with its own invocation, though no line ended.
        assert ran.printed == [b"no end %d" % number for number in range(20)]
        ran.lines.clear()
        ran.call(
            "open('/tmp/kept', 'w'); print('last words', flush=True); import os; os._exit(255)"
        )
        assert ran.printed[0] == b"last words"
        assert ran.call("import os; result = os.path.exists('/tmp/kept')").json() is True


@pytest.mark.container
@pytest.mark.slow
@pytest.mark.parametrize("way", ["tcp"], indirect=True)
def test_a_timeout_over_the_attach_stream(way: ContainerSettings, tmp_path: Path) -> None:
    with running(tmp_path / "code", options={"containers": way}, timeout_s=2) as ran:
        result = ran.call("open('/tmp/kept', 'w'); import time; print('x'); time.sleep(30)")
        assert result.json()["errorType"] == "Sandbox.Timedout"
        assert ran.printed[0] == b"x"
        assert ran.call("import os; result = os.path.exists('/tmp/kept')").json() is True
