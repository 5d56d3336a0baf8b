"""What a build finds again of the last one, and what it must not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lambdactl.artifacts import cache
from tests.artifacts.projects import HANDLER, Project, inside


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    return project.put({"src/app.py": HANDLER, "src/data.txt": "data"}).manifest({"hello": {}})


def settled(project: Project) -> None:
    """Build when the sources are older than the steps of the clock."""
    time.sleep(0.06)
    project.build()


def reads(project: Project) -> list[str]:
    """The files of the project whose content is read in a build, in a process of its own."""
    script = f"""
import json, sys
from pathlib import Path
from tests.artifacts.projects import Project
from tests.artifacts.test_cache import reads_here
print(json.dumps(reads_here(Project(Path({str(project.root)!r})))))
"""
    # Not by multiprocessing: it leaves a process behind, which other tests would take for theirs.
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(done.stdout)
    return found


def reads_here(project: Project) -> list[str]:
    read: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | Path):
            read.append(str(arguments[0]))

    app = project.app()
    sys.addaudithook(hook)
    from lambdactl.artifacts import builds
    from tests import aio

    built = aio.run(builds.build(app, folder=project.folder, shell=project.shell()))
    assert all(one.cached for one in built.artifacts)
    return [path for path in read if path.startswith(str(project.root))]


def test_an_unchanged_build_reads_and_writes_nothing_but_its_notes(project: Project) -> None:
    # Of files with endings that say nothing the head is read: it may be that of a private key.
    (project.root / "src/data.txt").rename(project.root / "src/data.json")
    settled(project)
    before = (project.folder / "digests.json").stat().st_ino
    read = {str(Path(path).relative_to(project.root)) for path in reads(project)}
    notes = {
        ".lambdactl/digests.json",
        ".lambdactl/build/functions/.hello.json",
    }
    assert {path for path in read if "/scratch/" not in path} == notes
    assert (project.folder / "digests.json").stat().st_ino == before


def test_touching_changes_nothing(project: Project) -> None:
    project.build()
    (project.root / "src/app.py").touch()
    assert project.cached() == {"hello": True}


def _rewritten(project: Project) -> None:
    project.put({"src/data.txt": "atad"})


def _put_back(project: Project) -> None:
    """Another content of the same size, with the times of the old."""
    path = project.root / "src/data.txt"
    before = path.stat()
    path.write_text("atad")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _executable(project: Project) -> None:
    (project.root / "src/data.txt").chmod(0o755)


def _renamed(project: Project) -> None:
    (project.root / "src/data.txt").rename(project.root / "src/other.txt")


def _removed(project: Project) -> None:
    (project.root / "src/data.txt").unlink()


def _runtime(project: Project) -> None:
    project.manifest({"hello": {"runtime": "python3.12"}})


def _architecture(project: Project) -> None:
    project.manifest({"hello": {"architecture": "arm64"}})


def _commands(project: Project) -> None:
    project.manifest({"hello": {"build": "true"}})


def _ignored(project: Project) -> None:
    project.put({"src/.lambdaignore": "*.txt\n"})


def _requirements(project: Project) -> None:
    project.put({"src/requirements.txt": "# nothing\n"})


def _layer(project: Project) -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:layer:other:1"
    project.manifest({"hello": {"layers": [arn]}})


CHANGES = [
    _rewritten,
    _put_back,
    _executable,
    _renamed,
    _removed,
    _runtime,
    _architecture,
    _commands,
    _ignored,
    _requirements,
    _layer,
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_decides_an_artifact_makes_it_anew(
    project: Project, change: Callable[[Project], None]
) -> None:
    settled(project)
    change(project)
    assert project.cached() == {"hello": False}
    assert project.cached() == {"hello": True}


@pytest.mark.parametrize("change", [{"memory": 512}, {"timeout": 9}, {"environment": {"A": "b"}}])
def test_settings_of_the_function_alone_are_no_part_of_it(
    project: Project, change: dict[str, object]
) -> None:
    project.build()
    project.manifest({"hello": change})
    assert project.cached() == {"hello": True}


def test_a_change_in_the_moment_of_the_build_is_seen(project: Project) -> None:
    path = project.root / "src/data.txt"
    for number in range(20):
        path.write_text(f"{number:04}")
        built = project.build()
        import zipfile

        artifact = built.of("hello")
        assert artifact.path is not None
        with zipfile.ZipFile(artifact.path) as archive:
            assert archive.read("data.txt") == f"{number:04}".encode()


def test_sources_that_change_while_they_are_packed_are_packed_again(project: Project) -> None:
    # The build itself rewrites what it is made of.
    command = {"command": "cp ../other.txt data.txt", "folder": "src"}
    project.put({"other.txt": "other"}).manifest({"hello": {"build": command}})
    assert project.cached() == {"hello": False}
    assert project.cached() == {"hello": False}
    settled(project)
    assert project.cached() == {"hello": True}
    project.put({"src/data.txt": "data"})
    assert project.cached() == {"hello": False}


def _deleted_zip(project: Project) -> None:
    (project.folder / "build/functions/hello.zip").unlink()


def _cut_zip(project: Project) -> None:
    os.truncate(project.folder / "build/functions/hello.zip", 20)


def _emptied(project: Project) -> None:
    shutil.rmtree(project.folder)


def _record(text: str) -> Callable[[Project], None]:
    def write(project: Project) -> None:
        (project.folder / "build/functions/.hello.json").write_text(text)

    return write


def _changed_record(**values: object) -> Callable[[Project], None]:
    def write(project: Project) -> None:
        path = project.folder / "build/functions/.hello.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return write


DAMAGES = [
    _deleted_zip,
    _cut_zip,
    _emptied,
    _record(""),
    _record("[]"),
    _record("null"),
    _record('{"key":'),
    _changed_record(key="other"),
    _changed_record(artifact={}),
    _changed_record(artifact=None),
    _changed_record(artifact={"name": "hello", "layers": [], "from": "another version"}),
    _changed_record(stamp=None),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_somebody_has_touched_is_made_anew(
    project: Project, damage: Callable[[Project], None]
) -> None:
    sha256 = project.build().of("hello").sha256
    damage(project)
    again = project.build().of("hello")
    assert not again.cached
    assert again.sha256 == sha256
    assert inside(again) == ["app.py", "data.txt"]
    assert project.cached() == {"hello": True}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 0}', '{"format": 2, "files": 3}', '{"src/app.py": 1}']
)
def test_notes_on_files_that_nobody_understands_are_none(project: Project, text: str) -> None:
    project.build()
    (project.folder / "digests.json").write_text(text)
    assert project.cached() == {"hello": True}


def test_another_version_of_lambdactl_builds_anew(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.build()
    monkeypatch.setattr(cache, "__version__", "0.0.0")
    assert project.cached() == {"hello": False}


def test_without_the_cache_all_is_made_anew(project: Project) -> None:
    first = project.build().of("hello")
    second = project.build(use_cache=False).of("hello")
    assert not second.cached
    assert second.sha256 == first.sha256
    assert project.cached() == {"hello": True}


def test_a_copy_of_a_project_has_artifacts_of_its_own(project: Project) -> None:
    project.build()
    copy = Project(project.root.parent / "copy")
    shutil.copytree(project.root, copy.root)
    built = copy.build().of("hello")
    assert built.path == copy.folder / "build/functions/hello.zip"


def test_a_project_that_was_moved_finds_its_artifacts(project: Project) -> None:
    project.build()
    moved = Project(project.root.parent / "moved")
    project.root.rename(moved.root)
    built = moved.build().of("hello")
    assert built.cached
    assert built.path == moved.folder / "build/functions/hello.zip"


def test_files_that_are_gone_are_forgotten(project: Project) -> None:
    project.put({f"src/{number}.txt": "" for number in range(20)})
    settled(project)
    notes = project.folder / "digests.json"
    assert len(json.loads(notes.read_text())["files"]) == 22
    shutil.rmtree(project.root / "src")
    project.put({"src/app.py": HANDLER})
    settled(project)
    assert list(json.loads(notes.read_text())["files"]) == [str(project.root / "src/app.py")]


@pytest.mark.parametrize(
    "names", [("Hello", "hello", "HELLO"), ("a/b", "a\\b", "a:b", "..", ".a", ""), ("x" * 300,)]
)
def test_every_name_is_a_file_of_its_own(names: tuple[str, ...], tmp_path: Path) -> None:
    from lambdactl.artifacts.model import Artifact

    shelf = cache.Shelf(tmp_path, cache.alike(names))
    places = [shelf.place(Artifact(name, "function", "", 0, 0)) for name in names]
    assert {place.parent for place in places} == {tmp_path / "functions"}
    assert len({place.name.casefold() for place in places}) == len(names)
    for place in places:
        place.parent.mkdir(exist_ok=True)
        place.touch()


def test_functions_and_layers_of_one_name(project: Project) -> None:
    project.put({"shared/python/util.py": ""})
    project.manifest(
        {"hello": {"layers": ["hello"]}, "HELLO": {}},
        layers={"hello": {"path": "shared"}},
    )
    built = project.build()
    assert inside(built.of("hello")) == ["app.py", "data.txt"]
    assert inside(built.of("hello", layer=True)) == ["python/util.py"]
    assert len({str(one.path).casefold() for one in built.artifacts}) == 3
    assert all(project.cached().values())


def test_scratch_of_who_was_killed_goes(tmp_path: Path) -> None:
    left = tmp_path / "left"
    (left / "sub").mkdir(parents=True)
    (left / ".alive").touch()
    young, old = tmp_path / "young", tmp_path / "old"
    young.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    with cache.scratch(tmp_path) as one, cache.scratch(tmp_path) as two:
        assert {path.name for path in tmp_path.iterdir()} == {one.name, two.name, "young"}
    assert [path.name for path in tmp_path.iterdir()] == ["young"]
