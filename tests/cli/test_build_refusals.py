"""Hostile archives and folders, through the commands that would ship or run them: one line says
what is wrong, and nothing is written where they point."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lambdactl.artifacts.unpack import MAX_UNPACKED_BYTES

RUNTIME = f"python3.{sys.version_info.minor}"
FUNCTION = f"""
functions:
  hello: {{code: hostile.zip, handler: app.handler, runtime: {RUNTIME}}}
"""
LAYER = f"""
functions:
  hello: {{code: src, handler: app.handler, runtime: {RUNTIME}, layers: [shared]}}
layers:
  shared: {{path: hostile.zip}}
"""
COMMANDS = (
    ("build",),
    ("package",),
    ("invoke", "--built", "--event-json", "{}"),
    ("invoke", "--event-json", "{}"),
)


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.external_attr = mode << 16
    found.compress_type = zipfile.ZIP_DEFLATED
    return found


def leads_out(archive: zipfile.ZipFile) -> None:
    archive.writestr(entry("../escaped.py"), "")


def is_absolute(archive: zipfile.ZipFile) -> None:
    archive.writestr(entry("/tmp/escaped.py"), "")


def has_a_link(archive: zipfile.ZipFile) -> None:
    archive.writestr(entry("way", stat.S_IFLNK | 0o777), "..")
    archive.writestr(entry("way/escaped.py"), "")


def has_a_device(archive: zipfile.ZipFile) -> None:
    archive.writestr(entry("null", stat.S_IFCHR | 0o666), "")


def is_a_bomb(archive: zipfile.ZipFile) -> None:
    with archive.open(entry("zeros"), "w") as file:
        for _ in range(MAX_UNPACKED_BYTES // (1 << 20) + 1):
            file.write(bytes(1 << 20))


HOSTILE = {
    leads_out: "outside",
    is_absolute: "outside",
    has_a_link: "outside",
    has_a_device: "special file",
    is_a_bomb: "250 MB",
}


def refusal(project: Path, *command: str, layer: bool = False) -> str:
    """The one line, and that nothing came of it."""
    before = sorted(path for path in project.parent.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "lambdactl", *command],
        cwd=project,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    # The function beside a refused layer was made, and is told: nothing else was.
    made = [line.split()[0] for line in done.stdout.splitlines()]
    assert made == (["hello"] if layer and command[0] in ("build", "package") else [])
    assert sorted(project.parent.iterdir()) == before
    harmless = project / ".lambdactl/build/functions/hello.zip" if layer else None
    assert [path for path in project.glob(".lambdactl/build/**/*.zip") if path != harmless] == []
    lines = done.stderr.strip().splitlines()
    assert [line.startswith("error: ") for line in lines if not line.startswith("  ")] == [True], (
        done.stderr
    )
    return lines[0]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src/app.py").write_text("def handler(event, context): return 1\n")
    return root


@pytest.mark.slow
@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.__name__)
@pytest.mark.parametrize("manifest", [FUNCTION, LAYER], ids=["function", "layer"])
def test_a_hostile_archive_is_refused_with_one_line(
    project: Path, manifest: str, hostile: object
) -> None:
    (project / "lambdactl.yaml").write_text(manifest)
    with zipfile.ZipFile(project / "hostile.zip", "w") as archive:
        archive.writestr(entry("app.py"), "def handler(event, context): return 1\n")
        hostile(archive)  # type: ignore[operator]
    for command in COMMANDS:
        line = refusal(project, *command, layer=manifest is LAYER)
        assert "hostile.zip" in line
        assert HOSTILE[hostile] in line, command  # type: ignore[index]


@pytest.mark.parametrize("kind", ["link", "pipe", "loop", "name"])
def test_a_hostile_folder_is_refused_with_one_line(project: Path, kind: str) -> None:
    (project / "lambdactl.yaml").write_text(FUNCTION.replace("hostile.zip", "src"))
    source = project / "src"
    if kind == "link":
        (source / "passwords").symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(source / "pipe")
    elif kind == "loop":
        (source / "again").symlink_to(".")
    else:
        (source / "..\\..\\escaped.py").write_text("")
    assert "src" in refusal(project, "build") or kind == "name"
