"""Installations that builds share: made once, never half, never gone while somebody reads."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lambdactl.artifacts import cache, installing
from lambdactl.artifacts.children import GivenUp
from lambdactl.artifacts.model import Installed, Package, Target, Work
from lambdactl.errors import BuildError

KEYS = [f"{number:040x}" for number in range(100)]


class Builder:
    """One build, with its scratch and its store."""

    def __init__(self, root: Path, *, use: bool = True) -> None:
        self.scratch = root / "scratch" / f"{len(list(root.glob('scratch/*')))}"
        self.scratch.mkdir(parents=True)
        self.store = installing.Store(root / "store", self.scratch, use=use)
        self.work = Work(root / "tools", self.scratch, {})
        self.made: list[str] = []

    def get(self, key: str = KEYS[0], content: str = "content") -> Installed:
        def make(into: Path, work: Work) -> Installed:
            self.made.append(key)
            (into / "package").mkdir()
            (into / "package" / "file").write_text(content)
            return Installed(into, (Package("package", "1.0", 7, ("other",), direct=True),))

        return self.store.get(key, make, self.work)


def content(installed: Installed) -> str:
    return (installed.folder / "package" / "file").read_text()


def test_the_next_build_finds_it(tmp_path: Path) -> None:
    first, second = Builder(tmp_path), Builder(tmp_path)
    with first.store:
        made = first.get()
    with second.store:
        assert second.get() == made
    assert made.folder == tmp_path / "store" / KEYS[0] / "tree"
    assert (first.made, second.made) == ([KEYS[0]], [])


def test_in_one_build_it_is_made_once_for_all_threads(tmp_path: Path) -> None:
    for use in (True, False):
        builder = Builder(tmp_path, use=use)
        with builder.store, ThreadPoolExecutor(8) as pool:
            found = list(pool.map(builder.get, [KEYS[0]] * 32))
        assert builder.made == [KEYS[0]]
        assert {one.folder for one in found} == {tmp_path / "store" / KEYS[0] / "tree"}


def test_two_builds_at_once_make_it_once(tmp_path: Path) -> None:
    builders = [Builder(tmp_path) for _ in range(8)]

    def use(builder: Builder) -> str:
        with builder.store:
            return content(builder.get())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(use, builders)) == {"content"}
    assert [key for builder in builders for key in builder.made] == [KEYS[0]]


def test_made_anew_it_is_not_pulled_from_under_a_reader(tmp_path: Path) -> None:
    reader, anew = Builder(tmp_path), Builder(tmp_path, use=False)
    with reader.store, anew.store:
        read = reader.get(content="old")
        made = anew.get(content="new")
        assert (content(read), content(made)) == ("old", "new")
        assert made.folder.is_relative_to(anew.scratch)
    later = Builder(tmp_path, use=False)
    with later.store:
        later.get(content="new")
    assert (tmp_path / "store" / KEYS[0] / "tree/package/file").read_text() == "new"


def test_old_ones_are_forgotten_but_none_that_is_used(tmp_path: Path) -> None:
    for number, key in enumerate(KEYS[: installing.MOST]):
        old = Builder(tmp_path)
        with old.store:
            old.get(key)
        os.utime(tmp_path / "store" / key, (number, number))
    (tmp_path / "store" / "notes").mkdir()
    reader, maker = Builder(tmp_path), Builder(tmp_path)
    with reader.store, maker.store:
        used = reader.get(KEYS[1])
        os.utime(tmp_path / "store" / KEYS[1], (1, 1))
        for key in KEYS[installing.MOST : installing.MOST + 3]:
            maker.get(key)
        assert content(used) == "content"
    left = {path.name for path in (tmp_path / "store").iterdir()}
    assert left.isdisjoint({KEYS[0], f"{KEYS[0]}.lock", KEYS[2], f"{KEYS[2]}.lock"})
    assert {"notes", KEYS[1], f"{KEYS[1]}.lock", KEYS[3]} <= left


def test_more_than_are_kept_are_all_there_for_the_build_that_uses_them(tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    with builder.store:
        found = [builder.get(key) for key in KEYS[: installing.MOST + 5]]
        assert {content(one) for one in found} == {"content"}


@pytest.mark.parametrize("damage", ["packages.json", "tree", "broken", "other", "odd"])
def test_half_an_installation_is_none(tmp_path: Path, damage: str) -> None:
    first, second = Builder(tmp_path), Builder(tmp_path)
    with first.store:
        first.get()
    folder = tmp_path / "store" / KEYS[0]
    notes = folder / "packages.json"
    if damage == "packages.json":
        notes.unlink()
    elif damage == "tree":
        (folder / "tree").rename(tmp_path / "tree")
    else:
        notes.write_text({"broken": "[{", "other": '[{"name": "x"}]', "odd": "7"}[damage])
    with second.store:
        assert content(second.get()) == "content"
    assert second.made == [KEYS[0]]


def test_what_fails_is_not_kept(tmp_path: Path) -> None:
    builder = Builder(tmp_path)

    def fail(into: Path, work: Work) -> Installed:
        (into / "half").touch()
        raise BuildError("it failed", b"")

    with builder.store:
        with pytest.raises(BuildError):
            builder.store.get(KEYS[0], fail, builder.work)
        assert not (tmp_path / "store" / KEYS[0]).exists()
        assert content(builder.get()) == "content"


def test_who_waits_for_another_build_can_give_up(tmp_path: Path) -> None:
    other, waiting = Builder(tmp_path), Builder(tmp_path)
    begun, go = threading.Event(), threading.Event()

    def make(into: Path, work: Work) -> Installed:
        begun.set()
        go.wait(10)
        return Installed(into, ())

    with ThreadPoolExecutor(2) as pool:
        making = pool.submit(other.store.get, KEYS[0], make, other.work)
        begun.wait(10)
        waits = pool.submit(waiting.get)
        waiting.work.children.end()
        with pytest.raises(GivenUp):
            waits.result(10)
        go.set()
        making.result(10)
    other.store.__exit__(None, None, None)


def test_an_installation_from_elsewhere_is_moved_in(tmp_path: Path) -> None:
    builder = Builder(tmp_path)

    def make(into: Path, work: Work) -> Installed:
        own = work.scratch / "own"
        own.mkdir()
        (own / "file").write_text("own")
        return Installed(own, ())

    with builder.store:
        found = builder.store.get(KEYS[0], make, builder.work)
        assert (found.folder / "file").read_text() == "own"
        assert found.folder == tmp_path / "store" / KEYS[0] / "tree"


def test_the_key_is_made_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target("python3.13", "x86_64")

    def keys() -> set[str]:
        return {
            installing.key("python", b"one", target),
            installing.key("node", b"one", target),
            installing.key("python", b"two", target),
            installing.key("python", b"one", Target("python3.12", "x86_64")),
            installing.key("python", b"one", Target("python3.13", "arm64")),
            installing.key("python", b"one", target, inside="sha256:1"),
        }

    before = keys()
    assert len(before) == 6
    monkeypatch.setattr(installing, "__version__", "0.0.0")
    assert before.isdisjoint(keys())


def test_folders_that_may_not_be_written_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inside").mkdir(parents=True)
    (folder / "inside" / "file").touch()
    (folder / "inside").chmod(0o500)
    folder.chmod(0o500)
    cache.remove(folder)
    assert not folder.exists()
