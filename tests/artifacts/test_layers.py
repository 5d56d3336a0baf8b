"""Layers, one over the other: https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lambdactl.artifacts import merge
from lambdactl.errors import UserError

Make = Callable[..., Path]


@pytest.fixture
def layer(tmp_path: Path) -> Make:
    """``layer("one", **{"bin/x": "..."})`` is a folder; a value of None is an empty folder in it,
    one that begins with ``->`` a link."""

    def make(name: str, **files: str | None) -> Path:
        root = tmp_path / name
        root.mkdir()
        for path, text in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                target.mkdir()
            elif text.startswith("->"):
                target.symlink_to(text[2:])
            else:
                target.write_text(text)
        return root

    return make


@pytest.fixture
def opt(tmp_path: Path) -> Path:
    return tmp_path / "work" / "opt"


def zipped(folder: Path) -> Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.rglob("*")):
            opened.write(path, path.relative_to(folder))
    return archive


def tree(folder: Path) -> dict[str, str | None]:
    return {
        str(path.relative_to(folder)): f"->{path.readlink()}"
        if path.is_symlink()
        else (None if path.is_dir() else path.read_text())
        for path in sorted(folder.rglob("*"))
    }


def test_a_single_folder_is_used_where_it_lies(layer: Make, opt: Path) -> None:
    one = layer("one", **{"python/lib.py": "1"})
    assert merge([one], opt) == one
    assert not opt.exists()


def test_layers_come_together_and_the_last_one_wins(layer: Make, opt: Path) -> None:
    one = layer("one", **{"python/lib.py": "1", "python/only_one.py": "1", "bin/tool": "1"})
    two = layer("two", **{"python/lib.py": "2", "python/sub/two.py": "2", "lib": None})
    three = layer("three", **{"python/lib.py": "3"})
    together = {
        "bin": None,
        "bin/tool": "1",
        "lib": None,
        "python": None,
        "python/only_one.py": "1",
        "python/sub": None,
        "python/sub/two.py": "2",
    }
    assert tree(merge([one, two, three], opt)) == {**together, "python/lib.py": "3"}
    assert tree(merge([three, two, one], opt.with_name("b"))) == {**together, "python/lib.py": "1"}
    assert tree(one)["python/lib.py"] == "1"  # the sources are as they were


def test_archives_and_folders_mix(layer: Make, opt: Path) -> None:
    one = zipped(layer("one", a="1", b="1"))
    two = layer("two", b="2", c="2")
    three = zipped(layer("three", c="3"))
    assert tree(merge([one, two, three], opt)) == {"a": "1", "b": "2", "c": "3"}
    assert [path.name for path in opt.parent.iterdir()] == ["opt"]


def test_archives_lie_over_each_other_as_folders_do(layer: Make, opt: Path) -> None:
    one = layer("one", **{"x/deep/file": "1", "y": "1", "z/kept": "1", "l": "->z", "same/a": "1"})
    two = layer("two", **{"x": "2", "y/deep": "2", "z/new": "2", "l/b": "2", "same/a": "2"})
    assert tree(merge([one, zipped(two)], opt)) == {
        "l": None,
        "l/b": "2",
        "same": None,
        "same/a": "2",
        "x": "2",
        "y": None,
        "y/deep": "2",
        "z": None,
        "z/kept": "1",
        "z/new": "2",
    }
    assert [path.name for path in opt.parent.iterdir()] == ["opt"]


def test_a_single_archive_is_unpacked(layer: Make, opt: Path) -> None:
    assert merge([zipped(layer("one", a="1"))], opt) == opt
    assert tree(opt) == {"a": "1"}


def test_a_file_takes_the_place_of_a_folder_and_a_folder_of_a_file(layer: Make, opt: Path) -> None:
    folder = layer("one", **{"x/deep/file": "1"})
    file = layer("two", x="2")
    assert tree(merge([folder, file], opt)) == {"x": "2"}
    assert tree(merge([file, folder], opt.with_name("b"))) == {
        "x": None,
        "x/deep": None,
        "x/deep/file": "1",
    }


def test_links_stay_links_and_nothing_is_written_through_them(
    layer: Make, opt: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    one = layer("one", **{"real/a": "1", "lib": "->real", "out": f"->{outside}", "a": "->real/a"})
    two = layer("two", **{"lib/b": "2", "out/precious": "overwritten", "a": "2"})
    assert tree(merge([one, two], opt)) == {
        "a": "2",
        "lib": None,
        "lib/b": "2",
        "out": None,
        "out/precious": "overwritten",
        "real": None,
        "real/a": "1",
    }
    assert (outside / "precious").read_text() == "precious"
    assert tree(merge([two, one], opt.with_name("b"))) == {
        "a": "->real/a",
        "lib": "->real",
        "out": f"->{outside}",
        "real": None,
        "real/a": "1",
    }


def test_programs_stay_programs(layer: Make, opt: Path) -> None:
    one, two = layer("one", tool="1"), layer("two", other="2")
    (one / "tool").chmod(0o755)
    merge([one, two], opt)
    assert stat.S_IMODE((opt / "tool").stat().st_mode) == 0o755


def test_merging_again_changes_nothing(layer: Make, opt: Path) -> None:
    layers = [layer("one", **{"x/a": "1", "l": "->x"}), layer("two", **{"x/a": "2"})]
    first = tree(merge(layers, opt))
    assert tree(merge(layers, opt)) == first


def test_no_layers_are_an_empty_folder(opt: Path) -> None:
    assert tree(merge([], opt)) == {}


def test_a_layer_that_is_not_there_is_the_users_mistake(layer: Make, opt: Path) -> None:
    with pytest.raises(UserError, match="missing does not exist"):
        merge([layer("one", a="1"), opt.parent / "missing"], opt)


def test_a_layer_that_is_neither_folder_nor_archive_is_the_users_mistake(
    layer: Make, opt: Path
) -> None:
    text = layer("one", a="1") / "a"
    with pytest.raises(UserError, match="not a readable zip"):
        merge([text], opt)
    assert tree(opt) == {}
    assert [path.name for path in opt.parent.iterdir()] == ["opt"]


def test_a_layer_with_something_that_is_no_file_is_the_users_mistake(
    layer: Make, opt: Path
) -> None:
    one, two = layer("one", a="1"), layer("two", b="2")
    os.mkfifo(two / "pipe")
    with pytest.raises(UserError, match="pipe"):
        merge([one, two], opt)
