"""The lock file of images, and what a run does once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lambdactl.errors import EnvironmentStoppedError, UserError
from lambdactl.execution.containers import locking, runs
from lambdactl.execution.containers.runs import Event, Run

DIGEST = "sha256:" + "0" * 64


def test_what_is_recorded_is_found(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert locking.digest(lock, "a:1") is None
    locking.record(lock, "b:1", DIGEST)
    locking.record(lock, "a:1", DIGEST)
    assert locking.digest(lock, "a:1") == DIGEST
    assert list(json.loads(lock.read_text())["images"]) == ["a:1", "b:1"]
    assert lock.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text("\n")
    locking.record(lock, "a:1", DIGEST)
    assert locking.digest(lock, "a:1") == DIGEST


def test_many_record_at_once(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    names = [f"image:{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: locking.record(lock, name, DIGEST), names))
    assert sorted(json.loads(lock.read_text())["images"]) == sorted(names)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"version": 2, "images": {}}',
        '{"version": 1, "images": []}',
        '{"version": 1, "images": {"a": 1}}',
        '{"version": 1, "images": {"a": "latest"}}',
        "\x00\ud800",
        "nothing",
    ],
)
def test_what_is_no_lock_file_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    lock = tmp_path / "lock"
    lock.write_bytes(text.encode("utf-8", "surrogatepass"))
    before = lock.read_bytes()
    with pytest.raises(UserError, match="not a lock file of images"):
        locking.digest(lock, "a")
    with pytest.raises(UserError, match="not a lock file of images"):
        locking.record(lock, "a", DIGEST)
    assert lock.read_bytes() == before


def test_a_folder_is_no_lock_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't read"):
        locking.digest(tmp_path, "a")


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't write"):
        locking.record(tmp_path / "file" / "lock", "a", DIGEST)


# runs


def test_a_sentence_is_told_once_a_run(tmp_path: Path) -> None:
    told: list[str] = []
    for _ in range(3):
        tell = runs.of(tmp_path).once(told.append)
        tell("one")
        tell("two")
    assert told == ["one", "two"]
    runs.end(tmp_path)
    runs.of(tmp_path).once(told.append)("one")
    assert told == ["one", "two", "one"]
    runs.end(tmp_path)


def test_events_come_in_order_and_errors_at_their_place() -> None:
    def ask() -> Iterator[Event]:
        yield {"n": 1}
        yield {"n": 2}
        raise ValueError("broken")

    seen: list[Event] = []
    with pytest.raises(ValueError, match="broken"):
        seen.extend(Run().events(ask))
    assert list(Run().events(lambda: [{"n": 1}, {"n": 2}])) == [{"n": 1}, {"n": 2}]


def test_an_empty_event_does_not_end_them() -> None:
    assert list(Run().events(lambda: [{}, {"n": 1}])) == [{}, {"n": 1}]


def test_the_end_of_a_run_wakes_who_waits(tmp_path: Path) -> None:
    silent = threading.Event()

    def ask() -> Iterator[Event]:
        yield {"n": 1}
        silent.wait(10)

    run = runs.of(tmp_path)
    threading.Timer(0.05, runs.end, [tmp_path]).start()
    begun = time.monotonic()
    with pytest.raises(EnvironmentStoppedError):
        list(run.events(ask))
    assert time.monotonic() - begun < 5
    silent.set()
    with pytest.raises(EnvironmentStoppedError):
        list(run.events(lambda: [{"n": 1}]))
