"""Lines and the status line, on pipes and terminals that are read or not."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdactl.cli import screen as screen_module
from lambdactl.cli.screen import MAX_BACKLOG, Screen
from tests import aio


class Terminal:
    """What a terminal of 80 columns shows of what is written to it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.set_blocking(self.master, False)
        self.raw = b""

    def read(self) -> bytes:
        new = b""
        while True:
            try:
                data = os.read(self.master, 65536)
            except (BlockingIOError, OSError):
                self.raw += new
                return new
            new += data

    def rows(self) -> list[str]:
        """Its rows, from the top, the last one being where the cursor is."""
        self.read()
        rows, column = [""], 0
        text = re.sub(r"\x1b\[\d*m", "", self.raw.decode())
        for piece in re.split(r"(\r|\n|\x1b\[K)", text):
            if piece == "\r":
                column = 0
            elif piece == "\n":
                rows.append("")
            elif piece == "\x1b[K":
                rows[-1] = rows[-1][:column]
            else:
                rows[-1] = rows[-1][:column] + piece + rows[-1][column + len(piece) :]
                column += len(piece)
        return rows

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen_module, "GATHER_S", 0.001)
    monkeypatch.setattr(screen_module, "REFRESH_S", 0.005)


def test_lines_scroll_above_the_status_line(terminal: Terminal) -> None:
    async def scene() -> None:
        status = "zero"
        screen = Screen(terminal.slave, status=lambda width: f"[{status} of {width}]")
        await aio.until(lambda: terminal.rows() == ["[zero of 80]"])
        screen.write(b"one")
        screen.write(b"two\nand a half")
        await aio.until(lambda: terminal.rows()[:3] == ["one", "two", "and a half"])
        assert terminal.rows()[3:] == ["[zero of 80]"]
        status = "a longer one"
        await aio.until(lambda: terminal.rows()[-1] == "[a longer one of 80]")
        status = "short"
        await aio.until(lambda: terminal.rows()[-1] == "[short of 80]")
        screen.write(b"three")
        await aio.until(lambda: "three" in terminal.rows())
        screen.close()
        assert terminal.rows() == ["one", "two", "and a half", "three", ""]

    aio.run(scene())


def test_what_does_not_change_is_not_drawn(terminal: Terminal) -> None:
    async def scene() -> None:
        screen = Screen(terminal.slave, status=lambda width: "same")
        await aio.until(terminal.read)
        await asyncio.sleep(0.03)
        assert terminal.read() == b""
        screen.close()

    aio.run(scene())


def test_others_may_write_while_it_is_paused(terminal: Terminal) -> None:
    async def scene() -> None:
        screen = Screen(terminal.slave, status=lambda width: "status")
        await aio.until(terminal.read)
        screen.write(b"before")
        with screen.aside():
            assert terminal.rows() == ["before", ""]
            os.write(terminal.slave, b"a table\n")
            screen.write(b"meanwhile")
            await asyncio.sleep(0.02)
            assert terminal.rows() == ["before", "a table", ""]
        assert terminal.rows() == ["before", "a table", "meanwhile", "status"]
        screen.close()

    aio.run(scene())


def test_colours_of_one_line_do_not_run_into_the_next(terminal: Terminal) -> None:
    async def scene() -> None:
        screen = Screen(terminal.slave)
        screen.write(b"\x1b[31mred")
        screen.close()
        assert terminal.read() == b"\x1b[31mred\x1b[0m\r\n"

    aio.run(scene())


def test_a_file_gets_every_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("already there\n")

    async def scene() -> None:
        with log.open("ab") as stream:
            screen = Screen(stream.fileno())
            for number in range(5000):
                screen.write(b"line %d" % number)
            screen.close()

    aio.run(scene())
    lines = log.read_text().splitlines()
    assert lines == ["already there", *(f"line {number}" for number in range(5000))]


@pytest.mark.parametrize("reopens", [True, False])
def test_a_pipe_that_nobody_reads_holds_nothing_up(
    reopens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not reopens:
        # As on systems without /proc.
        monkeypatch.setattr(screen_module, "_reopened", lambda descriptor: None)

    async def scene() -> None:
        read_fd, write_fd = os.pipe()
        screen = Screen(write_fd)
        line = b"x" * 1000
        slowest = 0.0
        for _ in range(3 * MAX_BACKLOG // len(line)):
            begun = time.perf_counter()
            screen.write(line)
            await asyncio.sleep(0)
            slowest = max(slowest, time.perf_counter() - begun)
        assert slowest < 0.5
        # Ours did not become one that doesn't wait: others may use it.
        assert os.get_blocking(write_fd)
        os.set_blocking(read_fd, False)
        got = b""
        end = time.monotonic() + 10
        while b"left out" not in got and time.monotonic() < end:
            await asyncio.sleep(0.001)
            try:
                got += os.read(read_fd, 1 << 20)
            except BlockingIOError:
                continue
        last = got.splitlines()[-1]
        told = re.fullmatch(rb"\.\.\. (\d+) lines left out: nobody read them", last)
        assert told is not None
        whole = got.splitlines()[:-1]
        assert set(whole) == {line}
        assert len(whole) + int(told[1]) == 3 * MAX_BACKLOG // len(line)
        screen.write(b"again")
        screen.close()
        assert os.read(read_fd, 100) == b"again\n"
        os.close(read_fd)
        os.close(write_fd)

    aio.run(scene())


def test_an_end_that_nobody_reads_comes_all_the_same() -> None:
    async def scene() -> None:
        read_fd, write_fd = os.pipe()
        screen = Screen(write_fd)
        screen.write(b"x" * 500_000)
        begun = time.monotonic()
        screen.close()
        assert time.monotonic() - begun < 0.5
        os.close(read_fd)
        os.close(write_fd)

    aio.run(scene())


def test_a_reader_that_leaves_is_not_missed() -> None:
    async def scene() -> None:
        read_fd, write_fd = os.pipe()
        screen = Screen(write_fd)
        os.close(read_fd)
        for _ in range(3):
            screen.write(b"nobody")
            await asyncio.sleep(0.005)
        screen.close()
        os.close(write_fd)

    aio.run(scene())
