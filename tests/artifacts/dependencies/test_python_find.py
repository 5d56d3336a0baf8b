"""Which file names the dependencies, and what of it decides what is installed."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lambdactl.artifacts.dependencies import manager, python
from lambdactl.artifacts.dependencies.python_requirements import read
from lambdactl.artifacts.dependencies.python_uv import platform
from lambdactl.artifacts.model import Target
from lambdactl.errors import UserError

PROJECT = '[project]\nname = "app"\nversion = "0"\ndependencies = ["idna"]\n'


def test_families() -> None:
    found = manager("python3.13")
    assert found is not None
    assert found.find is python.find
    assert manager("provided.al2023") is None
    assert manager(None) is None


def test_the_nearest_file_up_to_the_root(tmp_path: Path) -> None:
    source = tmp_path / "project" / "functions" / "one"
    source.mkdir(parents=True)
    root = tmp_path / "project"
    (tmp_path / "requirements.txt").write_text("outside\n")
    assert python.find(source, root) is None
    (root / "requirements.txt").write_text("idna\n")
    assert python.find(source, root) == root / "requirements.txt"
    (source / "requirements.txt").write_text("six\n")
    assert python.find(source, root) == source / "requirements.txt"
    assert python.find(tmp_path / "elsewhere", root) is None


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("uv.lock", "requirements.txt"),
        ("poetry.lock", "requirements.txt"),
        ("Pipfile.lock", "requirements.txt"),
        ("requirements.txt", "pyproject.toml"),
        ("pyproject.toml", "Pipfile"),
    ],
)
def test_the_more_exact_file_counts(tmp_path: Path, more: str, less: str) -> None:
    for name in (more, less):
        (tmp_path / name).write_text(PROJECT if name == "pyproject.toml" else "")
    assert python.find(tmp_path, tmp_path) == tmp_path / more


def test_settings_of_tools_name_no_dependencies(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    (source / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    (tmp_path / "requirements.txt").write_text("idna\n")
    assert python.find(source, tmp_path) == tmp_path / "requirements.txt"


def test_the_key_is_of_all_that_is_included(tmp_path: Path) -> None:
    found = tmp_path / "requirements.txt"
    library = tmp_path / "library"
    (library / "module").mkdir(parents=True)
    (library / "pyproject.toml").write_text(PROJECT)
    found.write_text("-r more.txt\n-c limits.txt\n./library\n")
    (tmp_path / "more.txt").write_text("idna\n")
    (tmp_path / "limits.txt").write_text("idna<4\n")
    keys = {python.key(found)}
    for path, text in (
        (tmp_path / "more.txt", "idna>=3\n"),
        (tmp_path / "limits.txt", "idna<5\n"),
        (library / "module" / "__init__.py", "X = 1\n"),
        (found, "-r more.txt\n-c limits.txt\n./library\nsix\n"),
    ):
        path.write_text(text)
        keys.add(python.key(found))
    assert len(keys) == 5
    (library / "build").mkdir()
    (library / "build" / "left.py").write_text("")
    assert python.key(found) in keys


def test_the_key_is_the_same_elsewhere(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "requirements.txt").write_text("idna\n")
    one, two = (python.key(tmp_path / name / "requirements.txt") for name in ("one", "two"))
    assert one == two


def test_of_a_project_only_its_dependencies_count(tmp_path: Path) -> None:
    found = tmp_path / "pyproject.toml"
    found.write_text(PROJECT)
    before = python.key(found)
    found.write_text(PROJECT + "[tool.ruff]\nline-length = 80\n")
    assert python.key(found) == before
    found.write_text(PROJECT.replace("idna", "six"))
    assert python.key(found) != before


def test_a_file_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    found = tmp_path / "requirements.txt"
    found.write_text("idna\n-r gone.txt\n")
    with pytest.raises(UserError, match=r"requirements.txt:2: can't read .*gone.txt"):
        python.key(found)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("two words", "this is no requirement"),
        ("idna>>3", "this is no requirement"),
        ("-e", "of no folder"),
        ("-r", "of no file"),
        ("./gone", "does not exist"),
        ("--no-binary idna", "to be compiled"),
    ],
)
def test_mistakes_are_shown_where_they_stand(tmp_path: Path, line: str, why: str) -> None:
    found = tmp_path / "requirements.txt"
    found.write_text(f"# first\nidna \\\n  >=3\n{line}\n")
    with pytest.raises(UserError, match=why) as caught:
        read(found, platform(Target("python3.13", "arm64")), {})
    assert caught.value.where is not None
    assert (caught.value.where.file, caught.value.where.line) == (str(found), 4)


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
@example(text="/\0")
@example(text="/" + "x" * 5000)
@example(text="-r " + "x" * 5000)
@example(text="-r /\n-r .")
def test_any_text_is_read_or_refused_with_words(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    found = tmp_path_factory.getbasetemp() / "requirements.txt"
    found.write_bytes(text.encode())
    wheels = platform(Target("python3.13", "arm64"))
    with contextlib.suppress(UserError):
        assert read(found, wheels, {}).file == found


@pytest.mark.parametrize(
    ("runtime", "architecture", "name"),
    [
        ("python3.13", "x86_64", "x86_64-manylinux_2_34"),
        ("python3.12", "arm64", "aarch64-manylinux_2_34"),
        ("python3.11", "arm64", "aarch64-manylinux2014"),
        ("python3.8", "x86_64", "x86_64-manylinux2014"),
        ("python3.99", "x86_64", "x86_64-manylinux_2_34"),
    ],
)
def test_wheels_that_the_runtime_loads(runtime: str, architecture: str, name: str) -> None:
    found = platform(Target(runtime, architecture))
    assert (found.name, f"python{found.version}") == (name, runtime)


@pytest.mark.parametrize("runtime", ["nodejs22.x", "provided.al2023", "python2.7"])
def test_runtimes_without_python_3(runtime: str) -> None:
    with pytest.raises(UserError, match="can't install Python packages"):
        platform(Target(runtime, "x86_64"))
