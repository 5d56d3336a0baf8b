"""Saves as editors make them, on a real file system."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lambdactl.execution import watch as watch_module
from lambdactl.execution.watch import SETTLE_S, Change, Watch
from lambdactl.execution.watch_loop import attach
from lambdactl.execution.watch_sources import Inotify, Watchdog
from tests import aio

QUIET_S = 0.08


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "lib").mkdir(parents=True)
    (folder / "app.py").write_text("one")
    (folder / "lib" / "helper.py").write_text("one")
    return folder


@pytest.fixture(
    params=[
        "events",
        pytest.param("polling", marks=pytest.mark.slow),
        pytest.param("watchdog", marks=pytest.mark.slow),
    ]
)
def watching(request: pytest.FixtureRequest) -> Iterator[Callable[..., Watch]]:
    """Every way to be told of changes, with the same tests."""
    watches: list[Watch] = []

    def begin(*roots: Path, **options: Any) -> Watch:
        if request.param == "polling":
            options = {"polling": True, "poll_s": 0.02, **options}
        if request.param == "watchdog":
            options["source"] = Watchdog(root.resolve() for root in roots if root.is_dir())
        watches.append(Watch(roots, **options))
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
    watch = watching(code / "app.py", every_save=True)
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

    def seen_after_last_save() -> tuple[float, float]:
        """Seconds from the last save to its being told, and the longest pause between two."""
        saved: list[float] = []

        def save_slowly() -> None:
            for number in range(5):
                (code / "app.py").write_text(f"{number} {time.monotonic()}")
                saved.append(time.monotonic())
                time.sleep(SETTLE_S / 2)

        saving = threading.Thread(target=save_slowly)
        saving.start()
        assert watch.wait(5)
        seen = time.monotonic()
        saving.join()
        pauses = [later - earlier for earlier, later in pairwise(saved)]
        return seen - saved[-1], max(pauses)

    # A machine that is busy may make longer pauses than were asked for.
    for _ in range(10):
        waited, longest_pause = seen_after_last_save()
        if longest_pause < SETTLE_S * 0.8:
            break
        watch.wait(QUIET_S)
    assert waited >= SETTLE_S * 0.9
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


def test_closing_leaves_no_thread_and_no_descriptor(
    code: Path, watching: Callable[..., Watch]
) -> None:
    threads, descriptors = threading.active_count(), len(list(Path("/dev/fd").iterdir()))
    watch = watching(code)
    assert len(list(Path("/dev/fd").iterdir())) > descriptors
    watch.close()
    # A look that is under way is not waited for.
    end = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() == threads
    assert len(list(Path("/dev/fd").iterdir())) == descriptors


def test_a_change_names_its_root_and_its_file(code: Path, watching: Callable[..., Watch]) -> None:
    lib, manifest = code / "lib", code / "lambdactl.yaml"
    manifest.write_text("functions: {}")
    watch = watching(code, lib, manifest, apart=[manifest], without={code: [code / "made"]})

    def next_changes() -> set[Change]:
        found: set[Change] = set()
        end = time.monotonic() + 5
        while not found and time.monotonic() < end:
            time.sleep(0.005)
            found.update(watch.changes())
        return found

    write(lib / "helper.py")
    assert next_changes() == {Change(code, lib / "helper.py"), Change(lib, lib / "helper.py")}
    write(code / "app.py")
    assert next_changes() == {Change(code, code / "app.py")}
    # The manifest is no part of the code, though it lies beside it.
    write(manifest)
    assert next_changes() == {Change(manifest, manifest)}
    (code / "made").mkdir()
    (code / "made" / "app.js").touch()
    assert not watch.wait(QUIET_S)


def test_a_save_that_changes_nothing_is_none(code: Path, watching: Callable[..., Watch]) -> None:
    time.sleep(0.03)  # What was written just before the watch began may have been changed since.
    watch = watching(code)
    (code / "app.py").write_text("one")
    os.utime(code / "app.py")
    replaced = code / "lib" / "new.tmp"
    replaced.write_text("one")
    replaced.replace(code / "lib" / "helper.py")
    assert not watch.wait(QUIET_S)
    (code / "app.py").chmod(0o755)
    assert watch.wait(5)


def test_a_save_of_the_same_size_in_the_same_instant_is_seen(
    code: Path, watching: Callable[..., Watch]
) -> None:
    watch = watching(code)
    for number in range(10):
        (code / "app.py").write_text(f"x = {number}")
        assert watch.wait(5)


def test_folders_made_later_are_watched_all_the_way_down(
    code: Path, watching: Callable[..., Watch]
) -> None:
    watch = watching(code)
    deep = code / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "early.py").touch()
    assert watch.wait(5)
    (deep / "later.py").touch()
    assert watch.wait(5)
    (code / "node_modules" / "left").mkdir(parents=True)
    (code / "node_modules" / "left" / "pad.js").touch()
    assert not watch.wait(QUIET_S)


def test_a_root_may_come_later_go_and_return(
    tmp_path: Path, watching: Callable[..., Watch]
) -> None:
    dist, env = tmp_path / "build" / "dist", tmp_path / "later.env"
    watch = watching(dist, env)
    for _ in range(2):
        dist.mkdir(parents=True)
        (dist / "app.js").write_text("built")
        assert watch.wait(5)
        (dist / "app.js").write_text("built again")
        assert watch.wait(5)
        shutil.rmtree(dist.parent)
        assert watch.wait(5)
    for _ in range(2):
        env.write_text("A=1")
        assert watch.wait(5)
        env.unlink()
        assert watch.wait(5)


def test_what_is_ignored_can_be_named(code: Path, watching: Callable[..., Watch]) -> None:
    (code / ".gitignore").write_text("*.log\n/made.js\ndata/\n")
    (code / ".lambdaignore").write_text("tests/\n!node_modules/\n")
    for folder in ("data", "tests", "node_modules"):
        (code / folder).mkdir()
    watch = watching(code, keep=[code / "made.js"])
    for ignored in ("server.log", "data/rows.csv", "tests/test_app.py", "lib/deep.log"):
        (code / ignored).write_text("ignored")
    assert not watch.wait(QUIET_S)
    for wanted in ("node_modules/linked.js", "made.js", "lib/data.py"):
        (code / wanted).write_text("wanted")
        assert watch.wait(5), wanted


def test_rules_count_as_soon_as_they_are_saved(code: Path, watching: Callable[..., Watch]) -> None:
    (code / "logs").mkdir()
    watch = watching(code)
    (code / "logs" / "one.txt").touch()
    assert watch.wait(5)
    (code / ".gitignore").write_text("logs/\n")
    assert not watch.wait(QUIET_S)
    (code / "logs" / "two.txt").touch()
    assert not watch.wait(QUIET_S)
    (code / ".gitignore").write_text("")
    assert not watch.wait(QUIET_S)
    (code / "logs" / "three.txt").touch()
    assert watch.wait(5)


def test_what_links_lead_to_is_part_of_the_code(
    code: Path, tmp_path: Path, watching: Callable[..., Watch]
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "util.py").write_text("one")
    (tmp_path / "single.py").write_text("one")
    (code / "shared").symlink_to(shared)
    (code / "single.py").symlink_to(tmp_path / "single.py")
    (code / "up").symlink_to(tmp_path)
    watch = watching(code)
    for file in (shared / "util.py", tmp_path / "single.py"):
        file.write_text("two")
        assert watch.wait(5), file
    (tmp_path / "nobodys.py").touch()
    assert not watch.wait(QUIET_S)


def test_one_root_that_is_inside_an_ignored_folder_of_another(
    code: Path, watching: Callable[..., Watch]
) -> None:
    layer = code / "node_modules" / "layer"
    layer.mkdir(parents=True)
    (code / "node_modules" / "other").mkdir()
    watch = watching(code, layer)
    (layer / "index.js").touch()
    assert watch.wait(5)
    (code / "node_modules" / "other" / "index.js").touch()
    assert not watch.wait(QUIET_S)


# only where the system has events


def test_no_watch_is_spent_on_what_is_ignored(code: Path) -> None:
    (code / ".gitignore").write_text("dist\n")
    for folder in ("node_modules/a/b", "dist/x", "lib/__pycache__", "env/bin", "lib/deep"):
        (code / folder).mkdir(parents=True)
    (code / "env" / "pyvenv.cfg").touch()
    watch = Watch([code], source=Inotify())
    (code / "node_modules" / "c").mkdir()
    (code / "lib" / "node_modules" / "d").mkdir(parents=True)
    watch.changes()
    wanted = {code, code / "lib", code / "lib" / "deep"}
    assert set(watch.folders) == wanted
    # The kernel's own word for it.
    watches = Path(f"/proc/self/fdinfo/{watch.fileno()}").read_text().splitlines()
    inodes = {int(line.split()[2].partition(":")[2], 16) for line in watches if " ino:" in line}
    assert inodes == {folder.stat().st_ino for folder in wanted}
    watch.close()


def test_a_file_that_stays_open_counts_after_a_while(code: Path) -> None:
    watch = Watch([code])
    with (code / "app.py").open("w") as stream:
        stream.write("two")
        stream.flush()
        assert watch.changes() == []
        assert watch.wait(5)
    watch.close()


def test_an_overflow_loses_nothing(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch([code])
    write(code / "app.py")
    (code / "lib" / "helper.py").unlink()
    (code / "new").mkdir()
    (code / "new" / "new.py").touch()
    read = Inotify.read
    monkeypatch.setattr(Inotify, "read", lambda source: read(source) and None)
    found = set(watch.changes())
    monkeypatch.undo()
    assert {change.path.name for change in found} == {"app.py", "helper.py", "new.py"}
    (code / "new" / "new.py").write_text("watched")
    assert watch.changes() == [Change(code, code / "new" / "new.py")]
    watch.close()


@pytest.mark.parametrize("method", ["__init__", "add"])
def test_without_room_for_events_it_looks_again(
    code: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Inotify, method, full)
    said: list[str] = []
    watch = Watch([code], poll_s=0.02, warn=said.append)
    assert said == ["can't watch files (No space left on device): looking every 0.02 s"]
    write(code / "app.py")
    assert watch.wait(5)
    watch.close()


def test_room_that_runs_out_later_is_told_and_looked_past(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    watch = Watch([code], poll_s=0.02, warn=said.append)
    add = Inotify.add

    def full(source: Inotify, folder: Path) -> None:
        if folder.name == "new":
            raise OSError(28, "No space left on device")
        add(source, folder)

    monkeypatch.setattr(Inotify, "add", full)
    (code / "new").mkdir()
    (code / "new" / "new.py").touch()
    assert watch.wait(5)
    (code / "new" / "new.py").write_text("two")
    assert watch.wait(5)
    assert said == [f"can't watch {code / 'new'} (No space left on device); see --polling"]
    watch.close()


def test_there_is_a_bound(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "MAX_FOLDERS", 3)
    for name in "abc":
        (code / name).mkdir()
    said: list[str] = []
    watch = Watch([code], warn=said.append)
    assert len(watch.folders) == 3
    assert "name what is not code in .lambdaignore" in said[0]
    watch.close()


def test_a_loop_is_told_at_once(code: Path) -> None:
    async def scene() -> list[float]:
        watch = Watch([code])
        told: list[float] = []
        loop = asyncio.get_running_loop()
        end = attach(watch, loop, lambda found: told.append(time.perf_counter()))
        took = []
        for number in range(5):
            await asyncio.sleep(0.01)
            (code / "app.py").write_text(f"x = {number}")
            saved = time.perf_counter()
            await aio.until(lambda number=number: len(told) > number)
            took.append(told[-1] - saved)
        end()
        watch.close()
        return took

    assert min(aio.run(scene())) < 0.01


# what is written while it runs


def test_a_log_that_somebody_keeps_open_is_no_save(
    code: Path, watching: Callable[..., Watch]
) -> None:
    with (code / "log.txt").open("w") as log:
        log.write("begin\n")
        log.flush()
        told: list[str] = []
        time.sleep(0.05)
        watch = watching(code, warn=told.append)
        seen = 0
        for number in range(12):
            log.write(f"line {number}\n")
            log.flush()
            seen += watch.wait(0.12)
        # Where nothing tells that it is open, it is known by its growing alone.
        assert seen == (0 if told == [] else 3)
        assert not told or "log.txt only grows, as a log does" in told[0]
        (code / "app.py").write_text("two")
        assert watch.wait(5)


def test_a_file_that_grows_again_and_again_is_a_log_until_it_is_another(code: Path) -> None:
    told: list[str] = []
    (code / "data.txt").write_text("begin\n")
    time.sleep(0.05)
    watch = Watch([code], warn=told.append)

    def add(name: str) -> bool:
        with (code / name).open("a") as file:
            file.write("more\n")
        return watch.wait(QUIET_S)

    assert [add("data.txt") for _ in range(5)] == [True, True, True, False, False]
    assert told == [f"{code}/data.txt only grows, as a log does: it counts as code no longer"]
    (code / "data.txt").write_text("another\n")
    assert watch.wait(5)
    assert all(add("app.py") for _ in range(5))
    assert len(told) == 1
    watch.close()
