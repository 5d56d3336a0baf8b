"""Saves as editors make them, on a real file system."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambdactl.execution.watch import SETTLE_S, Watch, matters

QUIET_S = 0.08


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "lib").mkdir(parents=True)
    (folder / "app.py").write_text("one")
    (folder / "lib" / "helper.py").write_text("one")
    return folder


@pytest.fixture
def watching() -> Iterator[Callable[..., Watch]]:
    watches: list[Watch] = []

    def begin(*roots: Path) -> Watch:
        watches.append(Watch(roots))
        return watches[-1]

    yield begin
    for watch in watches:
        watch.close()


def write(file: Path) -> None:
    file.write_text("two")


def replace(file: Path) -> None:
    """As most editors do: a new file takes the place of the old one at once."""
    new = file.with_name(f".{file.name}.tmp")
    new.write_text("two")
    new.replace(file)


def replace_from_elsewhere(file: Path) -> None:
    new = file.parent.parent / "elsewhere"
    new.write_text("two")
    new.replace(file)


def vim(file: Path) -> None:
    """Vim with a backup: a probe, the old file away, the new one written, the backup removed."""
    probe, backup = file.with_name("4913"), file.with_name(f"{file.name}~")
    probe.touch()
    probe.unlink()
    file.rename(backup)
    file.write_text("two")
    backup.unlink()


def delete_and_create(file: Path) -> None:
    file.unlink()
    file.write_text("two")


def truncate_and_append(file: Path) -> None:
    with file.open("r+") as opened:
        opened.truncate(0)
        opened.flush()
        opened.write("two")


SAVES = [write, replace, replace_from_elsewhere, vim, delete_and_create, truncate_and_append]


@pytest.mark.parametrize("save", SAVES)
def test_a_save_in_a_watched_folder_is_seen_once(
    code: Path, watching: Callable[..., Watch], save: Callable[[Path], None]
) -> None:
    watch = watching(code)
    save(code / "lib" / "helper.py")
    assert watch.wait(5)
    assert (code / "lib" / "helper.py").read_text() == "two"
    assert not watch.wait(QUIET_S)


@pytest.mark.parametrize("save", SAVES)
def test_a_single_file_is_watched_through_every_kind_of_save(
    code: Path, watching: Callable[..., Watch], save: Callable[[Path], None]
) -> None:
    watch = watching(code / "app.py")
    for _ in range(2):
        save(code / "app.py")
        assert watch.wait(5)


def test_neighbours_of_a_single_file_do_not_count(
    code: Path, watching: Callable[..., Watch]
) -> None:
    watch = watching(code / "app.py")
    (code / "other.py").write_text("new")
    (code / "lib" / "helper.py").write_text("two")
    (code / "other.py").rename(code / "another.py")
    assert not watch.wait(QUIET_S)


def test_new_deleted_and_moved_files_are_changes(
    code: Path, watching: Callable[..., Watch]
) -> None:
    watch = watching(code)
    (code / "new.py").touch()
    assert watch.wait(5)
    (code / "new.py").rename(code / "lib" / "newer.py")
    assert watch.wait(5)
    (code / "lib" / "newer.py").unlink()
    assert watch.wait(5)
    (code / "lib" / "app.py").symlink_to(code / "app.py")
    assert watch.wait(5)


# watchdog's own: it warns of a folder that comes back.
@pytest.mark.filterwarnings("ignore:Callback with id")
def test_folders_that_come_and_go_are_changes(
    code: Path, tmp_path: Path, watching: Callable[..., Watch]
) -> None:
    watch = watching(code)
    (code / "lib").rename(code / "library")
    assert watch.wait(5)
    (code / "library").rename(tmp_path / "away")
    assert watch.wait(5)
    shutil.move(tmp_path / "away", code / "lib")
    assert watch.wait(5)
    (code / "lib" / "helper.py").write_text("watched in its new place")
    assert watch.wait(5)
    shutil.rmtree(code / "lib")
    assert watch.wait(5)


def test_what_tools_leave_behind_is_no_change(code: Path, watching: Callable[..., Watch]) -> None:
    for folder in ("__pycache__", "node_modules", ".git"):
        (code / folder).mkdir()
    watch = watching(code)
    (code / "__pycache__" / "app.cpython-313.pyc").write_bytes(b"")
    (code / "node_modules" / "left.js").touch()
    (code / ".git" / "index").touch()
    (code / "lib" / "__pycache__").mkdir()
    (code / "lib" / "__pycache__" / "helper.pyc").touch()
    shutil.rmtree(code / "lib" / "__pycache__")
    for name in (".app.py.swp", "app.py~", ".#app.py", "#app.py#", "4913", "app.py___jb_tmp___"):
        (code / name).touch()
        (code / name).unlink()
    (code / "app.py").read_text()
    assert not watch.wait(QUIET_S)


def test_several_roots_are_watched_together(
    code: Path, tmp_path: Path, watching: Callable[..., Watch]
) -> None:
    event = tmp_path / "event.json"
    event.write_text("{}")
    watch = watching(code, event)
    for file in (code / "lib" / "helper.py", event):
        file.write_text("two")
        assert watch.wait(5)
    (tmp_path / "other.json").touch()
    assert not watch.wait(QUIET_S)


def test_a_change_settles_before_it_counts(code: Path, watching: Callable[..., Watch]) -> None:
    watch = watching(code)
    last = 0.0

    def save_slowly() -> None:
        nonlocal last
        for number in range(5):
            (code / "app.py").write_text(str(number))
            last = time.monotonic()
            time.sleep(SETTLE_S / 2)

    saving = threading.Thread(target=save_slowly)
    saving.start()
    assert watch.wait(5)
    seen = time.monotonic()
    saving.join()
    assert seen - last >= SETTLE_S * 0.9
    assert not watch.wait(QUIET_S)


def test_a_change_before_anybody_waits_is_not_lost(
    code: Path, watching: Callable[..., Watch]
) -> None:
    watch = watching(code)
    write(code / "app.py")
    time.sleep(QUIET_S)
    assert watch.wait(0)


def test_a_root_behind_a_link_is_watched(
    code: Path, tmp_path: Path, watching: Callable[..., Watch]
) -> None:
    (tmp_path / "link").symlink_to(code)
    watch = watching(tmp_path / "link")
    write(code / "app.py")
    assert watch.wait(5)


def test_closing_leaves_no_thread(code: Path) -> None:
    before = threading.active_count()
    watch = Watch([code])
    assert threading.active_count() > before
    watch.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("path", "roots", "wanted"),
    [
        ("/p/app.py", ["/p"], True),
        ("/p/a/b/c.txt", ["/p"], True),
        ("/q/app.py", ["/p"], False),
        ("/project/app.py", ["/p"], False),
        ("/p/event.json", ["/p/event.json"], True),
        ("/p/event.jsonx", ["/p/event.json"], False),
        ("/p/.venv/lib/x.py", ["/p"], False),
        ("/p/venv", ["/p"], True),  # a file of that name
        ("/p/.env", ["/p"], True),
        # A layer inside a folder that is otherwise ignored was named by the user.
        ("/p/.lambdactl/layer/x.py", ["/p", "/p/.lambdactl/layer"], True),
        ("/p/.lambdactl/cache/x.py", ["/p", "/p/.lambdactl/layer"], False),
    ],
)
def test_what_matters(path: str, roots: list[str], wanted: bool) -> None:
    assert matters(path.replace("/", os.sep), [Path(root) for root in roots]) is wanted
