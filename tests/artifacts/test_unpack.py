"""Hostile archives: whatever they hold, nothing is written outside the folder."""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdactl.artifacts import unpack
from lambdactl.artifacts.unpack import MAX_UNPACKED_BYTES
from lambdactl.errors import UserError

Entry = tuple[str | zipfile.ZipInfo, bytes]
Build = Callable[..., Path]


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def link(name: str, target: str) -> Entry:
    return entry(name, stat.S_IFLNK | 0o777), target.encode()


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """``build(("app.py", b"..."), ...)`` is a zip with those entries."""

    def make(*entries: Entry, compression: int = zipfile.ZIP_STORED) -> Path:
        path = tmp_path / "function.zip"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, data in entries:
                archive.writestr(name, data)
        return path

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where archives go; beside it lies what they must not touch."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("precious")
    (tmp_path / "inside").mkdir()
    return tmp_path / "inside"


def refused(archive: Path, folder: Path) -> str:
    """The error, after a look that nothing outside was touched."""
    around = {path for path in folder.parent.rglob("*") if not path.is_relative_to(folder)}
    with pytest.raises(UserError) as caught:
        unpack(archive, folder)
    assert (folder.parent / "outside" / "precious").read_text() == "precious"
    after = {path for path in folder.parent.rglob("*") if not path.is_relative_to(folder)}
    assert after == around
    assert str(archive) in caught.value.message
    return caught.value.message


def tree(folder: Path) -> dict[str, bytes | str | None]:
    """Every path below ``folder``: a file's bytes, a link's target, None for a folder."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else (None if path.is_dir() else path.read_bytes())
        for path in sorted(folder.rglob("*"))
    }


# ordinary ones


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_folders_and_links_come_out_as_they_went_in(
    build: Build, folder: Path, compression: int
) -> None:
    archive = build(
        ("app.py", b"print()"),
        (entry("empty/", stat.S_IFDIR | 0o755), b""),
        ("a/b/deep.txt", b"x" * 3_000_000),
        link("lib", "a/b"),
        link("a/up.py", "../app.py"),
        ("grün.txt", b""),
        compression=compression,
    )
    unpack(archive, folder)
    assert tree(folder) == {
        "app.py": b"print()",
        "empty": None,
        "a": None,
        "a/b": None,
        "a/b/deep.txt": b"x" * 3_000_000,
        "a/up.py": "../app.py",
        "lib": "a/b",
        "grün.txt": b"",
    }


@pytest.mark.parametrize(
    ("recorded", "mode"),
    [
        (0o644, 0o644),
        (0o755, 0o755),
        (0o600, 0o600),
        (0o777, 0o755),
        (0o4755, 0o755),
        (0o000, 0o400),
        (0o444, 0o444),
        (0o111, 0o511),
    ],
)
def test_modes_are_kept_but_for_what_endangers_others(
    build: Build, folder: Path, recorded: int, mode: int
) -> None:
    unpack(build((entry("bootstrap", stat.S_IFREG | recorded), b"")), folder)
    assert stat.S_IMODE((folder / "bootstrap").stat().st_mode) == mode


def test_an_archive_made_without_modes_has_readable_files(build: Build, folder: Path) -> None:
    archive = build(("app.py", b""))
    data = bytearray(archive.read_bytes())
    attributes = data.index(b"PK\x01\x02") + 38
    data[attributes : attributes + 4] = bytes(4)
    archive.write_bytes(data)
    unpack(archive, folder)
    assert stat.S_IMODE((folder / "app.py").stat().st_mode) == 0o644


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_entries_with_one_name_the_last_wins(build: Build, folder: Path) -> None:
    archive = build(
        (entry("app.py", stat.S_IFREG | 0o444), b"a longer first one"),
        ("app.py", b"second"),
        link("lib", "app.py"),
        ("lib", b"no link any more"),
    )
    unpack(archive, folder)
    assert tree(folder) == {"app.py": b"second", "lib": b"no link any more"}


def test_an_empty_archive_is_one(build: Build, folder: Path) -> None:
    unpack(build(), folder)
    assert tree(folder) == {}


def test_links_may_come_before_what_they_point_at(build: Build, folder: Path) -> None:
    archive = build(link("lib", "real"), link("again", "lib/x.py"), ("real/x.py", b"found"))
    unpack(archive, folder)
    assert (folder / "again").read_bytes() == b"found"


# hostile ones


@pytest.mark.parametrize(
    "name",
    [
        "../outside/precious",
        "a/../../outside/precious",
        "..",
        "a/..",
        "/etc/passwd",
        "//outside/precious",
        "..\\outside\\precious",
        "C:\\windows\\system32",
        "a\\b",
    ],
)
def test_a_name_that_leads_outside_is_refused(build: Build, folder: Path, name: str) -> None:
    assert "outside its own folder" in refused(build((name, b"evil")), folder)


@pytest.mark.parametrize(
    "target", ["../outside", "/etc", "a/../../outside", "..", "a/b/../../..", "x/../../outside"]
)
def test_a_link_that_leads_outside_is_refused(build: Build, folder: Path, target: str) -> None:
    assert "leads outside" in refused(build(link("out", target)), folder)


def test_nothing_is_written_through_a_link(build: Build, folder: Path) -> None:
    # Each link for itself leads inside; only both together lead out.
    archive = build(link("a", "x/.."), link("x", "."), ("a/outside/precious", b"evil"))
    refused(archive, folder)


def test_links_that_lead_out_together_are_refused(build: Build, folder: Path) -> None:
    assert "leads outside" in refused(build(link("a", "x/.."), link("x", ".")), folder)


def test_a_link_that_was_there_before_is_not_followed(build: Build, folder: Path) -> None:
    (folder / "lib").symlink_to(folder.parent / "outside")
    refused(build(("lib/precious", b"evil")), folder)
    unpack(build(("lib", b"a file now")), folder)
    assert (folder.parent / "outside" / "precious").read_text() == "precious"


@pytest.mark.parametrize("targets", [["a"], ["b", "a"], ["a/x"]])
def test_links_in_a_circle_lead_nowhere(build: Build, folder: Path, targets: list[str]) -> None:
    links = dict(zip("ab", targets, strict=False))
    unpack(build(*(link(name, target) for name, target in links.items())), folder)
    assert tree(folder) == links
    refused(build(link("a", "a"), ("a/x", b"evil")), folder)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_special_files_are_refused(build: Build, folder: Path, kind: int) -> None:
    assert "special file" in refused(build((entry("x", kind | 0o644), b"")), folder)


def test_more_than_lambda_allows_is_refused_before_anything_is_written(
    build: Build, folder: Path
) -> None:
    half = bytes(MAX_UNPACKED_BYTES // 2 + 1)
    archive = build(("a", half), ("b", half), compression=zipfile.ZIP_DEFLATED)
    assert archive.stat().st_size < 1_000_000
    assert "250 MB" in refused(archive, folder)
    assert tree(folder) == {}


def test_an_entry_that_is_larger_than_it_says_is_refused(build: Build, folder: Path) -> None:
    size = 5_000_000
    archive = build(("bomb", bytes(size)), compression=zipfile.ZIP_DEFLATED)
    data = archive.read_bytes()
    told, claimed = struct.pack("<L", size), struct.pack("<L", 10)
    assert data.count(told) == 2  # in the entry's own header and in the directory
    archive.write_bytes(data.replace(told, claimed))
    assert "not a readable zip" in refused(archive, folder)
    assert sum(path.stat().st_size for path in folder.rglob("*")) <= 10


def test_an_encrypted_archive_is_refused(build: Build, folder: Path) -> None:
    archive = build(("secret.py", b"print()"))
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    archive.write_bytes(data)
    assert "encrypted" in refused(archive, folder)


def test_a_compression_that_nobody_knows_is_refused(build: Build, folder: Path) -> None:
    archive = build(("app.py", b"print()"))
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + offset] = 97
    archive.write_bytes(data)
    refused(archive, folder)


def test_names_that_are_no_utf_8_are_refused(build: Build, folder: Path) -> None:
    archive = build(("gr\u00fcn.py", b""))
    archive.write_bytes(archive.read_bytes().replace("\u00fc".encode(), b"\xff\xff"))
    refused(archive, folder)


@pytest.mark.parametrize("target", ["a\0b", "x" * 5000, ""])
def test_a_link_to_no_possible_name_is_refused(build: Build, folder: Path, target: str) -> None:
    refused(build(link("odd", target)), folder)


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000 + "x"])
def test_a_name_that_no_file_can_have_is_refused(build: Build, folder: Path, name: str) -> None:
    refused(build((name, b"")), folder)


def test_a_file_and_a_folder_of_one_name_are_refused(build: Build, folder: Path) -> None:
    refused(build(("a", b"a file"), ("a/b", b"in a folder")), folder)


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04", b"PK\x05\x06" + bytes(10)])
def test_what_is_no_zip_is_refused(folder: Path, data: bytes) -> None:
    archive = folder.parent / "function.zip"
    archive.write_bytes(data)
    refused(archive, folder)


def test_a_missing_archive_is_the_users_mistake(folder: Path) -> None:
    refused(folder.parent / "missing.zip", folder)


def whole() -> bytes:
    """A zip with something of everything."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app.py", b"print('hello')\n" * 50)
        archive.writestr(*link("lib", "app.py"))
        archive.writestr("a/b.txt", zlib.compress(b"x" * 100))
    return buffer.getvalue()


@settings(max_examples=150, deadline=None)
@given(
    cut=st.integers(0, len(whole())),
    place=st.integers(0, len(whole()) - 1),
    byte=st.binary(min_size=1, max_size=1),
)
def test_no_damage_is_more_than_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, cut: int, place: int, byte: bytes
) -> None:
    around = tmp_path_factory.mktemp("damaged")
    for number, data in enumerate((whole()[:cut], whole()[:place] + byte + whole()[place + 1 :])):
        archive, folder = around / f"{number}.zip", around / f"folder-{number}"
        archive.write_bytes(data)
        folder.mkdir()
        with contextlib.suppress(UserError):
            unpack(archive, folder)
    assert {path.name for path in around.iterdir()} == {"0.zip", "folder-0", "1.zip", "folder-1"}
