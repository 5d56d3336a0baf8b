"""requirements.txt installed: what comes into the folder, what does not, and what is refused."""

from __future__ import annotations

import csv
import os
import struct
import time
from pathlib import Path

import pytest

from lambdactl.artifacts.dependencies import python_packages
from lambdactl.artifacts.model import Package
from lambdactl.errors import BuildError, EnvironmentStartError, UserError
from tests import parts
from tests.artifacts.dependencies.wheels import install, names, shell, wheel

AARCH64 = 183
"""``e_machine`` of an ELF file (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html)."""


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    wheel(
        folder,
        "alpha",
        requires=("Beta.Two>=1", "gamma; sys_platform == 'win32'", "delta; extra == 'more'"),
        entry_points="[console_scripts]\nalpha = alpha:main\n[alpha.plugins]\none = alpha:one\n",
        extras=("more",),
        files={
            "alpha/__init__.py": "X = 1\n",
            "alpha-1.0.data/scripts/alpha-tool": "#!python\nprint(1)\n",
            "alpha-1.0.data/scripts/alpha-shell": "#!/bin/sh\necho\n",
        },
    )
    wheel(folder, "beta-two")
    wheel(folder, "beta-two", "2.0", tag="cp313-cp313-manylinux_2_28_aarch64")
    wheel(folder, "beta-two", "3.0", tag="cp313-cp313-macosx_11_0_arm64")
    wheel(folder, "delta")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def test_packages_and_nothing_of_this_machine(project: Path, wheels: Path) -> None:
    (project / "requirements.txt").write_text("alpha\n")
    told: list[str] = []
    installed = install(project, shell(wheels), told=told)
    assert names(installed.folder) == [
        "alpha-1.0.dist-info/METADATA",
        "alpha-1.0.dist-info/RECORD",
        "alpha-1.0.dist-info/WHEEL",
        "alpha-1.0.dist-info/entry_points.txt",
        "alpha/__init__.py",
        "beta_two-1.0.dist-info/METADATA",
        "beta_two-1.0.dist-info/RECORD",
        "beta_two-1.0.dist-info/WHEEL",
        "beta_two/__init__.py",
        "bin/alpha-shell",
        "bin/alpha-tool",
    ]
    assert (installed.folder / "bin/alpha-tool").read_text() == "#!/usr/bin/env python3\nprint(1)\n"
    assert (installed.folder / "bin/alpha-shell").read_text() == "#!/bin/sh\necho\n"
    sizes = {package.name: package.size for package in installed.packages}
    assert installed.packages == (
        Package("alpha", "1.0", sizes["alpha"], ("beta-two",), direct=True),
        Package("beta-two", "1.0", sizes["beta-two"]),
    )
    total = sum((installed.folder / name).stat().st_size for name in names(installed.folder))
    assert sum(sizes.values()) == total
    assert any("alpha==1.0" in line for line in told)


def test_the_record_names_what_is_there(project: Path, wheels: Path) -> None:
    (project / "requirements.txt").write_text("alpha\n")
    installed = install(project, shell(wheels))
    recorded = [
        row[0]
        for record in installed.folder.glob("*.dist-info/RECORD")
        for row in csv.reader(record.read_text().splitlines())
    ]
    assert sorted(recorded) == names(installed.folder)


def test_commands_of_a_python_in_a_folder_with_spaces(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "tool"
    first = "#!/bin/sh\n'''exec' '/a b/python' \"$0\" \"$@\"\n' '''\n"
    command.write_text(f"{first}print(1)\n")
    python_packages.tidy(tmp_path)
    assert command.read_text() == "#!/usr/bin/env python3\nprint(1)\n"


def test_the_same_bytes_for_everybody(
    project: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "requirements.txt").write_text("alpha[more]\n")
    one = install(project, shell(wheels)).folder
    before = os.umask(0o077)
    try:
        monkeypatch.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        more = {"LANG": "tr_TR.UTF-8", "UV_COMPILE_BYTECODE": "1", "UV_LINK_MODE": "symlink"}
        two = install(project, shell(wheels, **more)).folder
    finally:
        os.umask(before)
        monkeypatch.undo()
        time.tzset()
    assert names(one) == names(two)
    for name in names(one):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
        assert not (two / name).is_symlink()


def test_an_extra_says_who_pulls_it_in(project: Path, wheels: Path) -> None:
    (project / "requirements.txt").write_text("alpha[more]\n")
    packages = {package.name: package for package in install(project, shell(wheels)).packages}
    assert packages["alpha"].requires == ("beta-two", "delta")
    assert not packages["delta"].direct


def test_wheels_are_of_the_targets_architecture(project: Path, wheels: Path) -> None:
    (project / "requirements.txt").write_text("beta-two\n")
    arm = install(project, shell(wheels), architecture="arm64")
    intel = install(project, shell(wheels), architecture="x86_64")
    old = install(project, shell(wheels), architecture="arm64", runtime="python3.12")
    versions = [found.packages[0].version for found in (arm, intel, old)]
    assert versions == ["2.0", "1.0", "1.0"]


def test_markers_are_of_the_function(project: Path, wheels: Path) -> None:
    (project / "requirements.txt").write_text(
        "alpha; python_version == '3.13' and platform_machine == 'aarch64'\n"
        "delta; python_version < '3.13' or sys_platform == 'darwin'\n"
    )
    found = install(project, shell(wheels), architecture="arm64")
    assert [package.name for package in found.packages] == ["alpha", "beta-two"]


def test_includes_constraints_comments_and_continued_lines(project: Path, wheels: Path) -> None:
    wheel(wheels, "beta-two", "1.5")
    (project / "more").mkdir()
    (project / "more" / "base.txt").write_text("-c limits.txt\nal\\\npha # the first\n")
    (project / "more" / "limits.txt").write_text("beta-two==1.0\nunused==4\n")
    (project / "requirements.txt").write_text("# all\n-r more/base.txt\n\ndelta\n")
    found = install(project, shell(wheels)).packages
    assert [(one.name, one.version, one.direct) for one in found] == [
        ("alpha", "1.0", True),
        ("beta-two", "1.0", False),
        ("delta", "1.0", True),
    ]


def test_who_compiled_it_says_what_is_direct(project: Path, wheels: Path) -> None:
    (project / "requirements.txt").write_text(
        "alpha==1.0\n    # via -r requirements.in\nbeta-two==1.0\n    # via alpha\n"
        "delta==1.0 # via\n    #   -r requirements.in\n    #   alpha\n"
    )
    found = install(project, shell(wheels)).packages
    assert [one.name for one in found if one.direct] == ["alpha", "delta"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_that_windows_wrote(project: Path, wheels: Path, encoding: str) -> None:
    (project / "requirements.txt").write_bytes("delta\r\n".encode(encoding))
    assert [one.name for one in install(project, shell(wheels)).packages] == ["delta"]


def test_nothing_asked_for_needs_no_uv(project: Path) -> None:
    (project / "requirements.txt").write_text("# nothing yet\n--index-url https://example.com\n")
    assert install(project, {}).packages == ()


def test_hashes_are_checked(project: Path, wheels: Path) -> None:
    digest = wheel(wheels, "delta")
    (project / "requirements.txt").write_text(f"delta==1.0 --hash={digest}\n")
    assert [one.name for one in install(project, shell(wheels)).packages] == ["delta"]
    (project / "requirements.txt").write_text(f"delta==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(BuildError) as caught:
        install(project, shell(wheels))
    assert "Hash mismatch" in caught.value.output.decode() or "hash" in caught.value.message
    assert "requirements.txt" in caught.value.message


def test_source_code_only_is_told_with_the_way_out(project: Path, wheels: Path) -> None:
    (wheels / "epsilon-1.2.tar.gz").write_bytes(b"")
    (project / "requirements.txt").write_text("epsilon\n")
    with pytest.raises(BuildError) as caught:
        install(project, shell(wheels))
    assert (
        "epsilon 1.2 has no wheel that Python 3.13 on x86_64 loads on Lambda"
        in caught.value.message
    )
    assert "container: true" in str(caught.value.hint)
    assert "--container" in str(caught.value.hint)


def test_wheels_that_the_runtime_can_not_load_are_told_too(project: Path, tmp_path: Path) -> None:
    wheels = tmp_path / "newer"
    wheel(wheels, "alpha", tag="cp311-cp311-manylinux_2_28_x86_64")
    (project / "requirements.txt").write_text("alpha==1.0\n")
    with pytest.raises(BuildError, match=r"alpha 1\.0 has no wheel that Python 3\.11") as caught:
        install(project, shell(wheels), runtime="python3.11")
    assert "newer runtimes" in str(caught.value.hint)


def test_no_such_package_and_packages_that_do_not_fit(project: Path, wheels: Path) -> None:
    (project / "requirements.txt").write_text("nowhere-to-be-found\n")
    with pytest.raises(BuildError, match="nowhere-to-be-found"):
        install(project, shell(wheels))
    (project / "requirements.txt").write_text("alpha\nbeta-two<1\n")
    with pytest.raises(BuildError, match=r"alpha depend on beta-two>=1"):
        install(project, shell(wheels))


def test_no_network_is_no_mistake_of_the_projects(project: Path) -> None:
    (project / "requirements.txt").write_text("never-heard-of-it\n")
    variables = shell(UV_DEFAULT_INDEX="http://127.0.0.1:9/simple", UV_HTTP_RETRIES="0")
    with pytest.raises(EnvironmentStartError, match="can't reach the package index"):
        install(project, variables)


def test_what_is_to_be_compiled_is_refused_where_it_stands(project: Path, wheels: Path) -> None:
    (project / "requirements.txt").write_text("delta\n--no-binary :all:\n")
    with pytest.raises(UserError) as caught:
        install(project, shell(wheels))
    assert caught.value.where is not None
    assert caught.value.where.line == 2
    assert "container" in str(caught.value.hint)


def test_a_wheel_in_the_project(project: Path, wheels: Path) -> None:
    (project / "vendor").mkdir()
    for found in wheels.glob("delta-*"):
        found.rename(project / "vendor" / found.name)
    (project / "requirements.txt").write_text("./vendor/delta-1.0-py3-none-any.whl\n")
    found = install(project, shell(wheels)).packages
    assert [(one.name, one.direct) for one in found] == [("delta", True)]
    (project / "requirements.txt").write_text("delta @ ./vendor/gone.whl\n")
    with pytest.raises(UserError, match=r"gone.whl does not exist"):
        install(project, shell(wheels))


BACKEND = """
import base64, hashlib, os, zipfile
TAG = {tag!r}
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = f"library-1.0-{{TAG}}.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as archive:
        archive.write("library.py")
        archive.writestr("library-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\\nName: library\\nVersion: 1.0\\nRequires-Dist: delta\\n")
        archive.writestr("library-1.0.dist-info/WHEEL",
            f"Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: {{TAG}}\\n")
        archive.writestr("library-1.0.dist-info/RECORD", "library.py,,\\n")
    return name
"""


def library(folder: Path, tag: str = "py3-none-any") -> Path:
    """A project with a build tool of its own: nothing is to be downloaded."""
    folder.mkdir()
    (folder / "backend.py").write_text(BACKEND.format(tag=tag))
    (folder / "library.py").write_text("VALUE = 1\n")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "library"\nversion = "1.0"\ndependencies = ["delta"]\n'
    )
    return folder


@pytest.mark.parametrize("line", ["./library", "-e ./library", "library @ file:library"])
def test_a_project_in_a_folder(project: Path, wheels: Path, line: str) -> None:
    folder = library(project / "library")
    (project / "requirements.txt").write_text(f"{line}\n")
    found = install(project, shell(wheels))
    assert [(one.name, one.direct) for one in found.packages] == [
        ("delta", False),
        ("library", True),
    ]
    assert not [name for name in names(found.folder) if name.endswith(".pth")]
    assert str(project) not in "".join(
        path.read_text() for path in found.folder.rglob("*") if path.is_file()
    )
    (folder / "library.py").write_text("VALUE = 2\n")
    again = install(project, shell(wheels)).folder
    assert (again / "library.py").read_text() == "VALUE = 2\n"
    assert sorted(path.name for path in folder.iterdir()) == [
        "backend.py",
        "library.py",
        "pyproject.toml",
    ]


def test_a_project_in_a_folder_that_is_compiled(project: Path, wheels: Path) -> None:
    library(project / "library", "cp311-cp311-linux_x86_64")
    (project / "requirements.txt").write_text("./library\n")
    with pytest.raises(BuildError, match="has parts that are compiled") as caught:
        install(project, shell(wheels))
    assert "container" in str(caught.value.hint)


@pytest.mark.parametrize("tag", ["py3-none-any", "py3-none-linux_x86_64"])
def test_a_project_in_a_repository(project: Path, wheels: Path, tag: str) -> None:
    git = parts.need("git")
    folder = library(project / "library", tag)
    identity = "-c user.name=a -c user.email=a@b"
    for command in ("init -q", "add -A", f"{identity} commit -qm first"):
        assert os.system(f"cd '{folder}' && {git} {command}") == 0
    (project / "requirements.txt").write_text(f"git+file://{folder}#egg=library\n")
    if tag == "py3-none-any":
        found = install(project, shell(wheels)).packages
        assert [one.name for one in found] == ["delta", "library"]
        assert found[1].direct
    else:
        with pytest.raises(BuildError, match="library has parts that are compiled"):
            install(project, shell(wheels))


@pytest.mark.slow
def test_arm64_from_pypi_on_any_machine(project: Path) -> None:
    (project / "requirements.txt").write_text("pydantic-core\n")
    for architecture, machine in (("arm64", AARCH64), ("x86_64", 62)):
        found = install(project, os.environ, architecture=architecture)
        libraries = sorted(found.folder.rglob("*.so"))
        assert libraries
        for path in libraries:
            header = path.read_bytes()[:20]
            assert header[:4] == b"\x7fELF"
            assert struct.unpack_from("<H", header, 18) == (machine,), path
            assert "cpython-313" in path.name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("docopt==0.6.2", r"docopt 0\.6\.2 has no wheel"),
        (
            "docopt @ https://files.pythonhosted.org/packages/a2/55/"
            "8f8cab2afd404cf578136ef2cc5dfb50baa1761b68c9da1fb1e4eed343c9/docopt-0.6.2.tar.gz",
            "asks for docopt, which is source code",
        ),
    ],
)
def test_source_code_only_on_pypi(project: Path, line: str, words: str) -> None:
    (project / "requirements.txt").write_text(f"{line}\n")
    with pytest.raises(BuildError, match=words) as caught:
        install(project, os.environ)
    assert "container" in str(caught.value.hint)
