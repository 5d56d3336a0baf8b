"""Lock files and pyproject.toml, of packages that are in a folder of wheels."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from lambdactl.artifacts.dependencies import python, python_uv
from lambdactl.artifacts.model import Installed
from lambdactl.errors import BuildError, UserError
from tests.artifacts.dependencies.test_python import library
from tests.artifacts.dependencies.wheels import install, shell, wheel

Hashes = dict[str, str]


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return tmp_path / "wheels"


@pytest.fixture
def hashes(wheels: Path) -> Hashes:
    """alpha wants beta, beta has two versions, delta stands alone."""
    return {
        "alpha": wheel(wheels, "alpha", requires=("beta",)),
        "beta": wheel(wheels, "beta"),
        "beta 2.0": wheel(wheels, "beta", "2.0"),
        "delta": wheel(wheels, "delta"),
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def pyproject(folder: Path, dependencies: str = '"alpha"', more: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{folder.name}"\nversion = "0"\nrequires-python = ">=3.11"\n'
        f"dependencies = [{dependencies}]\n{more}"
    )


def uv_lock(folder: Path, wheels: Path) -> None:
    command = [python_uv.binary({}), "lock", "--no-index", "--find-links", str(wheels), "--quiet"]
    subprocess.run(command, cwd=folder, env=shell(), check=True)


def summary(installed: Installed) -> list[str]:
    return [
        f"{one.name} {one.version}{' direct' if one.direct else ''}" for one in installed.packages
    ]


def test_uv_lock(project: Path, wheels: Path, hashes: Hashes) -> None:
    pyproject(project, '"alpha"', '[dependency-groups]\ndev = ["delta"]\n')
    (wheels / "beta-2.0-py3-none-any.whl").rename(project / "later")
    uv_lock(project, wheels)
    (project / "later").rename(wheels / "beta-2.0-py3-none-any.whl")
    # The lock says where its packages are.
    assert summary(install(project, shell())) == ["alpha 1.0 direct", "beta 1.0"]


def test_uv_lock_that_is_old(project: Path, wheels: Path, hashes: Hashes) -> None:
    pyproject(project, '"alpha"')
    uv_lock(project, wheels)
    for dependencies, why in (
        ('"alpha", "delta"', "asks for delta by now"),
        ('"alpha>=1"', "asks for alpha>=1 by now"),
        ("", "no longer asks for alpha"),
    ):
        pyproject(project, dependencies)
        with pytest.raises(UserError, match=why) as caught:
            install(project, shell())
        assert str(caught.value.hint).startswith("uv lock")


def test_uv_lock_for_another_python(project: Path, wheels: Path, hashes: Hashes) -> None:
    pyproject(project, '"alpha"')
    uv_lock(project, wheels)
    with pytest.raises(UserError, match=r"is for Python >=3\.11, and .* 3\.9"):
        install(project, shell(), runtime="python3.9")


def test_uv_lock_without_its_project(project: Path) -> None:
    (project / "uv.lock").write_text("version = 1\n")
    with pytest.raises(UserError, match=r"has no pyproject\.toml beside it"):
        install(project, shell())
    pyproject(project)
    (project / "uv.lock").write_text("version =\n")
    with pytest.raises(UserError, match="is not TOML"):
        install(project, shell())


def test_a_member_of_a_workspace(project: Path, wheels: Path, hashes: Hashes) -> None:
    (project / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["functions/*"]\n')
    pyproject(project / "functions" / "one", '"alpha"')
    pyproject(project / "functions" / "two", '"delta"')
    uv_lock(project, wheels)
    one, two = (project / "functions" / name for name in ("one", "two"))
    assert python.find(one, project) == one / "pyproject.toml"
    assert summary(install(one, shell())) == ["alpha 1.0 direct", "beta 2.0"]
    assert summary(install(two, shell())) == ["delta 1.0 direct"]
    assert python.key(one / "pyproject.toml") != python.key(two / "pyproject.toml")


@pytest.mark.parametrize("editable", ["false", "true"])
@pytest.mark.parametrize("locked", [False, True])
def test_a_project_asks_for_one_in_a_folder(
    project: Path, wheels: Path, hashes: Hashes, editable: str, locked: bool
) -> None:
    folder = library(project / "library")
    source = f'[tool.uv.sources]\nlibrary = {{ path = "library", editable = {editable} }}\n'
    pyproject(project, '"library"', source)
    if locked:
        uv_lock(project, wheels)
    before = python.key(project / ("uv.lock" if locked else "pyproject.toml"))
    assert summary(install(project, shell(wheels))) == ["delta 1.0", "library 1.0 direct"]
    (folder / "library.py").write_text("VALUE = 2\n")
    installed = install(project, shell(wheels)).folder
    assert (installed / "library.py").read_text() == "VALUE = 2\n"
    assert not list(installed.glob("*.pth"))
    assert python.key(project / ("uv.lock" if locked else "pyproject.toml")) != before


def test_pyproject_alone(project: Path, wheels: Path, hashes: Hashes) -> None:
    pyproject(
        project,
        """"Alpha; python_version >= '3.13'", "delta; python_version < '3.13'\"""",
        '[project.optional-dependencies]\nmore = ["delta"]\n[dependency-groups]\ndev = ["delta"]\n',
    )
    assert summary(install(project, shell(wheels))) == ["alpha 1.0 direct", "beta 2.0"]
    assert summary(install(project, shell(wheels), runtime="python3.12")) == ["delta 1.0 direct"]
    with pytest.raises(UserError, match=r"is for Python >=3\.11"):
        install(project, shell(wheels), runtime="python3.10")
    pyproject(project, "")
    assert summary(install(project, {})) == []


def test_dynamic_dependencies(project: Path, wheels: Path, hashes: Hashes) -> None:
    text = '[project]\nname = "app"\nversion = "0"\ndynamic = ["dependencies"]\n'
    (project / "pyproject.toml").write_text(
        text + '[tool.setuptools.dynamic]\ndependencies = { file = ["base.txt"] }\n'
    )
    (project / "base.txt").write_text("alpha\n")
    before = python.key(project / "pyproject.toml")
    assert summary(install(project, shell(wheels))) == ["alpha 1.0 direct", "beta 2.0"]
    (project / "base.txt").write_text("delta\n")
    assert python.key(project / "pyproject.toml") != before
    (project / "pyproject.toml").write_text(text)
    with pytest.raises(UserError, match="only its build tool knows") as caught:
        install(project, shell(wheels))
    assert "uv lock" in str(caught.value.hint)


POETRY = """
[[package]]
name = "alpha"
version = "1.0"
optional = false
python-versions = ">=3.8"
{groups}
files = [{{file = "alpha-1.0-py3-none-any.whl", hash = "{alpha}"}}]

[package.dependencies]
beta = ">=1"

[[package]]
name = "beta"
version = "1.0"
optional = false
python-versions = ">=3.8"
{groups}
files = [{{file = "beta-1.0-py3-none-any.whl", hash = "{beta}"}}]

[[package]]
name = "delta"
version = "1.0"
optional = false
python-versions = ">=3.8"
{dev}
files = [{{file = "delta-1.0-py3-none-any.whl", hash = "{delta}"}}]

[metadata]
lock-version = "{version}"
python-versions = "^3.11"
content-hash = "0"
"""


def poetry(project: Path, hashes: Hashes, *, modern: bool) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.poetry.dependencies]\npython = "^3.11"\nalpha = "^1.0"\n'
        'gone = { version = "*", python = "<3.11" }\nlater = { version = "*", optional = true }\n'
        '[tool.poetry.group.dev.dependencies]\ndelta = "*"\n'
    )
    (project / "poetry.lock").write_text(
        POETRY.format(
            groups='groups = ["main"]' if modern else "",
            dev='groups = ["dev"]' if modern else "",
            version="2.1" if modern else "2.0",
            **{name: value for name, value in hashes.items() if " " not in name},
        )
    )


@pytest.mark.parametrize("modern", [True, False])
def test_poetry_lock(project: Path, wheels: Path, hashes: Hashes, modern: bool) -> None:
    poetry(project, hashes, modern=modern)
    assert summary(install(project, shell(wheels))) == ["alpha 1.0 direct", "beta 1.0"]
    with pytest.raises(UserError, match=r"is for Python \^3\.11"):
        install(project, shell(wheels), runtime="python3.10")
    hashes["beta"] = f"sha256:{'0' * 64}"
    poetry(project, hashes, modern=modern)
    with pytest.raises(BuildError):
        install(project, shell(wheels))


def test_markers_of_poetrys_groups(project: Path, wheels: Path, hashes: Hashes) -> None:
    poetry(project, hashes, modern=True)
    lock = project / "poetry.lock"
    text = lock.read_text().replace('["main"]', '["main", "dev"]')
    marker = "{main = \"python_version < '3.12'\", dev = \"sys_platform == 'linux'\"}"
    lock.write_text(
        text.replace("[package.dependencies]", f"markers = {marker}\n[package.dependencies]")
    )
    assert summary(install(project, shell(wheels))) == ["beta 1.0"]
    old = summary(install(project, shell(wheels), runtime="python3.11"))
    assert old == ["alpha 1.0 direct", "beta 1.0"]


def test_poetry_has_a_folder(project: Path, wheels: Path, hashes: Hashes) -> None:
    poetry(project, hashes, modern=True)
    folder = library(project / "library")
    lock = project / "poetry.lock"
    lock.write_text(
        '[[package]]\nname = "library"\nversion = "1.0"\noptional = false\n'
        'python-versions = "*"\ngroups = ["main"]\nfiles = []\n[package.source]\n'
        f'type = "directory"\nurl = "library"\n{lock.read_text()}'
    )
    before = python.key(lock)
    found = summary(install(project, shell(wheels)))
    assert found == ["alpha 1.0 direct", "beta 1.0", "library 1.0"]
    (folder / "library.py").write_text("VALUE = 3\n")
    assert python.key(lock) != before


def test_poetry_without_a_lock_and_with_a_broken_one(project: Path, hashes: Hashes) -> None:
    poetry(project, hashes, modern=True)
    (project / "poetry.lock").write_text("")
    with pytest.raises(UserError, match="is not a lock file of Poetry's"):
        install(project, shell())
    (project / "poetry.lock").unlink()
    with pytest.raises(UserError, match=r"there is no poetry\.lock") as caught:
        install(project, shell())
    assert str(caught.value.hint).startswith("poetry lock")


def pipfile(project: Path, hashes: Hashes) -> None:
    (project / "Pipfile.lock").write_text(
        json.dumps(
            {
                "_meta": {"sources": [{"name": "pypi", "url": "https://pypi.org/simple"}]},
                "default": {
                    "alpha": {"hashes": [hashes["alpha"]], "version": "==1.0"},
                    "beta": {
                        "hashes": [hashes["beta"]],
                        "markers": "python_version >= '3.12'",
                        "version": "==1.0",
                    },
                },
                "develop": {"delta": {"hashes": [hashes["delta"]], "version": "==1.0"}},
            }
        )
    )


def test_pipfile_lock(project: Path, wheels: Path, hashes: Hashes) -> None:
    pipfile(project, hashes)
    (project / "Pipfile").write_text('[packages]\nalpha = "*"\n')
    assert summary(install(project, shell(wheels))) == ["alpha 1.0 direct", "beta 1.0"]
    old = summary(install(project, shell(wheels), runtime="python3.11"))
    assert old == ["alpha 1.0 direct"]
    before = python.key(project / "Pipfile.lock")
    hashes["delta"] = "sha256:of-no-interest"
    pipfile(project, hashes)
    assert python.key(project / "Pipfile.lock") == before
    pipfile(project, {**hashes, "beta": f"sha256:{'0' * 64}"})
    assert python.key(project / "Pipfile.lock") != before
    with pytest.raises(BuildError):
        install(project, shell(wheels))


def test_pipfile_without_a_lock_and_with_a_broken_one(project: Path) -> None:
    (project / "Pipfile").write_text('[packages]\nalpha = "*"\n')
    with pytest.raises(UserError, match=r"has no Pipfile\.lock") as caught:
        install(project, shell())
    assert caught.value.hint == "pipenv lock"
    for text in ("{", "[]", '{"default": {"alpha": {}}}'):
        (project / "Pipfile.lock").write_text(text)
        with pytest.raises(UserError, match=r"Pipfile\.lock is not"):
            install(project, shell())
