"""Pulls and builds, as people and scripts see them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from lambdactl.cli.image_view import ImageView

IMAGE = "public.ecr.aws/lambda/python:3.13"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def drive(view: ImageView, clock: Clock) -> None:
    """A pull of two layers, which takes 12 seconds."""
    view.pulling(IMAGE, "a", 0, 0)
    for second in range(1, 12):
        clock.now = float(second)
        view.pulling(IMAGE, "a", second * 1_000_000, 20_000_000)
    clock.now = 12.0
    view.pulling(IMAGE, "a", 20_000_000, 20_000_000)
    view.pulling(IMAGE, "b", 5_000_000, 5_000_000)
    view.pulled(IMAGE)


def test_lines_where_there_is_no_terminal() -> None:
    lines: list[bytes] = []
    clock = Clock()
    drive(ImageView(write=lines.append, clock=clock), clock)
    assert [line.decode() for line in lines] == [
        f"pulling {IMAGE}",
        f"pulling {IMAGE}: 5.0 of 20 MB",
        f"pulling {IMAGE}: 10 of 20 MB",
        f"pulled {IMAGE}: 25 MB in 12.0 s",
    ]


def test_a_build_line_names_its_function() -> None:
    lines: list[bytes] = []
    ImageView(write=lines.append).building("resize", "Step 1/2 : FROM ü")
    assert lines == ["resize: Step 1/2 : FROM ü".encode()]


def test_what_is_up_to_date_says_so() -> None:
    lines: list[bytes] = []
    ImageView(write=lines.append).pulled(IMAGE)
    assert lines == [f"{IMAGE} is up to date".encode()]


def test_documents_for_scripts() -> None:
    documents: list[dict[str, object]] = []
    clock = Clock()
    view = ImageView(write=lambda line: None, document=documents.append, clock=clock)
    drive(view, clock)
    assert documents[0] == {
        "event": "pull",
        "image": IMAGE,
        "done_bytes": 1_000_000,
        "total_bytes": 20_000_000,
    }
    assert documents[-1] == {
        "event": "pulled",
        "image": IMAGE,
        "total_bytes": 25_000_000,
        "duration_ms": 12000.0,
    }
    view.building("resize", "hello")
    assert documents[-1] == {"event": "build_output", "function": "resize", "line": "hello"}
    view.pulling("other", "a", 1, 2)
    view.given_up("other")
    assert documents[-1] == {"event": "pull_failed", "image": "other"}


def test_json_on_stdout_and_lines_on_stderr(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    ImageView("json").building("resize", "hello")
    out, err = capfdbinary.readouterr()
    assert json.loads(out) == {"event": "build_output", "function": "resize", "line": "hello"}
    assert err == b"resize: hello\n"


def test_a_status_line_for_who_has_one() -> None:
    lines: list[bytes] = []
    clock = Clock()
    view = ImageView(write=lines.append, shown=True, clock=clock)
    assert view.status(80) == ""
    view.pulling(IMAGE, "a", 5_000_000, 20_000_000)
    clock.now = 60.0
    view.pulling(IMAGE, "a", 10_000_000, 20_000_000)
    assert view.status(200) == f"[{'#' * 10}{'-' * 10}] 10 of 20 MB  pulling {IMAGE}"
    assert len(view.status(30)) < 30
    view.pulling("other", "a", 0, 0)
    assert view.status(200).endswith(" (and 1 more)")
    view.given_up("other")
    view.pulled(IMAGE)
    assert view.status(80) == ""
    assert [line.split()[0] for line in lines] == [b"pulling", b"pulling", b"pulled"]


TERMINAL = """
import time
from lambdactl.cli.image_view import ImageView
view = ImageView()
for done in range(0, 21, 5):
    view.pulling("some/image:1", "a", done * 1000000, 20000000)
    time.sleep(0.15)
view.building("resize", "[red]a line[/red]")
view.pulled("some/image:1")
view.pulling("lost:1", "a", 1, 2)
view.given_up("lost:1")
view.close()
"""


def test_bars_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen([sys.executable, "-c", TERMINAL], stderr=theirs, env=env)
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode()
    assert "pulling some/image:1" in text
    assert "/20.0 MB" in text
    assert "resize: [red]a line[/red]" in text
    assert "pulled some/image:1: 20 MB in" in text
    # The cursor is back.
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
