"""What is shipped: every file of the package, the templates, and nothing else."""

from __future__ import annotations

import email
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# What tools leave behind in a working tree; git ignores them, and so does the build.
JUNK = {"__pycache__", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "node_modules"}

pytestmark = pytest.mark.slow


def files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not JUNK & set(path.parts)
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and with the wheel that was built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(built.glob("*.whl")))


def test_the_wheel_holds_the_whole_package_and_the_templates(wheel: zipfile.ZipFile) -> None:
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    package = {f"lambdactl/{name}" for name in files_below(ROOT / "lambdactl")}
    templates = {f"lambdactl/templates/{name}" for name in files_below(ROOT / "templates")}
    assert shipped == package | templates


def test_the_wheel_keeps_what_is_executable(wheel: zipfile.ZipFile) -> None:
    mode = wheel.getinfo("lambdactl/templates/provided-hello/src/bootstrap").external_attr >> 16
    assert mode & 0o111 == 0o111


def test_the_metadata_is_what_a_user_sees_on_pypi(wheel: zipfile.ZipFile) -> None:
    info = next(name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
    metadata = email.message_from_bytes(wheel.read(f"{info}/METADATA"))
    assert metadata["Name"] == "lambdactl"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "test" in metadata.get_all("Provides-Extra")
    assert f"{info}/licenses/LICENSE" in wheel.namelist()
    assert "lambdactl = lambdactl.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()


def test_the_sdist_can_be_tested(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        shipped = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("lambdactl", "templates", "tests", "docs", ".ci"):
        assert {f"{folder}/{name}" for name in files_below(ROOT / folder)} <= shipped
    assert {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml"} <= shipped
