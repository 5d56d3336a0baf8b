"""Zips: the same bytes whatever the machine, whole or not there, nothing in them that leads out."""

from __future__ import annotations

import base64
import hashlib
import locale
import os
import random
import stat
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.artifacts import archive, gather, unpack
from lambdactl.artifacts.model import Entry, Tree
from lambdactl.errors import UserError

PART = st.text(
    st.characters(exclude_characters="/\\\0", exclude_categories=["Cs"]), min_size=1, max_size=12
).filter(lambda part: part not in {".", ".."} and len(part.encode()) < 200)
CONTENT = st.one_of(st.binary(max_size=200), st.binary(max_size=20).map(lambda some: some * 5000))


@st.composite
def files(draw: st.DrawFn) -> dict[str, bytes]:
    """Names that can be together in one folder, with content."""
    names = draw(st.lists(st.lists(PART, min_size=1, max_size=3).map("/".join), max_size=8))
    found: dict[str, bytes] = {}
    for name in names:
        parents = {name.rsplit("/", depth)[0] for depth in range(1, name.count("/") + 1)}
        if parents.isdisjoint(found) and not any(one.startswith(name + "/") for one in found):
            found[name] = draw(CONTENT)
    return found


@contextmanager
def another_machine(umask: int, zone: str, words: str) -> Iterator[None]:
    before, zone_before = os.umask(umask), os.environ.get("TZ")
    words_before = locale.setlocale(locale.LC_ALL)
    os.environ["TZ"] = zone
    time.tzset()
    locale.setlocale(locale.LC_ALL, words)
    try:
        yield
    finally:
        os.umask(before)
        locale.setlocale(locale.LC_ALL, words_before)
        os.environ.pop("TZ")
        if zone_before is not None:
            os.environ["TZ"] = zone_before
        time.tzset()


def write(folder: Path, content: Mapping[str, bytes], executables: frozenset[str]) -> None:
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if name in executables:
            path.chmod(path.stat().st_mode | 0o100)


def tree_of(folder: Path, *names: str) -> Tree:
    entries = []
    for name in names:
        path = folder / f"source-{len(entries)}"
        path.write_bytes(name.encode("utf-8", "surrogatepass"))
        entries.append(Entry(name, path, path.stat().st_size))
    return Tree(tuple(entries))


@given(content=files(), data=st.data())
def test_the_same_files_are_the_same_bytes_on_any_machine(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, bytes], data: st.DataObject
) -> None:
    around = tmp_path_factory.mktemp("machines")
    executables = frozenset(data.draw(st.sets(st.sampled_from(sorted(content)))) if content else ())
    results = []
    machines = [(0o022, "UTC", "C"), (0o077, "Asia/Kolkata", "C.UTF-8"), (0, "XYZ+11", "POSIX")]
    for number, machine in enumerate(machines):
        folder = around / f"clone-{number}"
        folder.mkdir()
        names = data.draw(st.permutations(sorted(content)))
        with another_machine(*machine):
            write(folder, {name: content[name] for name in names}, executables)
            for path in folder.rglob("*"):
                os.utime(path, (number * 1e8, number * 1e9))
            tree = gather.everything(folder)
            entries = data.draw(st.permutations(tree.entries))
            made = around / f"{number}.zip"
            size, digest = archive.write(Tree(tuple(entries)), made)
        zipped = made.read_bytes()
        assert size == len(zipped)
        assert base64.b64decode(digest) == hashlib.sha256(zipped).digest()
        results.append(zipped)
    assert results[0] == results[1] == results[2]
    (around / "again").mkdir()
    unpack(made, around / "again")
    with zipfile.ZipFile(made) as opened:
        assert opened.testzip() is None
        assert {one.filename: opened.read(one) for one in opened.infolist()} == {
            name: data
            for name, data in content.items()
            if not {"__pycache__", ".git"} & set(name.split("/"))
        }
        assert [one.filename for one in opened.infolist()] == sorted(opened.namelist())
        for one in opened.infolist():
            assert one.date_time == (1980, 1, 1, 0, 0, 0)
            mode = 0o755 if one.filename in executables else 0o644
            assert one.external_attr >> 16 == stat.S_IFREG | mode
            assert (around / "again" / one.filename).stat().st_mode == stat.S_IFREG | mode


def test_names_are_utf_8_in_a_locale_that_is_not(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "grün.txt").write_bytes(b"x")
    program = (
        "import sys; from pathlib import Path; from lambdactl.artifacts import archive, gather\n"
        "print(archive.write(gather.tree(Path(sys.argv[1])), Path(sys.argv[2])), end='')"
    )
    told = set()
    for extra in ({"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}):
        env = {**os.environ, **extra, "PYTHONUTF8": "0" if "COERCE" in str(extra) else "1"}
        command = [sys.executable, "-c", program, tmp_path / "code", tmp_path / "x.zip"]
        told.add(subprocess.run(command, env=env, check=True, capture_output=True).stdout)
    assert len(told) == 1
    assert zipfile.ZipFile(tmp_path / "x.zip").namelist() == ["grün.txt"]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of some kilobytes are large ones."""
    monkeypatch.setattr(archive, "WHOLE", 100_000)
    monkeypatch.setattr(archive, "PIECE", 40_000)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("size", [0, 1, 99_999, 100_000, 100_001, 120_000, 400_001])
@pytest.mark.parametrize("kind", ["text", "random", "both"])
def test_large_files_come_out_as_they_went_in(tmp_path: Path, size: int, kind: str) -> None:
    some = random.Random(size)
    text = b"".join(b"%d bottles of beer\n" % (n // 3) for n in range(size // 10))[:size]
    noise = some.randbytes(size)
    data = {"text": text, "random": noise, "both": (text[:150_000] + noise)[:size]}[kind]
    (tmp_path / "large").write_bytes(data)
    tree = Tree((Entry("large", tmp_path / "large", len(data)),))
    archive.write(tree, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert opened.read("large") == data
        assert opened.infolist()[0].compress_size <= len(data) + 100 + len(data) // 1000
    archive.expand(tree, tmp_path / "expanded")
    assert (tmp_path / "expanded" / "large").read_bytes() == data


def test_memory_stays_flat_on_a_large_file(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    tree = Tree((Entry("large", tmp_path / "large", 100 * 1024 * 1024),))
    tracemalloc.start()
    try:
        archive.write(tree, tmp_path / "a.zip")
        assert tracemalloc.get_traced_memory()[1] < 40 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_what_is_packed_already_is_not_packed_again(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(os.urandom(3_000_000))
    (tmp_path / "code.py").write_bytes(b"print('hello')\n" * 100)
    archive.write(gather.tree(tmp_path), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert opened.getinfo("photo.jpg").compress_type == zipfile.ZIP_STORED
        assert opened.getinfo("code.py").compress_type == zipfile.ZIP_DEFLATED


@pytest.mark.slow
def test_more_files_than_an_old_zip_can_count(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    tree = Tree(tuple(Entry(f"{n:05}", tmp_path / "x", 1) for n in range(66_000)))
    archive.write(tree, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert len(opened.namelist()) == 66_000
        assert opened.read("65999") == b"x"


HOSTILE = ["../up", "a/../../up", "/etc/passwd", "..", "", ".", "a//b", "a/./b", "a\\b", "a/", "\0"]


@pytest.mark.parametrize("name", [*HOSTILE, "..\\up", "x\udcff", "\ud800", "n" * 70_000])
def test_names_that_lead_out_or_are_none_are_refused(tmp_path: Path, name: str) -> None:
    tree = tree_of(tmp_path, "fine", name)
    for act in (archive.write, archive.expand):
        with pytest.raises(UserError) as caught:
            act(tree, tmp_path / "made")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a/b/c", "a/b"), ("a", "a-", "a/b")])
def test_names_that_can_not_be_together_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(UserError):
        archive.write(tree_of(tmp_path, *names), tmp_path / "a.zip")


@pytest.mark.parametrize("change", ["longer", "shorter", "gone", "a folder"])
@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("size", [10, 200_000])
def test_a_file_that_changes_meanwhile_leaves_no_half_archive(
    tmp_path: Path, change: str, size: int
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "a.py").write_bytes(b"print()")
    (code / "b.py").write_bytes(bytes(size))
    tree = gather.tree(code)
    if change in ("longer", "shorter"):
        os.truncate(code / "b.py", size + (1 if change == "longer" else -1))
    else:
        (code / "b.py").unlink()
        if change == "a folder":
            (code / "b.py").mkdir()
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a.zip").write_bytes(b"the one before")
    with pytest.raises(UserError, match=r"b\.py"):
        archive.write(tree, tmp_path / "made" / "a.zip")
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["a.zip"]
    assert (tmp_path / "made" / "a.zip").read_bytes() == b"the one before"


def test_where_nothing_can_be_written_the_user_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    tree = tree_of(tmp_path, "a")
    with pytest.raises(UserError, match="cannot write"):
        archive.write(tree, tmp_path / "file" / "a.zip")
    with pytest.raises(UserError, match="cannot write"):
        archive.expand(tree, tmp_path / "file")


def test_an_expanded_tree_is_the_unpacked_zip(tmp_path: Path) -> None:
    code = tmp_path / "code"
    write(code, {"app.py": b"x", "a/b/run": b"#!", "a/empty": b""}, frozenset({"a/b/run"}))
    (code / "link").symlink_to("a/b")
    tree = gather.tree(code)
    archive.write(tree, tmp_path / "a.zip")
    (tmp_path / "unpacked").mkdir()
    unpack(tmp_path / "a.zip", tmp_path / "unpacked")
    before = os.umask(0o077)
    try:
        archive.expand(tree, tmp_path / "expanded")
    finally:
        os.umask(before)
    for folder in ("unpacked", "expanded"):
        made = tmp_path / folder
        found = {
            str(path.relative_to(made)): (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
            for path in made.rglob("*")
            if path.is_file()
        }
        assert found == {
            "app.py": (b"x", 0o644),
            "a/b/run": (b"#!", 0o755),
            "a/empty": (b"", 0o644),
            "link/run": (b"#!", 0o755),
        }
    assert not any(path.is_symlink() for path in (tmp_path / "expanded").rglob("*"))
    (code / "app.py").write_bytes(b"changed")
    assert (tmp_path / "expanded" / "app.py").read_bytes() == b"x"
